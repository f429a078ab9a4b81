//! The tokens that an answer reports.

use super::brief;
use super::json::{Expected, Key, ROOT, Scanner, Sink, Value, Want, whole_number};
use super::sums::{google, with_thoughts};
use crate::contract::endpoint::Dialect;
use crate::contract::record::Usage;
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

/// First tag of the members of a usage object; a sink that holds a [`Tally`] keeps its own tags below.
pub(super) const TAGS: u8 = 32;
pub(super) const USAGE: u8 = TAGS;
const INPUT_DETAILS: u8 = TAGS + 1;
const OUTPUT_DETAILS: u8 = TAGS + 2;
const INPUT: u8 = TAGS + 3;
const OUTPUT: u8 = TAGS + 4;
const CACHED: u8 = TAGS + 5;
const CACHE_WRITE: u8 = TAGS + 6;
const REASONING: u8 = TAGS + 7;
const TOOL_PROMPT: u8 = TAGS + 8;
const TOTAL: u8 = TAGS + 9;
const CACHE_CREATION: u8 = TAGS + 10;
const CACHE_WRITE_HOUR: u8 = TAGS + 11;
const AUDIO_INPUT: u8 = TAGS + 12;
const AUDIO_OUTPUT: u8 = TAGS + 13;
const INPUT_PART: u8 = TAGS + 14;
const OUTPUT_PART: u8 = TAGS + 15;
const MODALITY: u8 = TAGS + 16;
const PART_COUNT: u8 = TAGS + 17;

/// Counts from a usage object whose value was asked for with `Want::Members(USAGE)`.
#[derive(Default)]
pub(super) struct Tally {
    dialect: Dialect,
    /// As the dialect counts.
    counts: Usage,
    /// What Google's dialect counts apart: what tools put into the prompt. And the sum of all.
    tool_prompt: u64,
    total: u64,
    /// Of the part at hand, which it counts apart too, whether it is sound, and how many tokens.
    part: (bool, u64),
    counted: bool,
    /// The last complete usage object that had a count.
    pub usage: Option<Usage>,
}

