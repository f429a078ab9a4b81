//! A request for embeddings as it is understood.

use super::Wanted;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::shape::At;

/// What is asked for.
#[derive(Default)]
pub struct Request<'b> {
    pub texts: Vec<Quoted<'b>>,
    /// What the documents are called that the texts are of; none, or one for each.
    pub titles: Vec<Option<Quoted<'b>>>,
    pub dimensions: Option<u64>,
    pub purpose: Option<Purpose>,
    pub wanted: Wanted,
}

/// What the numbers are for: a member that `OpenAI` does not have, by the names that other providers give it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Document,
    Query,
    Classification,
    Clustering,
    /// Of Google's models only, and so are the next.
    Similarity,
    Question,
    Fact,
    Code,
}

impl Purpose {
    /// The names that Google gives them.
    const GOOGLE: [(Purpose, &'static str); 8] = [
        (Purpose::Document, "RETRIEVAL_DOCUMENT"),
        (Purpose::Query, "RETRIEVAL_QUERY"),
        (Purpose::Classification, "CLASSIFICATION"),
        (Purpose::Clustering, "CLUSTERING"),
        (Purpose::Similarity, "SEMANTIC_SIMILARITY"),
        (Purpose::Question, "QUESTION_ANSWERING"),
        (Purpose::Fact, "FACT_VERIFICATION"),
        (Purpose::Code, "CODE_RETRIEVAL_QUERY"),
    ];

    pub fn google(self) -> &'static str {
        Self::GOOGLE.iter().find(|(purpose, _)| *purpose == self).map_or("", |(_, name)| name)
    }

    /// What Google calls so.
    pub fn of_google(name: &Quoted<'_>) -> Option<Self> {
        Self::GOOGLE.iter().find(|(_, known)| name.is(known)).map(|(purpose, _)| *purpose)
    }
}

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or its texts are given as tokens, which mean nothing to another model.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Request<'b>, Fault> {
    let mut request = Request::default();
    let mut input = None;
    for (name, value) in At::root_members(body)? {
        match &*name {
            b"model" => {}
            b"input" => input = Some(value),
            b"dimensions" => request.dimensions = At::root("dimensions").count(Some(value))?,
            b"encoding_format" => request.wanted.base64 = in_base64(value)?,
            b"input_type" => request.purpose = Some(purpose(value)?),
            b"user" => losses.hint("user"),
            name => losses.foreign_parameter(name),
        }
    }
    let input = input.ok_or_else(|| At::root("input").invalid("is missing."))?;
    request.wanted.listed = input.kind() == Kind::Array;
    request.texts = texts(input)?;
    request.wanted.count = request.texts.len();
    Ok(request)
}

fn texts(input: Item<'_>) -> Result<Vec<Quoted<'_>>, Fault> {
    let at = At::root("input");
    if let Some(text) = input.text() {
        return Ok(vec![text]);
    }
    if input.kind() != Kind::Array {
        return Err(at.wants("a string or an array of strings"));
    }
    let mut texts = vec![];
    for (index, element) in input.elements().enumerate() {
        if matches!(element.kind(), Kind::Number | Kind::Array) {
            return Err(At::root("input")
                .untranslatable("holds tokens, which another model counts otherwise: send text."));
        }
        texts.push(at.index(index).text(Some(element))?);
    }
    if texts.is_empty() { Err(at.wants("at least one string")) } else { Ok(texts) }
}

fn in_base64(value: Item<'_>) -> Result<bool, Fault> {
    let at = At::root("encoding_format");
    match &*at.text(Some(value))?.unescaped() {
        b"float" => Ok(false),
        b"base64" => Ok(true),
        _ => Err(at.wants("`float` or `base64`")),
    }
}

fn purpose(value: Item<'_>) -> Result<Purpose, Fault> {
    let at = At::root("input_type");
    match &*at.text(Some(value))?.unescaped() {
        b"search_document" | b"document" | b"passage" => Ok(Purpose::Document),
        b"search_query" | b"query" => Ok(Purpose::Query),
        b"classification" => Ok(Purpose::Classification),
        b"clustering" => Ok(Purpose::Clustering),
        _ => Err(at.wants("`search_document`, `search_query`, `classification` or `clustering`")),
    }
}
