//! What responses alone have: items, a memory, and an end that repeats the answer.

use super::*;

/// What only a provider with a memory could answer, and what its own tools did, is refused by name.
#[test]
fn what_is_stored_is_refused() {
    let refused = |members: &str| {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let to = destination(Speech::Anthropic, "claude-opus-5", Unsupported::Drop);
        let fault =
            request(Speech::Responses, to, body.as_bytes(), &mut vec![]).err().expect("it is refused");
        (fault.kind, fault.message().to_owned())
    };
    for (members, named) in [
        (r#""input":"hi","previous_response_id":"resp_1""#, "`previous_response_id`"),
        (r#""input":"hi","conversation":{"id":"conv_1"}"#, "`conversation`"),
        (r#""input":"hi","prompt":{"id":"pmpt_1"}"#, "`prompt`"),
        (r#""input":"hi","background":true"#, "background"),
        (r#""input":[{"type":"item_reference","id":"msg_1"}]"#, "`item_reference`"),
        (r#""input":[{"type":"code_interpreter_call","id":"ci_1"}]"#, "`code_interpreter_call`"),
        (r#""input":[{"type":"compaction","encrypted_content":"x"}]"#, "`compaction`"),
        (r#""input":[{"role":"user","content":[{"type":"input_video"}]}]"#, "`input[0].content[0]`"),
    ] {
        let (kind, message) = refused(members);
        assert_eq!(kind, FaultKind::Untranslatable, "{members}");
        assert!(message.contains(named), "{message}");
    }
    for members in [
        r#""tools":[]"#,
        r#""input":7"#,
        r#""input":[{"role":"narrator","content":"x"}]"#,
        r#""input":[{"type":"function_call","id":"fc_1","name":"f","arguments":"{}"}]"#,
        r#""input":[{"type":"function_call_output","call_id":"c"}]"#,
        r#""input":"hi","text":{"format":{"type":"xml"}}"#,
        r#""input":"hi","tool_choice":"any""#,
    ] {
        assert_eq!(refused(members).0, FaultKind::InvalidRequest, "{members}");
    }
}

/// A client of responses gives back what it got, and the provider has its own thoughts and calls again, in order and
/// byte for byte; functions in a namespace are told as such.
#[test]
fn items_come_back() {
    let tools = serde_json::json!([
        {"type": "function", "name": "get_weather", "parameters": {"type": "object"}},
        {"type": "namespace", "name": "clock", "tools": [{"type": "function", "name": "now", "parameters": {"type": "object"}}]},
    ]);
    let ask = |input: &Value| {
        let body = serde_json::json!({"model": "m", "input": input, "tools": &tools});
        let mut out = vec![];
        let to = destination(Speech::Anthropic, "claude-opus-5", Unsupported::Refuse);
        let translated =
            request(Speech::Responses, to, body.to_string().as_bytes(), &mut out).expect("valid");
        (serde_json::from_slice::<Value>(&out).expect("JSON"), translated.renamed)
    };
    let (sent, renamed) = ask(&"Weather?".into());
    let alias = sent["tools"][1]["name"].as_str().expect("a name");
    assert!(alias.starts_with("clock_now_") && alias.is_ascii(), "{alias}");
    let content = format!(
        r#"[{{"type":"thinking","thinking":"Two \u00e9\n \"calls\".","signature":"Eq/+="}},{{"type":"redacted_thinking","data":"Emw="}},{{"type":"text","text":"Both."}},{{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{{"city":"Oslo"}}}},{{"type":"tool_use","id":"toolu_2","name":"{alias}","input":{{}}}}]"#
    );
    let answer =
        format!(r#"{{"id":"msg_1","model":"m","content":{content},"stop_reason":"tool_use","usage":{{}}}}"#);
    let mut translation =
        Translation::new(Speech::Anthropic, Speech::Responses, Form::Whole, CREATED, true, renamed);
    let mut told = vec![];
    translation.whole(answer.as_bytes(), &mut told).expect("valid");
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let mut input = told["output"].as_array().expect("items").clone();
    assert_eq!((&input[4]["namespace"], &input[4]["name"]), (&"clock".into(), &"now".into()));
    for call in ["toolu_1", "toolu_2"] {
        input.push(serde_json::json!({"type": "function_call_output", "call_id": call, "output": "5"}));
    }
    let (sent, _) = ask(&input.into());
    let given: Value = serde_json::from_str(&content).expect("JSON");
    // A message of the user's comes first, whoever spoke first.
    assert_eq!(sent["messages"][1], serde_json::json!({"role": "assistant", "content": given}));
    assert_eq!(sent["messages"][2]["content"].as_array().map(Vec::len), Some(2), "{sent}");
}

/// An answer that must be repeated at its end is kept up to a bound, and is cut there.
#[test]
fn what_is_repeated_is_bounded() {
    let mut translation = translation(Speech::OpenAi, Speech::Responses, Form::Stream);
    let text = "x".repeat(1024 * 1024);
    let chunk = format!(
        "data: {{\"id\":\"1\",\"model\":\"m\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
    );
    let mut out = vec![];
    let passed = (0..20).take_while(|_| {
        out.clear();
        translation.stream(chunk.as_bytes(), false, &mut out).is_ok()
    });
    assert_eq!(passed.count(), 8);
}

/// A thought goes back to the maker that sealed it, in front of what it led to, and to no other.
#[test]
fn thoughts_go_back_to_their_maker() {
    let sent = |signature: &str, speech: Speech, model: &str| {
        let body = json!({"model": "m", "max_tokens": 99, "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": signature},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "r"}]},
        ]});
        let chat = json!({"model": "m", "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": null,
             "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": signature}],
             "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
        ]});
        let from =
            if speech == Speech::Anthropic { (Speech::OpenAi, chat) } else { (Speech::Anthropic, body) };
        let (mut out, to) = (vec![], destination(speech, model, Unsupported::Drop));
        request(from.0, to, from.1.to_string().as_bytes(), &mut out).expect("valid");
        serde_json::from_slice::<Value>(&out).expect("JSON")
    };
    let sealed = sent("openai:gAAA+/=", Speech::Responses, "gpt-5.2");
    assert_eq!(
        sealed["input"][1],
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "gAAA+/="})
    );
    assert_eq!(sealed["input"][2]["type"], "function_call");
    for (signature, speech, model) in [
        ("EqQB", Speech::Responses, "gpt-5.2"),
        ("gemini:abc", Speech::Responses, "gpt-5.2"),
        ("openai:gAAA", Speech::Anthropic, "claude-opus-5"),
        ("openai:gAAA", Speech::Gemini, "gemini-3.8-flash"),
        ("openai:gAAA", Speech::OpenAi, "gpt-5.2"),
    ] {
        let sent = sent(signature, speech, model).to_string();
        assert!(!sent.contains(signature) && !sent.contains("gAAA") && sent.contains("\"f\""), "{sent}");
    }
}

