//! What other vendors' models left in a history that goes on to a provider in its client's own dialect.
//!
//! A client keeps proofs of thoughts without a word on where they come from, and a provider refuses a request with a proof
//! that is not its own. Those that the gateway made of another format's are marked (see `proof`): such a thought is left
//! out, as it is where a request is translated. So are ids of calls that carry a signature of Google's, which no other
//! provider takes for their length: they get a short alias. And Google's newer models refuse calls without a signature,
//! which no other vendor's have: they get the word that stands for one.
//!
//! Invariant: a body without a mark is not parsed, and what is not marked stays byte for byte.

use super::Speech;
use super::gemini::carried::{GIVEN, MADE};
use super::gemini::signature;
use super::names::alias;
use super::proof;
use crate::contract::endpoint::Endpoint;
use crate::traffic::dialect::json::{Item, Tree};
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// A part of the body that goes, and what takes its place.
pub type Cut = (Range<u64>, Cow<'static, [u8]>);

/// In place of a signature, for calls that another model began. Source: Google's notes on thought signatures.
const UNSIGNED: &[u8] = b"\"skip_thought_signature_validator\"";
const UNSIGNED_MEMBER: &[u8] = b",\"thoughtSignature\":\"skip_thought_signature_validator\"";
/// Models that want one.
const SIGNING: &str = "gemini-3";
/// How Google's servers take these names.
const PROOF: [&str; 2] = ["thoughtSignature", "thought_signature"];
const CALL: [&str; 2] = ["functionCall", "function_call"];

/// Anthropic's key of a proof, which is followed by a mark or by nothing.
static SIGNATURE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"signature\""));
/// How `ringgate:` begins in base64.
static ENCODED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"cmluZ2dhdGU6"));
static CALLS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new(b"\"functionCall\""), Finder::new(b"\"function_call\"")]);
static SEALED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"ringgate:"));
/// How both marks of ids begin: most bodies have it nowhere, and are gone through once.
static IDS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"_-"));
/// No mark is longer, with what stands before it.
const MARK_BYTES: usize = 32;
const _: () = assert!(MADE[0] == b'_' && MADE[1] == b'-' && GIVEN[0] == b'_' && GIVEN[1] == b'-');

/// Longest ids that providers take.
const CHAT_ID_BYTES: usize = 40;
const ID_BYTES: usize = 64;

/// How clients of an endpoint speak, if they bring a history.
pub fn speech(endpoint: Endpoint) -> Option<Speech> {
    match endpoint {
        Endpoint::Messages | Endpoint::CountTokens => Some(Speech::Anthropic),
        Endpoint::Responses | Endpoint::Compact => Some(Speech::Responses),
        Endpoint::ChatCompletions => Some(Speech::OpenAi),
        Endpoint::GenerateContent | Endpoint::StreamGenerateContent | Endpoint::GeminiCountTokens => {
            Some(Speech::Gemini)
        }
        _ => None,
    }
}

/// Whether a body for this model may hold anything of the kind. Its pieces may end anywhere.
pub fn may_be_in<'b>(speech: Speech, model: &str, pieces: impl Iterator<Item = &'b [u8]>) -> bool {
    let signs = speech == Speech::Gemini && model.contains(SIGNING);
    // The last bytes before a piece, and its first ones: no mark is longer.
    let (mut seam, mut held) = ([0; 2 * MARK_BYTES], 0);
    for piece in pieces {
        let all = held + piece.len().min(MARK_BYTES);
        seam[held..all].copy_from_slice(&piece[..all - held]);
        if has_mark(speech, signs, piece) || (held > 0 && has_mark(speech, signs, &seam[..all])) {
            return true;
        }
        if let Some(last) = piece.last_chunk::<MARK_BYTES>() {
            seam[..MARK_BYTES].copy_from_slice(last);
            held = MARK_BYTES;
        } else {
            let from = all.saturating_sub(MARK_BYTES);
            seam.copy_within(from..all, 0);
            held = all - from;
        }
    }
    false
}

