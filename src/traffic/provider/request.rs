//! The head of an upstream request, written afresh.

use crate::contract::endpoint::Endpoint;
use crate::contract::snapshot::{Credential, Provider};
use crate::http::{encode, is};
use crate::traffic::translate::{Form, Speech};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a client's header field goes to the provider as it is: what a body means, what dialect version it
/// speaks, and nothing about who sent it.
pub fn passes(name: &str) -> bool {
    let name = name.as_bytes();
    match name.len() {
        6 => is(name, b"accept"),
        10 => is(name, b"user-agent"),
        11 => is(name, b"openai-beta"),
        12 => is(name, b"content-type"),
        14 => is(name, b"anthropic-beta") || is(name, b"openai-version"),
        15 => is(name, b"idempotency-key"),
        16 => is(name, b"content-language"),
        17 => is(name, b"anthropic-version"),
        19 => is(name, b"x-client-request-id"),
        _ => false,
    }
}

/// Where below a provider's base a translated request for this model goes.
pub fn crossing_path(provider: Speech, model: &str, form: Form) -> Cow<'static, str> {
    match (provider, form) {
        (Speech::OpenAi, _) => Endpoint::ChatCompletions.row().unversioned.into(),
        (Speech::Anthropic, _) => Endpoint::Messages.row().path.into(),
        (Speech::Responses, _) => Endpoint::Responses.row().unversioned.into(),
        (Speech::Gemini, Form::Whole) => format!("/models/{}:generateContent", escaped(model)).into(),
        (Speech::Gemini, Form::Stream) => {
            format!("/models/{}:streamGenerateContent?alt=sse", escaped(model)).into()
        }
        (Speech::Bedrock, Form::Whole) => format!("/model/{}/converse", escaped(model)).into(),
        (Speech::Bedrock, Form::Stream) => format!("/model/{}/converse-stream", escaped(model)).into(),
        (Speech::BedrockAnthropic, Form::Whole) => format!("/model/{}/invoke", escaped(model)).into(),
        (Speech::BedrockAnthropic, Form::Stream) => {
            format!("/model/{}/invoke-with-response-stream", escaped(model)).into()
        }
        (Speech::VertexAnthropic, Form::Whole) => format!("/models/{}:rawPredict", escaped(model)).into(),
        (Speech::VertexAnthropic, Form::Stream) => {
            format!("/models/{}:streamRawPredict", escaped(model)).into()
        }
    }
}

/// A name as one part of a path: a client may have chosen it.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

/// What a head says beside its path: whose request it is, and what of the client's head goes to the provider.
#[derive(Clone, Copy)]
pub struct Forwarded<'h> {
    pub credential: Option<&'h Credential>,
    pub query: &'h [u8],
    /// Complete field lines.
    pub fields: &'h [u8],
    /// `anthropic-version` is among them.
    pub names_version: bool,
}

/// Writes the head of a request for `path`, which is below the provider's base, with a body of `body_bytes`.
pub fn head(out: &mut Vec<u8>, provider: &Provider, path: &str, forwarded: Forwarded<'_>, body_bytes: u64) {
    out.extend_from_slice(b"POST ");
    out.extend_from_slice(provider.base_path.as_bytes());
    out.extend_from_slice(path.as_bytes());
    if !forwarded.query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(forwarded.query);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A model's name is one part of a path, whatever it holds.
    #[test]
    fn names_stay_in_their_place() {
        let path = |model| crossing_path(Speech::Gemini, model, Form::Whole);
        assert_eq!(path("gemini-3.1-pro"), "/models/gemini-3.1-pro:generateContent");
        assert_eq!(path("../x?y#z é"), "/models/..%2Fx%3Fy%23z%20%C3%A9:generateContent");
        let stream = crossing_path(Speech::Gemini, "g", Form::Stream);
        assert_eq!(stream, "/models/g:streamGenerateContent?alt=sse");
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-5-v1:0";
        assert_eq!(
            crossing_path(Speech::Bedrock, arn, Form::Whole),
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-opus-5-5-v1%3A0/converse"
        );
        let path = crossing_path(Speech::BedrockAnthropic, "a:0", Form::Stream);
        assert_eq!(path, "/model/a%3A0/invoke-with-response-stream");
    }
}
