//! Google's `generateContent`: as a client's dialect, and as a provider's format, of the Gemini API and of Vertex AI.
//!
//! The model and whether the answer is a stream stand in the URL, not in the body.
//!
//! Source: the API reference of `generateContent` and `streamGenerateContent`, and the types of the official clients.

pub mod answer_in;
pub mod answer_out;
pub mod carried;
mod contents_out;
mod family;
mod grounding;
pub mod member;
mod parts_in;
mod reference;
pub mod request_in;
pub mod request_out;
pub mod schema;
pub mod signature;

pub use reference::{is_its_own, reads_urls};
