//! Errors that a provider reports, as another dialect's clients know them.
//!
//! Invariant: what an error means decides its status and type, not the words or the status of the provider that
//! reported it.

use super::Speech;
use super::event::{Failure, FailureKind};
use crate::contract::endpoint::Dialect;
use crate::http::delay;
use crate::traffic::dialect::json::{Item, Page, Quoted, Tree, Writer};

/// One row: status, `OpenAI`'s type and code, Anthropic's type, Google's status.
struct Row {
    status: u16,
    openai_type: &'static str,
    openai_code: Option<&'static str>,
    anthropic_type: &'static str,
    gemini_status: &'static str,
}

const fn row(kind: FailureKind) -> Row {
    use FailureKind as F;
    let (status, openai_type, openai_code, anthropic_type) = match kind {
        F::Invalid => (400, "invalid_request_error", None, "invalid_request_error"),
        F::TooLong => {
            (400, "invalid_request_error", Some("context_length_exceeded"), "invalid_request_error")
        }
        F::NotFound => (404, "invalid_request_error", Some("model_not_found"), "not_found_error"),
        F::Conflict => (409, "conflict", None, "conflict_error"),
        F::TooLarge => (413, "invalid_request_error", Some("request_too_large"), "request_too_large"),
        F::RateLimit => (429, "rate_limit_error", Some("rate_limit_exceeded"), "rate_limit_error"),
        F::Quota => (429, "insufficient_quota", Some("insufficient_quota"), "rate_limit_error"),
        F::Overloaded => (503, "service_unavailable_error", Some("server_is_overloaded"), "overloaded_error"),
        F::Timeout => (504, "timeout_error", Some("timeout"), "timeout_error"),
        F::Server => (500, "server_error", None, "api_error"),
    };
    let gemini_status = match kind {
        F::Invalid | F::TooLong | F::TooLarge => "INVALID_ARGUMENT",
        F::NotFound => "NOT_FOUND",
        F::Conflict => "ABORTED",
        F::RateLimit | F::Quota => "RESOURCE_EXHAUSTED",
        F::Overloaded => "UNAVAILABLE",
        F::Timeout => "DEADLINE_EXCEEDED",
        F::Server => "INTERNAL",
    };
    Row { status, openai_type, openai_code, anthropic_type, gemini_status }
}

/// What an error answer of a provider is for a client of another dialect: its status, and its body in `out`. `name`: what
/// the answer's head calls the error, where a format has that. `retry_ms`: when the provider wants to be asked again, for
/// dialects that say so in the body.
pub fn answer(
    from: Speech,
    to: Speech,
    status: u16,
    name: Option<&[u8]>,
    retry_ms: Option<u64>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> u16 {
    let mut tree = Tree::default();
    let page = tree.parse(body).ok();
    let found = read(from, name, page.as_ref().map(Page::root));
    // What is wrong with a request in general the status may know better, and so where the body says nothing.
    let is_vague = matches!(found.kind, FailureKind::Server | FailureKind::Invalid);
    let kind = by_status(status).filter(|_| is_vague).unwrap_or(found.kind);
    write(&Failure { kind, ..found }, to, retry_ms, out)
}

fn write(found: &Failure<'_>, to: Speech, retry_ms: Option<u64>, out: &mut Vec<u8>) -> u16 {
    match to {
        Speech::Gemini | Speech::GoogleEmbeddings | Speech::Count(Dialect::Gemini) => {
            gemini(found, retry_ms, out);
        }
        Speech::Anthropic | Speech::Count(Dialect::Anthropic) => anthropic(found, out),
        // Clients of OpenAI's endpoints; what providers alone speak has none.
        _ => openai(found, out),
    }
    row(found.kind).status
}

/// What an error that a provider told inside an answer is as an answer of its own, while the client has nothing: its
/// status, and its body in `out`. `None` if the error does not say what it means.
pub fn instead(found: &Failure<'_>, to: Speech, out: &mut Vec<u8>) -> Option<u16> {
    (found.kind != FailureKind::Server).then(|| write(found, to, found.retry_ms, out))
}

/// The error that an event tells of.
pub fn of_event(from: Speech, event: Item<'_>) -> Failure<'_> {
    let response = event.get("response").filter(|_| from == Speech::Responses);
    read(from, None, Some(response.unwrap_or(event)))
}

/// Whether an error inside an answer is about the gateway's own account.
pub fn is_of_account(found: &Failure<'_>) -> bool {
    const NAMES: [&str; 7] = [
        "authentication_error",
        "permission_error",
        "billing_error",
        "invalid_api_key",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "accessDeniedException",
    ];
    found.code.as_ref().is_some_and(|code| NAMES.iter().any(|name| code.is(name)))
}

/// Whether an error is about the key that the provider was shown, where its status does not say so.
pub fn speaks_of_account(from: Speech, body: &[u8]) -> bool {
    from == Speech::Gemini && memchr::memmem::find(body, b"\"API_KEY_INVALID\"").is_some()
}

/// How long a provider asks to be left alone, where it says so in the body.
pub fn retry_after_ms(from: Speech, body: &[u8]) -> Option<u64> {
    match from {
        Speech::Gemini | Speech::VertexAnthropic => {
            super::gemini::answer_in::retry_after_ms(Tree::default().parse(body).ok()?.root())
        }
        _ => None,
    }
}

fn read<'a>(from: Speech, name: Option<&[u8]>, body: Option<Item<'a>>) -> Failure<'a> {
    let nothing =
        Failure { kind: FailureKind::Server, message: Quoted::default(), code: None, retry_ms: None };
    match (from, body) {
        (Speech::Bedrock | Speech::BedrockAnthropic, body) => super::bedrock::failure::failure(name, body),
        (_, None) => nothing,
        (
            Speech::OpenAi
            | Speech::Responses
            | Speech::Completions
            | Speech::Embeddings
            | Speech::GoogleEmbeddings
            | Speech::Count(_),
            Some(body),
        ) => of_openai(body.get("error").unwrap_or(body)),
        (Speech::Ollama, Some(body)) => super::ollama::answer_in::failure(body),
        (Speech::Cohere, Some(body)) => super::cohere::answer_in::failure(body),
        // It is the model's server that complains, or Google's before it.
        (Speech::VertexAnthropic, Some(body))
            if !body.text_at("type").is_some_and(|kind| kind.is("error")) =>
        {
            super::gemini::answer_in::failure(body)
        }
        (Speech::Anthropic | Speech::VertexAnthropic, Some(body)) => {
            super::anthropic::answer_in::failure(body)
        }
        (Speech::Gemini, Some(body)) => super::gemini::answer_in::failure(body),
    }
}

