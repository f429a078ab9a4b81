//! Requests in every legal framing are read, pipelined ones too, and wrong ones are refused.

use std::time::{Duration, Instant};

use loadtest::mock::{Mock, MockOptions, start};

use crate::client::{Client, post};

const BODY: &str = r#"{"model":"mock?echo_headers","messages":[]}"#;

fn mocks() -> [Mock; 2] {
    [false, true].map(|epoll| start(MockOptions { epoll, ..MockOptions::default() }).expect("start"))
}

/// A request is read however it is cut into packets, on either driver.
#[test]
fn reads_however_it_is_cut() {
    for mock in mocks() {
        let mut client = Client::connect(mock.address);
        let request = post("/v1/chat/completions", BODY);
        for cut in [1, 10, request.len() - BODY.len(), request.len() - 1] {
            client.send(&request.as_bytes()[..cut]);
            std::thread::sleep(Duration::from_millis(5));
            client.send(&request.as_bytes()[cut..]);
            assert_eq!(client.answer().expect("an answer").json()["body_bytes"], BODY.len());
        }
        assert_eq!((mock.stats().connections_opened, mock.stats().requests), (1, 4));
    }
}

/// A chunked body is the same body, with extensions and trailers, and however it is cut.
#[test]
fn reads_chunked_bodies() {
    for mock in mocks() {
        let mut client = Client::connect(mock.address);
        let (first, second) = BODY.split_at(7);
        let request = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n7;x=y\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\nx-t: 1\r\n\r\n",
            second.len()
        );
        for cut in [1, 75, 80, request.len() - 3] {
            client.send(&request.as_bytes()[..cut]);
            std::thread::sleep(Duration::from_millis(5));
            client.send(&request.as_bytes()[cut..]);
            assert_eq!(client.answer().expect("an answer").json()["body_bytes"], BODY.len(), "cut at {cut}");
        }
    }
}

/// Requests that were sent ahead are answered one after another, streams among them.
#[test]
fn answers_pipelined_requests() {
    for mock in mocks() {
        let mut client = Client::connect(mock.address);
        let stream = r#"{"model":"mock?gap_ms=1","messages":[],"stream":true}"#;
        let all = [BODY, stream, BODY].map(|body| post("/v1/chat/completions", body)).concat();
        client.send(all.as_bytes());
        assert_eq!(client.answer().expect("an answer").json()["body_bytes"], BODY.len());
        assert_eq!(client.answer().expect("an answer").events().len(), 11);
        assert_eq!(client.answer().expect("an answer").json()["body_bytes"], BODY.len());
    }
}

/// A large body is received whole, announced by an expectation or not, and comes back byte for byte.
#[test]
fn takes_large_bodies() {
    for mock in mocks() {
        let mut client = Client::connect(mock.address);
        let body = format!(r#"{{"model":"mock?echo_body","input":"{}"}}"#, "x".repeat(3_000_000));
        let head = format!(
            "POST /v1/embeddings HTTP/1.1\r\nhost: m\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.send(head.as_bytes());
        assert_eq!(client.answer().expect("an interim answer").status, 100);
        client.send(body.as_bytes());
        assert!(client.answer().expect("an answer").body == body.as_bytes());
        assert!(client.ask("/v1/embeddings", &body).body == body.as_bytes());
        assert_eq!(client.ask("/v1/chat/completions", r#"{"model":"mock"}"#).status, 200);
    }
}

/// A client that wants to close gets its answer and the end; a head or a body that is wrong gets a refusal and the end.
#[test]
fn ends_connections_in_order() {
    for mock in mocks() {
        for (request, status) in [
            ("GET /v1/models HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n", 200),
            ("GET /v1/models HTTP/1.0\r\n\r\n", 200),
            ("nonsense\r\n\r\n", 400),
            ("POST /v1/responses HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
            ("POST /v1/responses HTTP/1.1\r\nhost: m\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        ] {
            let mut client = Client::connect(mock.address);
            client.send(request.as_bytes());
            assert_eq!(client.answer().expect("an answer").status, status, "{request}");
            assert_eq!(client.drain(), std::io::ErrorKind::UnexpectedEof);
        }
    }
}

/// A body that is not JSON is refused on a connection that stays.
#[test]
fn refuses_bodies_that_are_not_json() {
    let mock = start(MockOptions::default()).expect("start");
    let mut client = Client::connect(mock.address);
    assert_eq!(client.ask("/v1/chat/completions", "{").status, 400);
    assert_eq!(client.ask("/v1/chat/completions", BODY).status, 200);
}

/// Stops a mock with an idle and a busy connection, which frees its port; returns how long that took.
fn stop(epoll: bool) -> Duration {
    let mock = start(MockOptions { epoll, ..MockOptions::default() }).expect("start");
    let address = mock.address;
    let mut idle = Client::connect(address);
    assert_eq!(idle.ask("/v1/chat/completions", BODY).status, 200);
    let mut busy = Client::connect(address);
    busy.post("/v1/chat/completions", r#"{"model":"mock?stall"}"#);
    while mock.stats().requests < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let begun = Instant::now();
    mock.stop();
    let took = begun.elapsed();
    idle.drain();
    busy.drain();
    let again = start(MockOptions { address, ..MockOptions::default() });
    assert!(again.is_ok(), "{again:?}");
    took
}

/// Stopping ends idle and busy connections at once. Giving up on them would take half a second each time; a machine that has
/// other work does so now and then.
#[test]
fn stops_at_once() {
    for epoll in [false, true] {
        assert!((0..20).any(|_| stop(epoll) < Duration::from_millis(400)), "epoll: {epoll}");
    }
}

/// Several threads share one address and one set of counters.
#[test]
fn runs_on_several_threads() {
    let mock = start(MockOptions { threads: 2, ..MockOptions::default() }).expect("start");
    for _ in 0..20 {
        assert_eq!(Client::connect(mock.address).ask("/v1/chat/completions", BODY).status, 200);
    }
    assert_eq!((mock.stats().requests, mock.stats().connections_opened), (20, 20));
}
