//! What a history holds that Claude's servers look at: names of tools, cache marks, and whose thoughts they are.

use crate::traffic::dialect::json::Quoted;
use crate::traffic::translate::prompt::{Content, Part, Prompt};
use crate::traffic::translate::proof;
use std::collections::HashSet;

/// Cache marks that are taken in one request.
const MARKS: usize = 4;

/// Most tools that a model is held to the schemas of.
const STRICT: usize = 20;

/// How many of the first cache marks go, so that the last ones fit. Tools stand in front of everything, though they are
/// written last.
#[derive(Clone, Copy)]
pub struct Skipped {
    pub tools: usize,
    pub others: usize,
}

impl Skipped {
    pub const ALL: Self = Self { tools: usize::MAX, others: usize::MAX };

    pub fn of(prompt: &Prompt<'_>) -> Self {
        let others: usize = prompt.turns.iter().flat_map(|turn| &turn.parts).map(marks).sum();
        let tools = prompt.tools.iter().filter(|tool| tool.cached.is_some()).count();
        let skipped = (others + tools).saturating_sub(MARKS);
        Self { tools: skipped.min(tools), others: skipped.saturating_sub(tools) }
    }
}

/// Whether the model can be held to the schemas of all tools that are to be strict.
pub fn holds_all(prompt: &Prompt<'_>) -> bool {
    let strict = prompt.tools.iter().filter_map(|tool| tool.strict);
    strict.filter(|strict| strict.flag() == Some(true)).count() <= STRICT
}

/// The text that ends an answer which the model is to go on with: no blank may end it.
pub fn end_trimmed<'q>(text: &'q Quoted<'_>) -> Quoted<'q> {
    const BLANKS: [&[u8]; 4] = [b" ", b"\\n", b"\\t", b"\\r"];
    let mut kept = text.as_written();
    while let Some(shorter) = BLANKS.iter().find_map(|blank| kept.strip_suffix(*blank)) {
        // A backslash of the text's own is two.
        let backslashes = shorter.iter().rev().take_while(|byte| **byte == b'\\').count();
        if kept.ends_with(b" ") || backslashes % 2 == 0 {
            kept = shorter;
        } else {
            break;
        }
    }
    Quoted::raw(kept)
}

fn marks(part: &Part<'_>) -> usize {
    let inside = match &part.content {
        Content::Result { parts, .. } => parts.iter().map(marks).sum(),
        _ => 0,
    };
    inside + usize::from(part.cached.is_some() && says_something(part))
}

/// Names of tools in the history, each once, where there is no list of tools: the provider wants one all the same.
pub fn called_names<'p, 'b>(prompt: &'p Prompt<'b>) -> Vec<&'p Quoted<'b>> {
    if !prompt.tools.is_empty() {
        return vec![];
    }
    let mut known = HashSet::new();
    let parts = prompt.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match &part.content {
        Content::Call { name, .. } => Some(name),
        _ => None,
    });
    called.filter(|name| known.insert(name.as_written())).collect()
}

/// Texts must not be blank; thoughts of other models mean nothing here.
pub fn says_something(part: &Part<'_>) -> bool {
    match &part.content {
        Content::Text(text) => !text.is_blank(),
        Content::Thought { signature, .. } => signature.as_ref().is_some_and(proof::is_anthropics),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blanks at the end go, in whatever way they are written; letters behind a backslash stay.
    #[test]
    fn ends_are_trimmed() {
        for (text, trimmed) in
            [("{ ", "{"), (r"a \n\t ", "a"), (r"a\\n", r"a\\n"), (r"a\\\n", r"a\\"), ("a", "a"), (" ", "")]
        {
            assert_eq!(end_trimmed(&Quoted::raw(text.as_bytes())), Quoted::raw(trimmed.as_bytes()), "{text}");
        }
    }
}
