//! Clients that put streams together, as the official ones do.

use super::{Speech, Value};
use serde_json::json;

/// Without what only one of the two forms has.
pub fn comparable(mut whole: Value) -> Value {
    let Some(members) = whole.as_object_mut() else { return whole };
    members.remove("object");
    if let Some(choice) = members.get_mut("choices").and_then(|choices| choices.get_mut(0)) {
        choice
            .as_object_mut()
            .expect("a choice")
            .retain(|name, value| name != "logprobs" || !value.is_null());
        if let Some(message) = choice.get_mut("message").and_then(Value::as_object_mut) {
            message.retain(|_, value| !value.is_null() && *value != "");
        }
    }
    // Whether two texts are one part or two is lost in a stream.
    if let Some(all) = members.get_mut("candidates").and_then(|all| all[0]["content"]["parts"].as_array_mut())
    {
        let parts = std::mem::take(all);
        for part in &parts {
            join_part(all, part);
        }
    }
    whole
}

fn data(stream: &str) -> impl Iterator<Item = Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).expect("JSON"))
}

fn append(place: &mut Value, text: &Value) {
    let joined = format!("{}{}", place.as_str().unwrap_or_default(), text.as_str().unwrap_or_default());
    *place = joined.into();
}

/// The answer that a stream in this speech is.
pub fn answer(speech: Speech, stream: &str) -> Value {
    match speech {
        Speech::OpenAi => openai(stream),
        Speech::Anthropic => anthropic(stream),
        Speech::Gemini => gemini(stream),
        Speech::Responses => responses(stream),
        Speech::Completions => completions(stream),
        _ => unreachable!("no client has such streams"),
    }
}

pub fn completions(stream: &str) -> Value {
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let (mut whole, mut text, mut finish) = (json!({}), json!(""), Value::Null);
    let mut logprobs = Value::Null;
    for chunk in data(stream) {
        assert_eq!(chunk["object"], "text_completion");
        for name in ["id", "created", "model", "usage"] {
            if !chunk[name].is_null() {
                assert!(whole[name].is_null() || whole[name] == chunk[name], "{name} changes");
                whole[name] = chunk[name].clone();
            }
        }
        let Some(choice) = chunk["choices"].get(0) else { continue };
        assert!(finish.is_null(), "it goes on behind its end");
        finish = choice["finish_reason"].clone();
        append(&mut text, &choice["text"]);
        for (name, list) in choice["logprobs"].as_object().into_iter().flatten() {
            let mut all = logprobs[name].as_array().cloned().unwrap_or_default();
            all.extend(list.as_array().into_iter().flatten().cloned());
            logprobs[name] = if list.is_null() { Value::Null } else { all.into() };
        }
    }
    whole["choices"] = json!([{"index": 0, "text": text, "finish_reason": finish}]);
    if !logprobs.is_null() {
        whole["choices"][0]["logprobs"] = logprobs;
    }
    whole
}

pub fn openai(stream: &str) -> Value {
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let (mut whole, mut message, mut finish, mut logprobs) = (json!({}), json!({}), Value::Null, vec![]);
    for chunk in data(stream) {
        for name in ["id", "created", "model", "usage"] {
            if !chunk[name].is_null() {
                assert!(whole[name].is_null() || whole[name] == chunk[name], "{name} changes");
                whole[name] = chunk[name].clone();
            }
        }
        let Some(choice) = chunk["choices"].get(0) else { continue };
        logprobs.extend(choice["logprobs"]["content"].as_array().into_iter().flatten().cloned());
        if !choice["finish_reason"].is_null() {
            assert!(finish.is_null(), "it ends twice");
            finish = choice["finish_reason"].clone();
        }
        for (name, value) in choice["delta"].as_object().expect("a delta") {
            match (name.as_str(), value) {
                ("tool_calls", Value::Array(calls)) => {
                    for call in calls {
                        join_call(&mut message, call);
                    }
                }
                ("thinking_blocks" | "annotations" | "images", Value::Array(blocks)) => {
                    if message[name].is_null() {
                        message[name] = json!([]);
                    }
                    message[name].as_array_mut().expect("blocks").extend(blocks.iter().cloned());
                }
                ("role", value) => message[name] = value.clone(),
                (_, value) => append(&mut message[name], value),
            }
        }
    }
    message.as_object_mut().expect("a message").retain(|_, value| *value != "");
    whole["choices"] = json!([{"index": 0, "message": message, "finish_reason": finish}]);
    if !logprobs.is_empty() {
        whole["choices"][0]["logprobs"] = json!({"content": logprobs, "refusal": null});
    }
    whole
}

