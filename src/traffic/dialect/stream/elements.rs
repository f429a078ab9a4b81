//! Answers of Google's dialect that are JSON: one whole answer, or those of a stream as the elements of an array.
//!
//! Invariant: nothing is held but where the text stands, and how bytes are cut does not matter.

use super::inspect::Seen;
use crate::contract::endpoint::Dialect;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Expected, Scanner};
use crate::traffic::dialect::usage::Tally;

/// Reads answers as they pass.
pub struct ElementScan {
    scanner: Scanner,
    seen: Seen,
    place: Place,
    array: bool,
    /// Bytes that have passed.
    passed: u64,
    /// Bytes before the answer that passes, or passed last.
    begun: u64,
    usage: Option<Usage>,
    error: bool,
    /// Bytes of the last piece that stand behind an error, and are not read.
    surplus: usize,
}

/// What has passed last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Nothing,
    /// The array's bracket.
    Opening,
    /// A part of an answer, or of something that is none.
    Inside,
    Answer,
    Comma,
    /// The answer, or the array's end.
    End,
    /// What is no JSON.
    Broken,
}

impl ElementScan {
    pub fn new() -> Self {
        Self {
            scanner: Scanner::new(),
            seen: seen(),
            place: Place::Nothing,
            array: false,
            passed: 0,
            begun: 0,
            usage: None,
            error: false,
            surplus: 0,
        }
    }

    /// Takes the next piece; gives how many answers end in it. An error in an array is the last that is read.
    pub fn feed(&mut self, bytes: &[u8]) -> u32 {
        let (mut at, mut answers) = (0, 0);
        while at < bytes.len() && !self.error && !matches!(self.place, Place::End | Place::Broken) {
            if self.place != Place::Inside {
                at += self.step(bytes[at]);
                self.begun = self.passed + at as u64;
                continue;
            }
            let offset = self.passed + at as u64;
            at = match self.scanner.feed_at(offset, &bytes[at..], &mut self.seen) {
                Ok(()) if self.scanner.finish().is_err() => bytes.len(),
                Ok(()) => {
                    self.end_answer();
                    answers += 1;
                    bytes.len()
                }
                Err(fault) if fault.expected == Expected::Nothing => {
                    self.end_answer();
                    answers += 1;
                    (fault.at - self.passed) as usize
                }
                Err(_) => {
                    self.place = Place::Broken;
                    bytes.len()
                }
            };
        }
        self.passed += bytes.len() as u64;
        self.surplus = if self.error { bytes.len() - at } else { 0 };
        answers
    }

    /// Takes a byte between answers, unless it begins one.
    fn step(&mut self, byte: u8) -> usize {
        self.place = match (self.place, byte) {
            (place, b' ' | b'\t' | b'\n' | b'\r') => place,
            (Place::Nothing, b'[') => {
                self.array = true;
                Place::Opening
            }
            (Place::Nothing | Place::Opening | Place::Comma, b'{') => {
                (self.scanner, self.seen) = (Scanner::new(), seen());
                self.place = Place::Inside;
                return 0;
            }
            (Place::Answer, b',') => Place::Comma,
            (Place::Opening | Place::Answer, b']') => Place::End,
            _ => Place::Broken,
        };
        1
    }

    fn end_answer(&mut self) {
        self.usage = self.usage();
        self.seen.tally.usage = None;
        self.error |= self.array && self.seen.error;
        self.place = if self.array { Place::Answer } else { Place::End };
    }

    /// The usage that was reported last.
    pub fn usage(&self) -> Option<Usage> {
        self.seen.tally.usage.or(self.usage)
    }

    /// An answer of the array told of an error.
    pub fn has_failed(&self) -> bool {
        self.error
    }

    /// How much has passed of an answer in an array that has not ended.
    pub fn open(&self) -> Option<usize> {
        (self.array && self.place == Place::Inside).then(|| (self.passed - self.begun) as usize)
    }

    /// How much of the last piece stands behind the error.
    pub fn surplus(&self) -> usize {
        self.surplus
    }

    /// The text is an array of answers.
    pub fn is_array(&self) -> bool {
        self.array
    }

    pub fn place(&self) -> Place {
        self.place
    }
}

impl Default for ElementScan {
    fn default() -> Self {
        Self::new()
    }
}

