//! A client's request head.
//!
//! Takes the bytes of one whole head, as [`HeadScan`](super::HeadScan) bounded it. Gives a [`RequestHead`] that borrows
//! from them, or a [`HeadError`], after which the connection is closed.
//!
//! Invariant: the framing of an accepted head follows from one field that occurred once; there is no precedence
//! between fields to get wrong. Source: RFC 9112, 6.3, without what it leaves to the recipient.

use super::HeadError;
pub use super::fields::length;
use super::fields::{Facts, Headers, Seen, Slots, is_token_byte};
use super::target::{Target, is_host};
use crate::base::limits;

/// Bounds on a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    pub head_bytes: usize,
    /// Never more than [`limits::HEADER_SLOTS`], whatever stands here.
    pub headers: usize,
    pub target_bytes: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes: limits::HEAD_BYTES, headers: limits::HEADERS, target_bytes: limits::TARGET_BYTES }
    }
}

/// How the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// A request as its head tells it.
#[derive(Clone, Copy)]
pub struct RequestHead<'b> {
    pub method: &'b str,
    pub path: &'b str,
    /// Without its `?`.
    pub query: Option<&'b str>,
    /// The target as it was written.
    pub target: &'b str,
    /// 0 or 1, of HTTP/1.
    pub minor_version: u8,
    pub headers: Headers<'b>,
    pub framing: Framing,
    /// The client takes another answer on this connection.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// Without the query, where some clients put their keys.
impl std::fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} HTTP/1.{} {:?}", self.method, self.path, self.minor_version, self.framing)
    }
}

/// Longest method, in bytes. The longest registered one has 16.
const METHOD_BYTES: usize = 32;

/// Parses one whole head: `bytes` ends with its empty line.
///
/// # Errors
/// Whatever is not plainly one valid request. The connection is closed after the answer.
pub fn parse<'s, 'b: 's>(
    bytes: &'b [u8],
    slots: &'s mut Slots<'b>,
    limits: &HeadLimits,
) -> Result<RequestHead<'s>, HeadError> {
    plausible(bytes, limits)?;
    let most = limits.headers.min(slots.0.len());
    let mut raw = httparse::Request::new(&mut []);
    let parsed = raw.parse_with_uninit_headers(bytes, &mut slots.0[..most]);
    let used = parsed.map_err(|error| translate(error, bytes, most))?;
    let (httparse::Status::Complete(used), Some(method), Some(target), Some(minor_version)) =
        (used, raw.method, raw.path, raw.version)
    else {
        return Err(HeadError::Unfinished);
    };
    // Every other line end has a field behind it, whose place tells; see `Facts::gather`.
    if !bytes[..used].ends_with(b"\r\n\r\n") {
        return Err(HeadError::LineEnd);
    }
    if used != bytes.len() {
        return Err(HeadError::Unfinished);
    }
    if target.len() > limits.target_bytes {
        return Err(HeadError::TargetTooLong { limit: limits.target_bytes });
    }
    let facts = Facts::gather(bytes, raw.headers).ok_or(HeadError::LineEnd)?;
    let Target { path, query } = Target::parse(target).ok_or(HeadError::Target)?;
    check_host(facts.host, minor_version)?;
    Ok(RequestHead {
        method,
        path,
        query,
        target,
        minor_version,
        framing: framing(&facts, minor_version)?,
        keep_alive: facts.persistent(minor_version),
        expects_continue: expectation(facts.expect, minor_version)?,
        headers: Headers::new(raw.headers, &facts),
    })
}

/// Whether what has arrived of a head may still become a good one, so that garbage and floods are answered at once.
///
/// # Errors
/// A first word that is no method, a bare line feed where it is plain to see, or more bytes than a head may have.
pub fn plausible(bytes: &[u8], limits: &HeadLimits) -> Result<(), HeadError> {
    let start = &bytes[..bytes.len().min(METHOD_BYTES + 1)];
    let method = memchr::memchr(b' ', start).map_or(start, |space| &start[..space]);
    let empty = method.is_empty() && !bytes.is_empty();
    if empty || method.len() > METHOD_BYTES || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Err(HeadError::RequestLine);
    }
    let first_feed = memchr::memchr(b'\n', bytes);
    if bytes.len() > limits.head_bytes {
        return Err(match first_feed {
            Some(at) if at < limits.head_bytes => HeadError::TooLarge { limit: limits.head_bytes },
            Some(_) | None => HeadError::TargetTooLong { limit: limits.target_bytes },
        });
    }
    // A head of bare line feeds never gets the end that is waited for.
    let bare = first_feed.is_some_and(|at| !bytes[..at].ends_with(b"\r")) || bytes.ends_with(b"\n\n");
    if bare { Err(HeadError::LineEnd) } else { Ok(()) }
}

fn translate(error: httparse::Error, bytes: &[u8], most: usize) -> HeadError {
    match error {
        httparse::Error::HeaderName => HeadError::FieldName,
        httparse::Error::HeaderValue => HeadError::FieldValue,
        httparse::Error::NewLine => HeadError::LineEnd,
        httparse::Error::TooManyHeaders => HeadError::TooManyFields { limit: most },
        httparse::Error::Version if names_a_version(bytes) => HeadError::Version,
        httparse::Error::Version | httparse::Error::Status | httparse::Error::Token => HeadError::RequestLine,
    }
}

/// Whether the third word of the first line is a version of HTTP, if not one that is spoken here.
fn names_a_version(bytes: &[u8]) -> bool {
    match bytes.splitn(3, |byte| *byte == b' ').nth(2) {
        Some([b'H', b'T', b'T', b'P', b'/', major, ..]) => major.is_ascii_digit(),
        Some(_) | None => false,
    }
}

fn check_host(host: Seen<'_>, minor_version: u8) -> Result<(), HeadError> {
    match host {
        Seen::Once(value) if is_host(value) => Ok(()),
        Seen::Once(_) => Err(HeadError::HostInvalid),
        Seen::Never if minor_version == 0 => Ok(()),
        Seen::Never => Err(HeadError::HostMissing),
        Seen::Again(_) | Seen::Differs => Err(HeadError::HostRepeated),
    }
}

fn framing(facts: &Facts<'_>, minor_version: u8) -> Result<Framing, HeadError> {
    if facts.coding.is_there() {
        return coded(facts, minor_version);
    }
    match facts.length {
        Seen::Never => Ok(Framing::None),
        Seen::Once(value) => length(value).map(Framing::Length).ok_or(HeadError::LengthInvalid),
        // Equal ones too: who repeats a length passes on what somebody else wrote.
        Seen::Again(_) | Seen::Differs => Err(HeadError::LengthRepeated),
    }
}

fn coded(facts: &Facts<'_>, minor_version: u8) -> Result<Framing, HeadError> {
    if facts.length.is_there() {
        Err(HeadError::LengthAndCoding)
    } else if minor_version == 0 {
        Err(HeadError::CodingInOldVersion)
    } else if facts.is_chunked() {
        Ok(Framing::Chunked)
    } else {
        Err(HeadError::CodingUnsupported)
    }
}

/// Source: RFC 9110, 10.1.1, where HTTP/1.0 may ask for `100-continue` and must not get it.
fn expectation(expect: Seen<'_>, minor_version: u8) -> Result<bool, HeadError> {
    match expect {
        Seen::Never => Ok(false),
        Seen::Once(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(minor_version == 1),
        Seen::Once(_) | Seen::Again(_) | Seen::Differs => Err(HeadError::Expectation),
    }
}

#[cfg(test)]
mod tests;
