//! What goes upstream and what comes back, for every path there is.

use crate::harness::{
    FORM_PATHS, Gateway, Io, JSON_PATHS, KEY, Scripted, Setup, mock, on_both_drivers, post, post_with,
};
use serde_json::{Value, json};

const AUTHORIZED: &str = "authorization: Bearer canary-client-key-8e1f\r\n";

/// A query, which goes upstream with its path.
const WITH_QUERY: &str = "/v1/chat/completions?api-version=2026-01-01&x=%2F";

/// A body goes upstream byte for byte, odd spacing and unknown fields included; only the model's name changes.
#[test]
fn json_bodies_pass_untouched_but_for_the_model() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for path in JSON_PATHS.into_iter().chain([WITH_QUERY]) {
            let body = |model: &str| {
                format!(
                    "\r\n{{ \"model\" :\t\"{model}\" ,\"unknown\": {{\"a\":[1,2.50e+1,null]}},\n\"messages\":[{{\"role\":\"user\",\"content\":\"caf\\u00e9 é 🦀\\n\"}}],\"n\":12345678901234567890, \"stream\":false}} \n"
                )
            };
            let answer = client.ask(&post(path, &body("m/mock?fault=echo_body")));
            assert_eq!((answer.status, answer.text()), (200, body("mock?fault=echo_body")), "{path}");
        }
    });
}

/// A model's name that is written with escapes is understood, and what replaces it is plain.
#[test]
fn an_escaped_model_name_is_understood() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let body = r#"{"messages":[],"mod\u0065l":"m\/mock?fault\u003decho_body","z":1}"#;
    let answer = gateway.client().ask(&post("/v1/chat/completions", body));
    assert_eq!(answer.text(), r#"{"messages":[],"mod\u0065l":"mock?fault=echo_body","z":1}"#);
}

/// A form goes upstream byte for byte, binary parts included; only the model's name changes.
#[test]
fn forms_pass_untouched_but_for_the_model() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for path in FORM_PATHS {
            let form = |model: &str| {
                let mut form = b"--b0undary\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n"
                    .to_vec();
                form.extend((0..=255u8).chain(b"\r\n--b0undar\r\n--b0".iter().copied()));
                form.extend(b"\r\n--b0undary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
                form.extend(model.as_bytes());
                form.extend(b"\r\n--b0undary--\r\n");
                form
            };
            let headers = format!("{AUTHORIZED}content-type: multipart/form-data; boundary=b0undary\r\n");
            let answer = client.ask(&post_with(path, &headers, &form("m/mock?fault=echo_body")));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert!(answer.body == form("mock?fault=echo_body"), "{path}: {}", answer.text());
        }
    });
}

/// An answer that is not text comes back byte for byte, with its content type.
#[test]
fn binary_answers_pass() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let body = |model: &str| format!(r#"{{"model":"{model}","input":"hello","voice":"alloy"}}"#);
        let answer = gateway.client().ask(&post("/v1/audio/speech", &body("m/mock?answer_bytes=300000")));
        let mut direct = crate::harness::Client::of_provider(mock.address);
        let wanted = direct.ask(&post("/v1/audio/speech", &body("mock?answer_bytes=300000")));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("audio/mpeg")));
        assert_eq!(answer.body.len(), 300_000);
        assert!(answer.body == wanted.body);
    });
}

