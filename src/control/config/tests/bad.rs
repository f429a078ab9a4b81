//! Bad configurations and all that is complained about in them.
//!
//! `bad.txt` holds the texts, `bad.expected.txt` the complaints; `UPDATE_GOLDEN=1` writes the latter anew.

use super::{complaints, lines};
use std::fmt::Write;
use std::path::PathBuf;

const PROVIDERS: &str = "providers: {openai: {format: openai, base_url: https://api.openai.com/v1}}\n";
const MODELS: &str = "models: {code-assistant: {targets: [{provider: openai, model: m}]}}\n";

/// The text, with providers and models after it if it has none of its own.
fn completed(text: &str) -> String {
    let mut completed = text.to_owned();
    let whole = text.starts_with('#') || text.starts_with("a: 1") || text.contains("[}");
    for (key, rest) in [("providers:", PROVIDERS), ("models:", MODELS)] {
        if !whole && !text.lines().any(|line| line.starts_with(key)) {
            completed += rest;
        }
    }
    completed
}

/// Every bad configuration of the table gives exactly the complaints that the golden file has, and no secret.
#[test]
fn the_table_of_bad_configurations() {
    let mut report = String::new();
    for case in include_str!("bad.txt").split("=== ").skip(1) {
        let (title, text) = case.split_once('\n').expect("a title and a text");
        writeln!(report, "=== {title}\n{}", lines(&complaints(completed(text)))).expect("a string takes all");
    }
    for secret in ["hunter2", "canary", "aaaaaaaa", "12345678"] {
        assert!(!report.contains(secret), "{secret} is shown");
    }
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/control/config/tests/bad.expected.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &report).expect("the golden file is writable");
    }
    let expected = std::fs::read_to_string(&golden).expect("the golden file");
    for (got, want) in report.lines().zip(expected.lines()) {
        assert_eq!(got, want);
    }
    assert_eq!(report, expected);
}

/// Thousands of mistakes are all told, in bounded time.
#[test]
fn many_mistakes() {
    let mut text = format!("{PROVIDERS}{MODELS}groups:\n");
    for i in 0..2000 {
        writeln!(text, "  group-{i}: {{models: [code-assistan{i}]}}").expect("a string takes all");
    }
    assert_eq!(complaints(text).len(), 2000);
}
