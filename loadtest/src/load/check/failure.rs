//! What can be wrong with an answer.

use std::fmt;
use std::io;

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// No connection.
    Connect(io::ErrorKind),
    /// The connection was lost before the answer was complete.
    Lost(io::ErrorKind),
    /// The server gave up one stream of an HTTP/2 connection.
    StreamReset,
    /// The connection ended before the answer began.
    ClosedBefore,
    /// The connection ended in the middle of the answer.
    ClosedInside,
    /// No whole answer within the time limit.
    TimedOut,
    /// What came is no HTTP, or framed wrongly.
    NotHttp,
    /// Bytes came after the end of the answer.
    Surplus,
    /// A status other than 200.
    Status(u16),
    /// A complete body that is no JSON object.
    NotJson,
    /// A stream that ended without its end marker.
    NoEnd,
    /// An error inside a stream.
    StreamError,
    /// A stream with another number of events than expected.
    Events { got: u64, expected: u64 },
    /// Events that are right, in an order that is not.
    Order,
    /// A good answer of another length than the first.
    Length,
    /// A good answer of the same length that says something else.
    Checksum,
}

impl Failure {
    /// One word for programs: the same for every failure of its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Lost(_) => "lost",
            Self::StreamReset => "stream_reset",
            Self::ClosedBefore => "closed_before",
            Self::ClosedInside => "closed_inside",
            Self::TimedOut => "timeout",
            Self::NotHttp => "framing",
            Self::Surplus => "surplus",
            Self::Status(_) => "status",
            Self::NotJson => "not_json",
            Self::NoEnd => "no_end",
            Self::StreamError => "stream_error",
            Self::Events { .. } => "events",
            Self::Order => "order",
            Self::Length => "length",
            Self::Checksum => "checksum",
        }
    }

    /// Whether the connection can take the next request.
    pub fn keeps_connection(self) -> bool {
        match self {
            Self::Status(_)
            | Self::StreamReset
            | Self::NotJson
            | Self::NoEnd
            | Self::StreamError
            | Self::Events { .. }
            | Self::Order
            | Self::Length
            | Self::Checksum => true,
            Self::Connect(_)
            | Self::Lost(_)
            | Self::ClosedBefore
            | Self::ClosedInside
            | Self::TimedOut
            | Self::NotHttp
            | Self::Surplus => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(kind) => write!(out, "cannot connect: {kind}"),
            Self::Lost(kind) => write!(out, "connection lost: {kind}"),
            Self::StreamReset => out.write_str("stream reset by the server"),
            Self::ClosedBefore => out.write_str("closed before the answer"),
            Self::ClosedInside => out.write_str("closed inside the answer"),
            Self::TimedOut => out.write_str("timed out"),
            Self::NotHttp => out.write_str("not HTTP"),
            Self::Surplus => out.write_str("bytes after the answer"),
            Self::Status(status) => write!(out, "status {status}"),
            Self::NotJson => out.write_str("body is no JSON object"),
            Self::NoEnd => out.write_str("stream without its end marker"),
            Self::StreamError => out.write_str("error inside the stream"),
            Self::Events { got, expected } => write!(out, "{got} events, expected {expected}"),
            Self::Order => out.write_str("events out of order"),
            Self::Length => out.write_str("another length than the first answer"),
            Self::Checksum => out.write_str("another content than the first answer"),
        }
    }
}
