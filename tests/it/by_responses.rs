//! Providers that are asked by `/responses` in place of chat completions.

use crate::harness::{Answer, Gateway, Io, Scripted, Setup, UPSTREAM_KEY, mock, on_both_drivers, post};
use serde_json::{Value, json};
use std::net::SocketAddr;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const TOOLS: &str = include_str!("../../src/traffic/translate/golden/answers/thinking-tools.responses.sse");
const LIMITED: &str = include_str!("../../src/traffic/translate/golden/answers/limited.responses.sse");
const FAILED: &str = include_str!("../../src/traffic/translate/golden/answers/failed.responses.sse");

/// Models that begin with `r/`.
fn gateway(io: Io, upstream: SocketAddr) -> Gateway {
    let setup = Setup::at(io, upstream)
        .provider_of("openai-responses", "newer", &format!("http://{upstream}/v1"), "")
        .model("r/*", "{provider: newer, model: \"*\"}", "");
    Gateway::start(&setup)
}

fn ask(gateway: &Gateway, path: &str, model: &str, more: &str) -> Answer {
    let body = format!(
        r#"{{"model":"{model}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]{more}}}"#
    );
    gateway.client().ask(&post(path, &body))
}

fn chat(more: &str) -> Vec<u8> {
    post(CHAT, &format!(r#"{{"model":"r/m","messages":[]{more}}}"#))
}

fn streamed(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What was sent to the provider in its last request.
fn sent(upstream: &Scripted) -> Value {
    let seen = upstream.seen();
    let (head, body) = seen.last().expect("a request").split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("POST /v1/responses HTTP/1.1\r\n"), "{head}");
    serde_json::from_str(body).expect("JSON")
}

/// Clients of chat completions and of messages are answered, whole and in streams, and the record counts the tokens
/// that the provider did; clients of responses, and of what else `OpenAI`'s format has, get the provider's own bytes.
#[test]
fn chats_cross() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = gateway(io, mock.address);
        let model = "r/mock?chunks=5&prompt_tokens=70&cached_tokens=30";
        let answer = ask(&gateway, CHAT, model, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let whole = answer.json();
        let said = whole["choices"][0]["message"]["content"].as_str().expect("a text").to_owned();
        assert!(!said.is_empty());
        assert_eq!(whole["usage"]["prompt_tokens_details"]["cached_tokens"], 30);
        let record = gateway.record(answer.id());
        assert_eq!((&record["input_tokens"], &record["endpoint"]), (&70.into(), &CHAT.into()), "{record}");

        let answer = ask(&gateway, CHAT, model, r#","stream":true,"stream_options":{"include_usage":true}"#);
        let events = answer.events();
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        let chunk = |event: &String| serde_json::from_str::<Value>(event).ok();
        let chunks: Vec<Value> = events.iter().filter_map(chunk).collect();
        let pieces = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
        assert!(!pieces.collect::<String>().is_empty());
        assert_eq!(chunks.last().expect("chunks")["usage"]["prompt_tokens"], 70);

        let answer = ask(&gateway, MESSAGES, model, "");
        let whole = answer.json();
        assert_eq!(
            (&whole["usage"]["input_tokens"], &whole["content"][0]["text"]),
            (&40.into(), &said.into())
        );
        let answer = ask(&gateway, MESSAGES, model, r#","stream":true"#);
        assert!(answer.text().ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));

        let body = r#"{"model":"r/mock?fault=echo_body","input":"hi","store":true}"#;
        let answer = gateway.client().ask(&post("/v1/responses", body));
        assert_eq!(answer.text(), body.replace("r/mock", "mock"));
        let answer = gateway.client().ask(&post("/v1/embeddings", r#"{"model":"r/mock","input":"hi"}"#));
        assert_eq!((answer.status, &answer.json()["object"]), (200, &"list".into()));
        let answer = gateway.client().ask(&post("/v1/completions", r#"{"model":"r/mock","prompt":"hi"}"#));
        assert_eq!((answer.status, &answer.json()["object"]), (200, &"text_completion".into()));
    });
}

/// A loop of tools: what the model thought comes to the client sealed, and goes back in front of the call.
#[test]
fn thoughts_come_back() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(streamed(TOOLS));
        let gateway = gateway(io, upstream.address);
        let tools = r#","tools":[{"name":"get_weather","input_schema":{"type":"object"}},{"name":"now","input_schema":{"type":"object"}}],"thinking":{"type":"adaptive"},"stream":true"#;
        let answer = ask(&gateway, MESSAGES, "r/gpt-5.2", tools);
        let first = sent(&upstream);
        assert_eq!(
            (&first["store"], &first["include"], &first["reasoning"]),
            (&false.into(), &json!(["reasoning.encrypted_content"]), &json!({"summary": "auto"}))
        );
        let text = answer.text();
        assert!(
            text.contains("\"signature\":\"openai:gAAAAABo+/x=\"") && text.contains("\"tool_use\""),
            "{text}"
        );
        let history = json!({"model": "r/gpt-5.2", "max_tokens": 99, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "**Look**", "signature": "openai:gAAAAABo+/x="},
                {"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "call_3", "name": "get_weather", "input": {"city": "Oslo"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_3", "content": "3 C", "is_error": false},
                {"type": "text", "text": "And?"}]},
        ]});
        gateway.client().ask(&post(MESSAGES, &history.to_string()));
        let kinds: Vec<Value> = sent(&upstream)["input"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| if item["type"].is_null() { item["role"].clone() } else { item["type"].clone() })
            .collect();
        let expected = ["user", "reasoning", "assistant", "function_call", "function_call_output", "user"];
        assert_eq!(kinds, expected.map(Value::from));
    });
}

