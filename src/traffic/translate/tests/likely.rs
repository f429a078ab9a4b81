//! How likely the tokens of an answer were, for clients who know that in a form of their own.

use super::*;

const WHOLE: &str = r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"content":"Rīga!"},"finish_reason":"stop","logprobs":{"content":[
    {"token":"Rī","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"Rī","logprob":-0.5,"bytes":null},{"token":"\"O","logprob":-2,"bytes":null}]},
    {"token":"ga","logprob":-1.5,"bytes":null,"top_logprobs":[]},
    {"token":"!","logprob":-1,"bytes":null,"top_logprobs":[]}]}}]}"#;
const GOOGLES: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP","avgLogprobs":-0.25,"logprobsResult":{"chosenCandidates":[{"token":"Hi","logProbability":-0.25}],"topCandidates":[{"candidates":[{"token":"Hi","logProbability":-0.25}]}]}}],"modelVersion":"m"}"#;

/// The same answer in chunks: two tokens with the first piece of text, one with the second.
fn stream() -> String {
    let whole: Value = serde_json::from_str(WHOLE).expect("JSON");
    let tokens = whole["choices"][0]["logprobs"]["content"].as_array().expect("tokens");
    let chunk = |text: &str, tokens: &[Value], reason: Value| {
        let choice = json!({"index": 0, "delta": {"content": text}, "logprobs": {"content": tokens}, "finish_reason": reason});
        format!("data: {}\n\n", json!({"id": "x", "model": "m", "choices": [choice]}))
    };
    chunk("Rīga", &tokens[..2], Value::Null)
        + &chunk("!", &tokens[2..], Value::Null)
        + &chunk("", &[], json!("stop"))
        + "data: [DONE]\n\n"
}

fn whole(from: Speech, to: Speech, answer: &str) -> Value {
    serde_json::from_str(&told("x.json", from, to, Form::Whole, answer.as_bytes()).expect("an answer"))
        .expect("JSON")
}

/// Completions have lists side by side, whole and in the chunks of a stream, with places that go on from chunk to chunk.
#[test]
fn completions_have_lists() {
    let answer = whole(Speech::OpenAi, Speech::Completions, WHOLE);
    let expected = json!({
        "text_offset": [0, 2, 4], "token_logprobs": [-0.5, -1.5, -1], "tokens": ["Rī", "ga", "!"],
        "top_logprobs": [{"Rī": -0.5, "\"O": -2}, {}, {}],
    });
    assert_eq!(answer["choices"][0]["logprobs"], expected);
    let said = told("x.sse", Speech::OpenAi, Speech::Completions, Form::Stream, stream().as_bytes())
        .expect("a stream");
    let chunks: Vec<Value> =
        said.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let logprobs: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["logprobs"]).collect();
    assert_eq!(logprobs[0]["text_offset"], json!([0, 2]), "{said}");
    let last = json!({"text_offset": [4], "token_logprobs": [-1], "tokens": ["!"], "top_logprobs": [{}]});
    assert_eq!(*logprobs[1], last);
    assert!(logprobs[2].is_null(), "{said}");
    let googles = whole(Speech::Gemini, Speech::Completions, GOOGLES);
    assert_eq!(googles["choices"][0]["logprobs"]["token_logprobs"], json!([-0.25]));
}

/// What a client of completions asks for by a number is a switch and a number elsewhere, and named where it has no place.
#[test]
fn completions_ask_by_a_number() {
    for (speech, model, logprobs, expected, dropped) in [
        (Speech::OpenAi, "gpt-4.1", 2, json!({"logprobs": true, "top_logprobs": 2}), ""),
        (Speech::OpenAi, "gpt-4.1", 0, json!({"logprobs": true, "top_logprobs": null}), ""),
        (Speech::Gemini, "gemini-2.5-pro", 2, json!({"logprobs": null, "top_logprobs": null}), ""),
        (Speech::Anthropic, "claude-opus-5", 0, json!({"logprobs": null, "top_logprobs": null}), "logprobs"),
        (
            Speech::Anthropic,
            "claude-opus-5",
            3,
            json!({"logprobs": null, "top_logprobs": null}),
            "logprobs,top_logprobs",
        ),
    ] {
        let body = json!({"model": "m", "prompt": "hi", "logprobs": logprobs, "max_tokens": 9}).to_string();
        let mut out = vec![];
        let to = destination(speech, model, Unsupported::Drop);
        let translated = request(Speech::Completions, to, body.as_bytes(), &mut out).expect("a request");
        let sent: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(
            json!({"logprobs": sent["logprobs"], "top_logprobs": sent["top_logprobs"]}),
            expected,
            "{sent}"
        );
        assert_eq!(translated.dropped, dropped, "{model}");
        if speech == Speech::Gemini {
            assert_eq!(
                (&sent["generationConfig"]["responseLogprobs"], &sent["generationConfig"]["logprobs"]),
                (&true.into(), &2.into())
            );
        }
        let refused = request(
            Speech::Completions,
            destination(speech, model, Unsupported::Refuse),
            body.as_bytes(),
            &mut vec![],
        );
        assert_eq!(refused.is_err(), !dropped.is_empty(), "{model}");
    }
}

/// Google's clients are told the mean besides, at the end of the answer, and its own answers keep their lists elsewhere.
#[test]
fn google_has_a_mean() {
    let answer = whole(Speech::OpenAi, Speech::Gemini, WHOLE);
    assert_eq!(answer["candidates"][0]["avgLogprobs"].as_f64(), Some(-1.0), "{answer}");
    assert_eq!(
        answer["candidates"][0]["logprobsResult"]["chosenCandidates"][1],
        json!({"token": "ga", "logProbability": -1.5})
    );
    let said =
        told("x.sse", Speech::OpenAi, Speech::Gemini, Form::Stream, stream().as_bytes()).expect("a stream");
    let chunks: Vec<Value> =
        said.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let (last, before) = chunks.split_last().expect("chunks");
    assert_eq!(last["candidates"][0]["avgLogprobs"].as_f64(), Some(-1.0), "{said}");
    assert!(before.iter().all(|chunk| chunk["candidates"][0].get("avgLogprobs").is_none()), "{said}");
    let chat = whole(Speech::Gemini, Speech::OpenAi, GOOGLES);
    let token = json!({"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}]});
    assert_eq!(chat["choices"][0]["logprobs"]["content"], json!([token]));
    let none = whole(
        Speech::Anthropic,
        Speech::Gemini,
        r#"{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
    );
    assert!(none["candidates"][0].get("avgLogprobs").is_none(), "{none}");
}
