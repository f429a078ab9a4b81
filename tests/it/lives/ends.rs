//! Ends that do not wait: what clients are told who are cut off, and what is on record.

use crate::harness::frames::CHAT_HEAD;
use crate::harness::{
    Client, Fate, Frames, Gateway, Setup, Wire, Wired, mock, on_both_drivers_at_once, until,
};
use crate::tongues::Dialect;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// The gateway's own failure. Source: RFC 9113, 7.
const INTERNAL_ERROR: u32 = 2;

/// A stream of HTTP/2 that has begun.
pub struct Asked(u32);

/// Asks for a stream and reads its head.
#[track_caller]
pub fn ask(client: &mut Frames, stream: u32, settings: &str) -> Asked {
    client.head(stream, &CHAT_HEAD, true);
    client.body(stream, format!(r#"{{"model":"m/mock?{settings}","messages":[],"stream":true}}"#).as_bytes());
    assert_eq!(client.status(stream), Ok(200));
    Asked(stream)
}

impl Asked {
    /// It comes to its proper end.
    #[track_caller]
    pub fn ends(self, client: &mut Frames) {
        let fate = client.rest(self.0, 200);
        assert!(
            matches!(&fate, Fate::Answered { body, .. } if body.ends_with("data: [DONE]\n\n")),
            "{fate:?}"
        );
    }

    /// It is reset by the gateway; what came before that.
    #[track_caller]
    pub fn breaks(self, client: &mut Frames) -> String {
        broken(client, self.0)
    }
}

#[track_caller]
fn broken(client: &mut Frames, stream: u32) -> String {
    let mut text = Vec::new();
    loop {
        match client.piece(stream) {
            Ok((piece, last)) => {
                assert!(!last, "it looks complete: {}", String::from_utf8_lossy(&text));
                text.extend(piece);
            }
            Err(fate) => {
                assert_eq!(fate, Fate::Reset(INTERNAL_ERROR), "{}", String::from_utf8_lossy(&text));
                return String::from_utf8(text).expect("text");
            }
        }
    }
}

/// Streams of HTTP/2 that outlast the time for draining end with an error in their client's dialect, and are reset; so they
/// are on record.
#[test]
fn streams_that_outlast_the_drain() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let setup = Setup::of(io, &mock.base_url()).with("drain_timeout_ms", "300");
        for wire in [Wire::Http2, Wire::Http2OverTls] {
            let mut wired = Wired::start(setup.clone());
            let mut streams = [Dialect::Chat, Dialect::Responses, Dialect::Messages].map(|dialect| {
                let mut client = Frames::connect(wired.address(wire));
                let (path, body) = dialect.request("m/mock?stall_after=2");
                let mut head = CHAT_HEAD;
                head[3].1 = &path;
                client.head(1, &head, true);
                client.body(1, body.as_bytes());
                assert_eq!(client.status(1), Ok(200), "{dialect:?}");
                (dialect, client)
            });
            wired.gateway.signal(Signal::TERM);
            for (dialect, client) in &mut streams {
                assert_eq!(dialect.error(&broken(client, 1)), "shutting_down");
            }
            assert_eq!(wired.gateway.wait().code(), Some(0));
            let records = wired.gateway.records(3);
            assert!(records.iter().all(|record| record["fault"] == "shutting_down"), "{records:#?}");
        }
    });
}

/// A client that still sends its request when the time for draining is over is told why that is not answered, by either
/// protocol, and on record is what it was.
#[test]
fn requests_that_outlast_the_drain() {
    const BEGUN: &str = r#"{"model":"m/mock","messages":["#;
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let setup = Setup::of(io, &mock.base_url()).with("drain_timeout_ms", "300");
        let mut gateway = Gateway::start(&setup);
        let mut http2 = Frames::connect(gateway.address);
        http2.head(1, &CHAT_HEAD, true);
        http2.part(1, BEGUN.as_bytes());
        let mut http1 = gateway.client();
        let whole = crate::harness::chat("");
        http1.send(&whole[..whole.len() - 2]);
        until("both requests to be begun", || {
            (gateway.metric_sum("gateway_exchanges_in_flight") == 2).then_some(())
        });
        gateway.signal(Signal::TERM);
        http1.answer().refused(503, "shutting_down");
        let fate = http2.fate(1);
        assert!(
            matches!(&fate, Fate::Answered { status: 503, body } if body.contains("shutting_down")),
            "{fate:?}"
        );
        assert_eq!(gateway.wait().code(), Some(0));
        let records = gateway.records(2);
        assert!(records.iter().all(|record| record["fault"] == "shutting_down"), "{records:#?}");
    });
}

/// A second signal ends at once, which is told, and so is every stream, over every wire.
#[test]
fn a_second_signal_ends_at_once() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()));
        let (http2, http1) = ([Wire::Http2, Wire::Http2OverTls], [Wire::Http1, Wire::Http1OverTls]);
        let mut streams = http2.map(|wire| {
            let mut client = Frames::connect(wired.address(wire));
            let asked = ask(&mut client, 1, "chunks=1000&gap_ms=20");
            (client, asked)
        });
        let mut plain = http1.map(|wire| {
            let mut client = Client::connect(wired.address(wire));
            client.send(&crate::harness::stream("chunks=1000&gap_ms=20"));
            assert_eq!(client.head().0, 200);
            client
        });
        wired.gateway.signal(Signal::TERM);
        until("the drain", || wired.gateway.stderr().contains("draining").then_some(()));
        assert!(streams.iter_mut().all(|(client, _)| client.piece(1).is_ok()), "they go on");
        let began = Instant::now();
        wired.gateway.signal(Signal::INT);
        for (mut client, asked) in streams {
            assert!(asked.breaks(&mut client).contains("shutting_down"));
        }
        for client in &mut plain {
            client.drain();
            assert!(String::from_utf8_lossy(&client.rest).contains("shutting_down"));
        }
        assert_eq!(wired.gateway.wait().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let told = wired.gateway.stderr();
        assert!(told.contains("reason=SIGTERM") && told.contains("reason=SIGINT"), "{told}");
    });
}
