//! What costs a client of HTTP/2 next to nothing must not cost the gateway, its providers or its other clients much.

use crate::harness::frames::{
    CHAT_HEAD, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PUSH_PROMISE, RESET, SETTINGS,
    WINDOW_UPDATE, block, frame,
};
use crate::harness::{
    Client, End, Fate, Frames, Gateway, Setup, Wire, Wired, chat, mock, on_both_drivers, until,
};
use std::time::{Duration, Instant};

const BODY: &[u8] = br#"{"model":"m/mock","messages":[]}"#;
const CANCEL: [u8; 4] = 8u32.to_be_bytes();
const ENHANCE_YOUR_CALM: u32 = 11;
const REFUSED_STREAM: u32 = 7;

/// Asserts that the connection ends for this reason, as far as its client hears it.
#[track_caller]
fn calmed(client: &mut Frames, name: &str) {
    let reason = client.ended();
    assert!(matches!(reason, Some(ENHANCE_YOUR_CALM) | None), "{name}: {reason:?}");
}

/// Asserts that somebody else is served as if nothing were.
#[track_caller]
fn served(gateway: &Gateway) {
    let began = Instant::now();
    assert_eq!(gateway.client().ask(&chat("")).status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

/// A client that asks in order to give up is cut off before it has cost its provider much, whether it does so in one breath
/// or in small portions.
#[test]
fn resets_are_bounded() {
    const STREAMS: u32 = 3000;
    on_both_drivers(|io| {
        for portion in [STREAMS, 10] {
            let mock = mock();
            let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
            let mut client = Frames::connect(gateway.address);
            let mut numbers = (1..).step_by(2).take(STREAMS as usize).peekable();
            let mut goes_on = true;
            while goes_on && numbers.peek().is_some() {
                let mut bytes = vec![];
                for stream in numbers.by_ref().take(portion as usize) {
                    bytes.extend(frame(HEADERS, END_HEADERS, stream, &block(&CHAT_HEAD)));
                    bytes.extend(frame(DATA, END_STREAM, stream, BODY));
                    bytes.extend(frame(RESET, 0, stream, &CANCEL));
                }
                goes_on = client.send_all(&bytes);
                std::thread::sleep(Duration::from_millis(1));
            }
            calmed(&mut client, "resets");
            served(&gateway);
            let asked = mock.stats().requests;
            assert!(asked < 400, "{asked} requests at the provider");
            for record in gateway.records(1) {
                assert!(record["fault"] == "client_gone" || record["status"] == 200, "{record}");
            }
        }
    });
}

/// A client that gives up all that it has open at once, or as many streams as it waits for, is no attack: one connection may
/// carry a crowd.
#[test]
fn who_waits_for_answers_may_give_up_others() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(gateway.address);
        client.widen(1 << 24);
        let all: Vec<u32> = (10_001..).step_by(2).take(128).collect();
        for stream in (1..).step_by(4).take(250) {
            client.head(stream, &CHAT_HEAD, true);
            client.cancel(stream);
            client.head(stream + 2, &CHAT_HEAD, true);
            client.body(stream + 2, BODY);
            assert!(matches!(client.fate(stream + 2), Fate::Answered { status: 200, .. }), "{stream}");
        }
        for stream in &all {
            client.head(*stream, &CHAT_HEAD, true);
            client.body(*stream, br#"{"model":"m/mock?delay_ms=20000","messages":[]}"#);
        }
        until("all of them", || (mock.stats().requests == 250 + all.len() as u64).then_some(()));
        for stream in &all {
            client.cancel(*stream);
        }
        until("their ends", || (mock.stats().aborted == all.len() as u64).then_some(()));
        client.head(20_001, &CHAT_HEAD, true);
        client.body(20_001, BODY);
        assert!(matches!(client.fate(20_001), Fate::Answered { status: 200, .. }));
    });
}

/// A head that goes on and on ends its connection, with something in its pieces or nothing, and takes little memory.
#[test]
fn heads_are_bounded() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        served(&gateway);
        let before = gateway.resident_bytes();
        for piece in [block(&[("x-more", &"y".repeat(4000))]), vec![]] {
            let mut client = Frames::connect(gateway.address);
            client.send(HEADERS, END_STREAM, 1, &block(&CHAT_HEAD));
            let piece = frame(CONTINUATION, 0, 1, &piece).repeat(10);
            assert!((0..20_000).any(|_| !client.send_all(&piece)) || client.ended().is_some());
            calmed(&mut client, "continuations");
        }
        // One field of 4,000 bytes, which is put into the table, and named ten thousand times by one byte.
        let mut bomb = block(&CHAT_HEAD);
        let mut field = block(&[("x-bomb", &"b".repeat(3900))]);
        field[0] = 0x40;
        bomb.extend(field);
        bomb.extend([0xBE; 10_000]);
        let mut client = Frames::connect(gateway.address);
        client.send(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
        calmed(&mut client, "a bomb");
        served(&gateway);
        let grown = gateway.resident_bytes().saturating_sub(before);
        assert!(grown < 8 << 20, "{grown}");
        assert_eq!(mock.stats().requests, 2);
    });
}

