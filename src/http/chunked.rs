//! The chunked coding, in both directions.
//!
//! Takes body bytes in whatever pieces they arrive; gives the payload, moved to the front of the same piece.
//! Extensions and trailers are checked, bounded and dropped, but for trailers that are asked for.
//!
//! Invariant: the verdict and the payload do not depend on how the bytes were split, and nothing that follows the
//! last chunk's empty line is touched. Source: RFC 9112, 7.1, of which the lenient readings are errors here.

use std::fmt;

use super::fields::is_token_byte;
use crate::base::fault::FaultKind;
use crate::base::limits::{CHUNK_EXTENSION_BYTES, TRAILER_BYTES};

/// The last chunk and an empty trailer section.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// The last chunk, and a trailer section of the fields that `fields` writes.
pub fn last_with(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"0\r\n");
    fields(out);
    out.extend_from_slice(b"\r\n");
}

/// Most digits of a chunk size.
const SIZE_DIGITS: u8 = 16;

/// Most digits of a size that is read in one go.
const PLAIN_DIGITS: usize = 8;

/// What one call of [`Decoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of payload, now at the front of the slice.
    pub data: usize,
    /// Bytes of input that were taken: all of them, unless the body ended before.
    pub consumed: usize,
    /// The body is complete.
    pub finished: bool,
}

/// Why a chunked body was refused. The connection it came on is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// This byte stands where a hexadecimal size was due.
    Size {
        byte: u8,
    },
    SizeTooLarge,
    LineEnd,
    Extension {
        byte: u8,
    },
    ExtensionTooLong,
    /// The payload is not followed by a line end: its size was wrong.
    PayloadEnd,
    Trailer {
        byte: u8,
    },
    TrailerTooLarge,
}

impl ChunkError {
    /// The row of the fault table for a request. A response with this error is `UpstreamMalformed`.
    pub const fn kind(self) -> FaultKind {
        FaultKind::MalformedChunk
    }
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChunkError::Size { byte } => write!(f, "A chunk's size has the byte {byte:#04x}."),
            ChunkError::SizeTooLarge => f.write_str("A chunk's size is too large."),
            ChunkError::LineEnd => f.write_str("A line of the chunked body does not end in CR LF."),
            ChunkError::Extension { byte } => write!(f, "A chunk's extension has the byte {byte:#04x}."),
            ChunkError::ExtensionTooLong => {
                write!(f, "A chunk's extension is longer than {CHUNK_EXTENSION_BYTES} bytes.")
            }
            ChunkError::PayloadEnd => f.write_str("A chunk is longer than its size says."),
            ChunkError::Trailer { byte } => write!(f, "The trailer section has the byte {byte:#04x}."),
            ChunkError::TrailerTooLarge => {
                write!(f, "The trailer section is larger than {TRAILER_BYTES} bytes.")
            }
        }
    }
}

impl std::error::Error for ChunkError {}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u8, size: u64 },
    Extension { taken: usize, size: u64 },
    SizeFeed { size: u64 },
    Payload { left: u64 },
    PayloadReturn,
    PayloadFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerFeed,
    LastFeed,
    Finished,
}

const NEXT_CHUNK: State = State::Size { digits: 0, size: 0 };

