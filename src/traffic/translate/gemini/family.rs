//! What each family of models takes.
//!
//! Source: the provider's notes on thinking and on thought signatures, and its model overview.

use crate::traffic::dialect::json::Quoted;
use crate::traffic::translate::prompt::{Prompt, Thinking};

/// How a family is told how far to think.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Thinks {
    /// It does not.
    Never,
    /// By a number of tokens between these.
    Budget { least: u64, most: u64, can_not: bool },
    /// By a word, of which this is the least. It cannot do without.
    Level { least: &'static str },
}

/// One row of the table.
pub struct Family {
    /// A part of its models' names.
    name: &'static str,
    thinks: Thinks,
    /// It takes `temperature`, `topP` and `topK`.
    pub samples: bool,
}

/// How far a model is told to think.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mind {
    /// As it does if it is told nothing.
    Untold,
    /// The same, and its thoughts are shown.
    Free,
    Budget(i64),
    Level(&'static str),
}

const fn level(name: &'static str, least: &'static str, samples: bool) -> Family {
    Family { name, thinks: Thinks::Level { least }, samples }
}

const fn budget(name: &'static str, least: u64, most: u64, can_not: bool) -> Family {
    Family { name, thinks: Thinks::Budget { least, most, can_not }, samples: true }
}

/// Longer names before those that they begin with.
static FAMILIES: [Family; 11] = [
    level("gemini-3.8-flash", "low", false),
    level("gemini-3.5-flash-lite", "minimal", false),
    level("gemini-3.5-flash", "minimal", true),
    level("gemini-3.1-flash", "minimal", true),
    level("gemini-3-flash", "minimal", true),
    budget("gemini-2.5-flash-lite", 512, 24_576, true),
    budget("gemini-2.5-flash", 1, 24_576, true),
    budget("gemini-2.5", 128, 32_768, false),
    Family { name: "gemini-2", thinks: Thinks::Never, samples: true },
    Family { name: "gemini-1", thinks: Thinks::Never, samples: true },
    // The others of the third generation, and what is not known yet. `xhigh` is not said to any: not all take it.
    level("", "low", true),
];

impl Family {
    /// The family of a model, by its provider's name for it.
    pub fn of(model: &str) -> &'static Family {
        FAMILIES.iter().find(|family| model.contains(family.name)).unwrap_or(&FAMILIES[FAMILIES.len() - 1])
    }

    /// It refuses a call in the history that has no signature.
    pub fn wants_signatures(&self) -> bool {
        matches!(self.thinks, Thinks::Level { .. })
    }

    /// Whether it can be held to a form of its answer where it has tools.
    pub fn holds_beside_tools(&self) -> bool {
        matches!(self.thinks, Thinks::Level { .. })
    }

    /// Whether it can be told to think at all.
    pub fn thinks(&self) -> bool {
        self.thinks != Thinks::Never
    }

    /// Whether it reads what stands behind any URL. What came before the generation that thinks reads its own files alone.
    pub fn reads_urls(&self) -> bool {
        self.thinks()
    }

    /// What it is told for what was asked. An effort is nearer to what the client means than a budget.
    pub fn mind(&self, prompt: &Prompt<'_>) -> Mind {
        let effort = prompt.effort.as_ref().map(|effort| Effort::of(effort));
        let asked = match (prompt.thinking, effort) {
            (Some(Thinking::Off), _) | (None, Some(Effort::None)) => Asked::Nothing,
            (_, Some(Effort::Some(level))) => Asked::Level(level),
            (Some(Thinking::Budget(tokens)), _) => Asked::Budget(tokens),
            (Some(Thinking::Adaptive), _) | (None, Some(Effort::Unknown)) => Asked::Any,
            (None, None) => return Mind::Untold,
        };
        match self.thinks {
            Thinks::Never => Mind::Untold,
            Thinks::Budget { least, most, can_not } => by_budget(asked, least, most, can_not),
            Thinks::Level { least } => by_level(asked, least),
        }
    }
}

/// What a client asked for.
#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    Any,
    Level(Level),
    Budget(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Minimal,
    Low,
    Medium,
    High,
    Beyond,
}

enum Effort {
    None,
    Some(Level),
    Unknown,
}

