//! Ends that wait: who is idle, in the middle of a request or of an answer, in a handshake, slow, or does not listen.

use super::ends::ask;
use crate::harness::frames::{CHAT_HEAD, frame};
use crate::harness::{
    Client, Fate, Frames, Gateway, KEY, Scripted, Setup, Wire, Wired, mock, on_both_drivers_at_once, until,
};
use crate::secure::{connect, secured, unshaken};
use crate::trust::client_of;
use rustix::process::Signal;
use rustls::version::TLS13;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const BODY: &[u8] = br#"{"model":"m/mock","messages":[]}"#;
/// What an end may take where nothing is left to be waited for but the silence of a client: far less than limits in time.
const SOON: Duration = Duration::from_secs(7);

#[track_caller]
fn soon(gateway: &mut Gateway, began: Instant) {
    assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.stderr());
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

fn drains(gateway: &Gateway) {
    gateway.signal(Signal::TERM);
    until("the drain", || gateway.stderr().contains("draining").then_some(()));
}

/// Over HTTP/2, streams that run and requests whose bodies are on their way come to their end after the farewell, and idle
/// connections end with it. A reload meanwhile changes nothing.
#[test]
fn what_has_begun_finishes() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()));
        let clients = [Wire::Http2, Wire::Http2OverTls].map(|wire| {
            let [mut idle, mut running, mut sending] = [(); 3].map(|()| Frames::connect(wired.address(wire)));
            idle.head(1, &CHAT_HEAD, true);
            idle.body(1, BODY);
            assert!(matches!(idle.fate(1), Fate::Answered { status: 200, .. }));
            let asked = ask(&mut running, 1, "chunks=60&gap_ms=20");
            sending.head(1, &CHAT_HEAD, true);
            sending.part(1, &BODY[..10]);
            (idle, (running, asked), sending)
        });
        until("the requests to be begun", || {
            (wired.gateway.metric_sum("gateway_exchanges_in_flight") == 4).then_some(())
        });
        wired.gateway.signal(Signal::TERM);
        wired.gateway.signal(Signal::HUP);
        for (mut idle, (mut running, asked), mut sending) in clients {
            for client in [&mut idle, &mut sending] {
                assert_eq!(client.ended(), Some(0), "a farewell without a fault");
            }
            assert_eq!(idle.ended(), Some(0), "the last word: streams that were served");
            assert_eq!(idle.ended(), None);
            sending.body(1, &BODY[10..]);
            assert!(matches!(sending.fate(1), Fate::Answered { status: 200, .. }));
            asked.ends(&mut running);
        }
        assert_eq!(wired.gateway.wait().code(), Some(0), "{}", wired.gateway.stderr());
        let records = wired.gateway.records(6);
        assert!(records.iter().all(|record| record["fault"].is_null()), "{records:#?}");
    });
}

/// A request that crosses the farewell on its way is answered, however long that takes: the client could not know.
#[test]
fn requests_that_cross_the_farewell_are_answered() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(gateway.address);
        client.head(1, &CHAT_HEAD, true);
        client.body(1, BODY);
        assert!(matches!(client.fate(1), Fate::Answered { status: 200, .. }));
        gateway.signal(Signal::TERM);
        // Nothing that comes behind the farewell is read before this is sent.
        assert_eq!(client.ended(), Some(0));
        ask(&mut client, 3, "chunks=100&gap_ms=20").ends(&mut client);
        drop(client);
        assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.stderr());
    });
}

/// A client that does not heed the farewell holds nobody up: neither when it rests and answers nothing, nor when it asks on,
/// which is answered while it was not told which stream is the last.
#[test]
fn clients_that_do_not_listen() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let [mut silent, mut stubborn] = [(); 2].map(|()| Frames::connect(gateway.address));
        for client in [&mut silent, &mut stubborn] {
            client.answers = false;
            client.head(1, &CHAT_HEAD, true);
            client.body(1, BODY);
            assert!(matches!(client.fate(1), Fate::Answered { status: 200, .. }));
        }
        let began = Instant::now();
        drains(&gateway);
        assert_eq!(silent.ended(), Some(0));
        assert_eq!(silent.ended(), None);
        for stream in [3, 5, 7] {
            stubborn.head(stream, &CHAT_HEAD, true);
            stubborn.body(stream, BODY);
            let fate = stubborn.fate(stream);
            assert!(matches!(fate, Fate::Answered { status: 200, .. } | Fate::Ended), "{fate:?}");
        }
        while stubborn.ended().is_some() {}
        soon(&mut gateway, began);
    });
}

