//! What gateways between these formats are known to get wrong, one row each: streams.

use super::known::{Expected, assert_all};
use super::*;
use serde_json::json;

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
            Speech::Responses => assemble::responses(&told),
            Speech::Bedrock | Speech::BedrockAnthropic | Speech::VertexAnthropic => {
                unreachable!("no client speaks it")
            }
        };
        assert_all(row, &together, &expected);
    }
}
