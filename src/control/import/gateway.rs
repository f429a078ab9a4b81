//! The configuration that an import writes, before it is text.

use crate::control::import::auth::Auth;

/// What is written; sections that are empty are not.
#[derive(Default)]
pub struct Gateway {
    pub providers: Vec<Provider>,
    pub models: Vec<Model>,
    pub timeouts: Timeouts,
    /// Largest request body.
    pub body_bytes: Option<u64>,
    /// The environment variable that holds the one key; `None`: anybody may use the gateway.
    pub key_variable: Option<String>,
}

pub struct Provider {
    pub name: String,
    /// `None`: it speaks `OpenAI`'s format, and has an address.
    pub vendor: Option<&'static str>,
    /// As it is written: with `${NAME}` where the source refers to the environment.
    pub base_url: Option<String>,
    /// Of Azure's older URLs.
    pub api_version: Option<String>,
    pub key_variable: Option<String>,
    /// Its secrets are variables.
    pub auth: Option<Auth>,
}

#[derive(Clone)]
pub struct Model {
    pub name: String,
    pub targets: Vec<Target>,
    pub timeouts: Timeouts,
    pub price: Price,
    /// What it is an alias of.
    pub alias_of: Option<String>,
}

#[derive(Clone)]
pub struct Target {
    /// Index in the providers.
    pub provider: usize,
    pub model: String,
    pub weight: u64,
    pub priority: u64,
    /// The model that this is a target of, where it stands in for another one.
    pub fallback: Option<String>,
}

/// Milliseconds.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Timeouts {
    pub first_byte: Option<u64>,
    pub total: Option<u64>,
}

/// USD per million tokens.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Price {
    pub input: Option<f64>,
    pub output: Option<f64>,
    pub cached_input: Option<f64>,
    pub cache_write: Option<f64>,
}

impl Gateway {
    /// The model that a client gets by this name, and what its star stands for: exact names first, then the longest
    /// pattern.
    pub fn find<'n>(&self, name: &'n str) -> Option<(&Model, &'n str)> {
        if let Some(model) = self.models.iter().find(|model| model.name == name) {
            return Some((model, "*"));
        }
        let matching = self.models.iter().filter_map(|model| Some((model, star(&model.name, name)?)));
        matching.max_by_key(|(model, _)| model.name.len())
    }
}

/// What the star of a pattern stands for in a name that it matches.
fn star<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    let (before, after) = pattern.split_once('*')?;
    let matched = name.strip_prefix(before)?.strip_suffix(after)?;
    (!matched.is_empty()).then_some(matched)
}
