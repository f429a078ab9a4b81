//! What is wrong, odd or too much: refused with a reason, or passed on as it is.

use super::*;
use crate::base::limits::JSON_DEPTH;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What comes of a request or an answer.
enum Outcome {
    /// Refused as this, with these words in the message.
    Refused(FaultKind, &'static str),
    /// Written with this in it.
    Passed(String),
}
use FaultKind::{InvalidJson, InvalidRequest, Untranslatable, UpstreamTruncated, UpstreamUnreadable};
use Outcome::{Passed, Refused};

fn passed(text: &str) -> Outcome {
    Passed(text.to_owned())
}

fn assert_outcome(outcome: Result<Vec<u8>, Fault>, expected: &Outcome, input: &str) {
    match (outcome, expected) {
        (Err(fault), Refused(kind, words)) => {
            assert_eq!(fault.kind, *kind, "{input}: {}", fault.message());
            assert!(fault.message().contains(words), "{input}: {}", fault.message());
            // A message that begins with a member is about that, or about what stands in it.
            if let Some(named) = fault.message().strip_prefix('`').and_then(|rest| rest.split('`').next()) {
                assert!(fault.param().is_some_and(|param| param.starts_with(named)), "{input}: {fault:?}");
            }
        }
        (Ok(out), Passed(text)) => {
            let out = String::from_utf8_lossy(&out);
            assert!(out.contains(text.as_str()), "{text} of {input} is not in {out}");
        }
        (Err(fault), Passed(_)) => panic!("{input}: {:?} {}", fault.kind, fault.message()),
        (Ok(out), Refused(..)) => panic!("{input} became {}", String::from_utf8_lossy(&out)),
    }
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

/// Numbers beyond every type, a name that stands there twice, half of a character, an escaped slash.
const ODD: &str = r#"{"n":123456789012345678901234567890.10E+400,"k":1,"k":-0.0,"s":"\ud83e\/\u0000"}"#;

/// `ODD` as the inside of a string.
fn odd_source() -> String {
    ODD.replace('\\', "\\\\").replace('"', "\\\"")
}

fn chat(messages: &str) -> String {
    format!(r#"{{"model":"m","messages":[{messages}]}}"#)
}

fn user(more: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}}]{more}}}"#)
}

fn called(arguments: &str) -> String {
    chat(&format!(
        r#"{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{arguments}"}}}}]}}"#
    ))
}

