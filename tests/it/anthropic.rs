//! Anthropic's Messages dialect: clients and providers that both speak it.

use crate::harness::{
    Answer, Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, mock, on_both_drivers, post, post_with,
};
use loadtest::mock::Mock;
use serde_json::{Value, json};
use std::net::SocketAddr;

const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";
const JSON: &str = "content-type: application/json\r\n";
const STREAM: &str = include_str!("../fuzz/corpus/sse/anthropic-thinking-tools.sse");
const OVERLOADED: &str = include_str!("../fuzz/corpus/sse/anthropic-overloaded.sse");

/// Provider `claude` at `upstream`, whose models are those that begin with `c/`.
fn setup(io: Io, upstream: SocketAddr) -> Setup {
    Setup::at(io, upstream).provider_of("anthropic", "claude", &format!("http://{upstream}"), "").model(
        "c/*",
        "{provider: claude, model: \"*\"}",
        "",
    )
}

fn staged(io: Io) -> (Mock, Gateway) {
    let mock = mock();
    let gateway = Gateway::start(&setup(io, mock.address));
    (mock, gateway)
}

fn message(settings: &str, more: &str) -> Vec<u8> {
    post(MESSAGES, &format!(r#"{{"model":"c/mock?{settings}","max_tokens":9,"messages":[]{more}}}"#))
}

fn streamed(settings: &str) -> Vec<u8> {
    message(settings, r#","stream":true"#)
}

/// Asserts that this is a refusal of the gateway in Anthropic's shape; gives its message.
#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str, code: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("request-id"), Some(answer.id()));
    shaped(&answer.json(), answer.id(), kind, code)
}

#[track_caller]
fn shaped(body: &Value, id: &str, kind: &str, code: &str) -> String {
    let error = &body["error"];
    assert_eq!((&body["type"], &body["request_id"]), (&"error".into(), &id.into()), "{body}");
    assert_eq!((&error["type"], &error["ringgate"]["code"]), (&kind.into(), &code.into()), "{body}");
    assert!(error["ringgate"]["blame"].is_string(), "{body}");
    error["message"].as_str().expect("a message").to_owned()
}

/// A body goes upstream byte for byte, odd spacing and unknown fields included, streams too: no field is added, and
/// only the model's name changes.
#[test]
fn bodies_pass_untouched_but_for_the_model() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for path in [MESSAGES, COUNT, "/v1/messages?beta=true&x=%2F"] {
            for stream in ["true", "false"] {
                let body = |model: &str| {
                    format!(
                        "\r\n{{ \"model\" :\t\"{model}\" ,\"thinking\": {{\"a\":[1,2.50e+1,null],\"signature\":\"EqQB\\/\"}},\n\"messages\":[{{\"role\":\"user\",\"content\":\"caf\\u00e9 é 🦀\\n\"}}],\"max_tokens\":1, \"stream\":{stream}, \"model_\":{{\"model\":1}}}} \n"
                    )
                };
                let answer = client.ask(&post(path, &body("c/mock?fault=echo_body")));
                assert_eq!((answer.status, answer.text()), (200, body("mock?fault=echo_body")), "{path}");
            }
        }
        let escaped = r#"{"mod\u0065l":"c\/mock?fault\u003decho_body","max_tokens":1}"#;
        assert_eq!(
            client.ask(&post(MESSAGES, escaped)).text(),
            r#"{"mod\u0065l":"mock?fault=echo_body","max_tokens":1}"#
        );
    });
}

/// Where a request ends up upstream: the path below the base, the provider's own key, and the fields that pass. The
/// client's key goes no further, whichever way it came.
#[test]
fn the_upstream_head_is_written_afresh() {
    on_both_drivers(|io| {
        let (mock, gateway) = staged(io);
        let mut client = gateway.client();
        let body = br#"{"model":"c/mock?fault=echo_headers","max_tokens":1}"#;
        for key in [format!("x-api-key: {KEY}\r\n"), format!("authorization: Bearer {KEY}\r\n")] {
            let headers = format!(
                "{key}{JSON}anthropic-version: 2026-10-21\r\nanthropic-beta: a, b\r\nuser-agent: tester/1\r\n\
                 x-stainless-lang: python\r\ncookie: a=b\r\nanthropic-dangerous-direct-browser-access: true\r\n"
            );
            let seen = client.ask(&post_with("/v1/messages?beta=true", &headers, body)).json();
            assert_eq!(seen["request_line"], "POST /v1/messages?beta=true HTTP/1.1");
            let got: Vec<(String, String)> = serde_json::from_value(seen["headers"].clone()).expect("pairs");
            let mut got: Vec<_> = got.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            got.sort_unstable();
            let mut wanted = [
                &format!("host: {}", mock.address),
                "accept-encoding: identity",
                &format!("x-api-key: {UPSTREAM_KEY}"),
                "content-type: application/json",
                "anthropic-version: 2026-10-21",
                "anthropic-beta: a, b",
                "user-agent: tester/1",
                &format!("content-length: {}", body.len() - "c/".len()),
            ];
            wanted.sort_unstable();
            assert_eq!(got, wanted);
        }
    });
}

