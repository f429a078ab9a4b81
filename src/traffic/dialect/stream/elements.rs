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
    usage: Option<Usage>,
    error: bool,
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
            usage: None,
            error: false,
        }
    }

    /// Takes the next piece; gives how many answers end in it.
    pub fn feed(&mut self, bytes: &[u8]) -> u32 {
        let (mut at, mut answers) = (0, 0);
        while at < bytes.len() && !matches!(self.place, Place::End | Place::Broken) {
            if self.place != Place::Inside {
                at += self.step(bytes[at]);
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
            (r#"[{"error":{"code":503}}]"#, 1, true, Place::End),
            (r#"{"error":{"code":503}}"#, 1, false, Place::End),
            (r#"{"a":1"#, 0, false, Place::Inside),
            ("[7]", 0, false, Place::Broken),
            ("[{nonsense", 0, false, Place::Broken),
        ] {
            assert_eq!(scanned(text), (None, answers, error, place), "{text}");
        }
    }
}
