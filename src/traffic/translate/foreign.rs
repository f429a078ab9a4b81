//! What other vendors' models left in a history that goes on to a provider in its client's own dialect.
//!
//! A client keeps proofs of thoughts without a word on where they come from, and a provider refuses a request with a proof
//! that is not its own. Those that the gateway made of another format's are marked (see `proof`): such a thought is left
//! out, as it is where a request is translated. So are ids of calls that carry a signature of Google's, which no other
//! provider takes for their length: they get a short alias. And Google's newer models refuse calls without a signature,
//! which no other vendor's have: they get the word that stands for one. Citations that the gateway made of another vendor's
//! have nothing by which Anthropic finds them again: they go, and their text stays.
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

/// What goes of a body, in its order.
#[derive(Default, Debug)]
pub struct Cuts {
    pub list: Vec<Cut>,
    thoughts: bool,
    citations: bool,
}

impl Cuts {
    /// What the client is told of it: what is only written in another way is no loss.
    pub const fn dropped(&self) -> &'static str {
        match (self.thoughts, self.citations) {
            (true, true) => "messages[].thinking,messages[].citations",
            (true, false) => "messages[].thinking",
            (false, true) => "messages[].citations",
            (false, false) => "",
        }
    }
}

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
/// What Anthropic finds a page again by, which it alone has, and the kind of a citation of what a client gave.
static PAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"encrypted_index\""));
static GIVEN_RESULT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"search_result_location\""));
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
        Speech::Anthropic => {
            SIGNATURE.find_iter(text).any(|at| is_foreign(&text[at..])) || has_ids() || has_citation(text)
        }
        Speech::Gemini => ENCODED.find(text).is_some() || (signs && has(&*CALLS)),
        Speech::Responses => SEALED.find(text).is_some() || has_ids(),
        _ => false,
    }
}

/// Whether an id in this text may carry what the gateway put into it.
fn has_id_mark(text: &[u8]) -> bool {
    IDS.find_iter(text).any(|at| text[at..].starts_with(MADE) || text[at..].starts_with(GIVEN))
}

/// Whether there may be a citation in this text that Anthropic did not make.
fn has_citation(text: &[u8]) -> bool {
    let is_empty = |at: usize| value_behind(&text[at + PAGE.needle().len()..]).starts_with(b"\"\"");
    PAGE.find_iter(text).any(is_empty) || GIVEN_RESULT.find(text).is_some()
}

/// What stands behind a key.
fn value_behind(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    text.strip_prefix(b":").unwrap_or(text).trim_ascii_start()
}

/// Whether a member of this text's beginning is a signature that is not Anthropic's.
fn is_foreign(text: &[u8]) -> bool {
    let value = value_behind(&text[SIGNATURE.needle().len()..]);
    [&b"\"\""[..], b"\"gemini:", b"\"openai:", b"\"details:"].iter().any(|mark| value.starts_with(mark))
}

