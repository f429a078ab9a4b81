//! Models at Amazon Bedrock, and Claude where clouds host it.

use crate::harness::{Gateway, Io, Scripted, Setup, UPSTREAM_KEY, on_both_drivers, post, post_with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
/// A model's id with characters that a path cannot have.
const ID: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
/// A stream as the provider's own decoder reads it: a name and a frame in each line.
const TOOLS: &str = include_str!("fixtures/bedrock/tools.hex");
const WHOLE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Cold."}]}},"stopReason":"end_turn","usage":{"inputTokens":220,"outputTokens":5,"totalTokens":1505,"cacheReadInputTokens":1024,"cacheWriteInputTokens":256},"metrics":{"latencyMs":611}}"#;
const MESSAGE: &str = r#"{"id":"msg_bdrk_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{"q":1.10}},{"type":"text","text":"ok","citations":[{"url":"https://x"}]}],"stop_reason":"end_turn","stop_sequence":null,"container":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;

/// Models that begin with `b/` are behind `Converse`, with `i/` behind `InvokeModel`, with `v/` behind `rawPredict`.
fn setup(io: Io, upstream: SocketAddr) -> Setup {
    let base = format!("http://{upstream}");
    Setup::at(io, upstream)
        .provider_of("bedrock", "amazon", &base, "")
        .provider_of("bedrock-anthropic", "invoke", &base, "")
        .provider_of("vertex-anthropic", "vertex", &format!("{base}/v1/projects/p/publishers/anthropic"), "")
        .model("b/*", "{provider: amazon, model: \"*\"}", "")
        .model("i/*", "{provider: invoke, model: \"*\"}", "")
        .model("v/*", "{provider: vertex, model: \"*\"}", "")
}

fn ask(path: &str, model: &str, more: &str) -> Vec<u8> {
    let words = if path == RESPONSES {
        r#""input":"hi""#.to_owned()
    } else {
        r#""max_tokens":99,"messages":[{"role":"user","content":"hi"}]"#.to_owned()
    };
    post(path, &format!(r#"{{"model":"{model}",{words}{more}}}"#))
}

fn answered(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}x-amzn-requestid: up-1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn whole(body: &str) -> Vec<u8> {
    answered("200 OK", "content-type: application/json\r\n", body.as_bytes())
}

const FRAMES: &str = "content-type: application/vnd.amazon.eventstream\r\n";

/// A frame of this message type (`event` or `exception`), as the provider's description of the format has it.
pub fn frame(kind: &str, name: &str, payload: &str) -> Vec<u8> {
    let mut headers = vec![];
    for (header, value) in [
        (":message-type", kind),
        (if kind == "event" { ":event-type" } else { ":exception-type" }, name),
        (":content-type", "application/json"),
    ] {
        headers.push(u8::try_from(header.len()).expect("short"));
        headers.extend_from_slice(header.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).expect("short").to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let lengths = [16 + headers.len() + payload.len(), headers.len()];
    let mut frame: Vec<u8> =
        lengths.iter().flat_map(|length| u32::try_from(*length).expect("short").to_be_bytes()).collect();
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    frame("event", name, payload)
}

fn chunk(payload: &str) -> Vec<u8> {
    event("chunk", &json!({"bytes": STANDARD.encode(payload), "p": "abc"}).to_string())
}

fn tools() -> Vec<u8> {
    let hex = TOOLS.lines().map(|line| line.split_once(' ').expect("a name and a frame").1);
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("text"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
    };
    hex.flat_map(bytes).collect()
}

/// The beginning of a stream that says `Hel`.
fn beginning() -> Vec<u8> {
    [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hel"}}"#),
    ]
    .concat()
}

fn data(events: &str) -> Vec<Value> {
    let lines =
        events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]");
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Path and body of the last request that the provider got, which held the gateway's key.
fn sent(upstream: &Scripted) -> (String, Value) {
    let seen = upstream.seen().pop().expect("a request");
    let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("\r\nauthorization: Bearer {UPSTREAM_KEY}")), "{head}");
    let path = head.split(' ').nth(1).expect("a path").to_owned();
    (path, serde_json::from_str(body).expect("JSON"))
}

/// Clients of every dialect are answered by `Converse`, whose path names the model, and the record counts every class of
/// tokens.
#[test]
fn whole_answers_cross() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(whole(WHOLE));
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        let chat = client.ask(&ask(CHAT, &format!("b/{ID}"), r#","temperature":0.5"#));
        assert_eq!(chat.status, 200, "{}", chat.text());
        assert_eq!(chat.header("x-ringgate-upstream-request-id"), Some("up-1"));
        let record = gateway.record(chat.id());
        assert_eq!(
            (&record["input_tokens"], &record["output_tokens"]),
            (&1500.into(), &5.into()),
            "{record}"
        );
        let answer = chat.json();
        assert_eq!(answer["choices"][0]["message"]["content"], "Cold.");
        assert_eq!(answer["model"], ID);
        assert!(answer["id"].as_str().is_some_and(|id| id.ends_with(chat.id())), "{answer}");
        assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 1024);
        let (path, body) = sent(&upstream);
        assert_eq!(path, "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse");
        let expected = json!({
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "inferenceConfig": {"maxTokens": 99, "temperature": 0.5},
        });
        assert_eq!(body, expected);

        let message = client.ask(&ask(MESSAGES, "b/x", "")).json();
        assert_eq!(
            (&message["content"][0]["text"], &message["stop_reason"]),
            (&"Cold.".into(), &"end_turn".into())
        );
        assert_eq!(message["usage"]["cache_creation_input_tokens"], 256);
        let response = client.ask(&ask(RESPONSES, "b/x", "")).json();
        assert_eq!(response["output"][0]["content"][0]["text"], "Cold.");
    });
}

