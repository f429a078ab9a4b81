//! `POST /model/{id}/converse` and `/converse-stream`.

use super::frames::{PADDING, event};
use super::{Event, Part, Reply, SIGNATURE, THOUGHT, TOOL, arguments, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    let mut content = vec![];
    if reply.thinks {
        content.push(format!(
            r#"{{"reasoningContent":{{"reasoningText":{{"text":{},"signature":"{SIGNATURE}"}}}}}}"#,
            quote(THOUGHT)
        ));
    }
    content.push(format!(r#"{{"text":{}}}"#, reply.text()));
    content.extend(
        (0..reply.calls)
            .map(|index| format!(r#"{{"toolUse":{{{},"input":{}}}}}"#, call(index), arguments(index))),
    );
    format!(
        r#"{{"metrics":{{"latencyMs":1}},"output":{{"message":{{"content":[{}],"role":"assistant"}}}},"stopReason":"{}","usage":{}}}"#,
        content.join(","),
        stop_reason(reply),
        usage(reply)
    )
}

/// Neither texts nor thoughts have a start, and usage comes behind the end.
pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let mut events = vec![say(Part::Before, "messageStart", r#""role":"assistant""#)];
    let text = u32::from(reply.thinks);
    if reply.thinks {
        for piece in [format!(r#""text":{}"#, quote(THOUGHT)), format!(r#""signature":"{SIGNATURE}""#)] {
            events.push(delta(Part::Before, 0, &format!(r#""reasoningContent":{{{piece}}}"#)));
        }
        events.push(stop(Part::Before, 0));
    }
    let piece = |piece: &String| delta(Part::Chunk, text, &format!(r#""text":{}"#, quote(piece)));
    events.extend(reply.canned.chunks.iter().map(piece));
    events.push(stop(Part::After, text));
    for index in 0..reply.calls {
        let (block, source) = (text + 1 + index, arguments(index));
        let start = format!(r#""contentBlockIndex":{block},"start":{{"toolUse":{{{}}}}}"#, call(index));
        events.push(say(Part::After, "contentBlockStart", &start));
        let (one, two) = source.split_at(source.len() / 2);
        for piece in [one, two] {
            let piece = format!(r#""toolUse":{{"input":{}}}"#, quote(piece));
            events.push(delta(Part::After, block, &piece));
        }
        events.push(stop(Part::After, block));
    }
    events.push(say(Part::End, "messageStop", &format!(r#""stopReason":"{}""#, stop_reason(reply))));
    let metadata = format!(r#""metrics":{{"latencyMs":1}},"usage":{}"#, usage(reply));
    events.push(say(Part::End, "metadata", &metadata));
    events
}

fn say(part: Part, name: &str, members: &str) -> Event {
    event(part, name, &format!("{{{members},{PADDING}}}"))
}

fn delta(part: Part, index: u32, delta: &str) -> Event {
    say(part, "contentBlockDelta", &format!(r#""contentBlockIndex":{index},"delta":{{{delta}}}"#))
}

fn stop(part: Part, index: u32) -> Event {
    say(part, "contentBlockStop", &format!(r#""contentBlockIndex":{index}"#))
}

fn call(index: u32) -> String {
    format!(r#""toolUseId":"tooluse_{index}","name":"{TOOL}""#)
}

fn stop_reason(reply: &Reply<'_>) -> &'static str {
    match reply.stop {
        _ if reply.canned.is_cut => "max_tokens",
        _ if reply.calls > 0 => "tool_use",
        Some("content_filter") => "content_filtered",
        stop => stop.unwrap_or("end_turn"),
    }
}

/// Input tokens leave out those that were read from a cache.
fn usage(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"cacheReadInputTokens":{},"cacheWriteInputTokens":0,"inputTokens":{},"outputTokens":{},"totalTokens":{}}}"#,
        reply.cached_tokens,
        reply.prompt_tokens - reply.cached_tokens,
        reply.completion_tokens,
        reply.total_tokens()
    )
}
