//! An upstream that speaks as Ollama, Cohere and Google do, each at its own paths.

use super::Scripted;
use serde_json::{Value, json};

/// Answers every request in the format of its path. A chat says "Riga.", or calls `get_weather` where it is offered; an
/// embedding of a text is `[0.25, -1.5, LENGTH]`.
pub fn natives() -> Scripted {
    Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let (head, body) = request.split_once("\r\n\r\n").expect("a head");
            let path = head.split(' ').nth(1).expect("a path").to_owned();
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            let (content_type, pieces) = answer(&path, &body);
            if let [whole] = pieces.as_slice() {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
                    whole.len()
                );
                peer.send(format!("{head}{whole}").as_bytes());
                continue;
            }
            peer.send(
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
                )
                .as_bytes(),
            );
            for piece in pieces {
                peer.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
            }
            peer.send(b"0\r\n\r\n");
        }
    })
}

/// Content type and body of an answer; a stream is cut in the middle of its events.
fn answer(path: &str, body: &Value) -> (&'static str, Vec<String>) {
    const JSON: &str = "application/json; charset=utf-8";
    let streams = body["stream"] == true;
    match path {
        "/api/chat" | "/api/generate" if streams => {
            ("application/x-ndjson", halved(&ollama_lines(path, body)))
        }
        "/api/chat" => (JSON, vec![ollama_last(json!({"message": ollama_message(body)}))]),
        "/api/generate" => (JSON, vec![ollama_last(json!({"response": completed(body)}))]),
        "/api/embed" => {
            let embeddings = vectors(&body["input"]);
            (
                JSON,
                vec![
                    json!({"model": body["model"], "embeddings": embeddings, "prompt_eval_count": 5})
                        .to_string(),
                ],
            )
        }
        "/v2/chat" if streams => ("text/event-stream", halved(&cohere_events(body))),
        "/v2/chat" => (JSON, vec![cohere_whole(body)]),
        "/v2/embed" => {
            let embeddings = json!({"float": vectors(&body["texts"])});
            let meta = json!({"billed_units": {"input_tokens": 5}});
            (JSON, vec![json!({"id": "e1", "embeddings": embeddings, "meta": meta}).to_string()])
        }
        "/v2/rerank" => {
            let meta = json!({"billed_units": {"search_units": 1}});
            let results = json!([{"index": 1, "relevance_score": 0.97}]);
            (JSON, vec![json!({"id": "r1", "results": results, "meta": meta, "asked": body}).to_string()])
        }
        "/v1/embeddings" => {
            // The order is told by numbers.
            let all = vectors(&body["input"]).into_iter().enumerate().rev();
            let data: Vec<_> =
                all.map(|(index, numbers)| json!({"index": index, "embedding": numbers})).collect();
            let usage = json!({"prompt_tokens": 5, "total_tokens": 5});
            (JSON, vec![json!({"object": "list", "data": data, "usage": usage}).to_string()])
        }
        _ if path.ends_with(":predict") => {
            let instances = body["instances"].as_array().cloned().unwrap_or_default();
            let predictions: Vec<_> = instances
                .iter()
                .map(|one| vector(one["content"].as_str().unwrap_or_default()))
                .map(|values| json!({"embeddings": {"values": values, "statistics": {"token_count": 2.0}}}))
                .collect();
            (JSON, vec![json!({"predictions": predictions}).to_string()])
        }
        _ if path.ends_with(":embedContent") => {
            let values = vector(body["content"]["parts"][0]["text"].as_str().unwrap_or_default());
            (JSON, vec![json!({"embedding": {"values": values}}).to_string()])
        }
        _ if path.ends_with(":batchEmbedContents") => {
            let requests = body["requests"].as_array().cloned().unwrap_or_default();
            let texts =
                requests.iter().map(|one| one["content"]["parts"][0]["text"].as_str().unwrap_or_default());
            let embeddings: Vec<_> = texts.map(|text| json!({"values": vector(text)})).collect();
            let usage = json!({"promptTokenCount": 5});
            (JSON, vec![json!({"embeddings": embeddings, "usageMetadata": usage}).to_string()])
        }
        _ if path.ends_with(":generateContent") => (JSON, vec![gemini("Riga.")]),
        _ => ("text/event-stream", halved(&format!("data: {}\r\n\r\n", gemini("Riga.")))),
    }
}

