//! Streams whose provider reports an error, to clients that speak its dialect: by a status while that can still be said,
//! and in the stream's own words.

use crate::harness::{Answer, Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, on_both_drivers, post_with};
use serde_json::Value;
use std::net::SocketAddr;

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const EVENTS: &str = "/v1beta/models/g:streamGenerateContent?alt=sse";
const ARRAY: &str = "/v1beta/models/g:streamGenerateContent";

const BUSY: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"} }"#;

fn setup(io: Io, upstream: SocketAddr) -> Setup {
    Setup::at(io, upstream)
        .provider_of("anthropic", "claude", &format!("http://{upstream}"), "")
        .provider_of("gemini", "google", &format!("http://{upstream}"), "")
        .model("c", "{provider: claude, model: claude-x}", "")
        .model("g", "{provider: google, model: gemini-x}", "")
}

fn head(path: &str) -> String {
    let kind = if path == ARRAY { "application/json" } else { "text/event-stream" };
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncache-control: no-cache\r\nx-request-id: theirs\r\nretry-after: 7\r\ntransfer-encoding: chunked\r\n\r\n"
    )
}

fn chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n", body.len())
}

fn streamed(path: &str) -> Vec<u8> {
    let model = if path == MESSAGES { "c" } else { "m/x" };
    let body = match path {
        EVENTS | ARRAY => r#"{"contents":[]}"#.to_owned(),
        _ => format!(r#"{{"model":"{model}","stream":true,"max_tokens":9,"messages":[],"input":""}}"#),
    };
    let fields = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n");
    post_with(path, &fields, body.as_bytes())
}

fn answer_to(io: Io, path: &str, body: &str) -> (Gateway, Answer) {
    let upstream = Scripted::always(head(path) + &chunk(body) + "0\r\n\r\n");
    let gateway = Gateway::start(&setup(io, upstream.address));
    let mut client = gateway.client();
    let answer = client.ask(&streamed(path));
    if answer.status != 200 {
        let models = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
        assert_eq!(client.ask(models.as_bytes()).status, 200, "the connection is in step");
    }
    (gateway, answer)
}

/// A stream that comes with an error in place of its first event is an answer with the error's status and the error as its
/// body, with the fields of the provider's head; the record tells both statuses.
#[test]
fn first_errors_are_refusals() {
    on_both_drivers(|io| {
        let limited =
            r#"{"error":{"message":"Slow.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
        let groq = r#"{"error":{"message":"x","type":"invalid_request_error","code":"tool_use_failed","status_code":400}}"#;
        let google = r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#;
        for (path, body, status, told) in [
            (CHAT, format!("data: {limited}\n\n"), 429, limited),
            (CHAT, format!(": PROCESSING\r\n\r\nevent: error\r\ndata: {groq}\r\n\r\n"), 400, groq),
            (MESSAGES, format!("event: error\ndata: {BUSY}\n\n"), 503, BUSY),
            (RESPONSES, format!("event: error\ndata: {limited}\n\n"), 429, limited),
            (EVENTS, format!("data: {google}\r\n\r\n"), 503, google),
            (ARRAY, format!("[{google}\r\n]"), 503, google),
        ] {
            let (gateway, answer) = answer_to(io, path, &body);
            assert_eq!((answer.status, answer.text().as_str(), answer.whole), (status, told, true), "{path}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.headers.iter().filter(|(name, _)| name == "content-type").count(), 1);
            assert_eq!(answer.header("cache-control"), None);
            assert_eq!(answer.header("retry-after"), Some("7"));
            assert_eq!(answer.header("x-ringgate-upstream-request-id"), Some("theirs"));
            let record = gateway.record(answer.id());
            assert_eq!(
                (&record["status"], &record["upstream_status"]),
                (&status.into(), &200.into()),
                "{record}"
            );
            assert_eq!(record["fault"], "upstream_stream_error");
        }
        let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"Slow."}}}"#;
        let (_, answer) = answer_to(io, RESPONSES, &format!("event: response.failed\ndata: {failed}\n\n"));
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (429, &"rate_limit_exceeded".into()), "{error}");
        assert_eq!(error["message"], "Slow.");
    });
}

/// What the provider says of the gateway's account is not told, nor is its key.
#[test]
fn first_errors_of_the_account_stay_here() {
    let anthropic = BUSY.replace("overloaded_error", "authentication_error");
    let google = r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#;
    let openai = r#"{"error":{"message":"Incorrect API key.","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    for (path, body) in [
        (CHAT, format!("data: {openai}\n\n")),
        (MESSAGES, format!("event: error\ndata: {anthropic}\n\n")),
        (EVENTS, format!("data: {google}\n\n")),
        (ARRAY, format!("[{google}]")),
    ] {
        let (gateway, answer) = answer_to(Io::Auto, path, &body);
        assert_eq!(answer.status, 502, "{path} {}", answer.text());
        assert_eq!(gateway.record(answer.id())["fault"], "upstream_account");
    }
    let echo = BUSY.replace("Overloaded", UPSTREAM_KEY);
    let (_, answer) = answer_to(Io::Auto, MESSAGES, &format!("event: error\ndata: {echo}\n\n"));
    assert_eq!(answer.text(), BUSY.replace("Overloaded", "[redacted]"));
}

/// An error that does not say what it means, or that comes when the head has left, passes in the stream as it came, and the
/// stream has no proper end.
#[test]
fn other_errors_pass() {
    on_both_drivers(|io| {
        let vague = "event: error\ndata: {\"error\":{\"message\":\"x\"}}\n\n";
        let (gateway, answer) = answer_to(io, CHAT, vague);
        assert_eq!((answer.status, answer.text().as_str(), answer.whole), (200, vague, false));
        assert_eq!(gateway.record(answer.id())["fault"], "upstream_stream_error");

        let event = format!("event: error\ndata: {BUSY}\n\n");
        let (begun, begin) = std::sync::mpsc::channel();
        let begin = std::sync::Mutex::new(begin);
        let late = event.clone();
        let upstream = Scripted::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.send(head(MESSAGES).as_bytes());
                begin.lock().expect("no panic").recv().expect("the client reads");
                peer.send((chunk(&late) + "0\r\n\r\n").as_bytes());
            }
        });
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        client.send(&streamed(MESSAGES));
        assert_eq!(client.head().0, 200);
        begun.send(()).expect("the provider waits");
        assert_eq!(client.chunk().map(|bytes| String::from_utf8(bytes).expect("text")), Some(event));
        client.ends();
    });
}

/// A response that failed ends with the event that says so: it passes, and so does the end; the record tells of it.
#[test]
fn failed_responses_end_properly() {
    on_both_drivers(|io| {
        let stream = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"m\"},\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n";
        let (gateway, answer) = answer_to(io, RESPONSES, stream);
        assert_eq!((answer.status, answer.text().as_str(), answer.whole), (200, stream, true));
        let record = gateway.record(answer.id());
        assert_eq!((&record["fault"], &record["input_tokens"]), (&"upstream_stream_error".into(), &3.into()));
        assert_eq!(record["detail"], Value::Null);
    });
}
