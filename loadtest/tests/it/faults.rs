//! Every fault looks on the wire as it says.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use loadtest::mock::{Fault, Mock, MockOptions, Settings, start};

use crate::client::{Answer, Client};

struct Asked {
    client: Client,
    mock: Mock,
}

fn ask(model: &str, stream: bool) -> Asked {
    let mock = start(MockOptions::default()).expect("start");
    let mut client = Client::connect(mock.address);
    client.post("/v1/chat/completions", &body(model, stream));
    Asked { client, mock }
}

fn body(model: &str, stream: bool) -> String {
    format!(r#"{{"model":"{model}","messages":[],"stream":{stream}}}"#)
}

impl Asked {
    fn answer(&mut self) -> Answer {
        self.client.answer().expect("an answer")
    }

    /// All bytes of the answer as text, and how the connection ended.
    fn drain(&mut self) -> (String, ErrorKind) {
        let ended = self.client.drain();
        (String::from_utf8_lossy(&self.client.rest).into_owned(), ended)
    }

    /// The connection takes another request.
    fn lives(mut self) {
        self.client.rest.clear();
        assert_eq!(self.client.ask("/v1/chat/completions", &body("mock", false)).status, 200);
        assert_eq!(self.mock.stats().connections_opened, 1);
    }
}

fn chunks_in(text: &str) -> usize {
    text.matches(r#"{"content":""#).count()
}

/// Any status comes with an error in the endpoint's shape and a time to retry after, on a connection that stays.
#[test]
fn status() {
    for status in [400, 401, 403, 404, 408, 413, 429, 500, 503, 529] {
        let mut asked = ask(&format!("mock?fault=status:{status}"), true);
        let answer = asked.answer();
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some("1")));
        assert!(answer.json()["error"]["message"].is_string());
        asked.client.post("/v1/messages", &body(&format!("mock?status={status}"), true));
        assert_eq!(asked.answer().json()["type"], "error");
        asked.lives();
    }
}

/// A reset comes in place of an answer, and after so many chunks of a stream or half of what is none.
#[test]
fn reset() {
    assert_eq!(ask("mock?reset", false).drain(), (String::new(), ErrorKind::ConnectionReset));
    let mut stream = ask("mock?reset_after=3&gap_ms=20", true);
    let (text, ended) = stream.drain();
    assert_eq!((chunks_in(&text), ended), (3, ErrorKind::ConnectionReset));
    let (text, ended) = ask("mock?reset_after=3&delay_ms=5", false).drain();
    assert!(!text.contains("fp_mock"));
    assert_eq!(ended, ErrorKind::ConnectionReset);
}

/// The connection ends in order, without an end of the body.
#[test]
fn close_after() {
    let (text, ended) = ask("mock?close_after=2", true).drain();
    assert_eq!((chunks_in(&text), text.contains("[DONE]"), ended), (2, false, ErrorKind::UnexpectedEof));
    let (text, ended) = ask("mock?close_after=2", false).drain();
    assert_eq!(
        (text.contains("HTTP/1.1 200"), text.contains("fp_mock"), ended),
        (true, false, ErrorKind::UnexpectedEof)
    );
}

/// Nothing comes, or nothing more after so many chunks.
#[test]
fn stall() {
    for (model, chunks) in [("mock?stall", 0), ("mock?stall_after=2", 2)] {
        let mut asked = ask(model, true);
        asked.client.stream.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
        let (mut text, mut ended) = asked.drain();
        // What does come may take longer on a slow machine.
        while chunks_in(&text) < chunks && ended == ErrorKind::WouldBlock {
            (text, ended) = asked.drain();
        }
        assert_eq!((chunks_in(&text), ended), (chunks, ErrorKind::WouldBlock), "{model}");
    }
}

/// The length says more than there is.
#[test]
fn truncate() {
    for stream in [false, true] {
        assert_eq!(
            ask("mock?truncate", stream).client.answer().expect_err("no whole answer").kind(),
            ErrorKind::UnexpectedEof
        );
    }
}

/// A chunk has no size.
#[test]
fn bad_chunk() {
    for stream in [false, true] {
        let ended = ask("mock?bad_chunk", stream).client.answer().expect_err("no whole answer");
        assert_eq!(ended.kind(), ErrorKind::InvalidData);
    }
}

