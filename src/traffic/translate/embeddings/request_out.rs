//! A request for embeddings in the formats of their providers.

use super::request_in::{Purpose, Request};
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::loss::Losses;

/// The body of Google's request: of one text, or of a list, each element of which names the model again.
pub fn gemini(request: &Request<'_>, model: &str, out: &mut Vec<u8>) {
    let mut body = Writer(out);
    if !request.wanted.listed {
        request.texts.iter().for_each(|text| gemini_one(request, model, text, &mut body));
        return;
    }
    body.open("{").key("requests").open("[");
    request.texts.iter().for_each(|text| gemini_one(request, model, text, &mut body));
    body.close("]}");
}

fn gemini_one(request: &Request<'_>, model: &str, text: &Quoted<'_>, out: &mut Writer<'_>) {
    out.open("{").key("model").text(&format!("models/{model}"));
    out.key("content").open("{\"parts\":[{\"text\":").quoted(text).close("}]}");
    if let Some(purpose) = request.purpose {
        out.key("taskType").text(match purpose {
            Purpose::Document => "RETRIEVAL_DOCUMENT",
            Purpose::Query => "RETRIEVAL_QUERY",
            Purpose::Classification => "CLASSIFICATION",
            Purpose::Clustering => "CLUSTERING",
        });
    }
    if let Some(dimensions) = request.dimensions {
        out.key("outputDimensionality").count(dimensions);
    }
    out.close("}");
}

/// The body of Cohere's request, which must say what the numbers are for: what is stored, if the client does not say.
pub fn cohere(request: &Request<'_>, model: &str, out: &mut Vec<u8>) {
    let mut body = Writer(out);
    body.open("{").key("model").text(model);
    body.key("input_type").text(match request.purpose.unwrap_or(Purpose::Document) {
        Purpose::Document => "search_document",
        Purpose::Query => "search_query",
        Purpose::Classification => "classification",
        Purpose::Clustering => "clustering",
    });
    texts(request, body.key("texts"));
    body.key("embedding_types").raw(b"[\"float\"]");
    if let Some(dimensions) = request.dimensions {
        body.key("output_dimension").count(dimensions);
    }
    body.close("}");
}

/// The body of Ollama's request, which has no place for what the numbers are for.
pub fn ollama(request: &Request<'_>, model: &str, out: &mut Vec<u8>, losses: &mut Losses) {
    if request.purpose.is_some() {
        losses.parameter("input_type");
    }
    let mut body = Writer(out);
    body.open("{").key("model").text(model);
    texts(request, body.key("input"));
    if let Some(dimensions) = request.dimensions {
        body.key("dimensions").count(dimensions);
    }
    body.close("}");
}

fn texts(request: &Request<'_>, out: &mut Writer<'_>) {
    out.open("[");
    request.texts.iter().for_each(|text| _ = out.quoted(text));
    out.close("]");
}
