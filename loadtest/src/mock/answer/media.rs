//! Images and audio.

use super::{CREATED, Event, Part, Reply, data, quote};

/// Bytes of speech where no size is wanted.
pub const SPEECH_BYTES: u32 = 4096;

/// A picture of one transparent pixel, as base64 of a PNG.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

pub fn images(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"created":{CREATED},"data":[{{"b64_json":"{PIXEL}"}}],"background":"auto","output_format":"png","quality":"low","size":"1024x1024","usage":{{"input_tokens":{},"input_tokens_details":{{"text_tokens":{},"image_tokens":0}},"output_tokens":{},"total_tokens":{}}}}}"#,
        reply.prompt_tokens,
        reply.prompt_tokens,
        reply.completion_tokens,
        reply.total_tokens()
    )
}

/// Bytes that hold every value, as audio does; they are no sound.
pub fn speech(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(167) % 251) as u8).collect()
}

pub fn transcription(reply: &Reply<'_>) -> String {
    format!(r#"{{"text":{},"usage":{}}}"#, reply.text(), token_usage(reply))
}

pub fn transcription_stream(reply: &Reply<'_>) -> Vec<Event> {
    let mut events: Vec<Event> = reply
        .canned
        .chunks
        .iter()
        .map(|text| {
            data(Part::Chunk, &format!(r#"{{"type":"transcript.text.delta","delta":{}}}"#, quote(text)))
        })
        .collect();
    let done = format!(
        r#"{{"type":"transcript.text.done","text":{},"usage":{}}}"#,
        reply.text(),
        token_usage(reply)
    );
    events.push(data(Part::After, &done));
    events.push(data(Part::End, "[DONE]"));
    events
}

fn token_usage(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"type":"tokens","input_tokens":{},"output_tokens":{},"total_tokens":{}}}"#,
        reply.prompt_tokens,
        reply.completion_tokens,
        reply.total_tokens()
    )
}
