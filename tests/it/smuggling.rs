//! Requests that two readers could take for different ones: each is refused, and its connection ends.

use crate::harness::{Client, End, Gateway, Setup, chat, mock, on_both_drivers};

const LINES: &str = "authorization: Bearer canary-client-key-8e1f\r\ncontent-type: application/json\r\n";
/// What an attacker hopes will be served as a request of its own.
const SECOND: &str = "POST /v1/embeddings HTTP/1.1\r\nhost: g\r\nauthorization: Bearer canary-client-key-8e1f\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n{\"model\":\"m/mock\"}";

fn with(lines: &str, body: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{LINES}{lines}\r\n{body}")
}

/// Heads whose framing, or whose very lines, are open to two readings.
fn malformed_heads() -> Vec<(&'static str, String)> {
    let chunk = "12\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n";
    let body = "{\"model\":\"m/mock\"}";
    let raw = |text: &str| text.replace("LINES", LINES);
    vec![
        ("length and coding", with("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n")),
        ("coding and length", with("transfer-encoding: chunked\r\ncontent-length: 5\r\n", "0\r\n\r\n")),
        ("two lengths", with("content-length: 18\r\ncontent-length: 0\r\n", body)),
        ("the same length twice", with("content-length: 18\r\ncontent-length: 18\r\n", body)),
        ("a list of lengths", with("content-length: 18, 18\r\n", body)),
        ("a signed length", with("content-length: +18\r\n", body)),
        ("a negative length", with("content-length: -1\r\n", body)),
        ("a hexadecimal length", with("content-length: 0x12\r\n", body)),
        ("a length that overflows", with("content-length: 18446744073709551634\r\n", body)),
        ("no length in the field", with("content-length:\r\n", body)),
        ("a space before the colon", with("content-length : 18\r\n", body)),
        ("a tab before the colon", with("transfer-encoding\t: chunked\r\n", chunk)),
        ("two codings", with("transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n", chunk)),
        (
            "two codings and a length",
            with("transfer-encoding: identity\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n", chunk),
        ),
        ("chunked twice", with("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", chunk)),
        ("chunked, chunked", with("transfer-encoding: chunked, chunked\r\n", chunk)),
        ("gzip, chunked", with("transfer-encoding: gzip, chunked\r\n", chunk)),
        ("chunked, identity", with("transfer-encoding: chunked, identity\r\n", chunk)),
        ("an unknown coding", with("transfer-encoding: xchunked\r\n", chunk)),
        ("a vertical tab in the coding", with("transfer-encoding: \x0bchunked\r\n", chunk)),
        ("a coding with a quote", with("transfer-encoding: \"chunked\"\r\n", chunk)),
        ("a folded line", with("x: a\r\n b\r\n", "")),
        ("a folded coding", with("transfer-encoding:\r\n chunked\r\n", chunk)),
        (
            "a line that begins with a space",
            raw("POST /v1/chat/completions HTTP/1.1\r\n host: g\r\nLINES\r\n"),
        ),
        ("a bare line feed", with("x: y\ncontent-length: 18\r\n", body)),
        ("bare line feeds alone", raw("POST /v1/chat/completions HTTP/1.1\nhost: g\n\n")),
        ("a bare carriage return", with("x: y\rcontent-length: 18\r\n", body)),
        ("a NUL in a value", with("x: y\0z\r\n", "")),
        ("a control byte in a name", with("x\x01y: z\r\n", "")),
        ("no name", with(": z\r\n", "")),
        ("no colon", with("transfer-encoding\r\n", "")),
        ("no host", raw("POST /v1/chat/completions HTTP/1.1\r\nLINEScontent-length: 2\r\n\r\n{}")),
        ("two hosts", with("host: h\r\n", "")),
        ("an impossible host", raw("POST /v1/chat/completions HTTP/1.1\r\nhost: a b\r\nLINES\r\n")),
        (
            "chunks in HTTP/1.0",
            raw("POST /v1/chat/completions HTTP/1.0\r\nLINEStransfer-encoding: chunked\r\n\r\n") + chunk,
        ),
        ("a space in the path", raw("POST /v1/chat completions HTTP/1.1\r\nhost: g\r\nLINES\r\n")),
        ("two spaces", raw("POST  /v1/chat/completions HTTP/1.1\r\nhost: g\r\nLINES\r\n")),
        ("no version", raw("POST /v1/chat/completions\r\nhost: g\r\nLINES\r\n")),
        ("no path", raw("POST HTTP/1.1\r\nhost: g\r\nLINES\r\n")),
        ("a fragment", raw("POST /v1/chat/completions#x HTTP/1.1\r\nhost: g\r\nLINES\r\n")),
        ("a control byte in the path", raw("POST /v1/chat\x7f HTTP/1.1\r\nhost: g\r\nLINES\r\n")),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03 abcdef\r\n\r\n".to_owned()),
    ]
}

