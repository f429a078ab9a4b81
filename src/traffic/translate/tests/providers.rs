//! Streams as the providers send them whose formats no client has: what they say does not depend on how they are cut,
//! and is what their whole answers say.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What an answer says: thoughts, texts in pieces, and calls.
#[derive(Clone, Debug)]
enum Said {
    Thought(Vec<String>),
    Text(Vec<String>),
    Call(String, Value),
}

fn words() -> impl Strategy<Value = String> {
    "[a-zé☀🦀\"\\\\ \n/]{0,8}"
}

/// In the order that every provider keeps: thoughts, text, calls.
fn said() -> impl Strategy<Value = Vec<Said>> {
    let arguments =
        ("[a-z]{1,5}", any::<i32>()).prop_map(|(name, number)| json!({name: number, "t": "\"\n"}));
    let call = ("[a-z_]{1,12}", arguments).prop_map(|(name, arguments)| Said::Call(name, arguments));
    (vec(words(), 0..3), vec(words(), 0..4), vec(call, 0..3)).prop_map(|(thought, text, calls)| {
        let mut said = vec![Said::Thought(thought), Said::Text(text)];
        said.extend(calls);
        said
    })
}

fn ollama_stream(said: &[Said], reason: &str) -> String {
    let mut lines = vec![];
    let mut line = |message: Value| lines.push(json!({"model": "m", "message": message, "done": false}));
    for one in said {
        match one {
            Said::Thought(pieces) => {
                for piece in pieces {
                    line(json!({"content": "", "thinking": piece}));
                }
            }
            Said::Text(pieces) => {
                for piece in pieces {
                    line(json!({"content": piece}));
                }
            }
            Said::Call(name, arguments) => {
                let call = json!({"id": name, "function": {"name": name, "arguments": arguments}});
                line(json!({"content": "", "tool_calls": [call]}));
            }
        }
    }
    lines.push(json!({"model": "m", "message": {"content": ""}, "done": true, "done_reason": reason, "prompt_eval_count": 3, "eval_count": 4}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn ollama_whole(said: &[Said], reason: &str) -> String {
    let (thought, text, calls) = gathered(said);
    let calls: Vec<_> = calls
        .iter()
        .map(|(name, arguments)| json!({"id": name, "function": {"name": name, "arguments": arguments}}))
        .collect();
    let message = json!({"content": text, "thinking": thought, "tool_calls": calls});
    json!({"model": "m", "message": message, "done": true, "done_reason": reason, "prompt_eval_count": 3, "eval_count": 4}).to_string()
}

fn cohere_stream(said: &[Said], reason: &str) -> String {
    let mut events =
        vec![json!({"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}})];
    let mut block = |index: usize, kind: &str, pieces: &[String]| {
        let delta = |text: &str| json!({"message": {"content": {"type": kind, kind: text}}});
        events.push(json!({"type": "content-start", "index": index, "delta": delta("")}));
        for piece in pieces {
            events.push(json!({"type": "content-delta", "index": index, "delta": delta(piece)}));
        }
        events.push(json!({"type": "content-end", "index": index}));
    };
    let mut calls = vec![];
    for (index, one) in said.iter().enumerate() {
        match one {
            Said::Thought(pieces) => block(index, "thinking", pieces),
            Said::Text(pieces) => block(index, "text", pieces),
            Said::Call(name, arguments) => calls.push((index, name, arguments.to_string())),
        }
    }
    for (index, name, arguments) in calls {
        let (one, two) = arguments.split_at(1);
        let start = json!({"id": name, "type": "function", "function": {"name": name, "arguments": one}});
        events.push(
            json!({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": start}}}),
        );
        let more = json!({"function": {"arguments": two}});
        events.push(
            json!({"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": more}}}),
        );
        events.push(json!({"type": "tool-call-end", "index": index}));
    }
    let usage = json!({"tokens": {"input_tokens": 3, "output_tokens": 4}});
    events.push(json!({"type": "message-end", "delta": {"finish_reason": reason, "usage": usage}}));
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("a type")))
        .collect()
}

fn cohere_whole(said: &[Said], reason: &str) -> String {
    let (thought, text, calls) = gathered(said);
    let calls: Vec<_> = calls
        .iter()
        .map(|(name, arguments)| json!({"id": name, "function": {"name": name, "arguments": arguments.to_string()}}))
        .collect();
    let content = json!([{"type": "thinking", "thinking": thought}, {"type": "text", "text": text}]);
    let usage = json!({"tokens": {"input_tokens": 3, "output_tokens": 4}});
    json!({"id": "c", "finish_reason": reason, "message": {"content": content, "tool_calls": calls}, "usage": usage})
        .to_string()
}

fn gathered(said: &[Said]) -> (String, String, Vec<(&str, &Value)>) {
    let (mut thought, mut text, mut calls) = (String::new(), String::new(), vec![]);
    for one in said {
        match one {
            Said::Thought(pieces) => thought = pieces.concat(),
            Said::Text(pieces) => text = pieces.concat(),
            Said::Call(name, arguments) => calls.push((name.as_str(), arguments)),
        }
    }
    (thought, text, calls)
}

fn in_pieces(from: Speech, to: Speech, stream: &str, cuts: &[Index]) -> Result<String, TestCaseError> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let (mut translation, mut out, mut held, mut begin) =
        (translation(from, to, Form::Stream), vec![], vec![], 0);
    for (index, end) in ends.iter().enumerate() {
        held.extend_from_slice(&stream.as_bytes()[begin..*end]);
        begin = *end;
        let passed = translation.stream(&held, index + 1 == ends.len(), &mut out);
        let passed = passed.map_err(|fault| TestCaseError::fail(format!("{:?}: {stream:?}", fault.kind)))?;
        held.drain(..passed.consumed);
    }
    Ok(String::from_utf8(out).expect("text"))
}

/// Without the id, which these answers do not have or which is made of their bytes.
fn nameless(mut answer: Value) -> Value {
    answer.as_object_mut().expect("an object").remove("id");
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A stream of either provider is the same however it is cut, and what its client puts together is the provider's
    /// whole answer.
    #[test]
    fn streams_are_their_whole_answers(
        said in said(),
        cut_off in any::<bool>(),
        to in select(vec![Speech::OpenAi, Speech::Anthropic, Speech::Completions, Speech::Gemini]),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let called = said.iter().any(|one| matches!(one, Said::Call(..)));
        let cohere = if cut_off { "MAX_TOKENS" } else if called { "TOOL_CALL" } else { "COMPLETE" };
        let ollama = if cut_off { "length" } else { "stop" };
        for (from, stream, whole) in [
            (Speech::Ollama, ollama_stream(&said, ollama), ollama_whole(&said, ollama)),
            (Speech::Cohere, cohere_stream(&said, cohere), cohere_whole(&said, cohere)),
        ] {
            let at_once = in_pieces(from, to, &stream, &[])?;
            prop_assert_eq!(&in_pieces(from, to, &stream, &cuts)?, &at_once);
            let whole = told("x.json", from, to, Form::Whole, whole.as_bytes()).expect("valid");
            let whole = assemble::comparable(serde_json::from_str(&whole).expect("JSON"));
            let together = assemble::comparable(assemble::answer(to, &at_once));
            // An id of Google's stands under another name.
            let both = [together, whole].map(|mut answer| {
                answer.as_object_mut().expect("an object").remove("responseId");
                nameless(answer)
            });
            prop_assert_eq!(&both[0], &both[1], "{:?} for {:?}", from, to);
        }
    }
}
