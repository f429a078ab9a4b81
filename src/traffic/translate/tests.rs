//! The matrix of formats, against files: `golden/requests/NAME.SPEECH.json` in every other speech, and
//! `golden/answers/NAME.SPEECH.json` (whole) or `.sse` (a stream) for every other speech's clients.
//!
//! `UPDATE_GOLDEN=1` rewrites what is expected; the first line of each case is what its input is.

mod known;
mod known_streams;
mod properties;
mod rough;

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const SPEECHES: [(Speech, &str, &[&str]); 3] = [
    (Speech::OpenAi, "openai", &["gpt-5.2", "qwen3"]),
    (Speech::Anthropic, "anthropic", &["claude-opus-5-5", "claude-opus-5", "claude-sonnet-4-5"]),
    (Speech::Gemini, "gemini", &["gemini-3.8-flash", "gemini-2.5-pro"]),
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
                Speech::Gemini => assemble::gemini(&stream),
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
        for (to, ..) in SPEECHES {
            let refused = told("x.sse", Speech::Anthropic, to, Form::Stream, stream.as_bytes());
            assert_eq!(refused.map_err(|fault| fault.kind), Err(FaultKind::UpstreamUnreadable), "{stream}");
        }
    }
}

/// What the fixture of this stream promises.
#[test]
fn usage_and_calls_are_the_promised_ones() {
    let answer = fs::read(folder("answers").join("tools.gemini.sse")).expect("a case");
    let stream = told("x.sse", Speech::Gemini, Speech::OpenAi, Form::Stream, &answer).expect("valid");
    let whole = assemble::openai(&stream);
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], r#"{"city":"Oslo"}"#);
    assert_eq!(choice["message"]["tool_calls"][1]["function"]["arguments"], r#"{"city":"Riga"}"#);
    let usage = &whole["usage"];
    let counts = ["prompt_tokens", "completion_tokens", "total_tokens"].map(|name| usage[name].clone());
    assert_eq!(counts, [120, 28, 148]);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 100);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 12);
}

/// The body that a client's request is for a model.
fn sent(from: Speech, to: Speech, model: &str, body: &Value) -> Value {
    let mut out = vec![];
    let body = body.to_string();
    request(from, destination(to, model, Unsupported::Drop), body.as_bytes(), &mut out).expect("valid");
    serde_json::from_slice(&out).expect("JSON")
}

/// The answer that a client of `to` puts together from this stream.
fn received(from: Speech, to: Speech, stream: &[u8]) -> Value {
    let stream = told("x.sse", from, to, Form::Stream, stream).expect("valid");
    match to {
        Speech::OpenAi => assemble::openai(&stream),
        Speech::Anthropic => assemble::anthropic(&stream),
        Speech::Gemini => assemble::gemini(&stream),
    }
}

/// A Gemini stream of one call of `f`.
fn one_call(answer: &str, signature: &str) -> Vec<u8> {
    let chunk = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": signature}]}, "finishReason": "STOP"}], "modelVersion": "m", "responseId": answer});
    format!("data: {chunk}\r\n\r\n").into_bytes()
}

