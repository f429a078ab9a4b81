//! What a model is asked in words, where its format has no place for the form of an answer.

use super::prompt::{Output, Prompt};
use crate::traffic::dialect::json::{Item, Quoted};
use std::borrow::Cow;

const ANY_JSON: &str = "Answer with one JSON object and nothing else.";

/// The form that is wanted, in words.
pub fn for_form(output: &Output<'_>) -> Option<Cow<'static, str>> {
    match output {
        Output::Text => None,
        Output::Json => Some(Cow::Borrowed(ANY_JSON)),
        Output::Schema { schema, .. } => Some(Cow::Owned(json_of(*schema))),
    }
}

/// The same where a model can be held to a schema, but not to JSON of any kind.
pub fn for_any_json(output: &Output<'_>) -> Option<Cow<'static, str>> {
    if matches!(output, Output::Json) { for_form(output) } else { None }
}

/// The same where a model can be held to it, but its provider wants it spoken of: nobody who asks elsewhere has to.
pub fn for_unnamed_json(prompt: &Prompt<'_>) -> Option<Cow<'static, str>> {
    let names =
        |text: &Quoted<'_>| text.as_written().windows(4).any(|word| word.eq_ignore_ascii_case(b"json"));
    let mut parts = prompt.turns.iter().flat_map(|turn| &turn.parts);
    let json = for_any_json(&prompt.output)?;
    (!parts.any(|part| part.content.words().is_some_and(names))).then_some(json)
}

fn json_of(schema: Item<'_>) -> String {
    let schema = String::from_utf8_lossy(schema.raw());
    format!("Answer with one JSON object of this JSON schema and nothing else: {schema}")
}
