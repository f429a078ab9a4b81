//! Ollama's own API: as a provider's format. Chats go to `/api/chat`; texts that are to be completed go to
//! `/api/generate`, which can fill in the middle.
//!
//! Source: the API reference of Ollama, and the types of its official client.

pub mod answer_in;
mod options;
pub mod request_out;
