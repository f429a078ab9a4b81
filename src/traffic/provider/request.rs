//! The head of an upstream request, written afresh.

use crate::contract::endpoint::Endpoint;
use crate::contract::snapshot::{Credential, Format, Provider};
use crate::http::{encode, is};
use crate::traffic::translate::count::Counter;
use crate::traffic::translate::embeddings::Method;
use crate::traffic::translate::{Crossing, Form, Speech};
use std::io::Write as _;

/// What stands for a model's name in a path.
const MODEL: &str = "{id}";
/// How all paths begin that have it: most have not, and are not looked through.
const NAMED: &str = "/model";

/// Whether a client's header field goes to the provider as it is: what a body means, what dialect version it
/// speaks, how it is to be served, and nothing about who sent it. Fields that choose an account of the client's own
/// (`openai-organization`, `openai-project`, `x-goog-user-project`) stay here: the account is the gateway's.
pub fn passes(name: &str) -> bool {
    let name = name.as_bytes();
    match name.len() {
        6 => is(name, b"accept"),
        10 => is(name, b"user-agent"),
        11 => is(name, b"openai-beta"),
        12 => is(name, b"content-type"),
        14 => is(name, b"anthropic-beta") || is(name, b"openai-version") || is(name, b"x-grok-conv-id"),
        15 => is(name, b"idempotency-key"),
        16 => is(name, b"content-language") || is(name, b"x-server-timeout"),
        17 => is(name, b"anthropic-version") || is(name, b"x-goog-api-client"),
        18 => is(name, b"groq-model-version"),
        19 => is(name, b"x-client-request-id"),
        28 => is(name, b"x-vertex-ai-llm-request-type"),
        35 => is(name, b"x-vertex-ai-llm-shared-request-type"),
        36 => is(name, b"x-ms-oai-image-generation-deployment"),
        _ => false,
    }
}

/// Where below a provider's base a translated request goes, and the query behind that. `{id}` stands for the model's
/// name. `method`: what texts are to be embedded by, where there are several.
pub fn crossing_path(crossing: Crossing, form: Form, method: Method) -> (&'static str, &'static [u8]) {
    let path = match crossing {
        Crossing { client: Speech::Embeddings | Speech::GoogleEmbeddings, provider } => {
            embedding_path(provider, method)
        }
        Crossing { client: Speech::Count(_), provider } => Counter::of(provider).map_or("", Counter::path),
        Crossing { client: Speech::Completions, provider: Speech::Ollama } => "/api/generate",
        Crossing { provider, .. } => chat_path(provider, form),
    };
    let streams_events = path == Endpoint::StreamGenerateContent.row().unversioned;
    (path, if streams_events { b"alt=sse" } else { b"" })
}

fn embedding_path(provider: Speech, method: Method) -> &'static str {
    match provider {
        Speech::Gemini => method.path(),
        Speech::Cohere => "/v2/embed",
        Speech::Ollama => "/api/embed",
        _ => Endpoint::Embeddings.row().unversioned,
    }
}

fn chat_path(provider: Speech, form: Form) -> &'static str {
    match (provider, form) {
        (Speech::Ollama, _) => "/api/chat",
        (Speech::Cohere, _) => "/v2/chat",
        (Speech::Completions, _) => Endpoint::Completions.row().unversioned,
        (Speech::Embeddings | Speech::GoogleEmbeddings, _) => Endpoint::Embeddings.row().unversioned,
        (Speech::Count(_), _) => Endpoint::InputTokens.row().unversioned,
        (Speech::OpenAi, _) => Endpoint::ChatCompletions.row().unversioned,
        (Speech::Anthropic, _) => Endpoint::Messages.row().path,
        (Speech::Responses, _) => Endpoint::Responses.row().unversioned,
        (Speech::Gemini, Form::Whole) => Endpoint::GenerateContent.row().unversioned,
        (Speech::Gemini, Form::Stream) => Endpoint::StreamGenerateContent.row().unversioned,
        (Speech::Bedrock, Form::Whole) => "/model/{id}/converse",
        (Speech::Bedrock, Form::Stream) => "/model/{id}/converse-stream",
        (Speech::BedrockAnthropic, Form::Whole) => "/model/{id}/invoke",
        (Speech::BedrockAnthropic, Form::Stream) => "/model/{id}/invoke-with-response-stream",
        (Speech::VertexAnthropic, Form::Whole) => "/models/{id}:rawPredict",
        (Speech::VertexAnthropic, Form::Stream) => "/models/{id}:streamRawPredict",
    }
}

