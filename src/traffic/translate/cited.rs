//! What a text rests on, for dialects that say from which to which character.
//!
//! What is cited is told at the end of its text: where a provider does not say how far a source reaches, it is all of the
//! text.
//!
//! Invariant: what waits is bounded; what is beyond that is not told.

use super::event::Citation;
use crate::traffic::dialect::json::{Quoted, Writer};

/// Bytes of sources that may wait for the end of their text.
const WAITING_BYTES: usize = 256 * 1024;
/// Characters of several bytes whose places are kept.
const WIDE: usize = 64 * 1024;

/// The sources of an answer's texts.
#[derive(Default)]
pub struct Cited {
    waiting: Vec<Source>,
    bytes: usize,
    /// Characters of the answer's texts so far, and before the open one.
    characters: u64,
    before: u64,
}

/// One source, as the insides of JSON strings, and where it stands.
pub struct Source {
    /// Empty: its provider alone finds it, by `id`.
    pub url: Vec<u8>,
    pub id: Vec<u8>,
    pub title: Vec<u8>,
    pub quote: Vec<u8>,
    pub start: u64,
    pub end: u64,
}

/// Whether a source's name is its URL.
pub fn is_web(source: &Quoted<'_>) -> bool {
    let start = source.as_written();
    start.starts_with(b"https:") || start.starts_with(b"http:")
}

impl Cited {
    /// Another text begins. Places count from its beginning, or from that of all texts.
    pub fn open(&mut self) {
        self.before = self.characters;
    }

    /// More of the open text.
    pub fn piece(&mut self, piece: &Quoted<'_>) {
        self.characters += characters(piece);
    }

    pub fn cite(&mut self, citation: &Citation<'_>) {
        let text = |text: &Quoted<'_>| text.as_written().to_vec();
        let (url, id) = (text(&citation.url), text(&citation.id));
        let (title, quote) = (text(&citation.title), text(&citation.quote));
        self.bytes += url.len() + id.len() + title.len() + quote.len();
        if self.bytes <= WAITING_BYTES {
            let (start, end) = citation.span.unwrap_or((0, u64::MAX));
            let (start, end) = (start.saturating_add(self.before), end.saturating_add(self.before));
            self.waiting.push(Source { url, id, title, quote, start, end });
        }
    }

    /// The sources of the text that ends here.
    pub fn take(&mut self) -> Vec<Source> {
        self.bytes = 0;
        let mut sources = std::mem::take(&mut self.waiting);
        for source in &mut sources {
            source.end = source.end.min(self.characters);
            source.start = source.start.min(source.end);
        }
        sources
    }

    /// Characters before the open text.
    pub fn before(&self) -> u64 {
        self.before
    }
}

impl Source {
    /// Whether it stands somewhere in the net.
    pub fn is_web(&self) -> bool {
        !self.url.is_empty()
    }

    /// Writes members that `OpenAI`'s formats have alike, its place counted from `before`.
    pub fn members(&self, before: u64, out: &mut Writer<'_>) {
        out.key("start_index").count(self.start.saturating_sub(before));
        out.key("end_index").count(self.end.saturating_sub(before));
        out.key("title").quoted(&Quoted::raw(&self.title)).key("url").quoted(&Quoted::raw(&self.url));
    }
}

/// Where the characters of a text are, for formats that count its bytes.
#[derive(Default)]
pub struct Widths {
    bytes: u64,
    /// Bytes up to the end of a character of several, and how many of them are not the first of their character.
    wide: Vec<(u64, u64)>,
}

