//! What gateways between these formats are known to get wrong, one row each: requests.

use super::*;
use serde_json::json;

/// What should stand at a place of the outcome; null: nothing.
pub type Expected = Vec<(&'static str, Value)>;

pub fn assert_all(row: &str, outcome: &Value, expected: &Expected) {
    for (place, value) in expected {
        let found = outcome.pointer(place).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{row}: {place} of {outcome}");
    }
}

fn crossed(from: Speech, model: &str, body: &Value) -> (Value, String) {
    let to = if from == Speech::OpenAi { Speech::Anthropic } else { Speech::OpenAi };
    let mut out = vec![];
    let translated =
        request(from, destination(to, model, Unsupported::Drop), body.to_string().as_bytes(), &mut out);
    let translated = translated.unwrap_or_else(|fault| panic!("{}: {body}", fault.message()));
    (serde_json::from_slice(&out).expect("JSON"), translated.dropped)
}

/// A chat of these messages, with a tool.
fn chat(messages: &Value, more: &Value) -> Value {
    let tool = json!({"type": "function", "function": {"name": "now"}});
    let mut body = json!({"model": "m", "messages": messages, "tools": [tool]});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

fn call(arguments: &str) -> Value {
    json!({"id": "c1", "type": "function", "function": {"name": "now", "arguments": arguments}})
}

/// A question, a call of a tool with these arguments, and its result.
fn history(arguments: &str) -> Value {
    json!([
        {"role": "user", "content": "time?"},
        {"role": "assistant", "content": null, "tool_calls": [call(arguments)]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ])
}

/// Requests that providers refuse, or that mean something else to them, if they are written carelessly.
#[test]
fn requests() {
    let rows: Vec<(&str, Speech, &str, Value, Expected)> = vec![
        (
            "a model that may think is not made to where the history's last call has no thought",
            Speech::OpenAi,
            "claude-opus-5",
            chat(&history("{}"), &json!({"reasoning_effort": "high"})),
            vec![
                ("/thinking", json!({"type": "disabled"})),
                ("/messages/1/content/0/type", json!("tool_use")),
            ],
        ),
        (
            "a model that is told not to think is not told to try as hard as only thought can",
            Speech::OpenAi,
            "claude-opus-5",
            chat(&history("{}"), &json!({"reasoning_effort": "xhigh"})),
            vec![("/thinking", json!({"type": "disabled"})), ("/output_config/effort", json!("high"))],
        ),
        (
            "a model that thinks by budget is not made to either",
            Speech::OpenAi,
            "claude-sonnet-4-5",
            chat(&history("{}"), &json!({"reasoning_effort": "high"})),
            vec![("/thinking", Value::Null)],
        ),
        (
            "a model that always thinks is never told not to",
            Speech::OpenAi,
            "claude-opus-5-5",
            chat(&history("{}"), &json!({"reasoning_effort": "none"})),
            vec![("/thinking", Value::Null), ("/output_config/effort", json!("low"))],
        ),
        (
            "a thought without proof, as another provider's is, is not sent back as one",
            Speech::OpenAi,
            "claude-opus-5",
            chat(
                &json!([
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b", "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": ""}]},
                    {"role": "user", "content": "c"},
                ]),
                &json!({}),
            ),
            vec![("/messages/1/content", json!([{"type": "text", "text": "b"}]))],
        ),
        (
            "a thought with its proof is not sent to a provider of another format",
            Speech::Anthropic,
            "gpt-5",
            json!({"model": "m", "max_tokens": 9, "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
            ]}),
            vec![("/messages/1", Value::Null)],
        ),
        (
            "a system message in the middle stays there: moved to the front it changes what is cached",
            Speech::OpenAi,
            "claude-opus-5-5",
            chat(
                &json!([
                    {"role": "system", "content": "first"}, {"role": "user", "content": "a"},
                    {"role": "system", "content": "late"}, {"role": "user", "content": "b"},
                ]),
                &json!({}),
            ),
            vec![
                ("/system", json!([{"type": "text", "text": "first"}])),
                ("/messages/1", json!({"role": "system", "content": [{"type": "text", "text": "late"}]})),
            ],
        ),
        (
            "and is the user's where the model takes none there",
            Speech::OpenAi,
            "claude-sonnet-4-5",
            chat(
                &json!([{"role": "user", "content": "a"}, {"role": "developer", "content": "late"}]),
                &json!({}),
            ),
            vec![
                ("/messages/0/content/1/text", json!("<system>\nlate\n</system>")),
                ("/system", Value::Null),
            ],
        ),
        (
            "the type of a tool is not the type of its parameters",
            Speech::OpenAi,
            "claude-opus-5",
            json!({"model": "m", "messages": [], "tools": [{"type": "function", "function":
                {"name": "f", "parameters": {"type": "function", "properties": {"type": {"type": "string"}}}}}]}),
            vec![(
                "/tools/0/input_schema",
                json!({"type": "object", "properties": {"type": {"type": "string"}}}),
            )],
        ),
        (
            "a model without effort is told none",
            Speech::OpenAi,
            "claude-haiku-4-5",
            chat(&json!([{"role": "user", "content": "a"}]), &json!({"reasoning_effort": "low"})),
            vec![
                ("/output_config", Value::Null),
                ("/thinking", json!({"type": "enabled", "budget_tokens": 1024})),
            ],
        ),
        (
            "a call without arguments in the history is a call with an empty object",
            Speech::OpenAi,
            "claude-opus-5",
            chat(&history(""), &json!({})),
            vec![("/messages/1/content/0/input", json!({}))],
        ),
        (
            "and has a source that is an object",
            Speech::Anthropic,
            "gpt-5",
            json!({"model": "m", "max_tokens": 9, "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "now", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1"}]},
            ]}),
            vec![
                ("/messages/1/tool_calls/0/function/arguments", json!("{}")),
                ("/messages/2", json!({"role": "tool", "tool_call_id": "c1", "content": ""})),
            ],
        ),
        (
            "keywords that structured output does not know are words for the model",
            Speech::OpenAi,
            "claude-opus-5",
            chat(
                &json!([{"role": "user", "content": "a"}]),
                &json!({"response_format": {"type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}}}}),
            ),
            vec![
                (
                    "/output_config/format/schema/properties/n",
                    json!({"type": "integer", "description": "(minimum: 1)"}),
                ),
                ("/output_config/format/schema/additionalProperties", json!(false)),
            ],
        ),
        (
            "tools stand in the request where the history calls any, and are not to be called",
            Speech::OpenAi,
            "claude-opus-5",
            json!({"model": "m", "messages": history("{}")}),
            vec![("/tools/0/name", json!("now")), ("/tool_choice", json!({"type": "none"}))],
        ),
        (
            "all results of a turn are one message and come first in it",
            Speech::OpenAi,
            "claude-opus-5",
            chat(
                &json!([
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "tool_calls": [call("{}")]},
                    {"role": "user", "content": "meanwhile"},
                    {"role": "tool", "tool_call_id": "c1", "content": "noon"},
                ]),
                &json!({}),
            ),
            vec![
                ("/messages/2/content/0/type", json!("tool_result")),
                ("/messages/2/content/1/text", json!("meanwhile")),
                ("/messages/3", Value::Null),
            ],
        ),
        (
            "a conversation that the user does not begin has a message in the user's place",
            Speech::OpenAi,
            "claude-opus-5",
            json!({"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}]}),
            vec![("/messages/0/role", json!("user")), ("/messages/1/content/0/text", json!("a"))],
        ),
        (
            "nor is one of a system message alone empty",
            Speech::OpenAi,
            "claude-opus-5",
            json!({"model": "m", "messages": [{"role": "system", "content": "s"}]}),
            vec![("/messages/0/role", json!("user"))],
        ),
        (
            "blank texts are left out",
            Speech::OpenAi,
            "claude-opus-5",
            json!({"model": "m", "messages": [{"role": "system", "content": " "}, {"role": "user", "content": "\n"}]}),
            vec![("/system", Value::Null), ("/messages/0/content", json!("(empty)"))],
        ),
        (
            "an image is of the type that it is, not of the one that is named",
            Speech::OpenAi,
            "claude-opus-5",
            json!({"model": "m", "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,/9j/4AAQ"}}]}]}),
            vec![("/messages/0/content/0/source/media_type", json!("image/jpeg"))],
        ),
        (
            "marks of the cache are four at most, those inside results too",
            Speech::OpenAi,
            "claude-opus-5",
            chat(
                &json!([
                    {"role": "user", "content": [
                        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
                        {"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}},
                    ]},
                    {"role": "assistant", "tool_calls": [call("{}")]},
                    {"role": "tool", "tool_call_id": "c1", "content": [
                        {"type": "text", "text": "d", "cache_control": {"type": "ephemeral"}},
                        {"type": "text", "text": "e", "cache_control": {"type": "ephemeral"}},
                    ]},
                ]),
                &json!({}),
            ),
            vec![
                ("/messages/0/content/0/cache_control", Value::Null),
                ("/messages/0/content/1/cache_control", json!({"type": "ephemeral"})),
                ("/messages/2/content/0/content/1/cache_control", json!({"type": "ephemeral"})),
            ],
        ),
        (
            "a thinking budget leaves room for the answer",
            Speech::OpenAi,
            "claude-sonnet-4-5",
            chat(
                &json!([{"role": "user", "content": "a"}]),
                &json!({"reasoning_effort": "max", "max_tokens": 2000}),
            ),
            vec![("/thinking/budget_tokens", json!(1999))],
        ),
        (
            "and there is none where no room is left",
            Speech::OpenAi,
            "claude-sonnet-4-5",
            chat(
                &json!([{"role": "user", "content": "a"}]),
                &json!({"reasoning_effort": "max", "max_tokens": 1024}),
            ),
            vec![("/thinking", Value::Null), ("/max_tokens", json!(1024))],
        ),
        (
            "one call at a time is asked for with the opposite switch, also where no choice is named",
            Speech::OpenAi,
            "claude-opus-5",
            chat(&json!([{"role": "user", "content": "a"}]), &json!({"parallel_tool_calls": false})),
            vec![("/tool_choice", json!({"type": "auto", "disable_parallel_tool_use": true}))],
        ),
        (
            "a model that refuses to be made to call is left to choose",
            Speech::OpenAi,
            "claude-opus-5-5",
            chat(&json!([{"role": "user", "content": "a"}]), &json!({"tool_choice": "required"})),
            vec![("/tool_choice", json!({"type": "auto"}))],
        ),
        (
            "images of a result follow as the user's",
            Speech::Anthropic,
            "gpt-5",
            json!({"model": "m", "max_tokens": 9, "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "now", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "is_error": true, "content": [
                    {"type": "text", "text": "no"},
                    {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
                ]}]},
            ]}),
            vec![
                ("/messages/2/content", json!("Error: no")),
                ("/messages/3/content/0/image_url/url", json!("https://x.test/a.png")),
            ],
        ),
    ];
    for (row, from, model, body, expected) in rows {
        assert_all(row, &crossed(from, model, &body).0, &expected);
    }
}

