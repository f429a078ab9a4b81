//! Streams in Amazon's framing: what is no frame is refused, and what is one is read alike however it is cut.
//!
//! Each target takes arbitrary bytes and ends in assertions.

use ringgate::base::fault::FaultKind;
use ringgate::traffic::translate::frames::{FrameFault, FrameKind, Frames};
use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{Form, Speech, Translation};

/// Kind, name and payload of a frame.
type Known = (FrameKind, Vec<u8>, Vec<u8>);

/// The frames at the front, and why what follows is none.
fn found(data: &[u8], step: usize) -> (Vec<Known>, Option<FrameFault>) {
    let (mut frames, mut held, mut all) = (Frames::default(), vec![], vec![]);
    for piece in data.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            match frames.next(&held) {
                Ok(Some(frame)) => all.push((frame.kind, frame.name.to_vec(), frame.payload.to_vec())),
                Ok(None) => break,
                Err(fault) => return (all, Some(fault)),
            }
        }
        held.drain(..frames.shift());
    }
    (all, None)
}

/// Frames are found alike however the bytes are cut.
pub fn frames(data: &[u8]) {
    let at_once = found(data, data.len().max(1));
    for step in [1, 3, 13, 64] {
        assert_eq!(found(data, step), at_once, "how it is cut matters");
    }
    let bytes: usize = at_once.0.iter().map(|(_, name, payload)| 16 + name.len() + payload.len()).sum();
    assert!(bytes <= data.len(), "frames hold more than came");
}

fn frame(kind: &[u8], name: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut headers = vec![];
    let named: &[u8] = if kind == b"event" { b":event-type" } else { b":exception-type" };
    for (header, value) in [(&b":message-type"[..], kind), (named, name)] {
        headers.push(header.len() as u8);
        headers.extend_from_slice(header);
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value);
    }
    let total = (16 + headers.len() + payload.len()) as u32;
    let mut frame = [total.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// What the client gets, and how it ended.
fn told(from: Speech, to: Speech, form: Form, stream: &[u8], step: usize) -> Result<Vec<u8>, FaultKind> {
    let mut translation = Translation::new(from, to, form, 1, true, Renamed::default()).known_as("r", "m");
    translation.read_as(Form::Stream);
    let (mut held, mut out) = (vec![], vec![]);
    let mut pieces = stream.chunks(step).peekable();
    loop {
        held.extend_from_slice(pieces.next().unwrap_or_default());
        let last = pieces.peek().is_none();
        let passed = translation.stream(&held, last, &mut out).map_err(|fault| fault.kind)?;
        held.drain(..passed.consumed);
        if last {
            assert!(translation.has_ended() || translation.has_failed(), "neither ended nor failed");
            return Ok(out);
        }
    }
}

/// Events of any names and payloads, in sound frames (a line for each; `!` before exceptions, `@` in front of everything
/// for those of a hosted model), are refused or told, the same however they are cut.
pub fn framed(data: &[u8]) {
    let (from, data) = match data.split_first() {
        Some((b'@', rest)) => (Speech::BedrockAnthropic, rest),
        _ => (Speech::Bedrock, data),
    };
    let mut stream = vec![];
    for line in data.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (name, payload) = line.split_at(at);
        stream.extend(match name.strip_prefix(b"!") {
            Some(name) => frame(b"exception", name, payload),
            None => frame(b"event", name, payload),
        });
    }
    for to in [Speech::OpenAi, Speech::Anthropic, Speech::Gemini, Speech::Responses] {
        let at_once = told(from, to, Form::Stream, &stream, stream.len());
        assert_eq!(told(from, to, Form::Stream, &stream, 29), at_once, "how it is cut matters");
        if let Ok(whole) = told(from, to, Form::Whole, &stream, stream.len())
            && at_once.is_ok_and(|told| memchr::memmem::find(&told, b"\"error\"").is_none())
        {
            assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&whole).is_ok(), "no JSON");
        }
    }
}
