//! `OpenAI`'s embeddings: as a client's dialect, in terms of the formats whose providers have embeddings of their own.
//!
//! There is no prompt and no stream here: texts go in, and a list of numbers comes back for each. Numbers that are told as
//! numbers keep the digits that their provider wrote; a client that wants them in base64 (the official packages do,
//! unless they are told otherwise) gets four bytes for each, as `OpenAI` has them.
//!
//! Source: the API references of `/v1/embeddings`, Google's `embedContent` and `batchEmbedContents`, Cohere's `/v2/embed`
//! and Ollama's `/api/embed`, and the types of their official clients.

pub mod answer;
pub mod request_in;
pub mod request_out;

/// How the answer is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// One list of numbers for each text.
    pub count: usize,
    /// The texts came as a list, which may be one of a single text.
    pub listed: bool,
    pub base64: bool,
}