/// What is left out is named.
#[test]
fn losses() {
    let user = json!([{"role": "user", "content": "a"}]);
    for (from, model, body, dropped) in [
        (
            Speech::OpenAi,
            "claude-opus-5",
            chat(&history("{}"), &json!({"reasoning_effort": "high"})),
            "reasoning_effort",
        ),
        (
            Speech::OpenAi,
            "claude-sonnet-4-5",
            chat(&user, &json!({"reasoning_effort": "high", "max_tokens": 9})),
            "reasoning_effort",
        ),
        (Speech::OpenAi, "claude-opus-5-5", chat(&user, &json!({"tool_choice": "required"})), "tool_choice"),
        (Speech::OpenAi, "claude-opus-5", chat(&user, &json!({"stop": ["\n", "END"]})), "stop"),
        (
            Speech::Anthropic,
            "gpt-5",
            json!({"model": "m", "max_tokens": 9, "messages": [], "tools": [{"name": "n", "defer_loading": true}]}),
            "defer_loading",
        ),
        (
            Speech::Anthropic,
            "gpt-5",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "text", "data": "x"}, "context": "y", "citations": {"enabled": true}}]}]}),
            "citations,context",
        ),
    ] {
        assert_eq!(crossed(from, model, &body).1, dropped, "{body}");
    }
}