fn has_mark(speech: Speech, signs: bool, text: &[u8]) -> bool {
    let has = |marks: &[Finder<'_>]| marks.iter().any(|mark| mark.find(text).is_some());
    let has_ids = || has_id_mark(text);
    match speech {
        Speech::OpenAi => has_ids(),
        Speech::Anthropic => SIGNATURE.find_iter(text).any(|at| is_foreign(&text[at..])) || has_ids(),
        Speech::Gemini => ENCODED.find(text).is_some() || (signs && has(&*CALLS)),
        Speech::Responses => SEALED.find(text).is_some() || has_ids(),
        _ => false,
    }
}

/// Whether an id in this text may carry what the gateway put into it.
fn has_id_mark(text: &[u8]) -> bool {
    IDS.find_iter(text).any(|at| text[at..].starts_with(MADE) || text[at..].starts_with(GIVEN))
}

/// Whether a member of this text's beginning is a signature that is not Anthropic's.
fn is_foreign(text: &[u8]) -> bool {
    let value = text[SIGNATURE.needle().len()..].trim_ascii_start();
    let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii_start();
    [&b"\"\""[..], b"\"gemini:", b"\"openai:", b"\"details:"].iter().any(|mark| value.starts_with(mark))
}

/// What goes of a body for this model, in the body's order.
pub fn cuts(speech: Speech, model: &str, body: &[u8]) -> Vec<Cut> {
    let mut tree = Tree::default();
    let Ok(page) = tree.parse(body) else { return vec![] };
    let body = page.root();
    let mut cuts = vec![];
    let list =
        |name| body.get(name).into_iter().flat_map(|list: Item<'_>| list.elements()).collect::<Vec<_>>();
    match speech {
        Speech::OpenAi => {
            for message in list("messages") {
                called(&message, &mut cuts);
            }
        }
        Speech::Anthropic => {
            let claude = model.contains("claude");
            turns(&list("messages"), "content", &mut cuts, |block, cuts| anthropics(block, claude, cuts));
        }
        Speech::Gemini => {
            let signs = model.contains(SIGNING);
            let contents = list("contents");
            turns(&contents, "parts", &mut cuts, |part, cuts| googles(part, signs, cuts));
            if signs {
                for content in &contents {
                    sign(content, &mut cuts);
                }
            }
        }
        Speech::Responses => {
            let items = list("input");
            let gone: Vec<bool> = items.iter().map(is_sealed).collect();
            leave_out(&items, &gone, &mut cuts);
            for item in &items {
                shorten(item.get("call_id"), ID_BYTES, &mut cuts);
            }
        }
        _ => {}
    }
    cuts.sort_unstable_by_key(|(span, _)| span.start);
    // One thing cannot go twice, however a client nests it.
    let mut from = 0;
    cuts.retain(|(span, _)| {
        let is_next = span.start >= from;
        from = from.max(span.end);
        is_next
    });
    cuts
}

/// The body without what goes of it, where it may hold anything of the kind.
pub fn without<'b>(speech: Speech, model: &str, body: Cow<'b, [u8]>) -> Cow<'b, [u8]> {
    if !may_be_in(speech, model, std::iter::once(&*body)) {
        return body;
    }
    let (mut left, mut from) = (Vec::with_capacity(body.len()), 0);
    for (span, text) in cuts(speech, model, &body) {
        left.extend_from_slice(&body[from..span.start as usize]);
        left.extend_from_slice(&text);
        from = span.end as usize;
    }
    left.extend_from_slice(&body[from..]);
    Cow::Owned(left)
}

/// Leaves out parts of turns, and turns of which nothing stays.
fn turns(
    turns: &[Item<'_>],
    parts: &str,
    cuts: &mut Vec<Cut>,
    goes: impl Fn(&Item<'_>, &mut Vec<Cut>) -> bool,
) {
    let empty = |turn: &Item<'_>| {
        let parts: Vec<_> = turn.get(parts).into_iter().flat_map(|list| list.elements()).collect();
        let mut inside = vec![];
        let gone: Vec<bool> = parts.iter().map(|part| goes(part, &mut inside)).collect();
        let all = !gone.is_empty() && gone.iter().all(|gone| *gone);
        if !all {
            leave_out(&parts, &gone, cuts);
            cuts.append(&mut inside);
        }
        all
    };
    let gone: Vec<bool> = turns.iter().map(empty).collect();
    leave_out(turns, &gone, cuts);
}

/// Cuts elements out of their array, each with a comma.
fn leave_out(elements: &[Item<'_>], gone: &[bool], cuts: &mut Vec<Cut>) {
    let mut last_kept: Option<&Item<'_>> = None;
    let mut at = 0;
    while at < elements.len() {
        if !gone[at] {
            last_kept = Some(&elements[at]);
            at += 1;
            continue;
        }
        let run = gone[at..].iter().take_while(|gone| **gone).count();
        let span = match (elements.get(at + run), last_kept) {
            (Some(next), _) => elements[at].offset()..next.offset(),
            (None, Some(kept)) => end(kept)..end(&elements[at + run - 1]),
            (None, None) => elements[at].offset()..end(&elements[at + run - 1]),
        };
        cuts.push((span, Cow::Borrowed(b"")));
        at += run;
    }
}

fn end(item: &Item<'_>) -> u64 {
    item.offset() + item.raw().len() as u64
}

/// Whether a block of a message is a thought whose proof is another's. One without any is Claude's business alone: other
/// models of this format do not prove theirs.
fn anthropics(block: &Item<'_>, claude: bool, cuts: &mut Vec<Cut>) -> bool {
    for name in ["id", "tool_use_id"] {
        shorten(block.get(name), ID_BYTES, cuts);
    }
    if !block.text_at("type").is_some_and(|kind| kind.is("thinking")) {
        return false;
    }
    block
        .text_at("signature")
        .is_some_and(|proof| !proof::is_anthropics(&proof) && (claude || !proof.is_empty()))
}

/// Whether a part is a thought whose proof is another's. Of other parts only the proof goes.
fn googles(part: &Item<'_>, signs: bool, cuts: &mut Vec<Cut>) -> bool {
    let Some(proof) = either(part, PROOF) else { return false };
    if proof.text().as_ref().and_then(signature::foreign).is_none() {
        return false;
    }
    let is_thought = part.get("thought").and_then(|thought| thought.flag()) == Some(true);
    if is_thought || part.text_at("text").is_some_and(|text| text.is_empty()) {
        return true;
    }
    let instead = if signs && either(part, CALL).is_some() { UNSIGNED } else { b"null" };
    cuts.push((proof.offset()..end(&proof), Cow::Borrowed(instead)));
    false
}

/// The first call of a content has a signature, or the word that stands for one.
fn sign(content: &Item<'_>, cuts: &mut Vec<Cut>) {
    let parts = content.get("parts").into_iter().flat_map(|parts| parts.elements());
    let Some(call) = parts.into_iter().find(|part| either(part, CALL).is_some()) else { return };
    if either(&call, PROOF).is_none() {
        let at = end(&call) - 1;
        cuts.push((at..at, Cow::Borrowed(UNSIGNED_MEMBER)));
    }
}

/// A member by either of its names.
fn either<'t>(item: &Item<'t>, names: [&str; 2]) -> Option<Item<'t>> {
    names.iter().find_map(|name| item.get(name))
}