/// What an error object of `OpenAI`'s says, in either of its formats.
pub fn of_openai(error: Item<'_>) -> Failure<'_> {
    let message = error.text().or_else(|| error.text_at("message")).or_else(|| detail(error));
    let message = message.unwrap_or_default();
    let code = error.text_at("code").filter(|code| !code.is_empty());
    let name = error.text_at("type").filter(|name| !name.is_empty());
    // Some servers give a status for a code, or beside it.
    let status =
        |name| error.get(name).and_then(|status| u16::try_from(status.count()?).ok()).and_then(by_status);
    let kind = openais_kind(code.as_ref())
        .or_else(|| openais_kind(name.as_ref()))
        .or_else(|| ["code", "status", "status_code"].into_iter().find_map(status))
        .unwrap_or(FailureKind::Server);
    let too_long = matches!(kind, FailureKind::Invalid | FailureKind::Server) && is_too_long(&message);
    let retry_ms = hint_ms(&message).filter(|_| kind == FailureKind::RateLimit);
    Failure {
        kind: if too_long { FailureKind::TooLong } else { kind },
        message,
        code: code.or(name),
        retry_ms,
    }
}

/// When to come again by the words of a message, which is all that `OpenAI` says of it inside a stream.
fn hint_ms(message: &Quoted<'_>) -> Option<u64> {
    let text = std::str::from_utf8(message.as_written()).ok()?;
    let hint = ["try again in ", "retry after "].iter().find_map(|words| text.split_once(words))?.1;
    let mut words = hint.split_ascii_whitespace();
    let number = words.next()?.trim_end_matches('.');
    let seconds = words.next().is_some_and(|unit| unit.starts_with("second"));
    let whole = seconds.then(|| delay::duration_ms(&format!("{number}s")));
    whole.unwrap_or_else(|| delay::duration_ms(number))
}

/// What servers say that check requests before they look at them: a text, or a list of complaints.
fn detail(error: Item<'_>) -> Option<Quoted<'_>> {
    let detail = error.get("detail")?;
    detail.text().or_else(|| detail.elements().next()?.text_at("msg"))
}

/// Servers that have no name for it say it in these words.
fn is_too_long(message: &Quoted<'_>) -> bool {
    let says = |text: &str| memchr::memmem::find(message.as_written(), text.as_bytes()).is_some();
    [
        "maximum context length",
        "max context length",
        "exceeds the context window",
        "exceeds the model's context",
        "exceeds the available context size",
    ]
    .into_iter()
    .any(says)
}

fn openais_kind(name: Option<&Quoted<'_>>) -> Option<FailureKind> {
    Some(match &*name?.unescaped() {
        b"context_length_exceeded" | b"exceed_context_size_error" | b"too_many_prompt_tokens" => {
            FailureKind::TooLong
        }
        b"model_not_found" | b"not_found_error" => FailureKind::NotFound,
        b"rate_limit_exceeded" | b"rate_limit_error" | b"requests" | b"tokens" | b"slow_down" => {
            FailureKind::RateLimit
        }
        b"insufficient_quota" | b"credit_balance_exhausted" | b"billing_hard_limit_reached" => {
            FailureKind::Quota
        }
        b"server_is_overloaded" | b"overloaded_error" | b"service_unavailable_error" => {
            FailureKind::Overloaded
        }
        b"timeout_error" | b"timeout" => FailureKind::Timeout,
        b"invalid_request_error" => FailureKind::Invalid,
        b"server_error" => FailureKind::Server,
        _ => return None,
    })
}

/// What a status says where the body says nothing.
pub const fn by_status(status: u16) -> Option<FailureKind> {
    Some(match status {
        402 => FailureKind::Quota,
        // What a key is refused for is no mistake in the request.
        401 | 403 => return None,
        404 => FailureKind::NotFound,
        408 | 504 => FailureKind::Timeout,
        409 => FailureKind::Conflict,
        413 => FailureKind::TooLarge,
        424 => FailureKind::Server,
        429 => FailureKind::RateLimit,
        503 | 529 => FailureKind::Overloaded,
        400..500 => FailureKind::Invalid,
        _ => return None,
    })
}

/// Writes an error as the last event of a stream of `OpenAI`'s chunks.
pub fn openai_event(failure: &Failure<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    openai(failure, out);
    out.extend_from_slice(b"\n\n");
}

/// Writes an error as the last event of a stream of Anthropic's events.
pub fn anthropic_event(failure: &Failure<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    anthropic(failure, out);
    out.extend_from_slice(b"\n\n");
}

/// Writes an error as the last event of a stream of `OpenAI`'s named events: the members of the documented event, and
/// `error`, without which the official client does not raise.
pub fn response_event(failure: &Failure<'_>, sequence: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    let mut event = Writer(out);
    event.open("{\"type\":\"error\"").key("code");
    openai_code(failure, &mut event);
    message(failure, event.key("message"));
    event.key("param").raw(b"null").key("sequence_number").count(sequence);
    openai_error(failure, event.key("error"));
    event.close("}\n\n");
}

/// Writes an error as a response has it that failed.
pub fn response_error(failure: &Failure<'_>, out: &mut Writer<'_>) {
    out.open("{").key("code").text(row(failure.kind).openai_code.unwrap_or("server_error")).key("message");
    message(failure, out);
    out.close("}");
}

fn openai(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let mut body = Writer(out);
    openai_error(failure, body.open("{").key("error"));
    body.close("}");
}

fn openai_error(failure: &Failure<'_>, error: &mut Writer<'_>) {
    message(failure, error.open("{").key("message"));
    error.key("type").text(row(failure.kind).openai_type).key("param").raw(b"null").key("code");
    openai_code(failure, error);
    blame(error);
    error.close("}");
}

fn openai_code(failure: &Failure<'_>, out: &mut Writer<'_>) {
    match (row(failure.kind).openai_code, &failure.code) {
        (Some(code), _) => out.text(code),
        (None, Some(code)) => out.quoted(code),
        (None, None) => out.raw(b"null"),
    };
}

fn anthropic(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let mut error = Writer(out);
    error
        .open("{\"type\":\"error\",\"error\":{\"type\":")
        .text(row(failure.kind).anthropic_type)
        .key("message");
    message(failure, &mut error);
    blame(&mut error);
    error.close("}}");
}

/// Writes an error in Google's shape, also inside a stream.
pub fn gemini(failure: &Failure<'_>, retry_ms: Option<u64>, out: &mut Vec<u8>) {
    let row = row(failure.kind);
    let mut error = Writer(out);
    error.open("{\"error\":{\"code\":").count(row.status.into()).key("message");
    message(failure, &mut error);
    error.key("status").text(row.gemini_status);
    if let Some(ms) = retry_ms {
        let delay = format!("{}.{:03}s", ms / 1000, ms % 1000);
        error.key("details").open("[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\"");
        error.key("retryDelay").text(&delay).close("}]");
    }
    blame(&mut error);
    error.close("}}");
}

/// A message in the words of the provider, with words that clients look for where they are not the provider's.
fn message(failure: &Failure<'_>, out: &mut Writer<'_>) {
    if failure.message.is_empty() {
        out.word("The provider reported an error without a message.");
    } else {
        out.quoted(&failure.message);
    }
}

fn blame(error: &mut Writer<'_>) {
    error.key("ringgate").raw(b"{\"blame\":\"upstream\"}");
}
