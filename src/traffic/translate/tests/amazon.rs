//! What Bedrock's format alone has: words that depend on whose model it is, and counts that do, too.

use super::*;

fn sent(from: Speech, model: &str, body: &Value, unsupported: Unsupported) -> Result<(Value, String), Fault> {
    let mut out = vec![];
    let to = destination(Speech::Bedrock, model, unsupported);
    let translated = request(from, to, body.to_string().as_bytes(), &mut out)?;
    Ok((serde_json::from_slice(&out).expect("JSON"), translated.dropped))
}

fn chat(more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let members = body.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    body
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| json!({"type": "function", "function": {"name": name}});
    names.iter().map(tool).collect()
}

/// Thoughts, their proofs and calls come back to their model through clients of either dialect, in the order that it
/// wants, and are left out for a model that does not know them.
#[test]
fn thoughts_come_back() {
    let case = fs::read(folder("answers").join("tools.bedrock.json")).expect("a case");
    let answer = |to| -> Value {
        let told = told("x.json", Speech::Bedrock, to, Form::Whole, &case).expect("valid");
        serde_json::from_str(&told).expect("JSON")
    };
    let message = answer(Speech::OpenAi)["choices"][0]["message"].clone();
    let results =
        ["tooluse_a", "tooluse_b"].map(|id| json!({"role": "tool", "tool_call_id": id, "content": "12"}));
    let [one, two] = results;
    let through_chat =
        json!({"model": "m", "messages": [{"role": "user", "content": "go"}, message, one, two]});
    let content = answer(Speech::Anthropic)["content"].clone();
    let results = ["tooluse_b", "tooluse_a"]
        .map(|id| json!({"type": "tool_result", "tool_use_id": id, "content": "12"}));
    let through_messages = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": results},
    ]});
    let said = json!([
        {"reasoningContent": {"reasoningText": {"text": "They want the time.", "signature": "EqQB"}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"text": "Let me look."},
        {"toolUse": {"toolUseId": "tooluse_a", "name": "get_time", "input": {"tz": "CET", "n": 1.10}}},
        {"toolUse": {"toolUseId": "tooluse_b", "name": "now", "input": {}}},
    ]);
    for (from, body) in [(Speech::OpenAi, through_chat), (Speech::Anthropic, through_messages)] {
        let (to_claude, _) = sent(from, "anthropic.claude-opus-5", &body, Unsupported::Drop).expect("valid");
        assert_eq!(to_claude["messages"][1]["content"], said, "{from:?}");
        assert_eq!(to_claude["messages"][2]["content"].as_array().map(Vec::len), Some(2));
        let names: Vec<_> =
            (0..2).map(|at| &to_claude["toolConfig"]["tools"][at]["toolSpec"]["name"]).collect();
        assert_eq!(names, ["get_time", "now"], "a history with calls wants its tools");
        let (to_nova, _) = sent(from, "amazon.nova-pro-v1:0", &body, Unsupported::Drop).expect("valid");
        assert_eq!(
            to_nova["messages"][1]["content"].as_array().expect("content")[..],
            said.as_array().expect("all")[2..]
        );
    }
}

/// Calls are demanded of the models that take that, in the words that they take; of others the demand is a loss that is
/// named or refused.
#[test]
fn calls_are_demanded() {
    let one = json!({"type": "function", "function": {"name": "f"}});
    for (model, choice, names, expected) in [
        ("anthropic.claude-opus-5", &one, &["f", "g"][..], json!({"tool": {"name": "f"}})),
        ("amazon.nova-pro-v1:0", &json!("required"), &["f"], json!({"any": {}})),
        ("mistral.mistral-large-2407-v1:0", &one, &["f"], json!({"any": {}})),
        ("some-profile", &json!("auto"), &["f"], json!({"auto": {}})),
    ] {
        let body = chat(&json!({"tools": tools(names), "tool_choice": choice}));
        let (body, dropped) =
            sent(Speech::OpenAi, model, &body, Unsupported::Refuse).expect("nothing is lost");
        assert_eq!((&body["toolConfig"]["toolChoice"], &*dropped), (&expected, ""), "{model}");
    }
    for (model, names) in [
        ("mistral.mistral-large-2407-v1:0", &["f", "g"][..]),
        ("us.meta.llama3-3-70b-instruct-v1:0", &["f"]),
        ("us.anthropic.claude-opus-5-5", &["f"]),
    ] {
        let body = chat(&json!({"tools": tools(names), "tool_choice": one}));
        let (sent_body, dropped) = sent(Speech::OpenAi, model, &body, Unsupported::Drop).expect("valid");
        assert_eq!(
            (&sent_body["toolConfig"]["toolChoice"], &*dropped),
            (&json!({"auto": {}}), "tool_choice")
        );
        assert!(sent(Speech::OpenAi, model, &body, Unsupported::Refuse).is_err(), "{model}");
    }
    let none = chat(&json!({"tools": tools(&["f"]), "tool_choice": "none"}));
    let (body, _) = sent(Speech::OpenAi, "x", &none, Unsupported::Refuse).expect("valid");
    assert_eq!((&body["toolConfig"], &body["system"]), (&Value::Null, &Value::Null));
    let serial = chat(&json!({"tools": tools(&["f"]), "tool_choice": "auto", "parallel_tool_calls": false}));
    let (body, _) =
        sent(Speech::OpenAi, "anthropic.claude-opus-5", &serial, Unsupported::Refuse).expect("valid");
    let expected = json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}});
    assert_eq!(body["additionalModelRequestFields"], expected);
}