impl Tally {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// For a stream that has reported `so_far`. What a report of Anthropic's leaves out stays as it was reported
    /// before; what it names takes the place of that, and is not added.
    pub fn upon(dialect: Dialect, so_far: Option<Usage>) -> Self {
        let counts = match (dialect, so_far) {
            (Dialect::Anthropic, Some(usage)) => {
                let cached = usage.cached_input.saturating_add(usage.cache_write);
                Usage { input: usage.input.saturating_sub(cached), ..usage }
            }
            _ => Usage::default(),
        };
        Self { dialect, counts, ..Self::default() }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What is wanted of a member of the usage object.
    pub fn wants(&self, key: &Key<'_>) -> Want {
        match self.dialect {
            Dialect::OpenAi => Self::openai(key),
            Dialect::Anthropic => Self::anthropic(key),
            Dialect::Gemini => Self::gemini(key),
        }
    }

    fn openai(key: &Key<'_>) -> Want {
        match (key.path, key.name) {
            (USAGE, b"prompt_tokens" | b"input_tokens") => Want::Value(INPUT),
            (USAGE, b"completion_tokens" | b"output_tokens") => Want::Value(OUTPUT),
            // Transcriptions have the same in the singular.
            (USAGE, b"prompt_tokens_details" | b"input_tokens_details" | b"input_token_details") => {
                Want::Members(INPUT_DETAILS)
            }
            (USAGE, b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details") => {
                Want::Members(OUTPUT_DETAILS)
            }
            (INPUT_DETAILS, b"audio_tokens") => Want::Value(AUDIO_INPUT),
            (OUTPUT_DETAILS, b"audio_tokens") => Want::Value(AUDIO_OUTPUT),
            // Some servers have them outside of the details.
            (INPUT_DETAILS | USAGE, b"cached_tokens") | (USAGE, b"prompt_cache_hit_tokens") => {
                Want::Value(CACHED)
            }
            (USAGE, b"total_tokens") => Want::Value(TOTAL),
            (INPUT_DETAILS, b"cache_write_tokens") => Want::Value(CACHE_WRITE),
            (OUTPUT_DETAILS | USAGE, b"reasoning_tokens") => Want::Value(REASONING),
            _ => Want::Skip,
        }
    }

    fn anthropic(key: &Key<'_>) -> Want {
        match (key.path, key.name) {
            (USAGE, b"input_tokens") => Want::Value(INPUT),
            (USAGE, b"output_tokens") => Want::Value(OUTPUT),
            (USAGE, b"cache_read_input_tokens") => Want::Value(CACHED),
            (USAGE, b"cache_creation_input_tokens") => Want::Value(CACHE_WRITE),
            (USAGE, b"cache_creation") => Want::Members(CACHE_CREATION),
            (CACHE_CREATION, b"ephemeral_1h_input_tokens") => Want::Value(CACHE_WRITE_HOUR),
            (USAGE, b"output_tokens_details") => Want::Members(OUTPUT_DETAILS),
            (OUTPUT_DETAILS, b"thinking_tokens") => Want::Value(REASONING),
            _ => Want::Skip,
        }
    }

    fn gemini(key: &Key<'_>) -> Want {
        match (key.path, key.name) {
            (USAGE, b"promptTokenCount") => Want::Value(INPUT),
            (USAGE, b"candidatesTokenCount") => Want::Value(OUTPUT),
            (USAGE, b"cachedContentTokenCount") => Want::Value(CACHED),
            (USAGE, b"thoughtsTokenCount") => Want::Value(REASONING),
            (USAGE, b"toolUsePromptTokenCount") => Want::Value(TOOL_PROMPT),
            (USAGE, b"totalTokenCount") => Want::Value(TOTAL),
            (USAGE, b"promptTokensDetails" | b"toolUsePromptTokensDetails") => Want::Each(INPUT_PART),
            (USAGE, b"candidatesTokensDetails") => Want::Each(OUTPUT_PART),
            (INPUT_PART | OUTPUT_PART, b"modality") => Want::Value(MODALITY),
            (INPUT_PART | OUTPUT_PART, b"tokenCount") => Want::Value(PART_COUNT),
            _ => Want::Skip,
        }
    }

    /// One of the values that [`Tally::wants`] wanted, or the usage object's end.
    pub fn value(&mut self, tag: u8, value: Value<'_>) {
        let place = match tag {
            INPUT => &mut self.counts.input,
            OUTPUT => &mut self.counts.output,
            CACHED => &mut self.counts.cached_input,
            CACHE_WRITE => &mut self.counts.cache_write,
            REASONING => &mut self.counts.reasoning,
            CACHE_WRITE_HOUR => &mut self.counts.cache_write_hour,
            AUDIO_INPUT => &mut self.counts.audio_input,
            AUDIO_OUTPUT => &mut self.counts.audio_output,
            TOOL_PROMPT => &mut self.tool_prompt,
            TOTAL => &mut self.total,
            PART_COUNT => &mut self.part.1,
            MODALITY => {
                // Some of its clients ask for numbers in place of names.
                self.part.0 = matches!(value, Value::Text { text: b"AUDIO", .. } | Value::Number(b"4"));
                return;
            }
            INPUT_PART | OUTPUT_PART => {
                self.part(tag);
                return;
            }
            USAGE => {
                self.end();
                return;
            }
            _ => return,
        };
        if let Value::Number(text) = value
            && let Some(count) = whole_number(text)
        {
            *place = count;
            self.counted |= matches!(tag, INPUT | OUTPUT);
        }
    }

    /// A part of what was counted ends, or all of them do.
    fn part(&mut self, tag: u8) {
        let (sound, count) = std::mem::take(&mut self.part);
        if sound {
            let place =
                if tag == INPUT_PART { &mut self.counts.audio_input } else { &mut self.counts.audio_output };
            *place = place.saturating_add(count);
        }
    }

    fn end(&mut self) {
        let mut counts = self.counts;
        match self.dialect {
            Dialect::OpenAi => {
                self.counts = Usage::default();
                let total = std::mem::take(&mut self.total);
                counts.output = with_thoughts(counts.input, counts.output, counts.reasoning, total);
            }
            Dialect::Anthropic => {
                // There, input is what neither came from a cache nor went into one.
                let cached = counts.cached_input.saturating_add(counts.cache_write);
                counts.input = counts.input.saturating_add(cached);
            }
            Dialect::Gemini => {
                self.counts = Usage::default();
                counts =
                    google(counts, std::mem::take(&mut self.tool_prompt), std::mem::take(&mut self.total));
            }
        }
        if std::mem::take(&mut self.counted) {
            self.usage = Some(counts);
        }
    }
}

/// Reads a JSON answer as it passes, for the `usage` of its root.
///
/// Most of an answer is of no interest, so it is not parsed: the bytes `"usage"` are searched for, and from there
/// on the text is read as if the root had begun with them. If it was a member of the root, the text and that
/// root end together; if more text follows, it stood deeper, and the search goes on.
pub struct UsageScan {
    state: State,
    /// Bytes that the scanner was given, with the beginning that was made up.
    fed: u64,
    tally: Tally,
}

#[expect(clippy::large_enum_variant, reason = "lives in a pooled state, where its size is paid once")]
enum State {
    /// Number of bytes at the end of what has passed that may begin the key.
    Searching(usize),
    Reading(Scanner),
    Done,
}

const KEY: &[u8] = b"\"usage\"";
const ROOT_AND_KEY: &[u8] = b"{\"usage\"";
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KEY));