/// Of the logprobs of tokens.
const LISTS: [&str; 2] = ["chosenCandidates", "topCandidates"];

pub fn gemini(stream: &str) -> Value {
    assert!(stream.ends_with("\r\n\r\n"), "{stream}");
    let (mut parts, mut last, mut logprobs) = (vec![], Value::Null, [vec![], vec![]]);
    for chunk in data(stream) {
        assert!(last["candidates"][0]["finishReason"].is_null(), "it goes on behind its end");
        for part in chunk["candidates"][0]["content"]["parts"].as_array().expect("parts") {
            join_part(&mut parts, part);
        }
        for (list, name) in logprobs.iter_mut().zip(LISTS) {
            let more = chunk["candidates"][0]["logprobsResult"][name].as_array();
            list.extend(more.into_iter().flatten().cloned());
        }
        last = chunk;
    }
    last["candidates"][0]["content"]["parts"] = parts.into();
    let [chosen, top] = logprobs;
    if !chosen.is_empty() {
        last["candidates"][0]["logprobsResult"] = json!({LISTS[0]: chosen, LISTS[1]: top});
    }
    last
}

/// Texts go on; a part without words is what proves the thought before it, or a thought that nobody may read.
fn join_part(parts: &mut Vec<Value>, part: &Value) {
    let signed = !part["thoughtSignature"].is_null();
    match parts.last_mut() {
        _ if part["text"] == "" && !signed => {}
        Some(last)
            if last["text"].is_string()
                && part["text"].is_string()
                && last["thought"] == part["thought"]
                && last["thoughtSignature"].is_null() =>
        {
            append(&mut last["text"], &part["text"]);
            if signed {
                last["thoughtSignature"] = part["thoughtSignature"].clone();
            }
            // Looking for a member makes none that is null.
            last.as_object_mut().expect("a part").retain(|_, value| !value.is_null());
        }
        _ => parts.push(part.clone()),
    }
}

fn join_call(message: &mut Value, call: &Value) {
    if message["tool_calls"].is_null() {
        message["tool_calls"] = json!([]);
    }
    let index = call["index"].as_u64().expect("an index") as usize;
    let calls = message["tool_calls"].as_array_mut().expect("calls");
    assert!(index <= calls.len(), "calls are numbered in order");
    if index == calls.len() {
        let mut call = call.clone();
        call.as_object_mut().expect("a call").remove("index");
        calls.push(call);
    } else {
        append(&mut calls[index]["function"]["arguments"], &call["function"]["arguments"]);
    }
}

pub fn anthropic(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut source = String::new();
    let mut open = None;
    for event in data(stream) {
        match event["type"].as_str().expect("a type") {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert_eq!(open, None, "blocks overlap");
                let content = message["content"].as_array_mut().expect("content");
                assert_eq!(event["index"], content.len(), "blocks are numbered in order");
                content.push(event["content_block"].clone());
                open = event["index"].as_u64();
                source.clear();
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64(), open, "it is of the open block");
                let block = &mut message["content"][open.expect("an open block") as usize];
                for (name, value) in event["delta"].as_object().expect("a delta") {
                    match name.as_str() {
                        "type" => {}
                        "citation" => match &mut block["citations"] {
                            Value::Array(citations) => citations.push(value.clone()),
                            none => *none = json!([value]),
                        },
                        "partial_json" => source += value.as_str().expect("a text"),
                        name => append(&mut block[name], value),
                    }
                }
            }
            "content_block_stop" => {
                let block = &mut message["content"][open.take().expect("an open block") as usize];
                if block["type"] == "tool_use" && !source.is_empty() {
                    block["input"] = serde_json::from_str(&source).expect("JSON");
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().expect("a delta") {
                    message[name] = value.clone();
                }
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => return message,
            "ping" => {}
            other => panic!("{other} is no event"),
        }
    }
    panic!("the stream does not end: {stream}");
}

