//! The inside of a JSON string, as it stands between its quotes.
//!
//! A text that only moves from one JSON to another is never unescaped: what was valid stays valid, and what no
//! Unicode text can hold (half of a surrogate pair) comes out as it went in.

use super::run::plain_run;
use std::borrow::Cow;

/// Text with its escapes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Quoted<'t>(Cow<'t, [u8]>);

impl<'t> Quoted<'t> {
    /// Bytes that stand between the quotes of a valid JSON string.
    pub const fn raw(inside: &'t [u8]) -> Self {
        Self(Cow::Borrowed(inside))
    }

    /// Any text.
    pub fn of(text: &str) -> Quoted<'static> {
        let mut inside = Vec::with_capacity(text.len());
        super::escape(text, |piece| inside.extend_from_slice(piece));
        Quoted(Cow::Owned(inside))
    }

    pub fn as_written(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it means this text.
    pub fn is(&self, text: &str) -> bool {
        debug_assert!(!text.contains('\\'), "it would be taken for an escape");
        // An escape is longer than what it means.
        *self.0 == *text.as_bytes()
            || (self.0.len() > text.len() && self.0.contains(&b'\\') && *self.unescaped() == *text.as_bytes())
    }

    /// Whether it is empty, or nothing but blanks.
    pub fn is_blank(&self) -> bool {
        let first = self.0.iter().find(|byte| **byte != b' ');
        first.is_none_or(|byte| *byte == b'\\' && self.unescaped().iter().all(u8::is_ascii_whitespace))
    }

    /// The bytes that are meant. Half of a surrogate pair is U+FFFD.
    #[inline]
    pub fn unescaped(&self) -> Cow<'_, [u8]> {
        if self.0.contains(&b'\\') { Cow::Owned(self.meant()) } else { Cow::Borrowed(&self.0) }
    }

    fn meant(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len());
        unescape(&self.0, &mut out);
        out
    }

    /// Adds the bytes that are meant to `out`.
    pub fn unescape_to(&self, out: &mut Vec<u8>) {
        unescape(&self.0, out);
    }

    /// The part before and after the first `mark`, if it has one. `mark` is none of the characters that may be escaped.
    pub fn split_once(&self, mark: u8) -> Option<(Quoted<'_>, Quoted<'_>)> {
        let at = memchr::memchr(mark, &self.0)?;
        Some((Quoted::raw(&self.0[..at]), Quoted::raw(&self.0[at + 1..])))
    }

    /// The same text without slashes that are escaped, as some clients write them.
    #[must_use]
    pub fn with_plain_slashes(self) -> Self {
        if memchr::memmem::find(&self.0, b"\\/").is_none() {
            return self;
        }
        let mut plain = Vec::with_capacity(self.0.len());
        let mut rest = &*self.0;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let escaped = rest.get(at + 1).copied();
            plain.extend_from_slice(&rest[..at]);
            if escaped != Some(b'/') {
                plain.push(b'\\');
            }
            plain.extend(escaped);
            rest = &rest[(at + 2).min(rest.len())..];
        }
        plain.extend_from_slice(rest);
        Self(Cow::Owned(plain))
    }

    /// The same text in memory of its own.
    pub fn into_owned(self) -> Quoted<'static> {
        Quoted(Cow::Owned(self.0.into_owned()))
    }
}

/// Writes what the inside of a valid JSON string means.
fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut rest = inside;
    loop {
        let run = plain_run(rest);
        out.extend_from_slice(&rest[..run]);
        let Some(escape) = rest.get(run + 1) else { return };
        rest = &rest[run + 2..];
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => rest = unit(rest, out),
            other => out.push(*other),
        }
    }
}

/// Writes the character whose escape's digits begin `rest`, and gives what follows it.
fn unit<'r>(rest: &'r [u8], out: &mut Vec<u8>) -> &'r [u8] {
    let Some((high, rest)) = hex(rest) else { return &[] };
    let (character, rest) = match (high, rest.strip_prefix(b"\\u").and_then(hex)) {
        (0xD800..0xDC00, Some((low @ 0xDC00..0xE000, rest))) => {
            (char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)), rest)
        }
        _ => (char::from_u32(high), rest),
    };
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn hex(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let value = digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A text means what another parser says that it means, and any text can be written.
        #[test]
        fn texts_mean_what_they_say(inside in "([a-zé☀🦀 /]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-f]{2}|\\\\ud83e\\\\udd80){0,30}") {
            let meant: String = serde_json::from_str(&format!("\"{inside}\"")).expect("valid");
            let quoted = Quoted::raw(inside.as_bytes());
            prop_assert_eq!(&*quoted.unescaped(), meant.as_bytes());
            prop_assert!(meant.contains('\\') || quoted.is(&meant));
            prop_assert_eq!(quoted.is_blank(), meant.trim_matches([' ', '\n', '\r', '\t', '\x0c']).is_empty());
            let written = Quoted::of(&meant);
            prop_assert_eq!(&*written.unescaped(), meant.as_bytes());
            let plain = quoted.with_plain_slashes();
            prop_assert_eq!(&*plain.unescaped(), meant.as_bytes());
            prop_assert!(!plain.as_written().windows(2).any(|two| two == b"\\/") || meant.contains('\\'));
        }
    }

    /// Half of a pair has no meaning, and does not take its neighbours with it.
    #[test]
    fn halves_of_pairs() {
        for (inside, meant) in [
            ("a\\ud83eb", "a\u{FFFD}b"),
            ("\\udd80", "\u{FFFD}"),
            ("\\ud83e\\n", "\u{FFFD}\n"),
            ("\\ud83e\\ud83e\\udd80", "\u{FFFD}🦀"),
        ] {
            assert_eq!(&*Quoted::raw(inside.as_bytes()).unescaped(), meant.as_bytes(), "{inside}");
        }
    }
}
