//! Connections to providers that were closed while they rested: the request goes out again, whoever asks and however large it
//! is, and nobody notices.

use crate::harness::{
    Client, Fate, Frames, Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post, self_signed, until,
};
use rustls::{ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

fn answer() -> Vec<u8> {
    let length = ANSWER.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ANSWER}")
        .into()
}

/// How a connection ends when its second request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It is closed after all of the request was read.
    Closed,
    /// It is reset when some of it was.
    Reset,
}

/// A provider whose connections each take one request.
fn provider(how: How) -> Scripted {
    Scripted::start(move |_, mut peer| {
        if peer.request().is_none() {
            return;
        }
        peer.send(&answer());
        match how {
            How::Closed => drop(peer.request()),
            How::Reset => {
                let mut some = [0; 100];
                drop(peer.stream.read(&mut some));
                let now = Some(Duration::ZERO);
                socket2::SockRef::from(&peer.stream).set_linger(now).expect("a linger");
            }
        }
    })
}

/// Bodies of every size that is treated apart, straight and translated, from clients of both protocols.
#[test]
fn every_request_goes_out_again() {
    on_both_drivers(|io| {
        for how in [How::Closed, How::Reset] {
            let upstream = provider(how);
            let gateway =
                Gateway::start(&Setup::at(io, upstream.address).model("t", "{provider: up, model: x}", ""));
            let mut client = gateway.client();
            let mut asked = 0;
            for bytes in [10, 100_000, 600_000, 5_000_000] {
                let text = "y".repeat(bytes);
                for (path, body) in [
                    (
                        "/v1/chat/completions",
                        format!(r#"{{"model":"t","messages":[{{"role":"user","content":"{text}"}}]}}"#),
                    ),
                    (
                        "/v1/messages",
                        format!(
                            r#"{{"model":"t","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#
                        ),
                    ),
                    (
                        "/v1beta/models/t:generateContent",
                        format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{text}"}}]}}]}}"#),
                    ),
                ] {
                    let before = gateway.metric("gateway_upstream_stale_retries_total");
                    let answer = client.ask(&post(path, &body));
                    assert_eq!(answer.status, 200, "{how:?} {bytes} {path}: {}", answer.text());
                    asked += 1;
                    let record = gateway.record(answer.id());
                    assert_eq!(
                        (&record["fault"], &record["attempts"]),
                        (&serde_json::Value::Null, &1.into()),
                        "{record}"
                    );
                    if asked > 1 {
                        until("the count", || {
                            (gateway.metric("gateway_upstream_stale_retries_total") > before).then_some(())
                        });
                    }
                }
            }
            assert_eq!(upstream.accepted(), asked);
            let mut frames = Frames::connect(gateway.address);
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "g"),
                (":path", "/v1/chat/completions"),
                ("x-api-key", KEY),
                ("content-type", "application/json"),
            ];
            for number in [1, 3, 5] {
                frames.head(number, &fields, true);
                frames.body(number, br#"{"model":"t","messages":[]}"#);
                assert!(matches!(frames.fate(number), Fate::Answered { status: 200, .. }), "{how:?}");
            }
        }
    });
}

/// A host with a certificate of its own, whose connections each take one request, and end as a proxy's do: with a word of
/// farewell or without one, at once or when the next request comes.
fn over_tls(farewell: bool, at_once: bool) -> (Scripted, PathBuf) {
    let (config, authority) = self_signed();
    let host = Scripted::start(move |_, peer| {
        let session = ServerConnection::new(config.clone()).expect("a session");
        let mut tls = StreamOwned::new(session, peer.stream);
        let mut seen = vec![];
        while !seen.ends_with(b"}") {
            let mut buffer = [0; 4096];
            match tls.read(&mut buffer) {
                Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        drop(tls.write_all(&answer()));
        if !at_once {
            drop(tls.read(&mut [0; 10]));
        }
        if farewell {
            tls.conn.send_close_notify();
            drop(tls.flush());
        }
    });
    (host, authority)
}

/// The same over TLS, where a connection has more than one way to end.
#[test]
fn tls_is_no_different() {
    on_both_drivers(|io| {
        for (farewell, at_once) in [(true, true), (true, false), (false, true), (false, false)] {
            let (host, authority) = over_tls(farewell, at_once);
            let tls = format!("ca: \"{}\"", authority.display());
            let base = format!("https://localhost:{}/v1", host.address.port());
            let setup = Setup::of(io, "http://127.0.0.1:9/v1").provider("secure", &base, &tls);
            let gateway = Gateway::start(&setup.model("s", "{provider: secure, model: x}", ""));
            let mut client: Client = gateway.client();
            for turn in 1..8 {
                let answer = client.ask(&post("/v1/chat/completions", r#"{"model":"s","messages":[]}"#));
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (200, ANSWER),
                    "{farewell} {at_once} {turn}"
                );
                assert_eq!(gateway.record(answer.id())["fault"], serde_json::Value::Null);
                assert_eq!(host.accepted(), turn);
            }
        }
    });
}

/// What was answered in part, or is closed on a connection that never rested, is not sent again.
#[test]
fn once_is_enough() {
    on_both_drivers(|io: Io| {
        let upstream = Scripted::start(|_, mut peer| drop(peer.request()));
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        for turn in 1..4 {
            gateway.client().ask(&crate::harness::chat("")).refused(502, "upstream_reset");
            assert_eq!(upstream.accepted(), turn);
        }
        assert_eq!(gateway.metric("gateway_upstream_stale_retries_total"), 0);
    });
}
