//! What gateways between these formats are known to get wrong, one row each.

use super::*;
use serde_json::json;

/// What should stand at a place of the outcome; null: nothing.
type Expected = Vec<(&'static str, Value)>;

fn assert_all(row: &str, outcome: &Value, expected: &Expected) {
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
            vec![("/messages/1", json!({"role": "assistant", "content": ""}))],
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

/// The provider's own tools in a history cannot be told to another format: the request is refused, not cut.
#[test]
fn server_tools_are_no_loss_in_silence() {
    let block = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}});
    let body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": [block]}]});
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

fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

fn blocks(blocks: &[(Value, Vec<Value>)], usage: &Value) -> String {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage});
    let mut events = vec![json!({"type": "message_start", "message": message})];
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        events.extend(
            deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}}),
    );
    events.push(json!({"type": "message_stop"}));
    sse(&events)
}

fn chunks(deltas: &[Value], end: &[Value]) -> String {
    let chunk = |delta: &Value, finish: Value| json!({"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let mut events: Vec<Value> = deltas.iter().map(|delta| chunk(delta, Value::Null)).collect();
    events.push(chunk(&json!({}), json!("tool_calls")));
    events.extend_from_slice(end);
    sse(&events)
}

fn part(index: u64, id: Option<&str>, arguments: &str) -> Value {
    match id {
        Some(id) => {
            json!({"tool_calls": [{"index": index, "id": id, "function": {"name": "f", "arguments": arguments}}]})
        }
        None => json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}),
    }
}

fn tool_block(id: &str, pieces: &[&str]) -> (Value, Vec<Value>) {
    let block = json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    (block, pieces.iter().map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect())
}

