//! What holds for every request, every answer and every cut.

use super::super::event::{Block, Citation, Event, Stop};
use super::*;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::Quoted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

/// A character that takes two escapes, and what stands for either of them where a client is to put pieces together.
const CRAB: (char, [&str; 2], [&str; 2]) = ('🦀', ["\\ud83e", "\\udd80"], ["\u{E000}", "\u{E001}"]);

/// Text that says something.
fn words() -> impl Strategy<Value = String> {
    "[a-zé☀🦀\"\\\\ \n/<]{0,10}[a-z]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,20}"
}

/// What tools are called with, and answer.
fn object() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![words().prop_map(Value::from), any::<i64>().prop_map(Value::from), Just(Value::Null)];
    vec((name(), leaf), 0..4)
        .prop_map(|members| json!({"a": members.into_iter().collect::<serde_json::Map<_, _>>()}))
}

/// One step of a conversation, in no format.
#[derive(Clone, Debug)]
struct Step {
    asked: Vec<String>,
    image: bool,
    answered: Option<String>,
    calls: Vec<(String, Value, String)>,
    /// Results come in the order of their calls.
    in_order: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = (name(), object(), words());
    let step = (vec(words(), 1..3), any::<bool>(), option::of(words()), vec(call, 0..3), any::<bool>());
    let step = step.prop_map(|(asked, image, answered, calls, in_order)| Step {
        asked,
        image,
        // An answer says something or calls a tool.
        answered: if calls.is_empty() { Some(answered.unwrap_or_else(|| "ok".into())) } else { answered },
        calls,
        in_order,
    });
    vec(step, 1..4)
}

/// The step's results with the ids of their calls, as they are to be sent.
fn results(index: usize, step: &Step) -> Vec<(String, &str)> {
    let results = step.calls.iter().enumerate();
    let mut results: Vec<_> =
        results.map(|(at, (_, _, result))| (format!("call_{index}_{at}"), result.as_str())).collect();
    if !step.in_order {
        results.reverse();
    }
    results
}

/// The steps as messages of `OpenAI`'s.
fn chat(steps: &[Step]) -> Vec<Value> {
    let mut messages = vec![];
    for (index, step) in steps.iter().enumerate() {
        let mut parts: Vec<_> = step.asked.iter().map(|text| json!({"type": "text", "text": text})).collect();
        if step.image {
            parts.push(
                json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}),
            );
        }
        messages.push(json!({"role": "user", "content": parts}));
        let mut said = json!({"role": "assistant", "content": step.answered});
        if !step.calls.is_empty() {
            let calls = step.calls.iter().enumerate().map(|(at, (name, arguments, _))| {
                json!({"id": format!("call_{index}_{at}"), "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()}})
            });
            said["tool_calls"] = calls.collect();
        }
        messages.push(said);
        for (id, result) in results(index, step) {
            messages.push(json!({"role": "tool", "tool_call_id": id, "content": result}));
        }
    }
    messages.push(json!({"role": "user", "content": "and now?"}));
    messages
}

/// The steps as messages of Anthropic's. Turns that call tools begin with their thought.
fn messages(steps: &[Step]) -> Vec<Value> {
    let mut messages: Vec<Value> = vec![];
    let mut asked: Vec<Value> = vec![];
    for (index, step) in steps.iter().enumerate() {
        asked.extend(step.asked.iter().map(|text| json!({"type": "text", "text": text})));
        if step.image {
            let source = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
            asked.push(json!({"type": "image", "source": source}));
        }
        messages.push(json!({"role": "user", "content": std::mem::take(&mut asked)}));
        let mut said = vec![];
        if !step.calls.is_empty() {
            said.push(json!({"type": "thinking", "thinking": "hm", "signature": format!("s{index}")}));
        }
        said.extend(step.answered.iter().map(|text| json!({"type": "text", "text": text})));
        for (at, (name, input, _)) in step.calls.iter().enumerate() {
            said.push(
                json!({"type": "tool_use", "id": format!("call_{index}_{at}"), "name": name, "input": input}),
            );
        }
        messages.push(json!({"role": "assistant", "content": said}));
        asked.extend(results(index, step).into_iter().map(|(id, result)| {
            json!({"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": result}]})
        }));
    }
    asked.push(json!({"type": "text", "text": "and now?"}));
    messages.push(json!({"role": "user", "content": asked}));
    messages
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false})
}

