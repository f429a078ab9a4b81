//! Google's dialect: clients that call `generateContent`, and providers of any format behind them.

use crate::harness::{
    Answer, Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, mock, on_both_drivers, post_with, until,
};
use loadtest::mock::Mock;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;

const JSON: &str = "content-type: application/json\r\n";
const HELLO: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
const STREAM: &str = include_str!("../../src/traffic/translate/golden/answers/tools.gemini.sse");

/// Models that begin with `g/` are behind Google's format, those with `c/` behind Anthropic's, with `m/` behind `OpenAI`'s.
fn setup(io: Io, upstream: SocketAddr) -> Setup {
    Setup::at(io, upstream)
        .provider_of("gemini", "google", &format!("http://{upstream}"), "")
        .provider_of("anthropic", "claude", &format!("http://{upstream}"), "")
        .model("g/*", "{provider: google, model: \"*\"}", "")
        .model("alias", "{provider: google, model: gemini-x}", "")
        .model("c/*", "{provider: claude, model: \"*\"}", "")
        .model("strict/*", "{provider: claude, model: \"*\"}", "unsupported: refuse")
}

fn staged(io: Io) -> (Mock, Gateway) {
    let mock = mock();
    let gateway = Gateway::start(&setup(io, mock.address));
    (mock, gateway)
}

/// A request for a method of a model, which is written into the path as it must be.
fn call(model: &str, method: &str, body: &str) -> Vec<u8> {
    let mut name = String::new();
    for byte in model.bytes() {
        match byte {
            b'?' | b'&' | b'=' | b' ' => write!(name, "%{byte:02X}").expect("a string takes all"),
            _ => name.push(char::from(byte)),
        }
    }
    send(&format!("/v1beta/models/{name}:{method}"), body)
}

fn send(path: &str, body: &str) -> Vec<u8> {
    post_with(path, &format!("x-goog-api-key: {KEY}\r\n{JSON}"), body.as_bytes())
}

fn answered(content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}

/// The answers in a stream of events.
fn data(events: &str) -> Vec<Value> {
    let lines = events.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn text_of(answers: &[Value]) -> String {
    let parts = answers.iter().filter_map(|answer| answer["candidates"][0]["content"]["parts"].as_array());
    parts.flatten().filter_map(|part| part["text"].as_str()).collect()
}

/// Asserts that this is a refusal of the gateway in Google's shape; gives its message.
#[track_caller]
fn refused(answer: &Answer, status: u16, word: &str, reason: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    let error = &body["error"];
    assert_eq!((&error["code"], &error["status"]), (&status.into(), &word.into()), "{body}");
    let info = &error["details"][0];
    assert_eq!(info["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{body}");
    assert_eq!((&info["reason"], &info["domain"]), (&reason.into(), &"ringgate".into()), "{body}");
    assert_eq!(info["metadata"]["request_id"], answer.id());
    error["message"].as_str().expect("a message").to_owned()
}

/// A body goes to a provider of the same format byte for byte, at the path that names its model and method, with the
/// rest of the query; the model is found with slashes and escaped, below both versions, and its name leads nowhere else.
#[test]
fn bodies_pass_untouched() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(answered("application/json", "{\"x\": [1.50e+1]}\n"));
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        let body = "\r\n{ \"contents\" :\t[ ] ,\"model\":\"models/MODEL\", \"x\": 12345678901234567890, \"stream\":true} \n";
        for (path, model, sent) in [
            ("/v1beta/models/g/a-1:generateContent", "g/a-1", "/models/a-1:generateContent"),
            ("/v1/models/g%2Fa%3A2:countTokens", "g/a:2", "/models/a%3A2:countTokens"),
            (
                "/v1beta/models/g/..a%2F.b%2Fx%3Fy:generateContent?$fields=a&x=%20",
                "g/..a/.b/x?y",
                "/models/..a%2F.b%2Fx%3Fy:generateContent?$fields=a&x=%20",
            ),
            (
                "/v1beta/models/alias:streamGenerateContent?alt=sse&key=k&a=b",
                "alias",
                "/models/gemini-x:streamGenerateContent?alt=sse&a=b",
            ),
        ] {
            let body = body.replace("MODEL", model);
            let answer = client.ask(&send(path, &body));
            assert_eq!((answer.status, answer.text()), (200, "{\"x\": [1.50e+1]}\n".into()), "{path}");
            let seen = upstream.seen().pop().expect("a request");
            let (head, received) = seen.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with(&format!("POST /v1beta{sent} HTTP/1.1\r\n")), "{head}");
            assert_eq!(received, body);
            assert_eq!(head.matches(&format!("\r\nx-goog-api-key: {UPSTREAM_KEY}")).count(), 1, "{head}");
            assert!(!head.contains(KEY), "{head}");
        }
        let answer = client.ask(&call("alias", "generateContent", r#"{"model":"g/other"}"#));
        refused(&answer, 400, "INVALID_ARGUMENT", "INVALID_MODEL");
        assert_eq!(upstream.seen().len(), 4, "a body that names another model goes nowhere");
    });
}

