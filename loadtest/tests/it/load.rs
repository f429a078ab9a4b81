//! The load generator measures what is there, and lets no wrong answer count.

use std::time::Duration;

use clap::Parser;
use loadtest::load::{self, CompareArgs, Held, HoldArgs, Report, RunArgs, Spread};
use loadtest::mock::{Mock, MockOptions, start};

use crate::servers;

#[derive(Parser)]
struct Cli<T: clap::Args> {
    #[command(flatten)]
    args: T,
}

fn parse<T: clap::Args>(line: &str) -> T {
    Cli::<T>::parse_from(std::iter::once("test").chain(line.split_whitespace())).args
}

fn mock() -> (Mock, String) {
    let mock = start(MockOptions::default()).expect("start");
    let url = mock.base_url();
    (mock, url)
}

fn run(more: &str) -> (Report, Mock) {
    let (mock, url) = mock();
    let line = format!("--url {url}/chat/completions --connections 4 --duration 300ms --warmup 50ms {more}");
    (load::run(&parse::<RunArgs>(&line)).expect("a report"), mock)
}

fn own_pid() -> u32 {
    std::process::id()
}

/// In a closed loop every request is answered, counted, and paid for by somebody.
#[test]
fn closed_loop() {
    for epoll in ["", "--epoll"] {
        let (report, mock) = run(&format!("--pid {} {epoll}", own_pid()));
        assert!(report.is_good(), "{report}");
        assert!(report.requests > 4 && mock.stats().requests > report.requests);
        assert_eq!((mock.stats().connections_opened, mock.stats().aborted), (4, 0));
        assert!(report.cpu_us_per_request.is_some_and(|cpu| cpu > 1.0));
        assert!(
            report.latency_us.p50 >= report.first_byte_us.p50
                && report.latency_us.max >= report.latency_us.p99
        );
    }
}

/// Streams of every dialect are counted event by event, up to their end.
#[test]
fn streams() {
    for (path, events) in [("chat/completions", 12), ("completions", 11), ("responses", 16), ("messages", 14)]
    {
        let (_mock, url) = mock();
        let line = format!(
            "--url {url}/{path} --duration 100ms --warmup 0ms --stream --connections 2 --events {events}"
        );
        let report = load::run(&parse::<RunArgs>(&line)).expect("a report");
        assert!(report.is_good() && report.events == report.requests * events, "{path}: {report}");
    }
}

/// At a constant rate there are as many requests as planned, and times are from when each was due.
#[test]
fn constant_rate() {
    let (report, _mock) = run("--rate 200");
    assert_eq!((report.requests + report.unsent, report.wrong), (60, 0), "{report}");
    let (mock, url) = mock();
    let line = format!(
        "--url {url}/chat/completions --connections 1 --rate 100 --duration 500ms --warmup 0ms --model mock?delay_ms=20"
    );
    let report = load::run(&parse::<RunArgs>(&line)).expect("a report");
    assert!(report.latency_us.max > 300_000.0, "the queue is part of the latency: {report}");
    assert_eq!(mock.stats().requests + report.unsent, 51);
}

/// Every kind of wrong answer is told apart, and none counts as a request.
#[test]
fn wrong_answers_do_not_count() {
    for (fault, stream, error) in [
        ("status:503", false, "status 503"),
        ("reset", false, "connection lost: connection reset"),
        ("close_after:2", true, "closed inside the answer"),
        ("truncate", false, "closed inside the answer"),
        ("bad_chunk", false, "not HTTP"),
        ("garbage", false, "not HTTP"),
        ("no_done", true, "stream without its end marker"),
        ("error_event_after:2", true, "error inside the stream"),
        ("surplus", false, "bytes after the answer"),
        ("redirect", false, "status 307"),
        ("stall", false, "timed out"),
        ("stall_after:1", true, "timed out"),
    ] {
        let stream = if stream { "--stream" } else { "" };
        // A busy machine must not look like a target that stalls; where one stalls, it may do so, too.
        let (timeout, duration) = if error == "timed out" { ("300ms", "2s") } else { ("20s", "300ms") };
        // The first request opens the session, and the second is the first that is measured.
        let more = format!(
            "{stream} --model mock?skip=2&times=1&fault={fault} --connections 1 --warmup 0ms --timeout {timeout}"
        );
        let (_mock, url) = mock();
        let line = format!("--url {url}/chat/completions --duration {duration} {more}");
        let report = load::run(&parse::<RunArgs>(&line)).expect("a report");
        let errors: Vec<_> = report.errors.iter().map(|error| (error.error.as_str(), error.count)).collect();
        let count = if error == "timed out" { report.wrong.max(1) } else { 1 };
        assert_eq!(errors, [(error, count)], "{fault}: {report}");
        assert!(report.wrong == count && report.requests >= 1 && !report.is_good());
    }
}

