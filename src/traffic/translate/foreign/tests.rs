use super::super::base64;
use super::*;
use crate::traffic::dialect::json::Quoted;

fn left(speech: Speech, model: &str, body: &str) -> String {
    assert!(may_be_in(speech, model, [body.as_bytes()].into_iter()), "{body}");
    for cut in 0..body.len() {
        let (front, back) = body.as_bytes().split_at(cut);
        assert!(may_be_in(speech, model, [front, back].into_iter()), "cut at {cut}: {body}");
    }
    let left = without(speech, model, Cow::Borrowed(body.as_bytes())).0.into_owned();
    let left = String::from_utf8(left).expect("text");
    assert!(serde_json::from_str::<serde_json::Value>(&left).is_ok(), "{left}");
    left
}

/// Marked thoughts go with one comma each, from the front, the middle and the end, a turn of nothing else goes as a
/// whole, and everything else keeps its bytes.
#[test]
fn messages() {
    let other = r#"{"type":"thinking","thinking":"a","signature":"gemini:c2ln"}"#;
    let third = r#"{ "type" : "thinking", "signature" : "openai:gAAA", "thinking":""}"#;
    let routed = r#"{"type":"thinking","thinking":"a","signature":"details:{\"type\":\"reasoning.text\"}"}"#;
    let own = r#"{"type":"thinking","thinking":"b","signature":"EqQB"}"#;
    let bare = r#"{"type":"thinking","thinking":"c","signature":""}"#;
    let text = r#"{"type": "text", "text":"\"signature\":\"gemini:\""}"#;
    let hi = r#"{"role":"user","content":"hi"}"#;
    let said = |blocks: &str| format!(r#"{{"role":"assistant", "content": [ {blocks} ]}}"#);
    let body = |turns: &str| format!(r#"{{"model":"m", "messages":[{turns}] , "x":1.0}}"#);
    for (before, after) in [
        (format!("{hi},{}", said(&format!("{other},{text}"))), format!("{hi},{}", said(text))),
        (format!("{hi},{}", said(&format!("{text} , {third}"))), format!("{hi},{}", said(text))),
        (said(&format!("{own},{other} ,\n {third}, {text}")), said(&format!("{own},{text}"))),
        (said(&format!("{other},{own},{third},{text},{other}")), said(&format!("{own},{text}"))),
        (format!("{hi} , {},{hi}", said(other)), format!("{hi} , {hi}")),
        (format!("{hi},{}", said(&format!("{other},{third}"))), hi.to_owned()),
        (said(&format!("{bare},{text}")), said(text)),
        (said(&format!("{text},{routed}")), said(text)),
    ] {
        assert_eq!(left(Speech::Anthropic, "claude-x", &body(&before)), body(&after));
    }
    let unproved = body(&said(&format!("{bare},{text}")));
    assert_eq!(left(Speech::Anthropic, "glm-5", &unproved), unproved, "others do not prove thoughts");
    assert_eq!(left(Speech::Anthropic, "glm-5", &body(&said(&format!("{other},{text}")))), body(&said(text)));
    let plain = body(&format!("{hi},{}", said(&format!("{own},{text}"))));
    assert!(
        !may_be_in(Speech::Anthropic, "claude-x", [plain.as_bytes()].into_iter()),
        "nothing of it is marked"
    );
}

/// Citations that no search of Anthropic's made go, each with a comma, or all of a text's at once; the text stays, and so
/// do those that Anthropic made, and those of results that are there.
#[test]
fn cited_texts() {
    let made = r#"{"type":"web_search_result_location","cited_text":"","encrypted_index":"","title":"T","url":"https://a.example"}"#;
    let own = r#"{"type":"web_search_result_location","cited_text":"x","encrypted_index":"Eo8B","title":"T","url":"https://b.example"}"#;
    let given = r#"{"type":"search_result_location","cited_text":"x","source":"s","title":"T","search_result_index":0,"start_block_index":0,"end_block_index":1}"#;
    let said = |cited: &str| {
        format!(r#"{{"role":"assistant","content":[{{"type":"text","citations":{cited},"text":"Riga."}}]}}"#)
    };
    let result =
        r#"{"role":"user","content":[{"type":"search_result","source":"s","title":"T","content":[]}]}"#;
    let body = |turns: &str| format!(r#"{{"model":"m","messages":[{turns}]}}"#);
    for (before, after) in [
        (said(&format!("[{made}]")), said("null")),
        (said(&format!("[{made}, {own},{made}]")), said(&format!("[{own}]"))),
        (said(&format!("[{own} , {given}]")), said(&format!("[{own}]"))),
        (
            format!("{result},{}", said(&format!("[{given},{made}]"))),
            format!("{result},{}", said(&format!("[{given}]"))),
        ),
    ] {
        assert_eq!(left(Speech::Anthropic, "claude-x", &body(&before)), body(&after));
        assert_eq!(
            cuts(Speech::Anthropic, "claude-x", body(&before).as_bytes()).dropped(),
            "messages[].citations"
        );
    }
    let kept = body(&said(&format!("[{own}]")));
    assert!(!may_be_in(Speech::Anthropic, "claude-x", [kept.as_bytes()].into_iter()), "Anthropic made it");
}

/// The version that clients of a host have in the body goes with one comma, wherever it stands.
#[test]
fn versions_of_hosts() {
    let left = |body: &str| {
        let cuts = cuts(Speech::Anthropic, "claude-x", body.as_bytes());
        assert!(cuts.list.len() <= 1 && cuts.dropped().is_empty());
        let span = cuts.list.first().map_or(0..0, |(span, _)| span.start as usize..span.end as usize);
        [&body[..span.start], &body[span.end..]].concat()
    };
    for (before, after) in [
        (r#"{ "anthropic_version" : "v" , "a":1}"#, r#"{ "a":1}"#),
        (r#"{"a":1 , "anthropic_version":"v" ,"b":2}"#, r#"{"a":1 ,"b":2}"#),
        (r#"{"a":{"anthropic_version":1}, "anthropic_version":"v" }"#, r#"{"a":{"anthropic_version":1} }"#),
        (r#"{"anthropic_version":"v"}"#, r#"{"anthropic_version":"v"}"#),
        (r#"{"a":1}"#, r#"{"a":1}"#),
    ] {
        assert_eq!(left(before), after);
    }
}

/// The same in Google's dialect, where calls and texts may have a signature, too.
#[test]
fn contents() {
    let foreign = String::from_utf8(base64::encoded(b"ringgate:thought:EqQB")).expect("base64");
    let thought = format!(r#"{{"text":"a","thought":true,"thoughtSignature":"{foreign}"}}"#);
    let call = |proof: &str| format!(r#"{{"functionCall":{{"name":"f"}},"thoughtSignature":{proof}}}"#);
    let signed = call(&format!("\"{foreign}\""));
    let own = r#"{"text":"b","thoughtSignature":"c2ln"}"#;
    let body =
        |parts: &str| format!(r#"{{"contents":[{{"role":"model","parts":[{parts}]}},{{"parts":[]}}]}}"#);
    let before = body(&format!("{thought}, {own},{signed}"));
    let skipped = format!("{own},{}", call("\"skip_thought_signature_validator\""));
    assert_eq!(left(Speech::Gemini, "gemini-3-flash", &before), body(&skipped));
    assert_eq!(left(Speech::Gemini, "gemini-2.5-pro", &before), body(&format!("{own},{}", call("null"))));
    assert_eq!(left(Speech::Gemini, "gemini-2.5-pro", &body(&thought)), r#"{"contents":[{"parts":[]}]}"#);
    assert!(!may_be_in(Speech::Gemini, "gemini-3-flash", [body(own).as_bytes()].into_iter()));
}

/// Calls of other models get the word that stands for a signature, the first of each content, where it is wanted.
#[test]
fn calls_are_signed() {
    let body = |first: &str, second: &str| {
        format!(
            r#"{{"contents":[{{"role":"model","parts":[{{"text":"a"}},{{"functionCall":{{"name":"f"}}{first}}},{{"functionCall":{{"name":"g"}}{second} }}]}},{{"role":"user"}}]}}"#
        )
    };
    let word = r#","thoughtSignature":"skip_thought_signature_validator""#;
    let (plain, signed) = (body("", ""), body(r#","thought_signature":"c2ln""#, ""));
    assert_eq!(left(Speech::Gemini, "gemini-3-flash", &plain), body(word, ""));
    assert_eq!(left(Speech::Gemini, "gemini-3-flash", &signed), signed);
    assert!(!may_be_in(Speech::Gemini, "gemini-2.5-pro", std::iter::once(plain.as_bytes())));
    let snake = r#"{"contents":[{"parts":[{ "function_call":{"name":"f"} }]}]}"#;
    let expected = r#"{"contents":[{"parts":[{ "function_call":{"name":"f"} ,"thoughtSignature":"skip_thought_signature_validator"}]}]}"#;
    assert_eq!(left(Speech::Gemini, "gemini-3-pro", snake), expected);
}

/// The same in responses.
#[test]
fn items() {
    let sealed =
        r#"{"type":"reasoning","summary":[],"encrypted_content":"ringgate:1:{\"redacted_thinking\":\"x\"}"}"#;
    let own = r#"{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}"#;
    let text = r#"{"role":"user","content":"ringgate:1: is no thought"}"#;
    let body = |items: &str| format!(r#"{{"input":[{items}],"model":"m"}}"#);
    let before = body(&format!("{text},{sealed},{own}"));
    assert_eq!(left(Speech::Responses, "gpt-5", &before), body(&format!("{text},{own}")));
    let said = r#"{"input":"ringgate:1:","model":"m"}"#;
    assert_eq!(left(Speech::Responses, "gpt-5", said), said);
}

/// What is no request at all stays as it is, and nothing is looked for where there are no such thoughts.
#[test]
fn others() {
    assert!(cuts(Speech::Anthropic, "m", b"{\"messages\":").list.is_empty());
    assert!(cuts(Speech::Responses, "m", b"[]").list.is_empty());
    assert!(!may_be_in(Speech::OpenAi, "gpt-5", [&b"\"signature\":\"gemini:\""[..]].into_iter()));
}

/// Ids that carry a signature have one alias wherever they stand, which is a valid id; other ids stay, and so do those
/// that carry little.
#[test]
fn ids() {
    let long = format!("call_0_-sig-_{}", "c2ln".repeat(30));
    let aliased =
        |longest| String::from_utf8(alias(&Quoted::of(&long), longest).as_written().to_vec()).expect("text");
    let chat = |id: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"id":"{id}"}},{{ "id":"call_1_-gid-_"}}]}},{{"role":"tool","tool_call_id": "{id}","content":"_-sig-_"}}]}}"#
        )
    };
    assert_eq!(left(Speech::OpenAi, "gpt-5", &chat(&long)), chat(&aliased(40)));
    assert!(aliased(40).len() <= 40 && aliased(64).len() <= 64 && long.len() > 64);
    let messages = |id: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"{id}","input":{{"id":"{long}"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{id}"}}]}}]}}"#
        )
    };
    assert_eq!(left(Speech::Anthropic, "claude-x", &messages(&long)), messages(&aliased(64)));
    let items = |id: &str| {
        format!(
            r#"{{"input":[{{"type":"function_call","call_id":"{id}"}},{{"type":"function_call_output","call_id":"{id}"}}]}}"#
        )
    };
    assert_eq!(left(Speech::Responses, "gpt-5", &items(&long)), items(&aliased(64)));
}
