//! Whoever has had enough sees what was measured until then.
//!
//! Gateways are relays to a mock of the test, which so sees how far a measurement has come. The mock takes its time, so that
//! however fast the machine is, no more than so many requests fit into what is not measured yet.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use loadtest::mock::{Mock, MockOptions, Settings, start};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ringgate-load");

/// A mock that needs 20 ms for each answer, which its four clients wait for.
fn slow_mock() -> Mock {
    let settings = Settings { stamps: true, delay: "20".parse().expect("valid"), ..Settings::default() };
    start(MockOptions { settings, ..MockOptions::default() }).expect("start")
}

/// Interrupts a command once the mock has had so many requests. Returns its code, its output and its complaints.
fn interrupted(mock: &Mock, requests: u64, line: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(PROGRAM);
    command.args(line.split_whitespace()).args("--connections 4 --slice 100ms --rounds 100000".split(' '));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    while mock.stats().requests < requests {
        if let Some(status) = child.try_wait().expect("it is ours") {
            unreachable!("it ended with {status}");
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Its JSON, if it has some.
fn figures(mock: &Mock, requests: u64, line: &str) -> (Option<i32>, Value) {
    let (code, out, err) = interrupted(mock, requests, &format!("{line} --json"));
    (code, serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}")))
}

fn file(name: &str, text: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("interrupted-{name}-{}.toml", std::process::id()));
    std::fs::write(&file, text).expect("a file");
    file
}

/// The command of a gateway that is a relay to a mock.
fn relay_to(mock: &Mock) -> String {
    let provider = mock.address.to_string();
    let command = [PROGRAM, "relay", "--listen", "127.0.0.1:{port}", "--provider", &provider];
    serde_json::to_string(&command).expect("JSON")
}

/// Rounds that were measured are no worse for the ones that were not: those do not count as ones with nothing in them, of
/// which there would be many more.
#[test]
fn targets() {
    let mock = slow_mock();
    let url = format!("http://{}/v1", mock.address);
    // Warming up takes at most 100, a round 48.
    let (code, comparison) = figures(
        &mock,
        250,
        &format!("compare --target a={url}/chat/completions --target b={url}/responses --force"),
    );
    assert_eq!(code, Some(0), "{comparison:#}");
    for row in comparison["rows"].as_array().expect("rows") {
        assert!((1..1000).contains(&row["rounds"].as_u64().expect("a count")), "{row:#}");
        assert!(row["requests_per_s"]["median"].as_f64().expect("a figure") > 0.0, "{row:#}");
    }
}

/// Peers are compared by what there is; the noise guard judges by what was measured, and the figures have a mark.
#[test]
fn peers() {
    let mock = slow_mock();
    // The relay knows no streams: to be refused is quicker than to be told so by a timeout.
    let text = format!(
        "about = \"a relay\"\nstart_s = 120\nstream_model = \"mock?status=500\"\ncommand = {}\n",
        relay_to(&mock)
    );
    let peer = file("peer", &text);
    // Starting and warming up takes at most 100, a round 24.
    let line =
        format!("compare --peer {} --starts 1 --warmup 2ms --open 10 --rates 100 --force", peer.display());
    let (code, verdict) = figures(&mock, 200, &line);
    assert_eq!((code, &verdict["is_complete"]), (Some(1), &Value::from(false)), "{verdict:#}");
    assert!(verdict["baseline"]["requests_per_s"]["median"].as_f64().expect("a figure") > 0.0, "{verdict:#}");
    let row = &verdict["tables"][0]["comparison"]["rows"][0];
    assert!(row["requests_per_s"]["median"].as_f64().expect("a figure") > 0.0, "{row:#}");
    let (_, out, _) = interrupted(&mock, mock.stats().requests + 200, &line);
    assert!(out.contains("INTERRUPTED") && out.contains("requests, as many as can be"), "{out}");
    std::fs::remove_file(peer).expect("it was there");
}

/// Of features, and of the truth, whole rounds are reported; without one, that is said.
#[test]
fn whole_rounds() {
    let mock = slow_mock();
    let list = format!("command = {}\nmodel = \"mock\"\n[lean]\nx = 1\n", relay_to(&mock));
    let list = file("features", &list);
    // Three gateways: starting and warming up takes at most 250, a round 72.
    let line = format!("features --force --file {}", list.display());
    let (code, costs) = figures(&mock, 500, &line);
    assert_eq!((code, &costs["is_complete"]), (Some(1), &Value::from(false)), "{costs:#}");
    for row in costs["rows"].as_array().expect("rows") {
        assert!(row["rounds"].as_u64().expect("a count") > 0 && row["requests"] != 0, "{row:#}");
    }
    let peer = file("truth", &format!("about = \"a relay\"\nstart_s = 120\ncommand = {}\n", relay_to(&mock)));
    let line = format!("truth --rate 100 --header x-relay-own-ns --force --peer {}", peer.display());
    // One gateway: starting and warming up takes at most 100, a round 24.
    let (code, truth) = figures(&mock, mock.stats().requests + 250, &line);
    assert_eq!((code, &truth["is_complete"]), (Some(1), &Value::from(false)), "{truth:#}");
    assert!(truth["rounds"].as_u64().expect("a count") > 0, "{truth:#}");
    // Before the first round is over, there is nothing.
    let (code, out, err) = interrupted(&mock, mock.stats().requests + 1, &line);
    assert!(code == Some(2) && out.is_empty() && err.contains("interrupted"), "{out} {err}");
    for file in [list, peer] {
        std::fs::remove_file(file).expect("it was there");
    }
}