/// Where a request ends up upstream: path, query, and the header fields that pass, are added, and stay behind.
#[test]
fn the_upstream_head_is_written_afresh() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let headers = format!(
            "{AUTHORIZED}content-type: application/json\r\nopenai-beta: assistants=v2\r\nAnthropic-Version: 2023-06-01\r\n\
             anthropic-beta: a, b\r\nuser-agent: tester/1\r\nidempotency-key: k1\r\nx-api-key: other\r\ncookie: a=b\r\n\
             x-forwarded-for: 1.2.3.4\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
             accept-encoding: gzip, br\r\nte: gzip\r\nupgrade: websocket\r\n"
        );
        let path = "/v1/chat/completions?a=1&a=%20?/";
        let body = br#"{"model":"m/mock?fault=echo_headers"}"#;
        let seen = gateway.client().ask(&post_with(path, &headers, body)).json();
        assert_eq!(seen["request_line"], format!("POST {path} HTTP/1.1"));
        let got: Vec<(String, String)> = serde_json::from_value(seen["headers"].clone()).expect("pairs");
        let mut got: Vec<_> = got.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        got.sort_unstable();
        let length = body.len() - "m/".len();
        let mut wanted = [
            &format!("host: {}", mock.address),
            "accept-encoding: identity",
            "authorization: Bearer canary-upstream-key-77ab",
            "content-type: application/json",
            "openai-beta: assistants=v2",
            "anthropic-version: 2023-06-01",
            "anthropic-beta: a, b",
            "user-agent: tester/1",
            "idempotency-key: k1",
            &format!("content-length: {length}"),
        ];
        wanted.sort_unstable();
        assert_eq!(got, wanted);
    });
}

