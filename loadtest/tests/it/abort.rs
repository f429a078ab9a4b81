//! A client that goes away is noticed at once.

use std::time::{Duration, Instant};

use loadtest::mock::{Mock, MockOptions, start};

use crate::client::{Client, PATIENCE};

fn wait_for(what: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "it never happened");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Leaves in the middle of an answer; returns how many others the mock has given until it knew of it. That a machine is
/// slow makes them no more.
fn leave(mock: &Mock, model: &str, stream: bool) -> usize {
    let before = mock.stats();
    let mut client = Client::connect(mock.address);
    client.post("/v1/chat/completions", &format!(r#"{{"model":"{model}","messages":[],"stream":{stream}}}"#));
    wait_for(|| mock.stats().requests > before.requests);
    if stream {
        client.head().expect("a head");
    }
    let left = Instant::now();
    drop(client);
    let mut answers = 0;
    while mock.stats().aborted == before.aborted {
        assert_eq!(
            Client::connect(mock.address).ask("/v1/chat/completions", r#"{"model":"mock"}"#).status,
            200
        );
        answers += 1;
        assert!(answers < 10_000, "it never happened");
    }
    assert!(mock.aborted_at().expect("an abort") >= left);
    wait_for(|| mock.stats().connections_open == 0);
    answers
}

/// A client that leaves during a delay, a stall, a gap or a stall inside a stream is noticed as soon as what comes after it.
#[test]
fn notices_at_once() {
    for epoll in [false, true] {
        let mock = start(MockOptions { epoll, ..MockOptions::default() }).expect("start");
        for (model, stream) in [
            ("mock?delay_ms=60000", false),
            ("mock?stall", false),
            ("mock?stall_after=2", true),
            ("mock?gap_ms=60000", true),
        ] {
            for _ in 0..5 {
                let answers = leave(&mock, model, stream);
                assert!(answers <= 3, "{model} on {}: {answers} answers later", mock.driver);
            }
        }
    }
}

/// A client that leaves a stream without gaps is noticed while it is written.
#[test]
fn notices_while_writing() {
    let mock = start(MockOptions::default()).expect("start");
    leave(&mock, "mock?chunks=50000", true);
}

/// An answer that was taken is no abort, and a connection that ends between two answers neither.
#[test]
fn counts_only_aborts() {
    let mock = start(MockOptions::default()).expect("start");
    let mut client = Client::connect(mock.address);
    assert_eq!(client.ask("/v1/chat/completions", r#"{"model":"mock?gap_ms=1","stream":true}"#).status, 200);
    assert_eq!(mock.stats().connections_open, 1);
    drop(client);
    wait_for(|| mock.stats().connections_open == 0);
    assert_eq!((mock.stats().aborted, mock.aborted_at()), (0, None));
}
