//! Clients of responses, models behind another format.

use crate::harness::{Gateway, Io, KEY, Scripted, on_both_drivers, post};
use crate::translate::{OVERLOADED, THINKING, answered, data, setup, staged};
use serde_json::{Value, json};

const RESPONSES: &str = "/v1/responses";

fn respond(model: &str, more: &str) -> Vec<u8> {
    post(RESPONSES, &format!(r#"{{"model":"{model}","input":"hi","instructions":"Be brief."{more}}}"#))
}

/// Clients of responses are answered by providers of either format that have none, whole and in events that hold
/// together, and the record counts the tokens that the provider did.
#[test]
fn responses_cross() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for model in [
            "c/mock?chunks=5&prompt_tokens=70&cached_tokens=30",
            "p/mock?chunks=5&prompt_tokens=70&cached_tokens=30",
        ] {
            let answer = client.ask(&respond(model, r#","temperature":0.5"#));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let whole = answer.json();
            assert_eq!((&whole["object"], &whole["status"]), (&"response".into(), &"completed".into()));
            assert_eq!((&whole["temperature"], &whole["instructions"]), (&json!(0.5), &"Be brief.".into()));
            let usage = &whole["usage"];
            assert_eq!(
                (&usage["input_tokens"], &usage["input_tokens_details"]["cached_tokens"]),
                (&70.into(), &30.into())
            );
            let record = gateway.record(answer.id());
            assert_eq!(
                (&record["endpoint"], &record["fault"]),
                (&RESPONSES.into(), &Value::Null),
                "{record}"
            );
            assert_eq!(
                (&record["input_tokens"], &record["output_tokens"]),
                (&usage["input_tokens"], &usage["output_tokens"])
            );

            let answer = client.ask(&respond(model, r#","stream":true"#));
            assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
            let text = answer.text();
            assert!(text.starts_with("event: response.created\n") && !text.contains("[DONE]"), "{text}");
            let events = data(&text);
            let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64()).collect();
            assert_eq!(numbers, (0..events.len() as u64).map(Some).collect::<Vec<_>>());
            let end = events.last().expect("events");
            assert_eq!(
                (&end["type"], &end["response"]["status"]),
                (&"response.completed".into(), &"completed".into())
            );
            let pieces: String = events
                .iter()
                .filter(|event| event["type"] == "response.output_text.delta")
                .map(|event| event["delta"].as_str().expect("a text"))
                .collect();
            assert_eq!(end["response"]["output"][0]["content"][0]["text"], pieces);
            let record = gateway.record(answer.id());
            assert_eq!(
                (&record["input_tokens"], &record["output_tokens"]),
                (&70.into(), &end["response"]["usage"]["output_tokens"])
            );
            assert_eq!((&record["stream"], &record["fault"]), (&true.into(), &Value::Null), "{record}");
        }
    });
}

/// A history is made compact by a provider that does that, as it says it, and its tokens are on record; others cannot. What
/// is stored at a provider is not here, whoever asks for it and how.
#[test]
fn compacting_passes_and_what_is_stored_does_not() {
    let said = r#"{"id":"resp_1","object":"response.compaction","output":[{"type":"compaction","encrypted_content":"gA"}],"usage":{"input_tokens":70,"output_tokens":9,"total_tokens":79}}"#;
    let upstream = Scripted::always(answered("application/json", said));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let mut client = gateway.client();
    let compact =
        |model: &str| post("/v1/responses/compact", &format!(r#"{{"model":"{model}","input":"hi"}}"#));
    let answer = client.ask(&compact("m/x"));
    assert_eq!((answer.status, answer.text()), (200, said.into()));
    let record = gateway.record(answer.id());
    assert_eq!(
        (&record["endpoint"], &record["input_tokens"], &record["output_tokens"]),
        (&"/v1/responses/compact".into(), &70.into(), &9.into()),
        "{record}"
    );
    let seen = upstream.seen().pop().expect("a request");
    assert!(seen.starts_with("POST /v1/responses/compact HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with(r#"{"model":"x","input":"hi"}"#), "{seen}");
    for model in ["p/x", "c/x"] {
        client.ask(&compact(model)).refused(400, "format_not_spoken");
    }
    client.ask(&compact("nobody")).refused(404, "model_not_found");
    for line in
        ["GET /v1/responses/resp_1", "DELETE /v1/responses/resp_1", "GET /v1/responses/resp_1/input_items"]
    {
        let request = format!("{line} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n\r\n");
        let message = client.ask(request.as_bytes()).refused(404, "unknown_url");
        assert!(message.contains("stored"), "{message}");
    }
    let message = client.ask(&post("/v1/responses/resp_1/cancel", "{}")).refused(404, "unknown_url");
    assert!(message.contains("stored"), "{message}");
    assert_eq!(upstream.seen().len(), 1, "nobody else was asked");
}

/// A provider of `OpenAI`'s format is asked for responses unless it is said to have none: then for a chat completion.
#[test]
fn responses_go_straight_where_they_can() {
    let upstream = Scripted::always(answered("application/json", r#"{"id":"resp_1","object":"response"}"#));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let answer = gateway.client().ask(&respond("m/x", r#","store":true"#));
    assert_eq!((answer.status, answer.text()), (200, r#"{"id":"resp_1","object":"response"}"#.into()));
    gateway.client().ask(&respond("p/x", "")).refused(502, "upstream_unreadable");
    let seen = upstream.seen();
    let [straight, across] = seen.as_slice() else { panic!("two requests: {seen:?}") };
    assert!(
        straight.starts_with("POST /v1/responses HTTP/1.1\r\n") && straight.contains("\"store\":true"),
        "{straight}"
    );
    assert!(across.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{across}");
    let sent: Value = serde_json::from_str(across.split_once("\r\n\r\n").expect("a head").1).expect("JSON");
    let expected = json!({"model": "x", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]});
    assert_eq!(sent, expected);
}

/// What a client of responses offers or asks for that needs its maker's own tools is named, or refused where that is
/// wanted; what needs a memory is refused.
#[test]
fn responses_lose_what_only_their_maker_has() {
    let (_mock, gateway) = staged(Io::Auto);
    let mut client = gateway.client();
    let tools =
        r#","tools":[{"type":"image_generation"},{"type":"custom","name":"apply_patch"}],"store":false"#;
    let answer = client.ask(&respond("c/mock", tools));
    assert_eq!((answer.status, answer.header("x-ringgate-dropped")), (200, Some("image_generation,custom")));
    client.ask(&respond("strict/mock", tools)).refused(400, "untranslatable");
    let said =
        client.ask(&respond("c/mock", r#","previous_response_id":"resp_1""#)).refused(400, "untranslatable");
    assert!(said.contains("`previous_response_id`"), "{said}");
    client.ask(&post(RESPONSES, r#"{"model":"c/mock"}"#)).refused(400, "invalid_request");
}

/// A broken stream of responses fails as the dialect has it: the response where the provider told of its error, and in
/// any case the event at which the official client raises.
#[test]
fn broken_responses_are_told() {
    let end = THINKING.find("event: message_delta").expect("it ends");
    for (stream, cut, types) in [
        (OVERLOADED, "event: error", &["response.failed", "error"][..]),
        (&THINKING[..end], "event: content_block_stop", &["response.output_item.done", "error"]),
    ] {
        let (upstream, go_on) = Scripted::in_two_parts(stream, cut);
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let mut client = gateway.client();
        client.send(&respond("c/x", r#","stream":true"#));
        assert_eq!(client.head().0, 200);
        let mut text = String::from_utf8(client.chunk().expect("what comes before")).expect("text");
        go_on.send(()).expect("the provider waits");
        while !text.contains("event: error") {
            text += &String::from_utf8(client.chunk().expect("the error")).expect("text");
        }
        let events = data(&text);
        let last: Vec<_> = events[events.len() - 2..].iter().map(|event| &event["type"]).collect();
        assert_eq!(last, types, "{text}");
        assert!(events.last().is_some_and(|event| event["error"]["message"].is_string()), "{text}");
        client.ends();
    }
}
