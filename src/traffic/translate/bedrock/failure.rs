//! Errors as AWS tells them: named by a header, by the body, or by a frame of a stream.

use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::event::{Failure, FailureKind};
use crate::traffic::translate::failure::by_status;
use memchr::memmem;

/// What an error says. `name`: what stands outside of the body.
pub fn failure<'a>(name: Option<&[u8]>, body: Option<Item<'a>>) -> Failure<'a> {
    let text = |name| body.and_then(|body| body.text_at(name)).filter(|text| !text.is_empty());
    let message = text("message").or_else(|| text("Message")).or_else(|| text("originalMessage"));
    let message = message.unwrap_or_default();
    let inside = text("__type").map(|name| name.unescaped().into_owned());
    let name = name.or(inside.as_deref()).map(bare).filter(|name| !name.is_empty());
    let original = body.and_then(|body| body.get("originalStatusCode")).and_then(|status| status.count());
    let kind = kind(name.unwrap_or_default(), &message, original);
    let code = name.map(|name| Quoted::of(&String::from_utf8_lossy(name)));
    Failure { kind, message, code, retry_ms: None }
}

/// The name without its namespace, and without the address behind it.
fn bare(name: &[u8]) -> &[u8] {
    let name = name.split(|byte| *byte == b':').next().unwrap_or_default();
    name.rsplit(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii()
}

fn kind(name: &[u8], message: &Quoted<'_>, original: Option<u64>) -> FailureKind {
    let says = |text: &str| memmem::find(message.as_written(), text.as_bytes()).is_some();
    let too_long = [
        "nput is too long",
        "too many total text bytes",
        "prompt is too long",
        "too many input tokens",
        "nput tokens exceeds maximum length",
    ];
    let name = name.strip_suffix(b"Exception").unwrap_or(name).to_ascii_lowercase();
    match &*name {
        b"validation" | b"" if too_long.into_iter().any(says) => FailureKind::TooLong,
        b"validation" | b"" if says("model identifier is invalid") => FailureKind::NotFound,
        b"validation" => FailureKind::Invalid,
        b"resourcenotfound" => FailureKind::NotFound,
        b"servicequotaexceeded" => FailureKind::Quota,
        b"throttling" | b"toomanyrequests" => FailureKind::RateLimit,
        b"modeltimeout" => FailureKind::Timeout,
        b"modelnotready" | b"serviceunavailable" => FailureKind::Overloaded,
        b"modelstreamerror" => original.and_then(passing).unwrap_or(FailureKind::Server),
        _ => FailureKind::Server,
    }
}

/// What the status of the model's own server means, if it is one that passes by itself.
fn passing(status: u64) -> Option<FailureKind> {
    let kind = by_status(u16::try_from(status).ok()?)?;
    matches!(kind, FailureKind::RateLimit | FailureKind::Overloaded).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::{Page, Tree};

    /// An error is known by its name, wherever and however that is told.
    #[test]
    fn names_are_known() {
        for (name, body, expected, code) in [
            (
                Some("ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"),
                r#"{"message":"Too many tokens"}"#,
                FailureKind::RateLimit,
                "ThrottlingException",
            ),
            (Some("throttlingException"), "{}", FailureKind::RateLimit, "throttlingException"),
            (
                None,
                r#"{"__type":"com.amazon.coral.validate#ValidationException","Message":"x"}"#,
                FailureKind::Invalid,
                "ValidationException",
            ),
            (
                Some("ValidationException"),
                r#"{"message":"Input is too long for requested model."}"#,
                FailureKind::TooLong,
                "ValidationException",
            ),
            (
                Some("ValidationException"),
                r#"{"message":"The provided model identifier is invalid."}"#,
                FailureKind::NotFound,
                "ValidationException",
            ),
            (Some("ModelNotReadyException"), "{}", FailureKind::Overloaded, "ModelNotReadyException"),
            (Some("ModelErrorException"), "{}", FailureKind::Server, "ModelErrorException"),
            (
                Some("modelStreamErrorException"),
                r#"{"originalStatusCode":529,"originalMessage":"Overloaded"}"#,
                FailureKind::Overloaded,
                "modelStreamErrorException",
            ),
            (Some("SomethingNew"), "[]", FailureKind::Server, "SomethingNew"),
        ] {
            let mut tree = Tree::default();
            let page = tree.parse(body.as_bytes()).ok();
            let found = failure(name.map(str::as_bytes), page.as_ref().map(Page::root));
            assert_eq!(found.kind, expected, "{name:?}");
            assert!(found.code.is_some_and(|found| found.is(code)), "{name:?}");
        }
        assert!(failure(None, None).code.is_none());
    }
}