/// A version is named to the provider when the client names none: the usual one, or the provider's own. The base may
/// end with the version of the paths, and the key goes where the provider wants it.
#[test]
fn providers_are_told_a_version() {
    let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let base = format!("http://{}/deep/v1/", upstream.address);
    let more = "anthropic_version: 2026-10-21, header: authorization";
    let setup = setup(Io::Auto, upstream.address).provider_of("anthropic", "newer", &base, more).model(
        "newer",
        "{provider: newer, model: x}",
        "",
    );
    let gateway = Gateway::start(&setup);
    let mut client = gateway.client();
    let mut sent = |path: &str, model: &str, status: u16| {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        assert_eq!(client.ask(&post(path, &body)).status, status, "{path} {model}");
        upstream.seen().pop().expect("a request")
    };
    let usual = sent(COUNT, "c/x", 200);
    assert!(usual.starts_with("POST /v1/messages/count_tokens HTTP/1.1\r\n"), "{usual}");
    assert_eq!(usual.matches("anthropic-version: 2023-06-01\r\n").count(), 1, "{usual}");
    let newer = sent(MESSAGES, "newer", 200);
    assert!(newer.starts_with("POST /deep/v1/messages HTTP/1.1\r\n"), "{newer}");
    assert_eq!(newer.matches("anthropic-version: ").count(), 1, "{newer}");
    assert!(newer.contains("\r\nanthropic-version: 2026-10-21\r\n"), "{newer}");
    assert!(newer.contains(&format!("\r\nauthorization: Bearer {UPSTREAM_KEY}\r\n")), "{newer}");
    // Translated requests are written for one version. What comes back here is no message.
    let translated = sent("/v1/chat/completions", "newer", 502);
    assert_eq!(translated.matches("anthropic-version: ").count(), 1, "{translated}");
    assert!(translated.contains("\r\nanthropic-version: 2023-06-01\r\n"), "{translated}");
    let other = sent("/v1/embeddings", "m/x", 200);
    assert!(!other.contains("anthropic-version"), "{other}");
}

/// An answer comes back byte for byte, with both names of the request id, and its tokens are on record as all
/// providers' are: input includes what the cache took and gave.
#[test]
fn answers_pass_and_are_counted() {
    on_both_drivers(|io| {
        let body = include_str!("../fuzz/corpus/usage/message-cached.json");
        let upstream = Scripted::always(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_theirs\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let gateway = Gateway::start(&setup(io, upstream.address));
        let answer = gateway.client().ask(&message("", ""));
        assert_eq!((answer.status, answer.text().as_str()), (200, body));
        assert_eq!(answer.header("request-id"), Some(answer.id()));
        assert_eq!(answer.header("x-ringgate-upstream-request-id"), Some("req_theirs"));
        assert_eq!(answer.headers.iter().filter(|(name, _)| name == "request-id").count(), 1);
        let record = gateway.record(answer.id());
        for (name, value) in [
            ("input_tokens", 1500),
            ("cached_input_tokens", 1024),
            ("cache_write_tokens", 256),
            ("output_tokens", 90),
            ("reasoning_tokens", 40),
        ] {
            assert_eq!(record[name], value, "{name}: {record}");
        }
        assert_eq!(record["model"], "c/*");
    });
}

/// What a cache keeps for an hour is on record beside all that went into it, of whole answers and of streams, passed on or
/// translated.
#[test]
fn hours_in_caches_are_recorded() {
    let start = r#"{"input_tokens":2,"cache_creation_input_tokens":30,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1}"#;
    let made = |content: &str, reason: &str| {
        format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[{content}],"stop_reason":{reason},"usage":{start}}}"#
        )
    };
    let whole = made(r#"{"type":"text","text":"ok"}"#, "\"end_turn\"");
    let events = [
        format!(r#"{{"type":"message_start","message":{}}}"#, made("", "null")),
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"ok"}}"#.to_owned(),
        r#"{"type":"content_block_stop","index":0}"#.to_owned(),
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#
            .to_owned(),
        r#"{"type":"message_stop"}"#.to_owned(),
    ];
    let name = |event: &str| event.split('"').nth(3).expect("a type").to_owned();
    let stream: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect();
    for (body, kind, more) in
        [(&whole, "application/json", ""), (&stream, "text/event-stream", r#","stream":true"#)]
    {
        let upstream = Scripted::always(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let chat = format!(r#"{{"model":"c/x","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
        for request in [message("", more), post("/v1/chat/completions", &chat)] {
            let answer = gateway.client().ask(&request);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let record = gateway.record(answer.id());
            let [written, hour, input] =
                ["cache_write_tokens", "cache_write_hour_tokens", "input_tokens"].map(|name| &record[name]);
            assert_eq!((written, hour, input), (&30.into(), &20.into(), &32.into()), "{record}");
        }
    }
}

/// Counted tokens come back, and are no usage.
#[test]
fn tokens_are_counted_by_the_provider() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let answer =
            gateway.client().ask(&post(COUNT, r#"{"model":"c/mock?prompt_tokens=77","messages":[]}"#));
        assert_eq!((answer.status, answer.json()), (200, json!({"input_tokens": 77})));
        let record = gateway.record(answer.id());
        assert!(record["input_tokens"].as_u64().unwrap_or_default() == 0, "{record}");
    });
}

fn stream_head(framing: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n{framing}\r\n\r\n")
}

fn chunked(text: &str, size: usize) -> String {
    let chunks = text
        .as_bytes()
        .chunks(size)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).expect("ASCII")));
    chunks.collect()
}

