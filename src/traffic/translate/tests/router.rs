//! Thoughts that a router of many makers' models proves: they come back to it as they were, through clients of any dialect.

use super::*;

/// A request in one speech as another's provider gets it.
fn crossed(from: Speech, to: Speech, model: &str, body: &Value) -> (Value, String) {
    let mut out = vec![];
    let to = destination(to, model, Unsupported::Drop);
    let translated = request(from, to, body.to_string().as_bytes(), &mut out).expect("a request");
    (serde_json::from_slice(&out).expect("JSON"), translated.dropped)
}

fn answer(client: Speech, form: Form, answer: &str) -> String {
    let mut out = vec![];
    let mut translation = Translation::new(Speech::OpenAi, client, form, CREATED, true, Renamed::default());
    match form {
        Form::Whole => translation.whole(answer.as_bytes(), &mut out).expect("an answer"),
        Form::Stream => _ = translation.stream(answer.as_bytes(), true, &mut out).expect("a stream"),
    }
    String::from_utf8(out).expect("text")
}

fn parts() -> Value {
    json!([
        {"type": "reasoning.text", "text": "Hm \"so\"\n", "signature": "Er+c/B==", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "cmVk", "format": "anthropic-claude-v1", "id": null, "index": 1},
    ])
}

const CALL: &str = r#"{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}"#;

fn whole(details: &Value) -> String {
    let call: Value = serde_json::from_str(CALL).expect("JSON");
    json!({"id": "g1", "model": "anthropic/claude-x", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "Well.", "reasoning": "Hm \"so\"\n", "reasoning_details": details, "tool_calls": [call],
    }}]})
    .to_string()
}

/// The next request of a client of this speech that was given this answer.
fn next(client: Speech, answer: &Value) -> Value {
    match client {
        Speech::Anthropic => json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]},
        ]}),
        Speech::Gemini => json!({"contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            answer["candidates"][0]["content"],
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "ok"}}}]},
        ]}),
        _ => {
            let mut input = vec![json!({"role": "user", "content": "hi"})];
            input.extend(answer["output"].as_array().expect("items").iter().cloned());
            input.push(json!({"type": "function_call_output", "call_id": "c1", "output": "ok"}));
            json!({"model": "m", "input": input})
        }
    }
}

/// What was proved comes back part by part, whole or streamed, to the maker's models alone; another's get nothing of it.
#[test]
fn proofs_come_back() {
    let pieces = [
        json!({"reasoning": "Hm ", "reasoning_details": [{"type": "reasoning.text", "text": "Hm ", "format": "anthropic-claude-v1", "index": 0}]}),
        json!({"reasoning": "\"so\"\n", "reasoning_details": [{"type": "reasoning.text", "text": "\"so\"\n", "signature": "", "format": "anthropic-claude-v1", "index": 0}]}),
        json!({"reasoning_details": [{"type": "reasoning.text", "signature": "Er+c/B==", "format": "anthropic-claude-v1", "index": 0}]}),
        json!({"content": "Well."}),
        json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!({"reasoning_details": [parts()[1]]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
    ];
    let chunk = |delta: &Value, reason: Value| {
        format!(
            "data: {}\n\n",
            json!({"id": "g1", "model": "anthropic/claude-x", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        )
    };
    let mut stream: String = pieces.iter().map(|delta| chunk(delta, Value::Null)).collect();
    stream += &(chunk(&json!({}), json!("tool_calls")) + "data: [DONE]\n\n");
    for client in [Speech::Anthropic, Speech::Gemini, Speech::Responses] {
        let given = answer(client, Form::Whole, &whole(&parts()));
        let streamed = assemble::answer(client, &answer(client, Form::Stream, &stream));
        for given in [serde_json::from_str(&given).expect("JSON"), streamed] {
            let body = next(client, &given);
            let (sent, dropped) = crossed(client, Speech::OpenAi, "anthropic/claude-x", &body);
            assert_eq!(sent["messages"][1]["reasoning_details"], parts(), "{client:?} {given}");
            assert_eq!(dropped, "", "{client:?}");
            for other in ["claude-x", "openai/gpt-5.2", "google/gemini-3-pro"] {
                let (sent, dropped) = crossed(client, Speech::OpenAi, other, &body);
                assert!(sent["messages"][1].get("reasoning_details").is_none(), "{sent}");
                assert_eq!(dropped, "messages[].thinking");
            }
            for (other, model) in [
                (Speech::Anthropic, "claude-opus-5"),
                (Speech::Gemini, "gemini-3-pro"),
                (Speech::Responses, "gpt-5.2"),
            ] {
                if other != client {
                    let (sent, _) = crossed(client, other, model, &body);
                    assert!(!sent.to_string().contains("Er+c"), "{sent}");
                }
            }
        }
    }
}

/// What was sealed comes back behind the words that it was sealed with.
#[test]
fn summaries_go_before_what_is_sealed() {
    let details = json!([
        {"type": "reasoning.summary", "summary": "Hm", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
    ]);
    let given = answer(Speech::Anthropic, Form::Whole, &whole(&details).replace("Hm \\\"so\\\"\\n", "Hm"));
    let given = serde_json::from_str(&given).expect("JSON");
    let (sent, _) =
        crossed(Speech::Anthropic, Speech::OpenAi, "openai/gpt-5", &next(Speech::Anthropic, &given));
    assert_eq!(sent["messages"][1]["reasoning_details"], details);
}

/// A client of chat completions that has such parts from a router takes them to the makers' own providers, where those
/// understand them; what `OpenAI` sealed for another account stays behind.
#[test]
fn chat_clients_take_them_along() {
    let body = |details: &Value| {
        let call: Value = serde_json::from_str(CALL).expect("JSON");
        json!({"model": "m", "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "reasoning": "Hm", "reasoning_details": details, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ]})
    };
    for (speech, model) in
        [(Speech::Anthropic, "claude-opus-5"), (Speech::BedrockAnthropic, "anthropic.claude-opus-5")]
    {
        let (sent, dropped) = crossed(Speech::OpenAi, speech, model, &body(&parts()));
        let blocks = &sent["messages"][1]["content"];
        assert_eq!(
            blocks[0],
            json!({"type": "thinking", "thinking": "Hm \"so\"\n", "signature": "Er+c/B=="}),
            "{dropped}"
        );
        assert_eq!(blocks[1], json!({"type": "redacted_thinking", "data": "cmVk"}));
    }
    let google = json!([{"type": "reasoning.text", "text": "Hm", "signature": "AY89", "format": "google-gemini-v1", "index": 0}]);
    let (sent, _) = crossed(Speech::OpenAi, Speech::Gemini, "gemini-3-pro", &body(&google));
    let thought = &sent["contents"][1]["parts"][0];
    assert_eq!((&thought["text"], &thought["thoughtSignature"]), (&"Hm".into(), &"AY89".into()), "{sent}");
    let openai = json!([{"type": "reasoning.encrypted", "data": "gAAA", "format": "openai-responses-v1"}]);
    let (sent, dropped) = crossed(Speech::OpenAi, Speech::Responses, "gpt-5.2", &body(&openai));
    assert!(
        !sent.to_string().contains("gAAA") && dropped.contains("messages[].thinking"),
        "{sent} {dropped}"
    );
    let unproved = json!([{"type": "reasoning.text", "text": "Hm", "format": "unknown"}]);
    let (sent, _) = crossed(Speech::OpenAi, Speech::Anthropic, "claude-opus-5", &body(&unproved));
    assert!(!sent.to_string().contains("Hm"), "{sent}");
}
