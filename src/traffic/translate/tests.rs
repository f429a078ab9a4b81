//! The matrix of formats, against files: `golden/requests/NAME.SPEECH.json` in every other speech, and
//! `golden/answers/NAME.SPEECH.json` (whole) or `.sse` (a stream) for every other speech's clients.
//!
//! `UPDATE_GOLDEN=1` rewrites what is expected; the first line of each case is what its input is.

mod known;
mod known_streams;
mod properties;
mod rough;

use super::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const SPEECHES: [(Speech, &str, &[&str]); 2] = [
    (Speech::OpenAi, "openai", &["gpt-5.2", "qwen3"]),
    (Speech::Anthropic, "anthropic", &["claude-opus-5-5", "claude-opus-5", "claude-sonnet-4-5"]),
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
        let Some(speech) = SPEECHES.iter().find(|(_, name, _)| file.split('.').nth(1) == Some(name)) else {
            continue;
        };
        if path.extension().is_none_or(|extension| extension != "txt") {
            cases.insert(file, (speech.0, fs::read(&path).expect("a case")));
        }
    }
    assert!(cases.len() >= 2, "no cases in {name}");
    cases
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
    Destination { speech, model, stream_usage: StreamUsage::Asked, unsupported }
}

/// Every request, as every other format's providers get it, or why they do not.
#[test]
fn requests_are_the_ones_on_file() {
    for (case, (from, body)) in cases("requests") {
        let mut made = String::new();
        for (speech, name, models) in SPEECHES.iter().filter(|(speech, ..)| *speech != from) {
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

fn is_stream(case: &str) -> bool {
    Path::new(case).extension().is_some_and(|extension| extension == "sse")
}

fn translation(from: Speech, to: Speech, form: Form) -> Translation {
    Translation::new(from, to, form, CREATED, true, Renamed::default())
}

/// What a client of `to` gets of this answer.
fn told(case: &str, from: Speech, to: Speech, form: Form, answer: &[u8]) -> Result<String, Fault> {
    let (mut translation, mut out) = (translation(from, to, form), vec![]);
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
        for (to, name, _) in SPEECHES.iter().filter(|(speech, ..)| *speech != from) {
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
        for (to, name, _) in SPEECHES.iter().filter(|(speech, ..)| *speech != from) {
            let Ok(stream) = told(&case, from, *to, Form::Stream, &answer) else { continue };
            let whole = told(&case, from, *to, Form::Whole, &answer).expect("as before");
            if stream.contains("\"error\"") {
                continue;
            }
            let whole: Value =
                serde_json::from_str(&whole).unwrap_or_else(|e| panic!("{case} {name}: {e} {whole}"));
            let together = match to {
                Speech::OpenAi => assemble::openai(&stream),
                Speech::Anthropic => assemble::anthropic(&stream),
            };
            assert_eq!(together, assemble::comparable(whole), "{case} for {name}");
        }
    }
}

/// A stream is the same however its bytes are cut, and in one piece or byte by byte.
#[test]
fn cuts_do_not_matter() {
    for (case, (from, answer)) in cases("answers").into_iter().filter(|(case, _)| is_stream(case)) {
        for (to, ..) in SPEECHES {
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
    assert_eq!(fault.message(), "The model's provider does not take: frob,store,seed,n.");
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
    assert_eq!(told["content"][0]["input"], serde_json::json!({}));
}

/// Clients that put streams together, as the official ones do.
mod assemble {
    use super::Value;
    use serde_json::json;

    /// Without what only one of the two forms has.
    pub fn comparable(mut whole: Value) -> Value {
        let Some(members) = whole.as_object_mut() else { return whole };
        members.remove("object");
        if let Some(choice) = members.get_mut("choices").and_then(|choices| choices.get_mut(0)) {
            choice.as_object_mut().expect("a choice").remove("logprobs");
            let message = choice["message"].as_object_mut().expect("a message");
            message.retain(|_, value| !value.is_null() && *value != "");
        }
        whole
    }

    fn data(stream: &str) -> impl Iterator<Item = Value> {
        let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).expect("JSON"))
    }

    fn append(place: &mut Value, text: &Value) {
        let joined = format!("{}{}", place.as_str().unwrap_or_default(), text.as_str().unwrap_or_default());
        *place = joined.into();
    }

    pub fn openai(stream: &str) -> Value {
        assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
        let (mut whole, mut message, mut finish) = (json!({}), json!({}), Value::Null);
        for chunk in data(stream) {
            for name in ["id", "created", "model", "usage"] {
                if !chunk[name].is_null() {
                    assert!(whole[name].is_null() || whole[name] == chunk[name], "{name} changes");
                    whole[name] = chunk[name].clone();
                }
            }
            let Some(choice) = chunk["choices"].get(0) else { continue };
            if !choice["finish_reason"].is_null() {
                assert!(finish.is_null(), "it ends twice");
                finish = choice["finish_reason"].clone();
            }
            for (name, value) in choice["delta"].as_object().expect("a delta") {
                match (name.as_str(), value) {
                    ("tool_calls", Value::Array(calls)) => {
                        for call in calls {
                            join_call(&mut message, call);
                        }
                    }
                    ("thinking_blocks", Value::Array(blocks)) => {
                        if message[name].is_null() {
                            message[name] = json!([]);
                        }
                        message[name].as_array_mut().expect("blocks").extend(blocks.iter().cloned());
                    }
                    ("role", value) => message[name] = value.clone(),
                    (_, value) => append(&mut message[name], value),
                }
            }
        }
        message.as_object_mut().expect("a message").retain(|_, value| *value != "");
        whole["choices"] = json!([{"index": 0, "message": message, "finish_reason": finish}]);
        whole
    }

    fn join_call(message: &mut Value, call: &Value) {
        if message["tool_calls"].is_null() {
            message["tool_calls"] = json!([]);
        }
        let index = call["index"].as_u64().expect("an index") as usize;
        let calls = message["tool_calls"].as_array_mut().expect("calls");
        assert!(index <= calls.len(), "calls are numbered in order");
        if index == calls.len() {
            let mut call = call.clone();
            call.as_object_mut().expect("a call").remove("index");
            calls.push(call);
        } else {
            append(&mut calls[index]["function"]["arguments"], &call["function"]["arguments"]);
        }
    }

    pub fn anthropic(stream: &str) -> Value {
        let mut message = Value::Null;
        let mut source = String::new();
        let mut open = None;
        for event in data(stream) {
            match event["type"].as_str().expect("a type") {
                "message_start" => message = event["message"].clone(),
                "content_block_start" => {
                    assert_eq!(open, None, "blocks overlap");
                    let content = message["content"].as_array_mut().expect("content");
                    assert_eq!(event["index"], content.len(), "blocks are numbered in order");
                    content.push(event["content_block"].clone());
                    open = event["index"].as_u64();
                    source.clear();
                }
                "content_block_delta" => {
                    assert_eq!(event["index"].as_u64(), open, "it is of the open block");
                    let block = &mut message["content"][open.expect("an open block") as usize];
                    for (name, value) in event["delta"].as_object().expect("a delta") {
                        match name.as_str() {
                            "type" => {}
                            "partial_json" => source += value.as_str().expect("a text"),
                            name => append(&mut block[name], value),
                        }
                    }
                }
                "content_block_stop" => {
                    let block = &mut message["content"][open.take().expect("an open block") as usize];
                    if block["type"] == "tool_use" && !source.is_empty() {
                        block["input"] = serde_json::from_str(&source).expect("JSON");
                    }
                }
                "message_delta" => {
                    for (name, value) in event["delta"].as_object().expect("a delta") {
                        message[name] = value.clone();
                    }
                    message["usage"] = event["usage"].clone();
                }
                "message_stop" => return message,
                "ping" => {}
                other => panic!("{other} is no event"),
            }
        }
        panic!("the stream does not end: {stream}");
    }
}