/// A client's key is taken from its own header, as a bearer's token, or from the query, and from there it goes neither
/// upstream nor into a log; elsewhere a key in the query is none.
#[test]
fn keys_are_taken_where_clients_have_them() {
    let upstream = Scripted::always(answered("application/json", "{}"));
    let mut gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let path = "/v1beta/models/alias:generateContent";
    for (path, header) in [
        (path.to_owned(), format!("x-goog-api-key: {KEY}\r\n")),
        (path.to_owned(), format!("authorization: Bearer {KEY}\r\n")),
        (format!("{path}?key={KEY}"), String::new()),
        (format!("{path}?alt=json&key={}&x=1", KEY.replace('-', "%2D")), String::new()),
    ] {
        let answer = gateway.client().ask(&post_with(&path, &format!("{header}{JSON}"), HELLO.as_bytes()));
        assert_eq!(answer.status, 200, "{path} {header}: {}", answer.text());
    }
    for (path, header, reason) in [
        (path.to_owned(), "", "MISSING_API_KEY"),
        (format!("{path}?key=canary-wrong-key"), "", "INVALID_API_KEY"),
        (format!("{path}?key={KEY}"), "x-goog-api-key: canary-wrong-key\r\n", "INVALID_API_KEY"),
        ("/v1beta/models?key=canary-wrong-key".to_owned(), "", "INVALID_API_KEY"),
    ] {
        let request = if path.contains("generate") {
            post_with(&path, &format!("{header}{JSON}"), HELLO.as_bytes())
        } else {
            format!("GET {path} HTTP/1.1\r\nhost: g\r\n\r\n").into_bytes()
        };
        refused(&gateway.client().ask(&request), 401, "UNAUTHENTICATED", reason);
    }
    let lost = format!("GET /v1beta/nowhere?key={KEY} HTTP/1.1\r\nhost: g\r\n\r\n");
    refused(&gateway.client().ask(lost.as_bytes()), 404, "NOT_FOUND", "UNKNOWN_URL");
    let chat = format!("/v1/chat/completions?key={KEY}");
    gateway
        .client()
        .ask(&post_with(&chat, JSON, br#"{"model":"m/x","messages":[]}"#))
        .refused(401, "missing_api_key");
    gateway.records(10);
    gateway.signal(rustix::process::Signal::TERM);
    gateway.wait();
    let sent = upstream.seen().join("\n");
    for (place, text) in [("log", gateway.log()), ("standard error", gateway.stderr()), ("upstream", sent)] {
        for secret in [KEY, &KEY.replace('-', "%2D"), "canary-wrong-key"] {
            assert!(!text.contains(secret), "{secret} is in {place}: {text}");
        }
    }
}

/// Answers of the same format come back as they were, whole, as events and as an array, in pieces of any size, and their
/// last usage is on record.
#[test]
fn answers_pass_untouched_and_are_counted() {
    on_both_drivers(|io| {
        let array =
            format!("[{}]\n", data(STREAM).iter().map(Value::to_string).collect::<Vec<_>>().join("\n,\r\n"));
        let whole = format!("{}\n", data(STREAM).last().expect("answers"));
        for (method, content_type, body) in [
            ("streamGenerateContent?alt=sse", "text/event-stream", STREAM.to_owned()),
            ("streamGenerateContent", "application/json; charset=UTF-8", array),
            ("generateContent", "application/json; charset=UTF-8", whole),
        ] {
            for step in [7, 4096] {
                let (content_type, said) = (content_type.to_owned(), body.clone());
                let upstream = Scripted::start(move |_, mut peer| {
                    while peer.request().is_some() {
                        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes());
                        for piece in said.as_bytes().chunks(step) {
                            peer.send(format!("{:x}\r\n", piece.len()).as_bytes());
                            peer.send(&[piece, b"\r\n"].concat());
                        }
                        peer.send(b"0\r\n\r\n");
                    }
                });
                let gateway = Gateway::start(&setup(io, upstream.address));
                let answer = gateway.client().ask(&call("alias", method, HELLO));
                assert_eq!(
                    (answer.status, answer.text(), answer.whole),
                    (200, body.clone(), true),
                    "{method}"
                );
                let record = gateway.record(answer.id());
                let counts = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"];
                assert_eq!(counts.map(|name| &record[name]), [120, 100, 28, 12], "{method} {record}");
                let streams = method.starts_with("stream");
                assert_eq!(
                    (&record["stream"], &record["fault"]),
                    (&streams.into(), &Value::Null),
                    "{record}"
                );
            }
        }
    });
}

/// A stream that ends without a reason to stop, or an array that is not closed, is no answer: the client is told so
/// where it can understand it, and the end is not a proper one.
#[test]
fn cut_streams_are_told() {
    let one = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#;
    let events = format!("data: {one}\r\n\r\n");
    for (method, content_type, said, told) in [
        (
            "streamGenerateContent?alt=sse",
            "text/event-stream",
            events.clone(),
            Some("data: {\"error\":{\"code\":502,"),
        ),
        ("streamGenerateContent", "application/json", format!("[{one}"), Some(",{\"error\":{\"code\":502,")),
        (
            "streamGenerateContent",
            "application/json",
            format!("[{one},\n"),
            Some("{\"error\":{\"code\":502,"),
        ),
        ("streamGenerateContent", "application/json", format!("[{one},{{\"a"), None),
    ] {
        for framing in ["connection: close\r\n", "transfer-encoding: chunked\r\n"] {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{framing}\r\n");
            let body = match framing {
                "connection: close\r\n" => said.clone(),
                _ => format!("{:x}\r\n{said}\r\n0\r\n\r\n", said.len()),
            };
            let upstream = Scripted::once(head + &body);
            let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
            let answer = gateway.client().ask(&call("alias", method, HELLO));
            let rest = answer.text().strip_prefix(&*said).map(str::to_owned);
            let rest = rest.unwrap_or_else(|| panic!("{method}: {}", answer.text()));
            assert!(!answer.whole, "{method} {said}");
            match told {
                Some(begin) => {
                    assert!(rest.starts_with(begin) && rest.contains("UPSTREAM_TRUNCATED"), "{rest}");
                }
                None => assert_eq!(rest, ""),
            }
            if told.is_some() && method == "streamGenerateContent" {
                let all: Vec<Value> = serde_json::from_slice(&answer.body).expect("an array");
                assert_eq!(all.last().expect("answers")["error"]["status"], "UNAVAILABLE");
            }
            assert_eq!(gateway.record(answer.id())["fault"], "upstream_truncated");
        }
    }
}

/// An error inside a stream passes as the provider told it, and ends it.
#[test]
fn errors_inside_streams_pass() {
    let one = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#;
    let error = r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#;
    for (method, content_type, said) in [
        (
            "streamGenerateContent?alt=sse",
            "text/event-stream",
            format!("data: {one}\r\n\r\ndata: {error}\r\n\r\n"),
        ),
        ("streamGenerateContent", "application/json", format!("[{one},{error}]")),
    ] {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
        let (first, rest) = said.split_at(one.len() + 10);
        let (first, rest) = (first.to_owned(), rest.to_owned());
        let (begun, begin) = std::sync::mpsc::channel();
        let begin = std::sync::Mutex::new(begin);
        let upstream = Scripted::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.send(format!("{head}{:x}\r\n{first}\r\n", first.len()).as_bytes());
                begin.lock().expect("no panic").recv().expect("the client reads");
                peer.send(format!("{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()).as_bytes());
            }
        });
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let mut client = gateway.client();
        client.send(&call("alias", method, HELLO));
        let (status, fields) = client.head();
        assert_eq!(status, 200);
        begun.send(()).expect("the provider waits");
        let mut got = vec![];
        while let Some(chunk) = client.chunk().filter(|chunk| !chunk.is_empty()) {
            got.extend(chunk);
        }
        assert_eq!(String::from_utf8_lossy(&got), said);
        let id = &fields.iter().find(|(name, _)| name == "x-request-id").expect("an id").1;
        assert_eq!(gateway.record(id)["fault"], "upstream_stream_error");
    }
}

