//! curl, over HTTP/1.1 and HTTP/2.

use super::stage::{Stage, Wire, missing, run};
use crate::harness::KEY;
use std::path::Path;
use std::process::Command;

const HELLO: &str = r#"{"model":"chat","messages":[{"role":"user","content":"Hello!"}]}"#;
/// What curl prints behind an answer.
const REPORT: &str = "\n%{http_version} %{http_code}\n";

/// curl is answered alike over HTTP/1.1 and HTTP/2 without TLS: whole, streamed, refused, with a large body.
#[test]
fn curl_without_tls() {
    for wire in [Wire::Plain, Wire::Epoll] {
        let Some(stage) = set(wire) else { return };
        for (flag, version) in [("--http1.1", "1.1"), ("--http2", "1.1"), ("--http2-prior-knowledge", "2")] {
            answers(&stage, flag, version);
        }
    }
}

/// curl agrees on HTTP/2 or HTTP/1.1 within TLS, and refuses a certificate of nobody it trusts.
#[test]
fn curl_over_tls() {
    let Some(stage) = set(Wire::Tls) else { return };
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        answers(&stage, flag, version);
    }
    many_streams(&stage);
    let mut stranger = Command::new("curl");
    stranger.args(["-q", "-sS", "--noproxy", "*"]).arg(stage.origin() + "/v1/models");
    let (succeeded, output) = run(stranger, &stage.gateway.dir.join("stranger.log"));
    assert!(!succeeded && output.contains("certificate"), "{output}");
}

fn set(wire: Wire) -> Option<Stage> {
    let version = Command::new("curl").arg("--version").output();
    let can = version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("HTTP2"));
    if !can {
        missing("curl with HTTP/2");
    }
    can.then(|| Stage::set(wire))
}

fn answers(stage: &Stage, flag: &str, version: &str) {
    let ok = format!("{version} 200");
    let whole = post(stage, &[flag, "-d", HELLO]);
    assert!(whole.contains(r#""object":"chat.completion""#) && ends_with(&whole, &ok), "{flag}: {whole}");

    let wanted = r#"{"model":"mock/m?chunks=500&gap_ms=0.1","messages":[],"stream":true}"#;
    let streamed = post(stage, &[flag, "-N", "-d", wanted]);
    let chunks = streamed.lines().filter(|line| line.starts_with("data: {")).count();
    assert!(chunks >= 500 && streamed.contains("data: [DONE]\n"), "{flag}: {chunks} chunks");
    assert!(ends_with(&streamed, &ok), "{flag}");

    let refused = post(stage, &[flag, "-d", r#"{"model":"absent","messages":[]}"#]);
    assert!(
        refused.contains("model_not_found") && ends_with(&refused, &format!("{version} 404")),
        "{refused}"
    );

    let body = stage.gateway.dir.join("body.json");
    let prompt = "x".repeat(3_000_000);
    std::fs::write(&body, HELLO.replace("chat", "mock/m?fault=echo_headers").replace("Hello!", &prompt))
        .expect("a file can be written");
    let file = format!("@{}", body.display());
    let large = post(stage, &[flag, "--data-binary", &file]);
    assert!(large.contains("\"body_bytes\":3000") && ends_with(&large, &ok), "{flag}: {large}");
    // Without a length: chunked in HTTP/1.1, bare frames in HTTP/2.
    let piped = post(stage, &[flag, "-H", "Transfer-Encoding: chunked", "--data-binary", &file]);
    post(stage, &[flag, "-X", "POST", "-H", "Content-Length:", "-T", &body.display().to_string()]);
    assert!(piped.contains("\"body_bytes\":3000") && ends_with(&piped, &ok), "{flag}: {piped}");
}

/// Thirty streams at once on as few HTTP/2 connections as curl likes. With TLS only: curl 7.88 fails at sharing a
/// connection of prior knowledge, whoever serves it.
fn many_streams(stage: &Stage) {
    let mut curl = curl(stage, &["--http2", "--parallel", "--parallel-max", "30"]);
    curl.args(["-d", r#"{"model":"mock/m?chunks=20&gap_ms=2","messages":[],"stream":true}"#]);
    curl.args(["-o", "/dev/null"]).arg(stage.origin() + "/v1/chat/completions?n=[1-30]");
    let (succeeded, output) = run(curl, &stage.gateway.dir.join("curl.log"));
    assert!(succeeded, "{output}");
    assert_eq!(output.lines().filter(|line| *line == "2 200").count(), 30, "{output}");
}

fn post(stage: &Stage, arguments: &[&str]) -> String {
    let mut curl = curl(stage, arguments);
    curl.arg(stage.origin() + "/v1/chat/completions");
    let (succeeded, output) = run(curl, &stage.gateway.dir.join("curl.log"));
    assert!(succeeded, "{arguments:?}: {output}");
    output
}

fn curl(stage: &Stage, arguments: &[&str]) -> Command {
    let mut curl = Command::new("curl");
    // `-q`: the user's own settings do not count.
    curl.args(["-q", "-sS", "--max-time", "60", "--noproxy", "*", "-w", REPORT]).args(arguments);
    curl.args(["-H", "Content-Type: application/json", "-H", &format!("Authorization: Bearer {KEY}")]);
    if let Some(ca) = &stage.ca {
        curl.arg("--cacert").arg::<&Path>(ca);
    }
    curl
}

fn ends_with(output: &str, report: &str) -> bool {
    output.trim_end().lines().last() == Some(report)
}