impl UsageScan {
    pub fn new(dialect: Dialect) -> Self {
        Self { state: State::Searching(0), fed: 0, tally: Tally::new(dialect) }
    }

    /// Takes the next piece. What is not JSON ends the scan and changes nothing else.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.take(bytes, |_| None);
    }

    /// Takes the last piece: the usual report is read without the scanner.
    pub fn feed_last(&mut self, bytes: &[u8]) {
        match self.tally.dialect {
            Dialect::OpenAi => self.take(bytes, brief::read),
            Dialect::Anthropic | Dialect::Gemini => self.feed(bytes),
        }
    }

    fn take(&mut self, mut bytes: &[u8], brief: impl Fn(&[u8]) -> Option<Usage>) {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Searching(begun) => match search(begun, bytes) {
                    Some(rest) => {
                        if let Some(usage) = brief(rest) {
                            self.tally.usage = Some(usage);
                            self.state = State::Done;
                            return;
                        }
                        self.begin();
                        rest
                    }
                    None => return,
                },
                State::Reading(scanner) => match scanner.feed(bytes, &mut self.tally) {
                    Ok(()) => {
                        self.fed += bytes.len() as u64;
                        return;
                    }
                    Err(fault) => {
                        let read = fault.at.saturating_sub(self.fed) as usize;
                        self.leave(fault.expected);
                        bytes.get(read..).unwrap_or_default()
                    }
                },
                State::Done => return,
            };
        }
    }

    /// Reads on as if the text had begun with the key.
    fn begin(&mut self) {
        let mut scanner = Scanner::new();
        self.tally = Tally::new(self.tally.dialect);
        self.fed = ROOT_AND_KEY.len() as u64;
        // The beginning of an object is always valid.
        self.state = match scanner.feed(ROOT_AND_KEY, &mut self.tally) {
            Ok(()) => State::Reading(scanner),
            Err(_) => State::Done,
        };
    }

    /// The text cannot be read on: it was no member of the root, or the text is broken.
    fn leave(&mut self, expected: Expected) {
        let deeper = expected == Expected::Nothing;
        if self.tally.usage.is_some() && !deeper {
            self.state = State::Done;
            return;
        }
        self.tally = Tally::new(self.tally.dialect);
        self.state = State::Searching(0);
    }

    /// The usage, if a whole usage object with a count in it has passed.
    pub fn usage(&self) -> Option<Usage> {
        self.tally.usage
    }
}

