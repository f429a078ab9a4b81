//! What comes of any text at all.

use super::{Imported, litellm};
use crate::contract::names::Names;
use crate::control::config::{Compiled, Origins, Source, compile_with};
use std::ffi::OsString;
use std::path::PathBuf;

/// What no output and no line may hold: every secret of the fixtures has it in it.
const CANARY: &str = "canary";

fn fixtures() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/litellm");
    let files = std::fs::read_dir(folder).expect("the fixtures").map(|entry| entry.expect("an entry").path());
    let is_source = |path: &PathBuf| !path.to_string_lossy().ends_with(".expected.yaml");
    let sources = files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).filter(is_source);
    sources.map(|path| std::fs::read_to_string(path).expect("text")).collect()
}

fn imported(text: &str) -> Option<Imported> {
    litellm(&Source { path: Some("litellm.yaml".into()), text: text.into() }).ok()
}

/// A value that is good for what a variable of this name is for, even where only the name's beginning is left of it; an
/// address is as good a key as any other text.
#[expect(clippy::unnecessary_wraps, reason = "a variable may be absent elsewhere")]
fn variable(name: &str) -> Option<OsString> {
    const KEY: &str = include_str!("../../../tests/it/fixtures/test-only-rsa-2048.key");
    let value = match name {
        "AWS_REGION_NAME" => "eu-west-1".to_owned(),
        _ if name.starts_with('V') && !name.ends_with("SERVICE_ACCOUNT") => "2024-10-21".into(),
        _ if name.starts_with(['R', 'L', 'P']) => "eu-west-1".into(),
        _ if name.starts_with('J') || name.ends_with("SERVICE_ACCOUNT") => {
            serde_json::json!({"client_email": "a@b.example", "private_key": KEY}).to_string()
        }
        _ => "https://variable.example".into(),
    };
    Some(value.into())
}

fn compiled(yaml: &str) -> Compiled {
    let source = Source { path: None, text: yaml.into() };
    compile_with(&source, &Names::default(), &mut Origins::new(None), 1, &variable)
        .unwrap_or_else(|complaints| unreachable!("{complaints:?}\n{yaml}"))
}