/// The steps' calls with their signatures, each as it was, on the part that it came with.
fn assert_signed(sent: &Value) {
    let signatures = |content: usize| -> Vec<&Value> {
        let parts = sent["contents"][content]["parts"].as_array().expect("parts");
        let calls = parts.iter().filter(|part| !part["functionCall"].is_null());
        calls.map(|part| part.get("thoughtSignature").unwrap_or(&Value::Null)).collect()
    };
    assert_eq!(signatures(1), [&Value::from("c2lnLWI="), &Value::Null], "{sent}");
    assert_eq!(signatures(3), [&Value::from("a+/8")], "{sent}");
    let names: Vec<_> = sent["contents"][2]["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .map(|part| &part["functionResponse"]["name"])
        .collect();
    assert_eq!(names, ["get_weather", "get_weather"]);
    assert_eq!(sent["contents"][4]["parts"][0]["functionResponse"]["name"], "f");
}

/// Signatures of a model's calls come back to it through a client of chat completions, in the second turn and the third.
#[test]
fn signatures_survive_chat_completions() {
    let mut messages = vec![json!({"role": "user", "content": "go"})];
    let fixture = fs::read(folder("answers").join("tools.gemini.sse")).expect("a case");
    for stream in [fixture, one_call("r2", "a+/8")] {
        let message = received(Speech::Gemini, Speech::OpenAi, &stream)["choices"][0]["message"].clone();
        let calls = message["tool_calls"].as_array().expect("calls").clone();
        // As a typed client keeps it: without members that it does not know.
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        for call in calls.iter().rev() {
            messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "ok"}));
        }
    }
    let body = json!({"model": "m", "messages": messages});
    assert_signed(&sent(Speech::OpenAi, Speech::Gemini, "gemini-3.8-flash", &body));
    let other = sent(Speech::OpenAi, Speech::Anthropic, "claude-opus-5", &body);
    let id = other["messages"][1]["content"][0]["id"].as_str().expect("an id");
    assert!(id.len() <= 64 && other["messages"][2]["content"][1]["tool_use_id"] == id, "{other}");
}

/// The same through a client of messages, which keeps thoughts too.
#[test]
fn signatures_survive_messages() {
    let mut messages = vec![json!({"role": "user", "content": "go"})];
    let fixture = fs::read(folder("answers").join("tools.gemini.sse")).expect("a case");
    for stream in [fixture, one_call("r2", "a+/8")] {
        let content = received(Speech::Gemini, Speech::Anthropic, &stream)["content"].clone();
        let blocks = content.as_array().expect("content");
        let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
        let results: Vec<_> = calls
            .rev()
            .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}))
            .collect();
        messages.push(json!({"role": "assistant", "content": content}));
        messages.push(json!({"role": "user", "content": results}));
    }
    let body = json!({"model": "m", "max_tokens": 9, "messages": messages});
    assert_signed(&sent(Speech::Anthropic, Speech::Gemini, "gemini-3.8-flash", &body));
}

/// Another provider's proof comes back to it through a client of Gemini, which writes base64 in an alphabet of its own.
#[test]
fn proofs_survive_gemini() {
    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\"}}\n\n".to_owned()
        + "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n"
        + "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm\"}}\n\n"
        + "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"Eq>QB+/_8==\"}}\n\n"
        + "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        + "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"xY?+/\"}}\n\n"
        + "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
        + "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
    let mut content =
        received(Speech::Anthropic, Speech::Gemini, stream.as_bytes())["candidates"][0]["content"].clone();
    for part in content["parts"].as_array_mut().expect("parts") {
        let signature = part["thoughtSignature"].as_str().expect("a signature");
        part["thoughtSignature"] = signature.replace('+', "-").replace('/', "_").replace('=', "").into();
    }
    // A client may also keep the pieces as they came.
    let parts = content["parts"].as_array_mut().expect("parts");
    parts.insert(0, json!({"text": "H", "thought": true}));
    parts[1]["text"] = "m".into();
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "go"}]}, content]});
    let back = sent(Speech::Gemini, Speech::Anthropic, "claude-opus-5", &body);
    let thoughts = json!([{"type": "thinking", "thinking": "Hm", "signature": "Eq>QB+/_8=="}, {"type": "redacted_thinking", "data": "xY?+/"}]);
    assert_eq!(back["messages"][1]["content"], thoughts);
}

/// A client that asks for a stream in the URL has it asked for in the body of another format.
#[test]
fn the_form_may_stand_in_the_url() {
    let body = br#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
    for (form, streams) in [(Form::Stream, true), (Form::Whole, false)] {
        let mut out = vec![];
        let to = destination(Speech::OpenAi, "gpt-5", Unsupported::Drop);
        request_in_form(Speech::Gemini, Some(form), to, body, &mut out).expect("valid");
        let sent: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(sent["stream"] == true, streams, "{sent}");
    }
}

