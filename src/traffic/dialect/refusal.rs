//! The one place that turns a fault into what a client reads.
//!
//! Takes a [`Fault`], the request's id, and the dialect or the stream to answer in; gives a body, a stream event,
//! and header fields.
//!
//! Invariant: a refusal says who refused, and is the same for the same kind of fault wherever it arose.
//! Source: the error objects of the providers' API references, and what their official clients test for.

use super::json;
use crate::base::fault::{Blame, Fault, FaultKind};
use crate::contract::endpoint::{Dialect, StreamStyle};

/// Statuses by which providers speak of the key that they were shown.
pub const KEY_REFUSED: [u16; 2] = [401, 403];
pub const KEY_LIMITED: u16 = 429;

/// Writes the body of a refusal: one JSON object.
pub fn body(dialect: Dialect, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
    match dialect {
        Dialect::OpenAi => {
            out.extend_from_slice(b"{\"error\":");
            error(fault, request_id, out);
        }
        Dialect::Anthropic => {
            out.extend_from_slice(b"{\"type\":\"error\",\"error\":");
            anthropic_error(fault, out);
            member("request_id", Some(request_id), out);
        }
        Dialect::Gemini => {
            out.extend_from_slice(b"{\"error\":");
            gemini_error(fault, request_id, out);
        }
    }
    out.push(b'}');
}