/// Clients of this dialect get answers of providers of both other formats, whole, as events and as an array, and the
/// record counts the tokens that the provider did.
#[test]
fn answers_cross() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for prefix in ["m", "c"] {
            let model = format!("{prefix}/mock?chunks=5&prompt_tokens=70&cached_tokens=30");
            let answer = client.ask(&call(&model, "generateContent", HELLO));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let whole = answer.json();
            assert_eq!(whole["candidates"][0]["finishReason"], "STOP", "{whole}");
            let usage = &whole["usageMetadata"];
            assert_eq!(
                (&usage["promptTokenCount"], &usage["cachedContentTokenCount"]),
                (&70.into(), &30.into())
            );
            let said = text_of(std::slice::from_ref(&whole));
            assert!(!said.is_empty(), "{whole}");
            let record = gateway.record(answer.id());
            let path = "/v1beta/models/{id}:generateContent";
            assert_eq!((&record["endpoint"], &record["stream"]), (&path.into(), &false.into()), "{record}");

            let answer = client.ask(&call(&model, "streamGenerateContent?alt=sse", HELLO));
            assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
            let events = data(&answer.text());
            assert!(events.len() > 5, "{events:?}");
            let record = gateway.record(answer.id());

            let array = client.ask(&call(&model, "streamGenerateContent", HELLO));
            assert_eq!(array.header("content-type"), Some("application/json"));
            let elements: Vec<Value> = serde_json::from_slice(&array.body).expect("an array");
            assert_eq!((text_of(&elements), elements.len(), array.whole), (said.clone(), events.len(), true));
            assert_eq!(text_of(&events), said);
            assert_eq!(elements.last().expect("answers")["usageMetadata"]["candidatesTokenCount"], 5);
            for record in [record, gateway.record(array.id())] {
                assert_eq!((&record["stream"], &record["fault"]), (&true.into(), &Value::Null), "{record}");
                assert_eq!(
                    (&record["input_tokens"], &record["output_tokens"]),
                    (&70.into(), &5.into()),
                    "{record}"
                );
            }
        }
    });
}