/// What a fault is about is told as `OpenAI` tells it: the member's place, from the root on; where it is about several
/// members, or about none, nothing.
#[test]
fn members_are_named() {
    let content = r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"frob"}]}"#;
    for (from, body, param) in [
        (Speech::OpenAi, r#"{"model":"m"}"#.to_owned(), Some("messages")),
        (Speech::OpenAi, chat(r#"{"role":"user","content":7}"#), Some("messages[0].content")),
        (Speech::OpenAi, chat(content), Some("messages[0].content[1]")),
        (Speech::OpenAi, chat(r#"{"role":"a","role":"b"}"#), Some("messages[0].role")),
        (Speech::OpenAi, user(r#","max_tokens":1"#), Some("max_tokens")),
        (Speech::OpenAi, user(r#","functions":[]"#), Some("functions")),
        (Speech::OpenAi, user(r#","frob":1"#), Some("frob")),
        (Speech::OpenAi, user(r#","frob":1,"seed":7"#), None),
        (Speech::OpenAi, "[]".into(), None),
        (Speech::Responses, r#"{"model":"m"}"#.into(), Some("input")),
        (Speech::Responses, r#"{"model":"m","input":"a","background":true}"#.into(), Some("background")),
        (
            Speech::Responses,
            r#"{"model":"m","input":"a","previous_response_id":"r"}"#.into(),
            Some("previous_response_id"),
        ),
        (Speech::Completions, r#"{"model":"m","prompt":[1,2]}"#.into(), Some("prompt")),
        (Speech::Embeddings, r#"{"model":"m","input":["a",null]}"#.into(), Some("input[1]")),
    ] {
        let (speech, model) = match from {
            Speech::Embeddings => (Speech::Cohere, "embed-v4.0"),
            _ => (Speech::Anthropic, "claude-opus-5"),
        };
        let to = destination(speech, model, Unsupported::Refuse);
        let fault = request(from, to, body.as_bytes(), &mut vec![]).err().expect("it is refused");
        assert_eq!(fault.param(), param, "{body}: {}", fault.message());
    }
}

fn chat_cases() -> Vec<(String, Outcome)> {
    let result = r#"{"role":"tool","tool_call_id":"nobody","content":"x"}"#;
    let twice = r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f"}},{"id":"c","type":"function","function":{"name":"g"}}]}"#;
    let image = |url: &str| {
        chat(&format!(
            r#"{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}"#
        ))
    };
    let schema = |schema: &str| {
        user(&format!(r#","tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]"#))
    };
    vec![
        (String::new(), Refused(InvalidJson, "ends too early")),
        ("[]".into(), Refused(InvalidRequest, "must be an object")),
        ("null".into(), Refused(InvalidRequest, "must be an object")),
        (user(r#","temperature":NaN"#), Refused(InvalidJson, "expected a value")),
        (user(r#","x":1,"x":2"#), Refused(InvalidRequest, "`x` stands there twice")),
        (user("") + "x", Refused(InvalidJson, "expected nothing")),
        (r#"{"model":"m"}"#.into(), Refused(InvalidRequest, "`messages` is missing")),
        (r#"{"model":"m","messages":"hi"}"#.into(), Refused(InvalidRequest, "`messages` must be an array")),
        (chat("1"), Refused(InvalidRequest, "`messages[0]` must be an object")),
        (chat(r#"{"role":"narrator","content":"x"}"#), Refused(InvalidRequest, "`messages[0].role`")),
        (chat(r#"{"role":7,"content":"x"}"#), Refused(InvalidRequest, "`messages[0].role`")),
        (chat(r#"{"role":"user","content":"x","content":"y"}"#), Refused(InvalidRequest, "`content` twice")),
        (chat(r#"{"role":"user","content":7}"#), Refused(InvalidRequest, "`messages[0].content`")),
        (chat(r#"{"role":"user"}"#), Refused(InvalidRequest, "`messages[0].content`")),
        (
            chat(r#"{"role":"user","content":[{"type":"video","video":{}}]}"#),
            Refused(Untranslatable, "`messages[0].content[0]`"),
        ),
        (chat(r#"{"role":"tool","content":"x"}"#), Refused(InvalidRequest, "`messages[0].tool_call_id`")),
        (
            chat(r#"{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}}"#),
            Refused(Untranslatable, "`function_call`: send `tool_calls`"),
        ),
        (
            chat(r#"{"role":"assistant","tool_calls":{}}"#),
            Refused(InvalidRequest, "`messages[0].tool_calls`"),
        ),
        (
            chat(r#"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}"#),
            Refused(InvalidRequest, ".id`"),
        ),
        // Whether results belong to calls is for the provider to say.
        (chat(result), passed(r#""tool_use_id":"nobody""#)),
        (
            chat(twice),
            passed(
                r#"{"type":"tool_use","id":"c","name":"f","input":{}},{"type":"tool_use","id":"c","name":"g","input":{}}"#,
            ),
        ),
        (called(""), passed(r#""input":{}"#)),
        (called(" \\n"), passed(r#""input":{}"#)),
        (called("null"), passed(r#""input":{}"#)),
        (called("[ ]"), passed(r#""input":{}"#)),
        // What a model wrote is told as it was: its client cannot mend it.
        (called("[1]"), passed(r#""input":{"_raw_arguments":"[1]"}"#)),
        (called("15 * 4"), passed(r#""input":{"_raw_arguments":"15 * 4"}"#)),
        (called("{\\\"a\\\":"), passed(r#""input":{"_raw_arguments":"{\"a\":"}"#)),
        (called(&odd_source()), Passed(format!("\"input\":{ODD}"))),
        (
            called(&format!("{{\\\"a\\\":{}}}", nested(JSON_DEPTH))),
            passed(r#""input":{"_raw_arguments":"{\"a\":[["#),
        ),
        (called(&format!("{{\\\"a\\\":{}}}", nested(100))), Passed(nested(100))),
        (schema(&format!(r#"{{"type":"object","x":{ODD}}}"#)), Passed(ODD.into())),
        (schema(&format!(r#"{{"type":"object","x":{}}}"#, nested(100))), Passed(nested(100))),
        (schema(&nested(JSON_DEPTH)), Refused(InvalidJson, "nested deeper")),
        (user(r#","tools":[7]"#), Refused(InvalidRequest, "`tools[0]` must be an object")),
        (user(r#","tools":[{"type":7,"custom":{"name":"x"}}]"#), Refused(InvalidRequest, "`tools[0].type`")),
        (user(r#","tool_choice":"sometimes""#), Refused(InvalidRequest, "`tool_choice`")),
        (user(r#","stop":[1]"#), Refused(InvalidRequest, "`stop[0]`")),
        (user(r#","max_completion_tokens":-1"#), Refused(InvalidRequest, "`max_completion_tokens`")),
        (user(r#","max_completion_tokens":"5""#), Refused(InvalidRequest, "`max_completion_tokens`")),
        (user(r#","max_completion_tokens":1e999"#), passed(r#""max_tokens":128000"#)),
        (user(r#","reasoning_effort":"ultra""#), Refused(InvalidRequest, "`reasoning_effort`")),
        (user(r#","response_format":{"type":"yaml"}"#), Refused(InvalidRequest, "`response_format.type`")),
        (
            user(r#","response_format":{"type":"json_schema"}"#),
            Refused(InvalidRequest, "`response_format.json_schema`"),
        ),
        (user(r#","stream":"yes""#), Refused(InvalidRequest, "`stream`")),
        (image("data:image/png,raw"), Refused(Untranslatable, "data URL")),
        (image("data:image/png;base64,@@ no"), passed(r#""data":"@@ no""#)),
        (image("data:image\\/png;base64,iVBORw0KGgo\\/"), passed(r#""data":"iVBORw0KGgo/""#)),
        (chat(r#"{"role":"user","content":"\ud83e a\u0000\/"}"#), passed(r#""text":"\ud83e a\u0000\/""#)),
        (chat(r#"{"r\u006fle":"\u0075ser","content":"x"}"#), passed(r#""text":"x""#)),
        (format!("\u{FEFF}{}", user("")), passed(r#""text":"a""#)),
    ]
}

fn message_cases() -> Vec<(String, Outcome)> {
    let content = |blocks: &str| {
        format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{blocks}]}}]}}"#)
    };
    let call = |input: &str| {
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"f"{input}}}]}}]}}"#
        )
    };
    vec![
        ("\"x\"".into(), Refused(InvalidRequest, "must be an object")),
        (user(r#","top_p":Infinity"#), Refused(InvalidJson, "expected a value")),
        (user(r#","system":7"#), Refused(InvalidRequest, "`system`")),
        (user(r#","output_config":{"effort":"lo"}"#), Refused(InvalidRequest, "`output_config.effort`")),
        (user(r#","system":[{"type":"image"}]"#), Refused(InvalidRequest, "`system[0].source`")),
        (
            user(r#","max_tokens":2,"max_tokens":3"#),
            Refused(InvalidRequest, "`max_tokens` stands there twice"),
        ),
        (user(r#","thinking":{"type":"sometimes"}"#), Refused(InvalidRequest, "`thinking.type`")),
        (user(r#","tool_choice":{"type":"tool"}"#), Refused(InvalidRequest, "`tool_choice.name`")),
        (
            r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#.into(),
            Refused(InvalidRequest, "`messages[0].role`"),
        ),
        (content("7"), Refused(InvalidRequest, "`messages[0].content[0]`")),
        (content(r#"{"type":"hologram"}"#), Refused(Untranslatable, "`hologram`")),
        (content(r#"{"type":"tool_result","content":"x"}"#), Refused(InvalidRequest, ".tool_use_id`")),
        (
            content(r#"{"type":"tool_result","tool_use_id":"nobody","content":"x"}"#),
            passed(r#"{"role":"tool","tool_call_id":"nobody","content":"x"}"#),
        ),
        (
            content(r#"{"type":"image","source":{"type":"base64","data":"AA"}}"#),
            Refused(InvalidRequest, ".media_type`"),
        ),
        (
            content(r#"{"type":"image","source":{"type":"carrier pigeon"}}"#),
            Refused(Untranslatable, ".source`"),
        ),
        (
            content(r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"@@"}}"#),
            passed("data:image/png;base64,@@"),
        ),
        (
            content(r#"{"type":"tool_use","id":"c","name":"f","input":{}}"#),
            Refused(Untranslatable, "stands where none may be"),
        ),
        (call(""), Refused(InvalidRequest, ".input` must be an object")),
        (call(r#","input":"{}""#), Refused(InvalidRequest, ".input` must be an object")),
        (call(r#","input":{},"input":{}"#), Refused(InvalidRequest, "`input` twice")),
        (call(&format!(r#","input":{ODD}"#)), Passed(format!(r#""arguments":"{}""#, odd_source()))),
        (call(&format!(r#","input":{{"a":{}}}"#, nested(JSON_DEPTH))), Refused(InvalidJson, "nested deeper")),
        (content(r#"{"type":"text","text":"\ud83e\u0000"}"#), passed(r#""content":"\ud83e\u0000""#)),
        (format!("\u{FEFF}{}", user("")), passed(r#""content":"a""#)),
    ]
}

/// Requests.
#[test]
fn requests() {
    let to = |speech| {
        destination(
            speech,
            if speech == Speech::OpenAi { "gpt-5" } else { "claude-opus-5" },
            Unsupported::Drop,
        )
    };
    for (from, speech, cases) in [
        (Speech::OpenAi, Speech::Anthropic, chat_cases()),
        (Speech::Anthropic, Speech::OpenAi, message_cases()),
    ] {
        for (body, expected) in cases {
            let mut out = vec![];
            let outcome = request(from, to(speech), body.as_bytes(), &mut out).map(|_| out);
            assert_outcome(outcome, &expected, &body);
        }
    }
}

fn completion(message: &str) -> String {
    format!(r#"{{"id":"1","model":"m","choices":[{{"message":{message},"finish_reason":"stop"}}]}}"#)
}

fn message(content: &str) -> String {
    format!(r#"{{"id":"msg_1","model":"m","content":[{content}],"stop_reason":"end_turn"}}"#)
}

/// Answers of providers that come whole.
#[test]
fn whole_answers() {
    let arguments = |source: &str| {
        completion(&format!(
            r#"{{"tool_calls":[{{"id":"c","function":{{"name":"f","arguments":"{source}"}}}}]}}"#
        ))
    };
    let call =
        |input: &str| message(&format!(r#"{{"type":"tool_use","id":"c","name":"f","input":{input}}}"#));
    let cases = [
        (Speech::OpenAi, String::new(), Refused(UpstreamUnreadable, "")),
        (Speech::OpenAi, "<html>".into(), Refused(UpstreamUnreadable, "")),
        (Speech::OpenAi, "[]".into(), Refused(UpstreamUnreadable, "")),
        (Speech::OpenAi, r#"{"id":"1","model":"m","choices":[]}"#.into(), Refused(UpstreamUnreadable, "")),
        (Speech::OpenAi, r#"{"id":"1","choices":[{"message":{}}]}"#.into(), Refused(UpstreamUnreadable, "")),
        (Speech::OpenAi, completion("{}"), passed(r#""content":[],"stop_reason":"end_turn""#)),
        (Speech::OpenAi, completion(r#"{"content":"\ud83e\u0000"}"#), passed(r#""text":"\ud83e\u0000""#)),
        (Speech::OpenAi, format!("\u{FEFF}{}", completion(r#"{"content":"x"}"#)), passed(r#""text":"x""#)),
        (
            Speech::OpenAi,
            completion(r#"{"tool_calls":[{"id":"c","function":{"arguments":"{}"}}]}"#),
            Refused(UpstreamUnreadable, ""),
        ),
        (Speech::OpenAi, arguments(&odd_source()), Passed(format!("\"input\":{ODD}"))),
        (Speech::OpenAi, arguments("{\\\"a\\\":"), passed(r#""input":{"_raw_arguments":"{\"a\":"}"#)),
        (Speech::OpenAi, arguments("[1]"), passed(r#""input":{"_raw_arguments":"[1]"}"#)),
        (Speech::Anthropic, "null".into(), Refused(UpstreamUnreadable, "")),
        // An error where an answer was to be is told as one.
        (
            Speech::Anthropic,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#.into(),
            passed("server_is_overloaded"),
        ),
        (Speech::OpenAi, r#"{"error":{"code":429,"message":"x"}}"#.into(), passed("rate_limit_error")),
        (
            Speech::Gemini,
            r#"[{"error":{"status":"UNAVAILABLE","message":"x"}}]"#.into(),
            passed("server_is_overloaded"),
        ),
        (
            Speech::Responses,
            r#"{"error":{"code":"rate_limit_exceeded","message":"x"}}"#.into(),
            passed("rate_limit_error"),
        ),
        (Speech::Ollama, r#"{"error":"x"}"#.into(), passed("\"x\"")),
        (Speech::Anthropic, message("7"), Refused(UpstreamUnreadable, "")),
        (
            Speech::Anthropic,
            message(r#"{"type":"tool_use","name":"f","input":{}}"#),
            Refused(UpstreamUnreadable, ""),
        ),
        (Speech::Anthropic, message(""), passed(r#""content":null"#)),
        (Speech::Anthropic, message(r#"{"type":"text","text":"\ud83e"}"#), passed(r#""content":"\ud83e""#)),
        (Speech::Anthropic, call(ODD), Passed(format!(r#""arguments":"{}""#, odd_source()))),
        (Speech::Anthropic, call("null"), passed(r#""arguments":"{}""#)),
    ];
    for (from, answer, expected) in cases {
        let to = if from == Speech::OpenAi { Speech::Anthropic } else { Speech::OpenAi };
        let outcome = told("x.json", from, to, Form::Whole, answer.as_bytes()).map(String::into_bytes);
        assert_outcome(outcome, &expected, &answer);
    }
}

/// Streams whose events are out of order, or end too early: never a shorter answer, never one that is none.
#[test]
fn streams() {
    let start = r#"data: {"type":"message_start","message":{"id":"msg_1","model":"m"}}"#;
    let open = r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let delta = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#;
    let close = r#"data: {"type":"content_block_stop","index":0}"#;
    let stop = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
    let end = r#"data: {"type":"message_stop"}"#;
    let new = r#"data: {"type":"astonishment","level":7}"#;
    let chunk = r#"data: {"id":"1","model":"m","choices":[{"delta":{"content":"x"},"finish_reason":null}]}"#;
    let last = r#"data: {"id":"1","model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let stray = r#"data: {"id":"1","model":"m","choices":[{"delta":{"tool_calls":[{"index":3,"function":{"arguments":"x"}}]}}]}"#;
    let (a, o) = (Speech::Anthropic, Speech::OpenAi);
    let cases: [(Speech, &[&str], Outcome); 20] = [
        (a, &[start, open, delta, close, stop, end], passed("[DONE]")),
        (a, &[new, start, new, open, delta, close, new, stop, end], passed("[DONE]")),
        // Left out, but not in doubt.
        (a, &[start, open, delta, stop, end], passed("\"finish_reason\":\"stop\"")),
        (a, &[start, open, delta, close, end], passed("\"finish_reason\":\"stop\"")),
        (a, &[], Refused(UpstreamTruncated, "")),
        (a, &[start, open, delta, close, stop], Refused(UpstreamTruncated, "")),
        (a, &[open, delta, close, stop, end], Refused(UpstreamUnreadable, "")),
        (a, &[end], Refused(UpstreamUnreadable, "")),
        (a, &[start, start, stop, end], Refused(UpstreamUnreadable, "")),
        (a, &[start, open, open, delta, close, stop, end], Refused(UpstreamUnreadable, "")),
        (a, &[start, delta, stop, end], Refused(UpstreamUnreadable, "")),
        (a, &[start, stop, open, delta, close, end], Refused(UpstreamUnreadable, "")),
        (a, &[start, "data: {", end], Refused(UpstreamUnreadable, "")),
        (a, &[start, "data: {}", end], Refused(UpstreamUnreadable, "")),
        (o, &[chunk, last, "data: [DONE]"], passed("message_stop")),
        (o, &[chunk, last], passed("message_stop")),
        (o, &[chunk], Refused(UpstreamTruncated, "")),
        (o, &[chunk, "data: [DONE]"], passed("message_stop")),
        (o, &[chunk, stray, last, "data: [DONE]"], Refused(UpstreamUnreadable, "")),
        (o, &[chunk, "data: 7e", last], Refused(UpstreamUnreadable, "")),
    ];
    for (from, events, expected) in cases {
        let to = if from == o { a } else { o };
        let stream = events.iter().fold(String::new(), |all, event| all + event + "\n\n");
        let outcome = told("x.sse", from, to, Form::Stream, stream.as_bytes()).map(String::into_bytes);
        assert_outcome(outcome, &expected, &stream);
    }
}

/// Requests that are made to be slow are written in time: it grows with their length and no faster.
#[test]
fn time_is_linear() {
    let many = 100_000;
    let all = |one: &dyn Fn(usize) -> String| (0..many).map(one).collect::<Vec<_>>().join(",");
    let calls = all(&|at| {
        format!(r#"{{"id":"c{at}","type":"function","function":{{"name":"n{at}","arguments":"{{}}"}}}}"#)
    });
    let results = all(&|at| format!(r#"{{"role":"tool","tool_call_id":"c{at}","content":"x"}}"#));
    let calls = chat(&format!(
        r#"{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":[{calls}]}},{results}"#
    ));
    let turns = chat(&all(&|at| format!(r#"{{"role":"{}","content":"x"}}"#, ["user", "system"][at % 2])));
    let members: String = (0..many).map(|at| format!(",\"m{at}\":1")).collect();
    let escapes = chat(&format!(r#"{{"role":"user","content":"{}"}}"#, "\\ud83e".repeat(many)));
    for body in [calls, turns, user(&members), escapes] {
        for (to, _, models) in SPEECHES.iter().chain(&PROVIDERS) {
            let Some(model) = models.first() else { continue };
            let to = destination(*to, model, Unsupported::Drop);
            let began = cpu_time();
            request(Speech::OpenAi, to, body.as_bytes(), &mut vec![]).expect("valid");
            let spent = cpu_time().saturating_sub(began);
            // It takes a fraction of a second; a square would take a minute.
            assert!(spent < Duration::from_secs(5), "{model}: {spent:?}");
        }
    }
}

/// What this thread has had of a processor, however many others want one.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
