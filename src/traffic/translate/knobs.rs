//! Numbers and switches that this provider may not have.

use crate::traffic::translate::prompt::Knob;

/// Whether a knob stands where it stands anyway.
pub fn says_nothing(knob: Knob, value: &[u8]) -> bool {
    match knob {
        Knob::Choices => value == b"1",
        Knob::Logprobs => value == b"false",
        Knob::FrequencyPenalty | Knob::PresencePenalty => matches!(value, b"0" | b"0.0"),
        Knob::Temperature | Knob::TopP => matches!(value, b"1" | b"1.0"),
        Knob::LogitBias => value == b"{}",
        Knob::TopK | Knob::Seed | Knob::TopLogprobs | Knob::Verbosity => false,
    }
}

/// What clients call it.
pub fn name_of(knob: Knob) -> &'static str {
    match knob {
        Knob::Temperature => "temperature",
        Knob::TopP => "top_p",
        Knob::TopK => "top_k",
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
