//! What a prompt comes to in tokens: the requests of clients that only want it counted, in terms of what providers count by.
//!
//! Such a request is one for an answer without all that only the answer depends on, and its answer is a number. So it is
//! read and written as the format's own requests are, and of what was written only that remains which is counted.
//! Nothing here counts by itself: where a provider does not, its models are not asked.
//!
//! Source: the API references of Anthropic's `count_tokens`, also as Amazon (`CountTokens`) and Google (the model
//! `count-tokens`) host it, of Google's `countTokens`, and of `OpenAI`'s `/v1/responses/input_tokens`; the `bedrock` and
//! `vertex` modules of Anthropic's official clients.

pub mod answer;
mod request;

pub use request::{Counter, base_model, inner, write, written_verbatim};
