//! Amazon's event streams: frames with lengths and checksums in place of lines.

use super::embeddings::base64;
use super::{Event, ID, Part};

/// What every event has besides what it says, so that its length does not tell.
pub const PADDING: &str = r#""p":"abcd""#;

/// What the last event of a model's own has besides.
const METRICS: &str = r#","amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":1,"invocationLatency":2,"firstByteLatency":1}}"#;

/// A frame that is an event of this name.
pub fn event(part: Part, name: &str, payload: &str) -> Event {
    Event { part, bytes: frame("event", ":event-type", name, payload) }
}

/// A frame that is an error of this name.
pub fn exception(part: Part, name: &str, payload: &str) -> Event {
    Event { part, bytes: frame("exception", ":exception-type", name, payload) }
}

/// Server-sent events of a model, each in a frame. A checksum covers all of it, so that answers have the same id.
pub fn chunks(events: &[Event]) -> Vec<Event> {
    let chunk = |event: &Event| {
        let text = String::from_utf8_lossy(&event.bytes);
        let data = text.split_once("data: ").map_or("", |(_, data)| data.trim_end());
        let mut data = data.replace(ID, &"0".repeat(ID.len()));
        if event.part == Part::End {
            data.truncate(data.len() - 1);
            data += METRICS;
        }
        let payload = format!(r#"{{"bytes":"{}",{PADDING}}}"#, base64(data.as_bytes()));
        self::event(event.part, "chunk", &payload)
    };
    events.iter().map(chunk).collect()
}

/// Lengths, headers and payload, with the checksums of the beginning and of everything.
fn frame(kind: &str, named: &str, name: &str, payload: &str) -> Vec<u8> {
    let mut headers = vec![];
    for (header, value) in [(":message-type", kind), (named, name), (":content-type", "application/json")] {
        headers.push(header.len() as u8);
        headers.extend_from_slice(header.as_bytes());
        // A text.
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::with_capacity(16 + headers.len() + payload.len());
    frame.extend_from_slice(&((16 + headers.len() + payload.len()) as u32).to_be_bytes());
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}