/// What goes of a body for this model.
pub fn cuts(speech: Speech, model: &str, body: &[u8]) -> Cuts {
    let mut tree = Tree::default();
    let Ok(page) = tree.parse(body) else { return Cuts::default() };
    let root = page.root();
    let mut cuts = Cuts::default();
    let list =
        |name| root.get(name).into_iter().flat_map(|list: Item<'_>| list.elements()).collect::<Vec<_>>();
    match speech {
        Speech::OpenAi => {
            for message in list("messages") {
                called(&message, &mut cuts);
            }
        }
        Speech::Anthropic => {
            let messages = list("messages");
            let reading = Reading { claude: model.contains("claude"), results: has_results(&messages) };
            turns(&messages, "content", &mut cuts, |block, cuts| anthropics(block, &reading, cuts));
            hosts_version(root, body, &mut cuts);
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
            cuts.thoughts = gone.contains(&true);
            leave_out(&items, &gone, &mut cuts);
            for item in &items {
                shorten(item.get("call_id"), ID_BYTES, &mut cuts);
            }
        }
        _ => {}
    }
    cuts.list.sort_unstable_by_key(|(span, _)| span.start);
    // One thing cannot go twice, however a client nests it.
    let mut from = 0;
    cuts.list.retain(|(span, _)| {
        let is_next = span.start >= from;
        from = from.max(span.end);
        is_next
    });
    cuts
}

/// Whether a client gave results of a search of its own, which citations may name by their number.
fn has_results(messages: &[Item<'_>]) -> bool {
    let is = |block: &Item<'_>, kind: &str| block.text_at("type").is_some_and(|given| given.is(kind));
    let inside = |block: &Item<'_>| {
        block.get("content").is_some_and(|inside| inside.elements().any(|one| is(&one, "search_result")))
    };
    let mut blocks =
        messages.iter().filter_map(|message| message.get("content")).flat_map(|list| list.elements());
    blocks.any(|block| is(&block, "search_result") || (is(&block, "tool_result") && inside(&block)))
}

/// The version of the format, which clients of a host have in the body, and Anthropic in the head alone.
fn hosts_version(root: Item<'_>, body: &[u8], cuts: &mut Cuts) {
    let mut before = None;
    for (name, value) in root.members() {
        if !name.is("anthropic_version") {
            before = Some(value);
            continue;
        }
        // With the comma before it, or else the one behind it. What stands alone there is no request in any case.
        let until = end(&value);
        let behind = body.get(until as usize..).unwrap_or_default();
        let blanks = behind.len() - behind.trim_ascii_start().len();
        let span = match before {
            Some(before) => end(&before)..until,
            None if behind.get(blanks) == Some(&b',') => root.offset() + 1..until + blanks as u64 + 1,
            None => return,
        };
        cuts.list.push((span, Cow::Borrowed(b"")));
        return;
    }
}

/// The body without what goes of it, where it may hold anything of the kind, and what that was.
pub fn without<'b>(speech: Speech, model: &str, body: Cow<'b, [u8]>) -> (Cow<'b, [u8]>, &'static str) {
    if !may_be_in(speech, model, std::iter::once(&*body)) {
        return (body, "");
    }
    let cuts = cuts(speech, model, &body);
    let (mut left, mut from) = (Vec::with_capacity(body.len()), 0);
    for (span, text) in &cuts.list {
        left.extend_from_slice(&body[from..span.start as usize]);
        left.extend_from_slice(text);
        from = span.end as usize;
    }
    left.extend_from_slice(&body[from..]);
    (Cow::Owned(left), cuts.dropped())
}

/// Leaves out parts of turns, and turns of which nothing stays.
fn turns(turns: &[Item<'_>], parts: &str, cuts: &mut Cuts, goes: impl Fn(&Item<'_>, &mut Cuts) -> bool) {
    let empty = |turn: &Item<'_>| {
        let parts: Vec<_> = turn.get(parts).into_iter().flat_map(|list| list.elements()).collect();
        let mut inside = Cuts::default();
        let gone: Vec<bool> = parts.iter().map(|part| goes(part, &mut inside)).collect();
        cuts.thoughts |= gone.contains(&true);
        cuts.citations |= inside.citations;
        let all = !gone.is_empty() && gone.iter().all(|gone| *gone);
        if !all {
            leave_out(&parts, &gone, cuts);
            cuts.list.append(&mut inside.list);
        }
        all
    };
    let gone: Vec<bool> = turns.iter().map(empty).collect();
    leave_out(turns, &gone, cuts);
}

/// Cuts elements out of their array, each with a comma.
fn leave_out(elements: &[Item<'_>], gone: &[bool], cuts: &mut Cuts) {
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
        cuts.list.push((span, Cow::Borrowed(b"")));
        at += run;
    }
}

fn end(item: &Item<'_>) -> u64 {
    item.offset() + item.raw().len() as u64
}

/// What blocks of messages are judged by.
struct Reading {
    claude: bool,
    /// The client gave results of a search.
    results: bool,
}