/// Pieces of a body with nothing in them, padded or not, end their connection; small ones that are a body do not.
#[test]
fn empty_pieces_are_bounded() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for (flags, payload) in [(0, vec![]), (8, vec![16; 17])] {
            let mut client = Frames::connect(gateway.address);
            client.send(HEADERS, END_HEADERS, 1, &block(&CHAT_HEAD));
            for _ in 0..1000 {
                client.send(DATA, flags, 1, &payload);
            }
            calmed(&mut client, "empty pieces");
        }
        let mut client = Frames::connect(gateway.address);
        client.head(1, &CHAT_HEAD, true);
        for byte in BODY.iter().chain(&[b' '; 500]) {
            client.send(DATA, 0, 1, &[*byte]);
        }
        client.body(1, b"");
        assert!(matches!(client.fate(1), Fate::Answered { status: 200, .. }));
        served(&gateway);
    });
}

/// Frames that want an answer are answered no faster than their sender listens: they heap up nowhere, and a sender that
/// never listens is cut off.
#[test]
fn answers_to_frames_do_not_heap_up() {
    on_both_drivers(|io| {
        let mock = mock();
        let setup = Setup::of(io, &mock.base_url()).with("limits", "{write_idle_ms: 300}");
        let gateway = Gateway::start(&setup);
        served(&gateway);
        let before = gateway.resident_bytes();
        let setting = [&3u16.to_be_bytes()[..], &100u32.to_be_bytes()].concat();
        for one in [frame(PING, 0, 0, b"pingping"), frame(SETTINGS, 0, 0, &setting)] {
            let mut client = Frames::connect(gateway.address);
            let many = one.repeat(4000);
            let began = Instant::now();
            while client.send_all(&many) {
                assert!(began.elapsed() < Duration::from_secs(25), "nobody listens, and all is taken");
            }
            let grown = gateway.resident_bytes().saturating_sub(before);
            assert!(grown < 32 << 20, "{grown}");
        }
        served(&gateway);
    });
}

/// Streams beyond the limit are refused as such, which says that nothing was done for them, and there is room again when
/// others end.
#[test]
fn streams_are_bounded() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("limits", "{h2_streams: 4}"));
        let mut client = Frames::connect(gateway.address);
        for stream in [1, 3, 5, 7] {
            client.head(stream, &CHAT_HEAD, true);
            client.body(stream, br#"{"model":"m/mock?stall_after=1","messages":[],"stream":true}"#);
            assert_eq!(client.status(stream), Ok(200));
        }
        client.head(9, &CHAT_HEAD, true);
        client.body(9, BODY);
        assert_eq!(client.fate(9), Fate::Reset(REFUSED_STREAM));
        client.cancel(3);
        until("the provider's end", || (mock.stats().aborted == 1).then_some(()));
        client.head(11, &CHAT_HEAD, true);
        client.body(11, BODY);
        assert!(matches!(client.fate(11), Fate::Answered { status: 200, .. }));
        assert_eq!(mock.stats().requests, 5);
    });
}

/// What HTTP/2 forbids about frames, windows, numbers of streams and settings ends the connection, and nothing was asked.
#[test]
fn forbidden_frames_end_the_connection() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let head = block(&CHAT_HEAD);
        let promise = [&2u32.to_be_bytes()[..], &head].concat();
        let setting = |number: u16, value: u32| [&number.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let most = 0x7FFF_FFFFu32.to_be_bytes();
        for (name, frames) in [
            ("a window that grows by nothing", vec![frame(WINDOW_UPDATE, 0, 0, &[0; 4])]),
            ("a window beyond 31 bits", vec![frame(WINDOW_UPDATE, 0, 0, &most).repeat(2)]),
            ("a first window beyond 31 bits", vec![frame(SETTINGS, 0, 0, &setting(4, 1 << 31))]),
            ("a push that is half on", vec![frame(SETTINGS, 0, 0, &setting(2, 2))]),
            ("half a setting", vec![frame(SETTINGS, 0, 0, b"abc")]),
            ("settings of a stream", vec![frame(SETTINGS, 0, 1, &[])]),
            ("a short ping", vec![frame(PING, 0, 0, b"ping")]),
            ("a frame beyond 16 KiB", vec![frame(DATA, 0, 1, &[0; 16_385])]),
            ("a body without a head", vec![frame(DATA, END_STREAM, 1, BODY)]),
            ("an even number", vec![frame(HEADERS, END_HEADERS | END_STREAM, 2, &head)]),
            ("no number", vec![frame(HEADERS, END_HEADERS | END_STREAM, 0, &head)]),
            ("a promise", vec![frame(PUSH_PROMISE, END_HEADERS, 1, &promise)]),
            ("an end of nothing", vec![frame(CONTINUATION, END_HEADERS, 1, &head)]),
            ("another frame inside a head", vec![frame(HEADERS, 0, 1, &head), frame(PING, 0, 0, &[0; 8])]),
            ("a field of no table", vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xFF, 0xFF, 0x0F])]),
            ("a table beyond its size", vec![frame(HEADERS, END_HEADERS, 1, &[0x3F, 0xFF, 0xFF, 0x0F])]),
            ("a padding beyond its frame", vec![frame(DATA, 8, 1, &[200, 1])]),
        ] {
            let mut client = Frames::connect(gateway.address);
            client.send_all(&frames.concat());
            let reason = client.ended();
            assert!(reason != Some(0), "{name}: {reason:?}");
        }
        assert_eq!(mock.stats().requests, 0);
        served(&gateway);
    });
}