/// A stream comes back byte for byte in whatever pieces it arrives, pings and events that nobody knows included, and
/// its last counts are on record.
#[test]
fn streams_pass_byte_for_byte() {
    on_both_drivers(|io| {
        for size in [1, 7, 64, 100_000] {
            let text = STREAM.replace("event: ping", "event: news\ndata: {\"type\":\"news\"}\n\nevent: ping");
            let answer = stream_head("transfer-encoding: chunked") + &chunked(&text, size) + "0\r\n\r\n";
            let upstream = Scripted::always(answer);
            let gateway = Gateway::start(&setup(io, upstream.address));
            let answer = gateway.client().ask(&streamed(""));
            assert!(answer.whole);
            assert_eq!(answer.text(), text, "in pieces of {size}");
            let record = gateway.record(answer.id());
            for (name, value) in [("input_tokens", 120), ("cached_input_tokens", 100), ("output_tokens", 64)]
            {
                assert_eq!(record[name], value, "{name}: {record}");
            }
            assert_eq!((&record["stream"], &record["fault"]), (&true.into(), &Value::Null), "{record}");
        }
    });
}

/// A stream that ends before `message_stop` is broken, whatever its framing says, and the client is told so in its
/// own words, behind all that came.
#[test]
fn streams_without_their_last_event_are_broken() {
    on_both_drivers(|io| {
        let short = &STREAM[..STREAM.find("event: message_stop").expect("the end")];
        let whole_events = chunked(short, 100);
        for answer in [
            stream_head("transfer-encoding: chunked") + &whole_events + "0\r\n\r\n",
            stream_head("transfer-encoding: chunked") + &whole_events,
            stream_head(&format!("content-length: {}", short.len())) + short,
            stream_head("connection: close") + short,
            stream_head("connection: close") + short + "event: message_stop\ndata: {\"type\":\"mess",
            stream_head("connection: close") + short + "data: [DONE]\n\n",
        ] {
            let upstream = Scripted::once(answer.clone());
            let gateway = Gateway::start(&setup(io, upstream.address));
            let mut client = gateway.client();
            let told = client.ask(&streamed(""));
            assert!(told.status == 200 && !told.whole, "{answer}\n{}", told.text());
            let text = told.text();
            let last = text.strip_prefix(short).expect("all that came");
            let event = last.strip_prefix("data: [DONE]\n\n").unwrap_or(last);
            let data = event.strip_prefix("event: error\ndata: ").and_then(|data| data.strip_suffix("\n\n"));
            let body = serde_json::from_str(data.expect("one event")).expect("JSON");
            shaped(&body, told.id(), "api_error", "upstream_truncated");
            client.drain();
            assert!(client.rest.is_empty(), "nothing follows");
            assert_eq!(gateway.record(told.id())["fault"], "upstream_truncated");
        }
    });
}

