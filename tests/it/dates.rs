//! `date`: every answer tells when it was made, the provider's own word before the gateway's. That each has exactly one, every
//! test sees (`harness::message`); here is what it says.

use crate::harness::{
    Asked, Client, Framing, Gateway, Io, KEY, Scripted, Setup, Wire, Wired, mock, on_both_drivers, post,
    until,
};
use crate::tongues::{self, DIALECTS, Dialect, MODELS};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// What a provider says of the time that no clock here shows.
const THEIRS: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Seconds since 1970.
pub fn now() -> i64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    passed.as_secs().cast_signed()
}

/// Whether a date is that of one of two seconds before, of this second or of the next.
pub fn is_about(date: &str, unix_seconds: i64) -> bool {
    let mut program = Command::new("date")
        .args(["--utc", "--file=-", "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("date runs");
    let mut input = program.stdin.take().expect("piped");
    for second in unix_seconds - 2..=unix_seconds + 1 {
        writeln!(input, "@{second}").expect("it reads");
    }
    drop(input);
    let told = program.wait_with_output().expect("it ends").stdout;
    String::from_utf8(told).expect("text").lines().any(|line| line == date)
}

#[track_caller]
fn is_now(name: &str, date: Option<&str>) {
    let date = date.unwrap_or_else(|| unreachable!("{name}: no date"));
    assert!(is_about(date, now()), "{name}: {date}");
}

/// The gateway's own answers have the gateway's date, over every wire.
#[test]
fn own_answers() {
    const CHAT: &str = "/v1/chat/completions";
    const GRANTED: (&str, &str) = ("x-api-key", KEY);
    const JSON: (&str, &str) = ("content-type", "application/json");
    on_both_drivers(|io| {
        let setup = Setup::of(io, "http://127.0.0.1:9/v1").with("limits", "{body_bytes: 2000}");
        let wired = Wired::start(setup);
        let large = vec![b' '; 2001];
        let cookie = "c".repeat(40_000);
        let good = br#"{"model":"m/mock","messages":[]}"#;
        for (method, path, fields, body, status) in [
            ("GET", "/v1/models", vec![GRANTED], None, 200),
            ("HEAD", "/v1/models", vec![GRANTED], None, 200),
            ("GET", "/v1/models/m%2Fx", vec![GRANTED], None, 200),
            ("GET", "/nowhere", vec![GRANTED], None, 404),
            ("GET", CHAT, vec![GRANTED], None, 405),
            ("POST", CHAT, vec![JSON], Some(&good[..]), 401),
            ("POST", CHAT, vec![GRANTED, JSON], Some(&b"{}"[..]), 400),
            ("POST", CHAT, vec![GRANTED, JSON], Some(&large[..]), 413),
            ("POST", CHAT, vec![GRANTED, JSON, ("cookie", &cookie)], Some(&good[..]), 431),
            ("POST", CHAT, vec![GRANTED, JSON], Some(&good[..]), 502),
        ] {
            for wire in Wire::ALL {
                let asked = Asked { method, path, fields: fields.clone(), body };
                let answer = wired.ask(wire, Framing::Length, &asked);
                let name = format!("{method} {path} over {wire:?}");
                assert_eq!(answer.status, status, "{name}: {}", answer.text());
                is_now(&name, answer.header("date"));
            }
        }
    });
}

/// Who is not heard, or was not understood, is told when, too.
#[test]
fn who_is_not_heard() {
    on_both_drivers(|io| {
        let setup = Setup::of(io, "http://127.0.0.1:9/v1").with("limits", "{connections: 1}");
        let gateway = Gateway::start(&setup);
        let mut held = gateway.client();
        until("the only place to be taken", || {
            let mut other = gateway.client();
            // Who came first may not have been let in yet.
            other.try_send(b"GET / HTTP/1.1\r\n");
            let answer = other.answer();
            is_now("turned away", answer.header("date"));
            (answer.status == 503).then_some(())
        });
        held.send(b"no HTTP\r\n\r\n");
        let answer = held.answer();
        answer.refused(400, "malformed_request");
        is_now("malformed", answer.header("date"));
    });
}

/// The operator's interface.
#[test]
fn the_operators_interface() {
    let gateway = Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1"));
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/-/reload", 405),
    ] {
        let answer = gateway.admin(method, path);
        assert_eq!(answer.status, status, "{path}");
        is_now(path, answer.header("date"));
    }
}

/// An upstream whose answers are these; `{}` in the head is where a date may stand.
fn provider(status: &'static str, kind: &'static str, body: &'static str, dated: &str) -> Scripted {
    Scripted::always(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{dated}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

const WHOLE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}"#;
const EVENTS: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const WRONG: &str = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
const BUSY: &str = "data: {\"error\":{\"message\":\"busy\",\"code\":429}}\n\n";

/// What a provider dates goes on as it is dated, and gets a date where it has none, or only one for its own connection:
/// whole answers, streams and errors, straight on or in another dialect.
#[test]
fn providers_answers() {
    let theirs = format!("Date: {THEIRS}\r\n");
    let hidden = format!("date: {THEIRS}\r\nconnection: date\r\n");
    on_both_drivers(|io| {
        for (status, kind, body, told) in [
            ("200 OK", "application/json", WHOLE, 200),
            ("200 OK", "text/event-stream", EVENTS, 200),
            ("400 Bad Request", "application/json", WRONG, 400),
            ("200 OK", "text/event-stream", BUSY, 429),
        ] {
            for (dated, known) in [("", false), (theirs.as_str(), true), (hidden.as_str(), false)] {
                let upstream = provider(status, kind, body, dated);
                let wired = Wired::start(Setup::at(io, upstream.address));
                let is_stream = kind != "application/json" && told == 200 || body == BUSY;
                for dialect in [Dialect::Chat, Dialect::Messages] {
                    let (path, mut body) = dialect.request("m/x");
                    if !is_stream {
                        body = body.replace(r#""stream":true,"#, "");
                    }
                    for wire in [Wire::Http1, Wire::Http2] {
                        let fields = vec![("x-api-key", KEY), ("content-type", "application/json")];
                        let asked =
                            Asked { method: "POST", path: &path, fields, body: Some(body.as_bytes()) };
                        let answer = wired.ask(wire, Framing::Length, &asked);
                        let name = format!("{status} {kind} {dated:?} {dialect:?} over {wire:?}");
                        assert_eq!(answer.status, told, "{name}: {}", answer.text());
                        if known {
                            assert_eq!(answer.header("date"), Some(THEIRS), "{name}");
                        } else {
                            is_now(&name, answer.header("date"));
                        }
                    }
                }
            }
        }
    });
}

/// Streams of every format to clients of every dialect.
#[test]
fn streams_of_every_format() {
    let upstream = Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let format = tongues::asked(&request);
            let body =
                [tongues::opening(format), tongues::word(format, 0), tongues::closing(format)].concat();
            let kind = format.content_type();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
            peer.send(&[head.as_bytes(), &body].concat());
        }
    });
    let gateway = Gateway::start(&tongues::setup(Io::Auto, upstream.address, ""));
    let mut client = gateway.client();
    for dialect in DIALECTS {
        for model in MODELS {
            let (path, body) = dialect.request(model);
            let answer = client.ask(&post(&path, &body));
            assert_eq!(answer.status, 200, "{dialect:?} {model}: {}", answer.text());
            is_now(&format!("{dialect:?} {model}"), answer.header("date"));
        }
    }
}

/// An answer that is long in coming is dated when it began to come, and a connection that waited long is not behind.
#[test]
fn seconds_go_by() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client: Client = gateway.client();
        let list = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
        let mut seen = vec![];
        until("three seconds", || {
            let answer = client.ask(list.as_bytes());
            let date = answer.header("date").expect("a date").to_owned();
            if seen.last() != Some(&date) {
                is_now("models", Some(&date));
                seen.push(date);
            }
            (seen.len() == 3).then_some(())
        });
    });
}
