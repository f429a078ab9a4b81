//! `POST /v1/messages`, also as clouds host it.

use super::{Event, ID, Part, Reply, SIGNATURE, THOUGHT, TOOL, arguments, named, quote};

/// The block of a thought.
fn thought() -> String {
    format!(r#"{{"type":"thinking","thinking":{},"signature":"{SIGNATURE}"}}"#, quote(THOUGHT))
}

fn call(index: u32, input: &str) -> String {
    format!(r#"{{"type":"tool_use","id":"toolu_{index}","name":"{TOOL}","input":{input}}}"#)
}

pub fn whole(reply: &Reply<'_>) -> String {
    let mut content: Vec<String> = reply.thinks.then(thought).into_iter().collect();
    content.push(format!(r#"{{"type":"text","text":{}}}"#, reply.text()));
    content.extend((0..reply.calls).map(|index| call(index, &arguments(index))));
    let content = content.join(",");
    message(reply, &content, &format!("\"{}\"", stop_reason(reply)), reply.completion_tokens)
}

pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let begun = message(reply, "", "null", 1);
    let mut events = vec![named(
        Part::Before,
        "message_start",
        &format!(r#"{{"type":"message_start","message":{begun}}}"#),
    )];
    let text = u32::from(reply.thinks);
    if reply.thinks {
        events.push(start(Part::Before, 0, r#"{"type":"thinking","thinking":"","signature":""}"#));
        let thought = format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, quote(THOUGHT));
        events.push(delta(Part::Before, 0, &thought));
        events.push(delta(
            Part::Before,
            0,
            &format!(r#"{{"type":"signature_delta","signature":"{SIGNATURE}"}}"#),
        ));
        events.push(stop(Part::Before, 0));
    }
    events.push(start(Part::Before, text, r#"{"type":"text","text":""}"#));
    events.push(named(Part::Before, "ping", r#"{"type":"ping"}"#));
    events.extend(reply.canned.chunks.iter().map(|piece| {
        delta(Part::Chunk, text, &format!(r#"{{"type":"text_delta","text":{}}}"#, quote(piece)))
    }));
    events.push(stop(Part::After, text));
    for index in 0..reply.calls {
        let (block, source) = (text + 1 + index, arguments(index));
        events.push(start(Part::After, block, &call(index, "{}")));
        // As the provider does: first nothing, then in pieces.
        let (one, two) = source.split_at(source.len() / 2);
        for piece in ["", one, two] {
            let piece = format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, quote(piece));
            events.push(delta(Part::After, block, &piece));
        }
        events.push(stop(Part::After, block));
    }
    let end = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{}","stop_sequence":null}},"usage":{{"output_tokens":{}}}}}"#,
        stop_reason(reply),
        reply.completion_tokens
    );
    events.push(named(Part::After, "message_delta", &end));
    events.push(named(Part::End, "message_stop", r#"{"type":"message_stop"}"#));
    events
}

fn start(part: Part, index: u32, block: &str) -> Event {
    let data = format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#);
    named(part, "content_block_start", &data)
}

fn delta(part: Part, index: u32, delta: &str) -> Event {
    let data = format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#);
    named(part, "content_block_delta", &data)
}

fn stop(part: Part, index: u32) -> Event {
    named(part, "content_block_stop", &format!(r#"{{"type":"content_block_stop","index":{index}}}"#))
}

fn stop_reason(reply: &Reply<'_>) -> &'static str {
    match reply.stop {
        _ if reply.canned.is_cut => "max_tokens",
        _ if reply.calls > 0 => "tool_use",
        stop => stop.unwrap_or("end_turn"),
    }
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
