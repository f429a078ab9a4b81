//! The same wrong, odd and large requests in every dialect, for every provider: each is refused with a reason, or passed on
//! with all that it says.

use super::*;
use crate::base::limits::JSON_DEPTH;
use FaultKind::{InvalidJson, InvalidRequest, Untranslatable};

/// What comes of a request, whoever the provider is.
enum Fate {
    Refused(FaultKind, &'static str),
    /// These words arrive, as they are or in a string.
    Kept(String),
    /// The same, where the provider has a place for them.
    KeptOrRefused(String),
}
use Fate::{Kept, KeptOrRefused, Refused};

/// All that a request can be sent as.
fn destinations() -> impl Iterator<Item = (Speech, &'static str)> {
    let all = SPEECHES.iter().chain(&PROVIDERS).filter(|(speech, ..)| *speech != Speech::Embeddings);
    all.filter_map(|(speech, _, models)| Some((*speech, *models.first()?)))
}

fn check(from: Speech, cases: Vec<(&str, String, Fate)>) {
    for (name, body, fate) in cases {
        // Those of one dialect are not taken apart.
        let verbatim = |to| Crossing { client: from, provider: to }.is_verbatim();
        for (to, model) in destinations().filter(|(to, _)| *to != from && !verbatim(*to)) {
            let mut out = vec![];
            let made = request(from, destination(to, model, Unsupported::Drop), body.as_bytes(), &mut out);
            let case = format!("{name} to {to:?}");
            match (made, &fate) {
                (Err(fault), Refused(kind, words)) => {
                    assert_eq!(fault.kind, *kind, "{case}: {}", fault.message());
                    assert!(fault.message().contains(words), "{case}: {}", fault.message());
                }
                (Err(fault), KeptOrRefused(_)) => {
                    assert_eq!(fault.kind, Untranslatable, "{case}: {}", fault.message());
                }
                (Ok(_), Kept(words) | KeptOrRefused(words)) => {
                    let text = String::from_utf8_lossy(&out);
                    let escaped = words.replace('\\', "\\\\").replace('"', "\\\"");
                    assert!(
                        text.contains(words.as_str()) || text.contains(&escaped),
                        "{case}: {words} not in {text:.600}"
                    );
                }
                (Err(fault), Kept(_)) => panic!("{case}: {:?} {}", fault.kind, fault.message()),
                (Ok(_), Refused(..)) => panic!("{case}: {}", String::from_utf8_lossy(&out)),
            }
        }
    }
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

fn kept(words: &str) -> Fate {
    Kept(words.to_owned())
}

/// Half a character, and one by its number.
const HALF: &str = r"\ud83e\u0041";
/// A number beyond every type, a name that stands there twice.
const ODD: &str = r#"{"n":123456789012345678901234567890.10E+400,"k":1,"k":-0.0}"#;

fn in_string(source: &str) -> String {
    source.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Chat completions.
#[test]
fn chats() {
    let chat = |messages: &str, more: &str| {
        let tool = r#"{"type":"function","function":{"name":"f"}}"#;
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"a"}}{messages}],"tools":[{tool}]{more}}}"#
        )
    };
    let call = |arguments: &str| {
        let call =
            format!(r#"{{"id":"c1","type":"function","function":{{"name":"f","arguments":"{arguments}"}}}}"#);
        let result = r#"{"role":"tool","tool_call_id":"c1","content":"x"}"#;
        chat(&format!(r#",{{"role":"assistant","content":null,"tool_calls":[{call}]}},{result}"#), "")
    };
    let image = |data: &str| {
        let url = format!("data:image/png;base64,{data}");
        chat(
            &format!(
                r#",{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}"#
            ),
            "",
        )
    };
    let large = "iVBORw0KGgo".to_owned() + &"A".repeat(1 << 20);
    check(
        Speech::OpenAi,
        vec![
            ("no number", chat("", r#","temperature":NaN"#), Refused(InvalidJson, "expected a value")),
            (
                "a member twice",
                chat("", r#","top_p":1,"top_p":0"#),
                Refused(InvalidRequest, "`top_p` stands there twice"),
            ),
            (
                "an unknown role",
                chat(r#",{"role":"narrator","content":"x"}"#, ""),
                Refused(InvalidRequest, "`messages[1].role`"),
            ),
            (
                "an unknown part",
                chat(r#",{"role":"user","content":[{"type":"smell"}]}"#, ""),
                Refused(Untranslatable, "`messages[1].content[0]`"),
            ),
            (
                "a result without a call",
                chat(r#",{"role":"tool","tool_call_id":"nobody","content":"orphan"}"#, ""),
                KeptOrRefused("orphan".into()),
            ),
            ("no arguments", call(""), kept("{}")),
            ("broken arguments", call("{\\\"a\\\":"), kept(r#"{"a":"#)),
            ("odd arguments", call(&in_string(ODD)), kept(ODD)),
            ("deep arguments", call(&in_string(&format!(r#"{{"a":{}}}"#, nested(100)))), kept(&nested(100))),
            (
                "a schema that is too deep",
                chat("", &format!(r#","metadata":{}"#, nested(JSON_DEPTH))),
                Refused(InvalidJson, "nested deeper"),
            ),
            ("half a character", chat(&format!(r#",{{"role":"user","content":"{HALF}"}}"#), ""), kept(HALF)),
            ("no base64", image("@@ no"), KeptOrRefused("@@ no".into())),
            ("a large image", image(&large), KeptOrRefused(large.clone())),
            ("a number beyond every type", chat("", r#","seed":1e999"#), kept(r#""a""#)),
            ("a limit beyond every type", chat("", r#","max_tokens":1e999"#), kept(r#""a""#)),
        ],
    );
}

/// Messages.
#[test]
fn messages() {
    let body = |messages: &str, more: &str| {
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}}{messages}]{more}}}"#
        )
    };
    let call = |input: &str| {
        let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"x"}]}"#;
        let call = format!(r#"{{"type":"tool_use","id":"c1","name":"f","input":{input}}}"#);
        body(&format!(r#",{{"role":"assistant","content":[{call}]}},{result}"#), "")
    };
    let image = |data: &str| {
        let source = format!(r#"{{"type":"base64","media_type":"image/png","data":"{data}"}}"#);
        body(&format!(r#",{{"role":"user","content":[{{"type":"image","source":{source}}}]}}"#), "")
    };
    check(
        Speech::Anthropic,
        vec![
            ("no number", body("", r#","temperature":-Infinity"#), Refused(InvalidJson, "expected")),
            (
                "a member twice",
                body("", r#","system":"a","system":"b""#),
                Refused(InvalidRequest, "`system` stands there twice"),
            ),
            (
                "an unknown role",
                body(r#",{"role":"tool","content":"x"}"#, ""),
                Refused(InvalidRequest, "`messages[1].role`"),
            ),
            (
                "an unknown block",
                body(r#",{"role":"user","content":[{"type":"smell"}]}"#, ""),
                Refused(Untranslatable, "`smell`"),
            ),
            (
                "a result without a call",
                body(
                    r#",{"role":"user","content":[{"type":"tool_result","tool_use_id":"n","content":"orphan"}]}"#,
                    "",
                ),
                KeptOrRefused("orphan".into()),
            ),
            ("no arguments", call("{}"), kept("{}")),
            ("arguments that are no object", call("[]"), Refused(InvalidRequest, "must be an object")),
            ("odd arguments", call(ODD), kept(ODD)),
            (
                "deep arguments",
                call(&format!(r#"{{"a":{}}}"#, nested(JSON_DEPTH))),
                Refused(InvalidJson, "nested deeper"),
            ),
            ("half a character", body(&format!(r#",{{"role":"user","content":"{HALF}"}}"#), ""), kept(HALF)),
            ("no base64", image("@@ no"), KeptOrRefused("@@ no".into())),
        ],
    );
}

/// `generateContent`.
#[test]
fn contents() {
    let body = |parts: &str, more: &str| {
        format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"a"}}{parts}]}}]{more}}}"#)
    };
    let call = |arguments: &str| {
        let call =
            format!(r#"{{"role":"model","parts":[{{"functionCall":{{"name":"f","args":{arguments}}}}}]}}"#);
        let result =
            r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}}]}"#;
        format!(r#"{{"contents":[{{"parts":[{{"text":"a"}}]}},{call},{result}]}}"#)
    };
    let inline =
        |media: &str| body(&format!(r#",{{"inlineData":{{"mimeType":"{media}","data":"@@ no"}}}}"#), "");
    check(
        Speech::Gemini,
        vec![
            (
                "no number",
                body("", r#","generationConfig":{"topP":NaN}"#),
                Refused(InvalidJson, "expected a value"),
            ),
            ("a member twice", body("", r#","contents":[]"#), Refused(InvalidRequest, "`contents` twice")),
            (
                "a member twice in two spellings",
                body("", r#","systemInstruction":"a","system_instruction":"b""#),
                Refused(InvalidRequest, "`systemInstruction` twice"),
            ),
            // Some clients name a call in place of its function; the provider goes by the order.
            (
                "a result of another name",
                call("{}").replace(
                    r#""functionResponse":{"name":"f""#,
                    r#""functionResponse":{"name":"call_1338""#,
                ),
                kept(r#""f""#),
            ),
            // The provider takes one of what is a list of them.
            (
                "a system instruction of one part",
                body("", r#","systemInstruction":{"parts":{"text":"be brief"}}"#),
                kept("be brief"),
            ),
            ("one content of one part", r#"{"contents":{"parts":{"text":"one"}}}"#.into(), kept("one")),
            (
                "contents that are a text",
                r#"{"contents":"one"}"#.into(),
                Refused(InvalidRequest, "`contents`"),
            ),
            (
                "an unknown role",
                r#"{"contents":[{"role":"narrator","parts":[]}]}"#.into(),
                Refused(InvalidRequest, "`contents[0].role`"),
            ),
            (
                "an unknown part",
                body(r#",{"smell":"x"}"#, ""),
                Refused(Untranslatable, "`contents[0].parts[1]`"),
            ),
            (
                "a result without a call",
                body(r#",{"functionResponse":{"name":"f","response":{}}}"#, ""),
                Refused(InvalidRequest, "answers no call"),
            ),
            ("no arguments", call("null"), kept("{}")),
            ("arguments that are no object", call("[]"), Refused(InvalidRequest, "must be an object")),
            ("odd arguments", call(ODD), kept(ODD)),
            ("half a character", body(&format!(r#",{{"text":"{HALF}"}}"#), ""), kept(HALF)),
            ("no base64 of an image", inline("image/png"), KeptOrRefused("@@ no".into())),
            ("no base64 of a text", inline("text/plain"), Refused(InvalidRequest, "UTF-8 text in base64")),
            (
                "a limit beyond every type",
                body("", r#","generationConfig":{"maxOutputTokens":1e999}"#),
                kept(r#""a""#),
            ),
        ],
    );
}

/// Responses.
#[test]
fn items() {
    let body = |items: &str, more: &str| {
        format!(r#"{{"model":"m","input":[{{"role":"user","content":"a"}}{items}]{more}}}"#)
    };
    let call = |arguments: &str| {
        let result = r#"{"type":"function_call_output","call_id":"c1","output":"x"}"#;
        let call =
            format!(r#"{{"type":"function_call","call_id":"c1","name":"f","arguments":"{arguments}"}}"#);
        body(&format!(",{call},{result}"), "")
    };
    check(
        Speech::Responses,
        vec![
            ("no number", body("", r#","top_p":nan"#), Refused(InvalidJson, "expected")),
            (
                "a member twice",
                body("", r#","input":[]"#),
                Refused(InvalidRequest, "`input` stands there twice"),
            ),
            (
                "an unknown role",
                body(r#",{"role":"critic","content":"x"}"#, ""),
                Refused(InvalidRequest, "`input[1].role`"),
            ),
            ("an unknown item", body(r#",{"type":"smell"}"#, ""), Refused(Untranslatable, "`smell`")),
            (
                "an unknown part",
                body(r#",{"role":"user","content":[{"type":"input_smell"}]}"#, ""),
                Refused(Untranslatable, "`input[1].content[0]`"),
            ),
            (
                "a result without a call",
                body(r#",{"type":"function_call_output","call_id":"n","output":"orphan"}"#, ""),
                KeptOrRefused("orphan".into()),
            ),
            ("no arguments", call(""), kept("{}")),
            ("broken arguments", call("{\\\"a\\\":"), kept(r#"{"a":"#)),
            ("odd arguments", call(&in_string(ODD)), kept(ODD)),
            ("half a character", body(&format!(r#",{{"role":"user","content":"{HALF}"}}"#), ""), kept(HALF)),
            (
                "no base64",
                body(
                    r#",{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,@@ no"}]}"#,
                    "",
                ),
                KeptOrRefused("@@ no".into()),
            ),
            (
                "a tool that was found and is none",
                body(r#",{"type":"tool_search_output","call_id":"s","tools":[7]}"#, ""),
                Refused(InvalidRequest, "`input[1].tools[0]` must be an object"),
            ),
        ],
    );
}
