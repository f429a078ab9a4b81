//! Configurations that compile, and what comes out.

use super::{compile_source, compiled, lines, project_file, sound, source};
use crate::base::secret::KeyHash;
use crate::contract::snapshot::{Access, Addresses, Format, Limits, Provider, Timeouts};
use crate::control::config::{
    AccessLog, Driver, Field, Kind, Origins, Overflow, Presence, ROOT, Shards, Source,
};
use std::sync::Arc;

const SMALL: &str = "
providers: {p: {format: openai, base_url: https://api.example/v1, api_key: ${SECRET}}}
models: {m: {targets: [{provider: p, model: x}]}}
";

/// What is absent has the defaults of the contract.
#[test]
fn defaults() {
    let compiled = compiled(SMALL, &mut Origins::new(None));
    assert!(compiled.warnings.is_empty(), "{}", lines(&compiled.warnings));
    let settings = compiled.settings;
    assert_eq!(settings.listen, ["127.0.0.1:8080".parse().expect("an address")]);
    assert_eq!((settings.shards, settings.io, settings.admin), (Shards::Auto, Driver::Auto, None));
    assert_eq!((settings.access_log, settings.on_overflow), (AccessLog::Stdout, Overflow::Block));
    assert_eq!(settings.drain_timeout_ms, 30_000);
    assert_eq!(compiled.snapshot.limits, Limits::default());
    assert_eq!(compiled.snapshot.access, Access::Open);
    assert_eq!(compiled.snapshot.catalog.models[0].timeouts, Timeouts::default());
}

/// The defaults that the table of keys shows to people are those that hold.
#[test]
fn shown_defaults_hold() {
    let Kind::Section(root) = &ROOT else { unreachable!("the root is a section") };
    let mut text = String::from(SMALL);
    for field in *root {
        let line = match (&field.kind, field.presence) {
            (Kind::Section(fields), _)
                if matches!(field.name, "limits" | "timeouts" | "access_log" | "audit") =>
            {
                format!("{}: {{{}}}\n", field.name, defaults_of(fields))
            }
            (_, Presence::Default(default)) if !default.is_empty() => format!("{}: {default}\n", field.name),
            _ => String::new(),
        };
        text += &line;
    }
    let (shown, held) = (compiled(text, &mut Origins::new(None)), compiled(SMALL, &mut Origins::new(None)));
    assert_eq!(shown.settings, held.settings);
    assert_eq!(shown.snapshot.limits, held.snapshot.limits);
    assert_eq!(shown.snapshot.catalog.models[0].timeouts, held.snapshot.catalog.models[0].timeouts);
}

fn defaults_of(fields: &[Field]) -> String {
    let shown = |field: &Field| match field.presence {
        Presence::Default("") | Presence::Required => String::new(),
        Presence::Default(default) => format!("{}: {default}, ", field.name),
    };
    fields.iter().map(shown).collect()
}

/// A provider's credential goes into the header that it wants, and its URL comes apart.
#[test]
fn providers() {
    let text = "
providers:
  a: {format: openai, base_url: https://API.example/v1/, api_key: ${SECRET}}
  b: {format: openai, base_url: http://10.0.0.7:${PORT}, header: api-key, api_key: $${x, stream_usage: false, responses: false}
  c: {format: openai, base_url: mock}
  d: {format: openai, base_url: http://169.254.169.254, allow_link_local: true}
models: {m: {targets: [{provider: b, model: x}]}}
";
    let mock = "127.0.0.1:4321".parse().expect("an address");
    let snapshot = compiled(text.replace("$${x", "\"$${x\""), &mut Origins::new(Some(mock))).snapshot;
    let [a, b, c, d] = snapshot.providers.as_slice() else { unreachable!("four providers") };
    let credential = |p: &crate::contract::snapshot::Provider| {
        p.credentials.first().map(|c| {
            (p.credential_header.to_string(), String::from_utf8_lossy(c.value.expose()).into_owned())
        })
    };
    assert_eq!(credential(a), Some(("authorization".into(), "Bearer sk-canary-0123456789".into())));
    assert_eq!(credential(b), Some(("api-key".into(), "${x".into())));
    assert_eq!(credential(c), None);
    assert_eq!((&*a.host_header, &*a.base_path, a.origin.port), ("api.example", "/v1", 443));
    assert_eq!((&*b.host_header, &*b.base_path, b.takes_stream_usage), ("10.0.0.7:8123", "", false));
    let endpoint = crate::contract::endpoint::Endpoint::Responses;
    assert_eq!((a.path(endpoint), b.path(endpoint)), (Some("/responses"), None));
    assert_eq!(&*c.base_path, "/v1");
    assert_eq!(**a.origin.addresses.load(), Addresses::Unknown);
    assert_eq!(**c.origin.addresses.load(), Addresses::fixed(mock));
    assert!(matches!(**d.origin.addresses.load(), Addresses::Known { .. }));
}

/// Targets stand best first, wildcards most specific first, and own timeouts fall back to the global ones.
#[test]
fn the_catalog() {
    let text = "
providers: {p: {format: openai, base_url: http://p}, q: {format: openai, base_url: http://q}}
timeouts: {connect_ms: 7, idle_ms: 9}
models:
  m:
    targets:
      - {provider: p, model: late, priority: 2}
      - {provider: q, model: light}
      - {provider: p, model: heavy, weight: 5}
    timeouts: {idle_ms: 1}
    price: {input: 0.05}
    tags: [eu, pii-safe]
    quality: {tier: frontier, elo: 1410}
    sla: {ttft_ms: 300}
  \"*\": {targets: [{provider: p, model: \"*\"}]}
  \"q/*\": {targets: [{provider: q, model: \"*\"}]}
";
    let mut origins = Origins::new(None);
    origins.created_unix = 77;
    let catalog = compiled(text, &mut origins).snapshot.catalog;
    let (model, _) = catalog.find("m").expect("the model");
    let order: Vec<_> = model.targets.iter().map(|t| (t.provider, &*t.model)).collect();
    assert_eq!(order, [(0, "heavy"), (1, "light"), (0, "late")]);
    assert_eq!((model.timeouts.connect_ms, model.timeouts.idle_ms), (7, 1));
    assert_eq!(catalog.find("q/x").map(|(m, star)| (&*m.text, star)), Some(("q/*", "x")));
    assert_eq!(catalog.find("z").map(|(m, star)| (&*m.text, star)), Some(("*", "z")));
    assert_eq!(
        &*model.listing,
        r#"{"id":"m","object":"model","created":77,"owned_by":"p","ringgate":{"tags":["eu","pii-safe"],"quality":{"tier":"frontier","elo":1410.0},"price":{"input":0.05},"sla":{"ttft_ms":300},"targets":3}}"#
    );
    assert_eq!(
        &*model.anthropic_listing,
        r#"{"type":"model","id":"m","display_name":"m","created_at":"1970-01-01T00:01:17.000Z"}"#
    );
}

/// A provider of Anthropic's format: the key goes bare into its own header, the base may end with a version, and the
/// usual version or the provider's own is told.
#[test]
fn anthropic_providers() {
    let text = "\
providers:
  a: {format: anthropic, base_url: https://a/v1/, api_key: ${SECRET}}
  b: {format: anthropic, base_url: https://b/deep, api_key: ${SECRET}, header: Authorization, anthropic_version: 2026-10-21}
  c: {format: openai, base_url: https://c/v1, anthropic_version: 2026-10-21}
models: {m: {targets: [{provider: a, model: x}]}}
";
    let providers = compiled(text, &mut Origins::new(None)).snapshot.providers;
    let [a, b, c] = &providers[..] else { unreachable!("three providers") };
    let credential = |provider: &Provider| {
        let (name, value) =
            (&provider.credential_header, &provider.credentials.first().expect("a key").value);
        format!("{name}: {}", String::from_utf8_lossy(value.expose()))
    };
    assert_eq!((a.format, b.format, c.format), (Format::Anthropic, Format::Anthropic, Format::OpenAi));
    assert_eq!((&*a.base_path, &*b.base_path, &*c.base_path), ("", "/deep", "/v1"));
    assert_eq!(credential(a), "x-api-key: sk-canary-0123456789");
    assert_eq!(credential(b), "authorization: Bearer sk-canary-0123456789");
    let versions = [a, b, c].map(|provider| &*provider.anthropic_version);
    assert_eq!(versions, ["2023-06-01", "2026-10-21", ""]);
}

/// Providers of formats whose paths have their own version: the base may end with it, or not.
#[test]
fn native_providers() {
    let text = "\
providers:
  a: {format: ollama, base_url: http://a:11434}
  b: {format: ollama, base_url: http://b:11434/api/}
  c: {format: cohere, base_url: https://c/v2, api_key: ${SECRET}}
  d: {format: cohere, base_url: https://d/deep, api_key: ${SECRET}}
models: {m: {targets: [{provider: a, model: x}]}}
";
    let providers = compiled(text, &mut Origins::new(None)).snapshot.providers;
    let bases: Vec<_> = providers.iter().map(|provider| &*provider.base_path).collect();
    assert_eq!(bases, ["", "", "", "/deep"]);
    let formats: Vec<_> = providers.iter().map(|provider| provider.format).collect();
    assert_eq!(formats, [Format::Ollama, Format::Ollama, Format::Cohere, Format::Cohere]);
    assert_eq!(&*providers[2].credential_header, "authorization");
}

/// Keys are found by their hash; groups grant by name, by pattern, or everything.
#[test]
fn keys_and_groups() {
    let text = format!(
        "{SMALL}
groups: {{all: {{models: ['*']}}, some: {{models: [m, 'a/*']}}}}
keys:
  - {{id: a, group: some, secret: ${{RINGGATE_CI_KEY}}, expires: 2099-12-31}}
  - {{id: b, group: all, hash: 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015AD'}}
listen: [0.0.0.0:0]
"
    );
    let snapshot = compiled(text, &mut Origins::new(None)).snapshot;
    assert_eq!(snapshot.access, Access::KeyRequired);
    let key = |secret: &str| &snapshot.keys[snapshot.key_by_hash[&KeyHash::of(secret.as_bytes())] as usize];
    assert_eq!(key("ci-canary-0123456789-abcdef").expires_unix, Some(4_102_444_800));
    assert!(snapshot.groups[key("abc").group as usize].models.everything);
    let some = &snapshot.groups[1].models;
    assert!(some.allows("m") && some.allows("a/b") && !some.allows("x"));
}

/// What is understood but not enforced is told; what would be dangerous passes only in writing.
#[test]
fn what_is_not_enforced() {
    let text = format!(
        "{SMALL}
accept_unenforced: true
store: {{url: 'sqlite://./x.db'}}
coordination: {{url: redis://x}}
audit: {{dir: ./audit, bodies: full}}
groups: {{g: {{models: ['*'], rate: {{concurrency: 5}}, budget: {{usd: 15}}}}}}
auth: {{jwt: [{{issuer: 'https://x', audience: y, group_map: {{z: g}}}}]}}
"
    );
    let compiled = compiled(text, &mut Origins::new(None));
    let paths: Vec<_> = compiled.warnings.iter().map(|warning| warning.path.as_str()).collect();
    let expected = [
        "store",
        "coordination",
        "audit.dir",
        "audit.bodies",
        "groups.g.rate",
        "groups.g.budget",
        "auth.jwt",
    ];
    assert_eq!(paths, expected);
    assert_eq!(compiled.snapshot.access, Access::KeyRequired, "an issuer that is not asked lets nobody in");
}

/// A weak secret and an expired key are told.
#[test]
fn weak_keys() {
    let text = format!(
        "{SMALL}
groups: {{g: {{models: ['*']}}}}
keys: [{{id: a, group: g, secret: short, expires: 2020-01-01}}]
"
    );
    let warnings = lines(&compiled(text, &mut Origins::new(None)).warnings);
    assert!(warnings.contains("keys[0].secret: is shorter than 20 characters"), "{warnings}");
    assert!(warnings.contains("keys[0].expires: is over"), "{warnings}");
}

/// Equal peers are one origin with one number, within a configuration and over reloads; others are not.
#[test]
fn origins_outlive_configurations() {
    let text = "
providers:
  a: {format: openai, base_url: https://x/v1}
  b: {format: openai, base_url: https://X:443/v2}
  c: {format: openai, base_url: http://x:443}
  d: {format: openai, base_url: https://x, server_name: y}
  e: {format: openai, base_url: https://x, allow_link_local: true}
models: {m: {targets: [{provider: a, model: x}]}}
";
    let mut origins = Origins::new(None);
    let (first, second) = (compiled(text, &mut origins), compiled(text, &mut origins));
    let ids: Vec<_> = first.snapshot.providers.iter().map(|p| p.origin.id).collect();
    assert_eq!(ids, [0, 0, 1, 2, 3]);
    assert_eq!(first.origins.len(), 4);
    for (a, b) in first.snapshot.providers.iter().zip(&second.snapshot.providers) {
        assert!(Arc::ptr_eq(&a.origin, &b.origin));
    }
}

/// Settings that a reload does not change are told apart.
#[test]
fn differences() {
    let compile = |more: &str| compiled(format!("{SMALL}{more}"), &mut Origins::new(None)).settings;
    let (one, other) = (compile("shards: 2\n"), compile("shards: 3\n"));
    assert_eq!(one.differences(&one), Vec::<&str>::new());
    assert_eq!(one.differences(&other), ["shards"]);
    let moved =
        compile("shards: 2\nlisten: [127.0.0.1:0]\nadmin: {address: '0.0.0.0:1', allow_remote: true}\n");
    assert_eq!(one.differences(&moved), ["listen", "admin"]);
}

/// The quickstart compiles without any variable, warns of nothing, and needs the embedded mock.
#[test]
fn the_quickstart() {
    let source = Source::read(project_file("quickstart.yaml")).expect("the file");
    let mock = "127.0.0.1:4321".parse().expect("an address");
    let compiled = sound(compile_source(&source, &mut Origins::new(Some(mock))));
    assert!(compiled.warnings.is_empty(), "{}", lines(&compiled.warnings));
    assert!(compiled.snapshot.key_by_hash.contains_key(&KeyHash::of(b"ringgate-quickstart-key")));
    assert!(compiled.snapshot.catalog.find("mock/anything").is_some());
    let complaints = compile_source(&source, &mut Origins::new(None)).err().expect("no mock runs");
    assert!(lines(&complaints).contains("no mock provider runs"));
}

/// The reference names every key there is, and compiles as it stands.
#[test]
fn the_reference() {
    let source = Source::read(project_file("gateway.yaml")).expect("the file");
    let compiled = sound(compile_source(&source, &mut Origins::new(None)));
    assert!(compiled.warnings.is_empty(), "{}", lines(&compiled.warnings));
    assert_every_key(&ROOT, &source.text);
}

fn assert_every_key(kind: &Kind, text: &str) {
    match kind {
        Kind::Section(fields) => {
            for field in *fields {
                assert!(text.contains(&format!("{}:", field.name)), "{} is not in the reference", field.name);
                assert_every_key(&field.kind, text);
            }
        }
        Kind::Named(inner) | Kind::List(inner) => assert_every_key(inner, text),
        Kind::Either(one, other) => [one, other].into_iter().for_each(|kind| assert_every_key(kind, text)),
        _ => {}
    }
}

/// Limits stand in the snapshot as they are written, and may come from the environment.
#[test]
fn limits() {
    let text = format!("{SMALL}limits: {{headers: 50, head_ms: 0, body_bytes: ${{PORT}}}}\n");
    let limits = compiled(text, &mut Origins::new(None)).snapshot.limits;
    let expected = Limits { headers: 50, head_ms: 0, body_bytes: 8123, ..Limits::default() };
    assert_eq!(limits, expected);
}

/// A configuration that cannot be read is one complaint with its name.
#[test]
fn unreadable() {
    let complaint = Source::read("/nonexistent.yaml").expect_err("there is none");
    let expected = "/nonexistent.yaml:1:1: cannot read /nonexistent.yaml: No such file or directory";
    assert_eq!(complaint.to_string(), expected);
    assert_eq!(source("x").text, "x");
}