/// A translated stream that breaks off has its error in the shape of the stream, and no proper end.
#[test]
fn broken_crossings_are_told() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        for (fault, reason) in [("close_after:3", "UPSTREAM_TRUNCATED"), ("error_event_after:3", "")] {
            for model in ["m", "c"].map(|prefix| format!("{prefix}/mock?gap_ms=30&fault={fault}")) {
                let answer = gateway.client().ask(&call(&model, "streamGenerateContent?alt=sse", HELLO));
                let told = data(&answer.text()).pop().expect("events");
                assert!(told["error"]["status"].is_string() && !answer.whole, "{told}");
                let answer = gateway.client().ask(&call(&model, "streamGenerateContent", HELLO));
                let told: Vec<Value> = serde_json::from_slice(&answer.body).expect("an array");
                let told = told.last().expect("answers");
                assert!(told["error"]["status"].is_string() && !answer.whole, "{told}");
                assert!(told.to_string().contains(reason), "{told}");
            }
        }
    });
}

/// What a provider's format has no place for is named, or refused; what cannot be asked of a provider at all is named.
#[test]
fn losses_are_named() {
    let (_mock, gateway) = staged(Io::Auto);
    let mut client = gateway.client();
    let body = r#"{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"seed":7},"tools":[{"urlContext":{}}]}"#;
    let answer = client.ask(&call("c/mock", "generateContent", body));
    assert_eq!((answer.status, answer.header("x-ringgate-dropped")), (200, Some("urlContext,seed")));
    let said = client.ask(&call("strict/mock", "generateContent", body));
    refused(&said, 400, "INVALID_ARGUMENT", "UNTRANSLATABLE");
    let said = client.ask(&call("m/mock", "countTokens", HELLO));
    let said = refused(&said, 400, "INVALID_ARGUMENT", "FORMAT_NOT_SPOKEN");
    assert!(said.contains(":countTokens") && said.contains("`gemini`"), "{said}");
    let counted = client.ask(&call("c/mock?prompt_tokens=77", "countTokens", HELLO));
    assert_eq!((counted.status, counted.json()), (200, json!({"totalTokens": 77})));
    let counted = client.ask(&call("g/mock?prompt_tokens=77", "countTokens", HELLO));
    assert_eq!((counted.status, counted.json()), (200, json!({"totalTokens": 77})));
}

