//! FLOOR 3: the sans-io HTTP/1.1 codec.
//!
//! Takes bytes as they came off a socket. Gives heads ([`request`], [`response`]) that borrow from those bytes, body
//! payload ([`chunked`]) in the place where it arrived, or [`gzip`] by itself, and writers ([`encode`]) for everything that leaves, and
//! the lines that sign it ([`sigv4`]).
//! Knows no sockets, no clock and no provider, and allocates nothing for a message that is valid.
//!
//! Invariant: an accepted message has one meaning. Whatever two parsers could read differently (both a length and a
//! coding, a repeated length, a bare line feed, a folded line, a padded chunk size) is an error here, so no byte
//! of one message can become part of another. Nothing is copied through: what leaves is written afresh.

pub mod chunked;
pub mod coding;
pub mod date;
pub mod delay;
pub mod encode;
mod error;
mod fields;
pub mod gzip;
pub mod request;
pub mod response;
mod scan;
pub mod sigv4;
mod target;

pub use error::{HeadError, ResponseError};
pub use fields::{Headers, Slots, is, is_hop_by_hop};
pub use scan::{HeadScan, Preface, h2_preface, leading_blank};
