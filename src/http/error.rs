//! Why a head was refused, and what the other side is told.
//!
//! Invariant: no message repeats bytes of the head, which may hold a credential.

use std::fmt;

use crate::base::fault::{Fault, FaultKind};

/// A request head that is not served. The connection is closed after the answer: where the next request
/// would begin is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeadError {
    /// The bytes are not exactly one head, from its method to its empty line.
    Unfinished,
    TooLarge {
        limit: usize,
    },
    TooManyFields {
        limit: usize,
    },
    TargetTooLong {
        limit: usize,
    },
    Version,
    RequestLine,
    Target,
    LineEnd,
    FieldName,
    FieldValue,
    HostMissing,
    HostRepeated,
    HostInvalid,
    LengthInvalid,
    LengthRepeated,
    CodingUnsupported,
    CodingInOldVersion,
    LengthAndCoding,
    Expectation,
}

impl HeadError {
    /// The row of the fault table.
    pub const fn kind(self) -> FaultKind {
        match self {
            HeadError::TooLarge { .. } | HeadError::TooManyFields { .. } => FaultKind::HeadTooLarge,
            HeadError::TargetTooLong { .. } => FaultKind::TargetTooLong,
            HeadError::Version => FaultKind::VersionUnsupported,
            HeadError::Expectation => FaultKind::ExpectationFailed,
            HeadError::Unfinished
            | HeadError::RequestLine
            | HeadError::Target
            | HeadError::LineEnd
            | HeadError::FieldName
            | HeadError::FieldValue
            | HeadError::HostMissing
            | HeadError::HostRepeated
            | HeadError::HostInvalid
            | HeadError::LengthInvalid
            | HeadError::LengthRepeated
            | HeadError::CodingUnsupported
            | HeadError::CodingInOldVersion
            | HeadError::LengthAndCoding => FaultKind::MalformedHead,
        }
    }
}

/// What the client reads.
impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeadError::TooLarge { limit } => return write!(f, "The request's head is larger than {limit} bytes."),
            HeadError::TooManyFields { limit } => return write!(f, "The request has more than {limit} headers."),
            HeadError::TargetTooLong { limit } => return write!(f, "The request's URL is longer than {limit} bytes."),
            HeadError::Version | HeadError::Expectation => self.kind().row().message,
            HeadError::Unfinished => "The request's head is not complete.",
            HeadError::RequestLine => "The request does not begin with a line like `POST /path HTTP/1.1`.",
            HeadError::Target => {
                "The request's URL must be a path that starts with `/`, or http(s)://host/path, in visible ASCII \
                 without `#`."
            }
            HeadError::LineEnd => "A line of the request's head does not end in CR LF.",
            HeadError::FieldName => {
                "A header's name is empty, indented, followed by a space, or has a character that names do not have."
            }
            HeadError::FieldValue => "A header's value has a control character.",
            HeadError::HostMissing => "The request has no Host header.",
            HeadError::HostRepeated => "The request has more than one Host header.",
            HeadError::HostInvalid => "The request's host is empty or not a valid host and port.",
            HeadError::LengthInvalid => "The Content-Length is not a decimal number of bytes.",
            HeadError::LengthRepeated => "The request has more than one Content-Length.",
            HeadError::CodingUnsupported => "The Transfer-Encoding must be `chunked`, once and alone.",
            HeadError::CodingInOldVersion => "HTTP/1.0 has no Transfer-Encoding.",
            HeadError::LengthAndCoding => "The request has both a Content-Length and a Transfer-Encoding.",
        })
    }
}

impl std::error::Error for HeadError {}

/// The client is told the rule that was broken, and nothing of what it sent.
impl From<HeadError> for Fault {
    fn from(error: HeadError) -> Self {
        Fault::told(error.kind(), error.to_string())
    }
}

/// An upstream's response head that cannot be used. The connection it came on is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseError {
    /// The bytes are not exactly one head.
    Unfinished,
    TooLarge {
        limit: usize,
    },
    TooManyFields {
        limit: usize,
    },
    StatusLine,
    /// Outside of 100 to 599.
    Status {
        status: u16,
    },
    /// A 101 that nobody asked for: what follows is not HTTP.
    Upgrade,
    LineEnd,
    FieldName,
    FieldValue,
    LengthInvalid,
    LengthsDiffer,
    CodingUnsupported,
    CodingInOldVersion,
    LengthAndCoding,
}

impl ResponseError {
    /// The row of the fault table: whatever is wrong, it is the provider's.
    pub const fn kind(self) -> FaultKind {
        FaultKind::UpstreamMalformed
    }
}

/// What the operator reads, and the client if the gateway is so configured.
impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseError::TooLarge { limit } => {
                return write!(f, "The provider's response head is larger than {limit} bytes.");
            }
            ResponseError::TooManyFields { limit } => {
                return write!(f, "The provider's response has more than {limit} headers.");
            }
            ResponseError::Status { status } => {
                return write!(f, "The provider answered with the status {status:03}, which does not exist.");
            }
            ResponseError::Unfinished => "The provider's response head is not complete.",
            ResponseError::StatusLine => "The provider's answer does not begin with a status line of HTTP/1.",
            ResponseError::Upgrade => "The provider switched protocols without being asked to.",
            ResponseError::LineEnd => "A line of the provider's response head does not end in CR LF.",
            ResponseError::FieldName => "A header's name in the provider's response is not valid.",
            ResponseError::FieldValue => {
                "A header's value in the provider's response has a control character."
            }
            ResponseError::LengthInvalid => "The provider's Content-Length is not a decimal number of bytes.",
            ResponseError::LengthsDiffer => "The provider's response has Content-Lengths that differ.",
            ResponseError::CodingUnsupported => "The provider's Transfer-Encoding is not `chunked` alone.",
            ResponseError::CodingInOldVersion => "The provider's HTTP/1.0 response has a Transfer-Encoding.",
            ResponseError::LengthAndCoding => {
                "The provider's response has a Content-Length and a Transfer-Encoding."
            }
        })
    }
}

impl std::error::Error for ResponseError {}

impl From<ResponseError> for Fault {
    fn from(error: ResponseError) -> Self {
        Fault::told(error.kind(), error.to_string())
    }
}