/// Every refusal has the status and the word that Google's clients look for, and says when to come again where that helps.
#[test]
fn refusals_have_googles_shape() {
    let mock = mock();
    let setup = setup(Io::Auto, mock.address)
        .provider_of("gemini", "absent", "http://127.0.0.1:1", "")
        .model("absent", "{provider: absent, model: x}", "")
        .with("limits", "{body_bytes: 1000}")
        .with("groups", "{everyone: {models: [\"g/*\", \"absent\"]}}");
    let gateway = Gateway::start(&setup);
    let mut client = gateway.client();
    let large = format!(r#"{{"contents":[{{"parts":[{{"text":"{}"}}]}}]}}"#, "x".repeat(2000));
    for (request, status, word, reason) in [
        (call("alias", "generateContent", HELLO), 403, "PERMISSION_DENIED", "MODEL_NOT_GRANTED"),
        (call("unlisted", "generateContent", HELLO), 404, "NOT_FOUND", "MODEL_NOT_FOUND"),
        (send("/v1beta/models/%zz:generateContent", HELLO), 404, "NOT_FOUND", "MODEL_NOT_FOUND"),
        (call("g/x", "predictLongRunning", HELLO), 404, "NOT_FOUND", "UNKNOWN_URL"),
        (call("g/x", "generateContent", "{"), 400, "INVALID_ARGUMENT", "INVALID_JSON"),
        (call("absent", "generateContent", HELLO), 502, "UNAVAILABLE", "UPSTREAM_CONNECT"),
        (call("g/x?fault=reset", "generateContent", HELLO), 502, "UNAVAILABLE", "UPSTREAM_RESET"),
        (call("g/x?fault=echo_key", "generateContent", HELLO), 502, "UNAVAILABLE", "UPSTREAM_ACCOUNT"),
        (call("g/x", "generateContent", &large), 413, "INVALID_ARGUMENT", "BODY_TOO_LARGE"),
    ] {
        let answer = client.ask(&request);
        refused(&answer, status, word, reason);
        if answer.header("connection") == Some("close") {
            client = gateway.client();
        }
    }
    let passed = client.ask(&call("g/x?fault=status:429", "generateContent", HELLO));
    let error = &passed.json()["error"];
    assert_eq!((passed.status, &error["status"]), (429, &"RESOURCE_EXHAUSTED".into()));
    assert_eq!(error["details"][0]["retryDelay"], "1s", "a provider's own error passes as it is");
}

/// What a provider says of the gateway's own key is no matter of the client's, with whatever status.
#[test]
fn account_trouble_is_masked() {
    let said = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    let length = said.len();
    let upstream = Scripted::always(format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{said}"
    ));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let answer = gateway.client().ask(&call("alias", "generateContent", HELLO));
    refused(&answer, 502, "UNAVAILABLE", "UPSTREAM_ACCOUNT");
}

