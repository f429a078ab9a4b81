//! Providers with formats of their own: the paths, the answers, the frames and lines of their streams, their errors.

use loadtest::mock::{Mock, MockOptions, SENTENCE, start};
use serde_json::{Value, json};

use crate::client::{Answer, Client};

const GOOGLE: &str = "/v1beta/models/";
const VERTEX: &str = "/v1/projects/p/locations/l/publishers/google/models/";
const CLAUDE: &str = "/v1/projects/p/locations/l/publishers/anthropic/models/";
const BEDROCK: &str = "/model/";

/// A path for each form of an answer, and where the first text of a whole one is.
const FORMATS: [(&str, &str, &str, &str); 7] = [
    (GOOGLE, ":generateContent", ":streamGenerateContent?alt=sse", "/candidates/0/content/parts/0/text"),
    (VERTEX, ":generateContent", ":streamGenerateContent?alt=sse", "/candidates/0/content/parts/0/text"),
    (CLAUDE, ":rawPredict", ":streamRawPredict", "/content/0/text"),
    (BEDROCK, "/invoke", "/invoke-with-response-stream", "/content/0/text"),
    (BEDROCK, "/converse", "/converse-stream", "/output/message/content/0/text"),
    ("/v2/chat", "", "", "/message/content/0/text"),
    ("/api/chat", "", "", "/message/content"),
];

fn mock() -> Mock {
    start(MockOptions::default()).expect("start")
}

/// Asks a model with settings, in its path where that names it.
fn ask(client: &mut Client, format: (&str, &str, &str), settings: &str, body: &Value) -> Answer {
    let (before, whole, stream) = format;
    let mut body = body.clone();
    let path = if before.ends_with('/') {
        let settings = settings.replace('?', "%3F").replace('=', "%3D").replace('&', "%26");
        let behind = if body["stream"] == true { stream } else { whole };
        format!("{before}m%3Ax{settings}{behind}")
    } else {
        body["model"] = json!(format!("m:x{settings}"));
        before.to_owned()
    };
    client.ask(&path, &body.to_string())
}

/// The payloads of a stream's frames, after a look at every length and checksum.
fn frames(mut bytes: &[u8]) -> Vec<(String, Value)> {
    let mut frames = vec![];
    while !bytes.is_empty() {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let (total, headers) = (number(0) as usize, number(4) as usize);
        assert_eq!(number(8), crc32fast::hash(&bytes[..8]));
        assert_eq!(number(total - 4), crc32fast::hash(&bytes[..total - 4]));
        let (head, payload) = bytes[12..total - 4].split_at(headers);
        frames.push((
            String::from_utf8_lossy(head).into_owned(),
            serde_json::from_slice(payload).expect("JSON"),
        ));
        bytes = &bytes[total..];
    }
    frames
}

/// What a stream says, whatever it is made of.
fn text_of(answer: &Answer) -> String {
    let texts: Vec<Value> = match answer.header("content-type") {
        Some("application/vnd.amazon.eventstream") => {
            frames(&answer.body).into_iter().map(|(_, payload)| payload["delta"]["text"].clone()).collect()
        }
        Some("application/x-ndjson") => {
            let text = answer.text();
            let line = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
            text.lines().map(|text| line(text)["message"]["content"].clone()).collect()
        }
        _ => {
            let text = answer.text();
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            data.map(|data| {
                let event: Value = serde_json::from_str(data).expect("JSON");
                let places =
                    ["/delta/text", "/delta/message/content/text", "/candidates/0/content/parts/0/text"];
                places.iter().find_map(|place| event.pointer(place)).cloned().unwrap_or_default()
            })
            .collect()
        }
    };
    texts.iter().filter_map(Value::as_str).collect()
}

