//! Cohere's chat, in its second version: as a provider's format. What its answers cite has no place in other formats.
//!
//! Source: the API reference of `/v2/chat`, and the types of the official client.

pub mod answer_in;
pub mod request_out;