fn seen() -> Seen {
    Seen::counting(Tally::new(Dialect::Gemini))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of a text, in pieces of every size: usage, answers, error and place.
    fn scanned(text: &str) -> (Option<Usage>, u32, bool, Place) {
        let scan = |size: usize| {
            let mut scan = ElementScan::new();
            let answers = text.as_bytes().chunks(size).map(|piece| scan.feed(piece)).sum();
            (scan.usage(), answers, scan.has_failed(), scan.place())
        };
        let whole = scan(text.len().max(1));
        for size in 1..text.len() {
            assert_eq!(scan(size), whole, "{text} by {size}");
        }
        whole
    }

    /// The last usage of the answers themselves counts, in an array and of a whole answer, and none that stands deeper.
    #[test]
    fn usage_is_read() {
        let deeper = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"args":{"usageMetadata":{"promptTokenCount":9}}}}]}}],"usage":{"prompt_tokens":9}"#;
        let usage = Some(Usage {
            input: 150,
            cached_input: 100,
            output: 28,
            reasoning: 12,
            audio_input: 18,
            audio_output: 6,
            ..Usage::NONE
        });
        let full = r#""usageMetadata":{"promptTokenCount":120,"cachedContentTokenCount":100,"candidatesTokenCount":16,"thoughtsTokenCount":12,"toolUsePromptTokenCount":30,"totalTokenCount":178,"promptTokensDetails":[{"tokenCount":7},{"modality":"TEXT","tokenCount":3,"x":[{"modality":"AUDIO","tokenCount":9}]},[{"modality":"AUDIO","tokenCount":9}],{"tokenCount":11,"modality":"AUDIO"},{"modality":"VIDEO","tokenCount":99},null,{"modality":"AUDIO"}],"toolUsePromptTokensDetails":[{"modality":"AUDIO","tokenCount":7}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":5}],"candidatesTokensDetails":[{"modality":4,"tokenCount":6},{"modality":1,"tokenCount":10}],"responseTokensDetails":{"modality":"AUDIO","tokenCount":5}}"#;
        assert_eq!(scanned(&format!("{deeper},{full}}}")), (usage, 1, false, Place::End));
        let first = format!("{deeper},\"usageMetadata\":{{\"promptTokenCount\":1}}}}");
        let none = r#"{"usageMetadata":{"trafficType":"ON_DEMAND"}}"#;
        let array = format!("[{first}\n,\r\n{deeper},{full}}}\n, {none}]\n");
        assert_eq!(scanned(&array), (usage, 3, false, Place::End));
        assert_eq!(scanned(&format!("{deeper}}}")), (None, 1, false, Place::End));
    }

    /// It is known how far an array has come, and that an answer in it is an error.
    #[test]
    fn ends_and_errors_are_known() {
        for (text, answers, error, place) in [
            ("", 0, false, Place::Nothing),
            ("[", 0, false, Place::Opening),
            ("[]", 0, false, Place::End),
            (r#"[{"a":1"#, 0, false, Place::Inside),
            (r#"[{"a":1}"#, 1, false, Place::Answer),
            (r#"[{"a":1}, "#, 1, false, Place::Comma),
            (r#"[{"a":1},]"#, 1, false, Place::Broken),
            (r#"[{"error":{"code":503}}]"#, 1, true, Place::Answer),
            (r#"[{"a":1},{"error":{"code":503}}, {"a":1}]"#, 2, true, Place::Answer),
            (r#"{"error":{"code":503}}"#, 1, false, Place::End),
            (r#"{"a":1"#, 0, false, Place::Inside),
            ("[7]", 0, false, Place::Broken),
            ("[{nonsense", 0, false, Place::Broken),
        ] {
            assert_eq!(scanned(text), (None, answers, error, place), "{text}");
        }
    }

    /// It is known how much has passed of an answer that has not ended.
    #[test]
    fn what_is_open_is_known() {
        for (pieces, open) in [
            (&[""][..], None),
            (&["[ "], None),
            (&[r#"{"a":"#], None),
            (&[r#"[{"a":1}"#], None),
            (&["[{"], Some(1)),
            (&[r#"[{"a":1}, {"b"#], Some(3)),
            (&[r#"[{"a":1}"#, r#",{"b":"#, "{} "], Some(8)),
        ] {
            let mut scan = ElementScan::new();
            for piece in pieces {
                scan.feed(piece.as_bytes());
            }
            assert_eq!(scan.open(), open, "{pieces:?}");
        }
    }

    /// What stands behind an error in an array is known, and is nothing where there is none.
    #[test]
    fn surplus_is_known() {
        for (pieces, surplus) in [
            (&[r#"[{"a":1},{"b":2}]"#][..], 0),
            (&[r#"[{"a":1},{"error":{"a":1}}"#], 0),
            (&[r#"[{"error":{"a":1}}]"#], 1),
            (&[r#"[{"error":"#, r#"{"a":1}},{"a":1}]"#], 9),
            (&[r#"[{"error":{"a":1}}"#, r#",{"a":1}]"#], 9),
        ] {
            let mut scan = ElementScan::new();
            for piece in pieces {
                scan.feed(piece.as_bytes());
            }
            assert_eq!(scan.surplus(), surplus, "{pieces:?}");
        }
    }
}