/// A provider that says its answer in pieces of this size.
fn dribbling(stream: Vec<u8>, step: usize) -> Scripted {
    Scripted::start(move |_, mut peer| {
        while peer.request().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\n{FRAMES}transfer-encoding: chunked\r\n\r\n").as_bytes());
            for piece in stream.chunks(step) {
                peer.send(format!("{:x}\r\n", piece.len()).as_bytes());
                peer.send(piece);
                peer.send(b"\r\n");
            }
            peer.send(b"0\r\n\r\n");
        }
    })
}

/// A stream of frames is a stream of the client's dialect, however its bytes come, and its connection serves again.
#[test]
fn streams_cross() {
    on_both_drivers(|io| {
        for step in [1, 7, 4096] {
            let upstream = dribbling(tools(), step);
            let gateway = Gateway::start(&setup(io, upstream.address));
            let mut client = gateway.client();
            let usage = r#","stream":true,"stream_options":{"include_usage":true}"#;
            let answer = client.ask(&ask(CHAT, "b/x", usage));
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some("text/event-stream; charset=utf-8"))
            );
            let text = answer.text();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
            let chunks = data(&text);
            let said: String =
                chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
            assert_eq!(said, "Hello");
            let call = chunks.iter().find_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].get(0));
            assert_eq!(call.expect("a call")["id"], "tooluse_ab1");
            assert_eq!(chunks.last().expect("chunks")["usage"]["total_tokens"], 21);
            let record = gateway.record(answer.id());
            assert_eq!((&record["output_tokens"], &record["fault"]), (&9.into(), &Value::Null), "{record}");
            assert_eq!(sent(&upstream).0, "/model/x/converse-stream");

            let text = client.ask(&ask(MESSAGES, "b/x", r#","stream":true"#)).text();
            assert!(text.ends_with("{\"type\":\"message_stop\"}\n\n") && text.contains("tool_use"), "{text}");
            let text = client.ask(&ask(RESPONSES, "b/x", r#","stream":true"#)).text();
            assert!(text.contains("event: response.completed\n"), "{text}");
            assert_eq!(upstream.accepted(), 1, "the connection is used again");
        }
    });
}

