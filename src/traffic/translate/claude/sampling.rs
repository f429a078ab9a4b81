//! Which of the numbers that shape the choice of tokens a model is told.
//!
//! Source: the provider's notes on migration to each generation.

use super::family::{Family, Samples};
use super::mind::Mind;
use crate::traffic::dialect::json::Item;
use crate::traffic::translate::knobs::says_nothing;
use crate::traffic::translate::prompt::{Knob, Prompt};

/// What a model takes of them in this request.
#[derive(Clone, Copy)]
pub struct Sampling {
    temperature: bool,
    top_p: bool,
    top_k: bool,
}

impl Sampling {
    /// A model that thinks takes none. Where `temperature` and `top_p` are refused together, the first one counts, unless it
    /// stands where it stands anyway.
    pub fn of(prompt: &Prompt<'_>, family: &Family, mind: Mind) -> Self {
        let any = family.samples != Samples::Nothing && !matches!(mind, Mind::Adaptive | Mind::Budget(_));
        let named = |wanted: Knob| prompt.knobs.iter().find(|(knob, _)| *knob == wanted);
        let told = |wanted: Knob| named(wanted).is_some_and(|(_, value)| !says_nothing(wanted, value));
        let pair = family.samples == Samples::One
            && named(Knob::Temperature).is_some()
            && named(Knob::TopP).is_some();
        let second = told(Knob::TopP) && !told(Knob::Temperature);
        Self { temperature: any && !(pair && second), top_p: any && (!pair || second), top_k: any }
    }

    /// Whether the model is told this number.
    pub fn takes(self, knob: Knob) -> bool {
        match knob {
            Knob::Temperature => self.temperature,
            Knob::TopP => self.top_p,
            Knob::TopK => self.top_k,
            _ => false,
        }
    }
}

/// A temperature on this provider's scale, which ends at 1.
pub fn temperature<'v>(value: &Item<'v>) -> &'v [u8] {
    let hot = value.number().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    if hot.is_some_and(|hot: f64| hot > 1.0) { b"1" } else { value.raw() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Tree;

    /// What is left of three numbers, for a family and a mind.
    fn left(model: &str, mind: Mind, temperature: &str, top_p: &str) -> String {
        let text = format!("[{temperature},{top_p},5]");
        let mut tree = Tree::default();
        let page = tree.parse(text.as_bytes()).expect("valid");
        let values = page.root().elements();
        let knobs = [Knob::Temperature, Knob::TopP, Knob::TopK].into_iter().zip(values).collect();
        let prompt = Prompt { knobs, ..Prompt::default() };
        let sampling = Sampling::of(&prompt, Family::of(model), mind);
        let kept = prompt.knobs.iter().filter(|(knob, _)| sampling.takes(*knob));
        kept.map(|(knob, _)| format!("{knob:?} ")).collect()
    }

    /// Two numbers that a generation refuses together are told one at a time; the one that says nothing goes.
    #[test]
    fn refused_pairs_are_parted() {
        for (model, mind, temperature, top_p, expected) in [
            ("claude-sonnet-4-5", Mind::Untold, "0.2", "0.9", "Temperature TopK "),
            ("claude-sonnet-4-5", Mind::Untold, "1.0", "0.9", "TopP TopK "),
            ("claude-sonnet-4-5", Mind::Untold, "1", "1.0", "Temperature TopK "),
            ("claude-opus-4-1", Mind::Still, "0", "1", "Temperature TopK "),
            ("claude-3-5-haiku-latest", Mind::Untold, "0.2", "0.9", "Temperature TopP TopK "),
            ("claude-sonnet-4-5", Mind::Budget(2000), "0.2", "0.9", ""),
            ("claude-opus-5", Mind::Untold, "0.2", "0.9", ""),
        ] {
            assert_eq!(left(model, mind, temperature, top_p), expected, "{model} {temperature} {top_p}");
        }
    }
}
