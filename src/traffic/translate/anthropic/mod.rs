//! Anthropic's messages: as a client's dialect, and as a provider's format, Anthropic's own and as clouds host it.
//!
//! Source: the API reference of `/v1/messages`, and the types of the official clients.

pub mod answer_in;
pub mod answer_out;
pub mod hosted;
pub mod request_in;
pub mod request_out;