/// Whether a block of a message is a thought whose proof is another's. One without any is Claude's business alone: other
/// models of this format do not prove theirs.
fn anthropics(block: &Item<'_>, reading: &Reading, cuts: &mut Cuts) -> bool {
    for name in ["id", "tool_use_id"] {
        shorten(block.get(name), ID_BYTES, cuts);
    }
    match block.text_at("type") {
        Some(kind) if kind.is("thinking") => {}
        Some(kind) if kind.is("text") => {
            citations(block, reading, cuts);
            return false;
        }
        _ => return false,
    }
    block
        .text_at("signature")
        .is_some_and(|proof| !proof::is_anthropics(&proof) && (reading.claude || !proof.is_empty()))
}

/// Leaves out citations of a text that the gateway made: of pages that Anthropic did not find, and of results that the
/// request does not hold.
fn citations(block: &Item<'_>, reading: &Reading, cuts: &mut Cuts) {
    let Some(list) = block.get("citations") else { return };
    let all: Vec<_> = list.elements().collect();
    let is_made = |one: &Item<'_>| match one.text_at("type") {
        Some(kind) if kind.is("web_search_result_location") => {
            one.text_at("encrypted_index").is_some_and(|index| index.is_empty())
        }
        Some(kind) if kind.is("search_result_location") => !reading.results,
        _ => false,
    };
    let gone: Vec<bool> = all.iter().map(is_made).collect();
    if !gone.contains(&true) {
        return;
    }
    cuts.citations = true;
    if gone.contains(&false) {
        leave_out(&all, &gone, cuts);
    } else {
        cuts.list.push((list.offset()..end(&list), Cow::Borrowed(b"null")));
    }
}

/// Whether a part is a thought whose proof is another's. Of other parts only the proof goes.
fn googles(part: &Item<'_>, signs: bool, cuts: &mut Cuts) -> bool {
    let Some(proof) = either(part, PROOF) else { return false };
    if proof.text().as_ref().and_then(signature::foreign).is_none() {
        return false;
    }
    let is_thought = part.get("thought").and_then(|thought| thought.flag()) == Some(true);
    if is_thought || part.text_at("text").is_some_and(|text| text.is_empty()) {
        return true;
    }
    let instead = if signs && either(part, CALL).is_some() { UNSIGNED } else { b"null" };
    cuts.list.push((proof.offset()..end(&proof), Cow::Borrowed(instead)));
    false
}

/// The first call of a content has a signature, or the word that stands for one.
fn sign(content: &Item<'_>, cuts: &mut Cuts) {
    let parts = content.get("parts").into_iter().flat_map(|parts| parts.elements());
    let Some(call) = parts.into_iter().find(|part| either(part, CALL).is_some()) else { return };
    if either(&call, PROOF).is_none() {
        let at = end(&call) - 1;
        cuts.list.push((at..at, Cow::Borrowed(UNSIGNED_MEMBER)));
    }
}

/// A member by either of its names.
fn either<'t>(item: &Item<'t>, names: [&str; 2]) -> Option<Item<'t>> {
    names.iter().find_map(|name| item.get(name))
}

/// The ids of calls in a message of chat completions.
fn called(message: &Item<'_>, cuts: &mut Cuts) {
    shorten(message.get("tool_call_id"), CHAT_ID_BYTES, cuts);
    let calls = message.get("tool_calls").into_iter().flat_map(|calls| calls.elements());
    for call in calls {
        shorten(call.get("id"), CHAT_ID_BYTES, cuts);
    }
}

/// An id that carries something, and is too long for that, gets its alias.
fn shorten(id: Option<Item<'_>>, longest: usize, cuts: &mut Cuts) {
    let Some((id, text)) = id.and_then(|id| Some((id, id.text()?))) else { return };
    let is_marked = || has_id_mark(text.as_written());
    if text.as_written().len() > longest && is_marked() {
        let short = [b"\"", alias(&text, longest).as_written(), b"\""].concat();
        cuts.list.push((id.offset()..end(&id), Cow::Owned(short)));
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
mod tests;