/// Members of a request beside its messages, each there or not.
fn members(all: Value) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let Value::Object(all) = all else { unreachable!("an object is given") };
    let names: Vec<String> = all.keys().cloned().collect();
    proptest::sample::subsequence(names.clone(), 0..=names.len())
        .prop_map(move |kept| kept.into_iter().map(|name| (name.clone(), all[&name].clone())).collect())
}

/// Members of chat completions that may be left out, of which `both` formats can say the same.
fn chat_members(both: bool) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let function = json!({"name": "look_up", "description": "Looks \"it\" up.", "parameters": schema()});
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema(), "strict": true}});
    let mut all = json!({
        "max_completion_tokens": 9000, "stop": ["END", "\"\\"], "user": "u-1", "stream": true,
        "response_format": format, "reasoning_effort": "high", "service_tier": "auto",
        "tools": [{"type": "function", "function": function}],
    });
    if !both {
        for (name, value) in [
            ("temperature", json!(1.5)),
            ("top_p", json!(0.25)),
            ("seed", json!(-7)),
            ("n", json!(3)),
            ("frequency_penalty", json!(0.5)),
            ("presence_penalty", json!(-0.5)),
            ("logprobs", json!(true)),
            ("top_logprobs", json!(2)),
            ("logit_bias", json!({"50256": -100})),
            ("verbosity", json!("low")),
        ] {
            all[name] = value;
        }
    }
    let choices = [
        json!("auto"),
        json!("none"),
        json!("required"),
        json!({"type": "function", "function": {"name": "look_up"}}),
    ];
    (members(all), option::of(select(choices.to_vec())), option::of(any::<bool>())).prop_map(
        move |(mut members, choice, parallel)| {
            let forced = choice.as_ref().is_some_and(|choice| *choice != "auto" && *choice != "none");
            if members.contains_key("tools") {
                // A model that is made to think cannot be made to call.
                let choice = choice.filter(|_| !(both && forced && members.contains_key("reasoning_effort")));
                // That all may be called at once is what holds anyway, and with no tool there is nothing to say.
                let parallel =
                    parallel.filter(|parallel| !both || (!parallel && choice != Some("none".into())));
                members.extend(parallel.map(|parallel| ("parallel_tool_calls".into(), parallel.into())));
                if both && parallel.is_some() {
                    members.insert("tool_choice".into(), choice.unwrap_or("auto".into()));
                } else {
                    members.extend(choice.map(|choice| ("tool_choice".into(), choice)));
                }
            }
            members
        },
    )
}

fn sent(from: Speech, to: Speech, model: &str, body: &Value) -> Result<(Value, String), TestCaseError> {
    let to = Destination { stream_usage: StreamUsage::Unasked, ..destination(to, model, Unsupported::Drop) };
    let mut out = vec![];
    let translated = request(from, to, body.to_string().as_bytes(), &mut out)
        .map_err(|fault| TestCaseError::fail(format!("{}: {body}", fault.message())))?;
    Ok((serde_json::from_slice(&out).expect("JSON"), translated.dropped))
}

