//! `POST /api/chat` and `/api/generate`: lines of JSON, the last of which has the counts.

use super::{Event, Part, Reply, THOUGHT, TOOL, arguments, quote};
use crate::mock::endpoint::Endpoint;

pub fn whole(endpoint: Endpoint, reply: &Reply<'_>) -> String {
    let mut beside = if reply.thinks { thought() } else { String::new() };
    if reply.calls > 0 {
        let calls: Vec<String> = (0..reply.calls).map(call).collect();
        beside += &calls_of(&calls.join(","));
    }
    let said = said(endpoint, &reply.text(), &beside);
    format!("{{{},{said},{}}}", beginning(reply), ending(reply))
}

/// Calls come whole, each in a line of its own.
pub fn stream(endpoint: Endpoint, reply: &Reply<'_>) -> Vec<Event> {
    let line = |part: Part, text: &str, beside: &str, rest: &str| {
        let line = format!("{{{},{},{rest}}}\n", beginning(reply), said(endpoint, text, beside));
        Event { part, bytes: line.into_bytes() }
    };
    let goes_on = r#""done":false"#;
    let mut events = vec![];
    if reply.thinks {
        events.push(line(Part::Before, "\"\"", &thought(), goes_on));
    }
    events.extend(reply.canned.chunks.iter().map(|text| line(Part::Chunk, &quote(text), "", goes_on)));
    events.extend((0..reply.calls).map(|index| line(Part::After, "\"\"", &calls_of(&call(index)), goes_on)));
    events.push(line(Part::End, "\"\"", "", &ending(reply)));
    events
}

fn beginning(reply: &Reply<'_>) -> String {
    format!(r#""model":{},"created_at":"2026-01-01T00:00:00.000000001Z""#, reply.model)
}

/// A chat says a message; what completes a text says it beside the rest.
fn said(endpoint: Endpoint, text: &str, beside: &str) -> String {
    if endpoint == Endpoint::OllamaChat {
        format!(r#""message":{{"role":"assistant","content":{text}{beside}}}"#)
    } else {
        format!(r#""response":{text}{beside}"#)
    }
}

fn thought() -> String {
    format!(r#","thinking":{}"#, quote(THOUGHT))
}

fn calls_of(calls: &str) -> String {
    format!(r#","tool_calls":[{calls}]"#)
}

fn call(index: u32) -> String {
    format!(r#"{{"function":{{"index":{index},"name":"{TOOL}","arguments":{}}}}}"#, arguments(index))
}

/// It ends with `stop` whether tools were called or not.
fn ending(reply: &Reply<'_>) -> String {
    let reason = if reply.canned.is_cut { "length" } else { "stop" };
    format!(
        r#""done":true,"done_reason":"{reason}","total_duration":3000000,"load_duration":1000000,"prompt_eval_count":{},"prompt_eval_duration":1000000,"eval_count":{},"eval_duration":1000000"#,
        reply.prompt_tokens, reply.completion_tokens
    )
}