/// A stream with another number of events is wrong.
#[test]
fn events_are_counted() {
    let (report, _mock) = run("--stream --events 12 --model mock?chunks=7");
    assert_eq!(report.requests, 0);
    assert_eq!(report.errors[0].error, "11 events, expected 12");
}

/// A target that is not there, refuses or is no HTTP server is an error that says so.
#[test]
fn hopeless_targets() {
    let (mock, url) = mock();
    let error = |line: &str| format!("{:#}", load::run(&parse::<RunArgs>(line)).expect_err("hopeless"));
    let refused = error(&format!("--url {url}/chat/completions --model mock?status=401"));
    assert!(refused.contains("status 401"), "{refused}");
    assert!(error(&format!("--url {url}/nothing")).contains("status 404: {\"error\""));
    assert!(error(&format!("--url {url}/chat/completions --pid 4000000")).contains("no such process"));
    mock.stop();
    assert!(error(&format!("--url {url}/chat/completions")).contains("connection refused"));
}

/// Idle connections and open streams stay open, and are measured.
#[test]
fn holds_connections() {
    for (held, path) in
        [(Held::Idle, "chat/completions"), (Held::Streams, "messages"), (Held::Streams, "chat/completions")]
    {
        let (mock, url) = mock();
        let line = format!("--url {url}/{path} --connections 50 --pid {} --settle 10ms", own_pid());
        let report = load::hold(&parse::<HoldArgs>(&line), held).expect("a report");
        assert_eq!((report.connections, mock.stats().connections_opened), (50, 51));
        assert!(report.resident_bytes_after > 0);
    }
}

/// Targets are measured in turn over connections that stay, and compared with the base.
#[test]
fn compares() {
    let (first, first_url) = mock();
    let (_second, second_url) = mock();
    let line = format!(
        "--target a={first_url}/chat/completions,pid={} --target b={second_url}/responses,model=mock?delay_ms=50 \
         --rounds 3 --slice 100ms --connections 3 --force",
        own_pid()
    );
    let comparison = load::compare(&parse::<CompareArgs>(&line)).expect("a comparison");
    assert!(comparison.is_good(), "{comparison}");
    let [a, b] = &comparison.rows[..] else { unreachable!("two rows") };
    assert_eq!((a.rounds, b.rounds, first.stats().connections_opened), (3, 3, 3));
    let same = Some(Spread { median: 1.0, min: 1.0, max: 1.0 });
    assert_eq!((a.ratio.cpu, a.ratio.p50), (same, same));
    assert!(b.latency_us.p50 > 49_000.0 && b.ratio.p50.is_some() && b.cpu_us.is_none());
    let wrong = parse::<CompareArgs>(&(line + " --base c"));
    assert!(load::compare(&wrong).is_err_and(|error| error.to_string().contains("\"c\"")));
}

/// At a constant rate, what a target adds to the direct one is told.
#[test]
fn compares_with_direct() {
    let (_direct, direct_url) = mock();
    let line = format!(
        "--target slow={direct_url}/chat/completions,model=mock?delay_ms=1000 --direct {direct_url}/chat/completions \
         --rate 20 --rounds 2 --slice 200ms --force"
    );
    let comparison = load::compare(&parse::<CompareArgs>(&line)).expect("a comparison");
    let added = comparison.rows[0].added_us.p50.expect("there is a direct target").us;
    // How much less than the whole second is the machine's own latency.
    assert!(added > 0.0 && added < comparison.rows[0].latency_us.max, "{comparison}");
}

/// A server that ends connections while others have their turn has done nothing wrong: they are opened again.
#[test]
fn connections_may_end_between_turns() {
    let (_mock, url) = mock();
    let address = servers::impatient(|_| servers::whole("{}"), Duration::from_secs(1));
    // The turn of the one is longer than the other waits.
    let line = format!(
        "--target impatient=http://{address}/v1/chat/completions --target b={url}/chat/completions \
         --rounds 2 --slice 1300ms --connections 3 --force"
    );
    let comparison = load::compare(&parse::<CompareArgs>(&line)).expect("a comparison");
    assert!(comparison.is_good(), "{comparison}");
}