impl Widths {
    /// More of the text.
    pub fn piece(&mut self, piece: &Quoted<'_>) {
        let mut rest = piece.as_written();
        while let Some(first) = rest.first() {
            let (bytes, length) = match first {
                b'\\' => escaped(rest),
                ..0x80 => {
                    let plain = plain(rest);
                    self.bytes += plain as u64;
                    rest = &rest[plain..];
                    continue;
                }
                ..0xE0 => (2, 2),
                ..0xF0 => (3, 3),
                _ => (4, 4),
            };
            self.bytes += bytes;
            if bytes > 1 && self.wide.len() < WIDE {
                let more = self.wide.last().map_or(0, |(_, more)| *more);
                self.wide.push((self.bytes, more + bytes - 1));
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// How many characters end within so many bytes, of those that are there.
    pub fn characters(&self, bytes: u64) -> u64 {
        let bytes = bytes.min(self.bytes);
        let known = self.wide.partition_point(|(end, _)| *end <= bytes);
        let more = known.checked_sub(1).and_then(|last| self.wide.get(last)).map_or(0, |(_, more)| *more);
        bytes.saturating_sub(more)
    }

    /// How many bytes so many characters have.
    pub fn bytes(&self, characters: u64) -> u64 {
        let known = self.wide.partition_point(|(end, more)| end - more <= characters);
        let more = known.checked_sub(1).and_then(|last| self.wide.get(last)).map_or(0, |(_, more)| *more);
        characters.saturating_add(more)
    }
}

/// How many characters a text has. Every text of an answer is counted, cited or not, so this goes by runs.
fn characters(text: &Quoted<'_>) -> u64 {
    let (mut rest, mut count) = (text.as_written(), 0);
    loop {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        let (run, escape) = rest.split_at(plain);
        count += firsts(run);
        if escape.is_empty() {
            return count;
        }
        count += 1;
        rest = escape.get(escaped(escape).1..).unwrap_or_default();
    }
}

/// How many bytes are the first of a character: all others are between 0x80 and 0xBF.
fn firsts(run: &[u8]) -> u64 {
    // So few at a time that a byte can count them, and many bytes be counted at once.
    let some = |some: &[u8]| some.iter().map(|byte| u8::from(*byte as i8 >= -0x40)).sum::<u8>();
    run.chunks(128).map(|bytes| u64::from(some(bytes))).sum()
}

/// How many bytes at the front of a text are a character each. Most texts are nothing else, so this goes by runs.
fn plain(text: &[u8]) -> usize {
    const RUN: usize = 32;
    let is_other = |byte: &u8| *byte >= 0x80 || *byte == b'\\';
    let is_plain = |run: &&[u8]| !run.iter().fold(false, |other, byte| other | is_other(byte));
    let runs = text.chunks_exact(RUN).take_while(is_plain).count() * RUN;
    let rest = &text[runs..];
    runs + rest.iter().position(is_other).unwrap_or(rest.len())
}

/// How many bytes the character has whose escape begins a text, and how many the escape has.
fn escaped(text: &[u8]) -> (u64, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix(b"\\u")?.first_chunk::<4>()?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match (unit(0), unit(6)) {
        (None, _) => (1, 2),
        (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (4, 12),
        (Some(..0x80), _) => (1, 6),
        (Some(..0x800), _) => (2, 6),
        (Some(_), _) => (3, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Bytes and characters lead to each other, in any pieces.
        #[test]
        fn places_lead_both_ways(pieces in proptest::collection::vec("[a-é☀🦀\n\"]{0,6}", 0..6)) {
            let text: String = pieces.concat();
            let mut widths = Widths::default();
            for (index, piece) in pieces.iter().enumerate() {
                let numbers: String = piece.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                widths.piece(&if index % 2 == 0 { Quoted::of(piece) } else { Quoted::raw(numbers.as_bytes()) });
            }
            for (character, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(widths.characters(byte as u64), character as u64, "{} {}", text, byte);
                prop_assert_eq!(widths.bytes(character as u64), byte as u64, "{} {}", text, character);
            }
            prop_assert_eq!(widths.characters(text.len() as u64), text.chars().count() as u64);
            let numbers: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for quoted in [Quoted::of(&text), Quoted::raw(numbers.as_bytes())] {
                prop_assert_eq!(characters(&quoted), text.chars().count() as u64);
            }
        }
    }

    /// A source without a place has its text's, and more than may wait is left out.
    #[test]
    fn sources_have_their_texts_place() {
        let mut cited = Cited::default();
        let cite = |cited: &mut Cited, span| {
            let url = Quoted::raw(b"https://a.example");
            cited.cite(&Citation { url, span, ..Citation::default() });
        };
        cited.piece(&Quoted::raw("é\\n".as_bytes()));
        cited.open();
        cite(&mut cited, None);
        cite(&mut cited, Some((1, 3)));
        cited.piece(&Quoted::raw(b"abc"));
        let places =
            |cited: &mut Cited| cited.take().iter().map(|one| (one.start, one.end)).collect::<Vec<_>>();
        assert_eq!(places(&mut cited), [(2, 5), (3, 5)]);
        for _ in 0..20_000 {
            cite(&mut cited, Some((0, 1)));
        }
        assert_eq!(cited.take().len(), WAITING_BYTES / "https://a.example".len());
    }
}
