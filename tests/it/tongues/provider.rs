//! What providers of each format say in a stream: how it opens, a word, how it closes, and what breaks it.

use crate::bedrock::frame;
use serde_json::{Value, json};

/// How a provider streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Chat,
    Completions,
    Responses,
    Messages,
    GoogleEvents,
    GoogleArray,
    Cohere,
    Ollama,
    Bedrock,
}

/// The format in which a provider was asked, by the path.
pub fn asked(request: &str) -> Format {
    let path = request.split(' ').nth(1).expect("a path");
    let known = [
        ("/chat/completions", Format::Chat),
        ("/completions", Format::Completions),
        ("/responses", Format::Responses),
        ("/messages", Format::Messages),
        ("alt=sse", Format::GoogleEvents),
        (":streamGenerateContent", Format::GoogleArray),
        ("/v2/chat", Format::Cohere),
        ("/api/", Format::Ollama),
        ("/converse-stream", Format::Bedrock),
    ];
    known.iter().find(|(part, _)| path.contains(part)).expect("a path of a format").1
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Format::GoogleArray => "application/json",
            Format::Ollama => "application/x-ndjson",
            Format::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream",
        }
    }
}

/// What comes before the first word.
pub fn opening(format: Format) -> Vec<u8> {
    match format {
        Format::Chat => chat(&json!({"role": "assistant", "content": ""}), &Value::Null),
        Format::Completions | Format::GoogleEvents | Format::Ollama => vec![],
        Format::GoogleArray => b"[".to_vec(),
        Format::Responses => [
            json!({"type": "response.created", "response": {"id": "resp_1", "object": "response", "model": "x", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}}),
            json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}}),
        ]
        .iter()
        .flat_map(named)
        .collect(),
        Format::Messages => [
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ]
        .iter()
        .flat_map(named)
        .collect(),
        Format::Cohere => [
            json!({"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}}),
            json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
        ]
        .iter()
        .flat_map(named)
        .collect(),
        Format::Bedrock => frame("event", "messageStart", r#"{"role":"assistant"}"#),
    }
}

/// The event with this word, the first of which has number 0.
pub fn word(format: Format, number: usize) -> Vec<u8> {
    let word = said(number);
    match format {
        Format::Chat => chat(&json!({"content": word}), &Value::Null),
        Format::Completions => completion(&word, &Value::Null),
        Format::Responses => named(
            &json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": word}),
        ),
        Format::Messages => named(
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}),
        ),
        Format::GoogleEvents => data(&google(&word)),
        Format::GoogleArray if number == 0 => google(&word).to_string().into(),
        Format::GoogleArray => format!(",\n{}", google(&word)).into(),
        Format::Cohere => named(
            &json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}}),
        ),
        Format::Ollama => line(
            &json!({"model": "x", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": word}, "response": word, "done": false}),
        ),
        Format::Bedrock => frame(
            "event",
            "contentBlockDelta",
            &json!({"contentBlockIndex": 0, "delta": {"text": word}}).to_string(),
        ),
    }
}

/// The word of this number as a client reads it.
pub fn said(number: usize) -> String {
    format!("w{number}. ")
}

/// A proper end, with usage.
pub fn closing(format: Format) -> Vec<u8> {
    let done = b"data: [DONE]\n\n".to_vec();
    match format {
        Format::Chat => [chat(&json!({}), &"stop".into()), used(), done].concat(),
        Format::Completions => [completion("", &"stop".into()), used(), done].concat(),
        Format::Responses => [
            json!({"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": "w0. "}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "w0. ", "annotations": []}]}}),
            json!({"type": "response.completed", "response": {"id": "resp_1", "object": "response", "model": "x", "status": "completed", "output": [], "usage": {"input_tokens": 3, "output_tokens": 2}}}),
        ]
        .iter()
        .flat_map(named)
        .collect(),
        Format::Messages => [
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 2}}),
            json!({"type": "message_stop"}),
        ]
        .iter()
        .flat_map(named)
        .collect(),
        Format::GoogleEvents => data(&google_end()),
        Format::GoogleArray => format!(",\n{}]", google_end()).into(),
        Format::Cohere => [
            json!({"type": "content-end", "index": 0}),
            json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 2}}}}),
        ]
        .iter()
        .flat_map(named)
        .collect(),
        Format::Ollama => line(&json!({"model": "x", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""}, "response": "", "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2})),
        Format::Bedrock => [
            frame("event", "contentBlockStop", r#"{"contentBlockIndex":0}"#),
            frame("event", "messageStop", r#"{"stopReason":"end_turn"}"#),
            frame("event", "metadata", r#"{"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":1}}"#),
        ]
        .concat(),
    }
}

/// How a provider says inside a stream that it failed.
pub fn complaint(format: Format) -> Vec<u8> {
    match format {
        Format::Chat | Format::Completions => data(
            &json!({"error": {"message": "boom", "type": "server_error", "param": null, "code": "server_error"}}),
        ),
        Format::Responses => named(
            &json!({"type": "error", "sequence_number": 9, "code": "server_error", "message": "boom", "param": null}),
        ),
        Format::Messages => {
            named(&json!({"type": "error", "error": {"type": "api_error", "message": "boom"}}))
        }
        Format::GoogleEvents => data(&google_error()),
        Format::GoogleArray => format!(",\n{}", google_error()).into(),
        Format::Cohere => {
            named(&json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "boom"}}))
        }
        Format::Ollama => line(&json!({"error": "boom"})),
        Format::Bedrock => frame("exception", "internalServerException", r#"{"message":"boom"}"#),
    }
}

fn chat(delta: &Value, finish: &Value) -> Vec<u8> {
    data(
        &json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}),
    )
}

fn completion(text: &str, finish: &Value) -> Vec<u8> {
    data(
        &json!({"id": "c1", "object": "text_completion", "created": 1, "model": "x", "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]}),
    )
}

fn used() -> Vec<u8> {
    data(
        &json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}),
    )
}

fn google(word: &str) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": word}]}, "index": 0}], "modelVersion": "x"})
}

fn google_end() -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}, "modelVersion": "x"})
}

fn google_error() -> Value {
    json!({"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}})
}

fn data(value: &Value) -> Vec<u8> {
    format!("data: {value}\n\n").into()
}

/// An event that says its type twice.
fn named(value: &Value) -> Vec<u8> {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().expect("a type")).into()
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into()
}
