//! The usual usage report, read in one go.
//!
//! Nearly every answer ends with a usage object of plain integers and a few plain members behind it. This reads
//! that and nothing else; whatever is unusual is left to the scanner. The reports of one model differ in their
//! numbers alone, so the last shapes that were read are remembered, and only compared.

mod shape;

use super::sums::with_thoughts;
use crate::contract::record::Usage;
use memchr::{memchr, memchr2};
use shape::{Places, Shapes};
use std::cell::RefCell;

/// Bytes behind the usage object that are looked through for the end of the root.
const REST_BYTES: usize = 1024;

thread_local! {
    static SHAPES: RefCell<Shapes> = const { RefCell::new(Shapes::NONE) };
}

/// Reads what follows the key `"usage"`, if it is a plain object and the text ends with the root that it is a
/// member of.
pub fn read(after_key: &[u8]) -> Option<Usage> {
    let (usage, end) = SHAPES.with_borrow_mut(|shapes| {
        shapes.recall(after_key).or_else(|| {
            let mut places = Places::NONE;
            let mut cursor = Cursor { bytes: after_key, at: 0, places: Some(&mut places) };
            cursor.punctuation(b':')?;
            cursor.punctuation(b'{')?;
            let usage = cursor.report()?;
            let end = cursor.at;
            shapes.learn(&after_key[..end], &places);
            Some((usage, end))
        })
    })?;
    closes_root(after_key.get(end..)?).then_some(usage)
}

/// Which of the counts a member is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Input,
    Output,
    Cached,
    CacheWrite,
    Reasoning,
    InputDetails,
    OutputDetails,
    Total,
    AudioInput,
    AudioOutput,
    Other,
}

impl Part {
    fn place(self, usage: &mut Usage) -> Option<&mut u64> {
        match self {
            Part::Input => Some(&mut usage.input),
            Part::Output => Some(&mut usage.output),
            Part::Cached => Some(&mut usage.cached_input),
            Part::CacheWrite => Some(&mut usage.cache_write),
            Part::Reasoning => Some(&mut usage.reasoning),
            Part::AudioInput => Some(&mut usage.audio_input),
            Part::AudioOutput => Some(&mut usage.audio_output),
            Part::InputDetails | Part::OutputDetails | Part::Total | Part::Other => None,
        }
    }
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the numbers are that were read, if somebody wants to know.
    places: Option<&'b mut Places>,
}

