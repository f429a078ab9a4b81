//! Where messages begin and end on a client's connection.

use crate::harness::{
    Client, Gateway, Io, KEY, Scripted, Setup, chat, mock, on_both_drivers, post, post_with, stream,
};

const LINES: &str = "authorization: Bearer canary-client-key-8e1f\r\ncontent-type: application/json\r\n";
const ECHO: &str = r#"{"model":"m/mock?fault=echo_body","n":1}"#;
const ECHOED: &str = r#"{"model":"mock?fault=echo_body","n":1}"#;

fn chunked(body: &str) -> Vec<u8> {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{LINES}transfer-encoding: chunked\r\n\r\n{body}"
    )
    .into_bytes()
}

/// One connection serves request after request.
#[test]
fn connections_stay() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for turn in 0..20 {
            let answer = client.ask(&if turn % 2 == 0 { chat("") } else { stream("") });
            assert!(answer.whole && answer.status == 200 && answer.header("connection").is_none());
        }
        client.ask(&post("/v1/chat/completions", "{}")).refused(400, "missing_model");
        assert_eq!(
            client.ask(&chat("")).status,
            200,
            "a refusal whose body was read leaves the connection open"
        );
        assert_eq!(mock.stats().connections_opened, 1, "upstream connections are kept too");
    });
}

/// Several requests in one write are answered in order, also behind bodies with a length, chunks or none.
#[test]
fn pipelining() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let mut all = post("/v1/chat/completions", ECHO);
        all.extend(
            format!("GET /v1/models/m%2Fx HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").into_bytes(),
        );
        all.extend(chunked(&format!("{:x}\r\n{ECHO}\r\n0\r\n\r\n", ECHO.len())));
        all.extend(post("/v1/chat/completions", "{}"));
        all.extend(stream("chunks=3"));
        client.send(&all);
        assert_eq!(client.answer().text(), ECHOED);
        assert_eq!(client.answer().json()["id"], "m/x");
        assert_eq!(client.answer().text(), ECHOED);
        client.answer().refused(400, "missing_model");
        assert_eq!(client.answer().events().last().map(String::as_str), Some("[DONE]"));
        client.finish();
        client.ends();
        assert_eq!(gateway.records(5).len(), 5);
    });
}

/// A request may arrive in two pieces, cut at any byte.
#[test]
fn requests_may_be_cut_anywhere() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let (first, second) = ECHO.split_at(7);
        let pieces = format!(
            "{:x};a=b\r\n{first}\r\n0{:X}\r\n{second}\r\n0\r\nx-t: 1\r\n\r\n",
            first.len(),
            second.len()
        );
        for request in [post("/v1/chat/completions", ECHO), chunked(&pieces)] {
            for at in 1..request.len() {
                client.send_split(&request, at);
                let answer = client.answer();
                assert_eq!((answer.status, answer.text().as_str()), (200, ECHOED), "cut at {at}");
            }
        }
    });
}

/// A request that comes byte by byte is the same request.
#[test]
fn requests_may_come_byte_by_byte() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for byte in chunked(&format!("{:x}\r\n{ECHO}\r\n0\r\n\r\n", ECHO.len())) {
            client.send(&[byte]);
            std::thread::yield_now();
        }
        assert_eq!(client.answer().text(), ECHOED);
    });
}