/// Whatever line a source lacks, the output compiles, and no secret is in it or in the report.
#[test]
fn outputs_compile_and_hold_no_secret() {
    let mut compared = 0;
    for text in fixtures() {
        let lines: Vec<&str> = text.lines().collect();
        for lacking in 0..=lines.len() {
            let kept = lines.iter().enumerate().filter(|(index, _)| *index != lacking).map(|(_, line)| *line);
            let Some(imported) = imported(&kept.collect::<Vec<_>>().join("\n")) else { continue };
            compiled(&imported.yaml);
            let told = imported.report.to_string();
            assert!(!imported.yaml.contains(CANARY) && !told.contains(CANARY), "{}{told}", imported.yaml);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

/// Wherever a source breaks off, it is imported or refused, and the refusal shows no secret.
#[test]
fn broken_sources_are_refused() {
    let mut refused = 0;
    for text in fixtures() {
        for end in (0..text.len()).step_by(7).filter(|end| text.is_char_boundary(*end)) {
            let source = Source { path: None, text: text[..end].into() };
            match litellm(&source) {
                Ok(imported) => drop(compiled(&imported.yaml)),
                Err(complaint) => {
                    assert!(!complaint.to_string().contains(CANARY), "{complaint}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 10, "{refused}");
}

/// Two different secrets never share a variable, and a variable of the source's own is never given to another.
#[test]
fn secrets_keep_apart() {
    let text = "
model_list:
  - {model_name: a, litellm_params: {model: openai/x, api_key: sk-canary-1}}
  - {model_name: b, litellm_params: {model: openai/x, api_key: sk-canary-2}}
  - {model_name: c, litellm_params: {model: openai/x, api_key: sk-canary-1}}
  - {model_name: d, litellm_params: {model: openai/x}}
  - {model_name: e, litellm_params: {model: groq/x, api_key: os.environ/OPENAI_2_API_KEY}}
general_settings: {master_key: os.environ/OPENAI_3_API_KEY}
";
    let yaml = imported(text).expect("sound").yaml;
    let providers: Vec<_> = yaml.lines().filter(|line| line.contains("api_key")).map(str::trim).collect();
    let expected = [
        "openai: {vendor: openai, api_key: \"${OPENAI_API_KEY}\"}",
        "groq: {vendor: groq, api_key: \"${OPENAI_2_API_KEY}\"}",
        "openai-2: {vendor: openai, api_key: \"${OPENAI_2_2_API_KEY}\"}",
        "openai-3: {vendor: openai, api_key: \"${OPENAI_3_2_API_KEY}\"}",
    ];
    assert_eq!(providers, expected);
}

/// What the new names mean to the gateway is what the old ones meant: targets, shares, order, stars.
#[test]
fn meanings_survive() {
    let text = "
model_list:
  - {model_name: chat, litellm_params: {model: openai/one, api_key: os.environ/A, weight: 3}}
  - {model_name: chat, litellm_params: {model: groq/two, api_key: os.environ/A, weight: 1}}
  - {model_name: chat, litellm_params: {model: groq/three, api_key: os.environ/A, order: 2, weight: 0}}
  - {model_name: 'xai/*', litellm_params: {model: 'xai/*', timeout: 1.5}}
router_settings:
  fallbacks: [{chat: [xai/grok]}]
  model_group_alias: {gpt-4: chat}
  stream_timeout: 2
";
    let imported = imported(text).expect("sound");
    let snapshot = compiled(&imported.yaml).snapshot;
    for name in ["chat", "gpt-4"] {
        let (model, _) = snapshot.catalog.find(name).expect(name);
        let targets: Vec<_> = model.targets.iter().map(|t| (&*t.model, t.weight, t.priority)).collect();
        assert_eq!(targets, [("one", 3, 1), ("two", 1, 1), ("three", 1, 3), ("grok", 1, 4)], "{name}");
        assert_eq!(model.timeouts.first_byte_ms, 2000);
    }
    let (model, star) = snapshot.catalog.find("xai/grok-4").expect("the pattern");
    assert_eq!((&*model.targets[0].model, star, model.timeouts.total_ms), ("*", "grok-4", 1500));
}

/// The provider that an entry becomes, without its name; what is told of it, or why it is left out.
fn provider(params: &str) -> (String, String) {
    let text = format!("model_list: [{{model_name: m, litellm_params: {{{params}}}}}]");
    let imported = imported(&text).expect("sound");
    let row = imported.yaml.lines().find(|line| line.contains("base_url: ") || line.contains("vendor: "));
    let row = row.and_then(|row| row.trim().split_once(": ")).map_or("", |(_, row)| row);
    (row.into(), imported.report.lines.iter().map(|line| format!("{}\n", line.message)).collect())
}

/// Where Google's and Amazon's clouds are asked, and whose credentials they see, whatever way an entry says it.
#[test]
fn clouds_are_found() {
    const GOOGLE: &str = "model: vertex_ai/gemini-3.1-pro, vertex_project: p";
    const AMAZON: &str =
        "model: bedrock/x, aws_access_key_id: os.environ/I, aws_secret_access_key: os.environ/K";
    for (params, holds) in [
        (format!("{GOOGLE}, vertex_location: eu"), "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publ"),
        (format!("{GOOGLE}, vertex_location: global"), "\"https://aiplatform.googleapis.com/v1/projects/p/locations/global/"),
        (format!("{GOOGLE}, vertex_credentials: /etc/key.json"), "service_account: \"file:/etc/key.json\""),
        (format!("{GOOGLE}, vertex_credentials: key.json"), "service_account: \"file:key.json\""),
        (format!("{GOOGLE}, vertex_credentials: '{{\"private_key\": \"x\"}}'"), "{service_account: \"${VERTEX_SERVICE_ACCOUNT}\"}"),
        (format!("{GOOGLE}, api_base: 'https://proxy.example/google/'"), "base_url: \"https://proxy.example/google\""),
        (format!("{AMAZON}, aws_region_name: cn-north-1"), "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        (AMAZON.into(), "https://bedrock-runtime.${AWS_REGION_NAME}.amazonaws.com"),
        (format!("{GOOGLE}, vertex_credentials: ya29.canary"), "{service_account: \"${VERTEX_SERVICE_ACCOUNT}\"}"),
        ("model: bedrock/eu-west-3/x, aws_profile_name: team".into(), "source: profile, profile: team"),
        ("model: bedrock/eu-west-3/x, aws_role_name: 'arn:aws:iam::1:role/r', aws_web_identity_token: os.environ/T".into(), "source: web_identity, role_arn: \"arn:aws:iam::1:role/r\"}"),
        (format!("{AMAZON}, aws_region_name: r-x-1, aws_role_name: 'arn:aws:iam::1:role/r', aws_session_name: s1, aws_external_id: e"), "secret_access_key: \"${K}\", role_arn: \"arn:aws:iam::1:role/r\", role_session_name: s1, external_id: e}"),
        ("model: bedrock/eu-west-3/x, aws_profile_name: team, aws_role_name: 'arn:aws:iam::1:role/r', aws_sts_endpoint: 'https://sts.example'".into(), "source: profile, profile: team, role_arn: \"arn:aws:iam::1:role/r\", sts_url: \"https://sts.example\"}"),
        ("model: bedrock/eu-west-3/x, aws_role_name: 'arn:aws:iam::1:role/r'".into(), "source: env, role_arn: \"arn:aws:iam::1:role/r\"}"),
        ("model: anthropic.claude-x, custom_llm_provider: bedrock, aws_region_name: eu-west-3".into(), "{vendor: bedrock, "),
        ("model: azure/d, api_base: 'https://r.example', api_version: v1, api_key: os.environ/K".into(), "\"https://r.example/openai/v1\", api_key"),
        ("model: cohere/embed-v4.0, api_base: 'https://api.cohere.example/v2/embed'".into(), "{vendor: cohere-native, base_url: \"https://api.cohere.example\""),
        ("model: ollama_chat/x, api_base: 'http://10.0.0.1:11434/v1'".into(), "{vendor: ollama-native, base_url: \"http://10.0.0.1:11434\"}"),
    ] {
        let (row, told) = provider(&params);
        assert!(row.contains(holds), "{params}: {row} {told}");
    }
    for params in [
        format!("{GOOGLE}, api_key: sk-canary"),
        format!("{AMAZON}, litellm_credential_name: shared"),
        format!("{AMAZON}, api_version: 1"),
    ] {
        assert!(provider(&params).1.contains("not carried: it is not looked at"), "{params}");
    }
    for (params, why) in [
        ("model: bedrock/x, aws_region_name: 'eu west'", "left out: its region is not the name of one"),
        ("model: bedrock/x, aws_region_name: 'a.example/'", "left out: its region is not the name of one"),
        ("model: bedrock/x, aws_region_name: '${X}'", "left out: its aws_region_name holds a `${`"),
        (
            "model: vertex_ai/gemini-x, vertex_project: p, vertex_location: a/b",
            "left out: its location is not",
        ),
        (
            "model: vertex_ai/gemini-x, vertex_project: 'p/../q', vertex_location: us",
            "left out: its project is not",
        ),
        ("model: vertex_ai/imagen-4", "left out: of Vertex AI this version asks"),
        ("model: vertex_ai/gemini-embedding-001", "left out: of Vertex AI this version asks"),
        ("model: bedrock/x, api_base: 'http://169.254.169.254/'", "left out: its address leads to"),
    ] {
        let (row, told) = provider(params);
        assert!(row.is_empty() && told.contains(why), "{params}: {row} {told}");
    }
}