/// A single text is a string, and arguments are what they mean.
fn plain_chat(mut body: Value) -> Value {
    for message in body["messages"].as_array_mut().expect("messages") {
        if let Some([one]) = message["content"].as_array().map(Vec::as_slice)
            && one["type"] == "text"
        {
            message["content"] = one["text"].clone();
        }
        for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
            let arguments = &mut call["function"]["arguments"];
            *arguments = serde_json::from_str(arguments.as_str().expect("a text")).expect("JSON");
        }
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A chat completion request that is understood and written again asks for the same.
    #[test]
    fn chat_requests_come_back(steps in steps(), more in chat_members(false), system in option::of(words())) {
        let mut body = json!({"model": "gpt-oss-120b", "messages": chat(&steps)});
        body.as_object_mut().expect("an object").extend(more);
        if let Some(system) = system {
            body["messages"].as_array_mut().expect("messages").insert(0, json!({"role": "system", "content": system}));
        }
        let (back, dropped) = sent(Speech::OpenAi, Speech::OpenAi, "gpt-oss-120b", &body)?;
        prop_assert_eq!(plain_chat(back), plain_chat(body));
        prop_assert_eq!(dropped, "");
    }

    /// So does a messages request: thoughts with their proof, marks of the cache, results in their order.
    #[test]
    fn messages_requests_come_back(steps in steps(), system in option::of(words()), more in members(json!({
        "stop_sequences": ["END"], "metadata": {"user_id": "u-1"}, "stream": true, "service_tier": "auto",
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": schema()}},
    }))) {
        let tool = json!({"name": "look_up", "description": "d", "input_schema": schema(), "strict": true});
        let mut body = json!({"model": "claude-opus-5", "max_tokens": 500, "messages": messages(&steps), "tools": [tool],
            "thinking": {"type": "adaptive", "display": "summarized"}});
        body.as_object_mut().expect("an object").extend(more);
        if let Some(system) = system {
            body["system"] = json!([{"type": "text", "text": system, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
        }
        let (back, dropped) = sent(Speech::Anthropic, Speech::Anthropic, "claude-opus-5", &body)?;
        prop_assert_eq!(back, body);
        prop_assert_eq!(dropped, "");
    }

    /// What both formats can say survives the way there and back: texts, images, calls and their results in order,
    /// tools, which of them to call and how many, the limit, stops, a schema, effort, the user, the tier, streaming.
    #[test]
    fn chat_requests_cross_twice(steps in steps(), more in chat_members(true), system in option::of(words())) {
        let mut body = json!({"model": "gpt-oss-120b", "messages": chat(&steps), "max_completion_tokens": 9000});
        body.as_object_mut().expect("an object").extend(more);
        // A turn that called tools without a thought goes on without any.
        if steps.last().is_some_and(|step| !step.calls.is_empty()) {
            body.as_object_mut().expect("an object").remove("reasoning_effort");
        }
        if let Some(system) = system {
            body["messages"].as_array_mut().expect("messages").insert(0, json!({"role": "system", "content": system}));
        }
        let (there, dropped) = sent(Speech::OpenAi, Speech::Anthropic, "claude-opus-5", &body)?;
        prop_assert_eq!(dropped, "");
        let (mut back, dropped) = sent(Speech::Anthropic, Speech::OpenAi, "gpt-oss-120b", &there)?;
        prop_assert_eq!(dropped, "");
        let called = steps.iter().any(|step| !step.calls.is_empty());
        if called && body.get("tools").is_none() {
            // Tools of the history, which may not be called.
            let members = back.as_object_mut().expect("an object");
            prop_assert!(members.remove("tools").is_some());
            prop_assert_eq!(members.remove("tool_choice"), Some("none".into()));
        }
        prop_assert_eq!(plain_chat(back), plain_chat(body));
    }
}

/// What happens in an answer, owned.
#[derive(Clone, Debug)]
enum Happening {
    Text(Vec<String>),
    /// A text, and what it rests on: names of sources, and from which to which character.
    Cited(Vec<String>, Vec<(String, Option<(u8, u8)>)>),
    Image(String),
    Refusal(Vec<String>),
    Thought(Vec<String>, Option<String>),
    Hidden(String),
    Call(String, Vec<String>),
    Ping,
    Usage([u32; 5]),
}

/// Escaped pieces of a text, cut anywhere, the escapes of one character too; some are empty.
fn pieces(text: &str, cuts: &[Index]) -> Vec<String> {
    let mut units: Vec<String> = vec![];
    for character in text.chars() {
        if character == CRAB.0 {
            units.extend(CRAB.1.map(str::to_owned));
        } else {
            let quoted = Quoted::of(&character.to_string());
            units.push(String::from_utf8(quoted.as_written().to_vec()).expect("text"));
        }
    }
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(units.len() + 1)).collect();
    ends.push(units.len());
    ends.sort_unstable();
    let mut from = 0;
    ends.into_iter().map(|end| units[std::mem::replace(&mut from, end)..end].concat()).collect()
}

fn in_pieces() -> impl Strategy<Value = Vec<String>> {
    ("[a-zé☀🦀\"\\\\ \n/\u{1}]{0,12}", vec(any::<Index>(), 0..4))
        .prop_map(|(text, cuts)| pieces(&text, &cuts))
}

fn happening() -> impl Strategy<Value = Happening> {
    let call = (name(), object(), vec(any::<Index>(), 0..5));
    prop_oneof![
        in_pieces().prop_map(Happening::Text),
        (in_pieces(), vec((name(), option::of(any::<(u8, u8)>())), 1..3))
            .prop_map(|(text, sources)| Happening::Cited(text, sources)),
        name().prop_map(Happening::Image),
        in_pieces().prop_map(Happening::Refusal),
        (in_pieces(), option::of(name())).prop_map(|(text, proof)| Happening::Thought(text, proof)),
        name().prop_map(Happening::Hidden),
        call.prop_map(|(name, input, cuts)| Happening::Call(name, pieces(&input.to_string(), &cuts))),
        Just(Happening::Ping),
        any::<[u8; 5]>().prop_map(|counts| Happening::Usage(counts.map(u32::from))),
    ]
}

fn tell_pieces(block: Block<'_>, pieces: &[String], proof: Option<&str>, tell: &mut dyn FnMut(Event<'_>)) {
    tell(Event::Open(block));
    for piece in pieces {
        tell(Event::Piece(&Quoted::raw(piece.as_bytes())));
    }
    if let Some(proof) = proof {
        // In two parts, as it may come.
        let (one, two) = proof.split_at(proof.len() / 2);
        for part in [one, two] {
            tell(Event::Signature(&Quoted::raw(part.as_bytes())));
        }
    }
    tell(Event::Close);
}

fn tell_sources(sources: &[(String, Option<(u8, u8)>)], tell: &mut dyn FnMut(Event<'_>)) {
    for (name, span) in sources {
        let (url, title) = (Quoted::of(&format!("https://{name}.example/")), Quoted::of(name));
        let span = span.map(|(start, more)| (u64::from(start), u64::from(start) + u64::from(more)));
        tell(Event::Cited(Citation { url, title, span, ..Citation::default() }));
    }
}

fn tell_all(happenings: &[Happening], reason: Stop, tell: &mut dyn FnMut(Event<'_>)) {
    tell(Event::Start { id: Quoted::raw(b"msg_1"), model: Quoted::raw(b"m") });
    for (index, happening) in happenings.iter().enumerate() {
        match happening {
            Happening::Text(pieces) => tell_pieces(Block::Text, pieces, None, tell),
            Happening::Cited(pieces, sources) => {
                tell(Event::Open(Block::Text));
                for (index, piece) in pieces.iter().enumerate() {
                    if index == 1 {
                        tell_sources(sources, tell);
                    }
                    tell(Event::Piece(&Quoted::raw(piece.as_bytes())));
                }
                tell_sources(sources, tell);
                tell(Event::Close);
            }
            Happening::Image(data) => {
                let (media, data) = (Quoted::raw(b"image/png"), Quoted::raw(data.as_bytes()));
                tell_pieces(Block::Image { media, data }, &[], None, tell);
            }
            Happening::Refusal(pieces) => tell_pieces(Block::Refusal, pieces, None, tell),
            Happening::Thought(pieces, proof) => tell_pieces(Block::Thought, pieces, proof.as_deref(), tell),
            Happening::Hidden(data) => {
                tell_pieces(Block::HiddenThought { data: Quoted::raw(data.as_bytes()) }, &[], None, tell);
            }
            Happening::Call(name, pieces) => {
                let id = Quoted::of(&format!("call_{index}"));
                tell_pieces(Block::Call { id, name: Quoted::raw(name.as_bytes()) }, pieces, None, tell);
            }
            Happening::Ping => tell(Event::Ping),
            Happening::Usage(counts) => {
                let [input, cached, written, output, reasoning] = counts.map(u64::from);
                let usage = Usage {
                    input: input + cached + written,
                    cached_input: cached,
                    cache_write: written,
                    output,
                    reasoning,
                    ..Usage::NONE
                };
                tell(Event::Usage(usage));
            }
        }
    }
    tell(Event::Stop { reason, sequence: (reason == Stop::Sequence).then(|| Quoted::raw(b"END")) });
    tell(Event::End);
}

/// The answer that these events are in a dialect.
fn written(speech: Speech, form: Form, happenings: &[Happening], reason: Stop) -> String {
    let (renamed, mut out) = (Renamed::default(), vec![]);
    match speech {
        Speech::Anthropic => {
            let mut teller = anthropic::answer_out::Teller::new(form);
            tell_all(happenings, reason, &mut |event| teller.tell(event, &renamed, &mut out));
        }
        Speech::Gemini => {
            let mut teller = gemini::answer_out::Teller::new(form);
            tell_all(happenings, reason, &mut |event| teller.tell(event, &renamed, &mut out));
        }
        Speech::Bedrock | Speech::BedrockAnthropic | Speech::VertexAnthropic => {
            unreachable!("no client speaks it")
        }
        Speech::Responses => {
            let mut teller = responses::answer_out::Teller::new(form, CREATED);
            tell_all(happenings, reason, &mut |event| teller.tell(event, &renamed, &mut out));
        }
        Speech::OpenAi => {
            let mut teller = openai::answer_out::Teller::new(form, CREATED, true);
            tell_all(happenings, reason, &mut |event| teller.tell(event, &renamed, &mut out));
        }
        Speech::Completions => {
            let mut teller = completions::answer_out::Teller::new(form, CREATED, true);
            tell_all(happenings, reason, &mut |event| teller.tell(event, &mut out));
        }
        Speech::Embeddings
        | Speech::GoogleEmbeddings
        | Speech::Count(_)
        | Speech::Ollama
        | Speech::Cohere => {
            unreachable!("no client has such answers")
        }
    }
    String::from_utf8(out).expect("text")
}

/// Halves of a character as something that a strict parser takes.
fn marked(text: &str) -> String {
    text.replace(CRAB.1[0], CRAB.2[0]).replace(CRAB.1[1], CRAB.2[1])
}

fn joined(value: &Value) -> Value {
    let pair = CRAB.2.concat();
    serde_json::from_str(&value.to_string().replace(&pair, &CRAB.0.to_string())).expect("still JSON")
}

fn stops() -> impl Strategy<Value = Stop> {
    select(vec![Stop::End, Stop::Sequence, Stop::Length, Stop::Tools, Stop::Refused, Stop::Paused])
}

/// The same events in other lines: every line end, comments, fields that mean nothing here, data in two lines, a mark
/// of the byte order in front.
fn disguised(stream: &str, choices: &[u8]) -> String {
    let mut out = String::from(if choices[0].is_multiple_of(2) { "" } else { "\u{FEFF}" });
    for (event, choice) in stream.split_inclusive("\n\n").zip(choices.iter().cycle()) {
        let end = ["\n", "\r\n", "\r"][usize::from(choice % 3)];
        if choice & 4 != 0 {
            out += &format!(": data: no{end}id: 7{end}retry{end}");
        }
        for line in event.trim_end_matches('\n').split('\n') {
            match line.strip_prefix("data: {") {
                Some(rest) if choice & 8 != 0 => out += &format!("data: {{{end}data:{rest}{end}"),
                Some(rest) if choice & 16 != 0 => out += &format!("data:{{{rest}{end}"),
                _ => out += &format!("{line}{end}"),
            }
        }
        out += end;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A stream that its client puts together is the whole answer of the same events.
    #[test]
    fn tellers_say_one_thing(happenings in vec(happening(), 0..8), reason in stops()) {
        for speech in [Speech::OpenAi, Speech::Anthropic, Speech::Completions] {
            let stream = marked(&written(speech, Form::Stream, &happenings, reason));
            let together = assemble::answer(speech, &stream);
            let whole = marked(&written(speech, Form::Whole, &happenings, reason));
            let whole = serde_json::from_str(&whole).map_err(|e| TestCaseError::fail(format!("{e}: {whole}")))?;
            prop_assert_eq!(joined(&together), joined(&assemble::comparable(whole)));
        }
    }

    /// A stream's translation does not depend on its line ends, comments, data in several lines, or where it is cut.
    #[test]
    fn lines_and_cuts_do_not_matter(
        happenings in vec(happening(), 0..6),
        reason in stops(),
        choices in vec(any::<u8>(), 1..6),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        for (from, to) in [(Speech::OpenAi, Speech::Anthropic), (Speech::Anthropic, Speech::OpenAi)] {
            let stream = written(from, Form::Stream, &happenings, reason);
            let plain = told("x.sse", from, to, Form::Stream, stream.as_bytes());
            let plain = plain.map_err(|fault| TestCaseError::fail(format!("{:?}: {stream}", fault.kind)))?;
            let disguised = disguised(&stream, &choices);
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(disguised.len())).collect();
            ends.push(disguised.len());
            ends.sort_unstable();
            let (mut translation, mut out, mut held, mut from_byte) =
                (translation(from, to, Form::Stream), vec![], vec![], 0);
            for (index, end) in ends.iter().enumerate() {
                held.extend_from_slice(&disguised.as_bytes()[from_byte..*end]);
                from_byte = *end;
                let passed = translation.stream(&held, index + 1 == ends.len(), &mut out);
                let passed = passed.map_err(|fault| TestCaseError::fail(format!("{:?}: {disguised:?}", fault.kind)))?;
                held.drain(..passed.consumed);
            }
            prop_assert_eq!(String::from_utf8(out).expect("text"), plain);
        }
    }
}
