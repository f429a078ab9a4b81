//! Requests that are signed for AWS, verified as AWS would.

use crate::credentials::{CHAT, ask, ask_with, field, provider, quiet, setup, start};
use crate::harness::{fresh_dir, on_both_drivers, post, until};
use ring::{digest, hmac};
use std::fmt::Write as _;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// Reads a request as AWS does: from what it says was signed, and the secret, its signature must come out.
#[track_caller]
pub fn verify(request: &str, id: &str, secret: &str, token: Option<&str>, place: &str) {
    let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
    let said = field(request, "authorization").expect("a signature");
    let said = said.strip_prefix("AWS4-HMAC-SHA256 ").expect("the algorithm");
    let part = |name: &str| {
        let part = said.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.expect("a part").to_owned()
    };
    let (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let date = field(request, "x-amz-date").expect("a date");
    let scope = format!("{}/{place}/aws4_request", &date[..8]);
    assert_eq!(credential, format!("{id}/{scope}"));
    assert_eq!(field(request, "x-amz-security-token"), token);
    for needed in ["host", "content-type", "x-amz-date"] {
        assert!(names.split(';').any(|name| name == needed), "{needed} is not signed: {names}");
    }
    assert_eq!(names.contains("x-amz-security-token"), token.is_some());
    let mut line = head.lines().next().expect("a request line").split(' ');
    let (method, target) = (line.next().expect("a method"), line.next().expect("a target"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut canonical = format!("{method}\n{}\n{query}\n", path.replace('%', "%25").replace(':', "%3A"));
    for name in names.split(';') {
        writeln!(canonical, "{name}:{}", field(request, name).expect("a signed field")).expect("text");
    }
    write!(canonical, "\n{names}\n{}", sha256(body)).expect("text");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(&canonical));
    let mut key = format!("AWS4{secret}").into_bytes();
    for step in scope.split('/').chain([text.as_str()]) {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), step.as_bytes()).as_ref().to_vec();
    }
    assert_eq!(signature, hex(&key), "of {canonical}");
}

/// Requests are signed as they are sent: edited or translated, short, long, or streamed; with keys from the
/// configuration, the environment or a file, which may change while the gateway runs.
#[test]
fn requests_are_signed() {
    on_both_drivers(|io| {
        let provider = provider();
        let dir = fresh_dir();
        let file = dir.join("credentials");
        let write = |key: &str| {
            let fresh = dir.join("fresh");
            let text = format!("[team]\naws_access_key_id = AP\naws_secret_access_key = canary-{key}\n");
            std::fs::write(&fresh, text).expect("a file can be written");
            std::fs::rename(&fresh, &file).expect("a file can be renamed");
        };
        write("first");
        let own = "{aws: {region: eu-west-1, source: static, access_key_id: AS, secret_access_key: canary-s, \
                   session_token: canary/token+==}}";
        let profile = format!(
            "{{aws: {{region: r, source: profile, profile: team, profile_file: \"{}\"}}}}",
            file.display()
        );
        let blocks =
            [("own", own), ("env", "{aws: {region: r, service: x, source: env}}"), ("profile", &profile)];
        let variables = [("AWS_ACCESS_KEY_ID", "AE"), ("AWS_SECRET_ACCESS_KEY", "canary-e")];
        let gateway = start(&setup(io, provider.address, &blocks), &variables);
        let mut client = gateway.client();
        let long = "long words ".repeat(60_000);
        for model in ["own", "own-x"] {
            for content in ["hi", &long] {
                assert_eq!(client.ask(&ask_with(model, content)).status, 200);
                let request = provider.seen().pop().expect("a request");
                assert!(request.contains("real") && !request.contains(&format!("\"{model}\"")));
                verify(&request, "AS", "canary-s", Some("canary/token+=="), "eu-west-1/bedrock");
            }
        }
        // Usage is asked for: an edit in the middle of the client's bytes.
        let streamed = post(CHAT, r#"{"model":"own","stream":true,"messages":[]}"#);
        client.ask(&streamed);
        let request = provider.seen().pop().expect("a request");
        assert!(request.contains("include_usage"));
        verify(&request, "AS", "canary-s", Some("canary/token+=="), "eu-west-1/bedrock");
        for model in ["env", "env-x"] {
            assert_eq!(client.ask(&ask(model)).status, 200);
            verify(&provider.seen().pop().expect("a request"), "AE", "canary-e", None, "r/x");
        }
        assert_eq!(client.ask(&ask("profile")).status, 200);
        verify(&provider.seen().pop().expect("a request"), "AP", "canary-first", None, "r/bedrock");
        write("second");
        until("the new profile", || (gateway.metric("gateway_config_version") == 2).then_some(()));
        assert_eq!(client.ask(&ask("profile-x")).status, 200);
        verify(&provider.seen().pop().expect("a request"), "AP", "canary-second", None, "r/bedrock");
        quiet(&gateway);
    });
}
