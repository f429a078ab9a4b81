//! Everything that is waited for has an end, with a name of its own.

use crate::harness::{
    Client, Gateway, Io, KEY, PATIENCE, Scripted, Setup, chat, mock, on_both_drivers, post, stream,
};
use serde_json::Value;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

fn with(io: Io, base_url: &str, timeouts: &str) -> Gateway {
    Gateway::start(&Setup::of(io, base_url).with("timeouts", timeouts))
}

/// A provider that never begins to answer.
#[test]
fn the_first_byte() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = with(io, &mock.base_url(), "{first_byte_ms: 200}");
        for request in [chat("stall"), stream("stall")] {
            let began = Instant::now();
            let answer = gateway.client().ask(&request);
            answer.refused(504, "upstream_first_byte_timeout");
            assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
            assert_eq!(gateway.record(answer.id())["fault"], "upstream_first_byte_timeout");
        }
        assert_eq!(gateway.counted(&[("fault", "upstream_first_byte_timeout"), ("status", "504")]), 2);
    });
}

/// A provider that stops in the middle: the stream is told so and broken off, a whole answer is cut.
#[test]
fn a_pause_inside_an_answer() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = with(io, &mock.base_url(), "{idle_ms: 200}");
        let answer = gateway.client().ask(&stream("stall_after=2&chunks=5"));
        assert_eq!((answer.status, answer.whole), (200, false));
        let last: Value = serde_json::from_str(answer.events().last().expect("events")).expect("JSON");
        assert_eq!(last["error"]["code"], "upstream_idle_timeout");
        assert!(!answer.text().contains("[DONE]"));
        let answer = gateway.client().ask(&chat("stall_after=1"));
        assert_eq!((answer.status, answer.whole), (200, false));
        assert_eq!(gateway.record(answer.id())["fault"], "upstream_idle_timeout");
        let slow = gateway.client().ask(&stream("chunks=8&gap_ms=60"));
        assert!(slow.whole, "a pause that is shorter than the limit starts it anew");
    });
}

/// A request as a whole, whether its provider is silent or goes on and on.
#[test]
fn the_total() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = with(io, &mock.base_url(), "{total_ms: 400}");
        let answer = gateway.client().ask(&chat("stall"));
        answer.refused(504, "upstream_total_timeout");
        let began = Instant::now();
        let answer = gateway.client().ask(&stream("chunks=2000&gap_ms=5"));
        assert!(!answer.whole && began.elapsed() < Duration::from_secs(10));
        assert_eq!(gateway.record(answer.id())["fault"], "upstream_total_timeout");
    });
}

/// A model's own limits go before the general ones.
#[test]
fn models_have_their_own() {
    let mock = mock();
    let setup = Setup::of(Io::Auto, &mock.base_url()).with("timeouts", "{first_byte_ms: 60000}").model(
        "quick",
        "{provider: up, model: \"mock?stall\"}",
        "timeouts: {first_byte_ms: 100}",
    );
    let gateway = Gateway::start(&setup);
    let request = post("/v1/chat/completions", r#"{"model":"quick"}"#);
    gateway.client().ask(&request).refused(504, "upstream_first_byte_timeout");
}

/// A provider whose queue of connections is full.
#[test]
fn connecting() {
    on_both_drivers(|io| {
        let Some((socket, _queued)) = full_queue() else {
            eprintln!("skipped: this kernel's queue of connections does not fill up");
            return;
        };
        let address = socket.local_addr().expect("bound").as_socket().expect("an address");
        let gateway = with(io, &format!("http://{address}/v1"), "{connect_ms: 200}");
        let answer = gateway.client().ask(&chat(""));
        answer.refused(504, "upstream_connect_timeout");
        assert_eq!(gateway.record(answer.id())["fault"], "upstream_connect_timeout");
    });
}

/// A listener that accepts nothing, with so many connections before it that the next one waits.
fn full_queue() -> Option<(socket2::Socket, Vec<TcpStream>)> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    socket.listen(0).expect("it listens");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address");
    let mut queued = vec![];
    for _ in 0..16 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            Ok(stream) => queued.push(stream),
            Err(_) => return Some((socket, queued)),
        }
    }
    None
}

/// A client that sends its head, or its body, too slowly.
#[test]
fn slow_clients() {
    on_both_drivers(|io| {
        let setup = Setup::of(io, "http://127.0.0.1:9/v1")
            .with("limits", "{head_ms: 200, body_idle_ms: 200, keep_alive_ms: 200}");
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhos");
        client.answer().refused(408, "head_timeout");
        client.ends();
        let mut client = gateway.client();
        client.send(format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{").as_bytes());
        client.answer().refused(408, "body_timeout");
        client.ends();
        let mut idle = gateway.client();
        idle.ends();
        let mut kept = gateway.client();
        let models = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
        assert_eq!(kept.ask(models.as_bytes()).status, 200);
        kept.ends();
        assert_eq!(gateway.records(3).len(), 3, "an idle connection that ends is no request");
    });
}

/// A client that drips a head byte by byte does not outlive the head's limit by it.
#[test]
fn a_dripping_head_is_cut() {
    let gateway =
        Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1").with("limits", "{head_ms: 400}"));
    let mut client = gateway.client();
    client.stream.set_nonblocking(false).expect("blocking");
    let began = Instant::now();
    for byte in b"GET /v1/models HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat_n(&b'y', 1000)) {
        client.try_send(&[*byte]);
        std::thread::sleep(Duration::from_millis(10));
        if gateway.log().contains("head_timeout") {
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!(gateway.only_record(1)["fault"], "head_timeout");
}

/// A client that drips a body byte by byte, with pauses that are short enough, is cut when the whole took too long,
/// and told so.
#[test]
fn a_dripping_body_is_cut() {
    on_both_drivers(|io| {
        let setup =
            Setup::of(io, "http://127.0.0.1:9/v1").with("limits", "{body_ms: 400, body_idle_ms: 300}");
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{{\"a\":\""
        );
        client.send(head.as_bytes());
        let began = Instant::now();
        while !gateway.log().contains("body_timeout") {
            assert!(began.elapsed() < Duration::from_secs(8), "a drop every 20 ms goes on and on");
            client.try_send(b"x");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
        client.answer().refused(408, "body_timeout");
    });
}

/// A client that takes its answer drop by drop, with pauses that are short enough, does not outlive the request's
/// total by it.
#[test]
fn a_dripping_reader_is_cut() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 50000000\r\n\r\n");
                peer.send(&vec![b'x'; 50_000_000]);
            }
        });
        let gateway = with(io, &format!("http://{}/v1", upstream.address), "{total_ms: 500}");
        let mut client = sipping(gateway.address);
        client.send(&chat(""));
        let began = Instant::now();
        let mut sip = [0; 256];
        while !gateway.log().contains("client_stalled") {
            assert!(began.elapsed() < Duration::from_secs(8), "256 bytes every 20 ms go on and on");
            // Nothing more comes once it is cut.
            drop(client.stream.read(&mut sip));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
    });
}

/// A client whose kernel takes little that it has not read.
fn sipping(address: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size that the kernel takes");
    socket.connect(&address.into()).expect("the gateway accepts connections");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    Client::over(socket.into())
}
