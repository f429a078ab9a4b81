//! The fuzz targets over their seeds, and over mutations of them that follow from one number.
//!
//! `cargo test --test fuzz` takes a few seconds. To look longer:
//!
//! ```text
//! FUZZ_RUNS=10000000 cargo test --release --test fuzz
//! ```
//!
//! Each target takes `FUZZ_RUNS` mutations. They follow from `FUZZ_SEED` (printed; without it the same every time,
//! so that a failure is a change of the code). What fails is printed as hex with its seed; once it is understood it
//! becomes a file in `corpus/`, where every run begins.

#![expect(clippy::print_stdout, reason = "a test's progress is its output")]
#![expect(clippy::panic, reason = "a failing input is told with its bytes, which no assertion's text has")]

mod dialect;
mod formats;
mod frames;
mod http;
mod translate;

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Mutations of each target without `FUZZ_RUNS`.
const RUNS: u64 = 10_000;
/// Where the numbers begin without `FUZZ_SEED`.
const SEED: u64 = 0x51f3;
/// Longest input, in bytes. Targets look at every cut of small inputs, and time grows with the square.
const INPUT_BYTES_MAX: usize = 8 * 1024;

/// A request head that is accepted has one framing under any reading.
#[test]
fn head() {
    run(
        "head",
        http::head,
        &[b"\r\n", b"content-length: 1\r\n", b"transfer-encoding: chunked\r\n", b": ", b"\r\n\r\n"],
    );
}

/// A response head that is accepted has one framing under any reading.
#[test]
fn response() {
    run(
        "response",
        http::response,
        &[b"\r\n", b"content-length: 1\r\n", b"transfer-encoding: chunked\r\n", b"HTTP/1.1 "],
    );
}

/// A chunked body has one payload, however it arrives.
#[test]
fn chunked() {
    run("chunked", http::chunked, &[b"\r\n", b"0\r\n\r\n", b"1\r\nx\r\n", b";a=b", b"ffff"]);
}

/// A JSON body is read as an independent parser reads it, however it is cut.
#[test]
fn json() {
    let words: [&[u8]; 7] =
        [b"\"model\":\"x\",", b"\"stream\":true,", b"\\u006d", b"\"", b"{", b"}", b"\"stream_options\":{},"];
    run("json", dialect::json, &words);
}

/// A report of usage is read alike by the scanner and by the short way through usual reports.
#[test]
fn usage() {
    let words: [&[u8]; 12] = [
        b"\"usage\":{",
        b"\"prompt_tokens\":",
        b"\"output_tokens\":",
        b"\"prompt_tokens_details\":{",
        b"\"cached_tokens\":",
        b"\"cache_read_input_tokens\":",
        b"\"cache_creation_input_tokens\":7,",
        b"null",
        b"1e2",
        b"},",
        b"\"us\\u0061ge\":{\"input_tokens\":1},",
        b"\"usage\":{\"input_tokens\":1},",
    ];
    run("usage", dialect::usage, &words);
}

/// A form is read alike however it is cut.
#[test]
fn multipart() {
    run(
        "multipart",
        dialect::multipart,
        &[b"\r\n--", b"--", b"name=\"model\"", b"\r\n\r\n", b"Content-Disposition: "],
    );
}

/// What streams are made of.
const STREAM_WORDS: &[&[u8]] = &[
    b"data: ",
    b"\n\n",
    b"\r\n\r\n",
    b"event: ",
    b"[DONE]",
    b"\"usage\":{",
    b"\"choices\":[]",
    b"message_stop",
];

/// A stream passes unchanged but for the usage that is hidden, however it is cut.
#[test]
fn sse() {
    run("sse", dialect::sse, STREAM_WORDS);
}

/// A stream gives the same whether it comes whole, byte by byte or in two parts.
#[test]
fn sse_cut() {
    for (file, input) in &corpus("sse") {
        judge("sse", dialect::sse_cut_everywhere, input, file);
    }
    run("sse", dialect::sse_cut, STREAM_WORDS);
}

/// A request of any bytes is refused or translated.
#[test]
fn formats_request() {
    let words: [&[u8]; 8] = [
        b"\"role\":\"user\",",
        b"\"content\":[",
        b"\"parts\":[",
        b"\"type\":\"text\",",
        b"\\u0022",
        b"{}",
        b"null",
        b"\"id\":\"_-gid-_AA\",",
    ];
    run("formats_request", formats::request, &words);
}

