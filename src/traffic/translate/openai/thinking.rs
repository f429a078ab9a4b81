//! Whether and how far a model is to think, in the words that its server has for it.
//!
//! Source: the references of `OpenAI`, `OpenRouter` and `DeepSeek`; the templates of the models' prompts.

use crate::contract::parameters::Parameter;
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::Destination;
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::makers::{Mind, reasons, thinking_switch};
use crate::traffic::translate::prompt::{Prompt, Thinking};

/// Writes what the server is told, and names what it cannot be.
pub fn write(
    prompt: &Prompt<'_>,
    to: Destination<'_>,
    mind: &Mind<'_>,
    out: &mut Writer<'_>,
    losses: &mut Losses,
) {
    if to.parameters.has(Parameter::Reasoning) {
        reasoning(prompt, mind, reasons(to.model), out);
        return;
    }
    if let Some(effort) = &mind.effort {
        out.key("reasoning_effort").quoted(effort);
        return;
    }
    let Some(on) = wished(prompt) else {
        if mind.lost {
            losses.hint("thinking");
        }
        return;
    };
    let switch = thinking_switch(to.model).filter(|_| to.parameters.has(Parameter::ChatTemplateKwargs));
    if to.parameters.has(Parameter::Thinking) {
        out.key("thinking").open("{\"type\":").word(if on { "enabled" } else { "disabled" }).close("}");
    } else if let Some(switch) = switch {
        out.key("chat_template_kwargs").open("{").key(switch).flag(on).close("}");
    } else if mind.lost {
        losses.hint("thinking");
        return;
    }
    // On and off is all that these know.
    if mind.lost && !matches!(prompt.thinking, Some(Thinking::Adaptive)) {
        losses.hint("reasoning_effort");
    }
}

/// Whether thoughts are asked for, or asked not to be.
fn wished(prompt: &Prompt<'_>) -> Option<bool> {
    match (&prompt.effort, prompt.thinking) {
        (_, Some(Thinking::Off)) => Some(false),
        (Some(effort), _) => Some(!effort.is("none")),
        (None, thinking) => thinking.map(|_| true),
    }
}

/// An object for all of it. Models of makers whose words are known are told theirs.
fn reasoning(prompt: &Prompt<'_>, mind: &Mind<'_>, knows_words: bool, out: &mut Writer<'_>) {
    let effort = if knows_words { mind.effort.as_ref() } else { prompt.effort.as_ref() };
    // There is no word beyond this one.
    let most = Quoted::raw(b"xhigh");
    let effort = effort.map(|effort| if effort.is("max") { &most } else { effort });
    match (effort, prompt.thinking) {
        (_, Some(Thinking::Off)) => _ = out.key("reasoning").raw(b"{\"effort\":\"none\"}"),
        (Some(effort), _) => _ = out.key("reasoning").open("{\"effort\":").quoted(effort).close("}"),
        (None, Some(Thinking::Budget(tokens))) => {
            out.key("reasoning").open("{\"max_tokens\":").count(tokens).close("}");
        }
        (None, Some(Thinking::Adaptive)) => _ = out.key("reasoning").raw(b"{\"enabled\":true}"),
        (None, None) => {}
    }
}