/// A call's arguments wait for its end up to a bound.
#[test]
fn what_waits_is_bounded() {
    use crate::base::limits::HELD_CALL_BYTES;
    let chunk = |arguments: &str| {
        let chunk = json!({"id": "1", "model": "m", "choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": arguments}}]}}]});
        format!("data: {chunk}\n\n").into_bytes()
    };
    let (mut translation, mut out) = (translation(Speech::OpenAi, Speech::Gemini, Form::Stream), vec![]);
    translation.stream(&chunk(&" ".repeat(HELD_CALL_BYTES)), false, &mut out).expect("it waits");
    let over = translation.stream(&chunk(" "), false, &mut out).expect_err("it is too much");
    assert_eq!(over.kind, FaultKind::UpstreamUnreadable);
    assert!(!out.windows(12).any(|bytes| bytes == b"functionCall"), "nothing of it is told");
}

/// Errors of this provider are what they mean to clients of another dialect, in an array too, and the other way round.
#[test]
fn errors_are_told_in_every_dialect() {
    let told = |from, to, status, body: &str| {
        let mut out = vec![];
        let status = failure::answer(from, to, status, body.as_bytes(), &mut out);
        (status, serde_json::from_slice::<Value>(&out).expect("JSON")["error"].clone())
    };
    let quota = r#"{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"23s"}]}}"#;
    for body in [quota.to_owned(), format!("[{quota}]")] {
        let (status, error) = told(Speech::Gemini, Speech::OpenAi, 429, &body);
        assert_eq!(
            (status, &error["code"], &error["message"]),
            (429, &"rate_limit_exceeded".into(), &"Quota exceeded".into())
        );
    }
    let daily = quota
        .replace("RetryInfo", "QuotaFailure")
        .replace("retryDelay", "quotaId")
        .replace("23s", "RequestsPerDayPerProject");
    assert_eq!(told(Speech::Gemini, Speech::OpenAi, 429, &daily).1["code"], "insufficient_quota");
    let long = r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#;
    assert_eq!(told(Speech::Gemini, Speech::OpenAi, 400, long).1["code"], "context_length_exceeded");
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let (status, error) = told(Speech::Anthropic, Speech::Gemini, 529, overloaded);
    assert_eq!((status, &error["code"], &error["status"]), (503, &503.into(), &"UNAVAILABLE".into()));
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

    pub fn gemini(stream: &str) -> Value {
        assert!(stream.ends_with("\r\n\r\n"), "{stream}");
        let (mut parts, mut last) = (vec![], Value::Null);
        for chunk in data(stream) {
            assert!(last["candidates"][0]["finishReason"].is_null(), "it goes on behind its end");
            for part in chunk["candidates"][0]["content"]["parts"].as_array().expect("parts") {
                join_part(&mut parts, part);
            }
            last = chunk;
        }
        last["candidates"][0]["content"]["parts"] = parts.into();
        last
    }

    /// Texts go on; a part without words is what proves the thought before it, or a thought that nobody may read.
    fn join_part(parts: &mut Vec<Value>, part: &Value) {
        let signed = !part["thoughtSignature"].is_null();
        match parts.last_mut() {
            _ if part["text"] == "" && !signed => {}
            Some(last)
                if last["text"].is_string()
                    && part["text"].is_string()
                    && last["thought"] == part["thought"]
                    && last["thoughtSignature"].is_null() =>
            {
                append(&mut last["text"], &part["text"]);
                if signed {
                    last["thoughtSignature"] = part["thoughtSignature"].clone();
                }
                // Looking for a member makes none that is null.
                last.as_object_mut().expect("a part").retain(|_, value| !value.is_null());
            }
            _ => parts.push(part.clone()),
        }
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
