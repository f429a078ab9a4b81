//! What a whole answer begins with: an answer, or an error in the place of one.
//!
//! Invariant: no more than the first [`LOOK_BYTES`] are looked at, and those of most answers by one search.

use super::json::{Key, ROOT, Scanner, Sink, Value, Want};
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

/// An error stands at the beginning of what tells of it.
pub const LOOK_BYTES: usize = 512;

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// What is known of a text by its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Opening {
    /// There is too little of it.
    #[default]
    Unclear,
    Answer,
    Error,
}

impl Opening {
    /// `whole`: there is no more of the text.
    pub fn of(text: &[u8], whole: bool) -> Self {
        let front = &text[..text.len().min(LOOK_BYTES)];
        if tells_of_error(front) {
            Self::Error
        } else if whole || front.len() == LOOK_BYTES || !may_tell(front) {
            Self::Answer
        } else {
            Self::Unclear
        }
    }
}

/// What errors begin with. Answers may, too: those are waited for a little.
const FIRST_KEYS: [&[u8]; 10] = [
    b"error",
    b"type",
    b"object",
    b"code",
    b"status",
    b"success",
    b"message",
    b"detail",
    b"user_id",
    b"request_id",
];

/// Whether a text of which there is only the beginning may go on as an error.
fn may_tell(front: &[u8]) -> bool {
    let Some(first) = front.trim_ascii_start().split_first() else { return true };
    let (b'{', rest) = first else { return false };
    let rest = rest.trim_ascii_start();
    let Some((b'"', key)) = rest.split_first() else { return rest.is_empty() };
    match memchr::memchr(b'"', key) {
        Some(end) => FIRST_KEYS.contains(&&key[..end]),
        None => FIRST_KEYS.iter().any(|known| known.starts_with(key)),
    }
}

fn tells_of_error(front: &[u8]) -> bool {
    if ERROR.find(front).is_none() {
        return false;
    }
    let mut root = Root { text: front, error: false };
    // What is no JSON, or is cut off, has told what it could.
    _ = Scanner::new().feed(front, &mut root);
    root.error
}

/// The members of the root that say that all of it is an error.
struct Root<'t> {
    text: &'t [u8],
    error: bool,
}

impl Sink for Root<'_> {
    fn key(&mut self, key: &Key<'_>) -> Want {
        match key.name {
            b"error" if key.path == ROOT => {
                let value = self.text.get(key.at as usize + b"\"error\"".len()..).unwrap_or_default();
                self.error |= says_something(value);
                Want::Skip
            }
            b"object" | b"type" if key.path == ROOT => Want::Value(1),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, tag: u8, value: Value<'_>, _: Range<u64>) {
        self.error |= tag == 1 && matches!(value, Value::Text { text: b"error", .. });
    }
}

/// Whether what follows a key begins a value that is not empty, null, false or zero.
fn says_something(after_key: &[u8]) -> bool {
    let value = after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
    let inside = value.get(1..).unwrap_or_default();
    match value.first() {
        Some(b'{') => inside.trim_ascii_start().first().is_some_and(|byte| *byte != b'}'),
        Some(b'[') => inside.trim_ascii_start().first().is_some_and(|byte| *byte != b']'),
        Some(b'"') => inside.first().is_some_and(|byte| *byte != b'"'),
        Some(b't' | b'1'..=b'9') => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error is known as soon as it begins, whatever stands before it; an answer when enough of it is there, or it begins
    /// as no error does. What only contains the word is none.
    #[test]
    fn errors_are_known_by_their_beginning() {
        for text in [
            r#"{"error":{"message":"x"}}"#,
            " {\n  \"error\" : [{\"message\":\"x\"}]}",
            r#"{"error":"overloaded"}"#,
            r#"{"id":"a","object":"chat.completion","choices":[],"error":{"code":502}}"#,
            r#"{"type":"error","error":{"type":"api_error"}}"#,
            r#"{"object":"error","message":"no such model","code":404}"#,
            r#"{"user_id":"u","success":false,"error":true}"#,
            r#"{"billing":{"error":null},"error":{"code":"server_error"},"x":"#,
        ] {
            assert_eq!(Opening::of(text.as_bytes(), true), Opening::Error, "{text}");
            assert_eq!(Opening::of(text.as_bytes(), false), Opening::Error, "{text}");
        }
        for text in [
            "",
            "\n\n",
            "[]",
            "nonsense \"error\"",
            r#"{"error":null,"choices":[]}"#,
            r#"{"error":{},"errors":[]}"#,
            r#"{"error":"","a":{"error":{"message":"x"}}}"#,
            r#"{"choices":[{"message":{"content":"{\"error\":{\"a\":1}}"},"error":{"code":1}}]}"#,
            r#"{"text":"\"error\":{\"message\""}"#,
            r#"{"object":"list","type":"errors"}"#,
        ] {
            assert_eq!(Opening::of(text.as_bytes(), true), Opening::Answer, "{text}");
            assert_ne!(Opening::of(text.as_bytes(), false), Opening::Error, "{text}");
        }
        for (text, opening) in [
            ("", Opening::Unclear),
            (" {", Opening::Unclear),
            ("{\n\"", Opening::Unclear),
            ("{\"erro", Opening::Unclear),
            ("{\"type\":\"m", Opening::Unclear),
            ("{\"error\":nul", Opening::Unclear),
            ("{\"a", Opening::Answer),
            ("{\"id\":\"", Opening::Answer),
            ("{\"errors\"", Opening::Answer),
            ("{}", Opening::Answer),
            ("[", Opening::Answer),
        ] {
            assert_eq!(Opening::of(text.as_bytes(), false), opening, "{text}");
        }
        let late = format!(r#"{{"id":"{}","error":{{"code":1}}}}"#, "x".repeat(LOOK_BYTES));
        assert_eq!(Opening::of(late.as_bytes(), false), Opening::Answer);
    }
}
