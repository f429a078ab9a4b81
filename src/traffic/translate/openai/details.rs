//! Thoughts in parts, as `OpenRouter` has them in this format (`reasoning_details`): with the proofs of whoever thought
//! them, which it wants back as they were.
//!
//! Source: its guide to reasoning tokens, on preserving them.

use crate::traffic::dialect::json::{Item, Quoted, Tree, Writer, escape_bytes};
use crate::traffic::translate::prompt::{Content, Part};
use crate::traffic::translate::proof;

/// Names of a part's words, which stand in the thought itself.
const WORDS: [&str; 2] = ["text", "summary"];

/// What a part says.
pub fn words(detail: Item<'_>) -> Option<Quoted<'_>> {
    WORDS.iter().find_map(|name| detail.text_at(name))
}

/// A part without its words, as the proof of its thought, if it proves anything.
pub fn proof_of(detail: Item<'_>) -> Option<Quoted<'static>> {
    let given = |name| detail.text_at(name).is_some_and(|text| !text.is_empty());
    if !given("signature") && !given("data") {
        return None;
    }
    let mut object = vec![];
    let mut out = Writer(&mut object);
    out.open("{");
    for (name, value) in detail.members().filter(|(name, _)| !WORDS.iter().any(|word| name.is(word))) {
        if let Ok(name) = std::str::from_utf8(name.as_written()) {
            out.key(name).item(&value);
        }
    }
    out.close("}");
    let mut source = vec![];
    escape_bytes(&object, |piece| source.extend_from_slice(piece));
    Some(proof::of_details(&source))
}

/// Whether a model is one of the makers whose thoughts have this proof, by the name that a router has for it.
pub fn are_of(signature: &Quoted<'_>, model: &str) -> bool {
    let Some(detail) = proof::details(signature).map(|source| Quoted::raw(source).unescaped().into_owned())
    else {
        return false;
    };
    let mut tree = Tree::default();
    let Some((maker, _)) = model.split_once('/') else { return false };
    let page = tree.parse(&detail).ok();
    let format = page.as_ref().and_then(|page| page.root().text_at("format"));
    let Some(format) = format else { return true };
    let starts = |start: &str| format.as_written().starts_with(start.as_bytes());
    match maker {
        "anthropic" => starts("anthropic-"),
        "openai" => starts("openai-"),
        "google" => starts("google-"),
        "x-ai" => starts("xai-"),
        _ => !["anthropic-", "openai-", "google-", "xai-"].into_iter().any(starts),
    }
}

/// Writes the parts that a provider gave, with their words.
pub fn write<'p>(thoughts: impl Iterator<Item = (&'p Quoted<'p>, &'p Quoted<'p>)>, out: &mut Writer<'_>) {
    out.open("[");
    for (text, signature) in thoughts {
        let Some(source) = proof::details(signature) else { continue };
        let detail = Quoted::raw(source).unescaped().into_owned();
        let mut tree = Tree::default();
        let Ok(page) = tree.parse(&detail) else { continue };
        let detail = page.root();
        let is = |kind: &str| detail.text_at("type").is_some_and(|given| given.is(kind));
        let (sealed, text) = (is("reasoning.encrypted"), Some(text).filter(|text| !text.is_empty()));
        if let Some(text) = text.filter(|_| sealed) {
            out.open("{\"type\":\"reasoning.summary\"").key("summary").quoted(text);
            for name in ["format", "index"] {
                if let Some(value) = detail.get(name) {
                    out.key(name).item(&value);
                }
            }
            out.close("}");
        }
        out.open("{");
        for (name, value) in detail.members() {
            out.key(std::str::from_utf8(name.as_written()).unwrap_or_default()).item(&value);
        }
        if let Some(text) = text.filter(|_| !sealed) {
            out.key(if is("reasoning.summary") { "summary" } else { "text" }).quoted(text);
        }
        out.close("}");
    }
    out.close("]");
}

/// The thoughts that a client gives back as it got them of a router: `None` if nothing proves them. What is Claude's or
/// Google's own, they take wherever they run; what `OpenAI` sealed it reads for the account only that it was sealed for.
pub fn thoughts(details: Item<'_>) -> Option<Vec<Part<'_>>> {
    let mut parts = vec![];
    // A summary goes with what was sealed of the same thought.
    let mut summary: Option<Quoted<'_>> = None;
    let mut proved = false;
    for detail in details.elements() {
        let text = words(detail).unwrap_or_default();
        let Some(proof) = proof_of(detail) else {
            if let Some(before) = summary.replace(text) {
                parts.push(thought(before, None));
            }
            continue;
        };
        proved = true;
        let maker = |start: &str| {
            detail.text_at("format").is_some_and(|format| format.as_written().starts_with(start.as_bytes()))
        };
        let text = if text.is_empty() { summary.take().unwrap_or_default() } else { text };
        let (signature, data) = (detail.text_at("signature"), detail.text_at("data"));
        match (signature.filter(|signature| !signature.is_empty()), data) {
            (Some(signature), _) if maker("anthropic-") => parts.push(thought(text, Some(signature))),
            (None, Some(data)) if maker("anthropic-") => {
                parts.push(Part::of(Content::HiddenThought { data }));
            }
            (Some(signature), _) if maker("google-") => {
                parts.push(thought(text, Some(proof::of_google(&signature.unescaped()))));
            }
            _ => parts.push(thought(text, Some(proof))),
        }
    }
    parts.extend(summary.map(|text| thought(text, None)));
    proved.then_some(parts)
}

fn thought<'b>(text: Quoted<'b>, signature: Option<Quoted<'b>>) -> Part<'b> {
    Part::of(Content::Thought { text, signature })
}
