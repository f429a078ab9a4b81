//! HTTP/2, frame by frame: what a well-behaved library would not send.

use crate::harness::frames::CHAT_HEAD;
use crate::harness::{Fate, Frames, Gateway, KEY, Peer, Scripted, Setup, mock, on_both_drivers, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const BODY: &[u8] = br#"{"model":"m/mock","messages":[]}"#;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const STREAM_CLOSED: u32 = 5;

type Fields<'f> = Vec<(&'f str, &'f str)>;

/// A chat request's head.
fn chat_head() -> Fields<'static> {
    CHAT_HEAD.to_vec()
}

/// The head with other values for fields that it has, and further ones behind.
fn changed<'f>(changes: &[(&'f str, &'f str)]) -> Fields<'f> {
    let mut fields: Fields<'f> = chat_head();
    for change in changes {
        match fields.iter_mut().find(|(name, _)| *name == change.0) {
            Some(field) => *field = *change,
            None => fields.push(*change),
        }
    }
    fields
}

fn without(name: &str) -> Fields<'static> {
    chat_head().into_iter().filter(|(known, _)| *known != name).collect()
}

/// Who waits for `100 Continue` gets it when the body is wanted, and otherwise the refusal alone.
#[test]
fn expectations_are_met() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut waiting = Frames::connect(gateway.address);
        waiting.head(1, &changed(&[("expect", "100-continue")]), true);
        assert_eq!(waiting.status(1), Ok(100));
        waiting.body(1, BODY);
        assert!(matches!(waiting.fate(1), Fate::Answered { status: 200, .. }));

        let mut stranger = Frames::connect(gateway.address);
        stranger.head(1, &changed(&[("expect", "100-continue"), ("x-api-key", "unknown")]), true);
        assert!(matches!(stranger.fate(1), Fate::Answered { status: 401, .. }));
        stranger.head(3, &changed(&[("expect", "something")]), true);
        assert!(matches!(stranger.fate(3), Fate::Answered { status: 417, .. }));

        let mut hasty = Frames::connect(gateway.address);
        hasty.head(1, &chat_head(), true);
        hasty.body(1, BODY);
        assert_eq!(hasty.status(1), Ok(200), "nobody is told to go on who did not ask");
        assert_eq!(mock.stats().requests, 2);
    });
}