/// An answer of any bytes is refused or translated.
#[test]
fn formats_answer() {
    let words: [&[u8]; 8] = [
        b"data: ",
        b"\n\n",
        b"{}",
        b"null",
        b"\"index\":0,",
        b"\"finishReason\":\"STOP\",",
        b"\"text\":\"\",",
        b"\"thoughtSignature\":\"AA\",",
    ];
    run("formats_answer", formats::answer, &words);
}

/// A request to complete or to embed is refused or translated, whatever its bytes.
#[test]
fn operations_request() {
    let words: [&[u8]; 8] = [
        b"\"prompt\":",
        b"\"input\":[",
        b"\"suffix\":\"x\",",
        b"\"dimensions\":3,",
        b"\"input_type\":\"query\",",
        b"\"stop\":[\"x\"],",
        b"\\u0022",
        b"null",
    ];
    run("operations_request", formats::operation, &words);
}

/// An answer of a provider with a format of its own is refused or translated, whatever its bytes.
#[test]
fn operations_answer() {
    let words: [&[u8]; 9] = [
        b"data: ",
        b"\n\n",
        b"\n",
        b"{}",
        b"\"done\":true,",
        b"{\"type\":\"tool-call-end\"}",
        b"\"tool_calls\":[{\"function\":{\"name\":\"f\"}}],",
        b"\"embeddings\":[[1.5]],",
        b"null",
    ];
    run("operations_answer", formats::native_answer, &words);
}

/// Frames of a stream are found alike however they are cut, and what is none is refused.
#[test]
fn frames() {
    run(
        "frames",
        frames::frames,
        &[b"\0\0\0\x10\0\0\0\0", b"\x0d:message-type\x07\0\x05event", b"\xff\xff\xff\xff"],
    );
}

/// Events of any payload in sound frames are refused or told.
#[test]
fn framed() {
    let words: [&[u8]; 12] = [
        b"\nmessageStart {}",
        b"\ncontentBlockStart {\"start\":{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"n\"}}}",
        b"\ncontentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"x\"}}",
        b"\ncontentBlockDelta {\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}",
        b"\ncontentBlockStop {}",
        b"\nmessageStop {\"stopReason\":\"tool_use\"}",
        b"\nmetadata {\"usage\":{\"inputTokens\":1}}",
        b"\n!validationException {}",
        b"\nchunk {\"bytes\":\"e30=\"}",
        b"\"reasoningContent\":{\"signature\":\"s\"},",
        b"\\ud83e",
        b"null",
    ];
    run("framed", frames::framed, &words);
}

/// Requests cross into every format, or are refused for what is wrong with them.
#[test]
fn translate_request() {
    let words: [&[u8]; 14] = [
        b"\"role\":\"assistant\",",
        b"\"role\":\"tool\",\"tool_call_id\":\"c\",",
        b"\"role\":\"system\",",
        b"\"content\":[",
        b"\"content\":\"x\",",
        b"{\"type\":\"text\",\"text\":\"x\"},",
        b"{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"},",
        b"{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}},",
        b"{\"type\":\"tool_result\",\"tool_use_id\":\"c\"},",
        b"\"tool_calls\":[],",
        b"\"reasoning_effort\":\"high\",",
        b"\"stream\":true,",
        b"\\ud83e",
        b"null",
    ];
    run("translate-request", translate::request, &words);
}

/// What other vendors' models left in a history is cut out of it.
#[test]
fn foreign() {
    let words: [&[u8]; 8] = [
        b"{\"type\":\"thinking\",\"signature\":\"gemini:s\"},",
        b"{\"type\":\"thinking\",\"signature\" : \"\"}",
        b"\"thought\":true,\"thoughtSignature\":\"cmluZ2dhdGU6dGhvdWdodDp4\",",
        b"{\"type\":\"reasoning\",\"encrypted_content\":\"ringgate:1:\"},",
        b"\"tool_call_id\":\"x_-gid-_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",",
        b"\"id\":\"x_-sig-_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",",
        b"[]",
        b"{}",
    ];
    run("foreign", translate::foreign, &words);
}