/// Whether a path that holds this name could be taken for another one: what is between slashes, or a whole part of it, is
/// `.` or `..`. To write these as `%2E` is of no use, since they are read alike; some servers decode slashes before they
/// look. Source: RFC 3986, 5.2.4 and 6.2.2.
pub fn leads_astray(provider: &Provider, name: &str) -> bool {
    let stands_in_path = !provider.api_version.is_empty()
        || matches!(
            provider.format,
            Format::Gemini | Format::Bedrock | Format::BedrockAnthropic | Format::VertexAnthropic
        );
    stands_in_path && name.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
}

/// A name as one part of a path: a client may have chosen it.
fn escape(name: &str, out: &mut Vec<u8>) {
    for byte in name.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
}

/// What a head says beside its path: whose request it is, and what of the client's head goes to the provider.
#[derive(Clone, Copy)]
pub struct Forwarded<'h> {
    pub credential: Option<&'h Credential>,
    /// The provider's name for the model, for paths that hold it.
    pub model: &'h str,
    pub query: &'h [u8],
    /// Complete field lines.
    pub fields: &'h [u8],
    /// `anthropic-version` is among them.
    pub names_version: bool,
}

/// Writes the head of a request for `path`, which is below the provider's base and in which `{id}` stands for the model,
/// with a body of `body_bytes`.
pub fn head(out: &mut Vec<u8>, provider: &Provider, path: &str, forwarded: Forwarded<'_>, body_bytes: u64) {
    out.extend_from_slice(b"POST ");
    out.extend_from_slice(provider.base_path.as_bytes());
    if !provider.api_version.is_empty() {
        out.extend_from_slice(b"/deployments/");
        escape(forwarded.model, out);
    }
    match path.strip_prefix(NAMED).and_then(|rest| rest.split_once(MODEL)) {
        None => out.extend_from_slice(path.as_bytes()),
        Some((before, behind)) => {
            out.extend_from_slice(NAMED.as_bytes());
            out.extend_from_slice(before.as_bytes());
            escape(forwarded.model, out);
            out.extend_from_slice(behind.as_bytes());
        }
    }
    if !forwarded.query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(forwarded.query);
    }
    if !provider.api_version.is_empty() && !names_api_version(forwarded.query) {
        out.extend_from_slice(if forwarded.query.is_empty() { b"?" } else { b"&" });
        out.extend_from_slice(b"api-version=");
        out.extend_from_slice(provider.api_version.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(provider.host_header.as_bytes());
    // A compressed answer could not be metered as it passes.
    out.extend_from_slice(b"\r\naccept-encoding: identity\r\n");
    if let Some(credential) = forwarded.credential {
        encode::field(out, &provider.credential_header, credential.value.expose());
    }
    out.extend_from_slice(forwarded.fields);
    if !forwarded.names_version && !provider.anthropic_version.is_empty() {
        encode::field(out, "anthropic-version", provider.anthropic_version.as_bytes());
    }
    encode::content_length(out, body_bytes);
    out.extend_from_slice(b"\r\n");
}

/// A client of Azure's says by itself which version it speaks.
fn names_api_version(query: &[u8]) -> bool {
    query.split(|byte| *byte == b'&').any(|parameter| parameter.starts_with(b"api-version="))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path that names the model begins as [`NAMED`] says.
    #[test]
    fn paths_that_name_models() {
        let ours = Endpoint::ALL.iter().map(|endpoint| endpoint.row().unversioned);
        let speeches = [Speech::Gemini, Speech::Bedrock, Speech::BedrockAnthropic, Speech::VertexAnthropic];
        let theirs = speeches
            .iter()
            .flat_map(|speech| [Form::Whole, Form::Stream].map(|form| chat_path(*speech, form)));
        let embeddings = [Method::One, Method::List, Method::Predict].map(Method::path);
        let named: Vec<_> =
            ours.chain(theirs).chain(embeddings).filter(|path| path.contains(MODEL)).collect();
        assert!(named.len() >= 10 && named.iter().all(|path| path.starts_with(NAMED)), "{named:?}");
    }

    /// A model's name is one part of a path, whatever it holds.
    #[test]
    fn names_stay_in_their_place() {
        for (name, part) in [
            ("gemini-3.1-pro", "gemini-3.1-pro"),
            ("../x?y#z é", "..%2Fx%3Fy%23z%20%C3%A9"),
            ("{id}:a", "%7Bid%7D%3Aa"),
            (
                "arn:aws:bedrock:us-east-1:1:profile/us.a-v1:0",
                "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprofile%2Fus.a-v1%3A0",
            ),
        ] {
            let mut out = vec![];
            escape(name, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), part);
        }
    }
}
