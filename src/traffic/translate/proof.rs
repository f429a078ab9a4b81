//! What proves thoughts, and whose proofs they are.
//!
//! A provider wants its own proofs back and refuses a request with another's. Clients keep them without a word on where
//! they come from, so that one of Google's or of `OpenAI`'s has a mark; one without a mark is taken for Anthropic's.

use crate::traffic::dialect::json::Quoted;

const GOOGLE: &[u8] = b"gemini:";
const OPENAI: &[u8] = b"openai:";

/// A signature of Google's, marked.
pub fn of_google(signature: &[u8]) -> Quoted<'static> {
    Quoted::of(&String::from_utf8_lossy(&[GOOGLE, signature].concat()))
}

/// The signature, if it is one of Google's.
pub fn googles<'s>(signature: &'s Quoted<'_>) -> Option<&'s [u8]> {
    signature.as_written().strip_prefix(GOOGLE)
}

/// What `OpenAI` sealed a thought as, marked.
pub fn of_openai(sealed: &Quoted<'_>) -> Quoted<'static> {
    Quoted::raw(&[OPENAI, sealed.as_written()].concat()).into_owned()
}

/// The sealed thought, if it is one of `OpenAI`'s: the inside of a JSON string.
pub fn openais<'s>(signature: &'s Quoted<'_>) -> Option<&'s [u8]> {
    signature.as_written().strip_prefix(OPENAI)
}

/// Whether a signature may be one of Anthropic's.
pub fn is_anthropics(signature: &Quoted<'_>) -> bool {
    !signature.is_empty() && googles(signature).is_none() && openais(signature).is_none()
}
