//! A request for embeddings in the formats of their providers.

use super::Method;
use super::request_in::{Purpose, Request};
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::Destination;
use crate::traffic::translate::loss::Losses;

/// The body of `OpenAI`'s request, which has no place for what the numbers are for.
pub fn openai(request: &Request<'_>, model: &str, out: &mut Vec<u8>, losses: &mut Losses) {
    lose(request, losses);
    if request.purpose.is_some() {
        losses.parameter(purpose(request));
    }
    let mut body = Writer(out);
    body.open("{").key("model").text(model);
    texts(request, body.key("input"));
    body.key("encoding_format").word("float");
    if let Some(dimensions) = request.dimensions {
        body.key("dimensions").count(dimensions);
    }
    body.close("}");
}

/// The body of Google's request: of one text; of a list, each element of which names the model again; or of instances.
pub fn gemini(request: &Request<'_>, to: Destination<'_>, out: &mut Vec<u8>) {
    let mut body = Writer(out);
    let titles = request.titles.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let all = request.texts.iter().zip(titles);
    match request.wanted.method {
        Method::One => all.for_each(|(text, title)| one(request, to, text, title, &mut body)),
        Method::List => {
            body.open("{").key("requests").open("[");
            all.for_each(|(text, title)| one(request, to, text, title, &mut body));
            body.close("]}");
        }
        Method::Predict => {
            body.open("{").key("instances").open("[");
            for (text, title) in all {
                body.open("{").key("content").quoted(text);
                if let Some(purpose) = request.purpose {
                    body.key("task_type").text(purpose.google());
                }
                if let Some(title) = title {
                    body.key("title").quoted(title);
                }
                body.close("}");
            }
            body.close("]");
            if let Some(dimensions) = request.dimensions {
                body.key("parameters").open("{").key("outputDimensionality").count(dimensions).close("}");
            }
            body.close("}");
        }
    }
}

fn one(
    request: &Request<'_>,
    to: Destination<'_>,
    text: &Quoted<'_>,
    title: Option<&Quoted<'_>>,
    out: &mut Writer<'_>,
) {
    out.open("{");
    if !to.on_vertex {
        out.key("model").text(&format!("models/{}", to.model));
    }
    out.key("content").open("{\"parts\":[{\"text\":").quoted(text).close("}]}");
    if let Some(purpose) = request.purpose {
        out.key("taskType").text(purpose.google());
    }
    if let Some(title) = title {
        out.key("title").quoted(title);
    }
    if let Some(dimensions) = request.dimensions {
        out.key("outputDimensionality").count(dimensions);
    }
    out.close("}");
}

/// The body of Cohere's request, which must say what the numbers are for: what is stored, if the client does not say.
pub fn cohere(request: &Request<'_>, model: &str, out: &mut Vec<u8>, losses: &mut Losses) {
    lose(request, losses);
    if request.purpose == Some(Purpose::Similarity) {
        losses.parameter(purpose(request));
    }
    let mut body = Writer(out);
    body.open("{").key("model").text(model);
    body.key("input_type").text(match request.purpose.unwrap_or(Purpose::Document) {
        Purpose::Document | Purpose::Similarity => "search_document",
        Purpose::Query | Purpose::Question | Purpose::Fact | Purpose::Code => "search_query",
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
    lose(request, losses);
    if request.purpose.is_some() {
        losses.parameter(purpose(request));
    }
    let mut body = Writer(out);
    body.open("{").key("model").text(model);
    texts(request, body.key("input"));
    if let Some(dimensions) = request.dimensions {
        body.key("dimensions").count(dimensions);
    }
    body.close("}");
}

/// What only Google's models have a place for.
fn lose(request: &Request<'_>, losses: &mut Losses) {
    if request.titles.iter().any(Option::is_some) {
        losses.parameter("title");
    }
}

/// What the client calls what the numbers are for.
fn purpose(request: &Request<'_>) -> &'static str {
    if request.wanted.of_google { "taskType" } else { "input_type" }
}

fn texts(request: &Request<'_>, out: &mut Writer<'_>) {
    out.open("[");
    request.texts.iter().for_each(|text| _ = out.quoted(text));
    out.close("]");
}
