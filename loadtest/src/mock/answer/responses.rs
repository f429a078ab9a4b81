//! `POST /v1/responses`.

use super::{CREATED, Event, ID, Part, Reply, named, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    let (status, details) = ending(reply);
    response(reply, status, details, &message(&part(&reply.text()), status), &usage(reply))
}

/// Events carry a number that counts from 0, and everything is said again when it is complete.
pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let mut events = Numbered::default();
    let place = format!(r#""item_id":"msg_{ID}","output_index":0,"content_index":0"#);
    let begun = response(reply, "in_progress", "null", "", "null");
    events.push(Part::Before, "response.created", &format!(r#""response":{begun}"#));
    events.push(Part::Before, "response.in_progress", &format!(r#""response":{begun}"#));
    let item = message("", "in_progress");
    events.push(Part::Before, "response.output_item.added", &format!(r#""output_index":0,"item":{item}"#));
    events.push(Part::Before, "response.content_part.added", &format!(r#"{place},"part":{}"#, part("\"\"")));
    for text in &reply.canned.chunks {
        let delta = format!(r#"{place},"delta":{},"logprobs":[]"#, quote(text));
        events.push(Part::Chunk, "response.output_text.delta", &delta);
    }
    let (status, details) = ending(reply);
    let text = reply.text();
    let done = message(&part(&text), status);
    events.push(Part::After, "response.output_text.done", &format!(r#"{place},"text":{text},"logprobs":[]"#));
    events.push(Part::After, "response.content_part.done", &format!(r#"{place},"part":{}"#, part(&text)));
    events.push(Part::After, "response.output_item.done", &format!(r#""output_index":0,"item":{done}"#));
    let whole = response(reply, status, details, &done, &usage(reply));
    events.push(Part::End, &format!("response.{status}"), &format!(r#""response":{whole}"#));
    events.events
}

#[derive(Default)]
struct Numbered {
    events: Vec<Event>,
}

impl Numbered {
    fn push(&mut self, part: Part, name: &str, fields: &str) {
        let number = self.events.len();
        self.events.push(named(
            part,
            name,
            &format!(r#"{{"type":"{name}",{fields},"sequence_number":{number}}}"#),
        ));
    }
}

fn ending(reply: &Reply<'_>) -> (&'static str, &'static str) {
    if reply.canned.is_cut {
        ("incomplete", r#"{"reason":"max_output_tokens"}"#)
    } else {
        ("completed", "null")
    }
}

fn part(text: &str) -> String {
    format!(r#"{{"type":"output_text","text":{text},"annotations":[],"logprobs":[]}}"#)
}

fn message(content: &str, status: &str) -> String {
    format!(
        r#"{{"id":"msg_{ID}","type":"message","status":"{status}","role":"assistant","content":[{content}]}}"#
    )
}

fn response(reply: &Reply<'_>, status: &str, details: &str, output: &str, usage: &str) -> String {
    let completed_at = if status == "in_progress" { "null".to_owned() } else { CREATED.to_string() };
    let limit = reply.asked.tokens_max().map_or("null".to_owned(), |tokens| tokens.to_string());
    format!(
        r#"{{"id":"resp_{ID}","object":"response","created_at":{CREATED},"completed_at":{completed_at},"status":"{status}","background":false,"error":null,"incomplete_details":{details},"instructions":null,"max_output_tokens":{limit},"model":{},"output":[{output}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"service_tier":"default","store":false,"temperature":1.0,"text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{usage},"metadata":{{}}}}"#,
        reply.model
    )
}

fn usage(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},"cache_write_tokens":0}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{}}}"#,
        reply.prompt_tokens,
        reply.cached_tokens,
        reply.completion_tokens,
        reply.total_tokens()
    )
}