/// What HTTP/2 calls malformed never becomes a request; the stream is refused, and the connection serves on.
#[test]
fn malformed_heads_are_refused() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut pseudo_last = without(":path");
        pseudo_last.push((":path", "/v1/chat/completions"));
        let mut path_twice = chat_head();
        path_twice.insert(0, (":path", "/v1/models"));
        let mut length_twice = chat_head();
        length_twice.extend([("content-length", "32"), ("content-length", "33")]);
        let cases: Vec<(&str, Fields<'_>)> = vec![
            ("connection", changed(&[("connection", "close")])),
            ("connection that names a field", changed(&[("connection", "x-api-key")])),
            ("transfer-encoding", changed(&[("transfer-encoding", "chunked")])),
            ("keep-alive", changed(&[("keep-alive", "timeout=5")])),
            ("proxy-connection", changed(&[("proxy-connection", "close")])),
            ("upgrade", changed(&[("upgrade", "websocket")])),
            ("te other than trailers", changed(&[("te", "gzip")])),
            ("te with more than trailers", changed(&[("te", "trailers, gzip")])),
            ("a pseudo-field behind a field", pseudo_last),
            ("two paths", path_twice),
            ("two lengths", length_twice),
            ("a length that is none", changed(&[("content-length", "+32")])),
            ("a length beyond the body", changed(&[("content-length", "33")])),
            ("a length short of the body", changed(&[("content-length", "31")])),
            ("no path", without(":path")),
            ("no method", without(":method")),
            ("no scheme", without(":scheme")),
            ("an empty path", changed(&[(":path", "")])),
            ("a path without a slash", changed(&[(":path", "v1/chat/completions")])),
            ("a whole URL for a path", changed(&[(":path", "http://gateway/v1/chat/completions")])),
            ("a path with a space", changed(&[(":path", "/v1/chat /completions")])),
            ("a status", changed(&[(":status", "200")])),
            ("a protocol without CONNECT", changed(&[(":protocol", "websocket")])),
            ("CONNECT with a path", changed(&[(":method", "CONNECT")])),
            ("CONNECT for a protocol", changed(&[(":method", "CONNECT"), (":protocol", "websocket")])),
            ("an authority that is none", changed(&[(":authority", "a b")])),
            ("lengths in a list", changed(&[("content-length", "32, 32")])),
            ("a value that begins with a space", changed(&[("x-a", " a")])),
            ("a value that ends with a tab", changed(&[("x-a", "a\t")])),
            (
                "a key with a space behind it",
                changed(&[("x-api-key", concat!("canary-client-key-8e1f", " "))]),
            ),
            ("a value of white space", changed(&[("x-a", " \t ")])),
        ];
        for (number, (name, fields)) in (1..).zip(cases) {
            let mut client = Frames::connect(gateway.address);
            client.head(1, &fields, true);
            client.body(1, BODY);
            assert_eq!(client.fate(1), Fate::Reset(PROTOCOL_ERROR), "{name}");
            client.head(3, &chat_head(), true);
            client.body(3, BODY);
            assert!(matches!(client.fate(3), Fate::Answered { status: 200, .. }), "after {name}");
            assert_eq!(mock.stats().requests, number, "{name}");
        }
    });
}

/// A length that was told is kept to, wherever the stream ends: with its head, or behind its body.
#[test]
fn lengths_are_kept_to() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let length = BODY.len().to_string();
        let told = changed(&[("content-length", length.as_str())]);
        for (name, parts, trailer) in [
            ("no body", 0, None),
            ("a head that ends the stream", 0, None),
            ("a body that is short of it", BODY.len() - 1, Some(("x-sum", "1"))),
            ("a trailer in place of a body", 0, Some(("x-sum", "1"))),
        ] {
            let mut client = Frames::connect(gateway.address);
            client.head(1, &told, name != "a head that ends the stream");
            match trailer {
                Some(field) => {
                    client.part(1, &BODY[..parts]);
                    client.head(1, &[field], false);
                }
                None if name == "no body" => client.body(1, b""),
                None => {}
            }
            assert_eq!(client.fate(1), Fate::Reset(PROTOCOL_ERROR), "{name}");
            client.head(3, &told, true);
            client.part(3, BODY);
            client.head(3, &[("x-sum", "1")], false);
            assert!(matches!(client.fate(3), Fate::Answered { status: 200, .. }), "after {name}");
        }
        assert_eq!(mock.stats().requests, 4);
    });
}

/// A stream that its client has ended takes nothing more of it: more of a body or another trailer ends it.
#[test]
fn ends_are_ends() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for again in [true, false] {
            let mut client = Frames::connect(gateway.address);
            client.head(1, &chat_head(), true);
            client.body(1, br#"{"model":"m/mock?delay_ms=20000","messages":[]}"#);
            if again {
                client.body(1, BODY);
            } else {
                client.head(1, &[("x-sum", "1")], false);
            }
            let fate = client.fate(1);
            assert!(matches!(fate, Fate::Reset(STREAM_CLOSED | PROTOCOL_ERROR) | Fate::Ended), "{fate:?}");
        }
        until("the provider's ends", || {
            let stats = mock.stats();
            (stats.aborted == stats.requests).then_some(())
        });
    });
}

/// A name in upper case ends the connection: field compression is out of step from then on, for all that is known.
#[test]
fn names_are_lower_case() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(gateway.address);
        client.head(1, &changed(&[("X-Upper", "a")]), true);
        client.body(1, BODY);
        assert!(matches!(client.fate(1), Fate::Reset(PROTOCOL_ERROR) | Fate::Ended));
        assert_eq!(mock.stats().requests, 0);
    });
}

