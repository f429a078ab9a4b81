//! Reasons to stop in answers of Google's dialect, whose streams have no other sign of being complete.
//!
//! A key stands in quotes, and quotes inside a text are escaped: what is found is a key, or a text of just this word,
//! which a call's arguments may have. Then a broken stream would be taken for a whole one, as all were without this.

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// What both keys end with.
const END: &[u8] = b"Reason\"";
const BEGINNINGS: [&[u8]; 2] = [b"\"finish", b"\"block"];
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(END));

/// Room for a key, its colon, some white space and the first byte of its value.
const WINDOW: usize = 48;

/// Looks for a reason in a text that comes in pieces.
pub struct ReasonSearch {
    found: bool,
    /// The last bytes that came, in the last `len` of these.
    tail: [u8; WINDOW],
    len: usize,
}

impl Default for ReasonSearch {
    fn default() -> Self {
        Self { found: false, tail: [0; WINDOW], len: 0 }
    }
}

impl ReasonSearch {
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.found {
            return;
        }
        let (mut seam, head) = ([0; 2 * WINDOW], bytes.len().min(WINDOW));
        let end = self.len + head;
        seam[..self.len].copy_from_slice(&self.tail[..self.len]);
        seam[self.len..end].copy_from_slice(&bytes[..head]);
        self.found = gives_reason(&seam[..end]) || gives_reason(bytes);
        let last = if head < bytes.len() { &bytes[bytes.len() - WINDOW..] } else { &seam[..end] };
        let last = &last[last.len().saturating_sub(WINDOW)..];
        self.tail[..last.len()].copy_from_slice(last);
        self.len = last.len();
    }

    pub fn found(&self) -> bool {
        self.found
    }
}

/// Whether a text has one of the keys with a text as its value.
fn gives_reason(text: &[u8]) -> bool {
    FINDER.find_iter(text).any(|at| {
        let value =
            text[at + END.len()..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b':'));
        value == Some(&b'"') && BEGINNINGS.iter().any(|key| text[..at].ends_with(key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reason is found however its bytes are cut, and only where a key has a text for its value.
    #[test]
    fn reasons_are_found() {
        let long = format!("{}{}", "x".repeat(200), r#""finishReason":"STOP"}"#);
        for (text, expected) in [
            (r#"{"candidates":[{"finishReason":"STOP"}]}"#, true),
            ("{\"promptFeedback\": {\"blockReason\" :\n  \"SAFETY\"}}", true),
            (&*long, true),
            (r#"{"finishReason":null}"#, false),
            (r#"{"text":"a \"finishReason\":\"STOP\""}"#, false),
            (r#"{"finishReasons":"x","otherReason":"y"}"#, false),
            (r#"{"finishReason""#, false),
        ] {
            for size in 1..text.len() {
                let mut search = ReasonSearch::default();
                text.as_bytes().chunks(size).for_each(|piece| search.feed(piece));
                assert_eq!(search.found(), expected, "{text} by {size}");
            }
        }
    }
}