/// A client calls tools in a loop: the ids of the calls come back with their results, all in one message, in front.
#[test]
fn tools_loop() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(move |_, mut peer| {
            while let Some(request) = peer.request() {
                let stream = if request.contains("toolResult") {
                    let end = event("messageStop", r#"{"stopReason":"end_turn"}"#);
                    let usage = event("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":1}}"#);
                    [beginning(), end, usage].concat()
                } else {
                    tools()
                };
                peer.send(&answered("200 OK", FRAMES, &stream));
            }
        });
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        let tools =
            json!([{"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}]);
        let mut messages = vec![json!({"role": "user", "content": "What time is it?"})];
        let mut turn = |messages: &[Value]| {
            let body = json!({"model": "b/x", "stream": true, "tools": tools, "messages": messages});
            data(&client.ask(&post(CHAT, &body.to_string())).text())
        };
        let chunks = turn(&messages);
        let calls = || chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].get(0));
        let id = calls().next().expect("a call")["id"].clone();
        let arguments: String =
            calls().map(|call| call["function"]["arguments"].as_str().expect("a text")).collect();
        let other =
            json!({"id": "c2", "type": "function", "function": {"name": "get_time", "arguments": ""}});
        let call =
            json!({"id": id, "type": "function", "function": {"name": "get_time", "arguments": arguments}});
        messages.push(json!({"role": "assistant", "content": "Hello", "tool_calls": [call, other]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "12:00"}));
        messages.push(json!({"role": "tool", "tool_call_id": "c2", "content": ""}));
        messages.push(json!({"role": "user", "content": "Well?"}));
        let chunks = turn(&messages);
        assert!(chunks.iter().any(|chunk| chunk["choices"][0]["delta"]["content"] == "Hel"), "{chunks:?}");
        let sent = sent(&upstream).1;
        let expected = json!([
            {"role": "user", "content": [{"text": "What time is it?"}]},
            {"role": "assistant", "content": [
                {"text": "Hello"},
                {"toolUse": {"toolUseId": "tooluse_ab1", "name": "get_time", "input": {"tz": "CET"}}},
                {"toolUse": {"toolUseId": "c2", "name": "get_time", "input": {}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "tooluse_ab1", "content": [{"text": "12:00"}]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "(empty)"}]}},
                {"text": "Well?"},
            ]},
        ]);
        assert_eq!(sent["messages"], expected);
    });
}

/// A provider that says `rest` once the client has the beginning.
fn in_two_parts(rest: Vec<u8>) -> (Scripted, Sender<()>) {
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let upstream = Scripted::start(move |_, mut peer| {
        if peer.request().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\n{FRAMES}connection: close\r\n\r\n").as_bytes());
            peer.send(&beginning());
            receiver.lock().expect("no panic").recv().expect("the client reads");
            peer.send(&rest);
        }
    });
    (upstream, sender)
}

/// An exception inside a stream, a frame whose checksum is wrong and a stream that is cut reach the client as errors of
/// its own dialect behind what came before, and the stream has no proper end.
#[test]
fn broken_streams_are_told() {
    on_both_drivers(|io| {
        let throttled = frame("exception", "throttlingException", r#"{"message":"Too many requests."}"#);
        let mut flipped = event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"lo"}}"#);
        let middle = flipped.len() - 10;
        flipped[middle] ^= 1;
        let mut prelude = event("contentBlockDelta", "{}");
        prelude[3] ^= 1;
        let cut =
            event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"lo"}}"#)[..40].to_vec();
        for (rest, code, fault) in [
            (throttled, "rate_limit_exceeded", "upstream_stream_error"),
            (flipped, "upstream_unreadable", "upstream_unreadable"),
            (prelude, "upstream_unreadable", "upstream_unreadable"),
            (cut, "upstream_truncated", "upstream_truncated"),
            (vec![], "upstream_truncated", "upstream_truncated"),
        ] {
            let (upstream, go_on) = in_two_parts(rest);
            let gateway = Gateway::start(&setup(io, upstream.address));
            let mut client = gateway.client();
            client.send(&ask(CHAT, "b/x", r#","stream":true"#));
            let (status, fields) = client.head();
            assert_eq!(status, 200);
            let mut text = String::from_utf8(client.chunk().expect("what comes before")).expect("text");
            go_on.send(()).expect("the provider waits");
            while !text.contains("\"error\"") {
                text += &String::from_utf8(client.chunk().expect("the error")).expect("text");
            }
            assert!(text.contains("\"Hel\"") && !text.contains("[DONE]"), "{text}");
            assert_eq!(data(&text).last().expect("chunks")["error"]["code"], code, "{text}");
            client.ends();
            let id = &fields.iter().find(|(name, _)| name == "x-request-id").expect("an id").1;
            assert_eq!(gateway.record(id)["fault"], fault);
        }
    });
}

