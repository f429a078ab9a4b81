//! Whether a model thinks, as the member `thinking` tells it.

use super::family::{self, Family, Thinks};
use crate::traffic::dialect::json::Writer;
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::{Content, Part, Prompt, Role, Thinking};
use crate::traffic::translate::proof;

/// Fewest tokens that a thinking budget may have.
const BUDGET_MIN: u64 = 1024;
/// What a model gets that is to think as far as it sees fit, and knows budgets only.
const BUDGET: u64 = 4096;

/// Whether the model thinks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mind {
    /// As it does if it is told nothing.
    Untold,
    Still,
    Adaptive,
    Budget(u64),
}

impl Mind {
    pub fn of(prompt: &Prompt<'_>, family: &Family, max_tokens: u64, losses: &mut Losses) -> Self {
        let none = prompt.effort.as_ref().is_some_and(|effort| effort.is("none"));
        let asked = match (prompt.thinking, &prompt.effort) {
            (Some(thinking), _) => Some(thinking),
            (None, Some(_)) if none => Some(Thinking::Off),
            (None, Some(effort)) => {
                let budget = family::budget(effort).filter(|_| family.thinks == Thinks::Budget);
                Some(budget.map_or(Thinking::Adaptive, Thinking::Budget))
            }
            (None, None) => None,
        };
        let mind = match (family.thinks, asked) {
            (_, None) | (Thinks::Always | Thinks::Never, Some(Thinking::Off)) => Mind::Untold,
            (Thinks::Never, Some(_)) => {
                losses.hint("reasoning_effort");
                Mind::Untold
            }
            (_, Some(Thinking::Off)) => Mind::Still,
            (Thinks::Budget, Some(thinking)) if max_tokens > BUDGET_MIN => {
                let tokens = if let Thinking::Budget(tokens) = thinking { tokens } else { BUDGET };
                Mind::Budget(tokens.clamp(BUDGET_MIN, max_tokens - 1))
            }
            (Thinks::Budget, Some(_)) => {
                losses.hint("reasoning_effort");
                Mind::Still
            }
            (Thinks::Adaptive | Thinks::Always, Some(_)) => Mind::Adaptive,
        };
        // A turn that called tools must begin with its thought if the next one is to think; one that another model
        // made has none.
        if matches!(mind, Mind::Adaptive | Mind::Budget(_))
            && family.thinks != Thinks::Always
            && lacks_thought(prompt)
        {
            losses.hint("reasoning_effort");
            return Mind::Still;
        }
        mind
    }

    pub fn write(self, family: &Family, out: &mut Writer<'_>) {
        match self {
            Mind::Untold => {}
            Mind::Still if family.thinks == Thinks::Budget => {}
            Mind::Still => {
                out.key("thinking").raw(b"{\"type\":\"disabled\"}");
            }
            Mind::Adaptive => {
                out.key("thinking").raw(b"{\"type\":\"adaptive\",\"display\":\"summarized\"}");
            }
            Mind::Budget(tokens) => {
                out.key("thinking")
                    .open("{\"type\":\"enabled\"")
                    .key("budget_tokens")
                    .count(tokens)
                    .close("}");
            }
        }
    }
}

fn lacks_thought(prompt: &Prompt<'_>) -> bool {
    let thought = |part: &Part<'_>| match &part.content {
        Content::Thought { signature, .. } => signature.as_ref().is_some_and(proof::is_anthropics),
        Content::HiddenThought { .. } => true,
        _ => false,
    };
    let last = prompt.turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    last.is_some_and(|turn| {
        turn.parts.iter().any(|part| matches!(part.content, Content::Call { .. }))
            && !turn.parts.iter().any(thought)
    })
}