/// What is a valid message of HTTP/2 but no request that this gateway takes is answered, in words, and on record.
#[test]
fn odd_targets_are_answered() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut hosts = without(":authority");
        hosts.extend([("host", "gateway"), ("host", "gateway")]);
        let cases: Vec<(&str, Fields<'_>)> = vec![
            ("another host", changed(&[("host", "elsewhere")])),
            ("another port", changed(&[("host", "gateway:1")])),
            ("two hosts", hosts),
            ("no host", without(":authority")),
            ("a user", changed(&[(":authority", "user@gateway")])),
            ("a star", changed(&[(":path", "*")])),
            ("CONNECT", vec![(":method", "CONNECT"), (":authority", "gateway:443"), ("x-api-key", KEY)]),
        ];
        for (index, (name, fields)) in cases.iter().enumerate() {
            let mut client = Frames::connect(gateway.address);
            client.head(1, fields, true);
            client.body(1, BODY);
            let fate = client.fate(1);
            let Fate::Answered { status: 400, body } = &fate else { unreachable!("{name}: {fate:?}") };
            assert!(body.contains(r#""code":"malformed_request""#), "{name}: {body}");
            assert_eq!(gateway.only_record(index + 1)["status"], 400);
        }
        assert_eq!(mock.stats().requests, 0);
    });
}

/// A host beside the authority that is the same is taken, and trailers may be announced.
#[test]
fn harmless_fields_are_taken() {
    on_both_drivers(|io| {
        let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = Frames::connect(gateway.address);
        client.head(1, &changed(&[("host", "GATEWAY"), ("te", "trailers")]), true);
        client.body(1, BODY);
        assert!(matches!(client.fate(1), Fate::Answered { status: 200, .. }));
        let mut hosted = without(":authority");
        hosted.push(("host", "gateway"));
        client.head(3, &hosted, true);
        client.body(3, BODY);
        assert!(matches!(client.fate(3), Fate::Answered { status: 200, .. }));
        for (seen, reads_trailers) in upstream.seen().iter().zip([true, false]) {
            assert_eq!(seen.contains("\r\nte: trailers\r\n"), reads_trailers, "{seen}");
            assert_eq!(seen.matches("\r\nhost: ").count(), 1, "{seen}");
        }
    });
}

/// An upstream whose answers go on for as long as they are taken.
fn endless() -> Scripted {
    Scripted::start(|_, mut peer| {
        if peer.request().is_some() {
            speak_without_end(&mut peer);
        }
    })
}

fn speak_without_end(peer: &mut Peer) {
    peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\ndata: {}\n\n\r\n", 32_768 + 8, "y".repeat(32_768));
    while std::io::Write::write_all(&mut peer.stream, chunk.as_bytes()).is_ok() {}
}

/// A client whose window stays shut, from the beginning or after it took some, or who reads nothing at all, is one that
/// does not read: its stream is reset, and the record says so, whichever limit is over.
#[test]
fn a_window_that_stays_shut_is_a_client_that_stalls() {
    on_both_drivers(|io| {
        let upstream = endless();
        for (limits, timeouts) in [("write_idle_ms: 300", "{}"), ("write_idle_ms: 0", "{total_ms: 500}")] {
            let limits = format!("{{{limits}}}");
            let setup = Setup::at(io, upstream.address).with("limits", &limits).with("timeouts", timeouts);
            let gateway = Gateway::start(&setup);
            for window in [0, 50_000] {
                let mut client = Frames::with_window(gateway.client(), window);
                client.head(1, &chat_head(), true);
                client.body(1, BODY);
                assert_eq!(client.fate(1), Fate::Reset(INTERNAL_ERROR), "{limits} {window}");
                client.head(3, &changed(&[(":method", "GET"), (":path", "/v1/models")]), false);
                assert_eq!(client.status(3), Ok(200), "the connection serves on");
            }
            let mut deaf = Frames::with_window(gateway.client(), 1 << 30);
            deaf.widen(1 << 30);
            deaf.head(1, &chat_head(), true);
            deaf.body(1, BODY);
            let records = gateway.records(5);
            let streams: Vec<_> = records.iter().filter(|record| record["method"] != "GET").collect();
            let stalled = |record: &&&serde_json::Value| record["fault"] == "client_stalled";
            assert_eq!(streams.iter().filter(stalled).count(), 3, "{limits} {records:#?}");
        }
    });
}