/// A stream that breaks before its client was told anything is a refusal, with a status: that of what the provider says,
/// if it says what it means.
#[test]
fn streams_that_never_began_are_refused() {
    let throttled = frame("exception", "throttlingException", r#"{"message":"Too many requests."}"#);
    let upstream = Scripted::always(answered("200 OK", FRAMES, &throttled));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let answer = gateway.client().ask(&ask(CHAT, "b/x", r#","stream":true"#));
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["type"]), (429, &"rate_limit_error".into()), "{error}");
    assert_eq!(
        (&error["code"], &error["message"]),
        (&"rate_limit_exceeded".into(), &"Too many requests.".into())
    );
    for (stream, code) in [
        (frame("exception", "internalServerException", r#"{"message":"m"}"#), "upstream_stream_error"),
        (frame("exception", "accessDeniedException", r#"{"message":"m"}"#), "upstream_account"),
        (b"event: x\ndata: {}\n\n".to_vec(), "upstream_unreadable"),
        (vec![], "upstream_truncated"),
    ] {
        let upstream = Scripted::always(answered("200 OK", FRAMES, &stream));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        gateway.client().ask(&ask(CHAT, "b/x", r#","stream":true"#)).refused(502, code);
    }
}

/// AWS's errors, which a header names, have the type, the code and the status that the client's own package looks for.
#[test]
fn provider_errors_cross() {
    for (status, name, message, expected, code) in [
        (
            "429 Too Many Requests",
            "ThrottlingException:http://internal/",
            "slow down",
            429,
            "rate_limit_exceeded",
        ),
        ("429 Too Many Requests", "ModelNotReadyException", "not yet", 503, "server_is_overloaded"),
        ("400 Bad Request", "ServiceQuotaExceededException", "no more", 429, "insufficient_quota"),
        (
            "400 Bad Request",
            "ValidationException",
            "Input is too long for it.",
            400,
            "context_length_exceeded",
        ),
        ("404 Not Found", "ResourceNotFoundException", "no such model", 404, "model_not_found"),
        ("408 Request Timeout", "ModelTimeoutException", "too slow", 504, "timeout"),
        ("424 Failed Dependency", "ModelErrorException", "it broke", 500, "ModelErrorException"),
        ("500 Internal Server Error", "InternalServerException", "oh", 500, "InternalServerException"),
        ("503 Service Unavailable", "ServiceUnavailableException", "oh", 503, "server_is_overloaded"),
    ] {
        let fields = format!("content-type: application/json\r\nx-amzn-ErrorType: {name}\r\n");
        let body = json!({"message": message}).to_string();
        let upstream = Scripted::always(answered(status, &fields, body.as_bytes()));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        for model in ["b/x", "i/x"] {
            let got = gateway.client().ask(&ask(CHAT, model, ""));
            let error = &got.json()["error"];
            assert_eq!((got.status, &error["code"]), (expected, &code.into()), "{name}: {error}");
            assert_eq!(error["message"], message);
        }
        let got = gateway.client().ask(&ask(MESSAGES, "i/x", ""));
        assert_eq!((got.status, &got.json()["type"]), (expected, &"error".into()), "{name}");
    }
    let fields = "content-type: application/json\r\nx-amzn-ErrorType: AccessDeniedException\r\n";
    let upstream = Scripted::always(answered("403 Forbidden", fields, b"{\"message\":\"no\"}"));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    gateway.client().ask(&ask(CHAT, "b/x", "")).refused(502, "upstream_account");
}

/// What only Anthropic's clients say, and what its models answer beyond other formats, reaches the other side whole.
#[test]
fn hosted_messages_keep_everything() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(whole(MESSAGE));
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        let members = r#""max_tokens":9,"frob":{"a" : 1.10},"tools":[{"type":"web_search_20260101","name":"web_search"}],"messages":[{"role":"user","content":"hi"}]"#;
        let fields = format!(
            "x-api-key: {}\r\ncontent-type: application/json\r\nanthropic-beta: one, two\r\nanthropic-version: 2023-06-01\r\n",
            crate::harness::KEY
        );
        let mut asked = |model: &str| {
            let body = format!(r#"{{"model":"{model}",{members}}}"#);
            let answer = client.ask(&post_with(MESSAGES, &fields, body.as_bytes()));
            assert_eq!(
                (answer.status, answer.header("x-ringgate-dropped")),
                (200, None),
                "{}",
                answer.text()
            );
            assert_eq!(answer.text(), MESSAGE);
            let record = gateway.record(answer.id());
            assert_eq!(
                (&record["input_tokens"], &record["output_tokens"]),
                (&3.into(), &2.into()),
                "{record}"
            );
            upstream.seen().pop().expect("a request")
        };
        let seen = asked(&format!("i/{ID}"));
        let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with("POST /model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke HTTP/1.1\r\n")
        );
        assert!(!head.contains("anthropic-"), "{head}");
        let expected = format!(
            r#"{{{members},"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["one","two"]}}"#
        )
        .replace("\"frob\": ", "\"frob\":");
        assert_eq!(body, expected);

        let seen = asked("v/claude-x@1");
        let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
        let path = "/v1/projects/p/publishers/anthropic/models/claude-x%401:rawPredict";
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        assert!(
            head.contains("\r\nanthropic-beta: one, two") && !head.contains("anthropic-version"),
            "{head}"
        );
        assert_eq!(body, format!(r#"{{{members},"anthropic_version":"vertex-2023-10-16"}}"#));

        let chat = client.ask(&ask(CHAT, "i/x", "")).json();
        assert_eq!(chat["choices"][0]["message"]["content"], "ok");
        let body = sent(&upstream).1;
        assert_eq!(
            (&body["anthropic_version"], &body["model"]),
            (&"bedrock-2023-05-31".into(), &Value::Null)
        );
    });
}

/// Streams of hosted models: events inside frames at Bedrock, and as they are at Vertex AI, reach Anthropic's clients as
/// they were made, and other clients in their own dialect.
#[test]
fn hosted_streams_cross() {
    const EVENTS: [&str; 6] = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"usage":{"input_tokens":10,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":[]}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":12}}"#,
        r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":10}}"#,
    ];
    let plain: String = EVENTS
        .iter()
        .map(|event| {
            let kind = event.split('"').nth(3).expect("a type");
            format!("event: {kind}\ndata: {event}\n\n")
        })
        .collect();
    on_both_drivers(|io| {
        let lines = plain.clone();
        let upstream = Scripted::start(move |_, mut peer| {
            while let Some(request) = peer.request() {
                peer.send(&if request.contains("/invoke-with-response-stream ") {
                    answered("200 OK", FRAMES, &EVENTS.into_iter().flat_map(chunk).collect::<Vec<_>>())
                } else {
                    assert!(request.contains(":streamRawPredict "), "{request}");
                    answered("200 OK", "content-type: text/event-stream\r\n", lines.as_bytes())
                });
            }
        });
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        for model in ["i/x", "v/x"] {
            let answer = client.ask(&ask(MESSAGES, model, r#","stream":true"#));
            assert_eq!(answer.text(), plain);
            let record = gateway.record(answer.id());
            assert_eq!((&record["output_tokens"], &record["fault"]), (&12.into(), &Value::Null), "{record}");
            assert_eq!(sent(&upstream).1["stream"], Value::Null);
            let text = client.ask(&ask(CHAT, model, r#","stream":true"#)).text();
            assert!(text.contains("\"Hel\"") && text.ends_with("data: [DONE]\n\n"), "{text}");
        }
    });
    let overloaded = r#"{"message":"m","originalStatusCode":529,"originalMessage":"Overloaded"}"#;
    let stream =
        [chunk(EVENTS[0]), chunk(EVENTS[1]), frame("exception", "modelStreamErrorException", overloaded)]
            .concat();
    let upstream = Scripted::always(answered("200 OK", FRAMES, &stream));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let mut client = gateway.client();
    client.send(&ask(MESSAGES, "i/x", r#","stream":true"#));
    // All of it came at once: the client was told nothing before.
    let answer = client.answer();
    assert_eq!((answer.status, &answer.json()["type"]), (503, &"error".into()), "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
}
