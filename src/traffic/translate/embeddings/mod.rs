//! `OpenAI`'s embeddings and Google's: as clients' dialects, in terms of the formats whose providers have embeddings of
//! their own.
//!
//! There is no prompt and no stream here: texts go in, and a list of numbers comes back for each. Numbers that are told as
//! numbers keep the digits that their provider wrote; a client that wants them in base64 (the official packages do,
//! unless they are told otherwise) gets four bytes for each, as `OpenAI` has them.
//!
//! Source: the API references of `/v1/embeddings`, Google's `embedContent`, `batchEmbedContents` and (of its cloud)
//! `predict`, Cohere's `/v2/embed`
//! and Ollama's `/api/embed`, and the types of their official clients.

pub mod answer;
mod google_in;
pub mod request_in;
pub mod request_out;

use super::loss::{Losses, untranslatable};
use super::{Destination, Speech};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::Item;
use answer::Source;

/// How the answer is to be told, and how it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// One list of numbers for each text.
    pub count: usize,
    /// The texts came as a list, which may be one of a single text.
    pub listed: bool,
    pub base64: bool,
    /// In Google's words, not in `OpenAI`'s.
    pub of_google: bool,
    /// In those of Google's cloud.
    pub predicted: bool,
    pub method: Method,
}

/// Which of Google's methods is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Method {
    /// `embedContent`, of one text.
    #[default]
    One,
    /// `batchEmbedContents`, which only one of its APIs has.
    List,
    /// `predict`, which only the other has, for models that are older than the first method there.
    Predict,
}

impl Method {
    /// What a request is made by.
    ///
    /// # Errors
    /// The model takes one text at a time there, and there are several.
    fn of(wanted: Wanted, to: Destination<'_>) -> Result<Self, Fault> {
        let older = to.model.contains("embedding-0") || !to.model.contains("gemini-");
        match to.on_vertex {
            false if wanted.listed => Ok(Method::List),
            false => Ok(Method::One),
            true if older => Ok(Method::Predict),
            true if wanted.count == 1 => Ok(Method::One),
            true => Err(untranslatable("The model's provider embeds one text at a time: send one.")),
        }
    }

    /// Where below the provider's base it is.
    pub const fn path(self) -> &'static str {
        match self {
            Method::One => "/models/{id}:embedContent",
            Method::List => "/models/{id}:batchEmbedContents",
            Method::Predict => "/models/{id}:predict",
        }
    }
}

/// Writes a request for embeddings as its provider wants it.
///
/// # Errors
/// It has not the form of its dialect, or asks for what the provider's format has no place for.
pub fn request(
    from: Speech,
    to: Destination<'_>,
    body: Item<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<Wanted, Fault> {
    let mut request = match from {
        Speech::GoogleEmbeddings => google_in::read(body, losses)?,
        _ => request_in::read(body, losses)?,
    };
    match Source::of(to.speech).ok_or_else(super::unwritten)? {
        Source::OpenAi => request_out::openai(&request, to.model, out, losses),
        Source::Gemini => {
            request.wanted.method = Method::of(request.wanted, to)?;
            request_out::gemini(&request, to, out);
        }
        Source::Cohere => request_out::cohere(&request, to.model, out, losses),
        Source::Ollama => request_out::ollama(&request, to.model, out, losses),
    }
    Ok(request.wanted)
}
