//! Peers are started, measured and ended; those that cannot be are named.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::client::PATIENCE;
use crate::documents;

/// How long a peer may take to start on a slow machine.
const PATIENT_S: u32 = 120;

/// The mock provider in the place of a gateway.
fn peer(name: &str, start_s: u32, command: &[&str]) -> PathBuf {
    let file = std::env::temp_dir().join(format!("{name}-{}.toml", std::process::id()));
    let command = serde_json::to_string(command).expect("JSON");
    let text = format!(
        "about = \"a peer of a test\"\ninstall = \"nobody can\"\nstart_s = {start_s}\ncommand = {command}\n"
    );
    std::fs::write(&file, text).expect("a file");
    file
}

fn compare(peers: &[&PathBuf], more: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.args(
        "compare --rounds 3 --slice 60ms --rates 40,200 --warmup 40ms --starts 2 --connections 4".split(' '),
    );
    command.args(peers.iter().flat_map(|peer| ["--peer".into(), peer.as_os_str().to_owned()]));
    let output = command.args(more.split_whitespace()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Every peer has its rows in every table, its start-up and its memory; those that do not start are skipped by name, and
/// nothing is left running.
#[test]
fn peers_are_compared() {
    let program = env!("CARGO_BIN_EXE_ringgate-load");
    // Nobody else's process has this on its command line.
    let mark = format!("{}00000", std::process::id());
    let mock = ["mock", "--seed", &mark, "--listen", "127.0.0.1:{port}"];
    let one = peer("one", PATIENT_S, &[&[program], &mock[..]].concat());
    let two = peer("two", PATIENT_S, &[&[program], &mock[..], &["--delay-ms", "50"]].concat());
    let missing = peer("missing", PATIENT_S, &["no-such-program-anywhere"]);
    let silent = peer("silent", 1, &["sleep", "600"]);
    let dying = peer("dying", PATIENT_S, &["sh", "-c", "echo no such file {port}; exit 3"]);
    let (code, out, err) = compare(&[&one, &two, &missing, &silent, &dying], "--open 20 --force --json");
    let verdict: Value = serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}"));
    let skipped = verdict["skipped"].to_string();
    for words in ["it is not installed", "it does not listen", "exit status: 3", "no such file"] {
        assert!(skipped.contains(words), "{words}: {skipped}");
    }
    let name = |row: &Value| row["target"].as_str().expect("a name").split('-').next().map(str::to_owned);
    documents::check_comparison(&verdict);
    let mut unsent = 0;
    for table in verdict["tables"].as_array().expect("tables") {
        let rows = table["comparison"]["rows"].as_array().expect("rows");
        let names: Vec<_> = rows.iter().filter_map(name).filter(|it| it != "direct").collect();
        // With four connections and 50 ms, it cannot answer more than 80.
        let is_too_fast = table["title"]
            .as_str()
            .is_some_and(|it| it.contains("200 per second, HTTP/1.1") && it.starts_with("requests"));
        let is_stream_rate = table["title"]
            .as_str()
            .is_some_and(|it| it.starts_with("streams") && it.contains("200 per second"));
        let left_out = table["left_out"].as_array().expect("names");
        if is_too_fast || is_stream_rate {
            assert!(names.iter().all(|it| it == "one") && !left_out.is_empty(), "{table}");
        } else {
            assert!(names == ["one", "two"] && left_out.is_empty(), "{table}");
        }
        // Who takes the time of the others has fewer turns.
        let turns = 1..=3;
        let had_turns = |row: &Value| row["rounds"].as_u64().is_some_and(|rounds| turns.contains(&rounds));
        assert!(rows.iter().all(|row| row["wrong"] == 0 && had_turns(row)), "{table}");
        assert_eq!(table["failed"], Value::from(Vec::<String>::new()), "{table}");
        unsent += rows.iter().filter_map(|row| row["unsent"].as_u64()).sum::<u64>();
        assert!(rows[0]["cpu_us"]["median"].as_f64().is_some_and(|cpu| cpu > 0.0), "{table}");
    }
    // A machine that did not keep up with the rate is told by its exit code.
    assert_eq!(code, Some(i32::from(unsent > 0)), "{verdict:#}");
    let paced = &verdict["tables"][1]["comparison"]["rows"];
    assert!(paced[1]["latency_us"]["p50"].as_f64().is_some_and(|latency| latency > 49_000.0), "{paced}");
    assert!(paced[1]["added_us"]["p50"]["us"].is_f64(), "{paced}");
    let memory = verdict["memory"].as_array().expect("rows");
    assert!(memory.len() == 2 && memory.iter().all(|row| row["failed"].is_null()), "{verdict:#}");
    assert!(verdict["starts"][0]["start_ms"]["median"].as_f64().is_some_and(|start| start > 0.0));
    let processes = Command::new("ps").args(["-eo", "args"]).output().expect("ps");
    let left = String::from_utf8_lossy(&processes.stdout).contains(&format!("mock --seed {mark}"));
    assert!(processes.status.success() && !left, "a peer was left behind");
    for file in [one, two, missing, silent, dying] {
        std::fs::remove_file(file).expect("it was there");
    }
}

/// A peer hears the signals that we hold back for ourselves: it could not end in order otherwise.
#[test]
fn peers_hear_signals() {
    let telling = peer("telling", PATIENT_S, &["grep", "SigBlk", "/proc/self/status"]);
    let (code, _, err) = compare(&[&telling], "--open 20");
    assert!(code == Some(2) && err.contains("SigBlk:\t0000000000000000"), "{err}");
    std::fs::remove_file(telling).expect("it was there");
}

/// Without a single peer there is nothing to compare, and that says why.
#[test]
fn no_peer_is_an_error() {
    let missing = peer("nobody", PATIENT_S, &["no-such-program-anywhere"]);
    let (code, out, err) = compare(&[&missing], "--open 20");
    assert!(code == Some(2) && out.is_empty() && err.contains("no peer could be started"), "{err}");
    std::fs::remove_file(missing).expect("it was there");
}

/// The mock provider in the place of a gateway that speaks HTTP/2 without TLS as well, with a place for its port.
fn http2_peer(name: &str) -> PathBuf {
    let program = env!("CARGO_BIN_EXE_ringgate-load");
    let command = serde_json::to_string(&[program, "mock", "--listen", "127.0.0.1:{port}"]).expect("JSON");
    let file = std::env::temp_dir().join(format!("{name}-{}.toml", std::process::id()));
    let text = format!(
        "about = \"a peer of a test\"\nplain_http2 = true\nstart_s = {PATIENT_S}\ncommand = {command}\nversion = [\"echo\", \"told 7\"]\n"
    );
    std::fs::write(&file, text).expect("a file");
    file
}

/// Only the parts that are wanted are measured, within about the time that there is, and a page is drawn. Who does not speak
/// HTTP/2 after all is named.
#[test]
fn parts_within_a_budget() {
    let peer = http2_peer("parts");
    let page = peer.with_extension("html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.args(
        "compare --parts requests,rates,memory --rates 100 --budget 8s --open 20,30 --slice 50ms".split(' '),
    );
    command
        .args("--connections 4 --starts 1 --force --json --page".split(' '))
        .arg(&page)
        .arg("--peer")
        .arg(&peer);
    let output = command.output().expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let verdict: Value = serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}"));
    assert_eq!(output.status.code(), Some(1), "{verdict:#}");
    let titles: Vec<_> =
        verdict["tables"].as_array().expect("tables").iter().map(|it| it["title"].clone()).collect();
    assert_eq!(titles, ["requests, as many as can be, HTTP/1.1", "requests, 100 per second, HTTP/1.1"]);
    let rows = verdict["tables"][1]["comparison"]["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["rounds"].as_u64().is_some_and(|rounds| rounds > 3)), "{verdict:#}");
    let memory = verdict["memory"].as_array().expect("rows");
    let opened = |http: u64| -> Vec<_> {
        memory
            .iter()
            .filter(|row| row["http"] == http)
            .map(|row| (row["wanted"].as_u64(), row["open"].as_u64()))
            .collect()
    };
    assert_eq!(opened(1), [(Some(20), Some(20)), (Some(30), Some(30))], "{verdict:#}");
    assert_eq!(opened(2), [(Some(20), Some(0)), (Some(30), Some(0))], "{verdict:#}");
    assert!(memory[2]["failed"].is_string() && verdict["starts"][0]["version"] == "told 7", "{verdict:#}");
    assert!(verdict["commit"].is_null() || verdict["commit"].as_str().is_some_and(|it| it.len() > 6));
    for words in ["table 1 of 2", "left]", "memory of parts-"] {
        assert!(err.contains(words), "{words}: {err}");
    }
    let drawn = std::fs::read_to_string(&page).expect("a page");
    assert!(drawn.contains("requests, 100 per second, HTTP/1.1") && !drawn.contains("STYLE"), "{drawn}");
    for file in [peer, page] {
        std::fs::remove_file(file).expect("it was there");
    }
}

/// A peer runs on its own core, and what it starts does.
#[test]
fn peers_are_pinned() {
    let telling = peer("pinned", PATIENT_S, &["sh", "-c", "grep Cpus_allowed_list /proc/self/status"]);
    let (code, _, err) = compare(&[&telling], "--open 20");
    assert!(code == Some(2) && err.contains("Cpus_allowed_list:\t0: it ended"), "{err}");
    let (_, _, err) = compare(&[&telling], "--open 20 --cpu 0");
    assert!(err.contains("need a core each"), "{err}");
    std::fs::remove_file(telling).expect("it was there");
}

/// Whoever has had enough while peers start, or are warmed up, sees how long those that did took to start; the one that was to
/// be next is not called one that does not start, and no peer is left.
#[test]
fn interrupted_before_the_first_round() {
    let program = env!("CARGO_BIN_EXE_ringgate-load");
    let mark = format!("{}0000001", std::process::id());
    let mock = [program, "mock", "--seed", &mark, "--listen", "127.0.0.1:{port}"];
    let one = peer("warm", PATIENT_S, &mock);
    let silent = peer("never", PATIENT_S, &["sleep", "600"]);
    for (peers, phase, code) in [
        (vec![&one, &silent], "starting never", Some(1)),
        (vec![&one], "warming up warm", Some(1)),
        (vec![&silent], "starting never", Some(2)),
    ] {
        let mut command = Command::new(program);
        command.args(["compare", "--warmup", "9m", "--starts", "1", "--open", "20"]);
        command.args(peers.iter().flat_map(|peer| ["--peer".into(), peer.as_os_str().to_owned()]));
        command.arg("--force");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut told = BufReader::new(child.stderr.take().expect("piped"));
        let (mut err, begun) = (String::new(), Instant::now());
        while !err.contains(phase) {
            assert!(told.read_line(&mut err).expect("text") > 0, "{err}");
        }
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()) && begun.elapsed() < PATIENCE);
        let begun = Instant::now();
        told.read_to_string(&mut err).expect("text");
        let output = child.wait_with_output().expect("it ends");
        assert!(begun.elapsed() < PATIENCE, "{phase}: {:?}", begun.elapsed());
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == code && !err.contains("skipped"), "{phase}: {out}{err}");
        if code == Some(1) {
            // How long it took to start is known by then.
            assert!(out.contains("INTERRUPTED") && out.contains("first answer ms"), "{phase}: {out}");
            assert!(
                out.contains("was not measured") && out.contains("ratios are to warm-"),
                "{phase}: {out}"
            );
        } else {
            assert!(out.is_empty() && err.contains("interrupted before anything was measured"), "{out}{err}");
        }
    }
    let processes = Command::new("ps").args(["-eo", "args"]).output().expect("ps");
    let left = String::from_utf8_lossy(&processes.stdout).contains(&format!("mock --seed {mark}"));
    assert!(processes.status.success() && !left, "a peer was left behind");
    for file in [one, silent] {
        std::fs::remove_file(file).expect("it was there");
    }
}
