//! Prompts whose tokens a client wants counted, at providers that count in other words.

use crate::harness::{Gateway, Io, Scripted, Setup, on_both_drivers, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const MESSAGES: &str = "/v1/messages/count_tokens";
const RESPONSES: &str = "/v1/responses/input_tokens";
/// With places and order of its own.
const OPENAI_COUNT: &str = r#"{ "object": "response.input_tokens",  "input_tokens": 51 }"#;

/// Counts as each provider does; a model named `none` counts nothing.
fn counters() -> Scripted {
    Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let path = request.split(' ').nth(1).expect("a path");
            let (status, body) = match () {
                () if path.contains("/none/") => (
                    "400 Bad Request",
                    r#"{"message":"The provided model doesn't support counting tokens."}"#,
                ),
                () if path.ends_with("/count-tokens") => ("200 OK", r#"{"inputTokens":11}"#),
                () if path.ends_with(":countTokens") => {
                    ("200 OK", r#"{"totalTokens":12,"promptTokensDetails":[]}"#)
                }
                () if path.ends_with("/input_tokens") => ("200 OK", OPENAI_COUNT),
                () if path.ends_with("count-tokens:rawPredict") || path == MESSAGES => {
                    ("200 OK", r#"{"input_tokens":16}"#)
                }
                () => ("404 Not Found", "{}"),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            peer.send(format!("{head}{body}").as_bytes());
        }
    })
}

fn setup(io: Io, counters: &Scripted) -> Setup {
    let base = format!("http://{}", counters.address);
    let studio = format!("{base}/v1beta");
    let vertex = format!("{base}/v1/projects/p/locations/l/publishers");
    let mut setup = Setup::at(io, counters.address);
    for (name, format, base, more) in [
        ("claude", "anthropic", &base, ""),
        ("studio", "gemini", &studio, ""),
        ("vertex", "gemini", &format!("{vertex}/google"), ""),
        ("hosted", "vertex-anthropic", &format!("{vertex}/anthropic"), ""),
        ("amazon", "bedrock", &base, ""),
        ("invoke", "bedrock-anthropic", &base, ""),
        ("openai", "openai", &format!("{base}/v1"), "input_tokens: true"),
        ("groq", "openai", &format!("{base}/v1"), ""),
        ("local", "ollama", &base, ""),
    ] {
        setup = setup.provider_of(format, name, base, more).model(
            &format!("{name}/*"),
            &format!("{{provider: {name}, model: \"*\"}}"),
            "",
        );
    }
    setup
}

/// Path and body of the last request.
fn sent(counters: &Scripted) -> (String, Value) {
    let seen = counters.seen().pop().expect("a request");
    let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).expect("a path").to_owned(), serde_json::from_str(body).expect("JSON"))
}

