//! `ringgate import`: what it writes, what it tells, and how it ends.

use crate::harness::{Finished, fresh_dir, run_to_end, run_with};
use std::path::{Path, PathBuf};

const FIXTURES: [&str; 7] = ["small", "balanced", "wildcard", "fallbacks", "unknown", "hostile", "clouds"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/litellm")
}

/// Runs the importer over a fixture, which it sees by its bare name.
fn import(fixture: &str, more: &[&str]) -> Finished {
    let source = folder().join(format!("{fixture}.yaml"));
    let mut arguments = vec!["import", "litellm", source.to_str().expect("text")];
    arguments.extend(more);
    let mut ended = run_to_end(&arguments);
    ended.stderr = ended.stderr.replace(&format!("{}/", folder().display()), "");
    ended
}

/// The text is what the golden file holds; `UPDATE_GOLDEN=1` writes it anew.
fn expect(name: &str, text: &str) {
    let golden = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, text).expect("the golden file is writable");
    }
    assert_eq!(text, std::fs::read_to_string(&golden).expect("the golden file"), "{name}");
}

/// Every variable that a configuration refers to, with a value that is good for what it is for, and the keys of AWS.
fn variables(yaml: &str) -> Vec<(String, String)> {
    let references = yaml.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    let names = references.chain(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    names.map(|name| (name.to_owned(), value(name))).collect()
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (&**name, &**value)).collect()
}

/// An address is as good a key as any other text.
fn value(name: &str) -> String {
    const KEY: &str = include_str!("fixtures/test-only-rsa-2048.key");
    match name {
        "AWS_REGION_NAME" | "VERTEXAI_PROJECT" => "eu-west-1".into(),
        _ if name.starts_with("VERSION_") => "2024-10-21".into(),
        _ if ["REGION_", "LOCATION_", "PROJECT_"].iter().any(|start| name.starts_with(start)) => {
            "eu-west-1".into()
        }
        _ if name.starts_with("JSON_") || name.ends_with("_SERVICE_ACCOUNT") => {
            serde_json::json!({"client_email": "a@b.example", "private_key": KEY}).to_string()
        }
        _ => "https://variable.example".into(),
    }
}

/// Each fixture gives the configuration and the report that its golden files hold; `check` takes the configuration.
#[test]
fn fixtures_are_imported() {
    let dir = fresh_dir();
    for fixture in FIXTURES {
        let ended = import(fixture, &[]);
        assert_eq!(ended.code, Some(0), "{fixture}: {}", ended.stderr);
        expect(&format!("{fixture}.expected.yaml"), &ended.stdout);
        expect(&format!("{fixture}.expected.txt"), &ended.stderr);
        let file = dir.join(format!("{fixture}.yaml"));
        let path = file.to_str().expect("text");
        assert_eq!(import(fixture, &["--output", path]).stdout, "");
        assert_eq!(std::fs::read_to_string(&file).expect("the output"), ended.stdout);
        let checked = run_with(&["check", "--config", path], &borrowed(&variables(&ended.stdout)));
        assert_eq!(checked.code, Some(0), "{fixture}: {}", checked.stderr);
    }
    drop(std::fs::remove_dir_all(dir));
}

/// `--strict` fails where anything was told, and only there.
#[test]
fn strict_fails_on_any_line() {
    for fixture in FIXTURES {
        let ended = import(fixture, &["--strict"]);
        let expected = i32::from(!ended.stderr.is_empty());
        assert_eq!(ended.code, Some(expected), "{fixture}: {}", ended.stderr);
        assert!(ended.stdout.contains("providers:"), "the configuration is written all the same");
    }
    assert_eq!(import("small", &["--strict"]).code, Some(0));
}

/// What cannot be read ends with 2 and one line, and nothing is written.
#[test]
fn unreadable_sources_end_with_two() {
    let dir = fresh_dir();
    let output = dir.join("gateway.yaml");
    for fixture in ["broken", "nonexistent"] {
        let ended = import(fixture, &["--output", output.to_str().expect("text")]);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{}", ended.stderr);
        assert!(!ended.stderr.contains("canary") && !output.exists());
    }
    let list = dir.join("list.yaml");
    std::fs::write(&list, "- model_list\n").expect("a file");
    assert_eq!(run_to_end(&["import", "litellm", list.to_str().expect("text")]).code, Some(2));
    drop(std::fs::remove_dir_all(dir));
}

/// The help says what comes out where, and what the exit codes mean.
#[test]
fn the_help_teaches() {
    let help = run_to_end(&["import", "litellm", "--help"]).stdout;
    for words in ["standard error", "--strict 1", "ringgate check gateway.yaml"] {
        assert!(help.contains(words), "{words}: {help}");
    }
}