/// A client that reads nothing any more stalls all of its streams, also one whose request it still sends, and one whose
/// provider has said nothing yet; the providers are let go.
#[test]
fn a_client_turns_deaf() {
    on_both_drivers(|io| {
        let ended = Arc::<AtomicUsize>::default();
        let ends = ended.clone();
        let upstream = Scripted::start(move |_, mut peer| {
            if peer.request().is_some_and(|request| request.contains("silent")) {
                peer.wait_for_end();
            } else {
                speak_without_end(&mut peer);
            }
            ends.fetch_add(1, Relaxed);
        });
        let setup = Setup::at(io, upstream.address).with("limits", "{write_idle_ms: 300}");
        let gateway = Gateway::start(&setup);
        let mut deaf = Frames::with_window(gateway.client(), 1 << 30);
        deaf.widen(1 << 30);
        deaf.head(1, &chat_head(), true);
        deaf.part(1, &BODY[..10]);
        deaf.head(3, &chat_head(), true);
        deaf.body(3, br#"{"model":"m/mock","messages":[],"user":"silent"}"#);
        until("the silent provider", || (upstream.accepted() == 1).then_some(()));
        deaf.head(5, &chat_head(), true);
        deaf.body(5, BODY);
        let records = gateway.records(3);
        assert!(records.iter().all(|record| record["fault"] == "client_stalled"), "{records:#?}");
        until("the providers to be let go", || (ended.load(Relaxed) == 2).then_some(()));
    });
}

/// Streams whose client leaves while the gateway drains outlive their connection by a moment, and have their records.
#[test]
fn who_leaves_a_gateway_that_drains_is_on_record() {
    const STREAMS: u32 = 40;
    on_both_drivers(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(gateway.address);
        for stream in (1..).step_by(2).take(STREAMS as usize) {
            client.head(stream, &chat_head(), true);
            client.body(stream, br#"{"model":"m/mock?stall_after=2","messages":[],"stream":true}"#);
            assert_eq!(client.status(stream), Ok(200));
        }
        gateway.signal(rustix::process::Signal::TERM);
        until("the drain", || gateway.stderr().contains("draining").then_some(()));
        drop(client);
        assert!(gateway.wait().success());
        let log = gateway.log();
        assert_eq!(log.matches(r#""fault":"client_gone""#).count(), STREAMS as usize, "{log}");
    });
}

/// The streams of a connection share what their heads said, and not who may ask: each is looked at as if it were alone.
#[test]
fn heads_that_come_again_are_no_passes() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(gateway.address);
        let stranger = changed(&[("x-api-key", "unknown")]);
        let elsewhere = changed(&[(":path", "/v1/nowhere")]);
        for (stream, (fields, expected)) in (1..).step_by(2).zip([
            (chat_head(), 200),
            (chat_head(), 200),
            (stranger, 401),
            (chat_head(), 200),
            (elsewhere, 404),
            (chat_head(), 200),
        ]) {
            client.head(stream, &fields, true);
            client.body(stream, BODY);
            let fate = client.fate(stream);
            assert!(
                matches!(fate, Fate::Answered { status, .. } if status == expected),
                "stream {stream}: {fate:?}"
            );
        }
        assert_eq!(mock.stats().requests, 4);
    });
}
