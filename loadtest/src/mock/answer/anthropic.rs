//! `POST /v1/messages`.

use super::{Event, ID, Part, Reply, named, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    let content = format!(r#"{{"type":"text","text":{}}}"#, reply.text());
    message(reply, &content, &format!("\"{}\"", stop_reason(reply)), reply.completion_tokens)
}

pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let begun = message(reply, "", "null", 1);
    let mut events = vec![
        named(Part::Before, "message_start", &format!(r#"{{"type":"message_start","message":{begun}}}"#)),
        named(
            Part::Before,
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ),
        named(Part::Before, "ping", r#"{"type":"ping"}"#),
    ];
    events.extend(reply.canned.chunks.iter().map(|text| {
        let delta = format!(r#"{{"type":"text_delta","text":{}}}"#, quote(text));
        let data = format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
        named(Part::Chunk, "content_block_delta", &data)
    }));
    let stop = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{}","stop_sequence":null}},"usage":{{"output_tokens":{}}}}}"#,
        stop_reason(reply),
        reply.completion_tokens
    );
    events.push(named(Part::After, "content_block_stop", r#"{"type":"content_block_stop","index":0}"#));
    events.push(named(Part::After, "message_delta", &stop));
    events.push(named(Part::End, "message_stop", r#"{"type":"message_stop"}"#));
    events
}

fn stop_reason(reply: &Reply<'_>) -> &'static str {
    if reply.canned.is_cut { "max_tokens" } else { "end_turn" }
}

/// Input tokens leave out those that were read from a cache.
fn message(reply: &Reply<'_>, content: &str, stop_reason: &str, output_tokens: u32) -> String {
    format!(
        r#"{{"id":"msg_{ID}","type":"message","role":"assistant","model":{},"content":[{content}],"stop_reason":{stop_reason},"stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":0,"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":{output_tokens},"service_tier":"standard"}}}}"#,
        reply.model,
        reply.prompt_tokens - reply.cached_tokens,
        reply.cached_tokens
    )
}
