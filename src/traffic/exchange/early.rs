//! An answer that was to be fine and whose first word is an error. Nothing of it has left: the client is told by a status,
//! as if the provider had refused.
//!
//! Invariant: only what says what it means becomes a status; the gateway's own account is nobody's affair but its
//! operator's.

use super::crossing;
use super::failure::{retry_after, scrubbed};
use super::passage::Passage;
use super::state::Reading;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::StreamStyle;
use crate::traffic::dialect::json::Tree;
use crate::traffic::dialect::stream::Events;
use crate::traffic::provider::response;
use crate::traffic::translate::event::Failure;
use crate::traffic::translate::{Speech, failure};

/// What the client is told in place of the answer.
pub struct Early {
    pub status: u16,
    pub body: Vec<u8>,
    /// When the provider wants to be asked again, if the error says so.
    pub retry_ms: Option<u64>,
}

/// What the error at the beginning of an answer is as an answer of its own; none if it does not say what it means.
/// `passing`: the bytes that would leave.
///
/// # Errors
/// It is the gateway's own account that the provider complains of.
pub fn instead(reading: &Reading, passage: &Passage<'_>, passing: &[u8]) -> Result<Option<Early>, Fault> {
    let told = match reading {
        Reading::Events(filter) if filter.facts().events == 1 => {
            let data = Events::default().next(passing);
            data.map_or(Ok(None), |data| of_text(passage.style, &data))?
        }
        Reading::Elements(_) => of_text(passage.style, element(passing))?,
        Reading::Translated(translation) => {
            let client = passage.crossing.map_or(Speech::OpenAi, |crossing| crossing.client);
            translation.complaint().map_or(Ok(None), |found| rendered(found, client))?
        }
        Reading::Events(_) | Reading::Json(_) | Reading::Packed(_) | Reading::Opaque => None,
    };
    Ok(told.map(|early| Early { body: scrubbed(&early.body, passage.provider), ..early }))
}

/// What the provider said inside an answer, for a client that was told nothing yet.
pub fn complaint(reading: &Reading, passage: &Passage<'_>) -> Fault {
    let said = match reading {
        Reading::Translated(translation) => translation.complaint().map(|found| found.message.unescaped()),
        _ => None,
    };
    let said = scrubbed(&said.unwrap_or_default(), passage.provider);
    if said.is_empty() {
        return FaultKind::UpstreamStreamError.into();
    }
    let said = String::from_utf8_lossy(&said);
    Fault::told(FaultKind::UpstreamStreamError, format!("The provider reported an error: {said:.1000}"))
}

