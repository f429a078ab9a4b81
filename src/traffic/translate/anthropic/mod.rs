//! Anthropic's messages: as a client's dialect, and as a provider's format.
//!
//! Source: the API reference of `/v1/messages`, and the types of the official clients.

pub mod answer_in;
pub mod answer_out;
pub mod request_in;
pub mod request_out;
