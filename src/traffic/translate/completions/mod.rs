//! `OpenAI`'s older completions: as a client's dialect. What is to be completed is all that a user says; a text that is
//! to stand behind it (`suffix`) is a matter of providers that fill in the middle.
//!
//! Source: the API reference of `/v1/completions`, and the types of the official clients.

pub mod answer_out;
pub mod request_in;
