//! Every endpoint answers in its provider's shape.

use loadtest::mock::{Mock, MockOptions, SENTENCE, start};
use serde_json::{Value, json};

use crate::client::{Answer, Client};

fn mock() -> Mock {
    start(MockOptions::default()).expect("start")
}

fn ask(path: &str, body: &Value) -> Answer {
    let mock = mock();
    let answer = Client::connect(mock.address).ask(path, &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn chat(more: &[(&str, Value)]) -> Value {
    let mut body = json!({"model": "mock", "messages": [{"role": "user", "content": "secret prompt"}]});
    for (name, value) in more {
        body[*name] = value.clone();
    }
    body
}

/// A chat answer has the canned text, correct sums and nothing of the prompt, with and without the version.
#[test]
fn chat_is_canned() {
    for path in ["/v1/chat/completions", "/chat/completions"] {
        let answer = ask(path, &chat(&[]));
        assert!(!answer.text().contains("secret"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        assert_eq!(body["choices"][0]["message"]["content"], SENTENCE);
        assert_eq!(body["model"], "mock");
        assert_eq!(body["usage"]["prompt_tokens"], 5, "17 bytes of text");
        assert_eq!(body["usage"]["completion_tokens"], 8);
        assert_eq!(body["usage"]["total_tokens"], 13);
        assert_eq!(answer.header("x-request-id").map(str::len), Some("req_".len() + 16));
    }
}

/// A chat stream begins with the role, joins to the whole answer, and ends with its marker.
#[test]
fn chat_streams() {
    let answer = ask("/v1/chat/completions", &chat(&[("stream", json!(true))]));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let events = answer.events();
    assert_eq!(events.len(), 11, "role, eight chunks, finish, end");
    assert!(events.iter().all(|(name, _)| name.is_none()));
    assert_eq!(events[10].1, "[DONE]");
    let chunks: Vec<Value> =
        events[..10].iter().map(|(_, data)| serde_json::from_str(data).expect("JSON")).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, SENTENCE);
    assert_eq!(chunks[9]["choices"][0]["finish_reason"], "stop");
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"] && chunk.get("usage").is_none()));
}

/// Usage is streamed only when it was asked for, in a chunk without choices.
#[test]
fn chat_streams_usage_when_asked() {
    for (path, chunks) in [("/v1/chat/completions", 10), ("/v1/completions", 9)] {
        let mut body = chat(&[("stream", json!(true)), ("stream_options", json!({"include_usage": true}))]);
        body["prompt"] = json!("x");
        let events = ask(path, &body).events();
        assert_eq!(events.len(), chunks + 2);
        let usage: Value = serde_json::from_str(&events[chunks].1).expect("JSON");
        assert_eq!((&usage["choices"], &usage["usage"]["completion_tokens"]), (&json!([]), &json!(8)));
        let before: Value = serde_json::from_str(&events[0].1).expect("JSON");
        assert_eq!(before.get("usage"), Some(&Value::Null));
    }
}

/// Responses are numbered from 0, named as they say in their data, and repeat everything when complete.
#[test]
fn responses_stream() {
    let request = json!({"model": "mock", "input": "hello", "stream": true});
    let events = ask("/v1/responses", &request).events();
    let mut text = String::new();
    for (number, (name, data)) in events.iter().enumerate() {
        let data: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["sequence_number"], number);
        assert_eq!(data["type"].as_str(), name.as_deref());
        text.push_str(data["delta"].as_str().unwrap_or_default());
    }
    assert_eq!(events[0].0.as_deref(), Some("response.created"));
    let (name, data) = events.last().expect("events");
    let last: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(name.as_deref(), Some("response.completed"));
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], SENTENCE);
    assert_eq!(text, SENTENCE);
    let whole = ask("/v1/responses", &json!({"model": "mock", "input": "hello"})).json();
    assert_eq!(whole["usage"], last["response"]["usage"]);
    assert_eq!(whole["output"][0]["content"], last["response"]["output"][0]["content"]);
}

