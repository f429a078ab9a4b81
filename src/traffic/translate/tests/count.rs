//! Requests that only want their tokens counted, and what is said of them.

use super::{CREATED, destination};
use crate::base::fault::FaultKind;
use crate::contract::endpoint::{Dialect, Endpoint};
use crate::contract::snapshot::{Format, Unsupported};
use crate::traffic::translate::names::Renamed;
use crate::traffic::translate::{Crossing, Destination, Form, Speech, Translation, request_in_form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const MESSAGES: Speech = Speech::Count(Dialect::Anthropic);
const CONTENTS: Speech = Speech::Count(Dialect::Gemini);
const RESPONSES: Speech = Speech::Count(Dialect::OpenAi);

fn asked(from: Speech, to: Destination<'_>, body: &Value) -> Value {
    let mut out = vec![];
    request_in_form(from, None, to, body.to_string().as_bytes(), &mut out).expect("a request");
    serde_json::from_slice(&out).expect("JSON")
}

fn count(from: Speech, to: Speech, body: &Value) -> Value {
    asked(from, destination(to, "claude-opus-4-5", Unsupported::Drop), body)
}

fn message() -> Value {
    json!({
        "model": "m",
        "system": "be brief",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any"},
    })
}

fn plain() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
}

/// What is counted reaches each provider in its own words, and nothing that only an answer depends on.
#[test]
fn requests() {
    let to_google = count(MESSAGES, Speech::Gemini, &message());
    let inner = &to_google["generateContentRequest"];
    assert_eq!(inner["model"], "models/claude-opus-4-5");
    assert_eq!(inner["contents"], json!([{"role": "user", "parts": [{"text": "hi"}]}]));
    assert_eq!(inner["systemInstruction"]["parts"][0]["text"], "be brief");
    assert_eq!(inner["tools"][0]["functionDeclarations"][0]["name"], "f");
    assert!(
        inner.get("generationConfig").is_none() && to_google.as_object().is_some_and(|all| all.len() == 1)
    );
    // A prompt that is contents alone is said as every server of the format takes it.
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    assert_eq!(count(MESSAGES, Speech::Gemini, &plain()), contents);
    let vertex =
        Destination { on_vertex: true, ..destination(Speech::Gemini, "gemini-2.5-pro", Unsupported::Drop) };
    let to_vertex = asked(MESSAGES, vertex, &message());
    let names: Vec<_> = to_vertex.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["contents", "systemInstruction", "tools"]);

    let converse = count(MESSAGES, Speech::Bedrock, &message());
    let converse = converse["input"]["converse"].as_object().expect("an object");
    assert_eq!(converse.keys().collect::<Vec<_>>(), ["messages", "system", "toolConfig"]);
    let responses = count(MESSAGES, Speech::Responses, &message());
    assert_eq!(
        (&responses["model"], &responses["tool_choice"]),
        (&"claude-opus-4-5".into(), &"required".into())
    );
    assert!(
        ["stream", "store", "max_output_tokens", "include"].iter().all(|name| responses.get(name).is_none()),
        "{responses}"
    );
    assert_eq!(count(MESSAGES, Speech::OpenAi, &message()), responses);

    let contents = json!({"contents": [{"parts": [{"text": "hi"}]}]});
    let wrapped = json!({"generate_content_request": {"model": "models/x", "contents": contents["contents"], "generationConfig": {"temperature": 1}}});
    for body in [&contents, &wrapped] {
        let message = count(CONTENTS, Speech::Anthropic, body);
        let expected = json!({"model": "claude-opus-4-5", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
        assert_eq!(message, expected);
        let hosted = count(CONTENTS, Speech::VertexAnthropic, body);
        assert_eq!(
            (&hosted["model"], &hosted["anthropic_version"]),
            (&"claude-opus-4-5".into(), &"vertex-2023-10-16".into())
        );
    }
    let message = count(
        RESPONSES,
        Speech::Anthropic,
        &json!({"model": "m", "input": "hi", "instructions": "be brief"}),
    );
    assert_eq!(message["system"][0]["text"], "be brief");
    assert!(message.get("max_tokens").is_none());
}

fn invoked(body: &Value) -> Value {
    let counted = count(MESSAGES, Speech::BedrockAnthropic, body);
    let digits = counted["input"]["invokeModel"]["body"].as_str().expect("digits");
    serde_json::from_slice(&STANDARD.decode(digits).expect("base64")).expect("JSON")
}

/// Where a cloud hosts the model that the client thinks it speaks to, all that it says is counted, known here or not.
#[test]
fn hosts_count_all_that_is_said() {
    let mut body = message();
    body["frob"] = json!({"a": 1});
    let mut expected = body.clone();
    expected.as_object_mut().expect("an object").remove("model");
    expected["anthropic_version"] = "bedrock-2023-05-31".into();
    expected["max_tokens"] = 1.into();
    assert_eq!(invoked(&body), expected);
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
    assert_eq!(invoked(&body)["max_tokens"], 2001);
    body["max_tokens"] = 7.into();
    assert_eq!(invoked(&body)["max_tokens"], 7);

    let hosted = count(MESSAGES, Speech::VertexAnthropic, &message());
    assert_eq!((&hosted["model"], &hosted["system"]), (&"claude-opus-4-5".into(), &"be brief".into()));
    assert!(hosted.get("max_tokens").is_none());
}

/// Each provider's number is a number of each client's.
#[test]
fn answers() {
    let read = |from, to, body: &str| {
        let mut out = vec![];
        let mut translation = Translation::new(from, to, Form::Whole, CREATED, true, Renamed::default());
        let passed = translation.advance(body.as_bytes(), true, &mut out);
        passed.map(|_| String::from_utf8(out).expect("text")).map_err(|fault| fault.kind)
    };
    for (from, body, tokens) in [
        (Speech::Anthropic, r#"{"input_tokens":16}"#, 16),
        (Speech::VertexAnthropic, r#"{"input_tokens":16}"#, 16),
        (Speech::Responses, r#"{"object":"response.input_tokens","input_tokens":18}"#, 18),
        (Speech::OpenAi, r#"{"input_tokens":18}"#, 18),
        (Speech::Bedrock, r#"{"inputTokens":11}"#, 11),
        (Speech::BedrockAnthropic, r#"{"inputTokens":11}"#, 11),
        (Speech::Gemini, r#"{"totalTokens":12,"promptTokensDetails":[]}"#, 12),
        (Speech::Gemini, "{}", 0),
    ] {
        for (to, expected) in [
            (MESSAGES, format!(r#"{{"input_tokens":{tokens}}}"#)),
            (CONTENTS, format!(r#"{{"totalTokens":{tokens}}}"#)),
            (RESPONSES, format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#)),
        ] {
            assert_eq!(read(from, to, body).as_ref(), Ok(&expected), "{from:?} {to:?}");
        }
    }
    for (from, body) in [
        (Speech::Anthropic, "{}"),
        (Speech::Bedrock, r#"{"inputTokens":"11"}"#),
        (Speech::Gemini, r#"{"totalTokens":-1}"#),
        (Speech::Gemini, "[]"),
    ] {
        assert_eq!(read(from, MESSAGES, body), Err(FaultKind::UpstreamUnreadable), "{from:?} {body}");
    }
}

/// Who counts is asked; of who does not nothing is made up.
#[test]
fn who_counts() {
    for endpoint in [Endpoint::CountTokens, Endpoint::GeminiCountTokens, Endpoint::InputTokens] {
        for format in Format::ALL {
            let counts = !matches!(format, Format::Ollama | Format::Cohere);
            assert_eq!(Crossing::between(endpoint, format).is_some(), counts, "{endpoint:?} {format:?}");
        }
    }
}