/// The provider's own tools in a history cannot be told to another format: the request is refused, not cut. But what was
/// found in the web only its own provider can read, and what the model said of it stands behind it.
#[test]
fn server_tools_are_no_loss_in_silence() {
    let history = |name: &str| {
        json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {"query": "q"}},
                {"type": format!("{name}_tool_result"), "tool_use_id": "srvtoolu_1", "content": []},
                {"type": "text", "text": "found"}]},
            {"role": "user", "content": "and?"}]})
    };
    let (body, dropped) = crossed(Speech::Anthropic, "gpt-5", &history("web_search"));
    assert_eq!((dropped.as_str(), &body["messages"][1]["content"]), ("web_search", &json!("found")));
    let body = history("web_fetch");
    let to = destination(Speech::OpenAi, "gpt-5", Unsupported::Drop);
    let fault =
        request(Speech::Anthropic, to, body.to_string().as_bytes(), &mut vec![]).err().expect("refused");
    assert_eq!((fault.kind, fault.message().contains("server_tool_use")), (FaultKind::Untranslatable, true));
}

/// A thought reaches its provider byte by byte as it came, however oddly it is escaped, before the call that it led
/// to; and a longer conversation begins with the same bytes: a provider binds thoughts to all that stands before.
#[test]
fn thoughts_and_what_stands_before_them_are_not_touched() {
    let thought = r#""thinking":"a\/b \u00e9 \ud83e\udd80 \"q\"  ","signature":"Eq\/+=""#;
    let turn = format!(
        r#"{{"role":"system","content":"s \u00e9"}},{{"role":"user","content":"q"}},{{"role":"assistant","content":"x","tool_calls":[{{"id":"c1","type":"function","function":{{"name":"now","arguments":"{{\"a\": 1.0}}"}}}}],"thinking_blocks":[{{"type":"thinking",{thought}}},{{"type":"redacted_thinking","data":"d=="}}]}},{{"role":"tool","tool_call_id":"c1","content":"noon"}}"#
    );
    let write = |more: &str| {
        let body = format!(r#"{{"model":"m","messages":[{turn}{more}]}}"#);
        let mut out = vec![];
        let to = destination(Speech::Anthropic, "claude-opus-5", Unsupported::Drop);
        request(Speech::OpenAi, to, body.as_bytes(), &mut out).expect("valid");
        String::from_utf8(out).expect("text")
    };
    let short = write("");
    let content = format!(
        r#"{{"role":"assistant","content":[{{"type":"thinking",{thought}}},{{"type":"redacted_thinking","data":"d=="}},{{"type":"text","text":"x"}},{{"type":"tool_use","id":"c1","name":"now","input":{{"a": 1.0}}}}]}}"#
    );
    assert!(short.contains(&content), "{short}");
    let long = write(r#",{"role":"assistant","content":"noon"},{"role":"user","content":"and now?"}"#);
    let until_result = short.find("\"noon\"").expect("the result");
    assert!(long.starts_with(&short[..until_result]), "{short}\n{long}");
}
