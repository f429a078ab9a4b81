//! Credentials of the source, as environment variables.
//!
//! Invariant: two different secrets never get the same variable, and a secret itself is not kept, only its hash.

use crate::base::secret::KeyHash;
use crate::control::config::yaml::is_variable;
use std::collections::HashSet;

/// How `LiteLLM` writes a reference to the environment.
const REFERENCE: &str = "os.environ/";
/// What people write where a server wants no key, but a package does.
const PLACEHOLDERS: &[&str] =
    &["none", "empty", "dummy", "fake", "fake-key", "no-key", "not-needed", "anything"];

/// A provider's credential.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Key {
    #[default]
    None,
    Variable(String),
    /// It stood in the source, or somewhere that this gateway does not look.
    Inline(KeyHash),
}

impl Key {
    pub fn read(text: &str) -> Self {
        match variable(text) {
            Some(name) => Key::Variable(name.into()),
            None if PLACEHOLDERS.contains(&text.to_ascii_lowercase().as_str()) => Key::None,
            None => Key::Inline(KeyHash::of(text.as_bytes())),
        }
    }
}

/// The variable that a text refers to.
pub fn variable(text: &str) -> Option<&str> {
    text.strip_prefix(REFERENCE).filter(|name| is_variable(name))
}

/// Which variables are taken.
pub struct Keys {
    taken: HashSet<String>,
}

impl Keys {
    /// `source` is the whole text: whatever it refers to, for whatever, is taken.
    pub fn new<'k>(source: &str, keys: impl Iterator<Item = &'k Key>) -> Self {
        let implied = |key: &'k Key| if let Key::Variable(name) = key { Some(name.clone()) } else { None };
        let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let referred = source.split(REFERENCE).skip(1).map(word);
        Self { taken: keys.filter_map(implied).chain(referred).collect() }
    }

    /// A variable that is not taken yet, named after what it is for.
    pub fn fresh(&mut self, stem: &str, suffix: &str) -> String {
        let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let stem: String = stem.chars().map(upper).collect();
        let names =
            (1..).map(|n| if n == 1 { format!("{stem}_{suffix}") } else { format!("{stem}_{n}_{suffix}") });
        let free = names.into_iter().find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}
