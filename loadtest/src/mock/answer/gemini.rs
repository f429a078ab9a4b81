//! `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`.

use super::{Event, GOOGLES_SIGNATURE, ID, Part, Reply, THOUGHT, TOOL, arguments, quote};

pub fn whole(reply: &Reply<'_>) -> String {
    let mut parts: Vec<String> = reply.thinks.then(thought).into_iter().collect();
    parts.push(format!(r#"{{"text":{}}}"#, reply.text()));
    parts.extend((0..reply.calls).map(|index| call(reply, index)));
    answer(reply, &parts.join(","), &finish(reply), reply.completion_tokens)
}

pub fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let chunk = |part: Part, content: &str, tokens: u32| data(part, &answer(reply, content, "", tokens));
    let mut events = vec![];
    if reply.thinks {
        events.push(chunk(Part::Before, &thought(), 0));
    }
    events.extend(
        reply
            .canned
            .chunks
            .iter()
            .zip(1..)
            .map(|(text, tokens)| chunk(Part::Chunk, &format!(r#"{{"text":{}}}"#, quote(text)), tokens)),
    );
    events.extend(
        (0..reply.calls).map(|index| chunk(Part::After, &call(reply, index), reply.completion_tokens)),
    );
    let last = answer(reply, r#"{"text":""}"#, &finish(reply), reply.completion_tokens);
    events.push(data(Part::End, &last));
    events
}

pub fn count(reply: &Reply<'_>) -> String {
    format!(r#"{{"totalTokens":{}}}"#, reply.prompt_tokens)
}

fn thought() -> String {
    format!(r#"{{"text":{},"thought":true}}"#, quote(THOUGHT))
}

fn call(reply: &Reply<'_>, index: u32) -> String {
    // Only the first call of a turn has it.
    let signature = if reply.thinks && index == 0 {
        format!(r#","thoughtSignature":"{GOOGLES_SIGNATURE}""#)
    } else {
        String::new()
    };
    format!(r#"{{"functionCall":{{"name":"{TOOL}","args":{}}}{signature}}}"#, arguments(index))
}

fn finish(reply: &Reply<'_>) -> String {
    let reason = match reply.stop {
        _ if reply.canned.is_cut => "MAX_TOKENS",
        stop => stop.unwrap_or("STOP"),
    };
    format!(r#","finishReason":"{reason}""#)
}

fn answer(reply: &Reply<'_>, parts: &str, finish: &str, tokens: u32) -> String {
    let (prompt, cached) = (reply.prompt_tokens, reply.cached_tokens);
    let total = u64::from(prompt) + u64::from(tokens);
    format!(
        r#"{{"candidates":[{{"content":{{"role":"model","parts":[{parts}]}}{finish},"index":0}}],"usageMetadata":{{"promptTokenCount":{prompt},"cachedContentTokenCount":{cached},"candidatesTokenCount":{tokens},"totalTokenCount":{total}}},"modelVersion":{},"responseId":"{ID}"}}"#,
        reply.model
    )
}

fn data(part: Part, data: &str) -> Event {
    Event { part, bytes: format!("data: {data}\r\n\r\n").into_bytes() }
}
