//! Sessions of who has signed in at AWS' directory: their tokens are renewed as AWS's tools renew them.

use crate::credentials::{answer, ask, ok, provider, quiet, server, setup, shown, start};
use crate::harness::{Io, Scripted, fresh_dir, until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const PAST: &str = "2020-01-01T00:00:00Z";
const FAR: &str = "2099-01-01T00:00:00Z";

/// The directory: it renews `canary-renewal` once, for a token that leads to keys.
fn directory() -> Scripted {
    server(|request| {
        let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
        let line = head.lines().next().unwrap_or_default();
        if line == "POST /token HTTP/1.1" {
            let asked: Value = serde_json::from_str(body).unwrap_or_default();
            let expected = json!({"clientId": "id", "clientSecret": "canary-client", "grantType": "refresh_token", "refreshToken": "canary-renewal"});
            return if asked == expected && head.contains("content-type: application/json") {
                ok(
                    r#"{"accessToken":"canary-fresh","expiresIn":3600,"refreshToken":"canary-next","tokenType":"Bearer"}"#,
                )
            } else {
                answer("400 Bad Request", r#"{"error":"invalid_grant","error_description":"canary words"}"#)
            };
        }
        if line.starts_with("GET /federation/credentials?")
            && head.contains("x-amz-sso_bearer_token: canary-fresh")
        {
            return ok(
                r#"{"roleCredentials":{"accessKeyId":"A-sso","secretAccessKey":"canary-sso","sessionToken":"canary-t","expiration":4070908800000}}"#,
            );
        }
        answer("401 Unauthorized", "")
    })
}

/// Writes what AWS's tools keep of a session: all of them are over.
fn session(home: &Path, name: &str, renewal: &str, registered: &str) -> PathBuf {
    let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes());
    let file: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let file = home.join(".aws/sso/cache").join(file + ".json");
    let text = json!({
        "startUrl": "https://d.example", "region": "r", "accessToken": "canary-old", "expiresAt": PAST,
        "clientId": "id", "clientSecret": "canary-client", "registrationExpiresAt": registered, "refreshToken": renewal,
    });
    std::fs::write(&file, text.to_string()).expect("a file can be written");
    file
}

/// A token that is over is renewed, and what came stands where AWS's tools look for it, for its owner alone. One that is not
/// renewed any more, or whose client is not known any more, is told by its file; no secret is.
#[test]
fn tokens_are_renewed() {
    let (directory, provider, home) = (directory(), provider(), fresh_dir());
    std::fs::create_dir_all(home.join(".aws/sso/cache")).expect("a directory");
    let file = session(&home, "team", "canary-renewal", FAR);
    let refused = session(&home, "refused", "canary-void", FAR);
    let unknown = session(&home, "unknown", "canary-renewal", PAST);
    let mut profiles = String::new();
    for name in ["team", "refused", "unknown"] {
        profiles.push_str(&format!(
            "[profile {name}]\nsso_session={name}\nsso_account_id=12\nsso_role_name=Reader\n\
             [sso-session {name}]\nsso_region=r\nsso_start_url=https://d.example\n"
        ));
    }
    std::fs::write(home.join(".aws/config"), profiles).expect("a file can be written");
    let block = |profile: &str| {
        format!(
            "{{aws: {{region: r, source: profile, profile: {profile}, token_url: \"http://{}\"}}}}",
            directory.address
        )
    };
    let (team, void, lost) = (block("team"), block("refused"), block("unknown"));
    let blocks = [("team", &*team), ("void", &*void), ("lost", &*lost)];
    let gateway =
        start(&setup(Io::Auto, provider.address, &blocks), &[("HOME", home.to_str().expect("a plain path"))]);
    shown(&gateway, &provider, "team");
    assert!(provider.seen().pop().expect("a request").contains("Credential=A-sso/"));
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    let part = |name: &str| kept[name].as_str().unwrap_or_default();
    assert_eq!((part("accessToken"), part("refreshToken")), ("canary-fresh", "canary-next"));
    assert_eq!(
        (part("startUrl"), part("clientId"), part("registrationExpiresAt")),
        ("https://d.example", "id", FAR)
    );
    assert!(part("expiresAt") > "2026" && part("expiresAt").len() == PAST.len(), "{kept}");
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    for (model, file) in [("void", &refused), ("lost", &unknown)] {
        gateway.client().ask(&ask(model)).refused(502, "credential_missing");
        let told =
            |line: &str| line.contains(file.to_str().expect("a plain path")) && line.contains("sign in anew");
        until("the reason", || gateway.stderr().lines().any(told).then_some(()));
        assert!(std::fs::read_to_string(file).expect("the file").contains("canary-old"));
    }
    let asked = directory.seen().iter().filter(|request| request.contains("canary-void")).count();
    let renewals = directory.seen().iter().filter(|request| request.contains("canary-renewal")).count();
    assert!(asked >= 1 && renewals == 1, "{asked} {renewals}");
    quiet(&gateway);
}
