//! Peers are started, measured and ended; those that cannot be are named.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The mock provider in the place of a gateway.
fn peer(name: &str, command: &[&str]) -> PathBuf {
    let file = std::env::temp_dir().join(format!("{name}-{}.toml", std::process::id()));
    let command = serde_json::to_string(command).expect("JSON");
    let text =
        format!("about = \"a peer of a test\"\ninstall = \"nobody can\"\nstart_s = 1\ncommand = {command}\n");
    std::fs::write(&file, text).expect("a file");
    file
}

fn compare(peers: &[&PathBuf], more: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.args(
        "compare --rounds 3 --slice 60ms --rates 100 --warmup 40ms --starts 2 --connections 4".split(' '),
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
    let one = peer("one", &[&[program], &mock[..]].concat());
    let two = peer("two", &[&[program], &mock[..], &["--delay-ms", "2"]].concat());
    let missing = peer("missing", &["no-such-program-anywhere"]);
    let silent = peer("silent", &["sleep", "60"]);
    let dying = peer("dying", &["sh", "-c", "echo no such file {port}; exit 3"]);
    let (code, out, err) = compare(&[&one, &two, &missing, &silent, &dying], "--open 20 --force --json");
    let verdict: Value = serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}"));
    assert_eq!(code, Some(0), "{verdict:#}");
    let skipped = verdict["skipped"].to_string();
    for words in ["it is not installed", "it does not listen", "exit status: 3", "no such file"] {
        assert!(skipped.contains(words), "{words}: {skipped}");
    }
    let name = |row: &Value| row["target"].as_str().expect("a name").split('-').next().map(str::to_owned);
    for table in verdict["tables"].as_array().expect("tables") {
        let rows = table["comparison"]["rows"].as_array().expect("rows");
        let names: Vec<_> = rows.iter().filter_map(name).filter(|it| it != "direct").collect();
        assert_eq!(names, ["one", "two"], "{table}");
        assert!(rows[0]["cpu_us"]["median"].as_f64().is_some_and(|cpu| cpu > 0.0), "{table}");
    }
    let paced = &verdict["tables"][1]["comparison"]["rows"];
    assert!(paced[1]["added_us"]["p50"]["median"].as_f64().is_some_and(|added| added > 1000.0), "{paced}");
    assert_eq!(verdict["memory"].as_array().map(Vec::len), Some(2));
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
    let telling = peer("telling", &["grep", "SigBlk", "/proc/self/status"]);
    let (code, _, err) = compare(&[&telling], "--open 20");
    assert!(code == Some(2) && err.contains("SigBlk:\t0000000000000000"), "{err}");
    std::fs::remove_file(telling).expect("it was there");
}

/// Without a single peer there is nothing to compare, and that says why.
#[test]
fn no_peer_is_an_error() {
    let missing = peer("nobody", &["no-such-program-anywhere"]);
    let (code, out, err) = compare(&[&missing], "--open 20");
    assert!(code == Some(2) && out.is_empty() && err.contains("no peer could be started"), "{err}");
    std::fs::remove_file(missing).expect("it was there");
}
