//! What features cost is measured of real processes, and a list or a gateway that is wrong is named.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::documents;

/// A list whose gateway is the mock provider: what its configuration says becomes a flag.
fn list(name: &str, features: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("{name}-{}.toml", std::process::id()));
    let program = env!("CARGO_BIN_EXE_ringgate-load");
    let flag = r#"$(sed -n 's/^ *"bytes": \([0-9]*\).*/\1/p' {dir}/gateway.yaml)"#;
    let script = format!("exec {program} mock --listen 127.0.0.1:{{port}} --answer-bytes {flag}");
    let command = serde_json::to_string(&["sh", "-c", &script]).expect("JSON");
    let text = format!("command = {command}\nmodel = \"mock\"\n[lean.answer]\nbytes = 100\n{features}");
    std::fs::write(&file, text).expect("a file");
    file
}

fn features(list: &PathBuf, more: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command
        .args("features --rounds 5 --slice 80ms --rate 50 --connections 4 --force --file".split(' '))
        .arg(list);
    let output = command.args(more.split_whitespace()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A feature that makes every answer a hundred times as long is seen to cost time, alone and among all; the same process
/// twice, and what is always on, have their rows.
#[test]
fn features_are_measured() {
    let list = list(
        "features",
        "[[feature]]\nname = \"long\"\nabout = \"long answers\"\nconfig.answer.bytes = 3_000_000\n\
         [[feature]]\nname = \"always\"\nabout = \"x\"\nalways_on = \"it is what it is\"\n",
    );
    let (code, out, err) = features(&list, "--json");
    let costs: Value = serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}"));
    let leaves = ["cpu_us", "cost_us", "requests_per_s", "errors", "skipped"];
    documents::check("features", &costs, &leaves, &[]);
    let rows = costs["rows"].as_array().expect("rows");
    // A machine that did not keep up with the rate is told by the exit code.
    let unsent = rows.iter().any(|row| row["unsent"] != 0);
    assert!(code == Some(i32::from(unsent)) && rows.iter().all(|row| row["wrong"] == 0), "{costs:#}");
    let names: Vec<_> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["lean", "lean-again", "long", "all-together"]);
    assert!(rows[0]["cpu_us"]["median"].as_f64().is_some_and(|cpu| cpu > 1.0), "{costs:#}");
    assert_eq!((&rows[0]["cost_us"], &rows[1]["over"]), (&Value::Null, &Value::from("lean")));
    for row in &rows[2..] {
        // Three megabytes take half a millisecond at the very least.
        assert!(row["cost_us"]["median"].as_f64().is_some_and(|cost| cost > 100.0), "{row:#}");
    }
    assert_eq!(costs["fixed"][0]["always_on"], "it is what it is");
    let (_, table, _) = features(&list, "--only long");
    for words in ["cost us (95 %)", "long answers", "5 rounds"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    std::fs::remove_file(list).expect("it was there");
}

/// A list with a mistake is refused with the file, the line and the key; a gateway that refuses its configuration with the
/// feature's name and its own words.
#[test]
fn says_what_is_wrong() {
    let wrong = list("wrong-features", "[[feature]]\nname = \"a\"\nabuot = \"x\"\n");
    let (code, out, err) = features(&wrong, "");
    assert!(code == Some(2) && out.is_empty(), "{out}");
    for words in ["wrong-features", "line 7", "did you mean `about`?"] {
        assert!(err.contains(words), "{words}: {err}");
    }
    std::fs::remove_file(wrong).expect("it was there");
    let refused = list(
        "refused-features",
        "[[feature]]\nname = \"huge\"\nabout = \"x\"\nconfig.answer.bytes = 99999999999\n",
    );
    let (code, _, err) = features(&refused, "");
    assert!(code == Some(2) && err.contains("\"huge\"") && err.contains("99999999999"), "{err}");
    let (code, _, err) = features(&refused, "--only small");
    assert!(
        code == Some(2) && err.contains("no feature is named \"small\"") && err.contains("huge"),
        "{err}"
    );
    std::fs::remove_file(refused).expect("it was there");
}

/// The list that comes with the program can be had, to begin one's own with.
#[test]
fn shows_its_list() {
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate-load"))
        .args(["features", "--show"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("[[feature]]") && text.contains("A new feature"),
        "{text}"
    );
}
