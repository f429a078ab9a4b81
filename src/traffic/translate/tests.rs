//! The matrix of formats, against files: `golden/requests/NAME.SPEECH.json` in every other speech, and
//! `golden/answers/NAME.SPEECH.json` (whole), `.sse` or `.ndjson` (a stream) for every other speech's clients.
//!
//! `UPDATE_GOLDEN=1` rewrites what is expected; the first line of each case is what its input is.

mod amazon;
mod assemble;
mod classes;
mod count;
mod embeddings;
mod failures;
mod google;
mod items;
mod known;
mod known_streams;
mod lacking;
mod likely;
mod models;
mod properties;
mod providers;
mod requests;
mod rough;
mod rough_requests;
mod router;
mod search;
mod servers;

use super::frames::FrameKind;
use super::*;
use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The speeches, and the models to whose providers requests go in it.
const SPEECHES: [(Speech, &str, &[&str]); 8] = [
    (Speech::OpenAi, "openai", &["gpt-5.2", "qwen3"]),
    (Speech::Anthropic, "anthropic", &["claude-opus-5-5", "claude-opus-5", "claude-sonnet-4-5"]),
    (Speech::Gemini, "gemini", &["gemini-3.8-flash", "gemini-2.5-pro"]),
    (Speech::Responses, "responses", &["gpt-5.2-codex", "gpt-4.1"]),
    (Speech::Completions, "completions", &[]),
    (Speech::Embeddings, "embeddings", &[]),
    (Speech::Ollama, "ollama", &["qwen3", "gpt-oss:20b"]),
    (Speech::Cohere, "cohere", &["command-a-03-2025", "command-a-reasoning-08-2025"]),
];
/// Those in which clients are told of answers that may be streams.
const TOLD: [(Speech, &str); 5] = [
    (Speech::OpenAi, "openai"),
    (Speech::Anthropic, "anthropic"),
    (Speech::Gemini, "gemini"),
    (Speech::Responses, "responses"),
    (Speech::Completions, "completions"),
];
/// The same of what providers alone speak.
const PROVIDERS: [(Speech, &str, &[&str]); 3] = [
    (
        Speech::Bedrock,
        "bedrock",
        &[
            "us.anthropic.claude-opus-5-5",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "amazon.nova-2-lite-v1:0",
            "us.meta.llama3-3-70b-instruct-v1:0",
        ],
    ),
    (Speech::BedrockAnthropic, "bedrock-anthropic", &["anthropic.claude-opus-5"]),
    (Speech::VertexAnthropic, "vertex-anthropic", &["claude-sonnet-4-5@20250929"]),
];
/// What answers are told to have been made at.
const CREATED: u64 = 1_795_256_400;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/traffic/translate/golden").join(name)
}

/// Files of a folder by name, without what is expected of them.
fn cases(name: &str) -> BTreeMap<String, (Speech, Vec<u8>)> {
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(folder(name)).expect("a folder of cases") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let all = || SPEECHES.iter().chain(&PROVIDERS);
        let Some(speech) = all().find(|(_, name, _)| file.split('.').nth(1) == Some(name)) else {
            continue;
        };
        if path.extension().is_none_or(|extension| extension != "txt") {
            let mut case = fs::read(&path).expect("a case");
            if path.extension().is_some_and(|extension| extension == "frames") {
                case = framed(speech.0, &String::from_utf8(case).expect("text"));
            }
            cases.insert(file, (speech.0, case));
        }
    }
    assert!(cases.len() >= 2, "no cases in {name}");
    cases
}

/// A stream of frames from its readable form: in each line an event's name and its payload, `!` before exceptions.
fn framed(speech: Speech, lines: &str) -> Vec<u8> {
    let frame = |line: &str| {
        let (name, payload) = line.split_once(' ').expect("a name and a payload");
        match name.strip_prefix('!') {
            Some(name) => frames::writing::frame(FrameKind::Exception, name, payload.as_bytes()),
            None if speech == Speech::BedrockAnthropic => {
                let chunk = json!({ "bytes": STANDARD.encode(payload), "p": "abcd" }).to_string();
                frames::writing::frame(FrameKind::Event, name, chunk.as_bytes())
            }
            None => frames::writing::frame(FrameKind::Event, name, payload.as_bytes()),
        }
    };
    lines.lines().flat_map(frame).collect()
}

