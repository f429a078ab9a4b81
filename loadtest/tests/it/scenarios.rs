//! Scenarios, shapes and protocols, on the mock provider and on servers that cheat.

use std::time::Duration;

use clap::Parser;
use loadtest::load::{self, Report, RunArgs};
use loadtest::mock::{Mock, MockOptions, start};

use crate::servers;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: RunArgs,
}

fn try_run(line: &str) -> anyhow::Result<Report> {
    let args = Cli::parse_from(std::iter::once("test").chain(line.split_whitespace())).args;
    load::run(&args)
}

fn run(line: &str) -> Report {
    try_run(line).expect("a report")
}

fn on_mock(line: &str) -> (Report, Mock) {
    let mock = start(MockOptions::default()).expect("start");
    (run(&format!("--url {} {line}", mock.base_url())), mock)
}

/// Every scenario that comes with the program gets only good answers, and each of its parts gets some. Few requests: a slow
/// machine has to send all of them.
#[test]
fn all_scenarios_run() {
    for (name, load) in [
        ("completion-1k", "--rate 50 --duration 300ms"),
        ("completion-32k", "--rate 50 --duration 300ms"),
        ("chat", "--duration 100ms"),
        ("agent-100k", "--rate 20 --duration 300ms"),
        ("embeddings", "--rate 50 --duration 300ms"),
        ("streaming", "--duration 500ms --model mock?chunks=20"),
        ("tenants", "--rate 100 --duration 500ms"),
        ("slow-readers", "--rate 50 --duration 300ms --model mock?chunks=100"),
        ("disconnects", "--rate 100 --duration 300ms"),
        ("bursts", "--duration 300ms --burst 20 --every 200ms --connections 20"),
        ("head-of-line", "--rate 50 --duration 300ms --body-bytes 100000"),
        ("knee", "--from 20 --to 40 --step 20 --hold 200ms --slo-p99 1m"),
    ] {
        let (report, _mock) = on_mock(&format!("--scenario {name} --warmup 0ms {load}"));
        assert_eq!(report.wrong, 0, "{name}: {report}");
        // The target did not keep up where the machine did not.
        assert!(report.is_good() || report.unsent > 0, "{name}: {report}");
        assert!(report.parts.iter().all(|part| part.requests + part.left > 0), "{name}: {report}");
    }
}

