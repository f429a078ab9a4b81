//! What each family of models takes: the same request is an error to one and the only right one to another.
//!
//! Source: the provider's model overview, and its notes on thinking and effort.

use crate::traffic::dialect::json::Quoted;

/// How a family thinks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thinks {
    /// It does not.
    Never,
    /// With a budget of tokens, if it is asked to.
    Budget,
    /// As far as it sees fit, if it is asked to, or unless it is asked not to.
    Adaptive,
    /// Always.
    Always,
}

/// One row of the table.
pub struct Family {
    /// How its models' names begin, behind `claude-`.
    name: &'static str,
    pub thinks: Thinks,
    /// It takes an effort, up to this.
    pub effort: Effort,
    /// What it takes of `temperature`, `top_p` and `top_k`.
    pub samples: Samples,
    /// A call of a tool can be demanded of it.
    pub forced_calls: bool,
    /// It takes a system message behind the first others.
    pub late_system: bool,
    /// It can be held to a schema.
    pub structured: bool,
    pub output_tokens: u64,
}

/// What a family takes of the numbers that shape the choice of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Samples {
    Nothing,
    /// `temperature` and `top_p` not together.
    One,
    All,
}

/// Up to which effort a family goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effort {
    None,
    High,
    Max,
    XHigh,
}

const fn family(
    name: &'static str,
    thinks: Thinks,
    effort: Effort,
    samples: bool,
    forced_calls: bool,
    late_system: bool,
    output_tokens: u64,
) -> Family {
    let samples = if samples { Samples::One } else { Samples::Nothing };
    Family { name, thinks, effort, samples, forced_calls, late_system, structured: true, output_tokens }
}

/// One of those before the table's others: no effort, and no schema that it is held to.
const fn older(name: &'static str, thinks: Thinks, output_tokens: u64) -> Family {
    Family {
        name,
        thinks,
        effort: Effort::None,
        samples: Samples::All,
        forced_calls: true,
        late_system: false,
        structured: false,
        output_tokens,
    }
}

/// Longer names before those that they begin with.
static FAMILIES: [Family; 27] = [
    family("opus-5-5", Thinks::Always, Effort::XHigh, false, false, true, 128_000),
    family("fable-5-1", Thinks::Always, Effort::XHigh, false, false, true, 128_000),
    family("mythos-5-1", Thinks::Always, Effort::XHigh, false, false, true, 128_000),
    family("sonnet-5-5", Thinks::Always, Effort::XHigh, false, false, true, 128_000),
    family("haiku-5-5", Thinks::Adaptive, Effort::XHigh, false, true, true, 128_000),
    family("fable-5", Thinks::Always, Effort::XHigh, false, true, true, 128_000),
    family("mythos-5", Thinks::Always, Effort::XHigh, false, true, true, 128_000),
    family("opus-5", Thinks::Adaptive, Effort::XHigh, false, true, true, 128_000),
    family("sonnet-5", Thinks::Adaptive, Effort::XHigh, false, true, true, 128_000),
    family("opus-4-8", Thinks::Adaptive, Effort::XHigh, false, true, true, 128_000),
    family("opus-4-7", Thinks::Adaptive, Effort::XHigh, false, true, false, 128_000),
    family("opus-4-6", Thinks::Adaptive, Effort::Max, true, true, false, 128_000),
    family("sonnet-4-6", Thinks::Adaptive, Effort::Max, true, true, false, 128_000),
    family("opus-4-5", Thinks::Budget, Effort::High, true, true, false, 64_000),
    family("sonnet-4-5", Thinks::Budget, Effort::None, true, true, false, 64_000),
    family("haiku-4-5", Thinks::Budget, Effort::None, true, true, false, 64_000),
    family("opus-4-1", Thinks::Budget, Effort::None, true, true, false, 32_000),
    older("opus-4-0", Thinks::Budget, 32_000),
    older("opus-4-2025", Thinks::Budget, 32_000),
    older("opus-4@", Thinks::Budget, 32_000),
    older("sonnet-4-0", Thinks::Budget, 64_000),
    older("sonnet-4-2025", Thinks::Budget, 64_000),
    older("sonnet-4@", Thinks::Budget, 64_000),
    older("3-7", Thinks::Budget, 64_000),
    older("3-5", Thinks::Never, 8192),
    older("3-", Thinks::Never, 4096),
    // What is not known yet is taken for one of the newer kind that can do without thinking.
    family("", Thinks::Adaptive, Effort::XHigh, true, true, false, 64_000),
];

/// Stands before the name of a family.
const MARK: &[u8] = b"claude-";

impl Family {
    /// The family of a model, by its provider's name for it.
    pub fn of(model: &str) -> &'static Family {
        // Clouds put words of their own before the name.
        let mark = model.as_bytes().windows(MARK.len()).rposition(|part| part == MARK);
        let own = mark.and_then(|at| model.get(at + MARK.len()..)).unwrap_or(model);
        FAMILIES.iter().find(|family| own.starts_with(family.name)).unwrap_or(&FAMILIES[FAMILIES.len() - 1])
    }

    /// The effort that it takes for the one that was asked for. `still`: it is told not to think, and refuses to try
    /// harder than most without.
    pub fn effort(&self, asked: &Quoted<'_>, still: bool) -> Option<&'static str> {
        let wanted = match &*asked.unescaped() {
            b"none" if self.thinks == Thinks::Always => "low",
            b"minimal" | b"low" => "low",
            b"medium" => "medium",
            b"high" => "high",
            b"xhigh" if still || self.effort < Effort::XHigh => "high",
            b"xhigh" => "xhigh",
            b"max" if still || self.effort < Effort::Max => "high",
            b"max" => "max",
            _ => return None,
        };
        (self.effort != Effort::None).then_some(wanted)
    }
}

/// The tokens that an effort is worth to a family that thinks by budget.
pub fn budget(asked: &Quoted<'_>) -> Option<u64> {
    match &*asked.unescaped() {
        b"minimal" | b"low" => Some(1024),
        b"medium" => Some(2048),
        b"high" => Some(4096),
        b"xhigh" => Some(8192),
        b"max" => Some(16_384),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of every cloud lead to their family, and a family whose name begins another's does not take its place.
    #[test]
    fn names_lead_to_families() {
        for (model, name) in [
            ("claude-opus-5-5", "opus-5-5"),
            ("claude-opus-5", "opus-5"),
            ("us.anthropic.claude-sonnet-5", "sonnet-5"),
            ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "haiku-4-5"),
            ("claude-opus-4-8@20260901", "opus-4-8"),
            ("claude-opus-4@20250514", "opus-4@"),
            ("claude-opus-4-1-20250805", "opus-4-1"),
            ("anthropic.claude-3-5-haiku-20241022-v1:0", "3-5"),
            ("claude-3-haiku-20240307", "3-"),
            ("something-else", ""),
        ] {
            assert_eq!(Family::of(model).name, name, "{model}");
        }
    }
}
