//! TRANSLATE: one API in terms of another.
//!
//! Takes a request's body in the dialect of its client and gives the one that its provider's format wants; takes the
//! provider's answer, whole or as a stream in any pieces, and gives the client's.
//!
//! Every format is understood and written through one form in the middle: a [`prompt::Prompt`] on the way in,
//! [`event::Event`]s on the way back. A format is a folder of four files (of two, where only clients have it), and knows
//! no other format. A whole answer is told by the same events as a stream of it, so that the two cannot differ.
//!
//! Invariant: what the client said reaches the provider as it was written, or is refused, or is named as lost. Equal
//! requests make equal bytes. Nothing is held of a stream but the event at hand, and what the client's dialect repeats.

pub mod anthropic;
pub mod event;
pub mod failure;
pub mod loss;
pub mod names;
pub mod openai;
pub mod prompt;
pub mod responses;
mod shape;
mod stream;
#[cfg(test)]
mod tests;

pub use openai::request_out::StreamUsage;
pub use stream::{Passed, Translation};

use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::Endpoint;
use crate::contract::snapshot::{Format, Unsupported};
use crate::traffic::dialect::json::Tree;
use loss::Losses;
use names::Renamed;

/// A format that requests and answers have, at a client or at a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
    /// Responses: of clients only.
    Responses,
}

impl Speech {
    /// The endpoint whose requests and answers have it.
    pub const fn endpoint(self) -> Endpoint {
        match self {
            Speech::OpenAi => Endpoint::ChatCompletions,
            Speech::Anthropic => Endpoint::Messages,
            Speech::Responses => Endpoint::Responses,
        }
    }
}

/// From a client's speech to a provider's, and back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crossing {
    pub client: Speech,
    pub provider: Speech,
}

impl Crossing {
    /// `None`: requests of this endpoint are not translated.
    pub fn between(endpoint: Endpoint, format: Format) -> Option<Self> {
        let mut clients = [Speech::OpenAi, Speech::Anthropic, Speech::Responses].into_iter();
        let client = clients.find(|speech| speech.endpoint() == endpoint)?;
        let provider = match format {
            Format::OpenAi => Speech::OpenAi,
            Format::Anthropic => Speech::Anthropic,
        };
        Some(Self { client, provider })
    }
}

/// Whether an answer comes whole or as a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Whole,
    Stream,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub struct Destination<'d> {
    pub speech: Speech,
    /// The provider's name for the model.
    pub model: &'d str,
    pub stream_usage: StreamUsage,
    pub unsupported: Unsupported,
}

/// What was made of a request.
pub struct Translated {
    pub renamed: Renamed,
    /// What was left out, by name, separated by commas.
    pub dropped: String,
    /// Members that the answer is to repeat, if the client's dialect wants that; see [`Translation::repeating`].
    pub repeated: Vec<u8>,
}

/// Writes a request's body as its provider's format wants it, at the end of `out`.
///
/// # Errors
/// The body has not the form of its dialect, or asks for what the provider's format has no place for.
pub fn request(
    from: Speech,
    to: Destination<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<Translated, Fault> {
    let mut tree = Tree::default();
    let body = tree.parse(body).map_err(|fault| Fault::told(FaultKind::InvalidJson, fault.message()))?;
    let mut losses = Losses::new(to.unsupported);
    let prompt = match from {
        Speech::OpenAi => openai::request_in::read(body, &mut losses)?,
        Speech::Anthropic => anthropic::request_in::read(body, &mut losses)?,
        Speech::Responses => responses::request_in::read(body, &mut losses)?,
    };
    let renamed = match to.speech {
        Speech::OpenAi => openai::request_out::write(&prompt, to.model, to.stream_usage, out, &mut losses)?,
        Speech::Anthropic => anthropic::request_out::write(&prompt, to.model, out, &mut losses)?,
        Speech::Responses => return Err(loss::untranslatable("No request is translated to responses.")),
    };
    let repeated = match from {
        Speech::Responses => responses::answer_out::repeated(body),
        Speech::OpenAi | Speech::Anthropic => vec![],
    };
    Ok(Translated { renamed, dropped: losses.told()?, repeated })
}
