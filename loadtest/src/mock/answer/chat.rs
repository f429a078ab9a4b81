//! `POST /v1/chat/completions`.

use super::{CREATED, Event, ID, Part, Reply, THOUGHT, TOOL, arguments, data, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"id":"chatcmpl-{ID}","object":"chat.completion","created":{CREATED},"model":{},"choices":[{{"index":0,"message":{{"role":"assistant","content":{},"refusal":null,"annotations":[]{}}},"logprobs":null,"finish_reason":"{}"}}],"usage":{},"service_tier":"default","system_fingerprint":"fp_mock"}}"#,
        reply.model,
        reply.text(),
        thought_and_calls(reply),
        finish_reason(reply),
        usage(reply)
    )
}

/// Members of a message beside its text.
fn thought_and_calls(reply: &Reply<'_>) -> String {
    let mut members = String::new();
    if reply.thinks {
        members += &format!(r#","reasoning_content":{}"#, quote(THOUGHT));
    }
    if reply.calls > 0 {
        let calls: Vec<String> =
            (0..reply.calls).map(|index| format!("{{{}}}", call(index, &arguments(index)))).collect();
        members += &format!(r#","tool_calls":[{}]"#, calls.join(","));
    }
    members
}

fn call(index: u32, arguments: &str) -> String {
    let arguments = quote(arguments);
    format!(r#""id":"call_{index}","type":"function","function":{{"name":"{TOOL}","arguments":{arguments}}}"#)
}

pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    // Where usage is wanted, every chunk before the one that has it says that it has none.
    let none_yet = if reply.asked.wants_usage() { r#","usage":null"# } else { "" };
    let chunk = |choices: &str, usage: &str| {
        format!(
            r#"{{"id":"chatcmpl-{ID}","object":"chat.completion.chunk","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_mock","choices":{choices}{usage}}}"#,
            reply.model
        )
    };
    let delta = |delta: &str, finish: &str| {
        chunk(
            &format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#),
            none_yet,
        )
    };
    let mut events =
        vec![data(Part::Before, &delta(r#"{"role":"assistant","content":"","refusal":null}"#, "null"))];
    if reply.thinks {
        events.push(data(
            Part::Before,
            &delta(&format!(r#"{{"reasoning_content":{}}}"#, quote(THOUGHT)), "null"),
        ));
    }
    events.extend(
        reply
            .canned
            .chunks
            .iter()
            .map(|text| data(Part::Chunk, &delta(&format!(r#"{{"content":{}}}"#, quote(text)), "null"))),
    );
    for index in 0..reply.calls {
        let begin = format!(r#"{{"tool_calls":[{{"index":{index},{}}}]}}"#, call(index, ""));
        events.push(data(Part::After, &delta(&begin, "null")));
    }
    // The pieces of one call between those of another, as the format allows.
    let sources: Vec<String> = (0..reply.calls).map(arguments).collect();
    for half in [
        |source: &str| source[..source.len() / 2].to_owned(),
        |source: &str| source[source.len() / 2..].to_owned(),
    ] {
        for (index, source) in sources.iter().enumerate() {
            let piece = quote(&half(source));
            let piece =
                format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":{piece}}}}}]}}"#);
            events.push(data(Part::After, &delta(&piece, "null")));
        }
    }
    events.push(data(Part::After, &delta("{}", &format!("\"{}\"", finish_reason(reply)))));
    if reply.asked.wants_usage() {
        events.push(data(Part::After, &chunk("[]", &format!(r#","usage":{}"#, usage(reply)))));
    }
    events.push(data(Part::End, "[DONE]"));
    events
}

pub fn finish_reason(reply: &Reply<'_>) -> &'static str {
    match reply.stop {
        _ if reply.canned.is_cut => "length",
        _ if reply.calls > 0 => "tool_calls",
        stop => stop.unwrap_or("stop"),
    }
}

pub fn usage(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        reply.prompt_tokens,
        reply.completion_tokens,
        reply.total_tokens(),
        reply.cached_tokens
    )
}