/// Holds `made` against the file, or writes the file.
fn expect(folder_name: &str, case: &str, made: &str) {
    let file = folder(folder_name).join(format!("{case}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, made).expect("a file that can be written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if made != expected {
        let line = made.lines().zip(expected.lines()).position(|(made, expected)| made != expected);
        let shown = |text: &str| text.lines().nth(line.unwrap_or_default()).unwrap_or_default().to_owned();
        panic!("{} line {line:?}:\nmade     {}\nexpected {}", file.display(), shown(made), shown(&expected));
    }
}

fn destination(speech: Speech, model: &str, unsupported: Unsupported) -> Destination<'_> {
    Destination {
        speech,
        model,
        stream_usage: StreamUsage::Asked,
        unsupported,
        betas: &[],
        shelf: None,
        on_vertex: false,
        parameters: Parameters::NONE,
    }
}

/// Every request, as every other format's providers get it, or why they do not.
#[test]
fn requests_are_the_ones_on_file() {
    for (case, (from, body)) in cases("requests") {
        let mut made = String::new();
        let embeds = |speech| embeddings_of(speech) || from != Speech::Embeddings;
        for (speech, name, models) in
            SPEECHES.iter().chain(&PROVIDERS).filter(|(speech, ..)| *speech != from && embeds(*speech))
        {
            for model in *models {
                _ = writeln!(made, "== {name} {model}");
                let mut out = vec![];
                match request(from, destination(*speech, model, Unsupported::Drop), &body, &mut out) {
                    Ok(translated) => {
                        let text = String::from_utf8(out).expect("text");
                        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{case} {model}: {text}");
                        _ = writeln!(made, "{text}\ndropped: {}", translated.dropped);
                    }
                    Err(fault) => _ = writeln!(made, "{:?}: {}", fault.kind, fault.message()),
                }
            }
        }
        expect("requests", &case, &made);
    }
}

/// Whether its providers have embeddings of their own, that are asked for in other words.
fn embeddings_of(speech: Speech) -> bool {
    !matches!(speech, Speech::OpenAi | Speech::Responses)
        && super::embeddings::answer::Source::of(speech).is_some()
}

fn is_stream(case: &str) -> bool {
    let extension = Path::new(case).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("sse" | "ndjson" | "frames"))
}

fn translation(from: Speech, to: Speech, form: Form) -> Translation {
    let translation = Translation::new(from, to, form, CREATED, true, Renamed::default());
    translation.known_as("req_1", "a-model")
}

/// What a client of `to` gets of this answer.
fn told(case: &str, from: Speech, to: Speech, form: Form, answer: &[u8]) -> Result<String, Fault> {
    let (mut translation, mut out) = (translation(from, to, form), vec![]);
    translation.read_as(if is_stream(case) { Form::Stream } else { Form::Whole });
    if is_stream(case) {
        translation.stream(answer, true, &mut out)?;
    } else {
        translation.whole(answer, &mut out)?;
    }
    Ok(String::from_utf8(out).expect("text"))
}

/// Every answer, as every other dialect's clients get it.
#[test]
fn answers_are_the_ones_on_file() {
    for (case, (from, answer)) in cases("answers") {
        let mut made = String::new();
        for (to, name) in TOLD.iter().filter(|(speech, _)| *speech != from) {
            let form = if is_stream(&case) { Form::Stream } else { Form::Whole };
            match told(&case, from, *to, form, &answer) {
                Ok(text) => _ = writeln!(made, "== {name}\n{text}"),
                Err(fault) => _ = writeln!(made, "== {name}\n{:?}", fault.kind),
            }
        }
        expect("answers", &case, &made);
    }
}

/// A stream that is put together again is the answer that the same events make as a whole.
#[test]
fn streams_are_whole_answers_in_pieces() {
    for (case, (from, answer)) in cases("answers").into_iter().filter(|(case, _)| is_stream(case)) {
        for (to, name) in TOLD.iter().filter(|(speech, _)| *speech != from) {
            let Ok(stream) = told(&case, from, *to, Form::Stream, &answer) else { continue };
            let whole = told(&case, from, *to, Form::Whole, &answer).expect("as before");
            let verbatim = (Crossing { client: *to, provider: from }).is_verbatim();
            if stream.contains("\"error\":{") || verbatim {
                continue;
            }
            let whole: Value =
                serde_json::from_str(&whole).unwrap_or_else(|e| panic!("{case} {name}: {e} {whole}"));
            assert_eq!(assemble::answer(*to, &stream), assemble::comparable(whole), "{case} for {name}");
        }
    }
}

/// A stream is the same however its bytes are cut, and in one piece or byte by byte.
#[test]
fn cuts_do_not_matter() {
    for (case, (from, answer)) in cases("answers").into_iter().filter(|(case, _)| is_stream(case)) {
        for (to, _) in TOLD {
            let at_once = told(&case, from, to, Form::Stream, &answer).map_err(|fault| fault.kind);
            for step in [1, 2, 3, 7, 64, 1000] {
                let (mut translation, mut out) = (translation(from, to, Form::Stream), vec![]);
                let (mut held, mut result) = (vec![], Ok(()));
                for (index, piece) in answer.chunks(step).enumerate() {
                    held.extend_from_slice(piece);
                    let last = (index + 1) * step >= answer.len();
                    match translation.stream(&held, last, &mut out) {
                        Ok(passed) => _ = held.drain(..passed.consumed),
                        Err(fault) => {
                            result = Err(fault.kind);
                            break;
                        }
                    }
                }
                let in_pieces = result.map(|()| String::from_utf8(out).expect("text"));
                assert_eq!(in_pieces, at_once, "{case} in steps of {step}");
            }
        }
    }
}