/// Bodies whose chunks are open to two readings.
fn malformed_chunks() -> Vec<(&'static str, String)> {
    let chunked = |body: &str| with("transfer-encoding: chunked\r\n", body);
    vec![
        ("no size", chunked("\r\n\r\n")),
        ("a negative size", chunked("-1\r\n")),
        ("a signed size", chunked("+12\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("a size with a prefix", chunked("0x12\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("a size that overflows", chunked("10000000000000012\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("a size behind a space", chunked(" 12\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("no number", chunked("zz\r\n")),
        ("a bare line feed behind the size", chunked("12\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("a bare line feed in an extension", chunked("12;a\nb\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("more data than the size", chunked("10\r\n{\"model\":\"m/mock\"}\r\n0\r\n\r\n")),
        ("less data than the size", chunked("11\r\n{\"model\":\"m/mock\"}X\r\n0\r\n\r\n")),
        ("a bare line feed behind the data", chunked("12\r\n{\"model\":\"m/mock\"}\n0\r\n\r\n")),
        ("a bare line feed behind the last chunk", chunked("12\r\n{\"model\":\"m/mock\"}\r\n0\n\n")),
        ("a folded trailer", chunked("12\r\n{\"model\":\"m/mock\"}\r\n0\r\nx: a\r\n b\r\n\r\n")),
        ("a trailer without a colon", chunked("12\r\n{\"model\":\"m/mock\"}\r\n0\r\nGET / HTTP/1.1\r\n\r\n")),
    ]
}

/// Sends bytes and a second request behind them; asserts one refusal and the end.
#[track_caller]
fn refused_once(gateway: &Gateway, name: &str, bytes: &str, code: &str) {
    let mut client = gateway.client();
    client.try_send(&[bytes.as_bytes(), SECOND.as_bytes()].concat());
    let answer = client.answer();
    eprintln!("{name}: {}", answer.text());
    answer.refused(400, code);
    assert_eq!(answer.header("connection"), Some("close"), "{name}");
    ended(&mut client, name);
}

#[track_caller]
fn ended(client: &mut Client, name: &str) {
    let end = client.drain();
    assert!(matches!(end, End::Closed | End::Reset));
    assert!(client.rest.is_empty(), "{name}: {}", String::from_utf8_lossy(&client.rest));
}

/// Every malformed head is refused, and what follows it is never a request.
#[test]
fn heads_with_two_meanings_are_refused() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for (name, bytes) in malformed_heads() {
            refused_once(&gateway, name, &bytes, "malformed_request");
        }
        assert_eq!(mock.stats().requests, 0);
        assert_eq!(gateway.records(malformed_heads().len()).len(), malformed_heads().len());
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
    });
}

/// Every malformed chunk is refused, and what follows it is never a request.
#[test]
fn chunks_with_two_meanings_are_refused() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for (name, bytes) in malformed_chunks() {
            refused_once(&gateway, name, &bytes, "malformed_body");
        }
        assert_eq!(mock.stats().requests, 0);
    });
}

/// A body that hides a request stays a body: with an honest length it is read to its end and no further.
#[test]
fn a_request_inside_a_body_is_data() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        client.send(with(&format!("content-length: {}\r\n", SECOND.len()), SECOND).as_bytes());
        client.answer().refused(400, "invalid_json");
        assert_eq!(mock.stats().requests, 0);
        assert_eq!(client.ask(&chat("fault=echo_body")).json()["model"], "mock?fault=echo_body");
    });
}
