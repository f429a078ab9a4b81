//! Errors in the shapes of the providers, as answers and inside streams.

use super::frames::exception;
use super::{Content, Event, ID, JSON, Part, data, named, quote};
use crate::mock::endpoint::Dialect;

/// What `retry-after` says on every refusal, in seconds.
pub const REFUSAL_RETRY_AFTER_S: u32 = 1;

/// The body of an answer with an error status.
pub fn refusal(dialect: Dialect, status: u16, message: &str, retry_after_s: u32) -> Content {
    let message = quote(message);
    let body = match dialect {
        Dialect::OpenAi => openai(status, &message),
        Dialect::Anthropic => anthropic(status, &message),
        Dialect::Gemini => gemini(status, &message, retry_after_s),
        Dialect::Bedrock => format!(r#"{{"message":{message}}}"#),
        Dialect::Cohere => format!(r#"{{"id":"{ID}","message":{message}}}"#),
        Dialect::Ollama => format!(r#"{{"error":{message}}}"#),
    };
    Content::Whole { content_type: JSON, body: body.into_bytes() }
}

/// The error that a provider sends inside a stream it has to give up.
pub fn error_event(dialect: Dialect) -> Event {
    let message = quote("The mock provider was asked to fail in the middle of this stream.");
    match dialect {
        Dialect::OpenAi => data(Part::After, &openai(500, &message)),
        Dialect::Anthropic => named(Part::After, "error", &anthropic(529, &message)),
        Dialect::Gemini => data(Part::After, &gemini(503, &message, REFUSAL_RETRY_AFTER_S)),
        Dialect::Bedrock => {
            let payload = format!(r#"{{"message":{message}}}"#);
            exception(Part::After, "serviceUnavailableException", &payload)
        }
        Dialect::Cohere => {
            let end = format!(r#"{{"finish_reason":"ERROR","error":{message}}}"#);
            named(Part::After, "message-end", &format!(r#"{{"type":"message-end","delta":{end}}}"#))
        }
        Dialect::Ollama => {
            Event { part: Part::After, bytes: format!("{{\"error\":{message}}}\n").into_bytes() }
        }
    }
}

/// What a head calls an error, where it has a name for it.
pub fn error_name(dialect: Dialect, status: u16) -> Option<&'static str> {
    let name = match status {
        _ if dialect != Dialect::Bedrock => return None,
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    };
    Some(name)
}

fn openai(status: u16, message: &str) -> String {
    let (kind, code) = match status {
        401 => ("invalid_request_error", r#""invalid_api_key""#),
        403 => ("permission_error", "null"),
        404 => ("invalid_request_error", r#""model_not_found""#),
        429 => ("requests", r#""rate_limit_exceeded""#),
        503 => ("service_unavailable_error", r#""server_is_overloaded""#),
        500.. => ("server_error", "null"),
        _ => ("invalid_request_error", "null"),
    };
    format!(r#"{{"error":{{"message":{message},"type":"{kind}","param":null,"code":{code}}}}}"#)
}

fn gemini(status: u16, message: &str, retry_after_s: u32) -> String {
    let word = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    let details = if status == 429 {
        let kind = "type.googleapis.com/google.rpc.RetryInfo";
        format!(r#","details":[{{"@type":"{kind}","retryDelay":"{retry_after_s}s"}}]"#)
    } else {
        String::new()
    };
    format!(r#"{{"error":{{"code":{status},"message":{message},"status":"{word}"{details}}}}}"#)
}

fn anthropic(status: u16, message: &str) -> String {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":{message}}},"request_id":"req_{ID}"}}"#)
}