fn halved(text: &str) -> Vec<String> {
    let (one, two) = text.split_at(text.len() / 2);
    vec![one.to_owned(), two.to_owned()]
}

fn vector(text: &str) -> Value {
    json!([0.25, -1.5, text.len()])
}

fn vectors(texts: &Value) -> Vec<Value> {
    texts.as_array().into_iter().flatten().map(|text| vector(text.as_str().unwrap_or_default())).collect()
}

/// What stands between a prompt and its suffix.
fn completed(body: &Value) -> &'static str {
    if body["suffix"].is_string() { "a + b" } else { "Riga." }
}

fn calls(body: &Value) -> bool {
    let answered = body["messages"].as_array().is_some_and(|all| all.iter().any(|one| one["role"] == "tool"));
    body["tools"].is_array() && !answered
}

fn ollama_message(body: &Value) -> Value {
    if calls(body) {
        let call = json!({"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}});
        return json!({"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]});
    }
    json!({"role": "assistant", "content": "Riga."})
}

fn ollama_last(mut answer: Value) -> String {
    for (name, value) in [
        ("model", json!("qwen3")),
        ("done", true.into()),
        ("done_reason", "stop".into()),
        ("prompt_eval_count", 26.into()),
        ("eval_count", 12.into()),
    ] {
        answer[name] = value;
    }
    answer.to_string()
}

fn ollama_lines(path: &str, body: &Value) -> String {
    let (first, last) = if path == "/api/chat" {
        (json!({"message": ollama_message(body)}), json!({"message": {"role": "assistant", "content": ""}}))
    } else {
        (json!({"response": completed(body)}), json!({"response": ""}))
    };
    let mut first = first;
    first["model"] = "qwen3".into();
    first["done"] = false.into();
    format!("{first}\n{}\n", ollama_last(last))
}

fn cohere_usage() -> Value {
    json!({"billed_units": {"input_tokens": 4, "output_tokens": 6}, "tokens": {"input_tokens": 26, "output_tokens": 12}})
}

fn cohere_call() -> Value {
    json!({"id": "get_weather_x1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}})
}

fn cohere_whole(body: &Value) -> String {
    let (reason, message) = if calls(body) {
        ("TOOL_CALL", json!({"role": "assistant", "tool_plan": "hm", "tool_calls": [cohere_call()]}))
    } else {
        ("COMPLETE", json!({"role": "assistant", "content": [{"type": "text", "text": "Riga."}]}))
    };
    json!({"id": "c1", "finish_reason": reason, "message": message, "usage": cohere_usage()}).to_string()
}

fn cohere_events(body: &Value) -> String {
    let delta = |message: Value| json!({"message": message});
    let (reason, inner) = if calls(body) {
        let plan = json!({"type": "tool-plan-delta", "delta": delta(json!({"tool_plan": "hm"}))});
        let call = json!({"type": "tool-call-start", "index": 0, "delta": delta(json!({"tool_calls": cohere_call()}))});
        ("TOOL_CALL", vec![plan, call, json!({"type": "tool-call-end", "index": 0})])
    } else {
        let text = |text: &str| delta(json!({"content": {"type": "text", "text": text}}));
        let events = [("content-start", ""), ("content-delta", "Ri"), ("content-delta", "ga.")];
        (
            "COMPLETE",
            events.map(|(kind, piece)| json!({"type": kind, "index": 0, "delta": text(piece)})).to_vec(),
        )
    };
    let start = json!({"type": "message-start", "id": "c1", "delta": delta(json!({"role": "assistant"}))});
    let end = json!({"type": "message-end", "delta": {"finish_reason": reason, "usage": cohere_usage()}});
    let events = [vec![start], inner, vec![end]].concat();
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("a type")))
        .collect()
}

fn gemini(text: &str) -> String {
    let content = json!({"role": "model", "parts": [{"text": text}]});
    let usage = json!({"promptTokenCount": 26, "candidatesTokenCount": 12, "totalTokenCount": 38});
    json!({"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage, "modelVersion": "gemini-x", "responseId": "r1"}).to_string()
}