impl Cursor<'_> {
    /// The next byte that is no white space; it is not taken.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.bytes.get(self.at)? {
                byte if byte > b' ' => return Some(byte),
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => return None,
            }
        }
    }

    fn punctuation(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A comma, or the end of the object (`None` within `Some`).
    fn goes_on(&mut self) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    /// Takes a name with its closing quote, if it stands here.
    fn takes<const N: usize>(&mut self, name: &[u8; N]) -> bool {
        let is_here = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) == Some(name);
        self.at += if is_here { N } else { 0 };
        is_here
    }

    /// A key of the usage object, and its colon.
    fn report_key(&mut self) -> Option<Part> {
        self.punctuation(b'"')?;
        let part = match *self.bytes.get(self.at)? {
            b'p' if self.takes(b"prompt_tokens\"") => Part::Input,
            b'p' if self.takes(b"prompt_tokens_details\"") => Part::InputDetails,
            b'c' if self.takes(b"completion_tokens\"") => Part::Output,
            b'c' if self.takes(b"completion_tokens_details\"") => Part::OutputDetails,
            b'i' if self.takes(b"input_tokens\"") => Part::Input,
            b'i' if self.takes(b"input_tokens_details\"") => Part::InputDetails,
            b'o' if self.takes(b"output_tokens\"") => Part::Output,
            b'o' if self.takes(b"output_tokens_details\"") => Part::OutputDetails,
            b't' if self.takes(b"total_tokens\"") => Part::Total,
            // What some servers count outside of the details.
            b'r' if self.takes(b"reasoning_tokens\"") => return None,
            b'c' if self.takes(b"cached_tokens\"") => return None,
            b'p' if self.takes(b"prompt_cache_hit_tokens\"") => return None,
            _ => self.other_key()?,
        };
        self.punctuation(b':')?;
        Some(part)
    }

    /// A key of one of the objects in it, and its colon.
    fn details_key(&mut self, details: Part) -> Option<Part> {
        self.punctuation(b'"')?;
        let part = match *self.bytes.get(self.at)? {
            b'c' if details == Part::InputDetails && self.takes(b"cached_tokens\"") => Part::Cached,
            b'c' if details == Part::InputDetails && self.takes(b"cache_write_tokens\"") => Part::CacheWrite,
            b'r' if details == Part::OutputDetails && self.takes(b"reasoning_tokens\"") => Part::Reasoning,
            b'a' if self.takes(b"audio_tokens\"") => match details {
                Part::InputDetails => Part::AudioInput,
                _ => Part::AudioOutput,
            },
            b'a' if self.takes(b"accepted_prediction_tokens\"") => Part::Other,
            b'r' if self.takes(b"rejected_prediction_tokens\"") => Part::Other,
            _ => self.other_key()?,
        };
        self.punctuation(b':')?;
        Some(part)
    }

    /// The rest of a key without escapes and control bytes (which end the text for the scanner), with its closing
    /// quote.
    fn other_key(&mut self) -> Option<Part> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
        self.at += length + 1;
        (rest[length] == b'"').then_some(Part::Other)
    }

    /// A count of this part.
    fn count_of(&mut self, part: Part) -> Option<u64> {
        let from = self.at;
        let count = self.count()?;
        if let Some(places) = &mut self.places {
            places.add(part, from..self.at);
        }
        Some(count)
    }

    /// A plain count of up to 18 digits.
    fn count(&mut self) -> Option<u64> {
        let from = self.at;
        let mut value = 0;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value * 10 + u64::from(digit - b'0');
            self.at += 1;
            if self.at - from > 18 {
                return None;
            }
        }
        let leading_zero = self.at - from > 1 && self.bytes[from] == b'0';
        (self.at > from && !leading_zero).then_some(value)
    }

    /// The members of the usage object, to its end. `None` also where it counts nothing.
    fn report(&mut self) -> Option<Usage> {
        let mut usage = Usage::default();
        let (mut seen, mut counted, mut total) = (0u8, false, 0);
        loop {
            let part = self.report_key()?;
            if part != Part::Other {
                // A repeated member is unusual.
                let bit = 1 << part as u8;
                if seen & bit != 0 {
                    return None;
                }
                seen |= bit;
            }
            match (self.peek()?, part) {
                (b'{', Part::InputDetails | Part::OutputDetails) => self.details(part, &mut usage)?,
                (b'0'..=b'9', _) => {
                    let count = self.count_of(part)?;
                    match part.place(&mut usage) {
                        Some(place) => (*place, counted) = (count, true),
                        None if part == Part::Total => total = count,
                        None => {}
                    }
                }
                (b'n', _) => self.null()?,
                _ => return None,
            }
            if !self.goes_on()? {
                usage.output = with_thoughts(usage.input, usage.output, usage.reasoning, total);
                return counted.then_some(usage);
            }
        }
    }

    fn details(&mut self, details: Part, usage: &mut Usage) -> Option<()> {
        self.punctuation(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let part = self.details_key(details)?;
            if self.peek()? == b'n' {
                self.null()?;
            } else {
                let count = self.count_of(part)?;
                if let Some(place) = part.place(usage) {
                    *place = count;
                }
            }
            if !self.goes_on()? {
                return Some(());
            }
        }
    }

    fn null(&mut self) -> Option<()> {
        let word = self.bytes.get(self.at..self.at + 4)?;
        (word == b"null").then(|| self.at += 4)
    }
}

