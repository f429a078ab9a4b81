//! Numbers and switches that a provider may not have.

use super::loss::Losses;
use super::prompt::Knob;
use crate::traffic::dialect::json::{Item, Quoted};

/// Notes a knob that has no place, unless it stands where it stands anyway.
pub fn lose(knob: Knob, value: &Item<'_>, losses: &mut Losses) {
    if !says_nothing(knob, value) {
        losses.parameter(name_of(knob));
    }
}

/// Whether a tier is the one that every provider has.
pub fn is_usual_tier(tier: &Quoted<'_>) -> bool {
    tier.is("auto") || tier.is("default")
}

/// Whether a knob stands where it stands anyway.
pub fn says_nothing(knob: Knob, value: &Item<'_>) -> bool {
    match knob {
        Knob::Choices => value.count() == Some(1),
        Knob::Logprobs => value.flag() == Some(false),
        Knob::FrequencyPenalty | Knob::PresencePenalty | Knob::MinP => matches!(value.raw(), b"0" | b"0.0"),
        Knob::Temperature | Knob::TopP | Knob::RepetitionPenalty => matches!(value.raw(), b"1" | b"1.0"),
        Knob::LogitBias => value.is_object() && value.members().next().is_none(),
        Knob::TopK | Knob::Seed | Knob::TopLogprobs | Knob::Verbosity => false,
    }
}

/// What clients call it.
fn name_of(knob: Knob) -> &'static str {
    match knob {
        Knob::Temperature => "temperature",
        Knob::TopP => "top_p",
        Knob::TopK => "top_k",
        Knob::MinP => "min_p",
        Knob::RepetitionPenalty => "repetition_penalty",
        Knob::Seed => "seed",
        Knob::FrequencyPenalty => "frequency_penalty",
        Knob::PresencePenalty => "presence_penalty",
        Knob::Logprobs => "logprobs",
        Knob::TopLogprobs => "top_logprobs",
        Knob::LogitBias => "logit_bias",
        Knob::Choices => "n",
        Knob::Verbosity => "verbosity",
    }
}