/// An answer of which nothing says in what form it is, is in the one that it has, in whatever pieces it comes.
#[test]
fn forms_are_seen() {
    let mut answers = 0;
    for (case, (from, answer)) in cases("answers") {
        let form = if is_stream(&case) { Form::Stream } else { Form::Whole };
        for (to, _) in TOLD {
            let expected = told(&case, from, to, form, &answer).map_err(|fault| fault.kind);
            for step in [1, answer.len()] {
                let (mut translation, mut out) = (translation(from, to, form), vec![]);
                translation.read_as_it_looks();
                let (mut held, mut result) = (vec![], Ok(()));
                for (index, piece) in answer.chunks(step).enumerate() {
                    held.extend_from_slice(piece);
                    match translation.advance(&held, (index + 1) * step >= answer.len(), &mut out) {
                        Ok(passed) => _ = held.drain(..passed.consumed),
                        Err(fault) => {
                            result = Err(fault.kind);
                            break;
                        }
                    }
                }
                assert_eq!(result.map(|()| String::from_utf8(out).expect("text")), expected, "{case}");
                answers += 1;
            }
        }
    }
    assert!(answers > 400, "{answers}");
    for page in ["<html>", "", " \n", "\u{1}"] {
        let mut translation = translation(Speech::OpenAi, Speech::Anthropic, Form::Whole);
        translation.read_as_it_looks();
        let refused = translation.advance(page.as_bytes(), true, &mut vec![]).map_err(|fault| fault.kind);
        assert_eq!(refused.map(|_| ()), Err(FaultKind::UpstreamUnreadable), "{page:?}");
    }
}

/// A last event without its blank line, or a last line without its end, is the last one, and nothing is told twice.
#[test]
fn last_events_need_no_end() {
    let mut streams = 0;
    for (case, (from, answer)) in cases("answers").into_iter().filter(|(case, _)| is_stream(case)) {
        let cut = answer.trim_ascii_end();
        for (to, _) in TOLD {
            let Ok(told_whole) = told(&case, from, to, Form::Stream, &answer) else { continue };
            let told_cut = told(&case, from, to, Form::Stream, cut).expect("as before");
            assert_eq!(told_cut, told_whole, "{case}");
            streams += 1;
        }
    }
    assert!(streams > 40, "{streams}");
}

/// Parameters that a format does not have are refused by name where the operator wants that.
#[test]
fn losses_are_refused_by_name() {
    let body =
        br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":7,"n":2,"frob":1,"store":true}"#;
    let refused = request(
        Speech::OpenAi,
        destination(Speech::Anthropic, "claude-opus-5", Unsupported::Refuse),
        body,
        &mut vec![],
    );
    let fault = refused.err().expect("it is refused");
    assert_eq!(fault.message(), "The model's provider does not take: frob,store,n,seed.");
}

/// Names of tools that a provider does not take come back as the client wrote them.
#[test]
fn names_come_back() {
    let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"mcp/files.read","input_schema":{"type":"object"}}]}"#;
    let mut out = vec![];
    let to = destination(Speech::OpenAi, "gpt-5", Unsupported::Drop);
    let translated = request(Speech::Anthropic, to, body, &mut out).expect("valid");
    let sent: Value = serde_json::from_slice(&out).expect("JSON");
    let alias = sent["tools"][0]["function"]["name"].as_str().expect("a name").to_owned();
    assert!(alias.starts_with("mcp_files_read_"), "{alias}");
    let answer = format!(
        r#"{{"id":"1","model":"m","choices":[{{"message":{{"tool_calls":[{{"id":"c","function":{{"name":"{alias}","arguments":""}}}}]}},"finish_reason":"tool_calls"}}]}}"#
    );
    let mut translation =
        Translation::new(Speech::OpenAi, Speech::Anthropic, Form::Whole, 0, true, translated.renamed);
    let mut told = vec![];
    translation.whole(answer.as_bytes(), &mut told).expect("valid");
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    assert_eq!(told["content"][0]["name"], "mcp/files.read");
    assert_eq!(told["content"][0]["input"], json!({}));
}

/// A stream that does not begin, begins twice or opens a block in another is refused, and nobody panics.
#[test]
fn disorder_is_refused() {
    let start = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\"}}\n\n";
    let block = "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let stop = "data: {\"type\":\"message_stop\"}\n\n";
    for stream in
        [stop.to_owned(), format!("{block}{stop}"), [start, start].concat(), [start, block, block].concat()]
    {
        for (to, _) in TOLD {
            let refused = told("x.sse", Speech::Anthropic, to, Form::Stream, stream.as_bytes());
            assert_eq!(refused.map_err(|fault| fault.kind), Err(FaultKind::UpstreamUnreadable), "{stream}");
        }
    }
}
