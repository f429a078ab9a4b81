//! `OpenAI`'s responses.
//!
//! Nothing is stored, neither here nor at a provider: each request says all that there is, and the answer holds what its
//! client is to give back.
//!
//! Source: the API reference of `/v1/responses`, and the types of the official clients.

pub mod answer_in;
pub mod answer_out;
mod items;
pub mod request_in;
pub mod request_out;
mod searches;
mod spaces;
mod thought;