/// The ids of calls in a message of chat completions.
fn called(message: &Item<'_>, cuts: &mut Vec<Cut>) {
    shorten(message.get("tool_call_id"), CHAT_ID_BYTES, cuts);
    let calls = message.get("tool_calls").into_iter().flat_map(|calls| calls.elements());
    for call in calls {
        shorten(call.get("id"), CHAT_ID_BYTES, cuts);
    }
}

/// An id that carries something, and is too long for that, gets its alias.
fn shorten(id: Option<Item<'_>>, longest: usize, cuts: &mut Vec<Cut>) {
    let Some((id, text)) = id.and_then(|id| Some((id, id.text()?))) else { return };
    let is_marked = || has_id_mark(text.as_written());
    if text.as_written().len() > longest && is_marked() {
        let short = [b"\"", alias(&text, longest).as_written(), b"\""].concat();
        cuts.push((id.offset()..end(&id), Cow::Owned(short)));
    }
}

/// Whether an item is a thought that the gateway sealed.
fn is_sealed(item: &Item<'_>) -> bool {
    item.text_at("type").is_some_and(|kind| kind.is("reasoning"))
        && item
            .text_at("encrypted_content")
            .is_some_and(|sealed| sealed.unescaped().starts_with(b"ringgate:"))
}

#[cfg(test)]
mod tests {
    use super::super::base64;
    use super::*;
    use crate::traffic::dialect::json::Quoted;

    fn left(speech: Speech, model: &str, body: &str) -> String {
        assert!(may_be_in(speech, model, [body.as_bytes()].into_iter()), "{body}");
        for cut in 0..body.len() {
            let (front, back) = body.as_bytes().split_at(cut);
            assert!(may_be_in(speech, model, [front, back].into_iter()), "cut at {cut}: {body}");
        }
        let left = without(speech, model, Cow::Borrowed(body.as_bytes())).into_owned();
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
        let routed =
            r#"{"type":"thinking","thinking":"a","signature":"details:{\"type\":\"reasoning.text\"}"}"#;
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
        assert_eq!(
            left(Speech::Anthropic, "glm-5", &body(&said(&format!("{other},{text}")))),
            body(&said(text))
        );
        let plain = body(&format!("{hi},{}", said(&format!("{own},{text}"))));
        assert!(
            !may_be_in(Speech::Anthropic, "claude-x", [plain.as_bytes()].into_iter()),
            "nothing of it is marked"
        );
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
        let sealed = r#"{"type":"reasoning","summary":[],"encrypted_content":"ringgate:1:{\"redacted_thinking\":\"x\"}"}"#;
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
        assert!(cuts(Speech::Anthropic, "m", b"{\"messages\":").is_empty());
        assert!(cuts(Speech::Responses, "m", b"[]").is_empty());
        assert!(!may_be_in(Speech::OpenAi, "gpt-5", [&b"\"signature\":\"gemini:\""[..]].into_iter()));
    }

    /// Ids that carry a signature have one alias wherever they stand, which is a valid id; other ids stay, and so do those
    /// that carry little.
    #[test]
    fn ids() {
        let long = format!("call_0_-sig-_{}", "c2ln".repeat(30));
        let aliased = |longest| {
            String::from_utf8(alias(&Quoted::of(&long), longest).as_written().to_vec()).expect("text")
        };
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
}