/// Chunk extensions and trailers are read past within their bounds, and go no further.
#[test]
fn extensions_and_trailers_are_dropped() {
    let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let gateway = Gateway::start(&Setup::at(Io::Auto, upstream.address));
    let mut client = gateway.client();
    let body = |extension: &str, trailer: &str| {
        chunked(&format!("{:x}{extension}\r\n{ECHO}\r\n0{extension}\r\n{trailer}\r\n", ECHO.len()))
    };
    let longest = format!(";e=\"{}\"", "x".repeat(200));
    for (extension, trailer) in
        [(";a", ""), (";a=\"b;\";c", "x: y\r\n"), (longest.as_str(), "authorization: Bearer z\r\n")]
    {
        assert_eq!(client.ask(&body(extension, trailer)).status, 200, "{extension} {trailer}");
        let seen = upstream.seen().pop().expect("a request");
        assert!(seen.ends_with(&format!("content-length: {}\r\n\r\n{ECHOED}", ECHOED.len())), "{seen}");
        assert!(!seen.contains("Bearer z") && !seen.contains("x: y"));
    }
    for bad in
        [body(&format!(";{}", "x".repeat(5000)), ""), body("", &format!("x: {}\r\n", "y".repeat(20_000)))]
    {
        let mut client = gateway.client();
        client.try_send(&bad);
        client.answer().refused(400, "malformed_body");
    }
}

/// `Expect: 100-continue` is answered when the body is wanted, and only then; the body may also come unasked.
#[test]
fn expectations() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("limits", "{body_bytes: 1000}"));
        let head = |length: usize| {
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{LINES}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
            )
        };
        let mut client = gateway.client();
        client.send(head(ECHO.len()).as_bytes());
        assert_eq!(client.answer().status, 100);
        client.send(ECHO.as_bytes());
        assert_eq!(client.answer().text(), ECHOED);
        client.send((head(ECHO.len()) + ECHO).as_bytes());
        assert_eq!(client.answer().text(), ECHOED, "no interim answer when the body is there");
        client.send(head(1001).as_bytes());
        client.answer().refused(413, "body_too_large");
        client.ends();
        let other = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{LINES}expect: magic\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        gateway.client().ask(other.as_bytes()).refused(417, "expectation_failed");
    });
}

/// HTTP/1.0: the connection ends after the answer unless the client asks to keep it; no chunks, no interim answers.
#[test]
fn old_clients() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let ask = |client: &mut Client, more: &str, body: &str| {
            let length = body.len();
            client.send(
                format!("POST /v1/chat/completions HTTP/1.0\r\n{LINES}{more}content-length: {length}\r\n\r\n{body}")
                    .as_bytes(),
            );
            client.answer()
        };
        let mut client = gateway.client();
        let answer = ask(&mut client, "", ECHO);
        assert_eq!((answer.text().as_str(), answer.header("connection")), (ECHOED, Some("close")));
        client.ends();
        let mut client = gateway.client();
        for _ in 0..3 {
            let answer = ask(&mut client, "Connection: Keep-Alive\r\nexpect: 100-continue\r\n", ECHO);
            assert_eq!((answer.text().as_str(), answer.header("connection")), (ECHOED, Some("keep-alive")));
        }
        let body = r#"{"model":"m/mock?chunks=3","stream":true}"#;
        let answer = ask(&mut client, "connection: keep-alive\r\n", body);
        assert_eq!((answer.header("transfer-encoding"), answer.header("connection")), (None, Some("close")));
        assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
        client.ends();
    });
}

/// A client that asks to end the connection gets its answer, and the end.
#[test]
fn clients_may_end_connections() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for request in [ECHO, r#"{"model":"m/mock?chunks=3","stream":true}"#, "{}"] {
            let mut client = gateway.client();
            let answer = client.ask(&post_with(
                "/v1/chat/completions",
                &format!("{LINES}connection: x, Close\r\n"),
                request.as_bytes(),
            ));
            assert_eq!(answer.header("connection"), Some("close"));
            client.ends();
        }
    });
}

/// Blank lines before a request are skipped, an absolute URL is understood, header names may have any case.
#[test]
fn what_must_be_tolerated() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let mut client = gateway.client();
    let length = ECHO.len();
    for head in [
        format!(
            "\r\n\r\nPOST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{LINES}content-length: {length}\r\n\r\n"
        ),
        format!(
            "POST http://g:80/v1/chat/completions HTTP/1.1\r\nhost: g\r\n{LINES}content-length: {length}\r\n\r\n"
        ),
        format!("POST /v1/chat/completions HTTP/1.1\r\nHOST:g\r\n{LINES}CONTENT-LENGTH:{length}\r\n\r\n"),
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost:\t g \t\r\n{LINES}content-length: \t{length} \r\nx:\r\n\r\n"
        ),
    ] {
        assert_eq!(client.ask((head + ECHO).as_bytes()).text(), ECHOED);
    }
}