/// Idle clients of TLS are told the end in the words of TLS, so that they know that nothing was cut off: over HTTP/1.1, in
/// answer to the request that they are about to send and without one, and over HTTP/2; and so they are when they rest too
/// long.
#[test]
fn idle_clients_of_tls_are_told() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let limits = [("{}", true), ("{keep_alive_ms: 300, head_ms: 500}", false)];
        for (limits, ends) in limits {
            let (mut gateway, root) = secured(Setup::of(io, &mock.base_url()).with("limits", limits));
            let [mut fresh, mut rested] = [(); 2].map(|()| connect(&gateway, &root));
            let mut http2 = unshaken(&gateway, &root, b"h2");
            let greeting = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
            http2.write_all(&greeting).expect("it is open");
            let list = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
            rested.write_all(list.as_bytes()).expect("it is open");
            if ends {
                drains(&gateway);
            }
            for (name, tls) in [("fresh", &mut fresh), ("rested", &mut rested), ("http2", &mut http2)] {
                let mut rest = vec![];
                tls.read_to_end(&mut rest).unwrap_or_else(|error| panic!("{limits} {name}: {error}"));
            }
            if ends {
                soon(&mut gateway, Instant::now());
            }
        }
    });
}

/// A handshake that comes after the gateway was told to end, on a connection from before, comes to its end, and what is asked
/// then is answered; one in which nothing is said holds nobody up, and neither does silence behind one.
#[test]
fn handshakes_while_it_drains() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()));
        let silent = Client::connect(wired.secure);
        let slow = TcpStream::connect(wired.secure).expect("the gateway accepts connections");
        let config = client_of(&wired.authority, None, &TLS13);
        until("the connections to be counted", || {
            (wired.gateway.metric_sum("gateway_client_connections") == 2).then_some(())
        });
        let mut quiet = Client::connect(wired.address(Wire::Http2OverTls));
        let began = Instant::now();
        drains(&wired.gateway);
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        let session = rustls::ClientConnection::new(config, name).expect("a session");
        let mut tls = rustls::StreamOwned::new(session, slow);
        tls.conn.complete_io(&mut tls.sock).expect("a handshake");
        tls.write_all(&crate::harness::chat("")).expect("it is open");
        let mut text = String::new();
        tls.read_to_string(&mut text).expect("an answer and a proper end");
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        quiet.drain();
        soon(&mut wired.gateway, began);
        drop(silent);
    });
}

/// A client of HTTP/2 that reads slowly gets the last of its answer although the gateway has nothing left to do for it.
#[test]
fn slow_readers_get_the_rest() {
    /// Far more than the system takes at once.
    const BYTES: usize = 8 << 20;
    on_both_drivers_at_once(|io| {
        let body = format!("{{\"filler\":\"{}\"}}", "x".repeat(BYTES));
        let upstream = Scripted::always(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let mut gateway = Gateway::start(&Setup::at(io, upstream.address));
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
        socket.connect(&gateway.address.into()).expect("the gateway accepts connections");
        socket.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a timeout can be set");
        let mut client = Frames::with_window(Client::over(socket.into()), 1 << 24);
        client.widen(1 << 24);
        client.head(1, &CHAT_HEAD, true);
        client.body(1, BODY);
        assert_eq!(client.status(1), Ok(200));
        drains(&gateway);
        let mut read = 0;
        while read < body.len() {
            let (piece, _) = client.piece(1).unwrap_or_else(|fate| panic!("{fate:?} after {read} bytes"));
            read += piece.len();
            client.widen_stream(1, piece.len() as u32);
            // Slower than the gateway, which has nothing left to say as soon as the system has taken everything.
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(client);
        assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.stderr());
    });
}
