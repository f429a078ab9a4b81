//! Text as it stands inside a JSON string.
//!
//! Invariant: no byte that could end the string or its line is left as it is.

use std::io::Write as _;

/// Whether a text has anything to be escaped.
pub(super) fn is_needed(text: &str) -> bool {
    text.bytes().any(must_escape)
}

/// Appends a text, escaped.
pub(super) fn write(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            // Writing to a vector cannot fail.
            _ if must_escape(byte) => drop(write!(out, "\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
}

fn must_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f)
}