/// Whether this text, which follows the report, closes exactly one container: the one that the report is in. It must
/// not report again.
fn closes_root(rest: &[u8]) -> bool {
    if rest.len() > REST_BYTES {
        return false;
    }
    let mut open = 1u32;
    let mut at = 0;
    let mut text: &[u8] = b"";
    while let Some(byte) = rest.get(at) {
        at += 1;
        match byte {
            b'"' if open > 0 => match string_end(rest, at) {
                Some(end) => {
                    text = &rest[at..end - 1];
                    at = end;
                }
                None => return false,
            },
            // The text before it is a name, which an escape may have disguised.
            b':' if open == 1 && (text == b"usage" || memchr(b'\\', text).is_some()) => return false,
            b'{' | b'[' if open > 0 => open += 1,
            b'}' | b']' if open > 0 => open -= 1,
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ if open > 0 => {}
            // Something stands behind the end: it was not the root.
            _ => return false,
        }
    }
    open == 0
}

/// Where the string that begins before `at` ends.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The usual reports are read, alone and with members behind them.
    #[test]
    fn usual_reports() {
        let full = br#": {"prompt_tokens":12,"completion_tokens":34,"total_tokens":46,
            "prompt_tokens_details":{"cached_tokens":5,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":7,"accepted_prediction_tokens":null}},
            "service_tier":"de}fa\"ult","system_fingerprint":null,"x":[{}]}
        "#;
        let usage = Usage { input: 12, cached_input: 5, output: 34, reasoning: 7, ..Usage::NONE };
        assert_eq!(read(full), Some(usage));
        assert_eq!(read(br#":{"input_tokens":1}}"#).map(|u| u.input), Some(1));
        assert_eq!(read(br#":{"input_tokens":1,"output_tokens":null}}"#).map(|u| u.input), Some(1));
        let deeper = br#":{"input_tokens":1},"x":{"usage":{"input_tokens":2},"y":"\u0022"},"z":"usage"}"#;
        assert_eq!(read(deeper).map(|u| u.input), Some(1));
    }

    /// A report of a known shape is read as it was without one, and one that differs anywhere is not taken for it.
    #[test]
    fn shapes_that_come_again() {
        let report = |input: &str, cached: &str, behind: &str| {
            format!(
                r#": {{"prompt_tokens":{input},"x":3, "total_tokens": 9,
                "prompt_tokens_details":{{"cached_tokens":{cached}}}}}{behind}"#
            )
        };
        for (input, cached) in [("1", 0), ("22", 3), ("0", 999_999_999_999_999_999), ("7", 7)] {
            for _ in 0..2 {
                let usage = read(report(input, &cached.to_string(), "}").as_bytes());
                let expected =
                    Usage { input: input.parse().expect("a number"), cached_input: cached, ..Usage::NONE };
                assert_eq!(usage, Some(expected), "{input}, {cached}");
            }
        }
        for (input, cached, behind) in [
            ("01", "0", "}"),
            ("1.5", "0", "}"),
            ("-1", "0", "}"),
            ("", "0", "}"),
            ("1", "9999999999999999999", "}"),
            ("1", "0", ""),
            ("1", "0", "}}"),
            ("1", "0", r#","usage":1}"#),
        ] {
            assert_eq!(read(report(input, cached, behind).as_bytes()), None, "{input}, {cached}, {behind}");
        }
    }

    /// Whatever is unusual, deeper than the root, or cut off is left to the scanner.
    #[test]
    fn unusual_reports() {
        for text in [
            "",
            ":null}",
            ":{}}",
            r#":{"total_tokens":1}}"#,
            r#":{"input_tokens":1.5}}"#,
            r#":{"input_tokens":01}}"#,
            r#":{"input_tokens":-1}}"#,
            r#":{"input_tokens":1,"input_tokens":2}}"#,
            r#":{"input\u005ftokens":1}}"#,
            r#":{"input_tokens":1}"#,
            r#":{"input_tokens":1}}}"#,
            r#":{"input_tokens":1}},"usage":{"input_tokens":2}}"#,
            r#":{"input_tokens":9999999999999999999}}"#,
            r#","x":1}"#,
            r#":{"input_tokens":1}} "x""#,
            r#":{"input_tokens":null}}"#,
            ":{\"input_tokens\":1,\"a\tb\":2}}",
            r#":{"input_tokens":1},"usage":{"input_tokens":2}}"#,
            r#":{"input_tokens":1},"x":[{}], "usage" : null}"#,
            r#":{"input_tokens":1},"us\u0061ge":null}"#,
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
