//! `OpenAI`'s chat completions: as a client's dialect, and as a provider's format.
//!
//! Source: the API reference of `/v1/chat/completions`, and the types of the official clients.

pub mod answer_in;
pub mod answer_out;
mod calls;
mod counts;
mod messages_in;
pub mod request_in;
pub mod request_out;
