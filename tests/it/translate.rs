//! Clients of one dialect, models behind another format.

use crate::harness::{Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, mock, on_both_drivers, post};
use crate::translated_errors::overloaded;
use loadtest::mock::Mock;
use serde_json::{Value, json};
use std::net::SocketAddr;

pub const CHAT: &str = "/v1/chat/completions";
pub const MESSAGES: &str = "/v1/messages";
pub const THINKING: &str = include_str!("../fuzz/corpus/sse/anthropic-thinking-tools.sse");
const PARALLEL: &str = include_str!("../../src/traffic/translate/golden/answers/parallel-tools.openai.sse");
pub const OVERLOADED: &str = include_str!("../fuzz/corpus/sse/anthropic-overloaded.sse");

/// Models that begin with `c/` are behind Anthropic's format, those that begin with `m/` behind `OpenAI`'s, those with
/// `p/` behind that without responses.
pub fn setup(io: Io, upstream: SocketAddr) -> Setup {
    Setup::at(io, upstream)
        .provider_of("anthropic", "claude", &format!("http://{upstream}"), "")
        .provider("plain", &format!("http://{upstream}/v1"), "responses: false")
        .model("c/*", "{provider: claude, model: \"*\"}", "")
        .model("p/*", "{provider: plain, model: \"*\"}", "")
        .model("strict/*", "{provider: claude, model: \"*\"}", "unsupported: refuse")
}

pub fn staged(io: Io) -> (Mock, Gateway) {
    let mock = mock();
    let gateway = Gateway::start(&setup(io, mock.address));
    (mock, gateway)
}

pub fn ask(path: &str, model: &str, more: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"{model}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]{more}}}"#
    );
    post(path, &body)
}

pub fn answered(content_type: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nx-request-id: up-1\r\nx-secret: 1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub fn data(events: &str) -> Vec<Value> {
    let lines =
        events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]");
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Either dialect's clients get whole answers of the other format's providers, in their own shape, and the record
/// counts the tokens that the provider did.
#[test]
fn whole_answers_cross() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        let answer = client.ask(&ask(CHAT, "c/mock", ""));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let chat = answer.json();
        assert_eq!(
            (&chat["object"], &chat["choices"][0]["finish_reason"]),
            (&"chat.completion".into(), &"stop".into())
        );
        assert!(
            chat["choices"][0]["message"]["content"].as_str().is_some_and(|text| !text.is_empty()),
            "{chat}"
        );
        let record = gateway.record(answer.id());
        assert_eq!(record["input_tokens"], chat["usage"]["prompt_tokens"], "{record}");
        assert_eq!(record["output_tokens"], chat["usage"]["completion_tokens"], "{record}");

        let answer = client.ask(&ask(MESSAGES, "m/mock", ""));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let message = answer.json();
        assert_eq!((&message["type"], &message["stop_reason"]), (&"message".into(), &"end_turn".into()));
        assert_eq!(message["content"][0]["type"], "text");
        assert_eq!(message["model"], "m/mock", "clients of messages are told the name that they asked for");
        let record = gateway.record(answer.id());
        assert_eq!(record["output_tokens"], message["usage"]["output_tokens"], "{record}");
    });
}

