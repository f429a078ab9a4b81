//! The usage member that nearly every chunk has, `"usage":null` near its end, found without reading the chunk.
//!
//! What follows such a member up to the closing brace is read from the member on. If that is nothing but plain
//! strings, and the chunk is one JSON object at all, then the brace is the root's, and so the member is too.

use std::ops::Range;

const MEMBER: &[u8] = b"\"usage\":null";

/// What has to be cut from the one-line event for the member at `at` to be gone, if it is of this kind.
pub fn cut(event: &[u8], at: usize) -> Option<Range<usize>> {
    let comma = at.checked_sub(1).filter(|comma| event[*comma] == b',')?;
    let mut rest = event[at..].strip_prefix(MEMBER)?;
    while let Some(member) = rest.strip_prefix(b",") {
        let value = string(member)?.strip_prefix(b":")?;
        rest = string(value)?;
    }
    let end = rest.strip_prefix(b"}")?;
    end.iter().all(|b| matches!(b, b'\r' | b'\n')).then_some(comma..at + MEMBER.len())
}

/// What follows a string without escapes.
fn string(text: &[u8]) -> Option<&[u8]> {
    let inside = text.strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', inside)?;
    (inside[end] == b'"').then(|| &inside[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::super::inspect::Inspection;
    use super::*;
    use crate::traffic::dialect::usage::Tally;

    /// Where the short way finds a member, the long way finds the same; where it does not, it says so.
    #[test]
    fn agrees_with_a_full_scan() {
        for (event, found) in [
            (r#"data: {"a":1,"usage":null}"#, true),
            (r#"data: {"choices":[{"a":"}"}],"usage":null,"obfuscation":"xYz1"}"#, true),
            (r#"data: {"choices":[],"usage":null,"a":"","b":"{"}"#, true),
            (r#"data: {"a":"x\\","usage":null}"#, true),
            (r#"data: {"usage":null,"a":"x"}"#, false),
            (r#"data: {"a":{"b":1,"usage":null}}"#, false),
            (r#"data: {"a":[{"b":1,"usage":null,"c":"d"}]}"#, false),
            (r#"data: {"a":1,"usage":null,"b":1}"#, false),
            (r#"data: {"a":1,"usage":null,"b":"\""}"#, false),
            (r#"data: {"a":1,"usage":{"x":null}}"#, false),
            (r#"data: {"a":1,"usage":nullx}"#, false),
            (r#"data: {"a":1,"usage":null"#, false),
        ] {
            let event = format!("{event}\r\n\r\n");
            let at = memchr::memmem::find(event.as_bytes(), b"\"usage\"").unwrap();
            let cut = cut(event.as_bytes(), at);
            assert_eq!(cut.is_some(), found, "{event}");
            let mut inspection = Inspection::new(Tally::default());
            inspection.feed(event.as_bytes());
            if let Some(cut) = cut {
                assert!(inspection.is_complete());
                assert_eq!(inspection.seen.report.map(|report| report.span), Some(cut));
            }
        }
    }
}
