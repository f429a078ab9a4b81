//! Answers that lack something: what the gateway knows itself is filled in, and what must be there is named.

use super::*;

fn expect_refusal(from: Speech, form: Form, answer: &str, named: &str) {
    for (to, _) in TOLD.iter().filter(|(to, _)| !(Crossing { client: *to, provider: from }).is_verbatim()) {
        let name = if form == Form::Stream { "x.sse" } else { "x.json" };
        let fault = told(name, from, *to, form, answer.as_bytes()).expect_err(answer);
        assert_eq!(fault.kind, FaultKind::UpstreamUnreadable, "{answer}: {}", fault.message());
        assert!(fault.message().contains(named), "{named} of {answer}: {}", fault.message());
    }
}

/// An answer that names neither itself nor its model, or names them by nothing, goes by the request's id and by the name that
/// its model was asked by, whole and as a stream, for every client; and what it does say counts.
#[test]
fn names_are_filled_in() {
    let chunks = |names: &str| {
        let first = format!(r#"data: {{{names}"choices":[{{"index":0,"delta":{{"content":"hi"}}}}]}}"#);
        let last =
            format!(r#"data: {{{names}"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}"#);
        format!("{first}\n\n{last}\n\ndata: [DONE]\n\n")
    };
    let message = |names: &str| {
        format!(
            r#"{{{names}"type":"message","role":"assistant","content":[{{"type":"text","text":"hi"}}],"stop_reason":"end_turn"}}"#
        )
    };
    let messages = |names: &str| {
        let start =
            format!(r#"{{"type":"message_start","message":{{{names}"type":"message","content":[]}}}}"#);
        let events = [
            &*start,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
            r#"{"type":"message_stop"}"#,
        ];
        events.iter().fold(String::new(), |all, event| all + "data: " + event + "\n\n")
    };
    let item = r#"{"type":"message","content":[{"type":"output_text","text":"hi"}]}"#;
    let response =
        |names: &str| format!(r#"{{{names}"object":"response","status":"completed","output":[{item}]}}"#);
    let responses = |names: &str| {
        let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
        let end = format!(r#"{{"type":"response.completed","response":{}}}"#, response(names));
        format!("data: {done}\n\ndata: {end}\n\n")
    };
    let empty = r#""id":"","model":"","#;
    let given = r#""id":"given","model":"its-own","#;
    for (names, id, model) in
        [("", "req_1", "a-model"), (empty, "req_1", "a-model"), (given, "given", "its-own")]
    {
        let chat =
            format!(r#"{{{names}"choices":[{{"message":{{"content":"hi"}},"finish_reason":"stop"}}]}}"#);
        for (from, form, answer) in [
            (Speech::OpenAi, Form::Whole, chat),
            (Speech::OpenAi, Form::Stream, chunks(names)),
            (Speech::Anthropic, Form::Whole, message(names)),
            (Speech::Anthropic, Form::Stream, messages(names)),
            (Speech::Responses, Form::Whole, response(names)),
            (Speech::Responses, Form::Stream, responses(names)),
        ] {
            let name = if form == Form::Stream { "x.sse" } else { "x.json" };
            for (to, _) in
                TOLD.iter().filter(|(to, _)| !(Crossing { client: *to, provider: from }).is_verbatim())
            {
                let told = told(name, from, *to, form, answer.as_bytes());
                let told = told.unwrap_or_else(|fault| panic!("{answer}: {}", fault.message()));
                for part in [id, model, "hi"] {
                    assert!(told.contains(&format!("{part}\"")), "{part} is not in {told}, of {answer}");
                }
            }
        }
    }
    for (names, model) in [("", "a-model"), (given, "its-own")] {
        let line = format!(r#"{{{names}"message":{{"content":"hi"}},"done":true}}"#);
        let told =
            told("x.json", Speech::Ollama, Speech::OpenAi, Form::Whole, line.as_bytes()).expect("an answer");
        assert!(told.contains(model), "{told}");
        let google = format!(
            r#"{{{}"candidates":[{{"content":{{"parts":[{{"text":"hi"}}]}},"finishReason":"STOP"}}]}}"#,
            names.replace("\"id\"", "\"responseId\"").replace("\"model\"", "\"modelVersion\"")
        );
        let told = super::told("x.json", Speech::Gemini, Speech::OpenAi, Form::Whole, google.as_bytes())
            .expect("an answer");
        assert!(told.contains(model), "{told}");
    }
}

/// What must be there, and is not, is named.
#[test]
fn what_lacks_is_named() {
    for (from, answer, named) in [
        (Speech::OpenAi, r#"{"id":"1","model":"m"}"#, "`choices`"),
        (Speech::OpenAi, r#"{"id":"1","model":"m","choices":[{"index":0}]}"#, "`choices[].message`"),
        (Speech::OpenAi, "<html>", "invalid JSON at byte 0"),
        (Speech::Anthropic, r#"{"type":"message","id":"1","model":"m"}"#, "`content`"),
        (Speech::Anthropic, r#"{"type":"message","content":[{"text":"x"}]}"#, "`type`"),
        (
            Speech::Anthropic,
            r#"{"type":"message","content":[{"type":"tool_use","id":"1"}]}"#,
            "`content[].name`",
        ),
        (Speech::Responses, r#"{"object":"response","output":[]}"#, "`status`"),
        (Speech::Responses, r#"{"object":"response","status":"completed"}"#, "`output`"),
        (Speech::Ollama, r#"{"message":{"content":"hi"}}"#, "`done`"),
        (Speech::Cohere, r#"{"id":"1"}"#, "`message`"),
        (
            Speech::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}"#,
            "`candidates[].finishReason`",
        ),
        (
            Speech::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}"#,
            "`functionCall.name`",
        ),
    ] {
        expect_refusal(from, Form::Whole, answer, named);
    }
    for (from, stream, named) in [
        (Speech::OpenAi, "data: {\n\n", "invalid JSON at byte 1"),
        (Speech::Anthropic, "data: {\"type\":\"message_start\"}\n\n", "`message`"),
        (
            Speech::Anthropic,
            "data: {\"type\":\"content_block_stop\"}\n\n",
            "`content_block_stop` comes where none may",
        ),
        (Speech::Responses, "data: {\"type\":\"response.created\"}\n\n", "`response`"),
    ] {
        expect_refusal(from, Form::Stream, stream, named);
    }
}

/// What is no answer is not taken for one because names may lack: something else must say that it is one, and a stream
/// must have its end.
#[test]
fn nothing_is_no_answer() {
    for (from, answer, named) in [
        (Speech::OpenAi, r#"{"choices":[{"message":{}}]}"#, "`model`"),
        (Speech::OpenAi, r#"{"choices":[{"finish_reason":"stop"}]}"#, "`model`"),
        (Speech::OpenAi, r#"{"choices":[{"message":"hi"}]}"#, "`model`"),
        (Speech::Anthropic, r#"{"content":[]}"#, "`id`"),
        (Speech::Anthropic, r#"{"id":"1","content":[]}"#, "`model`"),
        (Speech::Responses, r#"{"status":"completed","output":[]}"#, "`id`"),
        (Speech::Ollama, r#"{"done":true}"#, "`model`"),
    ] {
        expect_refusal(from, Form::Whole, answer, named);
    }
    expect_refusal(Speech::OpenAi, Form::Stream, "data: {\"choices\":[{}]}\n\ndata: [DONE]\n\n", "`model`");
    for stream in [
        "data: [DONE]\n\n",
        "data: {\"choices\":[]}\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n",
    ] {
        let cut = told("x.sse", Speech::OpenAi, Speech::Anthropic, Form::Stream, stream.as_bytes());
        assert_eq!(cut.map_err(|fault| fault.kind), Err(FaultKind::UpstreamTruncated), "{stream}");
    }
}
