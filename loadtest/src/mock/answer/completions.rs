//! `POST /v1/completions`.

use super::chat::{finish_reason, usage};
use super::{CREATED, Event, ID, Part, Reply, data, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    object(
        reply,
        &choice(&reply.text(), &format!("\"{}\"", finish_reason(reply))),
        &format!(r#","usage":{}"#, usage(reply)),
    )
}

pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let none_yet = if reply.asked.wants_usage() { r#","usage":null"# } else { "" };
    let mut events: Vec<Event> = reply
        .canned
        .chunks
        .iter()
        .map(|text| data(Part::Chunk, &object(reply, &choice(&quote(text), "null"), none_yet)))
        .collect();
    let finish = format!("\"{}\"", finish_reason(reply));
    events.push(data(Part::After, &object(reply, &choice(r#""""#, &finish), none_yet)));
    if reply.asked.wants_usage() {
        events.push(data(Part::After, &object(reply, "", &format!(r#","usage":{}"#, usage(reply)))));
    }
    events.push(data(Part::End, "[DONE]"));
    events
}

fn choice(text: &str, finish: &str) -> String {
    format!(r#"{{"text":{text},"index":0,"logprobs":null,"finish_reason":{finish}}}"#)
}

fn object(reply: &Reply<'_>, choices: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"cmpl-{ID}","object":"text_completion","created":{CREATED},"model":{},"choices":[{choices}]{usage}}}"#,
        reply.model
    )
}
