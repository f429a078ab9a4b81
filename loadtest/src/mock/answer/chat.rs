//! `POST /v1/chat/completions`.

use super::{CREATED, Event, ID, Part, Reply, data, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"id":"chatcmpl-{ID}","object":"chat.completion","created":{CREATED},"model":{},"choices":[{{"index":0,"message":{{"role":"assistant","content":{},"refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{}"}}],"usage":{},"service_tier":"default","system_fingerprint":"fp_mock"}}"#,
        reply.model,
        reply.text(),
        finish_reason(reply),
        usage(reply)
    )
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
    events.extend(
        reply
            .canned
            .chunks
            .iter()
            .map(|text| data(Part::Chunk, &delta(&format!(r#"{{"content":{}}}"#, quote(text)), "null"))),
    );
    events.push(data(Part::After, &delta("{}", &format!("\"{}\"", finish_reason(reply)))));
    if reply.asked.wants_usage() {
        events.push(data(Part::After, &chunk("[]", &format!(r#","usage":{}"#, usage(reply)))));
    }
    events.push(data(Part::End, "[DONE]"));
    events
}

pub fn finish_reason(reply: &Reply<'_>) -> &'static str {
    if reply.canned.is_cut { "length" } else { "stop" }
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
