//! Credentials that are fetched or sign: what comes out, and what lives on.

use super::{Compiled, sound};
use crate::base::secret::Secret;
use crate::contract::names::Names;
use crate::contract::pass::{PassSlot, Shown};
use crate::control::config::{Complaint, Origins, Source, compile_with};
use crate::control::scratch::Scratch;
use std::ffi::OsString;
use std::sync::Arc;

/// The JSON of a service account's key.
pub fn account() -> String {
    let key = include_str!("../../../../tests/it/fixtures/test-only-rsa-2048.key");
    serde_json::json!({"client_email": "a@b.example", "private_key_id": "k", "private_key": key}).to_string()
}

/// A configuration with a provider for each of these `auth` blocks.
fn text(blocks: &[&str]) -> String {
    let row = |(at, block)| format!("  p{at}: {{format: openai, base_url: https://x, auth: {block}}}\n");
    let rows: String = blocks.iter().enumerate().map(row).collect();
    format!("providers:\n{rows}models: {{m: {{targets: [{{provider: p0, model: m}}]}}}}\n")
}

fn compile(
    scratch: &Scratch,
    blocks: &[&str],
    origins: &mut Origins,
    variables: &[(&str, &str)],
) -> Result<Compiled, Vec<Complaint>> {
    let source = Source { path: Some(scratch.path.join("gateway.yaml")), text: text(blocks) };
    let variable = |name: &str| {
        let value = variables.iter().find(|(known, _)| *known == name);
        value.map(|(_, value)| OsString::from(value))
    };
    compile_with(&source, &Names::default(), origins, 1, &variable)
}

/// The keys that a slot holds: id, key, token, region, service.
fn keys(slot: &Arc<PassSlot>) -> [String; 5] {
    let pass = slot.pass();
    let Some(Shown::Signature(keys)) = pass.as_ref().map(|pass| &pass.shown) else {
        unreachable!("keys of AWS")
    };
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    let token = keys.session_token.as_ref().map(text).unwrap_or_default();
    [
        text(&keys.access_key_id),
        text(&keys.secret_access_key),
        token,
        keys.region.to_string(),
        keys.service.to_string(),
    ]
}

fn slots(compiled: &Compiled) -> Vec<Arc<PassSlot>> {
    compiled.snapshot.providers.iter().filter_map(|provider| provider.pass.clone()).collect()
}

/// Keys of AWS that need nobody's answer are there at once: from the configuration, the environment, a profile.
#[test]
fn keys_that_are_here() {
    let scratch = Scratch::new();
    let file = scratch
        .write("own", "[team]\naws_access_key_id=AP\naws_secret_access_key=SP\naws_session_token=TP\n");
    scratch.write("usual", "[default]\naws_access_key_id=AD\naws_secret_access_key=SD\n");
    let blocks = [
        "{aws: {region: eu-west-1, source: static, access_key_id: AS, secret_access_key: '${KEY}'}}",
        "{aws: {region: us-gov-west-1, service: other, source: env}}",
        "{aws: {region: r, source: profile, profile: team, profile_file: own}}",
        "{aws: {region: r, source: profile}}",
    ];
    let usual = scratch.path.join("usual");
    let variables = [
        ("KEY", "SS/+="),
        ("AWS_ACCESS_KEY_ID", "AE"),
        ("AWS_SECRET_ACCESS_KEY", "SE"),
        ("AWS_SESSION_TOKEN", "TE"),
        ("AWS_SHARED_CREDENTIALS_FILE", usual.to_str().expect("a plain path")),
    ];
    let compiled = sound(compile(&scratch, &blocks, &mut Origins::new(None), &variables));
    let found: Vec<_> = slots(&compiled).iter().map(keys).collect();
    assert_eq!(found[0], ["AS", "SS/+=", "", "eu-west-1", "bedrock"]);
    assert_eq!(found[1], ["AE", "SE", "TE", "us-gov-west-1", "other"]);
    assert_eq!(found[2], ["AP", "SP", "TP", "r", "bedrock"]);
    assert_eq!(found[3], ["AD", "SD", "", "r", "bedrock"]);
    assert!(compiled.passes.is_empty(), "nothing is to be fetched");
    assert!(compiled.files.contains(&file) && compiled.files.contains(&usual), "a profile's file is watched");
}

