//! Clients as people have them: the official packages of `OpenAI`, Anthropic and Google for Python and Node, and curl.
//!
//! One process of each language runs all checks. What every package makes of models behind every provider's format
//! (`matrix`) is looked at once, without TLS; the mock provider stands for all of them.
//!
//! The packages are installed beside the build (`target/sdk`) by `.ci/run clients`, in the versions that the files
//! in `python` and `node` pin. Where a client is missing its tests are skipped and say so; with `CI=true` or
//! `RINGGATE_REQUIRE_SDKS=1` they fail.

mod curl;
mod stage;

use stage::{Stage, Wire, missing, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python packages work through the gateway on the best driver of this machine.
#[test]
fn python() {
    python_on(Wire::Plain);
}

/// The Python packages work through the gateway on epoll.
#[test]
fn python_on_epoll() {
    python_on(Wire::Epoll);
}

/// The Python packages work through the gateway over HTTPS, with an authority that they were told to trust.
#[test]
fn python_over_tls() {
    python_on(Wire::Tls);
}

/// The Node packages work through the gateway on the best driver of this machine.
#[test]
fn node() {
    node_on(Wire::Plain);
}

/// The Node packages work through the gateway on epoll.
#[test]
fn node_on_epoll() {
    node_on(Wire::Epoll);
}

/// The Node packages work through the gateway over HTTPS, with an authority that they were told to trust.
#[test]
fn node_over_tls() {
    node_on(Wire::Tls);
}

fn python_on(wire: Wire) {
    let python = installed().join("python/bin/python");
    if !python.exists() {
        return missing("the Python packages openai, anthropic and google-genai");
    }
    let mut client = Command::new(python);
    // Neither the user's packages nor compiled files beside the sources.
    client.args(["-E", "-s", "-B"]).arg(scripts("python/main.py"));
    check(wire, client);
}

fn node_on(wire: Wire) {
    let packages = installed().join("node");
    if !packages.join("node_modules/@google/genai").exists() {
        return missing("the Node packages openai, @anthropic-ai/sdk and @google/genai");
    }
    let mut client = Command::new("node");
    client.arg(scripts("node/main.mjs")).env("RINGGATE_NODE_SDK", packages);
    check(wire, client);
}

/// Runs a client's checks against a new gateway, and looks at what they left behind.
fn check(wire: Wire, mut client: Command) {
    let mut stage = Stage::set(wire);
    stage.introduce(&mut client);
    let (succeeded, output) = run(client, &stage.gateway.dir.join("client.log"));
    assert!(succeeded, "{output}");
    stage.assert_settled();
}

/// Where the packages are: beside the profile's directory with the binary.
fn installed() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_ringgate")).parent().expect("a directory");
    profile.parent().expect("the target directory").join("sdk")
}

fn scripts(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sdk").join(name)
}
