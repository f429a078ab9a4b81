//! What Claude takes, whoever serves it: Anthropic itself, or a cloud in a format of its own.

pub mod family;
pub mod history;
pub mod input;
pub mod mind;
pub mod sampling;
pub mod schema;

/// What an empty message of a user is replaced by: there must be something in it.
pub const NOTHING: &str = "(empty)";