/// The field lines of an answer's head that are as good for what is told in its place, and when to come again, if that is
/// told by the body alone.
pub fn fields(head: &[u8], retry_ms: Option<u64>) -> Vec<u8> {
    const OF_THE_BODY: [&[u8]; 3] = [b"content-type:", b"content-encoding:", b"cache-control:"];
    let mut fields = crossing::JSON.to_vec();
    for line in head.split_inclusive(|byte| *byte == b'\n').skip(1) {
        let begins =
            |name: &&[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if !OF_THE_BODY.iter().any(begins) {
            fields.extend_from_slice(line);
        }
    }
    if let Some(ms) = retry_ms.filter(|_| response::retry_after_ms(head).is_none()) {
        retry_after(ms, &mut fields);
    }
    fields
}

/// What is spoken in such streams.
pub const fn speech(style: StreamStyle) -> Speech {
    match style {
        StreamStyle::OpenAiChunks => Speech::OpenAi,
        StreamStyle::OpenAiEvents => Speech::Responses,
        StreamStyle::AnthropicEvents => Speech::Anthropic,
        StreamStyle::GeminiEvents | StreamStyle::GeminiArray => Speech::Gemini,
    }
}

/// Whether an answer that is an error complains of the gateway's own account.
pub fn is_of_account(style: StreamStyle, answer: &[u8]) -> bool {
    let mut tree = Tree::default();
    let Ok(page) = tree.parse(answer) else { return false };
    failure::is_of_account(&failure::of_event(speech(style), page.root()))
}

/// What is told by a text that is one JSON object. An error that has its dialect's shape is told as it came.
fn of_text(style: StreamStyle, text: &[u8]) -> Result<Option<Early>, Fault> {
    let speech = speech(style);
    let mut tree = Tree::default();
    let Ok(page) = tree.parse(text) else { return Ok(None) };
    let event = page.root();
    let told = rendered(&failure::of_event(speech, event), speech)?;
    let has_shape = event.get("error").is_some_and(|error| error.is_object());
    Ok(told.map(|early| if has_shape { Early { body: text.to_vec(), ..early } } else { early }))
}

fn rendered(found: &Failure<'_>, client: Speech) -> Result<Option<Early>, Fault> {
    if failure::is_of_account(found) {
        return Err(FaultKind::UpstreamAccount.into());
    }
    let mut body = vec![];
    let retry_ms = found.retry_ms;
    Ok(failure::instead(found, client, &mut body).map(|status| Early { status, body, retry_ms }))
}

/// The one answer of an array that has no other yet.
fn element(array: &[u8]) -> &[u8] {
    let text = array.trim_ascii();
    let text = text.strip_prefix(b"[").unwrap_or(text);
    let text = text.strip_suffix(b"]").unwrap_or(text).trim_ascii();
    text.strip_suffix(b",").unwrap_or(text).trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(style: StreamStyle, text: &str) -> Result<Option<(u16, String)>, Fault> {
        let early = of_text(style, text.as_bytes())?;
        Ok(early.map(|early| (early.status, String::from_utf8(early.body).expect("text"))))
    }

    /// An error that says what it means has the status that goes with it, and the body of its dialect: its own bytes
    /// where they have that shape.
    #[test]
    fn errors_have_their_status() {
        for (style, text, status) in [
            (
                StreamStyle::AnthropicEvents,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"} }"#,
                503,
            ),
            (
                StreamStyle::AnthropicEvents,
                r#"{"type":"error","error":{"type":"not_found_error","message":"x"}}"#,
                404,
            ),
            (StreamStyle::OpenAiChunks, r#"{"error":{"message":"x","code":429}}"#, 429),
            (
                StreamStyle::OpenAiChunks,
                r#"{"error":{"message":"x","type":"invalid_request_error","code":"tool_use_failed"}}"#,
                400,
            ),
            (
                StreamStyle::OpenAiEvents,
                r#"{"type":"error","error":{"message":"x","type":"tokens","code":"rate_limit_exceeded"}}"#,
                429,
            ),
            (
                StreamStyle::GeminiEvents,
                r#"{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}"#,
                503,
            ),
            (StreamStyle::GeminiArray, r#"{"error":{"code":409,"message":"x","status":"ABORTED"}}"#, 409),
        ] {
            assert_eq!(told(style, text), Ok(Some((status, text.to_owned()))), "{text}");
        }
        for text in [
            r#"{"type":"error","code":"server_is_overloaded","message":"busy","param":null,"sequence_number":0}"#,
            r#"{"type":"response.failed","response":{"id":"r","error":{"code":"server_is_overloaded","message":"busy"}}}"#,
        ] {
            let (status, body) =
                told(StreamStyle::OpenAiEvents, text).expect("no account's").expect("a meaning");
            assert!(status == 503 && body.starts_with(r#"{"error":{"message":"busy","#), "{status} {body}");
        }
    }

    /// What says nothing, or nothing that can be read, has no status; what speaks of the account is kept here.
    #[test]
    fn others_have_none() {
        for (style, text) in [
            (StreamStyle::OpenAiChunks, r#"{"error":{"message":"x"}}"#),
            (StreamStyle::OpenAiChunks, r#"{"error":{"message":"x","code":401}}"#),
            (StreamStyle::AnthropicEvents, r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#),
            (StreamStyle::GeminiArray, r#"{"error":{"code":500}},{"error":"#),
            (StreamStyle::OpenAiEvents, "overloaded"),
        ] {
            assert_eq!(told(style, text), Ok(None), "{text}");
        }
        let account = Err(FaultKind::UpstreamAccount.into());
        let text = r#"{"type":"error","error":{"type":"authentication_error","message":"x"}}"#;
        assert_eq!(told(StreamStyle::AnthropicEvents, text), account);
        let text = r#"{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED"}}"#;
        assert_eq!(told(StreamStyle::GeminiEvents, text), account);
    }

    /// The beginning of an array, with or without its end, is its one answer.
    #[test]
    fn an_array_begins_with_one() {
        for array in ["[{}]", " [ {}\n]\r\n", "[{}", "[{}\n,"] {
            assert_eq!(element(array.as_bytes()), b"{}", "{array}");
        }
    }
}
