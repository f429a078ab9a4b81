//! What `OpenAI`'s models take, in either of its formats, by their names.
//!
//! Source: the provider's model pages and its notes on reasoning, and what its servers refuse.

use super::prompt::{Knob, Prompt, Thinking};
use crate::traffic::dialect::json::Quoted;

/// Words for how far a model is to think, from the least on.
const WORDS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// When a model that thinks takes what shapes the choice of tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Samples {
    Always,
    Never,
    /// While it does not think, which it does not unless it is told to.
    Still,
    /// While it is told not to think.
    ToldStill,
}

/// One row of the table: models that take an effort.
struct Family {
    /// How their names begin.
    name: &'static str,
    /// The first and the last of the words that they know, and whether `none` is one of them.
    efforts: (&'static str, &'static str, bool),
    samples: Samples,
}

const fn family(name: &'static str, efforts: (&'static str, &'static str, bool), samples: Samples) -> Family {
    Family { name, efforts, samples }
}

/// Longer names before those that they begin with.
static FAMILIES: [Family; 15] = [
    family("gpt-oss", ("low", "high", false), Samples::Always),
    family("gpt-5-codex", ("low", "high", false), Samples::Never),
    family("gpt-5.1-codex-max", ("low", "xhigh", true), Samples::Still),
    family("gpt-5.1", ("low", "high", true), Samples::Still),
    family("gpt-5.2", ("low", "xhigh", true), Samples::Still),
    family("gpt-5.3", ("low", "xhigh", true), Samples::Still),
    family("gpt-5.4", ("low", "xhigh", true), Samples::Still),
    family("gpt-5.", ("low", "xhigh", true), Samples::ToldStill),
    family("gpt-5", ("minimal", "high", false), Samples::Never),
    family("gpt-6-astra", ("low", "max", false), Samples::Never),
    family("gpt-6.1-sol", ("low", "max", false), Samples::Never),
    family("gpt-6", ("low", "max", true), Samples::ToldStill),
    family("o1", ("low", "high", false), Samples::Never),
    family("o3", ("low", "high", false), Samples::Never),
    family("o4", ("low", "high", false), Samples::Never),
];

/// What is told to a model that it thinks about.
pub struct Mind<'p> {
    /// How far it is to think, if it is told.
    pub effort: Option<Quoted<'p>>,
    /// The effort that was asked of a model that takes none.
    pub lost: bool,
    /// It takes `temperature`, `top_p` and the logprobs of tokens.
    samples: bool,
    /// It takes penalties and stops.
    steered: bool,
}

impl<'p> Mind<'p> {
    pub fn of(model: &str, prompt: &'p Prompt<'_>) -> Self {
        let asked = prompt.effort.clone().or_else(|| effort_of(prompt.thinking));
        let Some(family) = Family::of(model) else {
            let lost = asked.is_some_and(|effort| !effort.is("none"));
            return Self { effort: None, lost, samples: true, steered: true };
        };
        let off = prompt.thinking == Some(Thinking::Off) && family.efforts.2;
        let effort = asked.map(|asked| family.word(asked)).or(off.then_some(Quoted::raw(b"none")));
        let still = effort.as_ref().is_some_and(|effort| effort.is("none"));
        let samples = match family.samples {
            Samples::Always => true,
            Samples::Never => false,
            Samples::Still => still || effort.is_none(),
            Samples::ToldStill => still,
        };
        Self { effort, lost: false, samples, steered: family.samples == Samples::Always }
    }

    /// Whether the model is told this number or switch.
    pub fn takes(&self, knob: Knob) -> bool {
        match knob {
            Knob::Temperature | Knob::TopP | Knob::Logprobs | Knob::TopLogprobs => self.samples,
            Knob::FrequencyPenalty | Knob::PresencePenalty | Knob::LogitBias => self.steered,
            Knob::TopK
            | Knob::MinP
            | Knob::RepetitionPenalty
            | Knob::Seed
            | Knob::Choices
            | Knob::Verbosity => true,
        }
    }

    pub const fn takes_stops(&self) -> bool {
        self.steered
    }
}

impl Family {
    fn of(model: &str) -> Option<&'static Family> {
        // Those that only chat think as little as those before them.
        let own = bare(model);
        FAMILIES.iter().find(|family| own.starts_with(family.name)).filter(|_| !own.contains("-chat"))
    }

    /// The word for an effort that the family knows: the nearest one that is not less, or else the last.
    fn word<'e>(&self, asked: Quoted<'e>) -> Quoted<'e> {
        let (first, last, none) = self.efforts;
        let place = |word: &str| WORDS.iter().position(|known| *known == word);
        let Some(at) = WORDS.iter().position(|word| asked.is(word)) else { return asked };
        match (place(first), place(last)) {
            _ if none && at == 0 => asked,
            (Some(first), Some(last)) => Quoted::raw(WORDS[at.clamp(first, last)].as_bytes()),
            _ => asked,
        }
    }
}

