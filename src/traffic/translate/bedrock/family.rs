//! What the models of each maker take.
//!
//! Source: the user guide's tables of supported models for `toolChoice`, prompt caching and structured output, and the
//! makers' pages of inference parameters.

use crate::traffic::translate::claude;

/// Whose models they are, where that decides what a request says.
#[derive(Clone, Copy)]
pub enum Maker {
    Anthropic(&'static claude::family::Family),
    Amazon {
        reasons: bool,
    },
    OpenAi,
    Other,
    /// A name that does not tell: that of an inference profile, for one.
    Unknown,
}

/// Which calls can be demanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forced {
    None,
    /// Of any tool.
    Any,
    /// Of one tool, too.
    One,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Family {
    /// A part of its models' names.
    name: &'static str,
    pub maker: Maker,
    pub forced: Forced,
    /// It can be held to a schema.
    pub structured: bool,
    /// It takes cache points.
    pub caches: bool,
}

const fn family(name: &'static str, maker: Maker, forced: Forced, structured: bool, caches: bool) -> Family {
    Family { name, maker, forced, structured, caches }
}

/// Longer names before those that they begin with.
static FAMILIES: [Family; 11] = [
    family("nova-2", Maker::Amazon { reasons: true }, Forced::One, false, true),
    family("nova-", Maker::Amazon { reasons: false }, Forced::One, false, true),
    family("openai.", Maker::OpenAi, Forced::None, true, false),
    family("mistral", Maker::Other, Forced::Any, true, false),
    family("deepseek", Maker::Other, Forced::None, true, false),
    family("qwen", Maker::Other, Forced::None, true, false),
    family("llama", Maker::Other, Forced::None, false, false),
    family("cohere.", Maker::Other, Forced::None, false, false),
    family("ai21.", Maker::Other, Forced::None, false, false),
    family("titan-", Maker::Other, Forced::None, false, false),
    family("", Maker::Unknown, Forced::One, true, true),
];

impl Family {
    /// The family of a model, by its id, the id of its inference profile, or an ARN of either.
    pub fn of(model: &str) -> Family {
        if model.contains("claude-") {
            let claude = claude::family::Family::of(model);
            let forced = if claude.forced_calls { Forced::One } else { Forced::None };
            return family("claude-", Maker::Anthropic(claude), forced, claude.structured, true);
        }
        let found = FAMILIES.iter().find(|family| model.contains(family.name));
        *found.unwrap_or(&FAMILIES[FAMILIES.len() - 1])
    }

    /// Its thoughts go back with what proves them.
    pub fn wants_thoughts(&self) -> bool {
        matches!(self.maker, Maker::Anthropic(_) | Maker::Unknown)
    }

    /// The result of a tool may say that the tool failed.
    pub fn knows_failures(&self) -> bool {
        matches!(self.maker, Maker::Anthropic(_) | Maker::Amazon { .. } | Maker::Unknown)
    }

    /// It counts input that was cached among the input, which others do not.
    pub fn counts_cached(&self) -> bool {
        matches!(self.maker, Maker::OpenAi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids, regional profiles and ARNs lead to their family; what does not tell is of none.
    #[test]
    fn names_lead_to_families() {
        for (model, name) in [
            ("anthropic.claude-haiku-4-5-20251001-v1:0", "claude-"),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-5", "claude-"),
            ("amazon.nova-pro-v1:0", "nova-"),
            ("global.amazon.nova-2-lite-v1:0", "nova-2"),
            ("openai.gpt-oss-120b-1:0", "openai."),
            ("us.meta.llama3-3-70b-instruct-v1:0", "llama"),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x9", ""),
        ] {
            assert_eq!(Family::of(model).name, name, "{model}");
        }
        let Maker::Anthropic(claude) = Family::of("us.anthropic.claude-opus-5-5").maker else {
            unreachable!("it is Claude")
        };
        assert_eq!(claude.samples, claude::family::Samples::Nothing);
    }
}
