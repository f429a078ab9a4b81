//! What Claude takes, whoever serves it: Anthropic itself, or a cloud in a format of its own.

pub mod family;
pub mod history;
pub mod mind;
pub mod schema;

/// What an empty message of a user is replaced by: there must be something in it.
pub const NOTHING: &str = "(empty)";
/// What is asked of a model that has no mode for any JSON.
pub const ANY_JSON: &str = "Answer with one JSON object and nothing else.";
