//! `OpenAI`'s chat completions: as a client's dialect, and as a provider's format.
//!
//! Source: the API reference of `/v1/chat/completions`, and the types of the official clients.

pub mod answer_in;
pub mod answer_out;
mod calls;
mod counts;
mod details;
mod messages_in;
pub mod request_in;
pub mod request_out;
mod thinking;

/// Members of requests that chat completions and responses have alike, and no other format: what is kept of an answer,
/// with which labels, and how prompts are cached.
pub const SHARED: [&str; 6] =
    ["metadata", "moderation", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "store"];
