//! A target that tells the truth about its own time is believed, one that does not is found out. The target is the relay:
//! what it says can be made wrong.

use std::path::PathBuf;
use std::process::Command;

use loadtest::mock::{MockOptions, Settings, start};
use serde_json::Value;

use crate::client::Client;
use crate::documents;

fn peer(name: &str, command: &[&str]) -> PathBuf {
    let file = std::env::temp_dir().join(format!("{name}-{}.toml", std::process::id()));
    let command = serde_json::to_string(command).expect("JSON");
    std::fs::write(&file, format!("about = \"a peer of a test\"\ncommand = {command}\n")).expect("a file");
    file
}

/// A relay that says it took so much longer than it did.
fn relay(name: &str, boast_us: &str) -> PathBuf {
    let program = env!("CARGO_BIN_EXE_ringgate-load");
    let flags = ["--listen", "127.0.0.1:{port}", "--provider", "{provider}", "--boast-us", boast_us];
    peer(name, &[&[program, "relay"], &flags[..]].concat())
}

fn truth(peer: &PathBuf, more: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.args("truth --rounds 3 --slice 100ms --rate 400 --connections 4 --force --peer".split(' '));
    let output = command.arg(peer).args(more.split_whitespace()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Bars that only a lie can miss on a machine that has other work to do.
const WIDE: &str = "--header x-relay-own-ns --p50-bar 2s --p99-bar 1000000 --json";

/// An honest target is within the bars; one that claims seconds is not, and is caught at taking longer than the exchange did.
#[test]
fn lies_are_found_out() {
    let honest = relay("honest", "0");
    let (code, out, err) = truth(&honest, WIDE);
    let told: Value = serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}"));
    let leaves = [
        "own",
        "seen",
        "seen_relay",
        "seen_direct",
        "added",
        "difference",
        "difference_all",
        "left_over",
        "transport",
        "requests_per_s",
    ];
    let by_metrics = "metric count mean_us p50_us p99_us header_count header_mean_us header_p50_us header_p99_us seen_own_p50_us is_within";
    let by_metrics: Vec<String> = by_metrics.split(' ').map(|it| format!("by_metrics.{it}")).collect();
    let mut without = told.clone();
    // The relay has no metrics.
    assert!(without.as_object_mut().expect("an object").remove("by_metrics").is_some_and(|it| it.is_null()));
    documents::check("truth", &without, &leaves, &by_metrics.iter().map(String::as_str).collect::<Vec<_>>());
    // A process that loses its core between its clock and its write has told too much, by no lie.
    let impossible = told["impossible"].as_u64().expect("a count");
    assert!(code == Some(i32::from(told["unsent"] != 0)) && impossible <= 60, "{told:#}");
    let median = |told: &Value, line: &str| told[line]["p50_us"]["us"].as_f64().expect("a figure");
    assert!(median(&told, "own") > 0.0 && median(&told, "seen") > median(&told, "own"), "{told:#}");
    let sent = |told: &Value| {
        let [good, unsent] = ["requests", "unsent"].map(|name| told[name].as_u64().expect("a count"));
        assert_eq!(good + unsent, 120, "{told:#}");
        good
    };
    assert!(sent(&told) > 60, "{told:#}");

    let boasting = relay("boasting", "5000000");
    let (code, out, _) = truth(&boasting, WIDE);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, &told["p50"]["is_within"], &told["impossible"]),
        (Some(1), &Value::from(false), &Value::from(sent(&told)))
    );
    let difference = median(&told, "difference");
    assert!((-6_000_000.0..-4_000_000.0).contains(&difference), "{difference}");

    let (_, table, _) = truth(&boasting, "--header x-relay-own-ns");
    for words in ["NOT WITHIN 5.0", "left over by the relay", "exchanges took less time"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    std::fs::remove_file(honest).expect("it was there");
    std::fs::remove_file(boasting).expect("it was there");
}

/// Nothing is compared with a target that does not say its time, with answers that are wrong, or without a unit.
#[test]
fn silence_is_an_error() {
    let silent = relay("silent-relay", "0");
    let (code, out, err) = truth(&silent, "--header x-nothing-us");
    assert!(code == Some(2) && out.is_empty() && err.contains("do not say how long it took"), "{err}");
    let (code, _, err) = truth(&silent, "--header x-nothing");
    assert!(code == Some(2) && err.contains("--header") && err.contains("-us"), "{err}");
    std::fs::remove_file(silent).expect("it was there");
    // A provider of its own, whose answers have no stamps.
    let other =
        peer("no-stamps", &[env!("CARGO_BIN_EXE_ringgate-load"), "mock", "--listen", "127.0.0.1:{port}"]);
    let (code, _, err) = truth(&other, "");
    assert!(code == Some(2) && err.contains("without the provider's stamps"), "{err}");
    std::fs::remove_file(other).expect("it was there");
}

/// A mock stamps its answers with moments in their order when it is told to, and only then.
#[test]
fn mocks_stamp_their_answers() {
    let stamps = |stamps: bool, body: &str| {
        let settings = Settings { stamps, ..Settings::default() };
        let mock = start(MockOptions { settings, ..MockOptions::default() }).expect("start");
        let answer = Client::connect(mock.address).ask("/v1/chat/completions", body);
        assert_eq!(answer.status, 200);
        let stamp = |name: &str| {
            answer.header(name).map(|digits| u64::from_str_radix(digits, 16).expect("hexadecimal digits"))
        };
        stamp("x-mock-received").zip(stamp("x-mock-answered"))
    };
    let delayed = r#"{"model":"mock?delay_ms=20","stream":true}"#;
    assert_eq!(stamps(false, delayed), None);
    let (received, answered) = stamps(true, delayed).expect("both");
    let now = loadtest::sys::monotonic_ns();
    assert!(answered >= received + 10_000_000 && answered <= now, "{received} {answered} {now}");
    assert!(received > now - 60_000_000_000, "{received} {now}");
}