/// Errors inside a stream are told in the client's dialect, and a stream that is cut is no whole answer.
#[test]
fn broken_streams_are_told() {
    on_both_drivers(|io| {
        let cut = "event: response.output_item.done";
        for (stream, said, code) in [
            (LIMITED, "Slow down.", "upstream_stream_error"),
            (FAILED, "The model failed.", "upstream_stream_error"),
            (&TOOLS[..TOOLS.len() * 2 / 3], "upstream_truncated", "upstream_truncated"),
        ] {
            let (upstream, go_on) = Scripted::in_two_parts(stream, cut);
            let gateway = gateway(io, upstream.address);
            let mut client = gateway.client();
            client.send(&chat(r#","stream":true"#));
            assert_eq!(client.head().0, 200);
            let mut text = String::from_utf8(client.chunk().expect("what comes before")).expect("text");
            go_on.send(()).expect("the provider waits");
            while !text.contains("\"error\"") {
                text += &String::from_utf8(client.chunk().expect("the error")).expect("text");
            }
            assert!(text.contains(said) && !text.contains("[DONE]"), "{text}");
            client.ends();
            assert_eq!(gateway.only_record(1)["fault"], code);
        }
        // Where the client was told nothing yet, the provider's words are the refusal's; they never hold its key.
        let told = LIMITED.replace("Slow down.", &format!("Slow down, {UPSTREAM_KEY}."));
        let upstream = Scripted::always(streamed(&told));
        let gateway = gateway(io, upstream.address);
        let answer = gateway.client().ask(&chat(r#","stream":true"#));
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (429, &"rate_limit_exceeded".into()), "{error}");
        assert_eq!(error["message"], "Slow down, [redacted].");
        let record = gateway.record(answer.id());
        assert_eq!((&record["status"], &record["upstream_status"]), (&429.into(), &200.into()), "{record}");
        assert_eq!(record["fault"], "upstream_stream_error");
        let error = r#"{"error":{"message":"No such model.","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#;
        let answer = format!(
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{error}",
            error.len()
        );
        let upstream = Scripted::always(answer);
        let gateway = self::gateway(io, upstream.address);
        let answer = ask(&gateway, MESSAGES, "r/m", "");
        assert_eq!((answer.status, &answer.json()["error"]["type"]), (404, &"not_found_error".into()));
    });
}
