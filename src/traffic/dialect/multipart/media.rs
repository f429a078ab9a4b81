//! What a `Content-Type` says about a body.

use super::disposition::{Param, next_param};

/// Longest boundary, in bytes (RFC 2046 section 5.1.1).
pub const BOUNDARY_BYTES: usize = 70;

/// The text that separates the parts of a form.
pub type Boundary = crate::base::text::Text<BOUNDARY_BYTES>;

/// Shape of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyType {
    Json,
    Multipart { boundary: Boundary },
    Other,
}

/// The shape that a `Content-Type` names. Forms without a usable boundary are `Other`.
pub fn content_type_kind(value: &[u8]) -> BodyType {
    // What nearly everybody writes.
    if value == b"application/json" {
        return BodyType::Json;
    }
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    let essence = value[..end].trim_ascii();
    if is_json(essence) {
        BodyType::Json
    } else if essence.eq_ignore_ascii_case(b"multipart/form-data") {
        boundary(&value[end..]).map_or(BodyType::Other, |boundary| BodyType::Multipart { boundary })
    } else {
        BodyType::Other
    }
}

fn is_json(essence: &[u8]) -> bool {
    let Some((kind, subtype)) = essence.split_at_checked(b"application/".len()) else { return false };
    let suffixed = subtype.len() > 5 && subtype[subtype.len() - 5..].eq_ignore_ascii_case(b"+json");
    kind.eq_ignore_ascii_case(b"application/") && (suffixed || subtype.eq_ignore_ascii_case(b"json"))
}

/// The boundary, if there is exactly one and it is valid.
fn boundary(mut params: &[u8]) -> Option<Boundary> {
    let mut found = None;
    loop {
        match next_param(params) {
            Param::End => return found,
            Param::Broken => return None,
            Param::One { name, value, rest } => {
                params = rest;
                if !name.eq_ignore_ascii_case(b"boundary") {
                    continue;
                }
                let text = value.text();
                let valid = (1..=BOUNDARY_BYTES).contains(&text.len())
                    && text.iter().all(|b| is_boundary_byte(*b))
                    && !text.ends_with(b" ");
                if !valid || found.is_some() {
                    return None;
                }
                found = Some(Boundary::cut_bytes(text));
            }
        }
    }
}

const fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'\'' | b'(' | b')' | b'+' | b'_' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?' | b' '
        )
}