/// Whether the model is one of those for which `OpenAI` renamed the limit of tokens.
pub fn is_openais(model: &str) -> bool {
    ["gpt-", "chatgpt", "o1", "o3", "o4"].iter().any(|start| bare(model).starts_with(start))
}

/// Whether `OpenAI` itself serves the model, and so knows what is to be kept of an answer, and where.
pub fn served_by_openai(model: &str) -> bool {
    is_openais(model) && !bare(model).starts_with("gpt-oss")
}

/// Whether the model takes an effort.
pub fn reasons(model: &str) -> bool {
    Family::of(model).is_some()
}

/// Whether the model wants its own thoughts back, as `reasoning_content`. Servers of others refuse the member.
pub fn keeps_thoughts(model: &str) -> bool {
    let own = bare(model).to_ascii_lowercase();
    ["deepseek", "kimi", "glm"].iter().any(|start| own.starts_with(start))
}

/// What the template of a model's prompts calls the switch that turns its thoughts on and off, if it has one.
pub fn thinking_switch(model: &str) -> Option<&'static str> {
    const SWITCHES: [(&str, &str); 5] = [
        ("qwen3", "enable_thinking"),
        ("glm-", "enable_thinking"),
        ("deepseek-v3", "thinking"),
        ("kimi-k2.", "thinking"),
        ("granite-3", "thinking"),
    ];
    let own = bare(model).to_ascii_lowercase();
    SWITCHES.iter().find(|(start, _)| own.starts_with(start)).map(|(_, switch)| *switch)
}

/// The model's name without its maker's.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// The effort that a budget of thinking is worth.
fn effort_of(thinking: Option<Thinking>) -> Option<Quoted<'static>> {
    Some(Quoted::raw(match thinking? {
        // What none says, all understand.
        Thinking::Off | Thinking::Adaptive => return None,
        Thinking::Budget(..=1024) => b"low",
        Thinking::Budget(..=2048) => b"medium",
        Thinking::Budget(..=8192) => b"high",
        Thinking::Budget(_) => b"xhigh",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a model is told for an effort, and whether it takes a temperature with it, and stops.
    fn told(model: &str, effort: Option<&'static str>, thinking: Option<Thinking>) -> String {
        let effort = effort.map(|effort| Quoted::raw(effort.as_bytes()));
        let prompt = Prompt { effort, thinking, ..Prompt::default() };
        let mind = Mind::of(model, &prompt);
        let word = mind.effort.as_ref().map(|effort| effort.unescaped().into_owned()).unwrap_or_default();
        let word = String::from_utf8(word).expect("text");
        format!("{word} {} {}", mind.takes(Knob::Temperature), mind.takes_stops())
    }

    /// Each generation knows other words, and takes a temperature at other times.
    #[test]
    fn generations_differ() {
        for (model, effort, expected) in [
            ("gpt-4.1", Some("high"), " true true"),
            ("o3-mini", Some("minimal"), "low false false"),
            ("gpt-5-mini", Some("none"), "minimal false false"),
            ("gpt-5", Some("max"), "high false false"),
            ("openai/gpt-5.2", None, " true false"),
            ("gpt-5.2", Some("none"), "none true false"),
            ("gpt-5.2-codex", Some("max"), "xhigh false false"),
            ("gpt-5.6", None, " false false"),
            ("gpt-5.6", Some("none"), "none true false"),
            ("gpt-6-astra", Some("none"), "low false false"),
            ("gpt-6-terra", Some("max"), "max false false"),
            ("gpt-oss-120b", Some("xhigh"), "high true true"),
            ("gpt-5-chat-latest", Some("low"), " true true"),
            ("gpt-5.2", Some("ultra"), "ultra false false"),
        ] {
            assert_eq!(told(model, effort, None), expected, "{model} {effort:?}");
        }
        assert_eq!(told("gpt-5.6", None, Some(Thinking::Off)), "none true false");
        assert_eq!(told("gpt-5", None, Some(Thinking::Off)), " false false");
        assert_eq!(told("gpt-5.2", None, Some(Thinking::Budget(9000))), "xhigh false false");
    }
}
