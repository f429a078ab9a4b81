//! `POST /v1/responses`.

use super::{CREATED, Event, ID, Part, Reply, SEALED, THOUGHT, TOOL, arguments, named, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    let (status, details) = ending(reply);
    response(reply, status, details, &items(reply, status), &usage(reply))
}

/// Everything that the answer holds.
fn items(reply: &Reply<'_>, status: &str) -> String {
    let mut items: Vec<String> = reply.thinks.then(|| thought(reply, &summary())).into_iter().collect();
    items.push(message(&part(&reply.text()), status));
    items.extend((0..reply.calls).map(|index| call(index, &arguments(index), "completed")));
    items.join(",")
}

/// Events carry a number that counts from 0, and everything is said again when it is complete.
pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let mut events = Numbered::default();
    let begun = response(reply, "in_progress", "null", "", "null");
    events.push(Part::Before, "response.created", &format!(r#""response":{begun}"#));
    events.push(Part::Before, "response.in_progress", &format!(r#""response":{begun}"#));
    if reply.thinks {
        think(&mut events, reply);
    }
    let (status, details) = ending(reply);
    say(&mut events, reply, status);
    for index in 0..reply.calls {
        call_in_pieces(&mut events, reply, index);
    }
    let whole = response(reply, status, details, &items(reply, status), &usage(reply));
    events.push(Part::End, &format!("response.{status}"), &format!(r#""response":{whole}"#));
    events.events
}

fn think(events: &mut Numbered, reply: &Reply<'_>) {
    let part = summary();
    let place = format!(r#""item_id":"rs_{ID}","output_index":0,"summary_index":0"#);
    let text = quote(THOUGHT);
    let (begun, done) = (thought(reply, ""), thought(reply, &part));
    for (name, members) in [
        ("output_item.added", format!(r#""output_index":0,"item":{begun}"#)),
        ("reasoning_summary_part.added", format!(r#"{place},"part":{{"type":"summary_text","text":""}}"#)),
        ("reasoning_summary_text.delta", format!(r#"{place},"delta":{text}"#)),
        ("reasoning_summary_text.done", format!(r#"{place},"text":{text}"#)),
        ("reasoning_summary_part.done", format!(r#"{place},"part":{part}"#)),
        ("output_item.done", format!(r#""output_index":0,"item":{done}"#)),
    ] {
        events.push(Part::Before, &format!("response.{name}"), &members);
    }
}

fn say(events: &mut Numbered, reply: &Reply<'_>, status: &str) {
    let at = u32::from(reply.thinks);
    let place = format!(r#""item_id":"msg_{ID}","output_index":{at},"content_index":0"#);
    let item = message("", "in_progress");
    events.push(Part::Before, "response.output_item.added", &format!(r#""output_index":{at},"item":{item}"#));
    events.push(Part::Before, "response.content_part.added", &format!(r#"{place},"part":{}"#, part("\"\"")));
    for text in &reply.canned.chunks {
        let delta = format!(r#"{place},"delta":{},"logprobs":[]"#, quote(text));
        events.push(Part::Chunk, "response.output_text.delta", &delta);
    }
    let text = reply.text();
    let done = message(&part(&text), status);
    events.push(Part::After, "response.output_text.done", &format!(r#"{place},"text":{text},"logprobs":[]"#));
    events.push(Part::After, "response.content_part.done", &format!(r#"{place},"part":{}"#, part(&text)));
    events.push(Part::After, "response.output_item.done", &format!(r#""output_index":{at},"item":{done}"#));
}

fn call_in_pieces(events: &mut Numbered, reply: &Reply<'_>, index: u32) {
    let at = u32::from(reply.thinks) + 1 + index;
    let place = format!(r#""item_id":"fc_{index}_{ID}","output_index":{at}"#);
    let source = arguments(index);
    let (one, two) = source.split_at(source.len() / 2);
    let (begun, done) = (call(index, "", "in_progress"), call(index, &source, "completed"));
    let text = quote(&source);
    for (name, members) in [
        ("output_item.added", format!(r#""output_index":{at},"item":{begun}"#)),
        ("function_call_arguments.delta", format!(r#"{place},"delta":{}"#, quote(one))),
        ("function_call_arguments.delta", format!(r#"{place},"delta":{}"#, quote(two))),
        ("function_call_arguments.done", format!(r#"{place},"name":"{TOOL}","arguments":{text}"#)),
        ("output_item.done", format!(r#""output_index":{at},"item":{done}"#)),
    ] {
        events.push(Part::After, &format!("response.{name}"), &members);
    }
}

fn summary() -> String {
    format!(r#"{{"type":"summary_text","text":{}}}"#, quote(THOUGHT))
}

/// A thought, sealed where that was asked for.
fn thought(reply: &Reply<'_>, summary: &str) -> String {
    let sealed =
        if reply.asked.wants_sealed { format!(r#","encrypted_content":"{SEALED}""#) } else { String::new() };
    format!(r#"{{"id":"rs_{ID}","type":"reasoning","summary":[{summary}]{sealed}}}"#)
}

fn call(index: u32, arguments: &str, status: &str) -> String {
    format!(
        r#"{{"id":"fc_{index}_{ID}","type":"function_call","status":"{status}","arguments":{},"call_id":"call_{index}","name":"{TOOL}"}}"#,
        quote(arguments)
    )
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
