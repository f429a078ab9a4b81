//! What must reach either end when an exchange passes through the gateway: the bytes that were recorded, but for what the
//! gateway promises to change.

use super::exchange::{Api, Exchange};
use crate::harness::UPSTREAM_KEY;
use serde_json::Value;

/// Fields of a client's head that go to the provider.
const ASKED: [&str; 12] = [
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-language",
    "content-type",
    "idempotency-key",
    "openai-beta",
    "openai-version",
    "user-agent",
    "x-client-request-id",
    "x-goog-api-client",
    "x-server-timeout",
];
/// Fields that the gateway writes by itself.
const OWN: [&str; 8] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "content-length",
    "host",
    "x-api-key",
    "x-goog-api-key",
    "anthropic-version",
];
/// Fields of a provider's head that its client does not see.
const KEPT: [&str; 13] = [
    "alt-svc",
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "nel",
    "report-to",
    "request-id",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// Whether the gateway asks for usage that the client did not ask for.
pub fn injects(exchange: &Exchange) -> bool {
    let chunks = matches!(exchange.tail.as_str(), "/chat/completions" | "/completions");
    let body: Value = serde_json::from_slice(&exchange.request).unwrap_or_default();
    chunks && body["stream"] == true && body["stream_options"]["include_usage"] != true
}

/// What is wrong with the request that reached the provider.
pub fn upstream(exchange: &Exchange, head: &str, body: &[u8]) -> Vec<String> {
    let mut wrong = vec![];
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap_or_default();
    let expected = request_line(exchange);
    if line != expected {
        wrong.push(format!("request line: `{line}`, not `{expected}`"));
    }
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    for (name, value) in &exchange.request_headers {
        let passes = ASKED.contains(&name.as_str());
        if passes != fields.contains(&(name.clone(), value.as_str())) && !OWN.contains(&name.as_str()) {
            wrong
                .push(format!("request field `{name}` {}", if passes { "is lost" } else { "went upstream" }));
        }
    }
    for (name, _) in &fields {
        if !ASKED.contains(&name.as_str()) && !OWN.contains(&name.as_str()) {
            wrong.push(format!("request field `{name}` went upstream"));
        }
    }
    if !head.contains(UPSTREAM_KEY) {
        wrong.push("the provider's key is missing".to_owned());
    }
    let right =
        if injects(exchange) { asks_for_usage(&exchange.request, body) } else { exchange.request == body };
    if !right {
        wrong.push("request body differs".to_owned());
    }
    wrong
}

fn request_line(exchange: &Exchange) -> String {
    let model = exchange.model.replace('/', "%2F").replace(':', "%3A").replace('@', "%40");
    let (base, path) = match exchange.api {
        Api::OpenAi => ("/v1".to_owned(), exchange.tail.clone()),
        Api::Azure => (format!("/openai/deployments/{model}"), exchange.tail.clone()),
        Api::Anthropic => (String::new(), exchange.tail.clone()),
        Api::Gemini => ("/v1beta".to_owned(), exchange.tail.replace("{id}", &model)),
        Api::Cohere => ("/v2".to_owned(), exchange.tail.clone()),
    };
    let own = (exchange.api == Api::Azure).then_some("api-version=2024-10-21");
    let query: Vec<&str> = exchange.parameters().chain(own).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("POST {base}{path}{query} HTTP/1.1")
}

/// Whether `sent` is the recorded body with a request for usage.
fn asks_for_usage(recorded: &[u8], sent: &[u8]) -> bool {
    let mut wanted: Value = serde_json::from_slice(recorded).unwrap_or_default();
    if wanted.get("stream_options").is_none() {
        let at = recorded.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1);
        let (front, back) = recorded.split_at(at);
        return sent == [front, b"\"stream_options\":{\"include_usage\":true},", back].concat();
    }
    wanted["stream_options"]["include_usage"] = true.into();
    serde_json::from_slice::<Value>(sent).is_ok_and(|sent| sent == wanted)
}

