//! What another provider proved its thoughts with, as a `thoughtSignature` of this dialect.
//!
//! Clients take a signature for bytes in base64, and write it back in an alphabet of their own: what it is here must
//! be base64 of the whole, or it would not come back as it was.

use crate::traffic::dialect::json::Quoted;
use crate::traffic::translate::base64;

const PROOF: &str = "ringgate:thought:";
const HIDDEN: &str = "ringgate:hidden:";

/// What stands in a signature that the gateway itself wrote.
pub enum Foreign {
    Proof(Quoted<'static>),
    Hidden(Quoted<'static>),
}

/// A signature for a proof that is not Google's.
pub fn of_proof(proof: &Quoted<'_>) -> Vec<u8> {
    base64::encoded(&[PROOF.as_bytes(), &proof.unescaped()].concat())
}

/// The same for a thought that only its provider can read.
pub fn of_hidden(data: &Quoted<'_>) -> Vec<u8> {
    base64::encoded(&[HIDDEN.as_bytes(), &data.unescaped()].concat())
}

/// What a signature holds that the gateway wrote; of Google's own nothing.
pub fn foreign(signature: &Quoted<'_>) -> Option<Foreign> {
    let text = String::from_utf8(base64::decoded(&signature.unescaped())?).ok()?;
    let proof = text.strip_prefix(PROOF).map(|proof| Foreign::Proof(Quoted::of(proof)));
    proof.or_else(|| text.strip_prefix(HIDDEN).map(|data| Foreign::Hidden(Quoted::of(data))))
}