/// Streams cross event by event, end as the client's dialect ends them, and leave the connection for the next request.
#[test]
fn streams_cross() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for _ in 0..2 {
            let answer = client.ask(&ask(CHAT, "c/mock?chunks=5", r#","stream":true"#));
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some("text/event-stream; charset=utf-8"))
            );
            let text = answer.text();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
            let chunks = data(&text);
            assert!(chunks.iter().all(|chunk| chunk["usage"].is_null()), "usage was not asked for: {text}");
            assert!(chunks.len() > 5, "{text}");
            let record = gateway.record(answer.id());
            assert!(record["output_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{record}");

            let with_usage = r#","stream":true,"stream_options":{"include_usage":true}"#;
            let text = client.ask(&ask(CHAT, "c/mock", with_usage)).text();
            assert!(data(&text).last().expect("chunks")["usage"]["total_tokens"].is_u64(), "{text}");

            let answer = client.ask(&ask(MESSAGES, "m/mock?chunks=5", r#","stream":true"#));
            let text = answer.text();
            assert!(
                text.starts_with("event: message_start\n")
                    && text.ends_with("{\"type\":\"message_stop\"}\n\n"),
                "{text}"
            );
            let events = data(&text);
            let delta = events.iter().find(|event| event["type"] == "message_delta").expect("it ends");
            assert!(delta["usage"]["output_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{text}");
            assert_eq!(gateway.record(answer.id())["output_tokens"], delta["usage"]["output_tokens"]);
        }
    });
}

/// What a provider is sent is its own format, with its own credential and version, and nothing of the client's dialect.
#[test]
fn providers_see_their_own_format() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let upstream = Scripted::always(answered("application/json", body));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let more = r#","seed":7,"store":true,"temperature":0.5"#;
    let mut request = ask(CHAT, "c/claude-opus-4-6?x=1", more);
    let at = request.windows(2).position(|two| two == b"\r\n").expect("a line");
    let fields = "\r\nopenai-beta: x\r\nanthropic-beta: y\r\nuser-agent: tester/1\r\ncookie: a=b";
    request.splice(at..at, fields.bytes());
    let answer = gateway.client().ask(&request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-ringgate-dropped"), Some("store,seed"));
    assert_eq!(answer.header("x-ringgate-upstream-request-id"), Some("up-1"));
    assert_eq!(answer.header("x-secret"), None);
    let seen = upstream.seen().pop().expect("a request");
    let (head, sent) = seen.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{head}");
    for field in ["anthropic-version: 2023-06-01", "user-agent: tester/1", "content-type: application/json"] {
        assert_eq!(head.matches(field).count(), 1, "{head}");
    }
    assert!(head.contains(&format!("x-api-key: {UPSTREAM_KEY}")), "{head}");
    for foreign in ["beta", "cookie", KEY] {
        assert!(!head.contains(foreign), "{head}");
    }
    let sent: Value = serde_json::from_str(sent).expect("JSON");
    let expected = json!({
        "model": "claude-opus-4-6?x=1", "max_tokens": 99, "temperature": 0.5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    });
    assert_eq!(sent, expected);
}

/// Tools, thoughts and parallel calls survive the way, whole and in pieces of any size.
#[test]
fn tools_cross_in_streams() {
    on_both_drivers(|io| {
        for (path, model, stream, step) in
            [(CHAT, "c/x", THINKING, 7), (MESSAGES, "m/x", PARALLEL, 11), (CHAT, "c/x", THINKING, 4096)]
        {
            let upstream = Scripted::start(move |_, mut peer| {
                if peer.request().is_none() {
                    return;
                }
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
                for piece in stream.as_bytes().chunks(step) {
                    peer.send(format!("{:x}\r\n", piece.len()).as_bytes());
                    peer.send(piece);
                    peer.send(b"\r\n");
                }
                peer.send(b"0\r\n\r\n");
                peer.wait_for_end();
            });
            let gateway = Gateway::start(&setup(io, upstream.address));
            let answer = gateway.client().ask(&ask(path, model, r#","stream":true"#));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let events = data(&answer.text());
            let calls: String = if path == CHAT {
                let calls =
                    events.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array());
                calls
                    .flatten()
                    .map(|call| call["function"]["arguments"].as_str().expect("a text").to_owned())
                    .collect()
            } else {
                events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect()
            };
            let expected = if path == CHAT {
                "{\"city\": \"Oslo\"}{}"
            } else {
                "{\"city\":\"Oslo\"}{\"city\":\"Riga\"}"
            };
            assert_eq!(calls, expected);
            assert_eq!(gateway.record(answer.id())["fault"], Value::Null);
        }
    });
}

/// Of a translated answer's head a client sees what is left of the provider's share, and when to come again, as the
/// provider wrote it, of answers and of errors alike; and nothing that says whose account it is.
#[test]
fn shares_are_told() {
    let kept = [
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("x-ratelimit-reset-tokens", "6ms"),
        ("x-ratelimitbysize-remaining-minute", "40"),
        ("ratelimit-policy", "\"fixed\";q=500"),
        ("x-should-retry", "true"),
        ("openai-processing-ms", "835"),
        ("retry-after", "2"),
    ];
    let own = ["openai-organization", "anthropic-organization-id", "openai-project", "set-cookie", "server"];
    let fields: String = kept.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let fields = own.iter().fold(fields, |fields, name| fields + name + ": canary\r\n");
    let message = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let limited = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    for (status, body, kind, more) in [
        (200, message, "application/json", ""),
        (200, THINKING, "text/event-stream", r#","stream":true"#),
        (429, limited, "application/json", ""),
    ] {
        let length = body.len();
        let upstream = Scripted::always(format!(
            "HTTP/1.1 {status} \r\ncontent-type: {kind}\r\n{fields}request-id: req_1\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let answer = gateway.client().ask(&ask(CHAT, "c/x", more));
        assert_eq!(answer.status, status, "{}", answer.text());
        for (name, value) in kept {
            let told: Vec<_> = answer.headers.iter().filter(|(known, _)| known == name).collect();
            assert!(matches!(&*told, [(_, only)] if only == value), "{status} {name}: {told:?}");
        }
        assert_eq!(answer.header("x-ringgate-upstream-request-id"), Some("req_1"));
        assert!(own.iter().all(|name| answer.header(name).is_none()), "{:?}", answer.headers);
    }
}

/// What a whole answer tells, and its client's dialect has no place for, is named beside what the request lost.
#[test]
fn answers_name_what_they_lose() {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
        "content": [
            {"type": "server_tool_use", "id": "s", "name": "bash_code_execution", "input": {"command": "ls"}},
            {"type": "bash_code_execution_tool_result", "tool_use_id": "s", "content": {}},
            {"type": "text", "text": "ok", "citations": [
                {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": "A", "start_char_index": 0, "end_char_index": 1},
            ]},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2},
    });
    let upstream = Scripted::always(answered("application/json", &message.to_string()));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let mut client = gateway.client();
    for (path, body, lost) in [
        (
            CHAT,
            r#"{"model":"c/x","seed":1,"messages":[{"role":"user","content":"hi"}]}"#,
            "seed,server_tool_use,bash_code_execution_tool_result,citations",
        ),
        (
            "/v1/responses",
            r#"{"model":"c/x","input":"hi"}"#,
            "server_tool_use,bash_code_execution_tool_result",
        ),
        (MESSAGES, r#"{"model":"c/x","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#, ""),
    ] {
        let answer = client.ask(&post(path, body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let named = answer.headers.iter().filter(|(name, _)| name == "x-ringgate-dropped");
        let named: Vec<_> = named.map(|(_, value)| value.as_str()).collect();
        assert_eq!(named.join(","), lost, "{path}");
    }
}

/// What a provider cannot be asked for is refused by name before it is asked, in the client's own shape; a model of
/// which another target can be asked is asked there.
#[test]
fn what_cannot_be_said_is_refused() {
    let (mock, gateway) = staged(Io::Auto);
    let mut client = gateway.client();
    let message = client.ask(&ask(CHAT, "strict/x", r#","seed":7,"n":2"#)).refused(400, "untranslatable");
    assert_eq!(message, "The model's provider does not take: n,seed.");
    let audio = r#"{"model":"c/x","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]}]}"#;
    client.ask(&post(CHAT, audio)).refused(400, "untranslatable");
    for wrong in [
        r#"{"model":"c/x"}"#,
        r#"{"model":"c/x","messages":[{"role":"narrator","content":"x"}]}"#,
        r#"{"model":"c/x","messages":[{"role":"user","content":"x","content":"y"}]}"#,
        r#"{"model":"c/x","messages":[{"role":"tool","content":"x"}]}"#,
        r#"{"model":"c/x","messages":{},"max_tokens":1}"#,
    ] {
        client.ask(&post(CHAT, wrong)).refused(400, "invalid_request");
    }
    let both = setup(Io::Auto, mock.address).model(
        "both",
        "{provider: claude, model: x}, {provider: up, model: mock, priority: 2}",
        "",
    );
    let gateway = Gateway::start(&both);
    let audio = audio.replace("c/x", "both");
    let answer = gateway.client().ask(&post(CHAT, &audio));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A client that wants no stream gets none where the provider sends one in spite of that: a whole answer with its
/// length, or a refusal.
#[test]
fn streams_nobody_asked_for_are_whole_answers() {
    for (path, model, stream) in [(CHAT, "c/x", THINKING), (MESSAGES, "m/x", PARALLEL)] {
        let upstream = Scripted::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
                stream.as_bytes().chunks(100).for_each(|piece| peer.send(piece));
            }
        });
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let answer = gateway.client().ask(&ask(path, model, ""));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let text = answer.json().to_string();
        assert!(text.contains("Oslo"), "{text}");
    }
    let upstream = Scripted::always(answered("text/event-stream", OVERLOADED));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    overloaded(&gateway.client().ask(&ask(CHAT, "c/x", "")));
}

/// An answer of which its head does not say what it is, is what it looks like.
#[test]
fn answers_without_a_type_are_read() {
    for (path, model, body, more) in [
        (CHAT, "c/x", THINKING, r#","stream":true"#),
        (MESSAGES, "m/x", PARALLEL, r#","stream":true"#),
        (CHAT, "c/x", THINKING, ""),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let upstream = Scripted::always([head.as_bytes(), body.as_bytes()].concat());
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let answer = gateway.client().ask(&ask(path, model, more));
        let expected = if more.is_empty() { "application/json" } else { "text/event-stream; charset=utf-8" };
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(expected)));
        let text = answer.text();
        assert!(text.contains("\"tool_calls\"") || text.contains("\"tool_use\""), "{text}");
    }
}

/// What is wrong with a request is told with a status and a type that the client's package knows, in either dialect,
/// and the provider is not asked.
#[test]
fn broken_requests_are_the_clients() {
    let upstream = Scripted::always(answered("application/json", "{}"));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let mut client = gateway.client();
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for (path, model) in [(CHAT, "c/x"), (MESSAGES, "m/x")] {
        let with = |messages: &str| format!(r#"{{"model":"{model}","max_tokens":9,"messages":{messages}}}"#);
        for (body, code) in [
            (with("[NaN]"), "invalid_json"),
            (with(&deep), "invalid_json"),
            (with("[") + "]", "invalid_json"),
            (with("null"), "invalid_request"),
            (with("[7]"), "invalid_request"),
            (with(r#"[{"role":"narrator","content":"x"}]"#), "invalid_request"),
            (with(r#"[{"role":"user","content":"x","content":"y"}]"#), "invalid_request"),
            (with(r#"[{"role":"user","content":[{"type":"smell"}]}]"#), "untranslatable"),
        ] {
            let answer = client.ask(&post(path, &body));
            if path == CHAT {
                answer.refused(400, code);
                continue;
            }
            let error = &answer.json()["error"];
            assert_eq!((answer.status, &error["type"]), (400, &"invalid_request_error".into()), "{body}");
            assert_eq!(error["ringgate"]["code"], code, "{body}");
        }
    }
    assert_eq!(upstream.seen().len(), 0);
}

/// Texts that no Unicode has, numbers that no type holds and names that stand there twice reach the provider, and come
/// back, as they were written.
#[test]
fn oddities_are_passed_on() {
    let odd = r#"{"n":123456789012345678901234567890.10E+400,"k":1,"k":2,"s":"\ud83e\u0000"}"#;
    let source = odd.replace('\\', "\\\\").replace('"', "\\\"");
    let answer = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[{{"type":"text","text":"\ud83e"}},{{"type":"tool_use","id":"t","name":"f","input":{odd}}}],"stop_reason":"tool_use","usage":{{"input_tokens":1,"output_tokens":1}}}}"#
    );
    let upstream = Scripted::always(answered("application/json", &answer));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let call = format!(r#"{{"id":"t","type":"function","function":{{"name":"f","arguments":"{source}"}}}}"#);
    let body = format!(
        r#"{{"model":"c/x","messages":[{{"role":"user","content":"\ud83e"}},{{"role":"assistant","tool_calls":[{call}]}},{{"role":"tool","tool_call_id":"t","content":"x"}}]}}"#
    );
    let got = gateway.client().ask(&post(CHAT, &body));
    assert_eq!(got.status, 200, "{}", got.text());
    let seen = upstream.seen().pop().expect("a request");
    assert!(seen.contains(&format!("\"input\":{odd}")) && seen.contains(r#""text":"\ud83e""#), "{seen}");
    assert!(got.text().contains(&format!("\"arguments\":\"{source}\"")), "{}", got.text());
    assert!(got.text().contains(r#""content":"\ud83e""#), "{}", got.text());
}

/// A body in many segments is the same request.
#[test]
fn long_bodies_cross() {
    let upstream = Scripted::always(answered(
        "application/json",
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":"end_turn","usage":{}}"#,
    ));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let long = "word \\u00e9\\n ".repeat(100_000);
    let body = format!(r#"{{"model":"c/x","messages":[{{"role":"user","content":"{long}"}}]}}"#);
    let answer = gateway.client().ask(&post(CHAT, &body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = upstream.seen().pop().expect("a request");
    assert!(seen.contains(&format!("{{\"type\":\"text\",\"text\":\"{long}\"}}")), "{}", &seen[..600]);
}

const GEMINI: &str = include_str!("../../src/traffic/translate/golden/answers/tools.gemini.sse");

/// A provider of Google's format is asked at the path that names the model and the form of the answer, with its own
/// header, and answers clients of either dialect; a model's name cannot lead anywhere else.
#[test]
fn googles_format_is_asked_by_its_paths() {
    on_both_drivers(|io| {
        let whole = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"ok"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1,"thoughtsTokenCount":2,"totalTokenCount":7},"modelVersion":"gemini-x","responseId":"r1"}"#;
        let upstream = Scripted::start(move |_, mut peer| {
            while let Some(request) = peer.request() {
                let streams = request.contains(":streamGenerateContent?alt=sse ");
                peer.send(&if streams {
                    answered("text/event-stream", GEMINI)
                } else {
                    answered("application/json; charset=UTF-8", whole)
                });
            }
        });
        let setup = Setup::at(io, upstream.address)
            .provider_of("gemini", "google", &format!("http://{}", upstream.address), "")
            .model("g/*", "{provider: google, model: \"*\"}", "");
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        let answer = client.ask(&ask(CHAT, "g/..a/x?y", ""));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "ok");
        let record = gateway.record(answer.id());
        assert_eq!(
            (&record["input_tokens"], &record["output_tokens"]),
            (&4.into(), &3.into()),
            "thoughts are output"
        );
        let seen = upstream.seen().pop().expect("a request");
        assert!(seen.starts_with("POST /v1beta/models/..a%2Fx%3Fy:generateContent HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains(&format!("\r\nx-goog-api-key: {UPSTREAM_KEY}\r\n")), "{seen}");
        let sent: Value = serde_json::from_str(seen.split_once("\r\n\r\n").expect("a head").1).expect("JSON");
        assert_eq!(sent["contents"], json!([{"role": "user", "parts": [{"text": "hi"}]}]));

        let text = client.ask(&ask(CHAT, "g/gemini-3.1-pro", r#","stream":true"#)).text();
        assert!(text.ends_with("data: [DONE]\n\n") && text.contains("\"tool_calls\""), "{text}");
        assert!(
            upstream
                .seen()
                .pop()
                .expect("a request")
                .starts_with("POST /v1beta/models/gemini-3.1-pro:streamGenerateContent?alt=sse HTTP/1.1\r\n")
        );
        let text = client.ask(&ask(MESSAGES, "g/gemini-3.1-pro", r#","stream":true"#)).text();
        assert!(text.ends_with("{\"type\":\"message_stop\"}\n\n") && text.contains("\"tool_use\""), "{text}");
    });
}