/// The events of a stream as the client is to have them; none for one that it is not to see.
pub fn events(exchange: &Exchange) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let hides = injects(exchange);
    let mut over = false;
    let seen = |event: &Vec<u8>| {
        let passes = !over;
        over |= breaks(event);
        let seen = if hides { without_usage(event.clone()) } else { Some(event.clone()) };
        seen.filter(|_| passes)
    };
    let sent = split(&exchange.plain());
    let seen: Vec<_> = sent.iter().map(seen).collect();
    sent.into_iter().zip(seen).collect()
}

/// Without the report that only the gateway asked for.
fn without_usage(event: Vec<u8>) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(&event);
    let data = text.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or_default();
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    if value["usage"].is_object() && value["choices"].as_array().is_some_and(Vec::is_empty) {
        return None;
    }
    if value.get("usage").is_some_and(Value::is_null) {
        return Some(text.replace(",\"usage\":null", "").replace(", \"usage\": null", "").into_bytes());
    }
    Some(event)
}

/// Whether an event says that its stream has failed, which then never has a proper end.
pub fn breaks(event: &[u8]) -> bool {
    let text = String::from_utf8_lossy(event);
    let field = |line| str::strip_prefix(line, "data:").or_else(|| str::strip_prefix(line, "error:"));
    let data = text.lines().find_map(field).unwrap_or_default();
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    text.lines().any(|line| line == "event: error")
        || value.get("error").is_some_and(|error| !error.is_null())
}

/// Whether a stream says that it is whole, so that it needs no other end.
pub fn is_marked(stream: &[u8]) -> bool {
    let marks = [
        "[DONE]",
        "response.completed",
        "response.incomplete",
        "message_stop",
        "finishReason",
        "blockReason",
    ];
    marks.iter().any(|mark| memchr::memmem::find(stream, mark.as_bytes()).is_some())
}

/// Cuts a stream behind each blank line, whatever its line ends are.
fn split(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut events, mut start, mut line, mut at) = (vec![], 0, 0, 0);
    while at < stream.len() {
        let is_end = matches!(stream[at], b'\n' | b'\r');
        let is_empty = is_end && at == line;
        at += if stream[at..].starts_with(b"\r\n") { 2 } else { 1 };
        if is_end {
            line = at;
        }
        if is_empty {
            events.push(stream[start..at].to_vec());
            start = at;
        }
    }
    if start < stream.len() {
        events.push(stream[start..].to_vec());
    }
    events
}

/// The status that the client is to be told.
pub fn status(exchange: &Exchange) -> u16 {
    let plain = exchange.plain();
    let text = String::from_utf8_lossy(&plain);
    match (exchange.api, exchange.status) {
        (_, 401..=403) => 502,
        (Api::Gemini, 400) if text.contains("\"API_KEY_INVALID\"") => 502,
        (Api::Anthropic, 529) => 503,
        (_, status) => status,
    }
}

/// What is wrong with the fields of the answer.
pub fn fields(exchange: &Exchange, seen: &[(String, String)]) -> Vec<String> {
    let has =
        |name: &str, value: &str| seen.iter().any(|(known, said)| known == name && said == value.trim());
    let mut wrong = vec![];
    for (name, value) in &exchange.response_headers {
        let name = name.as_str();
        if matches!(name, "x-request-id" | "request-id") && !has("x-ringgate-upstream-request-id", value) {
            wrong.push("the provider's request id is lost".to_owned());
        }
        if has(name, value) == KEPT.contains(&name)
            && !matches!(name, "connection" | "content-length" | "transfer-encoding" | "content-encoding")
        {
            wrong.push(format!("answer field `{name}`: {value}"));
        }
    }
    if !seen.iter().any(|(name, _)| name == "x-ringgate-overhead-us") && exchange.status < 400 {
        wrong.push("x-ringgate-overhead-us is missing".to_owned());
    }
    wrong
}