/// What has to be fetched is told to the keeper, and starts empty.
#[test]
fn credentials_that_are_fetched() {
    let scratch = Scratch::new();
    scratch.write("key.json", &account());
    let blocks = [
        "{aws: {region: r, source: container}}",
        "{aws: {region: r, source: imds}}",
        "{aws: {region: r, source: web_identity}}",
        "{google: {service_account: 'file:key.json'}}",
        "{google: {service_account: '${ACCOUNT}'}}",
        "{google: {metadata: true}}",
        "{entra: {tenant: t.example, client_id: c, client_secret: s}}",
        "{entra: {managed_identity: true, client_id: c}}",
    ];
    let account = account();
    let variables = [
        ("ACCOUNT", &*account),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
    ];
    let compiled = sound(compile(&scratch, &blocks, &mut Origins::new(None), &variables));
    let names: Vec<_> = compiled.passes.iter().map(|kept| kept.source.name()).collect();
    let wanted = [
        "aws_container",
        "aws_imds",
        "aws_web_identity",
        "google_service_account",
        "google_service_account",
        "google_metadata",
        "entra_client",
        "entra_managed_identity",
    ];
    assert_eq!(names, wanted);
    assert!(slots(&compiled).iter().all(|slot| slot.pass().is_none()));
}

/// A slot lives on over reloads for as long as its settings are the same, files and variables included; providers with
/// equal settings share one.
#[test]
fn slots_outlive_reloads() {
    let scratch = Scratch::new();
    let mut origins = Origins::new(None);
    let entra = |secret: &str| format!("{{entra: {{tenant: t, client_id: c, client_secret: {secret}}}}}");
    let (one, other) = (entra("one"), entra("other"));
    let profile = "{aws: {region: r, source: profile, profile_file: file}}";
    let written = |key: &str| {
        scratch.write("file", &format!("[default]\naws_access_key_id=A\naws_secret_access_key={key}\n"));
    };
    written("first");
    let before = sound(compile(&scratch, &[&one, &one, profile], &mut origins, &[]));
    let first = slots(&before);
    assert!(Arc::ptr_eq(&first[0], &first[1]));
    let second = slots(&sound(compile(&scratch, &[&one, &other, profile], &mut origins, &[])));
    assert!(Arc::ptr_eq(&first[0], &second[0]) && !Arc::ptr_eq(&first[0], &second[1]));
    assert!(Arc::ptr_eq(&first[2], &second[2]));
    written("second");
    let third = slots(&sound(compile(&scratch, &[&one, &one, profile], &mut origins, &[])));
    assert!(Arc::ptr_eq(&first[0], &third[0]) && !Arc::ptr_eq(&first[2], &third[2]));
    assert_eq!((&*keys(&first[2])[1], &*keys(&third[2])[1]), ("first", "second"));
}

/// Complaints about what the environment and files should have hold nothing of what is in them.
#[test]
fn complaints_tell_no_secret() {
    let scratch = Scratch::new();
    scratch.write("file", "[default]\naws_access_key_id=canary\naws_secret_access_key=two canaries\n");
    let blocks = [
        "{aws: {region: r, source: env}}",
        "{aws: {region: r, source: profile, profile_file: file}}",
        "{aws: {region: r, source: profile, profile_file: file, profile: absent}}",
        "{aws: {region: r, source: web_identity}}",
        "{google: {service_account: '${AWS_ACCESS_KEY_ID}'}}",
    ];
    let variables = [("AWS_ACCESS_KEY_ID", "canary\nx"), ("AWS_SECRET_ACCESS_KEY", "")];
    let complaints =
        compile(&scratch, &blocks, &mut Origins::new(None), &variables).err().expect("complaints");
    let told = super::lines(&complaints).replace(scratch.path.to_str().expect("a plain path"), "DIR");
    assert!(!told.contains("canar"), "{told}");
    let lines: Vec<_> = told.lines().filter_map(|line| line.splitn(3, ": ").nth(2)).collect();
    assert_eq!(
        lines,
        [
            "is env, and AWS_ACCESS_KEY_ID has characters that a header cannot carry (spaces, line ends)",
            "is env, and AWS_SECRET_ACCESS_KEY is not set",
            "aws_secret_access_key of \"default\" in DIR/file has characters that a header cannot carry (spaces, line ends)",
            "DIR/file: there is no profile \"absent\"",
            "is absent, and AWS_ROLE_ARN is not set",
            "is absent, and AWS_WEB_IDENTITY_TOKEN_FILE is not set",
            "is not the JSON of a service account's key (for a file: file:/path)",
        ]
    );
}
