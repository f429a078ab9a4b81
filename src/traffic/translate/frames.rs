//! Events of a stream in Amazon's binary framing (`application/vnd.amazon.eventstream`), one after the other.
//!
//! A frame is `total u32 | headers u32 | CRC of these eight bytes u32 | headers | payload | CRC of all before u32`, in
//! network order. Of its headers the names of what it is matter; the payload is the event's data.
//!
//! Invariant: nothing is read of a frame whose checksums do not hold, and none is waited for that is longer than an
//! event may be.
//! Source: the event stream encoding of the AWS SDKs, and the botocore decoder's tests of it.

use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::TRANSLATED_EVENT_BYTES;

/// Both lengths, and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The checksum at a frame's end.
const SUM_BYTES: usize = 4;
/// Longest headers that servers may send.
const HEADER_BYTES: usize = 128 * 1024;

/// One frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'b> {
    pub kind: FrameKind,
    /// What it is called: the type of the event or the exception, or the error's code.
    pub name: &'b [u8],
    /// What an error says.
    pub message: &'b [u8],
    pub payload: &'b [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    Event,
    /// An error that the API knows: its payload tells more.
    Exception,
    /// Any other error: its headers tell everything.
    Error,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameFault {
    PreludeSum,
    Lengths,
    TooLong,
    Sum,
    Headers,
}

impl From<FrameFault> for Fault {
    fn from(fault: FrameFault) -> Self {
        let message = match fault {
            FrameFault::PreludeSum => "A frame of the provider's stream begins with a wrong checksum.",
            FrameFault::Lengths => "The lengths in a frame of the provider's stream do not fit each other.",
            FrameFault::TooLong => "A frame of the provider's stream is too long.",
            FrameFault::Sum => "A frame of the provider's stream ends with a wrong checksum.",
            FrameFault::Headers => "A frame of the provider's stream has broken headers.",
        };
        Fault::told(FaultKind::UpstreamUnreadable, message)
    }
}

/// Finds frames in the bytes of a stream. The bytes that were not taken come again with more behind them.
#[derive(Default)]
pub struct Frames {
    start: usize,
}

impl Frames {
    /// The next frame whose end is in `bytes`.
    ///
    /// # Errors
    /// What stands next is none, and where the one behind it would begin is not known.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<Frame<'b>>, FrameFault> {
        let rest = &bytes[self.start..];
        let Some((prelude, _)) = rest.split_first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let (total, headers) = lengths(prelude)?;
        let Some(frame) = rest.get(..total) else { return Ok(None) };
        let (summed, sum) = frame.split_at(total - SUM_BYTES);
        if number(sum) != crc32fast::hash(summed) {
            return Err(FrameFault::Sum);
        }
        self.start += total;
        let (headers, payload) = summed[PRELUDE_BYTES..].split_at(headers);
        described(headers, payload).map(Some)
    }

    /// Lets go of what was found; gives its length.
    pub fn shift(&mut self) -> usize {
        std::mem::take(&mut self.start)
    }
}