/// A provider that wants its key in a header of another name gets it there, bare.
#[test]
fn credentials_go_where_the_provider_wants_them() {
    let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let base = format!("http://{}/deep/path/v1", upstream.address);
    let setup = Setup::at(Io::Auto, upstream.address).provider("azure", &base, "header: api-key").model(
        "az",
        "{provider: azure, model: deployed}",
        "",
    );
    let gateway = Gateway::start(&setup);
    assert_eq!(gateway.client().ask(&post("/v1/embeddings", r#"{"model":"az","input":"x"}"#)).status, 200);
    let seen = upstream.seen().pop().expect("one request");
    assert!(seen.starts_with("POST /deep/path/v1/embeddings HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("\r\napi-key: canary-upstream-key-77ab\r\n"), "{seen}");
    assert!(!seen.to_ascii_lowercase().contains("authorization"), "{seen}");
    assert!(seen.ends_with(r#"{"model":"deployed","input":"x"}"#), "{seen}");
}

/// Only a stream of chat or completions gets one field more, and only where the provider knows it.
#[test]
fn usage_is_asked_for_in_streams_alone() {
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 14\r\n\r\ndata: [DONE]\n\n";
    let upstream = Scripted::always(answer);
    let base = format!("http://{}/v1", upstream.address);
    let setup = Setup::at(Io::Auto, upstream.address).provider("old", &base, "stream_usage: false").model(
        "old",
        "{provider: old, model: old}",
        "",
    );
    let gateway = Gateway::start(&setup);
    let mut client = gateway.client();
    let mut sent = |path: &str, body: &str| {
        assert_eq!(client.ask(&post(path, body)).status, 200);
        let seen = upstream.seen().pop().expect("a request");
        seen.split_once("\r\n\r\n").expect("a head").1.to_owned()
    };
    for path in ["/v1/chat/completions", "/v1/completions"] {
        let asked = r#""stream_options":{"include_usage":true}"#;
        let got: Value =
            serde_json::from_str(&sent(path, r#"{"model":"m/a","stream":true,"x":1}"#)).expect("JSON");
        assert_eq!(got, json!({"model":"a","stream":true,"x":1,"stream_options":{"include_usage":true}}));
        assert_eq!(
            sent(path, &format!(r#"{{"model":"m/a","stream":true,{asked}}}"#)),
            format!(r#"{{"model":"a","stream":true,{asked}}}"#)
        );
        let kept =
            sent(path, r#"{"model":"m/a","stream":true,"stream_options":{"include_obfuscation":false}}"#);
        let got: Value = serde_json::from_str(&kept).expect("JSON");
        assert_eq!(got["stream_options"], json!({"include_obfuscation":false,"include_usage":true}));
        for whole in
            [r#"{"model":"m/a","stream":false}"#, r#"{"model":"m/a"}"#, r#"{"model":"m/a","stream":null}"#]
        {
            assert_eq!(sent(path, whole), whole.replace("m/a", "a"));
        }
        assert_eq!(sent(path, r#"{"model":"old","stream":true}"#), r#"{"model":"old","stream":true}"#);
    }
    assert_eq!(sent("/v1/responses", r#"{"model":"m/a","stream":true}"#), r#"{"model":"a","stream":true}"#);
}

/// The catalog lists what the caller may use, and nothing else.
#[test]
fn models_are_listed_by_permission() {
    on_both_drivers(|io| {
        let setup = Setup::of(io, "http://127.0.0.1:9/v1")
            .model("one", "{provider: up, model: x}", "tags: [eu], price: {input: 1.5, output: 2}")
            .model("two", "{provider: up, model: y}", "")
            .with("groups", "{everyone: {models: [\"*\"]}, few: {models: [one]}}")
            .with(
                "keys",
                &format!("[{{id: a, group: everyone, secret: {KEY}}}, {{id: b, group: few, secret: few}}]"),
            );
        let gateway = Gateway::start(&setup);
        let get = |method: &str, path: &str, key: &str| {
            let mut client = gateway.client();
            client.send(
                format!("{method} {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {key}\r\n\r\n")
                    .as_bytes(),
            );
            client.answer_to(method)
        };
        let ids = |key: &str| -> Vec<String> {
            let list = get("GET", "/v1/models", key).json();
            assert_eq!(list["object"], "list");
            list["data"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|m| m["id"].as_str().expect("a name").to_owned())
                .collect()
        };
        assert_eq!(ids(KEY), ["m/*", "one", "two"]);
        assert_eq!(ids("few"), ["one"]);
        let one = get("GET", "/v1/models/one", "few").json();
        assert_eq!((&one["id"], &one["object"]), (&json!("one"), &json!("model")));
        assert!(one["created"].is_u64() && one["owned_by"].is_string());
        assert_eq!(one["ringgate"]["tags"], json!(["eu"]));
        let hidden = get("GET", "/v1/models/two", "few").refused(404, "model_not_found");
        assert!(hidden.contains("`two`"), "{hidden}");
        get("GET", "/v1/models/none", KEY).refused(404, "model_not_found");
        for name in ["m%2Fgpt", "m/gpt", "m%2fgpt%3Ax"] {
            let answer = get("GET", &format!("/v1/models/{name}"), KEY);
            assert_eq!((answer.status, answer.json()["object"].clone()), (200, json!("model")), "{name}");
        }
        let (whole, head) = (get("GET", "/v1/models", KEY), get("HEAD", "/v1/models", KEY));
        assert_eq!((head.status, head.header("content-length")), (200, whole.header("content-length")));
    });
}

/// HEAD leaves the connection in step: the next answer on it is the next request's.
#[test]
fn head_sends_no_body() {
    let gateway = Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1"));
    let mut client = gateway.client();
    for path in ["/v1/models", "/v1/models/none", "/nowhere"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nhost: g\r\n{AUTHORIZED}\r\n").as_bytes());
        let head = client.answer_to("HEAD");
        assert_ne!(head.header("content-length"), Some("0"), "{path}");
    }
    client.send(format!("GET /v1/models/m%2Fx HTTP/1.1\r\nhost: g\r\n{AUTHORIZED}\r\n").as_bytes());
    assert_eq!(client.answer().json()["id"], "m/x");
}

/// What a client puts in a wildcard's place reaches the provider, and an exact name wins over a pattern.
#[test]
fn wildcards_carry_their_star() {
    let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let setup = Setup::at(Io::Auto, upstream.address)
        .model("ft:*:prod", "{provider: up, model: \"*\"}", "")
        .model("m/exact", "{provider: up, model: chosen}", "");
    let gateway = Gateway::start(&setup);
    let mut client = gateway.client();
    for (asked, sent) in
        [("ft:abc:prod", "abc"), ("m/exact", "chosen"), ("m/exactly", "exactly"), ("m/é\\\"", "é\\\"")]
    {
        assert_eq!(client.ask(&post("/v1/embeddings", &format!(r#"{{"model":"{asked}"}}"#))).status, 200);
        let seen = upstream.seen().pop().expect("a request");
        assert!(seen.ends_with(&format!(r#"{{"model":"{sent}"}}"#)), "{seen}");
    }
}

/// Azure's clients name the model by its deployment in the URL, which counts whatever the body says; the version in the
/// query is for Azure alone, and stays here.
#[test]
fn azures_clients() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        );
        let old = format!("http://{}/openai", upstream.address);
        let setup = Setup::at(io, upstream.address)
            .provider("old", &old, "header: api-key, api_version: 2024-10-21")
            .model("dep", "{provider: up, model: real}", "")
            .model("old", "{provider: old, model: theirs}", "");
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        for (path, body, target, sent) in [
            (
                "/openai/deployments/dep/chat/completions?api-version=2024-02-01",
                r#"{"messages":[],"model":"gpt-4o"}"#,
                "/v1/chat/completions",
                r#"{"messages":[],"model":"real"}"#,
            ),
            (
                "/openai/deployments/dep/embeddings?api-version=2024-02-01&x=1",
                r#"{ "input":"a"}"#,
                "/v1/embeddings?x=1",
                r#"{"model":"real", "input":"a"}"#,
            ),
            (
                "/openai/deployments/old/chat/completions?api-version=2023-05-15",
                r#"{"messages":[],"model":"old"}"#,
                "/openai/deployments/theirs/chat/completions?api-version=2024-10-21",
                r#"{"messages":[],"model":"theirs"}"#,
            ),
            (
                "/openai/v1/responses?api-version=preview",
                r#"{"model":"dep","input":"a"}"#,
                "/v1/responses?api-version=preview",
                r#"{"model":"real","input":"a"}"#,
            ),
        ] {
            let fields = format!("api-key: {KEY}\r\ncontent-type: application/json\r\n");
            let answer = client.ask(&post_with(path, &fields, body.as_bytes()));
            assert_eq!(answer.status, 200, "{path} {}", answer.text());
            let seen = upstream.seen().pop().expect("a request");
            let (head, received) = seen.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with(&format!("POST {target} HTTP/1.1\r\n")), "{head}");
            assert_eq!(received, sent);
        }
        let path = "/openai/deployments/nobodys/chat/completions";
        client.ask(&post(path, r#"{"model":"dep","messages":[]}"#)).refused(404, "model_not_found");
        client.ask(&post("/openai/deployments/dep/chat/completions", "{}")).refused(400, "missing_model");
        client.ask(&post("/openai/nowhere", "{}")).refused(404, "unknown_url");
    });
}

/// Whose base URL is wrong is told where the endpoint is, whose method is wrong which one it takes; the record has both
/// method and path.
#[test]
fn who_goes_astray_is_shown_the_way() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1"));
        for (path, meant) in [
            ("/chat/completions", "`/v1/chat/completions`"),
            ("/v1/v1/messages", "`/v1/messages`"),
            ("/v1/chat/completions/chat/completions", "`/v1/chat/completions`"),
            ("/v1/embeddings/", "`/v1/embeddings`"),
            ("/v1/batches", "batches"),
        ] {
            let answer = gateway.client().ask(&post(path, "{}"));
            let said = answer.refused(404, "unknown_url");
            assert!(said.contains(meant), "{path}: {said}");
            assert_eq!(gateway.record(answer.id())["detail"], format!("POST {path}"));
        }
        let answer = gateway.client().ask(b"OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: g\r\n\r\n");
        assert_eq!(
            answer.refused(405, "method_not_allowed"),
            "This URL does not take this method, but POST."
        );
        assert_eq!(gateway.record(answer.id())["detail"], "OPTIONS /v1/chat/completions");
    });
}