/// Heads and bodies that are too large, and what is not there, each with its own status and code.
#[test]
fn limits_and_wrong_addresses() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("limits", "{body_bytes: 10000}"));
        let line = |request_line: &str, lines: &str| {
            format!("{request_line}\r\nhost: g\r\n{LINES}{lines}\r\n").into_bytes()
        };
        let chat = "POST /v1/chat/completions HTTP/1.1";
        let many = "x: y\r\n".repeat(200);
        let cases = [
            (line(chat, &format!("x: {}\r\n", "y".repeat(40_000))), 431, "head_too_large"),
            (line(chat, &many), 431, "head_too_large"),
            (
                line(&format!("POST /v1/chat/completions?{} HTTP/1.1", "q".repeat(9000)), ""),
                414,
                "uri_too_long",
            ),
            (line(&format!("POST /{} HTTP/1.1", "q".repeat(40_000)), ""), 414, "uri_too_long"),
            (line(chat, "content-length: 10001\r\n"), 413, "body_too_large"),
            (line(chat, "content-length: 9223372036854775807\r\n"), 413, "body_too_large"),
            (chunked(&format!("5000\r\n{}", "{".to_owned() + &" ".repeat(0x4fff))), 413, "body_too_large"),
            (line("POST /v1/chat/completions HTTP/2.0", ""), 505, "http_version"),
            (line("POST /v1/chat/completions HTTP/1.2", ""), 505, "http_version"),
            (line("GET /v1/chat/completions HTTP/1.1", ""), 405, "method_not_allowed"),
            (line("DELETE /v1/models HTTP/1.1", ""), 405, "method_not_allowed"),
            (line("OPTIONS /v1/models HTTP/1.1", ""), 405, "method_not_allowed"),
            (line("POST / HTTP/1.1", ""), 404, "unknown_url"),
            (line("GET /v1/files HTTP/1.1", ""), 404, "unknown_url"),
            (
                post_with("/v1/chat/completions", &format!("x-api-key: {KEY}\r\n"), b"{}"),
                415,
                "unsupported_media_type",
            ),
            (
                post_with(
                    "/v1/chat/completions",
                    &format!("x-api-key: {KEY}\r\ncontent-type: text/plain\r\n"),
                    b"{}",
                ),
                415,
                "unsupported_media_type",
            ),
            (post("/v1/audio/translations", "{}"), 415, "unsupported_media_type"),
        ];
        for (request, status, code) in &cases {
            let mut client = gateway.client();
            client.try_send(request);
            let answer = client.answer();
            answer.refused(*status, code);
            let allow = answer.header("allow");
            match *status {
                405 => assert!(matches!(allow, Some("POST" | "GET, HEAD")), "{allow:?}"),
                _ => assert_eq!(allow, None),
            }
            assert_eq!(gateway.record(answer.id())["fault"], *code);
        }
        assert_eq!(mock.stats().requests, 0);
        assert_eq!(gateway.records(cases.len()).len(), cases.len());
    });
}

/// A refusal that leaves nothing unread leaves the connection open; one that does not closes it.
#[test]
fn refusals_keep_connections_where_they_can() {
    let gateway = Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1"));
    let mut client = gateway.client();
    for path in ["/nothing", "/v1/models/none"] {
        let answer = client.ask(format!("GET {path} HTTP/1.1\r\nhost: g\r\n{LINES}\r\n").as_bytes());
        assert_eq!((answer.status, answer.header("connection")), (404, None));
    }
    let answer = client
        .ask(format!("POST /nothing HTTP/1.1\r\nhost: g\r\n{LINES}content-length: 3\r\n\r\nabc").as_bytes());
    assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
    client.ends();
}
