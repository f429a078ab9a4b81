//! What a history holds that Claude's servers look at: names of tools, cache marks, and whose thoughts they are.

use crate::traffic::dialect::json::Quoted;
use crate::traffic::translate::prompt::{Content, Part, Prompt};
use crate::traffic::translate::proof;
use std::collections::HashSet;

/// Cache marks that are taken in one request.
const MARKS: usize = 4;

/// How many of the first cache marks go, so that the last ones fit.
pub fn marks_to_skip(prompt: &Prompt<'_>) -> usize {
    let parts = prompt.turns.iter().flat_map(|turn| &turn.parts).map(marks);
    let tools = prompt.tools.iter().filter(|tool| tool.cached.is_some());
    (parts.sum::<usize>() + tools.count()).saturating_sub(MARKS)
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