/// A client that leaves is counted as such: it is neither good nor wrong, and the mock sees it go.
#[test]
fn clients_leave() {
    let (report, mock) = on_mock("--scenario disconnects --warmup 0ms --duration 500ms");
    let left: Vec<u64> = report.parts.iter().map(|part| part.left).collect();
    assert!(left[0] == 0 && left[1] > 0 && left[2] > 0, "{report}");
    assert_eq!(report.left, left.iter().sum::<u64>());
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while mock.stats().aborted < report.left {
        assert!(std::time::Instant::now() < deadline, "{:?}: {report}", mock.stats());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Slow readers take as long as their speed says, and those beside them do not.
#[test]
fn slow_readers_are_slow() {
    let line = "--scenario slow-readers --warmup 0ms --duration 300ms --model mock?chunks=100";
    let (report, _mock) = on_mock(line);
    let [chat, slow] = &report.parts[..] else { unreachable!("two parts") };
    assert!(slow.latency_us.p50 > 8e5 && chat.service_us.p50 < slow.service_us.p50, "{report}");
}

/// All requests of a burst are due at once, and what waits for a connection is late.
#[test]
fn bursts_queue() {
    let line = "--scenario bursts --burst 20 --every 200ms --duration 400ms --connections 1 --warmup 0ms \
                --model mock?delay_ms=5";
    let (report, _mock) = on_mock(line);
    assert_eq!(report.requests + report.unsent, 40, "{report}");
    // The last of twenty waits for all the others; how long each takes itself is not added to.
    assert!(report.latency_us.max > 90_000.0, "{report}");
    assert!(report.service_us.p50 < report.latency_us.p50 / 2.0, "{report}");
}

/// A ramp stops where the target does not keep up, tries that once more, looks closer, and names the highest rate that was
/// kept. The target breaks with its third request, however fast the machine is.
#[test]
fn finds_the_knee() {
    let line = "--scenario knee --connections 2 --model mock?skip=2&fault=status:503 --from 10 --to 1000 --step 80 \
                --hold 100ms --slo-p99 1m --warmup 0ms";
    let (report, _mock) = on_mock(line);
    let rates: Vec<_> = report.steps.iter().map(|step| (step.rate_per_s, step.keeps_slo)).collect();
    let halves = [90.0, 50.0, 30.0, 20.0].into_iter().flat_map(|rate| [(rate, false); 2]);
    assert_eq!(rates, std::iter::once((10.0, true)).chain(halves).collect::<Vec<_>>(), "{report}");
    assert_eq!(report.knee_per_s, Some(10.0));
    // A rate at which only the answers take long is kept, and is as high as it is, whenever the last of them comes.
    let line =
        "--scenario knee --model mock?delay_ms=3000 --from 20 --to 20 --hold 200ms --slo-p99 1m --warmup 0ms";
    let (report, _mock) = on_mock(line);
    assert_eq!((report.knee_per_s, report.steps.len()), (Some(20.0), 1), "{report}");
    assert!(report.seconds < 3.0 && report.steps[0].requests_per_s > 4.0 / 3.0, "{report}");
}

/// A target that stands still for 400 ms keeps all waiting that are due meanwhile, of which only one was sent: the latency from
/// when each was due tells of all of them, and that from when it was sent of one.
#[test]
fn a_pause_is_felt_by_all_that_were_due() {
    let address = servers::plain(|number| {
        if number == 50 {
            std::thread::sleep(Duration::from_millis(400));
        }
        servers::whole(FIRST)
    });
    let line = format!(
        "--url http://{address}/v1/chat/completions --connections 1 --rate 200 --duration 1s --warmup 0ms"
    );
    let report = run(&line);
    assert_eq!(report.requests + report.unsent, 200, "{report}");
    // Eighty were due in it, five in each 25 ms: twenty waited for 300 ms and more, and one in ten is twenty.
    let (due, sent) = (&report.latency_us, &report.service_us);
    assert!(due.p90 > 280_000.0 && due.max > 390_000.0 && sent.max > 390_000.0, "{report}");
    // A machine that has other work keeps some waiting, too, but not one in ten for so long.
    assert!(sent.p90 < due.p90 / 2.0, "{report}");
    assert!(report.first_byte_us.p90 > 280_000.0, "{report}");
    assert!(report.late_us.is_some_and(|late| late.p90 > 280_000.0), "{report}");
}

/// What runs beside a plan and before it changes nothing of what the plan sends: with the same seed it is the same, however
/// fast the target is.
#[test]
fn plans_do_not_depend_on_what_runs_beside_them() {
    let file = std::env::temp_dir().join(format!("ringgate-load-beside-{}.toml", std::process::id()));
    let parts: String = ["a", "b", "c", "d"]
        .map(|name| format!("[[request]]\nname = \"{name}\"\nendpoint = \"chat\"\n"))
        .concat();
    let beside = "[[request]]\nname = \"e\"\nendpoint = \"chat\"\nbeside = 2\n";
    let load = "[load]\nshape = \"constant\"\nrate = 40\nconnections = 8\n";
    std::fs::write(&file, format!("about = \"x\"\n{load}{parts}{beside}")).expect("a file");
    let sent = |more: &str| {
        let (report, _mock) =
            on_mock(&format!("--scenario {} --duration 1s --seed 3 {more}", file.display()));
        assert_eq!(report.unsent, 0, "{report}");
        report.parts[..4].iter().map(|part| part.requests).collect::<Vec<_>>()
    };
    let first = sent("--warmup 300ms");
    assert_eq!((first.iter().sum::<u64>(), &first), (40, &sent("--warmup 0ms --model mock?delay_ms=20")));
    std::fs::remove_file(file).expect("it was there");
}

/// The same seed sends the same parts and keys in the same order.
#[test]
fn runs_follow_from_the_seed() {
    let counts = |seed: u64| {
        let line =
            format!("--scenario tenants --shape constant --rate 40 --duration 1s --warmup 0ms --seed {seed}");
        let (report, _mock) = on_mock(&line);
        report.parts.iter().map(|part| part.requests).collect::<Vec<_>>()
    };
    assert_eq!(counts(1), counts(1));
    assert_ne!(counts(1), counts(2));
}

const FIRST: &str = r#"{"id":"a-1","text":"one"}"#;

fn cheats(answers: servers::Answers) -> Vec<(String, u64)> {
    let address = servers::plain(answers);
    let line =
        format!("--url http://{address}/v1/chat/completions --connections 1 --duration 500ms --warmup 0ms");
    let report = run(&line);
    report.errors.iter().map(|error| (error.kind.to_owned(), error.count)).collect()
}

/// An answer that differs from the first is told apart by how it differs; another identifier is no difference.
#[test]
fn answers_must_not_differ() {
    fn expect(answers: servers::Answers, kind: &str) {
        assert_eq!(cheats(answers), [(kind.to_owned(), 1)]);
    }
    let sound: servers::Answers = |number| servers::whole(&FIRST.replace("a-1", &format!("b-{number}")));
    assert_eq!(cheats(sound), []);
    expect(
        |number| servers::whole(if number == 2 { r#"{"id":"a-1","text":"four"}"# } else { FIRST }),
        "length",
    );
    expect(
        |number| servers::whole(if number == 2 { r#"{"id":"a-1","text":"two"}"# } else { FIRST }),
        "checksum",
    );
    expect(
        |number| {
            let (one, two) = if number == 2 { (2, 1) } else { (1, 2) };
            servers::stream(&format!("data: {one}\n\ndata: {two}\n\ndata: [DONE]\n\n"))
        },
        "order",
    );
    expect(
        |number| {
            let more = if number == 2 { "data: 3\n\n" } else { "" };
            servers::stream(&format!("data: 1\n\n{more}data: [DONE]\n\n"))
        },
        "events",
    );
}

/// Where only the shape counts, a model may say something else every time.
#[test]
fn shapes_may_be_all_that_counts() {
    let address = servers::plain(|number| servers::whole(&format!("{{\"text\":\"{number}\"}}")));
    let line = format!("--url http://{address}/v1/chat/completions --duration 100ms --warmup 0ms");
    assert!(!run(&line).is_good());
    assert!(run(&format!("{line} --check shape")).is_good());
}

/// TLS works with a certificate that is trusted or forgiven, and says what is wrong with one that is not.
#[test]
fn speaks_tls() {
    let (address, certificate) = servers::tls(|_| servers::whole(FIRST), "tls");
    let line =
        format!("--url https://{address}/v1/chat/completions --connections 4 --duration 200ms --warmup 0ms");
    for trust in [format!("--ca {}", certificate.display()), "--insecure".to_owned()] {
        for epoll in ["", "--epoll"] {
            let report = run(&format!("{line} {trust} {epoll}"));
            assert!(report.is_good() && report.requests >= 4, "{report}");
        }
    }
    let refused = format!("{:#}", try_run(&line).expect_err("nobody signed it"));
    assert!(refused.contains("certificate") && refused.contains("--insecure"), "{refused}");
    std::fs::remove_file(certificate).expect("it was there");
    let plain = servers::plain(|_| servers::whole(FIRST));
    let line =
        format!("--url https://{plain}/v1/chat/completions --insecure --connections 1 --timeout 200ms");
    assert!(try_run(&line).is_err(), "it speaks no TLS");
}

/// HTTP/2 carries several requests at a time on one connection, and a stream that is reset is wrong.
#[test]
fn speaks_http2() {
    let line = "--http 2 --connections 2 --streams 8 --stream --duration 300ms --warmup 0ms";
    for epoll in ["", "--epoll"] {
        let address = servers::http2(20, usize::MAX);
        let report = run(&format!("--url http://{address}/v1/chat/completions {line} --events 20 {epoll}"));
        assert!(report.is_good() && report.events == report.requests * 20, "{report}");
    }
    // A server that speaks only HTTP/1.1 is an error, not a run of wrong answers.
    let address = servers::plain(|_| servers::whole(FIRST));
    assert!(try_run(&format!("--url http://{address}/v1/chat/completions {line} --timeout 1s")).is_err());
    let address = servers::http2(20, 7);
    let report = run(&format!("--url http://{address}/v1/chat/completions {line}"));
    assert!(report.wrong > 0 && report.requests > 0, "{report}");
    assert!(report.errors.iter().all(|error| error.kind == "stream_reset"), "{report}");
}

/// HTTP/2 over TLS is agreed on and answered, with several requests at a time on each connection; a certificate that is
/// not trusted, and a server that speaks only HTTP/1.1, are errors.
#[test]
fn speaks_http2_over_tls() {
    let (address, certificate) = servers::http2_tls(20, "http2-tls");
    let line = format!(
        "--url https://{address}/v1/chat/completions --http 2 --connections 2 --streams 4 --duration 300ms \
         --warmup 0ms --stream --events 20"
    );
    let trusts = format!("--ca {}", certificate.display());
    for trust in [trusts.as_str(), "--insecure"] {
        let report = run(&format!("{line} {trust}"));
        assert!(report.is_good() && report.requests > 0, "{trust}: {report}");
        assert_eq!(report.events, report.requests * 20, "{report}");
    }
    let refused = try_run(&line).expect_err("nobody knows it");
    assert!(format!("{refused:#}").contains("certificate"), "{refused:#}");
    let (only_one, its_certificate) = servers::tls(|_| servers::whole(FIRST), "no-http2");
    let refused = try_run(&format!("--url https://{only_one}/v1/responses --http 2 --insecure --timeout 1s"));
    assert!(refused.is_err(), "it speaks only HTTP/1.1");
    for file in [certificate, its_certificate] {
        std::fs::remove_file(file).expect("it was there");
    }
}
