//! What proves thoughts, and whose proofs they are.
//!
//! A provider wants its own proofs back and refuses a request with another's. Clients keep them without a word on where
//! they come from, so that one of Google's or of `OpenAI`'s, or one that a router gave, has a mark; one without a mark is
//! taken for Anthropic's.

use crate::traffic::dialect::json::Quoted;

const GOOGLE: &[u8] = b"gemini:";
const OPENAI: &[u8] = b"openai:";
const DETAILS: &[u8] = b"details:";

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

/// The source of an object in which a router has a proof, as the inside of a JSON string, marked.
pub fn of_details(source: &[u8]) -> Quoted<'static> {
    Quoted::raw(&[DETAILS, source].concat()).into_owned()
}

/// Such an object, if a router gave it.
pub fn details<'s>(signature: &'s Quoted<'_>) -> Option<&'s [u8]> {
    signature.as_written().strip_prefix(DETAILS)
}

/// Whether a signature may be one of Anthropic's.
pub fn is_anthropics(signature: &Quoted<'_>) -> bool {
    let marked = [GOOGLE, OPENAI, DETAILS].iter().any(|mark| signature.as_written().starts_with(mark));
    !signature.is_empty() && !marked
}
