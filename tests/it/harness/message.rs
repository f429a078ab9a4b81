//! Requests as bytes, and answers as they were read.

use super::KEY;
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub whole: bool,
    /// The fields behind it.
    pub trailer: Vec<(String, String)>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn id(&self) -> &str {
        self.header("x-request-id").expect("every answer has an id")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|wrong| {
            assert!(self.body.is_empty(), "{wrong}: {}", self.text());
            Value::Null
        })
    }

    /// The data of each event.
    pub fn events(&self) -> Vec<String> {
        let text = self.text();
        let data = text.split("\n\n").filter_map(|event| {
            event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned)
        });
        data.collect()
    }

    /// Asserts that this is a refusal of the gateway in `OpenAI`'s shape, and gives its message.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        let body = self.json();
        let error = &body["error"];
        assert_eq!(error["code"], code, "{body}");
        assert!(error["type"].is_string() && error["param"].is_string() | error["param"].is_null(), "{body}");
        assert_eq!(error["ringgate"]["request_id"], self.id());
        error["message"].as_str().expect("a message").to_owned()
    }
}

/// Asserts that a head says once when it was made; an interim one need not.
#[track_caller]
pub fn is_dated(status: u16, headers: &[(String, String)]) {
    let dates = headers.iter().filter(|(name, _)| name == "date").count();
    assert!(dates == 1 || status < 200, "{dates} dates: {status} {headers:?}");
}

/// A JSON request with [`KEY`].
pub fn post(path: &str, body: &str) -> Vec<u8> {
    post_with(
        path,
        &format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"),
        body.as_bytes(),
    )
}

/// Every endpoint of `OpenAI`'s that takes JSON.
pub const JSON_PATHS: [&str; 10] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/rerank",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
];

/// Every endpoint of `OpenAI`'s that takes a form.
pub const FORM_PATHS: [&str; 4] =
    ["/v1/images/edits", "/v1/images/variations", "/v1/audio/transcriptions", "/v1/audio/translations"];

/// A request with these header lines, a host and a content-length.
pub fn post_with(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut all =
        format!("POST {path} HTTP/1.1\r\nhost: gateway\r\n{headers}content-length: {}\r\n\r\n", body.len())
            .into_bytes();
    all.extend_from_slice(body);
    all
}

/// A chat request for a model of the mock: `chat("chunks=3")`.
pub fn chat(settings: &str) -> Vec<u8> {
    post("/v1/chat/completions", &format!(r#"{{"model":"m/mock?{settings}","messages":[]}}"#))
}

/// The same as a stream.
pub fn stream(settings: &str) -> Vec<u8> {
    post("/v1/chat/completions", &format!(r#"{{"model":"m/mock?{settings}","stream":true,"messages":[]}}"#))
}
