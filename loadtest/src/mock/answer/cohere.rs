//! `POST /v2/chat`.

use super::{Event, ID, Part, Reply, THOUGHT, TOOL, arguments, named, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    let (mut plan, mut thought) = (String::new(), String::new());
    if plans(reply) {
        plan = format!(r#""tool_plan":{},"#, quote(THOUGHT));
    } else if reply.thinks {
        thought = format!(r#"{{"type":"thinking","thinking":{}}},"#, quote(THOUGHT));
    }
    let calls: Vec<String> = (0..reply.calls).map(|index| call(index, &arguments(index))).collect();
    let calls =
        if calls.is_empty() { String::new() } else { format!(r#","tool_calls":[{}]"#, calls.join(",")) };
    format!(
        r#"{{"id":"{ID}","message":{{"role":"assistant",{plan}"content":[{thought}{{"type":"text","text":{}}}]{calls}}},{}}}"#,
        reply.text(),
        ending(reply)
    )
}

pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let start = r#"{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}"#;
    let start = format!(r#""id":"{ID}","delta":{{"message":{start}}}"#);
    let mut events = vec![event(Part::Before, "message-start", &start)];
    let text = u32::from(reply.thinks && !plans(reply));
    if plans(reply) {
        let plan = format!(r#""delta":{{"message":{{"tool_plan":{}}}}}"#, quote(THOUGHT));
        events.push(event(Part::Before, "tool-plan-delta", &plan));
    } else if reply.thinks {
        events.push(content(Part::Before, "start", 0, r#""type":"thinking","thinking":"""#));
        events.push(content(Part::Before, "delta", 0, &format!(r#""thinking":{}"#, quote(THOUGHT))));
        events.push(event(Part::Before, "content-end", r#""index":0"#));
    }
    events.push(content(Part::Before, "start", text, r#""type":"text","text":"""#));
    let piece = |piece: &String| content(Part::Chunk, "delta", text, &format!(r#""text":{}"#, quote(piece)));
    events.extend(reply.canned.chunks.iter().map(piece));
    events.push(event(Part::After, "content-end", &format!(r#""index":{text}"#)));
    for index in 0..reply.calls {
        let source = arguments(index);
        let (one, two) = source.split_at(source.len() / 2);
        let called = |kind: &str, call: &str| {
            let members = format!(r#""index":{index},"delta":{{"message":{{"tool_calls":{call}}}}}"#);
            event(Part::After, kind, &members)
        };
        events.push(called("tool-call-start", &call(index, "")));
        for piece in [one, two] {
            let piece = format!(r#"{{"function":{{"arguments":{}}}}}"#, quote(piece));
            events.push(called("tool-call-delta", &piece));
        }
        events.push(event(Part::After, "tool-call-end", &format!(r#""index":{index}"#)));
    }
    events.push(event(Part::End, "message-end", &format!(r#""delta":{{{}}}"#, ending(reply))));
    events
}

/// What it thinks before it calls tools is a plan.
fn plans(reply: &Reply<'_>) -> bool {
    reply.thinks && reply.calls > 0
}

fn event(part: Part, kind: &str, members: &str) -> Event {
    named(part, kind, &format!(r#"{{"type":"{kind}",{members}}}"#))
}

fn content(part: Part, kind: &str, index: u32, content: &str) -> Event {
    let members = format!(r#""index":{index},"delta":{{"message":{{"content":{{{content}}}}}}}"#);
    event(part, &format!("content-{kind}"), &members)
}

fn call(index: u32, source: &str) -> String {
    format!(
        r#"{{"id":"{TOOL}_{index}","type":"function","function":{{"name":"{TOOL}","arguments":{}}}}}"#,
        quote(source)
    )
}

/// What it cost, of which less is billed, and why it ended.
fn ending(reply: &Reply<'_>) -> String {
    let reason = match reply.stop {
        _ if reply.canned.is_cut => "MAX_TOKENS",
        _ if reply.calls > 0 => "TOOL_CALL",
        Some("stop_sequence") => "STOP_SEQUENCE",
        _ => "COMPLETE",
    };
    let (input, output) = (reply.prompt_tokens, reply.completion_tokens);
    format!(
        r#""finish_reason":"{reason}","usage":{{"billed_units":{{"input_tokens":1,"output_tokens":{output}}},"tokens":{{"input_tokens":{input},"output_tokens":{output}}},"cached_tokens":{}}}"#,
        reply.cached_tokens
    )
}