/// An error event inside a stream passes, ends it, and is a fault; the tokens before it are on record.
#[test]
fn errors_inside_streams() {
    on_both_drivers(|io| {
        let answer = stream_head("transfer-encoding: chunked") + &chunked(OVERLOADED, 50) + "0\r\n\r\n";
        let upstream = Scripted::always(answer);
        let gateway = Gateway::start(&setup(io, upstream.address));
        let answer = gateway.client().ask(&streamed(""));
        assert_eq!((answer.status, answer.whole, answer.text().as_str()), (200, false, OVERLOADED));
        let record = gateway.record(answer.id());
        assert_eq!((&record["fault"], &record["status"]), (&"upstream_stream_error".into(), &200.into()));
        assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&120.into(), &1.into()));
    });
}

/// The provider's own refusals pass, 529 as the 503 that everybody knows; what it says of the gateway's account does
/// not.
#[test]
fn refusals_of_the_provider() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for (status, told, kind) in [
            (400, 400, "invalid_request_error"),
            (404, 404, "not_found_error"),
            (413, 413, "request_too_large"),
            (429, 429, "rate_limit_error"),
            (500, 500, "api_error"),
            (529, 503, "overloaded_error"),
        ] {
            let answer = client.ask(&message(&format!("fault=status:{status}"), ""));
            assert_eq!((answer.status, &answer.json()["error"]["type"]), (told, &kind.into()));
            assert_eq!(answer.json()["error"].get("ringgate"), None, "it is the provider's own");
            assert_eq!(answer.header("retry-after"), Some("1"));
            let record = gateway.record(answer.id());
            assert_eq!((&record["upstream_status"], &record["status"]), (&status.into(), &told.into()));
        }
        for settings in ["fault=status:401", "fault=status:402", "fault=status:403", "fault=echo_key"] {
            let answer = client.ask(&message(settings, ""));
            refused(&answer, 502, "api_error", "upstream_account");
            assert!(!answer.text().contains(UPSTREAM_KEY));
        }
    });
}