/// Every format answers at its paths, whole and as a stream of the same text, and keeps to its limit of tokens.
#[test]
fn every_format_answers() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    for (before, whole, stream, text) in FORMATS {
        let format = (before, whole, stream);
        let answer = ask(&mut client, format, "", &json!({"stream": false}));
        assert_eq!(answer.status, 200, "{before}{whole}: {}", answer.text());
        assert_eq!(answer.json().pointer(text), Some(&json!(SENTENCE)), "{before}{whole}");
        let limits = [
            ("max_tokens", json!(3)),
            ("generationConfig", json!({"maxOutputTokens": 3})),
            ("inferenceConfig", json!({"maxTokens": 3})),
            ("options", json!({"num_predict": 3})),
        ];
        let cut = limits.into_iter().filter(|(name, limit)| {
            let answer = ask(&mut client, format, "", &json!({"stream": false, *name: limit}));
            answer
                .json()
                .pointer(text)
                .and_then(Value::as_str)
                .is_some_and(|text| text.len() < SENTENCE.len())
        });
        assert!(cut.count() >= 1, "{before}{whole} has a limit");
        if !whole.starts_with("/invoke") {
            let answer = ask(&mut client, format, "", &json!({"stream": true}));
            assert_eq!(text_of(&answer), SENTENCE, "{before}{stream}");
        }
    }
    let streamed = client.ask("/api/chat", r#"{"model":"m"}"#);
    assert_eq!(streamed.header("content-type"), Some("application/x-ndjson"), "told nothing, it streams");
}

/// Events of a model that Bedrock hosts come in frames, with what they cost in the last.
#[test]
fn hosted_events_are_framed() {
    let mock = mock();
    let answer = Client::connect(mock.address).ask("/model/m/invoke-with-response-stream", "{}");
    let frames = frames(&answer.body);
    assert!(frames.iter().all(|(head, _)| head.contains(":event-type\u{7}\0\u{5}chunk")));
    let begins = |frame: &Value, text: &str| frame["bytes"].as_str().is_some_and(|got| got.starts_with(text));
    assert!(begins(&frames[0].1, "eyJ0eXBlIjoibWVzc2FnZV9zdGFydC"), "{}", frames[0].1);
    assert!(begins(&frames[frames.len() - 1].1, "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYW1hem9u"));
}

/// Errors have the body of their format, and where it has one a name in the head; so has one inside a stream.
#[test]
fn errors_are_the_formats_own() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    for (before, whole, stream, message) in [
        (GOOGLE, ":generateContent", ":streamGenerateContent", "/error/message"),
        (CLAUDE, ":rawPredict", ":streamRawPredict", "/error/message"),
        (BEDROCK, "/converse", "/converse-stream", "/message"),
        (BEDROCK, "/invoke", "/invoke-with-response-stream", "/message"),
        ("/v2/chat", "", "", "/message"),
        ("/api/chat", "", "", "/error"),
    ] {
        let format = (before, whole, stream);
        let answer = ask(&mut client, format, "?fault=status:429", &json!({}));
        assert_eq!(answer.status, 429, "{before}");
        assert!(answer.json().pointer(message).is_some_and(Value::is_string), "{}", answer.text());
        let name = answer.header("x-amzn-errortype").map(|name| name.starts_with("ThrottlingException:"));
        assert_eq!(name, (before == BEDROCK).then_some(true));
        let broken = ask(&mut client, format, "?fault=error_event_after:3", &json!({"stream": true}));
        let end = String::from_utf8_lossy(&broken.body[broken.body.len() - 250..]).into_owned();
        assert!(end.contains("asked to fail in the middle"), "{before}: {end}");
        assert!(before != BEDROCK || end.contains("serviceUnavailableException"), "{end}");
    }
}