/// Also holds every event against what came before it.
pub fn responses(stream: &str) -> Value {
    let names = stream.lines().filter_map(|line| line.strip_prefix("event: "));
    let (mut items, mut end): (Vec<Value>, _) = (vec![], Value::Null);
    for ((number, event), name) in data(stream).enumerate().zip(names) {
        assert_eq!((&event["sequence_number"], &event["type"]), (&number.into(), &name.into()));
        assert!(end.is_null(), "something follows the end");
        let last = items.len().saturating_sub(1);
        if !event["item_id"].is_null() {
            assert_eq!((&event["item_id"], &event["output_index"]), (&items[last]["id"], &last.into()));
        }
        let place = match name {
            "response.reasoning_summary_part.added"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_summary_part.done" => "summary",
            _ => "content",
        };
        match name {
            "response.created" | "response.in_progress" => {
                let response = &event["response"];
                assert_eq!((&response["status"], &response["output"]), (&"in_progress".into(), &json!([])));
            }
            "response.output_item.added" => {
                assert_eq!(event["output_index"], items.len());
                items.push(event["item"].clone());
            }
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                items[last][place].as_array_mut().expect("parts").push(event["part"].clone());
            }
            "response.output_text.delta" | "response.reasoning_summary_text.delta" => {
                append(&mut items[last][place][0]["text"], &event["delta"]);
                let likely = event["logprobs"].as_array().into_iter().flatten().cloned();
                if let Some(logprobs) =
                    items[last][place][0].get_mut("logprobs").and_then(Value::as_array_mut)
                {
                    logprobs.extend(likely);
                }
            }
            "response.refusal.delta" => append(&mut items[last][place][0]["refusal"], &event["delta"]),
            "response.function_call_arguments.delta" => {
                append(&mut items[last]["arguments"], &event["delta"]);
            }
            "response.output_text.annotation.added" => {
                let annotations = items[last][place][0]["annotations"].as_array_mut().expect("a list");
                assert_eq!(event["annotation_index"], annotations.len(), "they are numbered in order");
                annotations.push(event["annotation"].clone());
            }
            "response.image_generation_call.completed" => {}
            "response.output_text.done" | "response.reasoning_summary_text.done" => {
                assert_eq!(items[last][place][0]["text"], event["text"]);
                if let Some(logprobs) =
                    items[last][place][0].get_mut("logprobs").and_then(Value::as_array_mut)
                {
                    let all = event["logprobs"].as_array().expect("a list");
                    assert!(all.starts_with(logprobs), "what was told before stays");
                    logprobs.clone_from(all);
                }
            }
            "response.refusal.done" => assert_eq!(items[last][place][0]["refusal"], event["refusal"]),
            "response.function_call_arguments.done" => {
                assert_eq!(items[last]["arguments"], event["arguments"]);
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                assert_eq!(items[last][place][0], event["part"]);
            }
            "response.output_item.done" => {
                let done = event["item"].clone();
                // What is known at an item's end only.
                for name in ["status", "encrypted_content", "result", "output_format"] {
                    if !done[name].is_null() {
                        items[last][name] = done[name].clone();
                    }
                }
                assert_eq!(items[last], done);
            }
            "response.completed" | "response.incomplete" => end = event["response"].clone(),
            other => panic!("{other} is no event"),
        }
    }
    assert_eq!(end["output"], Value::Array(items));
    comparable(end)
}