/// What comes is no HTTP.
#[test]
fn garbage() {
    assert!(!ask("mock?garbage", false).drain().0.contains("HTTP/1"));
}

/// An error comes inside the stream, which ends well as HTTP; what is no stream is an error as a whole.
#[test]
fn error_event_after() {
    let mut asked = ask("mock?error_event_after=2", true);
    let events = asked.answer().events();
    assert_eq!(events.len(), 4, "role, two chunks, error");
    assert!(events[3].1.starts_with(r#"{"error":{"message":"#));
    asked.client.post("/v1/messages", &body("mock?error_event_after=2", true));
    let events = asked.answer().events();
    assert_eq!(events.last().and_then(|(name, _)| name.clone()).as_deref(), Some("error"));
    asked.lives();
    assert_eq!(ask("mock?error_event_after=2", false).answer().status, 500);
}

/// The head takes its time, and the answer is good.
#[test]
fn slow_head() {
    let begun = Instant::now();
    assert_eq!(ask("mock?slow_head", false).answer().status, 200);
    assert!(begun.elapsed() > Duration::from_millis(100));
}

/// The stream ends well as HTTP, without its marker.
#[test]
fn no_done() {
    let mut asked = ask("mock?no_done", true);
    let text = asked.answer().text();
    assert!(chunks_in(&text) > 0 && !text.contains("[DONE]"));
    asked.lives();
}

/// The body ends with the connection, and is complete.
#[test]
fn until_close() {
    let answer = ask("mock?until_close", false).answer();
    assert_eq!(
        (answer.header("content-length"), &answer.json()["object"]),
        (None, &"chat.completion".into())
    );
    let answer = ask("mock?until_close", true).answer();
    assert_eq!((answer.header("transfer-encoding"), answer.events().len()), (None, 11));
}

/// One event has the size that was asked for.
#[test]
fn huge_event() {
    let mut asked = ask("mock?huge_event=1000000", true);
    assert_eq!(asked.answer().events().iter().filter(|(_, data)| data.len() > 1_000_000).count(), 1);
    asked.lives();
}

/// The credential comes back in an error, as it does from some providers.
#[test]
fn echo_key() {
    let answer = ask("mock?echo_key", false).answer();
    assert_eq!((answer.status, answer.text().contains("Bearer secret")), (401, true));
}

/// The request is described as it was received.
#[test]
fn echo_headers() {
    let mut asked = ask("mock?echo_headers", false);
    let told = asked.answer().json();
    assert_eq!(told["request_line"], "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(told["headers"][0], serde_json::json!(["host", "mock"]));
    assert_eq!(told["body_bytes"], body("mock?echo_headers", false).len());
    asked.lives();
}

/// A redirect names another place.
#[test]
fn redirect() {
    let mut asked = ask("mock?redirect", false);
    let answer = asked.answer();
    assert_eq!((answer.status, answer.header("location").is_some()), (307, true));
    asked.lives();
}

/// Interim answers come before the real one.
#[test]
fn interim() {
    let mut asked = ask("mock?interim", false);
    assert_eq!([asked.answer().status, asked.answer().status, asked.answer().status], [100, 103, 200]);
    asked.lives();
}

/// A refusal comes before the body has, in every framing, and the connection ends.
#[test]
fn early() {
    let start_of = r#"{"model":"mock?early","messages":"#;
    for framing in ["content-length: 1000000\r\n\r\n", "transfer-encoding: chunked\r\n\r\nfffff\r\n"] {
        let mock = start(MockOptions::default()).expect("start");
        let mut client = Client::connect(mock.address);
        client
            .send(format!("POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\n{framing}{start_of}").as_bytes());
        assert_eq!(client.answer().expect("an answer").status, 413);
        assert_eq!(client.drain(), ErrorKind::UnexpectedEof);
    }
    assert_eq!(ask("mock?early", false).answer().status, 413, "also when the body was quick");
}

/// The answer is good, says nothing of an end, and the connection ends.
#[test]
fn one_shot() {
    let mut asked = ask("mock?one_shot", false);
    let answer = asked.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, None));
    assert_eq!(asked.drain().1, ErrorKind::UnexpectedEof);
}

/// An answer that nobody asked for follows the good one.
#[test]
fn surplus() {
    let mut asked = ask("mock?surplus", false);
    assert_eq!(asked.answer().status, 200);
    assert_eq!(asked.answer().json()["surplus"], true);
}

/// A fault may be the rule for all answers, and may come after a number of them and pass after another.
#[test]
fn faults_of_options_and_for_some_time() {
    let settings = Settings { fault: Some(Fault::Status(503)), ..Settings::default() };
    let mock = start(MockOptions { settings, ..MockOptions::default() }).expect("start");
    let mut client = Client::connect(mock.address);
    let mut status = |model: &str| client.ask("/v1/chat/completions", &body(model, false)).status;
    assert_eq!([status("mock"), status("mock?chunks=3")], [503, 503]);
    assert_eq!([status("a?times=2"), status("a?times=2"), status("a?times=2")], [503, 503, 200]);
    let model = "a?skip=1&times=1";
    assert_eq!([status(model), status(model), status(model)], [200, 503, 200]);
}

/// Delay and gap are kept, and a stream keeps its rate.
#[test]
fn waits() {
    let begun = Instant::now();
    let mut asked = ask("mock?delay_ms=50&gap_ms=5&chunks=21", true);
    asked.client.head().expect("a head");
    let first = begun.elapsed();
    while !asked.client.chunk().expect("a chunk").is_empty() {}
    let all = begun.elapsed();
    assert!(first > Duration::from_millis(49), "{first:?}");
    assert!(all > Duration::from_millis(148), "{all:?}");
}

/// A chunk is shorter than it says, and the connection ends.
#[test]
fn cut_chunk() {
    for stream in [true, false] {
        let (text, ended) = ask("mock?cut_chunk", stream).drain();
        assert_eq!(ended, ErrorKind::UnexpectedEof);
        let last = text.rsplit("40\r\n").next().expect("a chunk of 64 bytes");
        assert!(text.contains("chunked") && !last.is_empty() && last.len() < 64, "{text}");
    }
}

/// A refusal says when to come back, as it was asked to.
#[test]
fn retry_after() {
    let answer = ask("mock?status=429&retry_after_s=7", false).answer();
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
}

/// Faults by chance come as often as they should, and in the same places for the same seed.
#[test]
fn faults_by_chance() {
    let statuses = |seed| {
        let settings = Settings {
            faults: "status:429@0.1,status:500@0.2".parse().expect("valid"),
            ..Settings::default()
        };
        let mock = start(MockOptions { settings, seed, ..MockOptions::default() }).expect("start");
        let mut client = Client::connect(mock.address);
        let mut status = || client.ask("/v1/chat/completions", &body("mock", false)).status;
        (0..1000).map(|_| status()).collect::<Vec<u16>>()
    };
    let first = statuses(1);
    let count = |status| first.iter().filter(|it| **it == status).count();
    assert!((70..130).contains(&count(429)), "{}", count(429));
    assert!((160..240).contains(&count(500)), "{}", count(500));
    assert_eq!(count(200), 1000 - count(429) - count(500));
    assert_eq!(first, statuses(1));
    assert_ne!(first, statuses(2));
    let refused = ask("mock?faults=rest@0.5", false).answer();
    assert!(refused.status == 400 && refused.text().contains("unknown fault"));
}

/// Waits at random and from a recording are waited for, and a mock without a recording refuses to guess.
#[test]
fn random_waits() {
    let options = MockOptions {
        recording: [Duration::from_millis(20), Duration::from_millis(40)].into(),
        ..MockOptions::default()
    };
    let mock = start(options).expect("start");
    let mut client = Client::connect(mock.address);
    let mut takes = |model: &str| {
        let begun = Instant::now();
        assert_eq!(client.ask("/v1/chat/completions", &body(model, false)).status, 200, "{model}");
        begun.elapsed()
    };
    assert!((0..5).all(|_| takes("mock?delay_ms=recorded") >= Duration::from_millis(18)));
    let random: Vec<Duration> = (0..9).map(|_| takes("mock?delay_ms=lognormal:10:0.5")).collect();
    let spread = random.iter().max().expect("some").saturating_sub(*random.iter().min().expect("some"));
    assert!(spread > Duration::from_millis(2), "{random:?}");
    let refused = ask("mock?delay_ms=recorded", false).answer();
    assert!(refused.status == 400 && refused.text().contains("no recording"));
    let settings = Settings { gap: "recorded".parse().expect("valid"), ..Settings::default() };
    assert!(start(MockOptions { settings, ..MockOptions::default() }).is_err());
}