impl Effort {
    fn of(word: &Quoted<'_>) -> Self {
        Effort::Some(match &*word.unescaped() {
            b"none" => return Effort::None,
            b"minimal" => Level::Minimal,
            b"low" => Level::Low,
            b"medium" => Level::Medium,
            b"high" => Level::High,
            b"xhigh" | b"max" => Level::Beyond,
            _ => return Effort::Unknown,
        })
    }
}

/// The provider's own numbers for the words.
fn by_budget(asked: Asked, least: u64, most: u64, can_not: bool) -> Mind {
    let tokens = match asked {
        Asked::Any => return Mind::Budget(-1),
        Asked::Nothing | Asked::Budget(0) if can_not => return Mind::Budget(0),
        Asked::Nothing => least,
        Asked::Level(Level::Minimal) => 512,
        Asked::Level(Level::Low) => 1024,
        Asked::Level(Level::Medium) => 8192,
        Asked::Level(Level::High) => 24_576,
        Asked::Level(Level::Beyond) => most,
        Asked::Budget(tokens) => tokens,
    };
    Mind::Budget(tokens.clamp(least, most).cast_signed())
}

fn by_level(asked: Asked, least: &'static str) -> Mind {
    Mind::Level(match asked {
        Asked::Any => return Mind::Free,
        Asked::Nothing | Asked::Level(Level::Minimal) => least,
        Asked::Level(Level::Low) | Asked::Budget(..=1024) => "low",
        Asked::Level(Level::Medium) | Asked::Budget(..=8192) => "medium",
        Asked::Level(Level::High | Level::Beyond) | Asked::Budget(_) => "high",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of every generation lead to their family; what is not known is of the newest kind.
    #[test]
    fn names_lead_to_families() {
        for (model, name) in [
            ("gemini-3.8-flash", "gemini-3.8-flash"),
            ("gemini-3.5-flash-lite-preview", "gemini-3.5-flash-lite"),
            ("models/gemini-3.5-flash", "gemini-3.5-flash"),
            ("gemini-3.1-pro-preview", ""),
            ("gemini-2.5-pro", "gemini-2.5"),
            ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
            ("gemini-2.0-flash", "gemini-2"),
            ("gemini-4-argon", ""),
        ] {
            assert_eq!(Family::of(model).name, name, "{model}");
        }
    }

    /// The same wish is a budget to one generation and a level to the next, within what each model takes.
    #[test]
    fn wishes_are_said_in_the_familys_words() {
        let told = |model: &str, effort: Option<&'static [u8]>, thinking: Option<Thinking>| {
            let prompt = Prompt { effort: effort.map(Quoted::raw), thinking, ..Prompt::default() };
            Family::of(model).mind(&prompt)
        };
        let effort = |model: &str, effort| told(model, Some(effort), None);
        assert_eq!(told("gemini-3.8-flash", None, None), Mind::Untold);
        assert_eq!(effort("gemini-3.8-flash", b"none"), Mind::Level("low"));
        assert_eq!(effort("gemini-3.5-flash", b"none"), Mind::Level("minimal"));
        assert_eq!(effort("gemini-3.8-flash", b"max"), Mind::Level("high"));
        assert_eq!(effort("gemini-2.5-flash", b"none"), Mind::Budget(0));
        assert_eq!(effort("gemini-2.5-pro", b"none"), Mind::Budget(128));
        assert_eq!(effort("gemini-2.5-pro", b"xhigh"), Mind::Budget(32_768));
        assert_eq!(effort("gemini-2.0-flash", b"high"), Mind::Untold);
        let thinking = |model: &str, thinking| told(model, None, Some(thinking));
        assert_eq!(thinking("gemini-3.8-flash", Thinking::Budget(5000)), Mind::Level("medium"));
        assert_eq!(thinking("gemini-3.8-flash", Thinking::Adaptive), Mind::Free);
        assert_eq!(thinking("gemini-2.5-flash", Thinking::Adaptive), Mind::Budget(-1));
        assert_eq!(thinking("gemini-2.5-flash", Thinking::Budget(99_999)), Mind::Budget(24_576));
        assert_eq!(told("gemini-3.8-flash", Some(b"low"), Some(Thinking::Adaptive)), Mind::Level("low"));
        assert_eq!(told("gemini-3.8-flash", Some(b"high"), Some(Thinking::Off)), Mind::Level("low"));
    }
}
