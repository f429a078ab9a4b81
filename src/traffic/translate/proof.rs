//! What proves thoughts, and whose proofs they are.
//!
//! A provider wants its own proofs back and refuses a request with another's. Clients keep them without a word on where
//! they come from, so that one of Google's has a mark; one without a mark is taken for Anthropic's.

use crate::traffic::dialect::json::Quoted;

const GOOGLE: &[u8] = b"gemini:";

/// A signature of Google's, marked.
pub fn of_google(signature: &[u8]) -> Quoted<'static> {
    Quoted::of(&String::from_utf8_lossy(&[GOOGLE, signature].concat()))
}

/// The signature, if it is one of Google's.
pub fn googles<'s>(signature: &'s Quoted<'_>) -> Option<&'s [u8]> {
    signature.as_written().strip_prefix(GOOGLE)
}