/// A thought that nobody proved goes back to providers that want no proof, however the client's dialect has it, and to no
/// other.
#[test]
fn bare_thoughts_come_back() {
    let chat = json!({"model": "m", "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_content": "t \"☀\""},
    ]});
    let items = json!({"model": "m", "input": [
        {"role": "user", "content": "a"},
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "t \"☀\""}]},
        {"role": "assistant", "content": "b"},
    ]});
    for (from, body) in [(Speech::OpenAi, &chat), (Speech::Responses, &items)] {
        let sent = |speech: Speech, model: &str| {
            let (mut out, to) = (vec![], destination(speech, model, Unsupported::Drop));
            request(from, to, body.to_string().as_bytes(), &mut out).expect("valid");
            serde_json::from_slice::<Value>(&out).expect("JSON")
        };
        let ollama = sent(Speech::Ollama, "qwen3");
        let message = json!({"role": "assistant", "content": "b", "thinking": "t \"☀\""});
        assert!(ollama["messages"].as_array().is_some_and(|all| all.contains(&message)), "{ollama}");
        let cohere = sent(Speech::Cohere, "command-a-reasoning");
        let thought = json!({"type": "thinking", "thinking": "t \"☀\""});
        assert_eq!(cohere.pointer("/messages/1/content/0"), Some(&thought), "{cohere}");
        for (speech, model) in [
            (Speech::Anthropic, "claude-opus-5"),
            (Speech::Bedrock, "anthropic.claude-opus-5"),
            (Speech::Gemini, "gemini-3.8-flash"),
            (Speech::Responses, "gpt-5.2"),
        ] {
            let sent = sent(speech, model).to_string();
            assert!(!sent.contains('☀') && sent.contains("\"b\""), "{sent}");
        }
    }
}

/// Items that lie over each other, or calls without their beginning, are not made up into something.
#[test]
fn disorder_of_items_is_refused() {
    let begin = r#"{"type":"response.created","response":{"id":"resp_1","model":"m"}}"#;
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f"}}"#;
    for events in [
        vec![
            begin,
            added,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"x"}"#,
        ],
        vec![begin, r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"x"}"#],
        vec![begin, added, r#"{"type":"response.completed","response":{"id":"resp_1","model":"m"}}"#],
        vec![r#"{"type":"response.created"}"#],
        vec![begin, added],
        vec![r#"{"neither":1}"#],
    ] {
        let stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let mut translation = translation(Speech::Responses, Speech::OpenAi, Form::Stream);
        let told = translation.stream(stream.as_bytes(), true, &mut vec![]);
        assert!(told.is_err(), "{stream}");
    }
}

/// What is repeated at the end of a stream counts once, however long the texts before it were: a response that is complete is
/// not broken behind that, and one that is too long is before.
#[test]
fn complete_responses_are_not_broken() {
    let stream = |text: &str| {
        let events = [
            json!({"type": "message_start", "message": {"id": "m", "model": "c"}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
            json!({"type": "message_stop"}),
        ];
        events.map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("a type")))
    };
    for (bytes, whole) in [(100, true), (3_000_000, true), (4_100_000, true), (4_300_000, false)] {
        let events = stream(&"y".repeat(bytes));
        for pieces in [events.to_vec(), vec![events.concat()]] {
            let mut translation = translation(Speech::Anthropic, Speech::Responses, Form::Stream);
            let (count, mut out) = (pieces.len(), vec![]);
            let result = pieces.iter().enumerate().try_for_each(|(number, piece)| {
                translation.stream(piece.as_bytes(), number + 1 == count, &mut out).map(|_| ())
            });
            let complete = memchr::memmem::find(&out, b"event: response.completed\n").is_some();
            assert_eq!((complete, result.is_ok()), (complete, complete), "{bytes} in {count} pieces");
            assert!(complete == whole || count == 1, "{bytes} in {count} pieces");
        }
    }
}