/// Length of the frame, and of its headers.
fn lengths(prelude: &[u8; PRELUDE_BYTES]) -> Result<(usize, usize), FrameFault> {
    let (lengths, sum) = prelude.split_at(PRELUDE_BYTES - SUM_BYTES);
    if number(sum) != crc32fast::hash(lengths) {
        return Err(FrameFault::PreludeSum);
    }
    let (total, headers) = (number(&lengths[..4]) as usize, number(&lengths[4..]) as usize);
    match total.checked_sub(PRELUDE_BYTES + SUM_BYTES) {
        _ if total > TRANSLATED_EVENT_BYTES || headers > HEADER_BYTES => Err(FrameFault::TooLong),
        Some(inside) if headers <= inside => Ok((total, headers)),
        _ => Err(FrameFault::Lengths),
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The frame by its headers.
fn described<'b>(headers: &'b [u8], payload: &'b [u8]) -> Result<Frame<'b>, FrameFault> {
    let (mut kind, mut name, mut message) = (&b""[..], &b""[..], &b""[..]);
    let mut rest = headers;
    while !rest.is_empty() {
        let (header, text) = header(&mut rest).ok_or(FrameFault::Headers)?;
        match header {
            b":message-type" => kind = text,
            b":event-type" | b":exception-type" | b":error-code" => name = text,
            b":error-message" => message = text,
            _ => {}
        }
    }
    let kind = match kind {
        b"event" => FrameKind::Event,
        b"exception" => FrameKind::Exception,
        b"error" => FrameKind::Error,
        _ => return Err(FrameFault::Headers),
    };
    Ok(Frame { kind, name, message, payload })
}

/// Takes the first header: its name, and its value if that is a text.
fn header<'b>(rest: &mut &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
    let length = *rest.split_off_first()?;
    let name = rest.split_off(..usize::from(length))?;
    let fixed = match *rest.split_off_first()? {
        // True and false.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        // Bytes, and a text.
        kind @ (6 | 7) => {
            let length = number(rest.split_off(..2)?) as usize;
            let value = rest.split_off(..length)?;
            return Some((name, if kind == 7 { value } else { b"" }));
        }
        9 => 16,
        _ => return None,
    };
    rest.split_off(..fixed)?;
    Some((name, b""))
}

/// Frames as a server writes them, for tests.
#[cfg(test)]
pub mod writing {
    use super::FrameKind;

    /// A frame with the headers that such frames have.
    pub fn frame(kind: FrameKind, name: &str, payload: &[u8]) -> Vec<u8> {
        let (kind, named) = match kind {
            FrameKind::Event => ("event", ":event-type"),
            FrameKind::Exception => ("exception", ":exception-type"),
            FrameKind::Error => ("error", ":error-code"),
        };
        let mut headers = vec![];
        for (name, value) in [(named, name), (":content-type", "application/json"), (":message-type", kind)] {
            headers.push(name.len() as u8);
            headers.extend_from_slice(name.as_bytes());
            headers.push(7);
            headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
            headers.extend_from_slice(value.as_bytes());
        }
        raw(&headers, payload)
    }

    pub fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = (16 + headers.len() + payload.len()) as u32;
        let mut frame = [total.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(headers);
        frame.extend_from_slice(payload);
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::writing::{frame, raw};
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// Kind, name, message and payload of a frame, in memory of their own.
    type Known = (FrameKind, Vec<u8>, Vec<u8>, Vec<u8>);

    /// What is found in these bytes as they come, cut at these places.
    fn found(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Known>, FrameFault> {
        let (mut frames, mut held, mut all, mut from) = (Frames::default(), vec![], vec![], 0);
        for end in cuts.iter().copied().chain([bytes.len()]) {
            held.extend_from_slice(&bytes[from..end]);
            from = end;
            while let Some(frame) = frames.next(&held)? {
                let Frame { kind, name, message, payload } = frame;
                all.push((kind, name.to_vec(), message.to_vec(), payload.to_vec()));
            }
            held.drain(..frames.shift());
        }
        Ok(all)
    }

    /// A frame that a decoder of the provider's own was held against is read as what it is, padding and all.
    #[test]
    fn a_known_frame_is_read() {
        const HEX: &str = "000000800000005251a15f230b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22726f6c65223a22617373697374616e74222c2270223a22616263227d8eb8e9b8";
        let bytes: Vec<u8> = (0..HEX.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&HEX[at..at + 2], 16).expect("hex"))
            .collect();
        let payload = br#"{"role":"assistant","p":"abc"}"#;
        let expected = (FrameKind::Event, b"messageStart".to_vec(), vec![], payload.to_vec());
        assert_eq!(found(&bytes, &[]), Ok(vec![expected]));
        assert_eq!(frame(FrameKind::Event, "messageStart", payload), bytes);
    }

    /// Headers of every type are passed over, and those that are cut short, of no type or without a kind are refused.
    #[test]
    fn headers_are_read() {
        let kind =
            b"\x0d:message-type\x07\x00\x05error\x0b:error-code\x07\x00\x01c\x0e:error-message\x07\x00\x02no";
        let others = b"\x01a\x00\x01a\x01\x01a\x02x\x01a\x03xx\x01a\x04xxxx\x01a\x05xxxxxxxx\x01a\x06\x00\x01x\x01a\x08xxxxxxxx\x01a\x09xxxxxxxxxxxxxxxx";
        let bytes = raw(&[&others[..], kind].concat(), b"");
        assert_eq!(found(&bytes, &[]), Ok(vec![(FrameKind::Error, b"c".to_vec(), b"no".to_vec(), vec![])]));
        for wrong in [&b""[..], b"\x01a\x00", b"\x01a\x0a", b"\x05a", b"\x01a\x07\x00\x05abc", b"\x01a"] {
            assert_eq!(found(&raw(wrong, b"{}"), &[]), Err(FrameFault::Headers), "{wrong:?}");
            if !wrong.is_empty() {
                let wrong = [&kind[..], wrong].concat();
                let known = found(&raw(&wrong, b""), &[]);
                assert_eq!(known.is_ok(), wrong.ends_with(b"\x01a\x00"), "{wrong:?}");
            }
        }
    }

    /// A length that no frame has is refused as soon as it is known, without waiting for the rest.
    #[test]
    fn lengths_are_bounded() {
        let prelude = |total: u32, headers: u32| {
            let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            prelude.extend_from_slice(&crc32fast::hash(&prelude).to_be_bytes());
            prelude
        };
        let longest = TRANSLATED_EVENT_BYTES as u32;
        for (total, headers, fault) in [
            (15, 0, FrameFault::Lengths),
            (0, 0, FrameFault::Lengths),
            (100, 85, FrameFault::Lengths),
            (longest + 1, 0, FrameFault::TooLong),
            (u32::MAX, u32::MAX, FrameFault::TooLong),
            (longest, 128 * 1024 + 1, FrameFault::TooLong),
        ] {
            assert_eq!(found(&prelude(total, headers), &[]), Err(fault), "{total} {headers}");
        }
        assert_eq!(found(&prelude(longest, 128 * 1024), &[]), Ok(vec![]));
        assert_eq!(found(b"HTTP/1.1 200", &[]), Err(FrameFault::PreludeSum));
    }

    proptest! {
        /// Frames are the same however their bytes are cut.
        #[test]
        fn cuts_do_not_matter(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6),
            cuts in prop::collection::vec(any::<Index>(), 0..20),
        ) {
            let kinds = [FrameKind::Event, FrameKind::Exception, FrameKind::Error];
            let (mut bytes, mut expected) = (vec![], vec![]);
            for (payload, kind) in payloads.into_iter().zip(kinds.into_iter().cycle()) {
                bytes.extend(frame(kind, "x", &payload));
                expected.push((kind, b"x".to_vec(), vec![], payload));
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            prop_assert_eq!(found(&bytes, &cuts), Ok(expected));
        }

        /// No frame with a bit that is not as it was sent is read.
        #[test]
        fn broken_bits_are_found(payload in prop::collection::vec(any::<u8>(), 0..80), bit in any::<Index>()) {
            let mut bytes = frame(FrameKind::Event, "x", &payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(found(&bytes, &[]), Ok(all) if !all.is_empty()));
        }
    }
}
