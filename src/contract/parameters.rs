//! What a server of `OpenAI`'s format knows of a request's parameters that the format itself does not have, or has by
//! another name.
//!
//! A provider's configuration names them, or its vendor's row does: no code asks whose a provider is.

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parameter {
    /// The seed has this name there, and is refused by the other.
    RandomSeed,
    /// The limit of tokens has this name alone, whatever the model.
    MaxTokens,
    TopK,
    MinP,
    RepetitionPenalty,
    /// The same as it is called where it was first.
    RepeatPenalty,
    /// An object with effort and budget, for models of every maker.
    Reasoning,
    /// An object that turns thoughts on and off.
    Thinking,
    /// Values for the template of a model's prompts, which for some turn thoughts on and off.
    ChatTemplateKwargs,
    /// What it does not know it refuses, `user` too.
    KnownOnly,
}

impl Parameter {
    pub const ALL: [Parameter; 10] = [
        Parameter::RandomSeed,
        Parameter::MaxTokens,
        Parameter::TopK,
        Parameter::MinP,
        Parameter::RepetitionPenalty,
        Parameter::RepeatPenalty,
        Parameter::Reasoning,
        Parameter::Thinking,
        Parameter::ChatTemplateKwargs,
        Parameter::KnownOnly,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&str; Parameter::ALL.len()] = [
        "random_seed",
        "max_tokens",
        "top_k",
        "min_p",
        "repetition_penalty",
        "repeat_penalty",
        "reasoning",
        "thinking",
        "chat_template_kwargs",
        "known_only",
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).map(|at| Self::ALL[at])
    }
}

/// Those that a provider has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Parameters(u16);

impl Parameters {
    pub const NONE: Self = Self(0);

    #[must_use]
    pub const fn with(self, one: Parameter) -> Self {
        Self(self.0 | 1 << one as u16)
    }

    pub const fn has(self, one: Parameter) -> bool {
        self.0 & 1 << one as u16 != 0
    }
}

impl FromIterator<Parameter> for Parameters {
    fn from_iter<I: IntoIterator<Item = Parameter>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each has its own name and its own place.
    #[test]
    fn each_is_itself() {
        for one in Parameter::ALL {
            let found: Vec<_> =
                Parameter::NAMES.iter().filter(|name| Parameter::named(name) == Some(one)).collect();
            assert_eq!(found.len(), 1, "{one:?}");
            let only = Parameters::NONE.with(one);
            assert!(Parameter::ALL.iter().all(|other| only.has(*other) == (*other == one)), "{one:?}");
        }
        assert_eq!(Parameter::named("seed"), None);
    }
}
