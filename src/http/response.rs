//! An upstream's response head.
//!
//! Takes the bytes of one whole head and what was asked for. Gives a [`ResponseHead`] that borrows from them, or a
//! [`ResponseError`], after which the connection is closed.
//!
//! Invariant: a body has one end, known from the head alone; where the head contradicts itself there is no head.
//! Source: RFC 9112, 6.3.

use super::ResponseError;
use super::fields::{Facts, Headers, Seen, Slots, length};
use crate::base::limits::HEAD_BYTES;

/// What the request was, as far as it decides whether its response has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The method was HEAD: the fields describe a body that is not sent.
    Head,
    Body,
}

/// How the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// A response as its head tells it.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'b> {
    /// 100 to 599, and not 101.
    pub status: u16,
    /// 0 or 1, of HTTP/1.
    pub minor_version: u8,
    pub headers: Headers<'b>,
    pub framing: ResponseFraming,
    /// The upstream takes another request on this connection.
    pub keep_alive: bool,
}

impl ResponseHead<'_> {
    /// Another head follows, which is the answer.
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }
}

/// Parses one whole head: `bytes` ends with its empty line.
///
/// # Errors
/// Whatever is not plainly one valid response.
pub fn parse<'s, 'b: 's>(
    bytes: &'b [u8],
    slots: &'s mut Slots<'b>,
    asked: Asked,
) -> Result<ResponseHead<'s>, ResponseError> {
    if bytes.len() > HEAD_BYTES {
        return Err(ResponseError::TooLarge { limit: HEAD_BYTES });
    }
    if !looks_like_response(bytes) {
        return Err(ResponseError::StatusLine);
    }
    let most = slots.0.len();
    let mut raw = httparse::Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut raw, bytes, &mut slots.0);
    let used = parsed.map_err(|error| translate(error, most))?;
    let (httparse::Status::Complete(used), Some(status), Some(minor_version)) = (used, raw.code, raw.version)
    else {
        return Err(ResponseError::Unfinished);
    };
    // Every other line end has a field behind it, whose place tells; see `Facts::gather`.
    if !bytes[..used].ends_with(b"\r\n\r\n") {
        return Err(ResponseError::LineEnd);
    }
    if used != bytes.len() {
        return Err(ResponseError::Unfinished);
    }
    check_status(status)?;
    let facts = Facts::gather(bytes, raw.headers).ok_or(ResponseError::LineEnd)?;
    let told = told_framing(&facts, minor_version)?;
    let framing = if has_body(status, asked) { told } else { ResponseFraming::None };
    let keep_alive = facts.persistent(minor_version)
        && framing != ResponseFraming::UntilClose
        && !promises_what_cannot_come(status, told);
    Ok(ResponseHead {
        status,
        minor_version,
        headers: Headers::new(raw.headers, &facts),
        framing,
        keep_alive,
    })
}

/// Whether what has arrived may be a response of HTTP/1, so that garbage is noticed without waiting for its end.
pub fn looks_like_response(bytes: &[u8]) -> bool {
    const START: &[u8] = b"HTTP/1.";
    let n = bytes.len().min(START.len());
    bytes[..n] == START[..n]
}

fn translate(error: httparse::Error, most: usize) -> ResponseError {
    match error {
        httparse::Error::HeaderName => ResponseError::FieldName,
        httparse::Error::HeaderValue => ResponseError::FieldValue,
        httparse::Error::NewLine => ResponseError::LineEnd,
        httparse::Error::Status | httparse::Error::Token | httparse::Error::Version => {
            ResponseError::StatusLine
        }
        httparse::Error::TooManyHeaders => ResponseError::TooManyFields { limit: most },
    }
}

fn check_status(status: u16) -> Result<(), ResponseError> {
    match status {
        101 => Err(ResponseError::Upgrade),
        100..=599 => Ok(()),
        _ => Err(ResponseError::Status { status }),
    }
}

fn has_body(status: u16, asked: Asked) -> bool {
    asked == Asked::Body && !matches!(status, 100..=199 | 204 | 304)
}

/// An interim head or a 204 that announces a body: should the body come after all, it must not be read as a response.
fn promises_what_cannot_come(status: u16, told: ResponseFraming) -> bool {
    let announces = match told {
        ResponseFraming::None | ResponseFraming::UntilClose | ResponseFraming::Length(0) => false,
        ResponseFraming::Length(_) | ResponseFraming::Chunked => true,
    };
    announces && matches!(status, 100..=199 | 204)
}

/// What the fields say, for a response that has a body.
fn told_framing(facts: &Facts<'_>, minor_version: u8) -> Result<ResponseFraming, ResponseError> {
    if facts.coding.is_there() {
        return coded(facts, minor_version);
    }
    match facts.length {
        Seen::Never => Ok(ResponseFraming::UntilClose),
        Seen::Once(value) | Seen::Again(value) => {
            length(value).map(ResponseFraming::Length).ok_or(ResponseError::LengthInvalid)
        }
        Seen::Differs => Err(ResponseError::LengthsDiffer),
    }
}

fn coded(facts: &Facts<'_>, minor_version: u8) -> Result<ResponseFraming, ResponseError> {
    if facts.length.is_there() {
        Err(ResponseError::LengthAndCoding)
    } else if minor_version == 0 {
        Err(ResponseError::CodingInOldVersion)
    } else if facts.is_chunked() {
        Ok(ResponseFraming::Chunked)
    } else {
        Err(ResponseError::CodingUnsupported)
    }
}

#[cfg(test)]
mod tests;
