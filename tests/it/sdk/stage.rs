//! A gateway for real clients: several models, two keys, and TLS where it is wanted.

use crate::harness::{Gateway, Io, KEY, Setup, mock, until};
use loadtest::mock::Mock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A key whose group may use the model `chat` and no other.
const NARROW_KEY: &str = "canary-client-key-narrow";
/// A provider of each format, and where it is at the mock. The clients call models behind it `PROVIDER/NAME`.
const PROVIDERS: [(&str, &str, &str); 10] = [
    ("openai", "openai", "/v1"),
    ("openai-responses", "openai-responses", "/v1"),
    ("anthropic", "anthropic", ""),
    ("gemini", "gemini", ""),
    ("bedrock", "bedrock", ""),
    ("bedrock-anthropic", "bedrock-anthropic", ""),
    ("vertex", "gemini", "/v1/projects/p/locations/l/publishers/google"),
    ("vertex-anthropic", "vertex-anthropic", "/v1/projects/p/locations/l/publishers/anthropic"),
    ("cohere", "cohere", ""),
    ("ollama", "ollama", ""),
];
/// How long all checks of one client may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// What stands between client and gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    Plain,
    Epoll,
    Tls,
}

/// A gateway with a mock provider, and what a client must know of it.
pub struct Stage {
    pub gateway: Gateway,
    mock: Mock,
    wire: Wire,
    pub ca: Option<PathBuf>,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Starts both. One at a time: checks of timeouts want a processor.
    pub fn set(wire: Wire) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mock = mock();
        let io = if wire == Wire::Epoll { Io::Epoll } else { Io::Auto };
        let mut setup = Setup::at(io, mock.address)
            .provider("absent", "http://127.0.0.1:1/v1", "")
            .model("mock/*", "{provider: up, model: \"*\"}", "")
            .model("hurried/*", "{provider: up, model: \"*\"}", "timeouts: {first_byte_ms: 300}")
            .model("chat", "{provider: up, model: mock-large}", "tags: [demo]")
            .model("team/writer", "{provider: up, model: mock}", "")
            .provider_of("anthropic", "claude", &mock.base_url(), "")
            .model("claude", "{provider: claude, model: claude-mock}", "")
            .model("claude/*", "{provider: claude, model: \"*\"}", "")
            .model("nowhere", "{provider: absent, model: x}", "")
            .with("groups", "{everyone: {models: [\"*\"]}, narrow: {models: [chat]}}")
            .with("keys", &format!("[{}, {}]", key("everyone", KEY), key("narrow", NARROW_KEY)));
        for (name, format, path) in PROVIDERS {
            setup = setup.provider_of(format, name, &format!("http://{}{path}", mock.address), "").model(
                &format!("{name}/*"),
                &format!("{{provider: {name}, model: \"*\"}}"),
                "",
            );
        }
        let files = (wire == Wire::Tls).then(certificates);
        if let Some(files) = &files {
            let tls = format!("{{cert: \"{0}/cert.pem\", key: \"{0}/key.pem\"}}", files.display());
            setup = setup.with("listen", &format!("[{{address: \"127.0.0.1:0\", tls: {tls}}}]"));
        }
        let ca = files.map(|files| files.join("ca.pem"));
        Self { gateway: Gateway::start(&setup), mock, wire, ca, _turn: turn }
    }

    /// What clients put before `/v1`.
    pub fn origin(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.gateway.address)
    }

    /// Tells a client where the gateway is, and whom to trust.
    pub fn introduce(&self, client: &mut Command) {
        client
            .env("RINGGATE_URL", self.origin() + "/v1")
            .env("RINGGATE_KEY", KEY)
            .env("RINGGATE_NARROW_KEY", NARROW_KEY);
        // What models of every format answer does not depend on what carries it.
        if self.wire == Wire::Plain {
            client.env("RINGGATE_MATRIX", "1");
        }
        if let Some(ca) = &self.ca {
            client.env("RINGGATE_CA", ca).env("NODE_EXTRA_CA_CERTS", ca);
        }
    }

    /// Asserts that the clients that left were noticed upstream, that nothing panicked, and that what is left of
    /// the gateway's work ends when it is told to.
    pub fn assert_settled(&mut self) {
        until("answers that clients left to be cancelled", || (self.mock.stats().aborted >= 2).then_some(()));
        assert_eq!(self.gateway.metric("gateway_panics_total"), 0);
        self.gateway.signal(rustix::process::Signal::TERM);
        assert_eq!(self.gateway.wait().code(), Some(0), "{}", self.gateway.stderr());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(files) = self.ca.as_deref().and_then(Path::parent) {
            drop(fs::remove_dir_all(files));
        }
    }
}

fn key(group: &str, secret: &str) -> String {
    format!("{{id: {group}, group: {group}, secret: {secret}}}")
}

/// A new authority, and a certificate of it for the loopback address: `ca.pem`, `cert.pem` and `key.pem` in one
/// directory.
fn certificates() -> PathBuf {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // With one name for both, clients take the leaf for self-signed.
    ca.distinguished_name.push(DnType::CommonName, "an authority for one test");
    let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();
    let leaf_key = KeyPair::generate().expect("a key");
    let mut leaf = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).expect("parameters");
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key)).expect("a certificate");
    let files = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("certificates-{}", std::process::id()));
    fs::create_dir_all(&files).expect("a directory can be made");
    for (name, text) in [("ca.pem", ca_pem), ("cert.pem", leaf.pem()), ("key.pem", leaf_key.serialize_pem())]
    {
        fs::write(files.join(name), text).expect("a file can be written");
    }
    files
}

/// Runs a client to its end; gives whether it succeeded, and what it printed. Output goes through a file, so that a
/// client that is cut off has still said how far it came.
pub fn run(mut client: Command, log: &Path) -> (bool, String) {
    let file = File::create(log).expect("a file can be made");
    client.stdin(Stdio::null()).stdout(file.try_clone().expect("a descriptor")).stderr(file);
    let mut child = client.spawn().expect("the client starts");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break Some(status);
        }
        if Instant::now() > deadline {
            child.kill().expect("the child can be killed");
            child.wait().expect("a child can be waited for");
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut output = String::from_utf8_lossy(&fs::read(log).expect("the log")).into_owned();
    if status.is_none() {
        output += "\nthe client did not end in time";
    }
    (status.is_some_and(|status| status.success()), output)
}

/// Says that a client is missing, or fails where it must not be.
pub fn missing(client: &str) {
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let required = set("CI", "true") || set("RINGGATE_REQUIRE_SDKS", "1");
    let message = format!("{client} is not installed; `.ci/run clients` installs it");
    assert!(!required, "{message}");
    // Not by the macro: a test that passes would keep it to itself.
    writeln!(std::io::stderr(), "skipped: {message}").expect("standard error is open");
}