/// Clients of every dialect learn what their prompt comes to from every provider that counts.
#[test]
fn everybody_is_told_a_number() {
    on_both_drivers(|io| {
        let counters = counters();
        let gateway = Gateway::start(&setup(io, &counters));
        let mut client = gateway.client();
        let messages = json!({"messages": [{"role": "user", "content": "hi"}], "system": "be brief"});
        let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
        for (name, model, tokens, path) in [
            ("claude", "claude-x", 16, MESSAGES),
            ("studio", "gemini-x", 12, "/v1beta/models/gemini-x:countTokens"),
            (
                "vertex",
                "gemini-x",
                12,
                "/v1/projects/p/locations/l/publishers/google/models/gemini-x:countTokens",
            ),
            (
                "hosted",
                "claude-x",
                16,
                "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
            ),
            ("amazon", "us.anthropic.claude-x", 11, "/model/anthropic.claude-x/count-tokens"),
            ("invoke", "anthropic.claude-x", 11, "/model/anthropic.claude-x/count-tokens"),
            ("openai", "gpt-x", 51, "/v1/responses/input_tokens"),
        ] {
            let mut body = messages.clone();
            body["model"] = format!("{name}/{model}").into();
            let answer = client.ask(&post(MESSAGES, &body.to_string()));
            assert_eq!((answer.status, answer.json()), (200, json!({"input_tokens": tokens})), "{name}");
            assert_eq!(sent(&counters).0, path);
            let record = gateway.record(answer.id());
            assert!(record["input_tokens"].is_null(), "counting uses nothing: {record}");

            let google = format!("/v1beta/models/{name}%2F{model}:countTokens");
            let answer = client.ask(&post(&google, &contents.to_string()));
            assert_eq!((answer.status, &answer.json()["totalTokens"]), (200, &tokens.into()), "{name}");
            assert_eq!(sent(&counters).0, path);

            let body = json!({"model": format!("{name}/{model}"), "input": "hi"});
            let answer = client.ask(&post(RESPONSES, &body.to_string()));
            assert_eq!((answer.status, &answer.json()["input_tokens"]), (200, &tokens.into()), "{name}");
            assert_eq!(sent(&counters).0, path);
        }
        let body =
            json!({"model": "studio/gemini-x", "messages": messages["messages"], "system": "be brief"});
        client.ask(&post(MESSAGES, &body.to_string()));
        assert_eq!(
            sent(&counters).1["generateContentRequest"]["systemInstruction"]["parts"][0]["text"],
            "be brief"
        );
        let body =
            json!({"model": "vertex/gemini-x", "messages": messages["messages"], "system": "be brief"});
        client.ask(&post(MESSAGES, &body.to_string()));
        assert_eq!(sent(&counters).1["systemInstruction"]["parts"][0]["text"], "be brief");
        let body = json!({"model": "invoke/anthropic.claude-x", "messages": messages["messages"], "frob": 1});
        client.ask(&post(MESSAGES, &body.to_string()));
        let digits = sent(&counters).1["input"]["invokeModel"]["body"].as_str().expect("digits").to_owned();
        let inner: Value = serde_json::from_slice(&STANDARD.decode(digits).expect("base64")).expect("JSON");
        assert_eq!((&inner["frob"], &inner["max_tokens"]), (&1.into(), &1.into()));
    });
}

/// At a provider of its own format a client's request and its answer pass as they are.
#[test]
fn own_words_pass_as_they_are() {
    on_both_drivers(|io| {
        let counters = counters();
        let gateway = Gateway::start(&setup(io, &counters));
        let body = r#"{ "model" : "openai/gpt-x", "input":[], "frob": 1.10 }"#;
        let answer = gateway.client().ask(&post(RESPONSES, body));
        assert_eq!((answer.status, answer.text().as_str()), (200, OPENAI_COUNT));
        let seen = counters.seen().pop().expect("a request");
        assert!(seen.ends_with(r#"{ "model" : "gpt-x", "input":[], "frob": 1.10 }"#), "{seen}");
    });
}

/// Who does not count is not asked, and who refuses to is told of in the client's own dialect.
#[test]
fn who_does_not_count() {
    on_both_drivers(|io| {
        let counters = counters();
        let gateway = Gateway::start(&setup(io, &counters));
        let mut client = gateway.client();
        let ask = |model: &str| {
            json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string()
        };
        for model in ["local/x", "groq/x"] {
            let answer = client.ask(&post(MESSAGES, &ask(model)));
            assert_eq!(
                (answer.status, &answer.json()["error"]["type"]),
                (400, &"invalid_request_error".into())
            );
            assert!(answer.text().contains("/v1/messages/count_tokens"), "{}", answer.text());
        }
        assert!(counters.seen().is_empty());
        let answer = client.ask(&post(MESSAGES, &ask("amazon/none")));
        let error = answer.json();
        assert_eq!(
            (answer.status, &error["type"], &error["error"]["type"]),
            (400, &"error".into(), &"invalid_request_error".into())
        );
        assert_eq!(error["error"]["message"], "The provided model doesn't support counting tokens.");
        let contents = json!({"contents": [{"parts": [{"text": "hi"}]}]}).to_string();
        let answer = client.ask(&post("/v1beta/models/amazon%2Fnone:countTokens", &contents));
        assert_eq!((answer.status, &answer.json()["error"]["status"]), (400, &"INVALID_ARGUMENT".into()));
    });
}
