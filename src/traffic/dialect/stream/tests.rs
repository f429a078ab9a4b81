use super::*;
use crate::base::limits::EVENT_HOLD_BYTES;
use crate::contract::endpoint::StreamStyle;
use proptest::prelude::*;

const CHAT: StreamStyle = StreamStyle::OpenAiChunks;
const NAMED: StreamStyle = StreamStyle::OpenAiEvents;
const MESSAGE: StreamStyle = StreamStyle::AnthropicEvents;
const GOOGLE: StreamStyle = StreamStyle::GeminiEvents;

const TOOLS: &str = include_str!("../../../../tests/fuzz/corpus/sse/chat-tools.sse");
const BROKEN: &str = include_str!("../../../../tests/fuzz/corpus/sse/chat-error.sse");
const BESIDE: &str = include_str!("../../../../tests/fuzz/corpus/sse/error-beside-choices.sse");
const THINKING: &str = include_str!("../../../../tests/fuzz/corpus/sse/anthropic-thinking-tools.sse");
const OVERLOADED: &str = include_str!("../../../../tests/fuzz/corpus/sse/anthropic-overloaded.sse");
const GEMINI: &str = include_str!("../../translate/golden/answers/tools.gemini.sse");
const RESPONSES: &str = include_str!("../../../../tests/fuzz/corpus/sse/responses.sse");

/// What comes out of a stream that arrives in these pieces.
#[derive(Debug, PartialEq, Eq)]
struct Passed {
    text: String,
    facts: StreamFacts,
    mid_event: bool,
}

fn pass(style: StreamStyle, hide: HideUsage, pieces: &[&[u8]]) -> Passed {
    let mut filter = EventFilter::new(style, hide);
    let (mut held, mut out, mut events): (Vec<u8>, Vec<u8>, u32) = Default::default();
    for (i, piece) in pieces.iter().chain([&&b""[..]]).enumerate() {
        held.extend_from_slice(piece);
        let release = filter.advance(&mut held, i == pieces.len());
        assert!(release.emit <= release.keep_from && release.keep_from <= held.len());
        assert!(held.len() - release.keep_from <= EVENT_HOLD_BYTES);
        out.extend_from_slice(&held[..release.emit]);
        held.drain(..release.keep_from);
        events += release.events;
    }
    assert!(held.is_empty() && filter.facts().events == events);
    Passed { text: String::from_utf8(out).unwrap(), facts: *filter.facts(), mid_event: filter.mid_event() }
}

