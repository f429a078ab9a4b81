//! What is secret, and what people say, stays out of logs, metrics and errors, whatever they speak and whoever answers.

use crate::harness::{Gateway, KEY, Scripted, UPSTREAM_KEY, on_both_drivers, post, post_with};
use crate::tongues::{DIALECTS, Dialect, MODELS, Protocol, Tap, asked, opening, setup, word};
use serde_json::{Value, json};
use std::fmt::Write as _;

const PROMPT: &str = "canary-prompt-text-51d0";

/// A request whose every text says the same, with all that a dialect has texts in.
fn talkative(dialect: Dialect, model: &str) -> (String, Value) {
    let (path, body) = dialect.request(model);
    let mut body: Value = serde_json::from_str(&body).expect("JSON");
    let schema = json!({"type": "object", "description": PROMPT, "properties": {PROMPT: {"enum": [PROMPT]}}});
    let image = format!("data:image/png;base64,{}", PROMPT.replace('-', ""));
    let more = match dialect {
        Dialect::Chat => json!({
            "messages": [
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": image}}]},
                {"role": "assistant", "content": PROMPT, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": format!("{{\"{PROMPT}\":1}}")}}]},
                {"role": "tool", "tool_call_id": "c", "content": PROMPT},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "description": PROMPT, "parameters": schema}}],
            "stop": [PROMPT], "user": PROMPT, "metadata": {PROMPT: PROMPT},
        }),
        Dialect::Completions => json!({"prompt": PROMPT, "stop": [PROMPT], "user": PROMPT}),
        Dialect::Responses => json!({
            "instructions": PROMPT,
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": PROMPT}, {"type": "input_image", "image_url": image}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": format!("{{\"{PROMPT}\":1}}")},
                {"type": "function_call_output", "call_id": "c", "output": PROMPT},
            ],
            "tools": [{"type": "function", "name": "f", "description": PROMPT, "parameters": schema}],
            "metadata": {PROMPT: PROMPT}, "safety_identifier": PROMPT, "prompt_cache_key": PROMPT,
        }),
        Dialect::Messages => json!({
            "system": PROMPT,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": PROMPT}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PROMPT.replace('-', "")}}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {PROMPT: 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": PROMPT}]},
            ],
            "tools": [{"name": "f", "description": PROMPT, "input_schema": schema}],
            "stop_sequences": [PROMPT], "metadata": {"user_id": PROMPT},
        }),
        Dialect::GoogleEvents | Dialect::GoogleArray => json!({
            "systemInstruction": {"parts": [{"text": PROMPT}]},
            "contents": [
                {"role": "user", "parts": [{"text": PROMPT}, {"inlineData": {"mimeType": "image/png", "data": PROMPT.replace('-', "")}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {PROMPT: 1}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": PROMPT}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "description": PROMPT, "parameters": schema}]}],
            "labels": {"l": PROMPT}, "generationConfig": {"stopSequences": [PROMPT]},
        }),
    };
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    (path, body)
}

/// What a refusal, and the record of what was left out, may call by its name.
const NAMES: [&str; 12] = [
    "/type",
    "/role",
    "/name",
    "/id",
    "/call_id",
    "/tool_call_id",
    "/tool_use_id",
    "/mimeType",
    "/media_type",
    "/model",
    "/object",
    "/stream",
];

/// Puts the prompt in place of every value of a body, one after the other: where a word or a number is wanted, it is wrong.
/// What is a name is replaced by another one.
fn spoiled(body: &Value) -> Vec<String> {
    let mut paths = vec![];
    find(body, String::new(), &mut paths);
    let spoil = |path: &String| {
        let mut copy = body.clone();
        let word = if NAMES.iter().any(|name| path.ends_with(name)) { "a-name" } else { PROMPT };
        *copy.pointer_mut(path).expect("it was found") = word.into();
        copy.to_string()
    };
    paths.iter().filter(|path| !path.ends_with("/model")).map(spoil).collect()
}

fn find(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| find(value, format!("{path}/{name}"), paths));
        }
        Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(index, value)| find(value, format!("{path}/{index}"), paths));
        }
        _ => {}
    }
    if !path.is_empty() {
        paths.push(path);
    }
}

/// Requests that are right, wrong in each of their places, or cut off, of every dialect for every format, and providers
/// that break off: nothing of a key or a prompt is in any log line, metric or output, nor in what the gateway refuses with.
#[test]
fn nothing_leaks_in_any_dialect() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|number, mut peer| {
            let Some(request) = peer.request() else { return };
            let format = asked_or_none(&request);
            if number % 3 == 0 {
                return peer.send(format!("HTTP/1.1 400 {PROMPT}\r\n{UPSTREAM_KEY}").as_bytes());
            }
            let kind = format.content_type();
            let head = format!("HTTP/1.1 200 {PROMPT}\r\ncontent-type: {kind}\r\nx-echo: {PROMPT}\r\n\r\n");
            peer.send(head.as_bytes());
            peer.send(&[opening(format), word(format, 0)].concat());
        });
        let gateway = Gateway::start(&setup(io, upstream.address, ""));
        let (mut refusals, mut requests) = (String::new(), 0);
        for dialect in DIALECTS {
            for model in MODELS {
                let (path, body) = talkative(dialect, model);
                let text = body.to_string();
                let mut bodies = spoiled(&body);
                bodies.extend((0..text.len()).step_by(97).map(|at| text[..at].to_owned()));
                bodies.push(text);
                let mut client = gateway.client();
                for body in &bodies {
                    client.try_send(&post(&path, body));
                    let answer = client.answer();
                    requests += 1;
                    if answer.status >= 400 {
                        writeln!(refusals, "{:?} {}", answer.headers, answer.text())
                            .expect("a string takes all");
                    }
                    if !answer.whole || answer.header("connection") == Some("close") {
                        client = gateway.client();
                    }
                }
            }
            for protocol in Protocol::ALL {
                // Who leaves at once may leave no record.
                drop(Tap::open(&gateway, protocol, dialect, "openai"));
            }
        }
        let (path, body) = talkative(Dialect::Chat, "openai");
        for headers in [
            format!("authorization: Bearer {KEY}\r\ncontent-type: {PROMPT}\r\n"),
            format!("authorization: Bearer {KEY}{PROMPT}\r\ncontent-type: application/json\r\n"),
            format!(
                "authorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncookie: {PROMPT}\r\ncontent-encoding: {PROMPT}\r\n"
            ),
        ] {
            let mut client = gateway.client();
            client.try_send(&post_with(&path, &headers, body.to_string().as_bytes()));
            writeln!(refusals, "{}", client.answer().text()).expect("a string takes all");
            requests += 1;
        }
        assert!(refusals.lines().count() > 200, "most of them are refused");
        eprintln!("{requests} requests, {} refusals", refusals.lines().count());
        gateway.records(requests);
        let metrics = gateway.metrics();
        for secret in [KEY, UPSTREAM_KEY, PROMPT, &PROMPT.replace('-', "")] {
            for (place, text) in [
                ("refusals", &refusals),
                ("log", &gateway.log()),
                ("metrics", &metrics),
                ("stderr", &gateway.stderr()),
                ("stdout", &gateway.stdout()),
            ] {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{secret} is in the {place}");
            }
        }
        assert_eq!(gateway.metric("gateway_panics_total"), 0);
    });
}

/// The format in which a provider was asked; what is no stream counts as a chat.
fn asked_or_none(request: &str) -> crate::tongues::Format {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let whole = path.ends_with(":generateContent") || path.ends_with("/converse");
    if whole { crate::tongues::Format::Chat } else { asked(request) }
}