/// Bytes that would be lines of their own in HTTP/1.1 make no request of HTTP/2, wherever they stand.
#[test]
fn lines_do_not_hide_in_fields() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let evil = "a\r\ncontent-length: 0\r\n\r\nPOST /v1/chat/completions HTTP/1.1";
        for at in 0..CHAT_HEAD.len() {
            let mut fields = CHAT_HEAD;
            fields[at].1 = evil;
            let mut client = Frames::connect(gateway.address);
            client.head(1, &fields, true);
            client.body(1, BODY);
            assert!(matches!(client.fate(1), Fate::Reset(_) | Fate::Ended), "{fields:?}");
        }
        for field in [
            ("x-a", evil),
            ("x-a", "b\nc"),
            ("x-a", "b\0c"),
            ("x a", "b"),
            ("x:a", "b"),
            ("", "b"),
            (evil, "b"),
        ] {
            let mut client = Frames::connect(gateway.address);
            client.head(1, &[&CHAT_HEAD[..], &[field]].concat(), true);
            client.body(1, BODY);
            assert!(matches!(client.fate(1), Fate::Reset(_) | Fate::Ended), "{field:?}");
        }
        assert_eq!(mock.stats().requests, 0);
    });
}

/// Fields behind a body are taken and go no further; such as belong to a connection, or none, spoil their stream.
#[test]
fn fields_behind_a_body() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(gateway.address);
        let mut ask = |stream, trailer: &[(&str, &str)], more| {
            client.head(stream, &CHAT_HEAD, true);
            client.send(DATA, 0, stream, br#"{"model":"m/mock?fault=echo_headers"}"#);
            client.head(stream, trailer, more);
            client.fate(stream)
        };
        let taken = ask(1, &[("x-sum", "behind"), ("authorization", "Bearer behind")], false);
        let Fate::Answered { status: 200, body } = &taken else { unreachable!("{taken:?}") };
        assert!(body.contains("body_bytes") && !body.contains("behind"), "{body}");
        for (stream, trailer, more) in [
            (3, vec![("connection", "close")], false),
            (5, vec![("transfer-encoding", "chunked")], false),
            (7, vec![("x-sum", "1")], true),
            (9, vec![("x-sum", "1"), (":path", "/v1/models")], false),
            (11, vec![(":path", "/v1/models"), (":path", "/v1/models")], false),
            (13, vec![("te", "gzip")], false),
        ] {
            assert!(matches!(ask(stream, &trailer, more), Fate::Reset(_)), "{trailer:?} {more}");
        }
        // Malformed, too, but `h2` keeps it to itself: all that can be seen to is that it changes nothing.
        let late = ask(15, &[(":method", "GET"), (":path", "/v1/models"), (":authority", "behind")], false);
        let Fate::Answered { status: 200, body } = &late else { unreachable!("{late:?}") };
        assert!(body.contains("POST /v1/chat/completions") && !body.contains("behind"), "{body}");
        assert_eq!(mock.stats().requests, 2);
    });
}

/// What is begun and not gone on with ends in time: a preface, a handshake, a head, a connection that asks nothing, with
/// TLS or without.
#[test]
fn silence_ends() {
    on_both_drivers(|io| {
        let limits = "{head_ms: 300, keep_alive_ms: 300, body_idle_ms: 300}";
        let wired = Wired::start(Setup::of(io, "http://127.0.0.1:9/v1").with("limits", limits));
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let greeted = [preface.clone(), frame(SETTINGS, 0, 0, &[])].concat();
        let beginning = frame(HEADERS, END_STREAM, 1, &block(&CHAT_HEAD));
        for (name, said) in [
            ("half a preface", preface[..9].to_vec()),
            ("a preface", preface.clone()),
            ("settings", greeted.clone()),
            ("half a frame", [&greeted[..], &beginning[..20]].concat()),
            ("half a head", [greeted, beginning].concat()),
        ] {
            for wire in [Wire::Http2, Wire::Http2OverTls] {
                let mut client = Client::connect(wired.address(wire));
                client.try_send(&said);
                assert!(matches!(client.drain(), End::Closed | End::Reset), "{name} over {wire:?}");
            }
        }
        let mut whole = Frames::connect(wired.gateway.address);
        whole.head(1, &CHAT_HEAD, true);
        whole.send(DATA, 0, 1, b"{");
        assert_eq!(whole.status(1), Ok(408), "half a body");
    });
}