/// Also checks that every cut gives the same.
fn pass_cut(style: StreamStyle, hide: HideUsage, text: &str) -> Passed {
    let bytes = text.as_bytes();
    let whole = pass(style, hide, &[bytes]);
    assert_eq!(pass(style, hide, &bytes.chunks(1).collect::<Vec<_>>()), whole);
    for at in 0..=bytes.len() {
        assert_eq!(pass(style, hide, &[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
    }
    whole
}

/// A stream that nobody hides anything in leaves as it came, and its usage is known.
#[test]
fn streams_pass_untouched() {
    let chat = pass_cut(CHAT, HideUsage::No, TOOLS);
    assert_eq!(chat.text, TOOLS);
    let usage = Usage { input: 55, output: 41, ..Usage::default() };
    assert_eq!(
        chat.facts,
        StreamFacts { usage: Some(usage), done: true, error: false, events: 11, ..StreamFacts::default() }
    );
    let named = pass_cut(NAMED, HideUsage::Yes, RESPONSES);
    assert_eq!(named.text, RESPONSES);
    let usage = Usage { input: 80, output: 30, reasoning: 12, ..Usage::default() };
    assert_eq!(
        named.facts,
        StreamFacts { usage: Some(usage), done: true, error: false, events: 14, ..StreamFacts::default() }
    );
    let message = pass_cut(MESSAGE, HideUsage::Yes, THINKING);
    assert_eq!(message.text, THINKING);
    let usage = Usage { input: 120, cached_input: 100, output: 64, ..Usage::default() };
    let events = THINKING.matches("data: ").count() as u32;
    assert_eq!(
        message.facts,
        StreamFacts { usage: Some(usage), done: true, error: false, events, ..StreamFacts::default() }
    );
}

/// Counts of a message's later events take the place of earlier ones, and what they leave out stays; nothing is added
/// up, and input includes the cache.
#[test]
fn later_counts_replace_earlier_ones() {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":20,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":7,\"output_tokens\":1}}}\n\n";
    let delta = |usage: &str| format!("event: message_delta\ndata: {{\"usage\":{{{usage}}}}}\n\n");
    for (deltas, usage) in [
        (vec![], (127, 100, 7, 1, 0)),
        (vec![r#""output_tokens":9"#], (127, 100, 7, 9, 0)),
        (vec![r#""output_tokens":9"#, r#""output_tokens":30"#], (127, 100, 7, 30, 0)),
        (
            vec![
                r#""output_tokens":9,"input_tokens":25,"cache_read_input_tokens":0,"output_tokens_details":{"thinking_tokens":4}"#,
            ],
            (32, 0, 7, 9, 4),
        ),
        (vec![r#""output_tokens":null"#, r#""input_tokens":0"#], (107, 100, 7, 1, 0)),
        (vec![r#""prompt_tokens":5"#, r#""cache_read_input_tokens":1"#], (127, 100, 7, 1, 0)),
    ] {
        let text = start.to_owned() + &deltas.iter().map(|usage| delta(usage)).collect::<String>();
        let passed = pass_cut(MESSAGE, HideUsage::No, &text);
        let (input, cached_input, cache_write, output, reasoning) = usage;
        let usage = Usage { input, cached_input, cache_write, output, reasoning, ..Usage::NONE };
        assert_eq!((passed.text.as_str(), passed.facts.usage), (text.as_str(), Some(usage)));
        assert!(!passed.facts.done && !passed.facts.error);
    }
}

/// A message ends with its own last event, known by name or by type, and with no other style's mark; nor does its
/// event end another style's stream.
#[test]
fn messages_end_with_their_own_event() {
    for (event, done) in [
        ("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true),
        ("data: {\"type\":\"message_stop\"}\n\n", true),
        ("event: message_stop\r\ndata: {}\r\n\r\n", true),
        ("event: message_stop\n\n", false),
        ("event: message_stop\ndata: {\"type\":\"message_stop\"}\n", true),
        ("event: message_stop\ndata: {\"type\":\"message_stop\"", false),
        ("data: [DONE]\n\n", false),
        ("data: [DONE]", false),
        ("event: response.completed\ndata: {}\n\n", false),
        ("event: ping\ndata: {\"type\":\"ping\"}\n\n", false),
    ] {
        assert_eq!(pass_cut(MESSAGE, HideUsage::No, event).facts.done, done, "{event}");
    }
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    assert!(!pass_cut(NAMED, HideUsage::No, stop).facts.done);
    let overloaded = pass_cut(MESSAGE, HideUsage::No, &(OVERLOADED.to_owned() + stop));
    assert_eq!(overloaded.text, OVERLOADED);
    assert!(overloaded.facts.error && !overloaded.facts.done);
    assert_eq!(overloaded.facts.usage.map(|u| (u.input, u.output)), Some((120, 1)));
    let unnamed = "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"\"}}\n\n";
    assert!(pass_cut(MESSAGE, HideUsage::No, unnamed).facts.error);
}

/// Usage that a server puts into an object of its own is known.
#[test]
fn usage_may_stand_elsewhere() {
    let text = "data: {\"choices\":[{}],\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":26}}}\n\ndata: [DONE]\n\n";
    let passed = pass_cut(StreamStyle::OpenAiChunks, HideUsage::Yes, text);
    assert_eq!(
        (passed.text.as_str(), passed.facts.usage.map(|u| (u.input, u.output))),
        (text, Some((12, 26)))
    );
}

/// Hidden usage leaves no trace: no empty chunk and no `usage` member. All else is byte for byte the same.
#[test]
fn usage_is_hidden() {
    let hidden = pass_cut(CHAT, HideUsage::Yes, TOOLS);
    let last = TOOLS.find("data: {\"id\":\"chatcmpl-fx2\",\"object\":\"chat.completion.chunk\",\"created\":1795256401,\"model\":\"gpt-6-sol-2026-09-22\",\"choices\":[],");
    let expected = TOOLS[..last.unwrap()].replace(",\"usage\":null", "") + "data: [DONE]\n\n";
    assert_eq!(hidden.text, expected);
    assert_eq!(hidden.facts.usage.map(|u| (u.input, u.output)), Some((55, 41)));
    assert_eq!(hidden.facts.events, 10);
}

/// The usage member that says nothing yet is cut with one comma wherever it stands; what only looks like one stays, and so
/// does usage beside what an answer says, which servers report asked or not.
#[test]
fn cuts() {
    for (event, left) in [
        (r#"data: {"usage":null}"#, Some("data: {}")),
        (r#"data: {"usage":null,"a":1}"#, Some(r#"data: {"a":1}"#)),
        (r#"data: { "usage" : null , "a":1}"#, Some(r#"data: {  "a":1}"#)),
        (r#"data:{"a":1 , "usage" : null }"#, Some(r#"data:{"a":1  }"#)),
        (r#"data: {"a":1,"usage":null,"b":2}"#, Some(r#"data: {"a":1,"b":2}"#)),
        (
            r#"data: {"choices":[{}],"usage":{"prompt_tokens":1}}"#,
            Some(r#"data: {"choices":[{}],"usage":{"prompt_tokens":1}}"#),
        ),
        (r#"data: {"usage":{"prompt_tokens":1}}"#, Some(r#"data: {"usage":{"prompt_tokens":1}}"#)),
        (r#"data: {"choices":[],"usage":null}"#, Some(r#"data: {"choices":[]}"#)),
        (r#"data: {"choices":[],"usage":{}}"#, None),
        (r#"data: {"usage":{"prompt_tokens":1},"choices":[ ]}"#, None),
        ("id: 1\ndata: {\"choices\":[],\ndata: \"usage\":{}}", None),
        ("data: {\"choices\":[{}],\ndata: \"usage\":null}", Some("data: {\"choices\":[{}]}")),
        ("data: {\"usage\":\ndata: null,\ndata: \"a\":1}", Some("data: {\ndata: \"a\":1}")),
        ("data: {\"a\":1,\"usage\":null}\nid: 7", Some("data: {\"a\":1}\nid: 7")),
        (r#"data: {"a":{"usage":null}}"#, Some(r#"data: {"a":{"usage":null}}"#)),
        (r#"data: {"a":"\"usage\":null"}"#, Some(r#"data: {"a":"\"usage\":null"}"#)),
        (r#"data: {"a":"usage"}"#, Some(r#"data: {"a":"usage"}"#)),
        (r#"data: {"usage":7}"#, Some(r#"data: {"usage":7}"#)),
        (r#"data: {"usage":null"#, Some(r#"data: {"usage":null"#)),
        (r#"data: {"usage":null}}"#, Some(r#"data: {"usage":null}}"#)),
        (r#"data: ["usage"]"#, Some(r#"data: ["usage"]"#)),
        (r#": "usage":null"#, Some(r#": "usage":null"#)),
        (r#"x: {"usage":null}"#, Some(r#"x: {"usage":null}"#)),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let ended = |text: &str| (text.to_owned() + "\n\n").replace('\n', end);
            let text = ended(event) + &ended("data: x");
            let expected = left.map(ended).unwrap_or_default() + &ended("data: x");
            assert_eq!(pass_cut(CHAT, HideUsage::Yes, &text).text, expected, "{event}");
            assert_eq!(pass_cut(CHAT, HideUsage::No, &text).text, text);
        }
    }
}

/// Every mix of line ends is understood, comments and odd fields pass, and an unfinished event does not.
#[test]
fn framing() {
    for (text, left, events) in [
        ("data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\ndata: e\r\n\n", None, 5),
        (": keep-alive\n\n: again\n\ndata: a\n\n", None, 1),
        ("\n\n\r\n\r\rdata: a\n\n\n\n", None, 1),
        ("data\n\ndata:\n\ndata:  x\n\n", None, 3),
        ("event: x\n\nid: 1\nretry: 5\n\nfoo\n\n: c\n", None, 0),
        ("\u{feff}data: a\n\n", None, 1),
        (": c\ndata: a\n: d\ndata: b\n\n", None, 1),
        ("data: a\n\ndata: b\n", Some("data: a\n\n"), 1),
        ("data: a\n\ndata: b", Some("data: a\n\n"), 1),
        (": c\ndata: b", Some(": c\n"), 0),
        ("", Some(""), 0),
    ] {
        let passed = pass_cut(CHAT, HideUsage::Yes, text);
        assert_eq!((passed.text.as_str(), passed.facts.events), (left.unwrap_or(text), events), "{text:?}");
        assert!(!passed.facts.done && !passed.facts.error && !passed.mid_event);
    }
}

/// Nothing leaves after the end mark, which counts even where a server leaves out its blank line.
#[test]
fn the_end_mark_ends() {
    for (text, left) in [
        ("data: [DONE]\n\ndata: x\n\n", "data: [DONE]\n\n"),
        ("data:[DONE]\r\n\r\n\r\n", "data:[DONE]\r\n\r\n"),
        ("data: [DONE]\r\rdata: x\r\r", "data: [DONE]\r\r"),
        ("\u{feff}data: [DONE]\n\n\n", "\u{feff}data: [DONE]\n\n"),
        ("data: a\n\ndata: [DONE]\n", "data: a\n\ndata: [DONE]\n"),
        ("data: a\n\ndata: [DONE]", "data: a\n\ndata: [DONE]"),
    ] {
        let passed = pass_cut(CHAT, HideUsage::Yes, text);
        assert_eq!((passed.text.as_str(), passed.facts.done), (left, true), "{text:?}");
    }
    for text in ["data: \"[DONE]\"\n\n", "data: [DON\n\n", "data:\ndata: [DONE]\n\n", ": [DONE]\n\n"] {
        let passed = pass_cut(CHAT, HideUsage::Yes, text);
        assert_eq!((passed.text.as_str(), passed.facts.done), (text, false), "{text:?}");
    }
}

/// A last event that is whole but for its blank line leaves as it came and counts; whoever writes behind it has to end it.
#[test]
fn a_last_event_needs_no_blank_line() {
    for (style, text) in
        [(NAMED, RESPONSES), (MESSAGE, THINKING), (MESSAGE, OVERLOADED), (CHAT, BROKEN), (CHAT, BESIDE)]
    {
        let whole = pass_cut(style, HideUsage::No, text);
        let text = whole.text.trim_end();
        for end in ["", "\n", "\r\n"] {
            let passed = pass_cut(style, HideUsage::No, &format!("{text}{end}"));
            assert_eq!((&*passed.text, passed.facts), (&*format!("{text}{end}"), whole.facts));
            assert!(passed.facts.done || passed.facts.error);
        }
        assert!(!pass_cut(style, HideUsage::No, &text[..text.len() - 1]).facts.done);
    }
    let (open, usage) =
        ("data: {\"choices\":[{}]}", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}");
    let passed = pass_cut(CHAT, HideUsage::Yes, open);
    assert_eq!((&*passed.text, passed.mid_event, passed.facts.done), (open, true, false));
    let hidden = pass_cut(CHAT, HideUsage::Yes, usage);
    assert_eq!((&*hidden.text, hidden.mid_event, hidden.facts.usage.map(|u| u.input)), ("", false, Some(3)));
    let shown = pass_cut(CHAT, HideUsage::No, usage);
    assert_eq!((&*shown.text, shown.facts.usage.map(|u| u.input)), (usage, Some(3)));
    let filling = "x".repeat(EVENT_HOLD_BYTES);
    let large =
        format!("event: response.completed\ndata: {{\"type\":\"response.completed\",\"x\":\"{filling}\"}}\n");
    let passed = pass(NAMED, HideUsage::No, &large.as_bytes().chunks(999).collect::<Vec<_>>());
    assert_eq!((passed.text == large, passed.facts.done, passed.facts.events), (true, true, 1));
}

/// An error event leaves, is noted, and nothing follows it.
#[test]
fn errors_end_streams() {
    let end = BROKEN.find("data: {\"error\"").unwrap();
    let last = BROKEN[end..].find("\n\n").unwrap() + end + 2;
    let passed = pass_cut(CHAT, HideUsage::No, &(BROKEN.to_owned() + "data: [DONE]\n\n"));
    assert_eq!((passed.text.as_str(), passed.facts.error, passed.facts.done), (&BROKEN[..last], true, false));
    assert!(pass_cut(CHAT, HideUsage::Yes, BESIDE).facts.error);
    for (style, event) in [
        (CHAT, "data: {\"error\":\"x\"}\n\n"),
        (CHAT, "data: {\"error\":{\"code\":1},\"usage\":null}\n\n"),
        (CHAT, "event: error\ndata: overloaded\n\n"),
        (CHAT, "error: {\"error\":{\"message\":\"x\"}}\n\n"),
        (NAMED, "event: error\ndata: {\"type\":\"error\",\"code\":null}\n\n"),
        (NAMED, "data: {\"type\":\"error\",\"code\":null}\n\n"),
        (NAMED, "event: response.failed\ndata: {\"response\":{\"usage\":{\"output_tokens\":2}}}\n\n"),
    ] {
        let passed = pass_cut(style, HideUsage::Yes, &format!("{event}data: [DONE]\n\n"));
        assert_eq!((passed.text.as_str(), passed.facts.error), (event, true));
        assert_eq!(passed.facts.usage.is_some(), event.contains("tokens"));
    }
    for event in [
        "data: {\"error\":null}\n\n",
        "data: {\"error\":false,\"a\":{\"error\":1}}\n\n",
        "data: {\"error\":{}}\n\n",
        "data: {\"error\":\"\"}\n\n",
        "data: {\"a\":\"error\",\"b\":[{\"error\":1}]}\n\n",
        "event: error\n\n",
        "event: errors\ndata: x\n\n",
    ] {
        assert!(!pass_cut(CHAT, HideUsage::Yes, event).facts.error, "{event}");
    }
}

/// The last event of a stream with named events is known by its name or its type, and its usage is found.
#[test]
fn named_ends() {
    for event in [
        "event: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":5}}}\n\n",
        "data: {\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"input_tokens\":5}}}\n\n",
        "event: image_generation.completed\ndata: {\"b64_json\":\"x\",\"usage\":{\"input_tokens\":5}}\n\n",
        "data: {\"type\":\"transcript.text.done\",\"usage\":{\"input_tokens\":5,\"type\":\"tokens\"}}\n\n",
        "event: speech.audio.done\r\ndata: {\"usage\":{\"input_tokens\":5}}\r\n\r\n",
    ] {
        let passed = pass_cut(NAMED, HideUsage::Yes, event);
        assert_eq!((passed.text.as_str(), passed.facts.done), (event, true));
        assert_eq!(passed.facts.usage.map(|u| u.input), Some(5), "{event}");
    }
    let other =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n";
    assert_eq!(
        pass_cut(NAMED, HideUsage::Yes, other).facts,
        StreamFacts { events: 1, ..StreamFacts::default() }
    );
}

/// An event too large to be held passes in pieces, its usage is still found, and a break inside it is known.
#[test]
fn large_events_pass_in_pieces() {
    let filling = "x".repeat(EVENT_HOLD_BYTES);
    let event =
        format!("id: 1\ndata: {{\"a\":\"{filling}\",\ndata:\"usage\":{{\"prompt_tokens\":3}}}}\r\n\r\n");
    let text = format!("data: a\n\n{event}data: {{\"b\":1,\"usage\":null}}\n\ndata: [DONE]\n\n");
    let expected = format!("data: a\n\n{event}data: {{\"b\":1}}\n\ndata: [DONE]\n\n");
    for piece in [1000, 4096, 65_535, 65_536, 65_537, 1 << 20] {
        let pieces: Vec<_> = text.as_bytes().chunks(piece).collect();
        let passed = pass(CHAT, HideUsage::Yes, &pieces);
        assert_eq!(passed.text, expected, "{piece}");
        assert_eq!(passed.facts.usage.map(|u| u.input), Some(3));
        assert!(passed.facts.done && !passed.mid_event && passed.facts.events == 4);
    }
    for cut in (text.len() - 200)..text.len() {
        let (a, b) = text.as_bytes().split_at(cut);
        assert_eq!(pass(CHAT, HideUsage::Yes, &[a, b]).text, expected, "cut at {cut}");
    }
    let broken = pass(CHAT, HideUsage::Yes, &[&event.as_bytes()[..EVENT_HOLD_BYTES + 10]]);
    assert!(broken.mid_event && broken.text.len() == EVENT_HOLD_BYTES + 10 && broken.facts.events == 0);
    let named = format!("event: error\ndata: {filling}\n\ndata: x\n\n");
    let passed = pass(NAMED, HideUsage::No, &named.as_bytes().chunks(999).collect::<Vec<_>>());
    assert!(passed.facts.error && passed.text.ends_with("x\n\n") && !passed.text.ends_with("data: x\n\n"));
}

/// A filter fits into a connection's state without weighing on it.
#[test]
fn the_state_is_small() {
    assert!(size_of::<EventFilter>() < 1024, "{}", size_of::<EventFilter>());
}

fn line() -> impl Strategy<Value = String> {
    let data = prop_oneof![
        Just(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#),
        Just(r#"{"choices":[{"a":1}],"usage":null}"#),
        Just(r#"{"usage":null, "choices":[{"a":1}]}"#),
        Just(r#"{"choices":[{"a":"error"}]}"#),
        Just(r#"{"error":null}"#),
        Just(r#"{"a":1,"#),
        Just(r#""usage":null}"#),
        Just(
            r#"{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":4}}}"#
        ),
        Just(r#"{"type":"message_delta","usage":{"output_tokens":5}}"#),
        Just(r#"{"type":"message_stop"}"#),
        Just("x"),
    ];
    prop_oneof![
        8 => data.prop_map(|data| format!("data: {data}")),
        1 => Just("data: [DONE]".to_owned()),
        1 => Just("data: {\"error\":{\"a\":1}}".to_owned()),
        1 => Just("event: error".to_owned()),
        3 => Just(": comment".to_owned()),
        2 => Just("id: 7".to_owned()),
        12 => Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// However a stream is cut, the same bytes leave and the same is known; and without hiding, they are a prefix
    /// of what came.
    #[test]
    fn cuts_do_not_matter(
        lines in prop::collection::vec((line(), prop::sample::select(vec!["\n", "\r\n", "\r"])), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        hide in prop::sample::select(vec![HideUsage::Yes, HideUsage::No]),
        style in prop::sample::select(vec![CHAT, NAMED, MESSAGE]),
    ) {
        let text: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
        let whole = pass(style, hide, &[text.as_bytes()]);
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        places.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for to in places.into_iter().chain([text.len()]) {
            pieces.push(&text.as_bytes()[from..to]);
            from = to;
        }
        prop_assert_eq!(pass(style, hide, &pieces), pass(style, hide, &[text.as_bytes()]));
        prop_assert!(hide == HideUsage::Yes || text.starts_with(&whole.text));
    }
}

/// A stream of Google's passes as it came; its last usage counts, its reason to stop is seen though nothing marks the
/// end, and its last event needs no blank line.
#[test]
fn google_gives_a_reason() {
    let usage = Usage { input: 120, cached_input: 100, output: 28, reasoning: 12, ..Usage::NONE };
    let events = GEMINI.matches("data: ").count() as u32;
    let whole = StreamFacts { usage: Some(usage), finished: true, events, ..StreamFacts::default() };
    for text in [GEMINI, GEMINI.trim_end()] {
        let passed = pass_cut(GOOGLE, HideUsage::Yes, text);
        assert_eq!((&*passed.text, passed.facts), (text, whole));
    }
    let cut = GEMINI.find("\"finishReason\"").expect("it ends");
    assert!(!pass_cut(GOOGLE, HideUsage::No, &GEMINI[..cut]).facts.finished, "an event that is not whole");
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\r\n\r\n";
    assert!(pass_cut(GOOGLE, HideUsage::No, blocked).facts.finished);
    let error = "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n";
    let failed = pass_cut(GOOGLE, HideUsage::No, &[error, blocked].concat());
    assert_eq!((failed.text.as_str(), failed.facts.error), (error, true));
}

/// An image that is too large to be held passes in pieces, and the reason and the usage behind it are seen.
#[test]
fn google_sends_images() {
    let image = "A".repeat(2 * EVENT_HOLD_BYTES);
    let event = format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"inlineData\":{{\"data\":\"{image}\"}}}}]}},\"finishReason\":\"STOP\"}}],\"usageMetadata\":{{\"promptTokenCount\":7,\"candidatesTokenCount\":9}}}}\r\n\r\n"
    );
    for size in [999, 4096, event.len()] {
        let passed = pass(GOOGLE, HideUsage::No, &event.as_bytes().chunks(size).collect::<Vec<_>>());
        let usage = Some(Usage { input: 7, output: 9, ..Usage::default() });
        assert_eq!((passed.facts.usage, passed.facts.finished, passed.text == event), (usage, true, true));
    }
}
