//! What the compiler makes of whole configurations.

mod bad;
mod good;
mod hostile;
mod media;
mod passes;
mod scale;
mod tls;
mod vendors;

use super::{Compiled, Complaint, Origins, Source, compile_with};
use crate::contract::names::Names;
use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that tests' configurations may refer to.
fn variable(name: &str) -> Option<OsString> {
    let value = match name {
        "SECRET"
        | "OPENAI_API_KEY"
        | "ANTHROPIC_API_KEY"
        | "AZURE_OPENAI_API_KEY"
        | "GROQ_API_KEY"
        | "MISTRAL_API_KEY"
        | "AWS_BEARER_TOKEN_BEDROCK" => "sk-canary-0123456789",
        "RINGGATE_CI_KEY" => "ci-canary-0123456789-abcdef",
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" | "AZURE_CLIENT_SECRET" => {
            "canary-cloud"
        }
        "PORT" => "8123",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.into())
}

fn source(text: impl Into<String>) -> Source {
    Source { path: Some("gateway.yaml".into()), text: text.into() }
}

fn compile_source(source: &Source, origins: &mut Origins) -> Result<Compiled, Vec<Complaint>> {
    compile_with(source, &Names::default(), origins, 1, &variable)
}

/// What compiled, or a failed test with the complaints.
fn sound(result: Result<Compiled, Vec<Complaint>>) -> Compiled {
    result.unwrap_or_else(|complaints| unreachable!("{}", lines(&complaints)))
}

fn compiled(text: impl Into<String>, origins: &mut Origins) -> Compiled {
    sound(compile_source(&source(text), origins))
}

fn complaints(text: impl Into<String>) -> Vec<Complaint> {
    compile_source(&source(text), &mut Origins::new(None)).err().expect("complaints")
}

fn lines(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| complaint.to_string() + "\n").collect()
}

/// A file of the project's `config` directory.
fn project_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}