/// Streams, put together by their clients.
#[test]
fn streams() {
    let none = json!({});
    let server = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []});
    let query = json!({"type": "input_json_delta", "partial_json": "{\"query\":1}"});
    let text = json!({"type": "text", "text": ""});
    let cached = json!({"input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 3, "output_tokens": 1});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 123, "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 3}}});
    let rows: Vec<(&str, Speech, String, Expected)> = vec![
        (
            "calls are numbered among calls, not among blocks",
            Speech::Anthropic,
            blocks(
                &[
                    (text.clone(), vec![]),
                    tool_block("a", &["{\"n\":", "1}"]),
                    tool_block("b", &["{\"n\":2}"]),
                ],
                &none,
            ),
            vec![
                ("/choices/0/message/tool_calls/0/function/arguments", json!("{\"n\":1}")),
                ("/choices/0/message/tool_calls/1/id", json!("b")),
            ],
        ),
        (
            "pieces of several calls land each in its own block",
            Speech::OpenAi,
            chunks(
                &[
                    part(0, Some("a"), "{\"n\""),
                    part(1, Some("b"), "{\"m\""),
                    part(0, None, ":1}"),
                    part(1, None, ":2}"),
                ],
                &[],
            ),
            vec![
                ("/content/0/input", json!({"n": 1})),
                ("/content/1/input", json!({"m": 2})),
                ("/stop_reason", json!("tool_use")),
            ],
        ),
        (
            "also where the server gives all calls one number",
            Speech::OpenAi,
            chunks(&[part(0, Some("a"), ""), part(0, Some("b"), "{\"m\""), part(0, None, ":2}")], &[]),
            vec![("/content/0/input", json!({})), ("/content/1/input", json!({"m": 2}))],
        ),
        (
            "nothing more of a call that is over does not break the stream",
            Speech::OpenAi,
            chunks(
                &[
                    part(0, Some("a"), "{}"),
                    part(1, Some("b"), "{}"),
                    part(0, None, ""),
                    part(0, None, " \n"),
                ],
                &[],
            ),
            vec![("/content/1/id", json!("b")), ("/content/2", Value::Null)],
        ),
        (
            "what the provider's own tools are asked and find is no call of the client's",
            Speech::Anthropic,
            blocks(&[(server, vec![query]), (found, vec![]), tool_block("a", &["{}"])], &none),
            vec![
                ("/choices/0/message/tool_calls/0/id", json!("a")),
                ("/choices/0/message/tool_calls/1", Value::Null),
            ],
        ),
        (
            "a call without arguments has an empty object",
            Speech::Anthropic,
            blocks(&[tool_block("a", &[""]), tool_block("b", &[])], &none),
            vec![
                ("/choices/0/message/tool_calls/0/function/arguments", json!("{}")),
                ("/choices/0/message/tool_calls/1/function/arguments", json!("{}")),
            ],
        ),
        (
            "in either direction",
            Speech::OpenAi,
            chunks(&[part(0, Some("a"), ""), part(1, Some("b"), "")], &[]),
            vec![("/content/0/input", json!({})), ("/content/1/input", json!({}))],
        ),
        (
            "cached tokens are part of the prompt once",
            Speech::Anthropic,
            blocks(&[(text.clone(), vec![])], &cached),
            vec![
                ("/usage/prompt_tokens", json!(123)),
                ("/usage/prompt_tokens_details/cached_tokens", json!(100)),
                ("/usage/prompt_tokens_details/cache_write_tokens", json!(3)),
                ("/usage/completion_tokens", json!(7)),
                ("/usage/total_tokens", json!(130)),
            ],
        ),
        (
            "and no part of the fresh input",
            Speech::OpenAi,
            chunks(&[json!({"content": "x"})], &[usage]),
            vec![
                ("/usage/input_tokens", json!(20)),
                ("/usage/cache_read_input_tokens", json!(100)),
                ("/usage/cache_creation_input_tokens", json!(3)),
                ("/usage/output_tokens", json!(7)),
            ],
        ),
        (
            "a reason to stop in every chunk stops nothing",
            Speech::OpenAi,
            sse(&["a", "b", "c"].map(|text| {
                json!({"id": "1", "model": "m",
                "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]})
            })),
            vec![("/content/0/text", json!("abc")), ("/stop_reason", json!("end_turn"))],
        ),
        (
            "a call ends the turn, whatever word the server has for it",
            Speech::OpenAi,
            sse(&[
                json!({"id": "1", "model": "m", "choices": [{"index": 0, "delta": part(0, Some("a"), "{}"), "finish_reason": "stop"}]}),
            ]),
            vec![("/stop_reason", json!("tool_use"))],
        ),
        (
            "a refusal is no ordinary end",
            Speech::OpenAi,
            sse(&[
                json!({"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"refusal": "no"}, "finish_reason": "stop"}]}),
            ]),
            vec![("/content/0/text", json!("no")), ("/stop_reason", json!("refusal"))],
        ),
        (
            "a block that begins with its text has it",
            Speech::Anthropic,
            blocks(
                &[(json!({"type": "text", "text": "He"}), vec![json!({"type": "text_delta", "text": "y"})])],
                &none,
            ),
            vec![("/choices/0/message/content", json!("Hey"))],
        ),
        (
            "several thoughts come back as one list, which clients that know no such list keep whole",
            Speech::Anthropic,
            blocks(
                &[
                    (
                        json!({"type": "thinking", "thinking": "", "signature": ""}),
                        vec![
                            json!({"type": "thinking_delta", "thinking": "t"}),
                            json!({"type": "signature_delta", "signature": "s1"}),
                        ],
                    ),
                    (json!({"type": "redacted_thinking", "data": "d"}), vec![]),
                    tool_block("a", &["{}"]),
                ],
                &none,
            ),
            vec![
                ("/choices/0/message/reasoning_content", json!("t")),
                (
                    "/choices/0/message/thinking_blocks",
                    json!([
                {"type": "thinking", "thinking": "t", "signature": "s1"}, {"type": "redacted_thinking", "data": "d"}]),
                ),
            ],
        ),
    ];
    for (row, from, stream, expected) in rows {
        let to = if from == Speech::OpenAi { Speech::Anthropic } else { Speech::OpenAi };
        let told = told("x.sse", from, to, Form::Stream, stream.as_bytes());
        let told = told.unwrap_or_else(|fault| panic!("{row}: {:?}", fault.kind));
        let lists = told.matches("\"thinking_blocks\"").count();
        assert!(lists <= 1, "{row}: {told}");
        let together = match to {
            Speech::OpenAi => assemble::openai(&told),
            Speech::Anthropic => assemble::anthropic(&told),
            Speech::Gemini => assemble::gemini(&told),
        };
        assert_all(row, &together, &expected);
    }
}