/// One maker's models count what was cached among their input; the sum is right for theirs and for others'.
#[test]
fn cached_tokens_are_counted_once() {
    let answer = br#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn","usage":{"inputTokens":100,"outputTokens":5,"cacheReadInputTokens":60}}"#;
    for (model, input) in [("openai.gpt-oss-120b-1:0", 100), ("amazon.nova-pro-v1:0", 160)] {
        let translation = translation(Speech::Bedrock, Speech::OpenAi, Form::Whole);
        let (mut translation, mut out) = (translation.known_as("r", model), vec![]);
        translation.whole(answer, &mut out).expect("valid");
        let told: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(told["usage"]["prompt_tokens"], input, "{model}");
        assert_eq!(told["usage"]["prompt_tokens_details"]["cached_tokens"], 60);
    }
}

/// What is no step of an answer in its place is refused, and what stands behind the end is not looked at.
#[test]
fn disorder_is_refused() {
    let start = "messageStart {\"role\":\"assistant\"}\n";
    let stop = "messageStop {\"stopReason\":\"end_turn\"}\n";
    let text = "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"x\"}}\n";
    let usage = "metadata {\"usage\":{\"inputTokens\":1,\"outputTokens\":1}}\n";
    let source = "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}\n";
    for (lines, expected) in [
        ([text, stop, usage].concat(), FaultKind::UpstreamUnreadable),
        ([start, start].concat(), FaultKind::UpstreamUnreadable),
        ([start, stop, text].concat(), FaultKind::UpstreamUnreadable),
        ([start, source].concat(), FaultKind::UpstreamUnreadable),
        ([start, text, source].concat(), FaultKind::UpstreamUnreadable),
        ([start, "contentBlockDelta []\n"].concat(), FaultKind::UpstreamUnreadable),
        ([start, "messageStop {}\n"].concat(), FaultKind::UpstreamUnreadable),
        ([start, text, usage].concat(), FaultKind::UpstreamTruncated),
    ] {
        let stream = framed(Speech::Bedrock, &lines);
        let refused = told("x.frames", Speech::Bedrock, Speech::OpenAi, Form::Stream, &stream);
        assert_eq!(refused.map_err(|fault| fault.kind), Err(expected), "{lines}");
    }
    let mut stream = framed(Speech::Bedrock, &[start, text, stop, usage].concat());
    stream.extend_from_slice(b"what is no frame");
    let told = told("x.frames", Speech::Bedrock, Speech::OpenAi, Form::Stream, &stream).expect("it is whole");
    assert!(told.ends_with("data: [DONE]\n\n"), "{told}");
}

/// At Vertex AI the model's server complains in its own words, and Google before it in Google's.
#[test]
fn errors_of_hosts_are_known() {
    for (status, body, expected, code) in [
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9"}}"#,
            400,
            "context_length_exceeded",
        ),
        (
            429,
            r#"[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]"#,
            429,
            "rate_limit_exceeded",
        ),
        (
            404,
            r#"{"error":{"code":404,"message":"not in this region","status":"NOT_FOUND"}}"#,
            404,
            "model_not_found",
        ),
        (503, "<html>", 503, "server_is_overloaded"),
    ] {
        let mut out = vec![];
        let status = failure::answer(
            Speech::VertexAnthropic,
            Speech::OpenAi,
            status,
            None,
            None,
            body.as_bytes(),
            &mut out,
        );
        let told: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!((status, &told["error"]["code"]), (expected, &code.into()), "{body}");
    }
}
