//! What a client sees of an upstream answer's head.

use crate::base::clock::unix_seconds;
use crate::http::coding::Coding;
use crate::http::date::DateLine;
use crate::http::{Headers, is, is_hop_by_hop};
use crate::http::{delay, encode};

/// What the relay must know of an answer's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyShape {
    /// `text/event-stream`
    Events,
    /// `application/x-ndjson`: one JSON value in each line.
    Lines,
    /// `application/vnd.amazon.eventstream`: read where it is translated, and passed on elsewhere.
    Frames,
    /// `application/json`
    Json,
    /// Anything else, or anything compressed in a way that is not known here: passed on unread.
    Opaque,
}

/// Fields of an upstream answer that stay here: they speak of the connection, of the provider's site, or would
/// be mistaken for the gateway's own.
pub(super) fn stays(name: &str) -> bool {
    let bytes = name.as_bytes();
    let dropped = match name.len() {
        3 => is(bytes, b"nel"),
        7 => is(bytes, b"alt-svc"),
        9 => is(bytes, b"report-to"),
        10 => is(bytes, b"set-cookie") || is(bytes, b"request-id"),
        12 => is(bytes, b"x-request-id"),
        14 => is(bytes, b"content-length"),
        25 => is(bytes, b"strict-transport-security"),
        _ => false,
    };
    dropped || is_hop_by_hop(name) || bytes.get(..11).is_some_and(|start| is(start, b"x-ringgate-"))
}

/// What the fields of an answer say of its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Body {
    pub shape: BodyShape,
    /// It is compressed, though nobody asked for that.
    pub coding: Option<Coding>,
    /// The head says something of fields that may stand behind it.
    pub announces: bool,
}

impl Body {
    pub fn is_gzip(self) -> bool {
        self.coding == Some(Coding::Gzip)
    }

    /// How it is compressed, if that cannot be undone here.
    pub fn sealed(self) -> Option<Coding> {
        self.coding.filter(|coding| *coding != Coding::Gzip)
    }
}

/// Copies the fields that pass to `out`, but for the one that tells of gzip; tells what the body is. The provider's own
/// request id passes under another name. An answer that does not say when it was made was made now.
/// Source: RFC 9110, 6.6.1.
pub fn carry(headers: &Headers<'_>, now: &DateLine, out: &mut Vec<u8>) -> Body {
    let mut shape = BodyShape::Opaque;
    let mut coding = None;
    let mut announces = headers.nominates();
    let mut dated = false;
    for (name, value) in headers.iter() {
        match name.len() {
            7 if is(name.as_bytes(), b"trailer") => announces = true,
            12 if is(name.as_bytes(), b"content-type") => shape = shape_of(value),
            16 if is(name.as_bytes(), b"content-encoding") => {
                let found = Coding::of(value);
                coding =
                    if coding.is_some() && found.is_some() { Some(Coding::Other) } else { coding.or(found) };
                if coding == Some(Coding::Gzip) {
                    continue;
                }
            }
            12 if is(name.as_bytes(), b"x-request-id") => {
                encode::field(out, "x-ringgate-upstream-request-id", value);
            }
            16 if is(name.as_bytes(), b"x-amzn-requestid") => {
                encode::field(out, "x-ringgate-upstream-request-id", value);
            }
            10 if is(name.as_bytes(), b"request-id") => {
                encode::field(out, "x-ringgate-upstream-request-id", value);
            }
            4 if is(name.as_bytes(), b"date") => dated |= !headers.connection_nominates(name),
            _ => {}
        }
        if !stays(name) && !headers.connection_nominates(name) {
            encode::field(out, name, value);
        }
    }
    if !dated {
        now.write(out);
    }
    let body = Body { shape, coding, announces };
    if body.sealed().is_some() { Body { shape: BodyShape::Opaque, ..body } } else { body }
}

/// How long a provider asks to be left alone, by the lines of its answer's head.
pub fn retry_after_ms(head: &[u8]) -> Option<u64> {
    let value = |name: &[u8]| {
        head.split(|byte| *byte == b'\n').find_map(|line| {
            let (start, rest) = line.split_at_checked(name.len())?;
            start.eq_ignore_ascii_case(name).then(|| std::str::from_utf8(rest.trim_ascii()).ok())?
        })
    };
    let ms = value(b"retry-after-ms:").and_then(|text| delay::duration_ms(&format!("{text}ms")));
    ms.or_else(|| delay::delay_ms(value(b"retry-after:")?, unix_seconds))
}

fn shape_of(content_type: &[u8]) -> BodyShape {
    // What nearly every answer that is no stream says.
    if content_type == b"application/json" {
        return BodyShape::Json;
    }
    let kind = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if is(kind, b"text/event-stream") {
        BodyShape::Events
    } else if is(kind, b"application/json") {
        BodyShape::Json
    } else if is(kind, b"application/x-ndjson") {
        BodyShape::Lines
    } else if is(kind, b"application/vnd.amazon.eventstream") {
        BodyShape::Frames
    } else {
        BodyShape::Opaque
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hint is milliseconds, or else what `retry-after` may say.
    #[test]
    fn hints() {
        for (head, ms) in [
            ("HTTP/1.1 429 \r\nRetry-After: 7\r\n", Some(7000)),
            ("HTTP/1.1 429 \r\nretry-after: 0.5\r\nretry-after-ms: 20\r\n", Some(20)),
            ("HTTP/1.1 429 \r\nretry-after: 1m30s\r\nretry-after-ms: soon\r\n", Some(90_000)),
            ("HTTP/1.1 429 \r\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", Some(0)),
            ("HTTP/1.1 429 \r\nretry-after: soon\r\n", None),
            ("HTTP/1.1 429 \r\nretry-after: -1\r\n", None),
            ("HTTP/1.1 429 \r\n", None),
        ] {
            assert_eq!(retry_after_ms(head.as_bytes()), ms, "{head}");
        }
    }

    /// Content types are recognised with parameters and in any case.
    #[test]
    fn shapes() {
        assert_eq!(shape_of(b"Text/Event-Stream; charset=utf-8"), BodyShape::Events);
        assert_eq!(shape_of(b"application/json"), BodyShape::Json);
        assert_eq!(shape_of(b"application/x-ndjson"), BodyShape::Lines);
        assert_eq!(shape_of(b"application/vnd.amazon.eventstream"), BodyShape::Frames);
        assert_eq!(shape_of(b"audio/mpeg"), BodyShape::Opaque);
    }
}
