//! What Google's format alone has: signatures of calls, the form of the answer in the URL, errors in arrays.

use super::*;

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
    assemble::answer(to, &stream)
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
        let status = failure::answer(from, to, status, None, None, body.as_bytes(), &mut out);
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

/// The elements of an array are the answers of the stream of events, errors too, and the array is one however it is cut.
#[test]
fn arrays_are_streams() {
    let stream = fs::read(folder("answers").join("thinking-tools.anthropic.sse")).expect("a case");
    let overloaded = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\"}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n".to_vec();
    for stream in [stream, overloaded] {
        let events = told("x.sse", Speech::Anthropic, Speech::Gemini, Form::Stream, &stream).expect("valid");
        let events: Vec<Value> = events
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert!(events.len() > 1);
        for step in [1, 100, stream.len()] {
            let mut array = translation(Speech::Anthropic, Speech::Gemini, Form::Stream).in_array();
            let (mut held, mut out) = (vec![], vec![]);
            for piece in stream.chunks(step) {
                held.extend_from_slice(piece);
                let passed = array.stream(&held, false, &mut out).expect("valid");
                held.drain(..passed.consumed);
            }
            let elements: Vec<Value> = serde_json::from_slice(&out).expect("an array");
            assert_eq!(elements, events, "by {step}");
        }
    }
}

/// A hint in an error's body is found in every form that it has, and told to clients that look for it in the body.
#[test]
fn retry_hints_are_told() {
    let body = |delay: &str| {
        format!(
            r#"{{"error":{{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{{"@type":"type.googleapis.com/google.rpc.Help"}},{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":{delay}}}]}}}}"#
        )
    };
    for (body, ms) in [
        (body(r#""31s""#), Some(31_000)),
        (body(r#""1m30s""#), Some(90_000)),
        (body(r#""0.847655010s""#), Some(847)),
        (format!("[{}]", body(r#""7s""#)), Some(7000)),
        (body(r#""soon""#), None),
        (body("7"), None),
        (r#"{"error":{}}"#.to_owned(), None),
        ("no JSON".to_owned(), None),
    ] {
        assert_eq!(failure::retry_after_ms(Speech::Gemini, body.as_bytes()), ms, "{body}");
        assert_eq!(failure::retry_after_ms(Speech::OpenAi, body.as_bytes()), None);
    }
    let mut out = vec![];
    failure::answer(Speech::OpenAi, Speech::Gemini, 429, None, Some(1500), b"{}", &mut out);
    let told: Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(told["error"]["details"][0]["retryDelay"], "1.500s", "{told}");
}