/// Tools are called in every format, and the model answers when it has thought and results back, and not without.
#[test]
fn tools_are_called() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    let mut turns = |format: (&str, &str, &str), history: &Value| {
        let answer = ask(&mut client, format, "?tools=1&thinks=1", history);
        (answer.status, answer.json())
    };
    let converse = (BEDROCK, "/converse", "");
    let (status, answer) =
        turns(converse, &json!({"messages": [{"role": "user", "content": [{"text": "a"}]}]}));
    assert_eq!((status, &answer["stopReason"]), (200, &json!("tool_use")));
    let said = &answer["output"]["message"];
    let result =
        json!({"role": "user", "content": [{"toolResult": {"toolUseId": "tooluse_0", "content": []}}]});
    let (status, answer) = turns(converse, &json!({"messages": [said, result]}));
    assert_eq!((status, &answer["stopReason"]), (200, &json!("end_turn")));
    let thoughtless =
        json!({"role": "assistant", "content": said["content"].as_array().expect("blocks")[1..]});
    assert_eq!(turns(converse, &json!({"messages": [thoughtless, result]})).0, 400);

    let ollama = ("/api/chat", "", "");
    let (_, answer) = turns(ollama, &json!({"stream": false}));
    let said = &answer["message"];
    assert_eq!(said["tool_calls"][0]["function"]["arguments"]["city"], "Oslo");
    let result = json!({"role": "tool", "tool_name": "get_weather", "content": "x"});
    let (status, answer) = turns(ollama, &json!({"stream": false, "messages": [said, result]}));
    assert_eq!((status, &answer["message"]["tool_calls"]), (200, &Value::Null));

    let gemini = (GOOGLE, ":generateContent", "");
    let told = json!({"tools": [], "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}});
    assert_eq!(turns(gemini, &told).0, 200, "tools, and what to do with them");

    let cohere = ("/v2/chat", "", "");
    let (_, answer) = turns(cohere, &json!({}));
    assert_eq!(answer["finish_reason"], "TOOL_CALL");
    let result = json!({"role": "tool", "tool_call_id": "get_weather_0", "content": "x"});
    let (status, answer) = turns(cohere, &json!({"messages": [answer["message"], result]}));
    assert_eq!((status, &answer["finish_reason"]), (200, &json!("COMPLETE")));
}

/// Responses call tools and think, too, and seal thoughts where that is asked for.
#[test]
fn responses_call_tools() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    let mut body = json!({"model": "m?tools=2&thinks=1", "input": "a"});
    let unsealed = client.ask("/v1/responses", &body.to_string()).json();
    assert_eq!(unsealed["output"][0].get("encrypted_content"), None);
    body["include"] = json!(["reasoning.encrypted_content"]);
    let whole = client.ask("/v1/responses", &body.to_string()).json();
    let items = whole["output"].as_array().expect("items").clone();
    let kinds: Vec<&Value> = items.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call", "function_call"]);
    body["stream"] = json!(true);
    let events = client.ask("/v1/responses", &body.to_string()).events();
    let last: Value = serde_json::from_str(&events[events.len() - 1].1).expect("JSON");
    assert_eq!(last["response"]["output"].as_array().map(Vec::len), Some(4));
    let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "x"});
    let both = [result("call_0"), result("call_1")];
    for (history, status) in [
        ([&items[..], &both].concat(), 200),
        ([&items[..], &both[..1]].concat(), 400),
        ([&items[1..], &both].concat(), 400),
    ] {
        let body = json!({"model": "m?tools=2&thinks=1", "input": history});
        assert_eq!(client.ask("/v1/responses", &body.to_string()).status, status, "{history:?}");
    }
}

/// An embedding of each text, in the shape of each format.
#[test]
fn embeddings_of_every_format() {
    let mock = mock();
    let mut client = Client::connect(mock.address);
    let text = |text: &str| json!({"content": {"parts": [{"text": text}]}});
    for (path, body, place) in [
        ("/v2/embed", json!({"model": "m", "texts": ["a", "b"], "output_dimension": 2}), "/embeddings/float"),
        ("/api/embed", json!({"model": "m", "input": ["a", "b"], "dimensions": 2}), "/embeddings"),
    ] {
        let found = client.ask(path, &body.to_string()).json();
        assert_eq!(found.pointer(place), Some(&json!([[1.0, 0.0], [0.0, 1.0]])), "{found}");
    }
    let one = client.ask("/v1beta/models/m:embedContent", &text("a").to_string()).json();
    assert_eq!(one["embedding"]["values"][0], 1.0);
    let requests = json!({"requests": [text("a"), text("b"), text("c")]}).to_string();
    let many = client.ask("/v1beta/models/m:batchEmbedContents", &requests).json();
    assert_eq!(
        (many["embeddings"].as_array().map(Vec::len), &many["embeddings"][2]["values"][2]),
        (Some(3), &json!(1.0))
    );
}