/// Takes a chunked body apart, in place. After an error it is of no more use.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    trailer_bytes: usize,
    /// The trailer section without its line feeds, if somebody wants it.
    trailer: Option<Vec<u8>>,
    salvaged: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    pub const fn new() -> Self {
        Self { state: NEXT_CHUNK, trailer_bytes: 0, trailer: None, salvaged: 0 }
    }

    /// One that keeps the fields behind the last chunk.
    pub const fn keeping_trailer() -> Self {
        Self { state: NEXT_CHUNK, trailer_bytes: 0, trailer: Some(vec![]), salvaged: 0 }
    }

    pub fn keeps_trailer(&self) -> bool {
        self.trailer.is_some()
    }

    /// The fields behind the last chunk, if they are kept and all are there. Names are tokens, and values are trimmed.
    pub fn trailer(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let kept = self.trailer.iter().filter(|_| self.is_finished());
        let lines = kept.flat_map(|kept| kept.split(|byte| *byte == b'\r'));
        lines.filter_map(|line| {
            let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
            Some((std::str::from_utf8(name).ok()?, value.get(1..)?.trim_ascii()))
        })
    }

    /// Decodes the next piece of a body and moves its payload to the front of `bytes`.
    ///
    /// # Errors
    /// The bytes are no chunked body. The payload before the mistake stands at the front of `bytes`, and
    /// [`Decoder::salvaged`] tells how much there is.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, ChunkError> {
        let (mut data, mut at) = (0, 0);
        while at < bytes.len() && self.state != State::Finished {
            if let State::Payload { left } = self.state {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                bytes.copy_within(at..at + n, data);
                self.state = after_payload(left - n as u64);
                data += n;
                at += n;
            } else if let Some((size, taken)) = self.plain_line(&bytes[at..]) {
                self.state = State::Payload { left: size };
                at += taken;
            } else {
                self.state = self.step(bytes[at]).inspect_err(|_| self.salvaged = data)?;
                at += 1;
            }
        }
        debug_assert!(data <= at && at <= bytes.len());
        Ok(Decoded { data, consumed: at, finished: self.state == State::Finished })
    }

    /// Bytes of payload that the call which failed had found before the mistake.
    pub fn salvaged(&self) -> usize {
        self.salvaged
    }

    /// Whether the body is complete. An input that ends before is a truncated one.
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// The size of the next chunk and the bytes up to its payload, where nothing unusual stands between: what most
    /// chunks begin with, and what reading it byte by byte would give.
    fn plain_line(&self, bytes: &[u8]) -> Option<(u64, usize)> {
        let (line, before) = match self.state {
            State::PayloadReturn => (bytes.strip_prefix(b"\r\n")?, 2),
            NEXT_CHUNK => (bytes, 0),
            _ => return None,
        };
        let mut size = 0;
        for (at, byte) in line.iter().take(PLAIN_DIGITS + 1).enumerate() {
            match (*byte as char).to_digit(16) {
                Some(digit) => size = size << 4 | u64::from(digit),
                None if size > 0 && line[at..].starts_with(b"\r\n") => return Some((size, before + at + 2)),
                None => return None,
            }
        }
        None
    }

    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size { digits, size } => after_size_byte(digits, size, byte),
            State::Extension { taken, size } => after_extension_byte(taken, size, byte),
            State::SizeFeed { size } => after_size_line(size, byte),
            State::Payload { .. } | State::Finished => Ok(self.state),
            State::PayloadReturn if byte == b'\r' => Ok(State::PayloadFeed),
            State::PayloadFeed if byte == b'\n' => Ok(NEXT_CHUNK),
            State::PayloadReturn | State::PayloadFeed => Err(ChunkError::PayloadEnd),
            State::TrailerStart | State::TrailerName | State::TrailerValue => self.trailer_byte(byte),
            State::TrailerFeed if byte == b'\n' => Ok(State::TrailerStart),
            State::LastFeed if byte == b'\n' => Ok(State::Finished),
            State::TrailerFeed | State::LastFeed => Err(ChunkError::LineEnd),
        }
    }

    /// A byte of `name: value CR`, or the CR of the empty line.
    fn trailer_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES {
            return Err(ChunkError::TrailerTooLarge);
        }
        if (self.state, byte) == (State::TrailerStart, b'\r') {
            return Ok(State::LastFeed);
        }
        if let Some(kept) = &mut self.trailer {
            kept.push(byte);
        }
        match (self.state, byte) {
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerFeed),
            (State::TrailerValue, _) if is_text(byte) => Ok(State::TrailerValue),
            (State::TrailerStart | State::TrailerName, _) if is_token_byte(byte) => Ok(State::TrailerName),
            _ => Err(ChunkError::Trailer { byte }),
        }
    }
}

fn after_size_byte(digits: u8, size: u64, byte: u8) -> Result<State, ChunkError> {
    if let Some(digit) = (byte as char).to_digit(16) {
        if digits == SIZE_DIGITS || size > i64::MAX as u64 >> 4 {
            return Err(ChunkError::SizeTooLarge);
        }
        return Ok(State::Size { digits: digits + 1, size: size << 4 | u64::from(digit) });
    }
    match byte {
        b'\r' if digits > 0 => Ok(State::SizeFeed { size }),
        b';' if digits > 0 => Ok(State::Extension { taken: 0, size }),
        _ => Err(ChunkError::Size { byte }),
    }
}

fn after_extension_byte(taken: usize, size: u64, byte: u8) -> Result<State, ChunkError> {
    match byte {
        b'\r' => Ok(State::SizeFeed { size }),
        _ if !is_text(byte) => Err(ChunkError::Extension { byte }),
        _ if taken == CHUNK_EXTENSION_BYTES => Err(ChunkError::ExtensionTooLong),
        _ => Ok(State::Extension { taken: taken + 1, size }),
    }
}

fn after_size_line(size: u64, byte: u8) -> Result<State, ChunkError> {
    match (byte, size) {
        (b'\n', 0) => Ok(State::TrailerStart),
        (b'\n', left) => Ok(State::Payload { left }),
        _ => Err(ChunkError::LineEnd),
    }
}

fn after_payload(left: u64) -> State {
    if left == 0 { State::PayloadReturn } else { State::Payload { left } }
}

/// What a field's value may hold: tab, visible ASCII and space, and bytes beyond ASCII.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

/// Writes the line that stands before a chunk of `len` bytes. After the chunk goes CR LF.
///
/// A chunk of no bytes would end the body: it is not written, and asking for it is a mistake.
pub fn size_line(len: usize, out: &mut [u8; 18]) -> &[u8] {
    debug_assert!(len > 0, "an empty chunk ends the body");
    out[16..].copy_from_slice(b"\r\n");
    let mut at = 16;
    let mut rest = len;
    loop {
        at -= 1;
        out[at] = b"0123456789abcdef"[rest & 0xf];
        rest >>= 4;
        if rest == 0 {
            return &out[at..];
        }
    }
}

#[cfg(test)]
mod tests;
