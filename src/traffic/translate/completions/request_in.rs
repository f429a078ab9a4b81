//! A completion request as it is understood.
//!
//! A chat has an answer without its question: what asks for that is a parameter.
//! Without `max_tokens` the answer is as long as the provider lets it be; the sixteen tokens of the original would end
//! an answer in the middle of its first sentence.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::{Content, Knob, Part, Prompt, Role, Turn};
use crate::traffic::translate::shape::At;

const KNOBS: [(&str, Knob); 10] = [
    ("temperature", Knob::Temperature),
    ("top_p", Knob::TopP),
    ("top_k", Knob::TopK),
    ("min_p", Knob::MinP),
    ("repetition_penalty", Knob::RepetitionPenalty),
    ("seed", Knob::Seed),
    ("frequency_penalty", Knob::FrequencyPenalty),
    ("presence_penalty", Knob::PresencePenalty),
    ("logit_bias", Knob::LogitBias),
    ("n", Knob::Choices),
];

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or several texts are to be completed, or tokens.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut prompt = Prompt::default();
    let mut text = None;
    for (name, value) in At::root_members(body)? {
        match &*name {
            b"model" => {}
            b"prompt" => text = Some(value),
            name => member(&mut prompt, name, value, losses)?,
        }
    }
    let text = only(text.ok_or_else(|| At::root("prompt").invalid("is missing."))?)?;
    prompt.turns = vec![Turn { role: Role::User, parts: Part::of(Content::Text(text)).into() }];
    Ok(prompt)
}

fn member<'b>(
    prompt: &mut Prompt<'b>,
    name: &[u8],
    value: Item<'b>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    match name {
        b"stream" => prompt.stream = At::root("stream").flag(Some(value))?.unwrap_or_default(),
        b"max_tokens" => prompt.max_tokens = At::root("max_tokens").count(Some(value))?,
        b"stop" => prompt.stop = stop(value)?,
        b"suffix" => {
            let suffix = At::root("suffix").text(Some(value))?;
            prompt.suffix = Some(suffix).filter(|suffix| !suffix.is_empty());
        }
        b"user" => prompt.user = Some(At::root("user").text(Some(value))?),
        // How many others are told beside each token, which is a switch and a number elsewhere.
        b"logprobs" => {
            prompt.knobs.push((Knob::Logprobs, value));
            if value.count().is_some_and(|others| others > 0) {
                prompt.knobs.push((Knob::TopLogprobs, value));
            }
        }
        // Heeded by whoever writes the answer.
        b"stream_options" => {}
        b"echo" if value.flag() == Some(false) => {}
        b"best_of" if value.count() == Some(1) => {}
        _ => match KNOBS.iter().find(|(known, _)| known.as_bytes() == name) {
            Some((_, knob)) => prompt.knobs.push((*knob, value)),
            None => losses.foreign_parameter(name),
        },
    }
    Ok(())
}

fn stop(value: Item<'_>) -> Result<Vec<Quoted<'_>>, Fault> {
    let at = At::root("stop");
    if let Some(one) = value.text() {
        return Ok(vec![one]);
    }
    at.array(value)?.enumerate().map(|(index, one)| at.index(index).text(Some(one))).collect()
}

/// The one text that is to be completed.
fn only(prompt: Item<'_>) -> Result<Quoted<'_>, Fault> {
    if let Some(text) = prompt.text() {
        return Ok(text);
    }
    let mut elements = prompt.elements();
    match (elements.next(), elements.next()) {
        (Some(first), _) if matches!(first.kind(), Kind::Number | Kind::Array) => Err(At::root("prompt")
            .untranslatable("holds tokens, which another model counts otherwise: send text.")),
        (Some(first), None) => At::root("prompt").index(0).text(Some(first)),
        (Some(_), Some(_)) => Err(At::root("prompt")
            .untranslatable("holds several texts: the model's provider completes one at a time.")),
        (None, _) => Err(At::root("prompt").wants("a string or an array of one string")),
    }
}