/// Anthropic's events come in their order, each with its name, and say the same as the whole message.
#[test]
fn messages_stream() {
    let body =
        json!({"model": "mock", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]});
    let whole = ask("/v1/messages", &body).json();
    assert_eq!((&whole["type"], &whole["stop_reason"]), (&json!("message"), &json!("end_turn")));
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let answer = ask("/v1/messages", &streamed);
    assert!(answer.header("request-id").is_some());
    let names: Vec<_> = answer.events().into_iter().filter_map(|(name, _)| name).collect();
    let expected = ["message_start", "content_block_start", "ping", "content_block_delta"];
    assert_eq!(names[..4], expected);
    assert_eq!(names[names.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
    let texts: Vec<Value> =
        answer.events().iter().map(|(_, data)| serde_json::from_str(data).expect("JSON")).collect();
    let text: String = texts.iter().filter_map(|data| data["delta"]["text"].as_str()).collect();
    assert_eq!(whole["content"][0]["text"], text);
    assert_eq!(texts[texts.len() - 2]["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
    let count = ask("/v1/messages/count_tokens", &body).json();
    assert_eq!(count["input_tokens"], whole["usage"]["input_tokens"]);
}

/// A token limit cuts the answer, and the provider's word for it says so.
#[test]
fn limits_are_kept() {
    let cut = ask("/v1/chat/completions", &chat(&[("max_tokens", json!(2))])).json();
    assert_eq!(
        (&cut["choices"][0]["finish_reason"], &cut["usage"]["completion_tokens"]),
        (&json!("length"), &json!(2))
    );
    let cut = ask("/v1/responses", &json!({"model": "mock", "input": "a", "max_output_tokens": 2})).json();
    assert_eq!((&cut["status"], &cut["usage"]["output_tokens"]), (&json!("incomplete"), &json!(2)));
    let cut = ask("/v1/messages", &json!({"model": "mock", "messages": [], "max_tokens": 2})).json();
    assert_eq!((&cut["stop_reason"], &cut["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(2)));
}

/// Embeddings have one vector for each input, alike in both encodings.
#[test]
fn embeddings_in_both_encodings() {
    let body = json!({"model": "e", "input": ["a", "b"], "dimensions": 2});
    let numbers = ask("/v1/embeddings", &body).json();
    assert_eq!(numbers["data"][1]["embedding"], json!([0.0, 1.0]));
    let mut encoded = body;
    encoded["encoding_format"] = json!("base64");
    assert_eq!(ask("/v1/embeddings", &encoded).json()["data"][1]["embedding"], "AAAAAAAAgD8=");
}

/// The other JSON endpoints answer in their shapes.
#[test]
fn the_other_endpoints_answer() {
    let completion = ask("/v1/completions", &json!({"model": "mock", "prompt": "a", "suffix": "b"})).json();
    assert_eq!(completion["choices"][0]["text"], SENTENCE);
    let ranked =
        ask("/v1/rerank", &json!({"model": "r", "query": "q", "documents": ["a", "b", "c"], "top_n": 2}))
            .json();
    assert_eq!(ranked["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(ranked["results"][0]["index"], 0);
    let moderated = ask("/v1/moderations", &json!({"input": ["a", "b"]})).json();
    assert_eq!(moderated["results"][1]["categories"]["self-harm/intent"], false);
    let image = ask("/v1/images/generations", &json!({"model": "i", "prompt": "a cat"})).json();
    assert!(image["data"][0]["b64_json"].as_str().is_some_and(|png| png.starts_with("iVBOR")));
    let speech =
        ask("/v1/audio/speech", &json!({"model": "s?answer_bytes=1000", "input": "a", "voice": "v"}));
    assert_eq!((speech.header("content-type"), speech.body.len()), (Some("audio/mpeg"), 1000));
    let error = Client::connect(mock().address).ask("/v1/nothing", "{}");
    assert_eq!((error.status, &error.json()["error"]["code"]), (404, &json!("model_not_found")));
}

/// Multipart requests are understood, with their model and their format.
#[test]
fn multipart_is_understood() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    let part = |name: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for (path, format, expected) in [
        ("/v1/audio/transcriptions", "json", "application/json"),
        ("/v1/audio/transcriptions", "text", "text/plain; charset=utf-8"),
        ("/v1/audio/translations", "json", "application/json"),
        ("/v1/images/edits", "json", "application/json"),
        ("/v1/images/variations", "json", "application/json"),
    ] {
        let body = part("file", "\0\u{1}")
            + &part("model", "w?chunks=2")
            + &part("response_format", format)
            + "--b--\r\n";
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: m\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.send((head + &body).as_bytes());
        let answer = client.answer().expect("an answer");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(expected)), "{path}");
    }
}

/// Models are listed and can be asked for one by one.
#[test]
fn models_are_listed() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    client.send(b"GET /v1/models HTTP/1.1\r\nhost: m\r\n\r\n");
    assert_eq!(client.answer().expect("an answer").json()["data"][0]["id"], "mock");
    client.send(b"GET /models/org/name HTTP/1.1\r\nhost: m\r\n\r\n");
    assert_eq!(client.answer().expect("an answer").json()["id"], "org/name");
    client.send(b"GET /v1/embeddings HTTP/1.1\r\nhost: m\r\n\r\n");
    assert_eq!(client.answer().expect("an answer").status, 405);
}

/// The same seed gives the same ids in the same order, and no id twice.
#[test]
fn ids_follow_from_the_seed() {
    let ids = |seed| {
        let mock = start(MockOptions { seed, ..MockOptions::default() }).expect("start");
        let mut client = Client::connect(mock.address);
        let mut id = || client.ask("/v1/chat/completions", &chat(&[]).to_string()).json()["id"].clone();
        (id(), id())
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
    assert_ne!(ids(1).0, ids(1).1);
}

/// Settings after the model's name change that answer alone, and a misspelt one is refused.
#[test]
fn a_model_sets_its_answer() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    let mut with =
        |model: &str| client.ask("/v1/chat/completions", &chat(&[("model", json!(model))]).to_string());
    let body = with("gpt-x?chunks=50&answer_bytes=1000&cached_tokens=2").json();
    assert_eq!((&body["model"], &body["usage"]["completion_tokens"]), (&json!("gpt-x"), &json!(50)));
    assert_eq!(body["choices"][0]["message"]["content"].as_str().map(str::len), Some(1000));
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
    assert_eq!(with("mock").json()["usage"]["completion_tokens"], 8);
    let refused = with("mock?chonks=50");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("chonks"));
}

/// Tools are called and thoughts had where a model asks for them, whole and in pieces, in either shape.
#[test]
fn tools_and_thoughts() {
    let model = ("model", json!("m?tools=2&thinks=1"));
    let whole = ask("/v1/chat/completions", &chat(std::slice::from_ref(&model))).json();
    let message = &whole["choices"][0]["message"];
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    let calls = message["tool_calls"].as_array().expect("calls");
    assert_eq!(calls[1]["function"]["arguments"], "{\"city\":\"Riga\",\"n\":1}");
    let streamed = ask("/v1/chat/completions", &chat(&[model.clone(), ("stream", json!(true))]));
    let mut sources = [String::new(), String::new()];
    for (_, data) in streamed.events() {
        let chunk: Value = serde_json::from_str(&data).unwrap_or_default();
        for call in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().expect("an index") as usize;
            sources[index] += call["function"]["arguments"].as_str().expect("a text");
        }
    }
    assert_eq!(sources[1], "{\"city\":\"Riga\",\"n\":1}");
    assert!(message["reasoning_content"].is_string());

    let whole = ask("/v1/messages", &chat(&[model.clone(), ("max_tokens", json!(99))])).json();
    let kinds: Vec<&Value> =
        whole["content"].as_array().expect("blocks").iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    let streamed = ask("/v1/messages", &chat(&[model, ("max_tokens", json!(99)), ("stream", json!(true))]));
    let starts =
        streamed.events().iter().filter(|(name, _)| name.as_deref() == Some("content_block_start")).count();
    assert_eq!((starts, &whole["stop_reason"]), (4, &json!("tool_use")));
}

/// With results of its tools a model answers; without the thought that led to them, Anthropic's refuses.
#[test]
fn thoughts_are_wanted_back() {
    let model = "m?tools=1&thinks=1";
    let first = ask("/v1/messages", &chat(&[("model", json!(model))])).json();
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_0", "content": "x"}]});
    let again = |content: &Value| {
        let messages =
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": content}, result]);
        let mock = mock();
        let body = json!({"model": model, "messages": messages});
        let answer = Client::connect(mock.address).ask("/v1/messages", &body.to_string());
        (answer.status, answer.json())
    };
    let (status, answer) = again(&first["content"]);
    assert_eq!((status, &answer["stop_reason"]), (200, &json!("end_turn")));
    let blocks = first["content"].as_array().expect("blocks");
    assert_eq!(again(&json!(blocks[1..])).0, 400);
    let mut changed = first["content"].clone();
    changed[0]["signature"] = json!("other");
    assert_eq!(again(&changed).0, 400);
}

/// An answer ends as a model asks for, and is an object where it is to be one.
#[test]
fn endings_and_objects() {
    let answer =
        ask("/v1/chat/completions", &chat(&[("model", json!("m?stop=content_filter&json=1"))])).json();
    assert_eq!(answer["choices"][0]["finish_reason"], "content_filter");
    let text = answer["choices"][0]["message"]["content"].as_str().expect("a text");
    assert!(serde_json::from_str::<Value>(text).expect("JSON").is_object());
}
