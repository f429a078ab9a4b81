//! What a client sees of an upstream answer's head.

use crate::http::encode;
use crate::http::{Headers, is_hop_by_hop};

/// What the relay must know of an answer's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyShape {
    /// `text/event-stream`
    Events,
    /// `application/json`
    Json,
    /// Anything else, or anything compressed: passed on unread.
    Opaque,
}

/// Fields of an upstream answer that stay here: they speak of the connection, of the provider's site, or would
/// be mistaken for the gateway's own.
fn stays(name: &str) -> bool {
    let is = |dropped: &str| name.eq_ignore_ascii_case(dropped);
    let dropped = match name.len() {
        3 => is("nel"),
        7 => is("alt-svc"),
        9 => is("report-to"),
        10 => is("set-cookie"),
        12 => is("x-request-id"),
        14 => is("content-length"),
        25 => is("strict-transport-security"),
        _ => false,
    };
    dropped
        || is_hop_by_hop(name)
        || name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("x-ringgate-"))
}

/// Copies the fields that pass to `out`; tells the body's shape. The provider's own request id passes under
/// another name.
pub fn carry(headers: &Headers<'_>, out: &mut Vec<u8>) -> BodyShape {
    let mut shape = BodyShape::Opaque;
    let mut compressed = false;
    for (name, value) in headers.iter() {
        match name.len() {
            12 if name.eq_ignore_ascii_case("content-type") => shape = shape_of(value),
            16 if name.eq_ignore_ascii_case("content-encoding") => {
                compressed = !value.eq_ignore_ascii_case(b"identity");
            }
            12 if name.eq_ignore_ascii_case("x-request-id") => {
                encode::field(out, "x-ringgate-upstream-request-id", value);
            }
            _ => {}
        }
        if !stays(name) && !headers.connection_nominates(name) {
            encode::field(out, name, value);
        }
    }
    if compressed { BodyShape::Opaque } else { shape }
}

fn shape_of(content_type: &[u8]) -> BodyShape {
    let kind = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if kind.eq_ignore_ascii_case(b"text/event-stream") {
        BodyShape::Events
    } else if kind.eq_ignore_ascii_case(b"application/json") {
        BodyShape::Json
    } else {
        BodyShape::Opaque
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content types are recognised with parameters and in any case.
    #[test]
    fn shapes() {
        assert_eq!(shape_of(b"Text/Event-Stream; charset=utf-8"), BodyShape::Events);
        assert_eq!(shape_of(b"application/json"), BodyShape::Json);
        assert_eq!(shape_of(b"audio/mpeg"), BodyShape::Opaque);
    }
}