/// Writes a refusal as the last event of a stream that has begun; in an array it follows the comma that is to be there.
pub fn stream_event(style: StreamStyle, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
    match style {
        StreamStyle::GeminiArray => {
            body(style.dialect(), fault, request_id, out);
            out.push(b']');
            return;
        }
        StreamStyle::OpenAiChunks | StreamStyle::GeminiEvents => {
            out.extend_from_slice(b"data: ");
            body(style.dialect(), fault, request_id, out);
        }
        StreamStyle::AnthropicEvents => {
            out.extend_from_slice(b"event: error\ndata: ");
            body(style.dialect(), fault, request_id, out);
        }
        StreamStyle::OpenAiEvents => {
            // The members of the documented event, and `error`: without it the official client does not raise.
            out.extend_from_slice(b"event: error\ndata: {\"type\":\"error\"");
            member("code", Some(fault.kind.row().code), out);
            member("message", Some(fault.message()), out);
            member("param", param(fault), out);
            out.extend_from_slice(b",\"sequence_number\":0,\"error\":");
            error(fault, request_id, out);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// When to come again, in seconds, where that is known to help.
fn retry_after(kind: FaultKind) -> Option<&'static str> {
    (kind.row().status == 503 || kind == FaultKind::TooManyConnections).then_some("1")
}

/// Header fields that go with a refusal, beside its content type and length.
pub fn fields(kind: FaultKind) -> impl Iterator<Item = (&'static str, &'static str)> {
    let row = kind.row();
    let client = row.blame == Blame::Client;
    // The same request would be refused again; waiting helps only where time was the matter.
    let hopeless = client && (400..500).contains(&row.status) && !matches!(row.status, 408 | 429);
    [
        (row.status == 401).then_some(("www-authenticate", "Bearer")),
        retry_after(kind).map(|seconds| ("retry-after", seconds)),
        hopeless.then_some(("x-should-retry", "false")),
    ]
    .into_iter()
    .flatten()
}

fn error(fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
    let row = fault.kind.row();
    out.extend_from_slice(b"{\"message\":");
    string(fault.message(), out);
    member("type", Some(row.openai_type), out);
    member("param", param(fault), out);
    member("code", Some(row.code), out);
    out.extend_from_slice(b",\"ringgate\":{\"blame\":");
    string(row.blame.name(), out);
    member("request_id", Some(request_id), out);
    out.extend_from_slice(b"}}");
}

fn anthropic_error(fault: &Fault, out: &mut Vec<u8>) {
    let row = fault.kind.row();
    out.extend_from_slice(b"{\"type\":");
    string(anthropic_type(row.status), out);
    member("message", Some(fault.message()), out);
    out.extend_from_slice(b",\"ringgate\":{\"blame\":");
    string(row.blame.name(), out);
    member("code", Some(row.code), out);
    out.extend_from_slice(b"}}");
}

/// Source: `google.rpc.Status`, and `ErrorInfo` and `RetryInfo` among its details.
fn gemini_error(fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
    let row = fault.kind.row();
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(itoa::Buffer::new().format(row.status).as_bytes());
    member("message", Some(fault.message()), out);
    member("status", Some(gemini_status(row.status)), out);
    out.extend_from_slice(
        b",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"",
    );
    out.extend(row.code.bytes().map(|byte| byte.to_ascii_uppercase()));
    out.extend_from_slice(b"\",\"domain\":\"ringgate\",\"metadata\":{\"blame\":");
    string(row.blame.name(), out);
    member("request_id", Some(request_id), out);
    out.extend_from_slice(b"}}");
    if let Some(seconds) = retry_after(fault.kind) {
        out.extend_from_slice(b",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"");
        out.extend_from_slice(seconds.as_bytes());
        out.extend_from_slice(b"s\"}");
    }
    out.extend_from_slice(b"]}");
}

/// `error.status` in Google's shape: there it goes with the status, too. Source: `google.rpc.Code`.
const fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        502 | 503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// `error.type` in Anthropic's shape: there it goes with the status.
const fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// The request's member that is at fault, if one is.
fn param(fault: &Fault) -> Option<&str> {
    use FaultKind as F;
    let of_model =
        matches!(fault.kind, F::MissingModel | F::InvalidModel | F::ModelNotFound | F::FormatUnspoken);
    fault.param().or(of_model.then_some("model"))
}

fn member(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    out.push(b',');
    string(name, out);
    out.push(b':');
    match value {
        Some(value) => string(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    json::escape(text, |piece| out.extend_from_slice(piece));
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/traffic/dialect/golden/refusals.txt");

    fn rendered(dialect: Dialect, fault: &Fault) -> String {
        let mut out = Vec::new();
        body(dialect, fault, "req_1", &mut out);
        String::from_utf8(out).unwrap()
    }

    fn event(style: StreamStyle, fault: &Fault) -> String {
        let mut out = Vec::new();
        stream_event(style, fault, "req_1", &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Every fault's status, fields, body and events are the ones on file. `UPDATE_GOLDEN=1` rewrites the file.
    #[test]
    fn refusals_are_the_ones_on_file() {
        let mut all = String::new();
        for kind in FaultKind::ALL {
            let fault = Fault::new(*kind);
            let fields: Vec<_> = fields(*kind).map(|(name, value)| format!("{name}: {value}")).collect();
            all += &format!("{kind:?} {} [{}]\n", kind.row().status, fields.join(", "));
            for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
                all += &(rendered(dialect, &fault) + "\n");
            }
            for style in [StreamStyle::OpenAiChunks, StreamStyle::OpenAiEvents, StreamStyle::AnthropicEvents]
            {
                all += &event(style, &fault);
            }
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(GOLDEN, &all).unwrap();
        }
        assert!(all == std::fs::read_to_string(GOLDEN).unwrap(), "refusals differ from {GOLDEN}");
    }

    /// Whatever a message holds, the body is one JSON object and an event is one line of data.
    #[test]
    fn messages_cannot_break_out() {
        let nasty: String =
            (0..=0x7Fu8).map(char::from).chain("\n\ndata: x\u{2028}\u{85}€".chars()).collect();
        let fault = Fault::told(FaultKind::Internal, nasty.clone());
        let plain = rendered(Dialect::OpenAi, &fault);
        let value: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(value["error"]["message"], nasty);
        assert_eq!(value["error"]["ringgate"]["blame"], "gateway");
        assert_eq!(event(StreamStyle::OpenAiChunks, &fault), format!("data: {plain}\n\n"));
        let event = |style| event(style, &fault);
        let named = event(StreamStyle::OpenAiEvents);
        let data = named.strip_prefix("event: error\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        assert!(!data.contains('\n'));
        let value: Value = serde_json::from_str(data).unwrap();
        assert_eq!(
            (&value["message"], &value["error"]["message"]),
            (&nasty.clone().into(), &nasty.clone().into())
        );
        let plain = rendered(Dialect::Gemini, &fault);
        assert_eq!(event(StreamStyle::GeminiEvents), format!("data: {plain}\n\n"));
        assert_eq!(event(StreamStyle::GeminiArray), format!("{plain}]"));
        let value: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!((&value["error"]["code"], &value["error"]["status"]), (&500.into(), &"INTERNAL".into()));
        assert_eq!(value["error"]["message"], nasty);
        assert_eq!(value["error"]["details"][0]["reason"], "INTERNAL_ERROR");
        let plain = rendered(Dialect::Anthropic, &fault);
        assert_eq!(event(StreamStyle::AnthropicEvents), format!("event: error\ndata: {plain}\n\n"));
        let value: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!((&value["type"], &value["error"]["type"]), (&"error".into(), &"api_error".into()));
        assert_eq!((&value["error"]["message"], &value["request_id"]), (&nasty.into(), &"req_1".into()));
    }

    /// `OpenAI`'s shape names the member at fault, by whatever name it stands there, and null where it is none.
    #[test]
    fn the_member_is_named() {
        let twice = || Fault::told(FaultKind::DuplicateField, "twice");
        for (fault, param) in [
            (Fault::new(FaultKind::MissingModel), "model".into()),
            (Fault::told(FaultKind::ModelNotFound, "none"), "model".into()),
            (twice(), Value::Null),
            (twice().about("stream"), "stream".into()),
            (Fault::new(FaultKind::InvalidField).about("a\"\nb"), "a\"\nb".into()),
            (Fault::new(FaultKind::InvalidKey), Value::Null),
        ] {
            let value: Value = serde_json::from_str(&rendered(Dialect::OpenAi, &fault)).unwrap();
            assert_eq!(
                (&value["error"]["param"], &value["error"]["message"]),
                (&param, &fault.message().into())
            );
            let event = event(StreamStyle::OpenAiEvents, &fault);
            let value: Value = serde_json::from_str(event.trim().split_once("data: ").unwrap().1).unwrap();
            assert_eq!((&value["param"], &value["error"]["param"]), (&param, &param));
        }
    }

    /// Waiting is offered only where it helps: no refusal both hints at a time to retry and forbids it.
    #[test]
    fn retry_hints_do_not_contradict() {
        for kind in FaultKind::ALL {
            let names: Vec<_> = fields(*kind).map(|(name, _)| name).collect();
            assert!(!(names.contains(&"retry-after") && names.contains(&"x-should-retry")), "{kind:?}");
            assert_eq!(names.contains(&"www-authenticate"), kind.row().status == 401);
            let told = rendered(Dialect::Gemini, &Fault::new(*kind)).contains("google.rpc.RetryInfo");
            assert_eq!(told, names.contains(&"retry-after"), "{kind:?}");
        }
    }
}