/// The catalog in Google's shape is what the caller may use, with or without paging, and one entry of it; the paths
/// below `/v1` stay what they were, but for clients that name a library of
/// Google's, of which one asks there.
#[test]
fn models_are_listed() {
    let (_mock, gateway) = staged(Io::Auto);
    let mut client = gateway.client();
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nhost: g\r\nx-goog-api-key: {KEY}\r\n\r\n").into_bytes();
    let listed = client.ask(&get("/v1beta/models?pageSize=1&pageToken=x")).json();
    let models = listed["models"].as_array().expect("models");
    let names: Vec<_> = models.iter().filter_map(|model| model["name"].as_str()).collect();
    assert_eq!(names, ["models/m/*", "models/g/*", "models/alias", "models/c/*", "models/strict/*"]);
    assert_eq!(listed.get("nextPageToken"), None);
    let methods = json!(["generateContent", "streamGenerateContent", "countTokens"]);
    let alias =
        json!({"name": "models/alias", "displayName": "alias", "supportedGenerationMethods": methods});
    assert_eq!(models[2], alias);
    assert_eq!(client.ask(&get("/v1beta/models/alias")).json(), alias);
    assert_eq!(client.ask(&get("/v1beta/models/g%2Fx")).status, 200);
    refused(&client.ask(&get("/v1beta/models/absent")), 404, "NOT_FOUND", "MODEL_NOT_FOUND");
    assert_eq!(client.ask(&get("/v1/models")).json()["object"], "list");
    assert_eq!(client.ask(&get("/v1/models/alias")).json()["object"], "model");
    let library = format!(
        "GET /v1/models HTTP/1.1\r\nhost: g\r\nx-goog-api-client: google-genai-sdk/3.1.0\r\nx-goog-api-key: {KEY}\r\n\r\n"
    );
    assert_eq!(client.ask(library.as_bytes()).json(), listed);
    let lost = library.replace("/v1/models", "/v1/files");
    refused(&client.ask(lost.as_bytes()), 404, "NOT_FOUND", "UNKNOWN_URL");
}

/// A provider's hint when to come again reaches clients of every other dialect as they know it, in whatever form it came.
#[test]
fn retry_hints_cross() {
    let failed = |field: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n{field}content-length: {length}\r\n\r\n{body}"
        )
    };
    let openai = r#"{"error":{"message":"slow","type":"requests","code":"rate_limit_exceeded"}}"#;
    let google = r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"23.5s"}]}}"#;
    for (field, body, model, seconds, ms) in [
        ("retry-after: 7\r\n", openai, "m/x", "7", None),
        ("retry-after: 1m30s\r\n", openai, "m/x", "90", None),
        ("retry-after-ms: 1500\r\nretry-after: 9\r\n", openai, "m/x", "2", Some("1500")),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", openai, "m/x", "0", None),
        ("retry-after: 2015-10-21T07:28:00Z\r\n", openai, "m/x", "0", None),
        ("", google, "alias", "24", Some("23500")),
    ] {
        let upstream = Scripted::always(failed(field, body));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let mut client = gateway.client();
        let message =
            format!(r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]}}"#);
        let key = format!("authorization: Bearer {KEY}\r\n{JSON}");
        let answer = client.ask(&post_with("/v1/messages", &key, message.as_bytes()));
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(
            (answer.header("retry-after"), answer.header("retry-after-ms")),
            (Some(seconds), ms),
            "{field}"
        );
        if model == "m/x" {
            let answer = client.ask(&call(model, "generateContent", HELLO));
            let error = &answer.json()["error"];
            assert_eq!(
                (answer.header("retry-after"), &error["status"]),
                (Some(seconds), &"RESOURCE_EXHAUSTED".into())
            );
            let delay = error["details"][0]["retryDelay"].as_str().expect("a hint");
            let told: f64 = delay.trim_end_matches('s').parse().expect("seconds");
            assert!((told.ceil() - seconds.parse::<f64>().expect("seconds")).abs() < 0.5, "{delay}");
        } else {
            let answer = client.ask(&post_with("/v1/chat/completions", &key, message.as_bytes()));
            assert_eq!((answer.header("retry-after"), answer.header("retry-after-ms")), (Some(seconds), ms));
        }
    }
}

/// A client that leaves in the middle of an array has its provider's connection closed, as with every other stream.
#[test]
fn a_client_that_leaves_an_array_is_noticed() {
    on_both_drivers(|io| {
        let (mock, gateway) = staged(io);
        let mut client = gateway.client();
        client.send(&call("m/mock?chunks=100000&gap_ms=20", "streamGenerateContent", HELLO));
        assert_eq!(client.head().0, 200);
        client.chunk().expect("the beginning");
        drop(client);
        until("the answer to be cancelled", || (mock.stats().aborted >= 1).then_some(()));
    });
}