/// The gateway's refusals have Anthropic's shape at Anthropic's URLs, and `OpenAI`'s elsewhere.
#[test]
fn refusals_of_the_gateway() {
    on_both_drivers(|io| {
        let mock = mock();
        let narrow = "{everyone: {models: [\"*\"]}, few: {models: [\"m/*\"]}}";
        let keys = format!("[{{id: a, group: everyone, secret: {KEY}}}, {{id: b, group: few, secret: few}}]");
        let gateway = Gateway::start(&setup(io, mock.address).with("groups", narrow).with("keys", &keys));
        let ask = |path: &str, headers: &str, body: &str| {
            gateway.client().ask(&post_with(path, &format!("{JSON}{headers}"), body.as_bytes()))
        };
        let authorized = format!("x-api-key: {KEY}\r\n");
        let good = r#"{"model":"c/x"}"#;
        for path in [MESSAGES, COUNT] {
            refused(&ask(path, "", good), 401, "authentication_error", "missing_api_key");
            refused(&ask(path, "x-api-key: no\r\n", good), 401, "authentication_error", "invalid_api_key");
            refused(&ask(path, "x-api-key: few\r\n", good), 403, "permission_error", "model_not_granted");
            let said = refused(
                &ask(path, &authorized, r#"{"model":"absent"}"#),
                404,
                "not_found_error",
                "model_not_found",
            );
            assert!(said.contains("`absent`"), "{said}");
            for (body, code) in
                [("{", "invalid_json"), ("{}", "missing_model"), (r#"{"model":7}"#, "invalid_model")]
            {
                let answer = ask(path, &authorized, body);
                refused(&answer, 400, "invalid_request_error", code);
                assert_eq!(answer.header("x-should-retry"), Some("false"));
            }
        }
        for path in ["/v1/messages/", "/v1/messages/batches"] {
            let said = refused(&ask(path, &authorized, good), 404, "not_found_error", "unknown_url");
            assert!(!said.contains("There is nothing at this URL."), "{said}");
        }
        let versioned = format!("{authorized}anthropic-version: 2023-06-01\r\n");
        refused(&ask("/v1/files?beta=true", &versioned, good), 404, "not_found_error", "unknown_url");
        let answer = ask("/v1/complete", &authorized, good);
        answer.refused(404, "unknown_url");
        assert_eq!(answer.header("request-id"), None);
        ask("/v1/chat/completions", "", good).refused(401, "missing_api_key");
    });
}

/// What is not translated is asked of the targets that speak it, and others are no targets; where there is none, the
/// client is told.
#[test]
fn targets_that_do_not_speak_are_skipped() {
    on_both_drivers(|io| {
        let mock = mock();
        let both = "{provider: up, model: mock?fault=echo_headers, weight: 9}, {provider: claude, model: mock?fault=echo_headers}";
        let gateway = Gateway::start(&setup(io, mock.address).model("both", both, ""));
        let mut client = gateway.client();
        for _ in 0..4 {
            for (path, line) in [
                (COUNT, "POST /v1/messages/count_tokens HTTP/1.1"),
                ("/v1/embeddings", "POST /v1/embeddings HTTP/1.1"),
            ] {
                let answer = client.ask(&post(path, r#"{"model":"both"}"#));
                assert_eq!(answer.json()["request_line"], line);
                assert_eq!(gateway.record(answer.id())["attempts"], 1);
            }
        }
        let answer = client.ask(&post(COUNT, r#"{"model":"m/x"}"#));
        let said = refused(&answer, 400, "invalid_request_error", "format_not_spoken");
        assert!(said.contains("`/v1/messages/count_tokens`") && said.contains("`anthropic`"), "{said}");
        assert_eq!(gateway.record(answer.id()).get("attempts"), None, "nobody was asked");
        let said =
            client.ask(&post("/v1/embeddings", r#"{"model":"c/x"}"#)).refused(400, "format_not_spoken");
        assert!(said.contains("`/v1/embeddings`") && said.contains("`openai`"), "{said}");
    });
}

/// The catalog is listed in Anthropic's shape for who names a version of that dialect, and only then.
#[test]
fn models_are_listed_in_the_callers_dialect() {
    on_both_drivers(|io| {
        let setup = setup(io, "127.0.0.1:9".parse().expect("an address"))
            .model("one\\\"", "{provider: claude, model: x}", "")
            .with("groups", "{everyone: {models: [\"*\"]}, part: {models: [m/x]}, none: {models: []}}")
            .with(
                "keys",
                &format!("[{{id: a, group: everyone, secret: {KEY}}}, {{id: b, group: none, secret: none}}, {{id: c, group: part, secret: part}}]"),
            );
        let gateway = Gateway::start(&setup);
        let get = |path: &str, key: &str, more: &str| {
            let mut client = gateway.client();
            client
                .send(format!("GET {path} HTTP/1.1\r\nhost: g\r\nx-api-key: {key}\r\n{more}\r\n").as_bytes());
            client.answer()
        };
        let version = "Anthropic-Version: 2023-06-01\r\n";
        let answer = get("/v1/models?limit=20", KEY, version);
        let list = answer.json();
        assert_eq!((answer.status, answer.header("request-id")), (200, Some(answer.id())));
        let ids: Vec<_> = list["data"].as_array().expect("a list").iter().map(|m| &m["id"]).collect();
        assert_eq!(ids, ["m/*", "c/*", "one\""]);
        let ends = (&list["has_more"], &list["first_id"], &list["last_id"]);
        assert_eq!(ends, (&false.into(), &"m/*".into(), &"one\"".into()));
        let one = get("/v1/models/one%22", KEY, version).json();
        assert_eq!(one, list["data"][2]);
        assert_eq!((&one["type"], &one["display_name"]), (&"model".into(), &"one\"".into()));
        assert!(
            one["created_at"].as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z')),
            "{one}"
        );
        let part = get("/v1/models", "part", version).json();
        assert_eq!(
            (&part["data"][0]["id"], &part["data"][0]["display_name"]),
            (&"m/x".into(), &"m/x".into())
        );
        assert_eq!((&part["last_id"], part["data"].as_array().map(Vec::len)), (&"m/x".into(), Some(1)));
        let empty = get("/v1/models", "none", version).json();
        assert_eq!(empty, json!({"data":[],"has_more":false,"first_id":null,"last_id":null}));
        refused(&get("/v1/models/none", KEY, version), 404, "not_found_error", "model_not_found");
        refused(&get("/v1/models", "wrong", version), 401, "authentication_error", "invalid_api_key");
        assert_eq!(get("/v1/models", KEY, "").json()["object"], "list");
        get("/v1/models", "wrong", "").refused(401, "invalid_api_key");
    });
}

/// A connection serves both dialects in turn, and nothing of one request is left for the next.
#[test]
fn dialects_take_turns_on_a_connection() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for _ in 0..3 {
            let headers = format!("x-api-key: {KEY}\r\n{JSON}anthropic-version: 2026-10-21\r\n");
            let body = br#"{"model":"c/mock?fault=echo_headers"}"#;
            let named = client.ask(&post_with(MESSAGES, &headers, body)).text();
            assert!(named.contains("2026-10-21") && !named.contains("2023-06-01"), "{named}");
            let unnamed = client.ask(&message("fault=echo_headers", "")).text();
            assert!(unnamed.contains("2023-06-01"), "{unnamed}");
            let chat = client.ask(&post("/v1/chat/completions", r#"{"model":"absent"}"#));
            chat.refused(404, "model_not_found");
            assert_eq!(chat.header("request-id"), None);
        }
    });
}