/// Looks for the key, of which the last piece may have had the first `begun` bytes; gives what follows it.
fn search<'b>(begun: &mut usize, bytes: &'b [u8]) -> Option<&'b [u8]> {
    // A quote begins the key and ends it, and occurs nowhere else in it: a broken match can only begin anew.
    while *begun > 0 {
        let want = &KEY[*begun..];
        let n = want.len().min(bytes.len());
        if bytes[..n] == want[..n] {
            *begun += n;
            if *begun < KEY.len() {
                return None;
            }
            *begun = 0;
            return Some(&bytes[n..]);
        }
        *begun = 0;
    }
    if let Some(at) = FINDER.find(bytes) {
        return Some(&bytes[at + KEY.len()..]);
    }
    let tail = &bytes[bytes.len().saturating_sub(KEY.len() - 1)..];
    *begun = (0..tail.len()).find(|from| KEY.starts_with(&tail[*from..])).map_or(0, |from| tail.len() - from);
    None
}

impl Sink for Tally {
    fn key(&mut self, key: &Key<'_>) -> Want {
        match (key.path, key.name) {
            (ROOT, b"usage") => Want::Members(USAGE),
            (ROOT, _) => Want::Skip,
            _ => self.wants(key),
        }
    }

    fn value(&mut self, tag: u8, value: Value<'_>, _: Range<u64>) {
        Tally::value(self, tag, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(body: &str, piece: usize) -> Option<Usage> {
        usage_in(Dialect::OpenAi, body, piece)
    }

    fn usage_in(dialect: Dialect, body: &str, piece: usize) -> Option<Usage> {
        let mut scan = UsageScan::new(dialect);
        let last = body.len() / piece * piece;
        body.as_bytes()[..last].chunks(piece).for_each(|bytes| scan.feed(bytes));
        scan.feed_last(&body.as_bytes()[last..]);
        scan.usage()
    }

    const FULL: Usage =
        Usage { input: 1500, cached_input: 1024, cache_write: 256, output: 90, reasoning: 40, ..Usage::NONE };

    /// Both families of names are read, in any pieces, from a real answer and from odd numbers.
    #[test]
    fn usage_is_read() {
        let chat = include_str!("../../../tests/fuzz/corpus/json/chat-response.json");
        let responses = r#"{"output":[{"usage":{"input_tokens":9}}],"usage":{"input_tokens":1.5e3,
            "input_tokens_details":{"cached_tokens":1024,"cache_write_tokens":256.0,"x":{"cached_tokens":7}},
            "output_tokens":90,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":1590}}"#;
        for piece in 1..40 {
            assert_eq!(usage(chat, piece), Some(FULL));
            assert_eq!(usage(responses, piece), Some(FULL));
        }
    }

    /// Some servers count outside of the details, and one counts thoughts in the sum alone.
    #[test]
    fn other_places_are_known() {
        let outside = r#"{"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"reasoning_tokens":1,
            "prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":4}}"#;
        let other_name =
            r#"{"usage":{"prompt_tokens":12,"completion_tokens":2,"cached_tokens":8,"reasoning_tokens":1}}"#;
        let apart = r#"{"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":14,
            "prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":1}}}"#;
        let expected = Usage { input: 12, cached_input: 8, output: 2, reasoning: 1, ..Usage::NONE };
        for piece in [1, 7, 1000] {
            for body in [outside, other_name, apart] {
                assert_eq!(usage(body, piece), Some(expected), "{body}");
            }
        }
    }

    /// Anthropic's input leaves out what the cache took and gave: here it is in, as in the other family; and each
    /// family's names mean nothing in the other.
    #[test]
    fn anthropic_input_includes_the_cache() {
        let message = r#"{"content":[{"type":"tool_use","input":{"usage":{"input_tokens":9}}}],"usage":{
            "input_tokens":220,"cache_creation_input_tokens":256,"cache_read_input_tokens":1024,
            "cache_creation":{"ephemeral_5m_input_tokens":256,"input_tokens":7},"output_tokens":90,
            "output_tokens_details":{"thinking_tokens":40},"server_tool_use":null,"prompt_tokens":5}}"#;
        let uncached = r#"{"usage":{"input_tokens":3,"cache_read_input_tokens":null,"output_tokens":4}}"#;
        let mixed = r#"{"usage":{"prompt_tokens":3,"cache_read_input_tokens":1,"completion_tokens":4}}"#;
        let few = Some(Usage { input: 3, output: 4, ..Usage::default() });
        for piece in 1..40 {
            assert_eq!(usage_in(Dialect::Anthropic, message, piece), Some(FULL));
            assert_eq!(usage_in(Dialect::Anthropic, uncached, piece), few);
            assert_eq!(usage_in(Dialect::Anthropic, mixed, piece), None);
            assert_eq!(usage_in(Dialect::OpenAi, mixed, piece), few);
        }
        let huge = r#"{"usage":{"input_tokens":99999999999999999999999,"cache_read_input_tokens":1}}"#;
        assert_eq!(usage_in(Dialect::Anthropic, huge, 5).map(|u| u.input), Some(u64::MAX));
    }

    /// What has a price of its own is counted apart: what a cache keeps for an hour, and sound; of a transcription, too.
    #[test]
    fn classes_within_are_counted() {
        let message = r#"{"usage":{"input_tokens":2,"cache_creation_input_tokens":30,"cache_read_input_tokens":0,
            "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":4}}"#;
        let cached = Usage { input: 32, cache_write: 30, cache_write_hour: 20, output: 4, ..Usage::NONE };
        let chat = r#"{"usage":{"prompt_tokens":9,"completion_tokens":8,"total_tokens":17,
            "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":5},
            "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":7,"accepted_prediction_tokens":0}}}"#;
        let sound = Usage { input: 9, output: 8, audio_input: 5, audio_output: 7, ..Usage::NONE };
        let heard = r#"{"text":"hi","usage":{"type":"tokens","input_tokens":14,
            "input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":3,"total_tokens":17}}"#;
        for piece in [1, 3, 7, 1000] {
            assert_eq!(usage_in(Dialect::Anthropic, message, piece), Some(cached));
            assert_eq!(usage(chat, piece), Some(sound));
            let told = Usage { input: 14, output: 3, audio_input: 14, ..Usage::NONE };
            assert_eq!(usage(heard, piece), Some(told));
        }
    }

    /// Google's thoughts and what its tools put into the prompt are counted, thoughts once, and where a report counts
    /// nothing the one before it stays.
    #[test]
    fn google_counts_apart() {
        let counts = Usage { input: 100, cached_input: 60, output: 20, reasoning: 12, ..Usage::NONE };
        let full = Usage { input: 130, output: 32, ..counts };
        assert_eq!(google(counts, 30, 162), full);
        assert_eq!(google(counts, 30, 0), full);
        assert_eq!(google(counts, 30, 150), Usage { output: 20, ..full });
        let none = Usage { reasoning: 0, ..counts };
        assert_eq!(google(none, 0, 120), none);
        assert_eq!(google(Usage { input: u64::MAX, ..counts }, 1, 7).input, u64::MAX);
    }

    /// No usage comes out of what reports none, and a broken end does not take a whole report back.
    #[test]
    fn absent_and_broken_usage() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"usage":null}"#,
            r#"{"usage":{}}"#,
            r#"{"usage":[{"input_tokens":1}]}"#,
            r#"{"usage":{"type":"duration","seconds":3}}"#,
            r#"{"usage":{"input_tokens":"7"}}"#,
            r#"{"usage":{"input_tokens":-7}}"#,
            r#"{"usage":{"input_tokens":7"#,
            r#"{"data":{"usage":{"input_tokens":7}}}"#,
            r#"[{"usage":{"input_tokens":7}}]"#,
            r#"{"a":"usage"}"#,
        ] {
            assert_eq!(usage(body, 3), None, "{body}");
        }
        let broken = r#"{"usage":{"prompt_tokens":7}, oops"#;
        assert_eq!(usage(broken, 64), Some(Usage { input: 7, ..Usage::default() }));
        let later = r#"{"a":{"usage":{"input_tokens":7},"b":"usage"},"c":["usage"],"usage":{"input_tokens":8},"d":[{}]}"#;
        for piece in 1..40 {
            assert_eq!(usage(later, piece).map(|u| u.input), Some(8), "{piece}");
        }
        let huge = r#"{"usage":{"prompt_tokens":99999999999999999999999}}"#;
        assert_eq!(usage(huge, 5).map(|u| u.input), Some(u64::MAX));
    }
}
