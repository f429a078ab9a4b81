//! A provider's errors, told to clients of another dialect.

use crate::harness::{Answer, Gateway, Io, Scripted, Setup, UPSTREAM_KEY, on_both_drivers};
use crate::translate::{CHAT, MESSAGES, OVERLOADED, THINKING, answered, ask, data, setup};

/// An error inside a stream, and a stream that ends too early, reach the client as an error of its own dialect behind
/// what came before, and the stream has no proper end.
#[test]
fn broken_streams_are_told() {
    on_both_drivers(|io| {
        let end = THINKING.find("event: message_delta").expect("it ends");
        let cases = [
            (OVERLOADED, "event: error", "server_is_overloaded", "upstream_stream_error"),
            (&THINKING[..end], "event: content_block_stop", "upstream_truncated", "upstream_truncated"),
        ];
        for (stream, cut, code, fault) in cases {
            let (upstream, go_on) = Scripted::in_two_parts(stream, cut);
            let gateway = Gateway::start(&setup(io, upstream.address));
            let mut client = gateway.client();
            client.send(&ask(CHAT, "c/x", r#","stream":true"#));
            let (status, fields) = client.head();
            assert_eq!(status, 200);
            let mut text = String::from_utf8(client.chunk().expect("what comes before")).expect("text");
            go_on.send(()).expect("the provider waits");
            while !text.contains("\"error\"") {
                text += &String::from_utf8(client.chunk().expect("the error")).expect("text");
            }
            assert_eq!(data(&text).last().expect("chunks")["error"]["code"], code, "{text}");
            assert!(!text.contains("[DONE]"), "{text}");
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
    let upstream = Scripted::always(answered("text/event-stream", ""));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    gateway.client().ask(&ask(CHAT, "c/x", r#","stream":true"#)).refused(502, "upstream_truncated");
    let upstream = Scripted::always(answered("text/event-stream", OVERLOADED));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    overloaded(&gateway.client().ask(&ask(CHAT, "c/x", r#","stream":true"#)));
    let unsaid =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}\n\n";
    for (stream, code) in [
        (unsaid.to_owned(), "upstream_stream_error"),
        (unsaid.replace("api_", "authentication_"), "upstream_account"),
    ] {
        let upstream = Scripted::always(answered("text/event-stream", &stream));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        gateway.client().ask(&ask(CHAT, "c/x", r#","stream":true"#)).refused(502, code);
    }
}

#[track_caller]
pub fn overloaded(answer: &Answer) {
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["code"]), (503, &"server_is_overloaded".into()), "{error}");
    assert_eq!((&error["message"], &error["ringgate"]["blame"]), (&"Overloaded".into(), &"upstream".into()));
}

/// An answer that is not what its provider's format says is refused, and no part of it is passed on. What is wrong with it
/// the client is told, and the record says.
#[test]
fn unreadable_answers_are_refused() {
    for (content_type, body, named) in [
        ("application/json", "{\"id\":1}", "`id`"),
        ("application/json", "<html>", "invalid JSON at byte 0"),
        ("text/html", "{}", "`id`"),
        ("text/event-stream", "data: nonsense\n\n", "invalid JSON at byte 0"),
    ] {
        let upstream = Scripted::always(answered(content_type, body));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let answer = gateway.client().ask(&ask(CHAT, "c/x", ""));
        let message = answer.refused(502, "upstream_unreadable");
        assert!(message.contains(named), "{named}: {message}");
        assert_eq!(gateway.record(answer.id())["detail"], message);
    }
}

/// A provider's errors have the type, the code and the status that the client's own package looks for, and its hint
/// when to come again; the credential that it repeats is not among it.
#[test]
fn provider_errors_cross() {
    let said = format!(
        r#"{{"type":"error","error":{{"type":"rate_limit_error","message":"slow {UPSTREAM_KEY} down"}}}}"#
    );
    let answer = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let upstream = Scripted::always(answer("429 Too Many Requests", &said));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let got = gateway.client().ask(&ask(CHAT, "c/x", ""));
    assert_eq!((got.status, got.header("retry-after")), (429, Some("7")));
    let error = &got.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&"rate_limit_error".into(), &"rate_limit_exceeded".into()));
    assert_eq!(error["message"], "slow [redacted] down");

    let said = r#"{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    let upstream = Scripted::always(answer("404 Not Found", said));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let got = gateway.client().ask(&ask(MESSAGES, "m/x", ""));
    assert_eq!((got.status, &got.json()["error"]["type"]), (404, &"not_found_error".into()));
    let upstream = Scripted::always(answer(
        "529 Overloaded",
        r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
    ));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    assert_eq!(gateway.client().ask(&ask(CHAT, "c/x", "")).status, 503);
    for (path, model, said, kind) in [
        (
            CHAT,
            "c/x",
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"busy"}}"#,
            "conflict",
        ),
        (CHAT, "c/x", r#"{"type":"error","error":{"type":"conflict_error","message":"busy"}}"#, "conflict"),
        (MESSAGES, "m/x", r#"{"error":{"message":"busy","type":null,"code":null}}"#, "conflict_error"),
        (MESSAGES, "m/x", "a page", "conflict_error"),
    ] {
        let upstream = Scripted::always(answer("409 Conflict", said));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let got = gateway.client().ask(&ask(path, model, ""));
        assert_eq!((got.status, &got.json()["error"]["type"]), (409, &kind.into()), "{said}");
    }
    let upstream = Scripted::always(answer("401 Unauthorized", "{}"));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    gateway.client().ask(&ask(CHAT, "c/x", "")).refused(502, "upstream_account");
}

/// An error about the gateway's own key is no matter of the client's, whatever status it comes with.
#[test]
fn account_trouble_is_masked() {
    let said = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    let upstream = Scripted::always(format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{said}",
        said.len()
    ));
    let setup = Setup::at(Io::Auto, upstream.address)
        .provider_of("gemini", "google", &format!("http://{}", upstream.address), "")
        .model("g", "{provider: google, model: x}", "");
    let gateway = Gateway::start(&setup);
    gateway.client().ask(&ask(CHAT, "g", "")).refused(502, "upstream_account");
}