/// Answers cross into every dialect, or are refused, however they are cut.
#[test]
fn translate_answer() {
    let words: [&[u8]; 13] = [
        b"data: ",
        b"\n\n",
        b"\r\n\r\n",
        b"[DONE]",
        b"\"finish_reason\":\"stop\"",
        b"\"content\":\"x\",",
        b"{\"index\":1,\"id\":\"d\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}},",
        b"data: {\"type\":\"content_block_stop\"}\n\n",
        b"data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"x\"}}\n\n",
        b"data: {\"type\":\"message_stop\"}\n\n",
        b"data: {\"type\":\"ping\"}\n\n",
        b"\\ud83e",
        b"null",
    ];
    run("translate-answer", translate::answer, &words);
}

/// Runs a target over its corpus, then over mutations of it. `words` are what inputs of this kind are made of.
fn run(name: &str, target: fn(&[u8]), words: &[&[u8]]) {
    let corpus = corpus(name);
    let (seed, runs) = (number("FUZZ_SEED", SEED), number("FUZZ_RUNS", RUNS));
    println!("{name}: {} seeds, {runs} mutations, FUZZ_SEED={seed:#x}", corpus.len());
    for (file, input) in &corpus {
        judge(name, target, input, file);
    }
    let mut random = Random::new(seed);
    let mut input = Vec::new();
    for turn in 0..runs {
        mutate(&mut input, &corpus, words, &mut random);
        judge(name, target, &input, &format!("mutation {turn} of FUZZ_SEED={seed:#x}"));
    }
}

fn judge(name: &str, target: fn(&[u8]), input: &[u8], origin: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let hex = input.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes everything");
            hex
        });
        panic!("{name} fails on {origin}: {} bytes, hex {hex}", input.len());
    }
}

/// The seeds of a target with the names of their files, in the order of these.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut corpus: Vec<_> = fs::read_dir(&folder)
        .expect("a target has seeds")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let file = path.file_name().expect("a file").to_string_lossy().into_owned();
            (file, fs::read(&path).expect("a seed is readable"))
        })
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

/// A number from the environment, in decimal or as `0x…`.
fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("{name} is a number, not {text:?}"))
}

/// Puts a seed into `input`, changed in a few places.
fn mutate(input: &mut Vec<u8>, corpus: &[(String, Vec<u8>)], words: &[&[u8]], random: &mut Random) {
    input.clear();
    input.extend_from_slice(&random.one_of(corpus).1);
    for _ in 0..=random.below(4) {
        change(input, corpus, words, random);
    }
    input.truncate(INPUT_BYTES_MAX);
}

fn change(input: &mut Vec<u8>, corpus: &[(String, Vec<u8>)], words: &[&[u8]], random: &mut Random) {
    /// Bytes that parsers look for.
    const TELLING: &[u8] = b"\r\n\t \0\x7f\xff:;,\"\\{}[]0-";
    let at = random.below(input.len() + 1);
    let span = at..input.len().min(at + 1 + random.below(16));
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = *random.one_of(TELLING),
        2 => input.insert(at, *random.one_of(TELLING)),
        3 => drop(input.drain(span)),
        4 => {
            let copy = input[span].to_vec();
            input.splice(at..at, copy);
        }
        5 => {
            let word = random.one_of(words);
            input.splice(at..at, word.iter().copied());
        }
        6 => input.truncate(at),
        _ => {
            let other = &random.one_of(corpus).1;
            let from = random.below(other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
    }
}

/// Marsaglia's xorshift64: the same numbers for the same seed, on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Zero would stay zero, and seeds that differ little would begin alike.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A seed gives the same mutations again, and another seed gives others.
#[test]
fn mutations_follow_from_the_seed() {
    let corpus = corpus("head");
    let words: [&[u8]; 1] = [b"\r\n"];
    let series = |seed| {
        let (mut random, mut input) = (Random::new(seed), Vec::new());
        (0..50)
            .map(|_| {
                mutate(&mut input, &corpus, &words, &mut random);
                input.clone()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(series(1), series(1));
    assert_ne!(series(1), series(2));
}

/// An input that fails is told with its target, its origin and its bytes.
#[test]
fn failures_are_told() {
    fn picky(data: &[u8]) {
        assert_ne!(data, b"\x01\xab");
    }
    let failure = catch_unwind(|| judge("picky", picky, b"\x01\xab", "seed 7")).expect_err("it fails");
    let message = failure.downcast_ref::<String>().expect("a message");
    assert_eq!(message, "picky fails on seed 7: 2 bytes, hex 01ab");
}
