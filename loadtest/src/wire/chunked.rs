//! Decodes a chunked body as it arrives. Source: RFC 9112 section 7.1.

use std::ops::ControlFlow;

/// Longest line of a chunk size with its extensions, and most bytes of trailers.
const LINE_BYTES_MAX: u32 = 8 * 1024;

/// The bytes are not a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadChunk;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the size line; `digits` were read.
    Size {
        digits: u8,
    },
    /// In an extension, which has no meaning here.
    Extension,
    /// After the CR of the size line.
    SizeEnd,
    Data,
    /// After the data of a chunk: CR, then LF.
    DataCr,
    DataLf,
    /// At the begin of a trailer line, after its CR, and inside it.
    TrailerStart,
    TrailerEnd,
    Trailer,
    Done,
}

/// Where in a chunked body we are.
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    /// Bytes of data of this chunk that are still to come; while in the size line, the size so far.
    left: u64,
    /// Bytes seen of the present size line, or of all trailers.
    line_bytes: u32,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::Size { digits: 0 }, left: 0, line_bytes: 0 }
    }
}

impl Chunked {
    /// Takes bytes, hands data to `on_data`, and says how many bytes belong to this body: fewer than given only
    /// once it [is done](Self::is_done).
    pub fn feed(&mut self, bytes: &[u8], mut on_data: impl FnMut(&[u8])) -> Result<usize, BadChunk> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let taken = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                on_data(&bytes[at..at + taken]);
                at += taken;
                self.left -= taken as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            if let ControlFlow::Break(bad) = self.step(bytes[at]) {
                return Err(bad);
            }
            at += 1;
        }
        Ok(at)
    }

    /// Whether the body, with its trailers, is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn step(&mut self, byte: u8) -> ControlFlow<BadChunk> {
        self.line_bytes += 1;
        if self.line_bytes > LINE_BYTES_MAX {
            return ControlFlow::Break(BadChunk);
        }
        self.state = match (self.state, byte) {
            (State::Size { digits: 1.. } | State::Extension, b'\r') => State::SizeEnd,
            (State::Size { digits: 1.. }, b';' | b' ' | b'\t') => State::Extension,
            (State::Size { digits: digits @ 0..15 }, _) if byte.is_ascii_hexdigit() => {
                self.left = self.left << 4 | u64::from((byte as char).to_digit(16).unwrap_or(0));
                State::Size { digits: digits + 1 }
            }
            (State::Extension, byte) if byte != b'\n' => State::Extension,
            (State::SizeEnd, b'\n') if self.left == 0 => State::TrailerStart,
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.line_bytes = 0;
                State::Size { digits: 0 }
            }
            (State::TrailerStart, b'\r') => State::TrailerEnd,
            (State::TrailerEnd, b'\n') => State::Done,
            (State::Trailer, b'\n') => State::TrailerStart,
            (State::TrailerStart | State::Trailer, byte) if byte != b'\n' => State::Trailer,
            _ => return ControlFlow::Break(BadChunk),
        };
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), BadChunk> {
        let (mut chunked, mut data, mut taken) = (Chunked::default(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            taken += chunked.feed(piece, |bytes| data.extend_from_slice(bytes))?;
        }
        Ok((data, taken, chunked.is_done()))
    }

    /// Any way to cut a body into reads gives the same data, and what follows the body is left alone.
    #[test]
    fn decodes_however_it_is_cut() {
        let body = b"5\r\nhello\r\n1;ext=1\r\n \r\n0A\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\nNEXT";
        for step in 1..body.len() {
            let (data, taken, done) = decode(body, step).expect("valid");
            assert_eq!((data.as_slice(), taken, done), (&b"hello 0123456789"[..], body.len() - 4, true));
        }
    }

    /// Empty sizes, missing line ends, signs and endless lines are refused.
    #[test]
    fn refuses_what_is_not_chunked() {
        for bad in [
            "\r\n",
            "g\r\n",
            "+5\r\nhello\r\n",
            "5\nhello",
            "5\r\nhelloX",
            "5\r\nhello\rX",
            "1234567890abcdef0\r\n",
        ] {
            assert_eq!(decode(bad.as_bytes(), 3), Err(BadChunk), "{bad:?}");
        }
        let endless = format!("1;{}", "x".repeat(LINE_BYTES_MAX as usize));
        assert_eq!(decode(endless.as_bytes(), 100), Err(BadChunk));
    }

    /// A body that stops early is neither wrong nor done.
    #[test]
    fn waits_for_the_rest() {
        assert_eq!(decode(b"5\r\nhel", 2), Ok((b"hel".to_vec(), 6, false)));
    }
}
