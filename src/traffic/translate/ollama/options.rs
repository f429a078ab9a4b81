//! The members that a chat and a text to be completed have alike.

use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::knobs::{is_usual_tier, lose, says_nothing};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::{Knob, Output, Prompt, Thinking};

/// Writes `format`, `think`, `options` and `stream`, and names what has no place.
pub fn write(prompt: &Prompt<'_>, model: &str, out: &mut Writer<'_>, losses: &mut Losses) {
    match &prompt.output {
        Output::Text => {}
        Output::Json => _ = out.key("format").word("json"),
        Output::Schema { schema, .. } => _ = out.key("format").item(schema),
    }
    match think(prompt, model) {
        None => named(prompt, losses),
        Some(Think::Off) => _ = out.key("think").flag(false),
        Some(Think::Level(level)) => _ = out.key("think").text(level),
    }
    logprobs(prompt, out);
    options(prompt, out, losses);
    if prompt.who().is_some() {
        losses.hint("user");
    }
    if prompt.service_tier.as_ref().is_some_and(|tier| !is_usual_tier(tier)) {
        losses.parameter("service_tier");
    }
    // What is not told is a stream here.
    out.key("stream").flag(prompt.stream);
}

enum Think {
    Off,
    Level(&'static str),
}

/// Models that can think do so unless they are told not to, and the others refuse to be told to: only one family knows
/// how far.
fn think(prompt: &Prompt<'_>, model: &str) -> Option<Think> {
    let effort = prompt.effort.as_ref().map(Quoted::unescaped);
    if !model.contains("gpt-oss") {
        let off = prompt.thinking == Some(Thinking::Off) || effort.as_deref() == Some(b"none");
        return off.then_some(Think::Off);
    }
    Some(Think::Level(match (effort.as_deref(), prompt.thinking) {
        (Some(b"medium"), _) => "medium",
        (Some(b"high" | b"xhigh" | b"max"), _) => "high",
        // It cannot do without.
        (Some(_), _) | (None, Some(Thinking::Off | Thinking::Budget(..=1024))) => "low",
        (None, Some(Thinking::Budget(..=8192))) => "medium",
        (None, Some(Thinking::Budget(_))) => "high",
        (None, Some(Thinking::Adaptive) | None) => return None,
    }))
}

/// That a model thinks needs no word here, and there is none for how far.
fn named(prompt: &Prompt<'_>, losses: &mut Losses) {
    if prompt.effort.is_some() {
        losses.hint("reasoning_effort");
    } else if matches!(prompt.thinking, Some(Thinking::Budget(_))) {
        losses.hint("thinking");
    }
}

/// How likely the answer's tokens were is no option, and is named as the older dialects name it.
fn logprobs(prompt: &Prompt<'_>, out: &mut Writer<'_>) {
    for (knob, value) in prompt.knobs.iter().filter(|(knob, value)| !says_nothing(*knob, value)) {
        match knob {
            Knob::Logprobs => _ = out.key("logprobs").flag(true),
            Knob::TopLogprobs => _ = out.key("top_logprobs").item(value),
            _ => {}
        }
    }
}

fn options(prompt: &Prompt<'_>, out: &mut Writer<'_>, losses: &mut Losses) {
    let start = out.0.len();
    out.key("options").open("{");
    let empty = out.0.len();
    if let Some(tokens) = prompt.max_tokens {
        out.key("num_predict").count(tokens);
    }
    let mut stops = prompt.stop.iter().filter(|stop| !stop.is_empty()).peekable();
    if stops.peek().is_some() {
        out.key("stop").open("[");
        stops.for_each(|stop| _ = out.quoted(stop));
        out.close("]");
    }
    for (knob, value) in &prompt.knobs {
        option(*knob, *value, out, losses);
    }
    if out.0.len() == empty {
        out.0.truncate(start);
    } else {
        out.close("}");
    }
}

fn option(knob: Knob, value: Item<'_>, out: &mut Writer<'_>, losses: &mut Losses) {
    let name = match knob {
        Knob::Temperature => "temperature",
        Knob::TopP => "top_p",
        Knob::TopK => "top_k",
        Knob::MinP => "min_p",
        Knob::RepetitionPenalty => "repeat_penalty",
        Knob::Seed => "seed",
        Knob::FrequencyPenalty => "frequency_penalty",
        Knob::PresencePenalty => "presence_penalty",
        Knob::Logprobs | Knob::TopLogprobs => return,
        knob => return lose(knob, &value, losses),
    };
    out.key(name).item(&value);
}
