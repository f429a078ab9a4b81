//! What each endpoint answers when nothing goes wrong, in the exact shape of its provider.
//!
//! Bodies are built once per kind of request and then sent as often as asked for; only [`ID`] differs.

mod anthropic;
mod chat;
mod cohere;
mod completions;
mod converse;
mod embeddings;
mod frames;
mod gemini;
mod media;
mod ollama;
mod ranking;
mod refusal;
mod responses;

use serde_json::Value;

pub use refusal::{REFUSAL_RETRY_AFTER_S, error_event, error_name, refusal};

use super::asked::Asked;
use super::endpoint::Endpoint;
use super::settings::Settings;
use super::text::Canned;

/// Stands for the sixteen hexadecimal digits of a request's id until it is sent.
pub const ID: &str = "__mock_request__";

/// The moment at which every answer says it was made, so that answers never differ: 2026-01-01.
const CREATED: u32 = 1_767_225_600;

const JSON: &str = "application/json";

/// An answer, before it is put into HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Whole { content_type: &'static str, body: Vec<u8> },
    Stream { content_type: &'static str, events: Vec<Event> },
}

/// One server-sent event, or what else a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub part: Part,
    pub bytes: Vec<u8>,
}

/// What an event is in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Comes before the content.
    Before,
    /// One chunk of the content.
    Chunk,
    /// Comes after the content.
    After,
    /// Says that the stream is complete.
    End,
}

/// What the builders of bodies know.
struct Reply<'a> {
    /// The model's name as a JSON string, without the settings in it.
    model: String,
    canned: Canned,
    asked: &'a Asked<'a>,
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
    /// Tools that are called.
    calls: u32,
    thinks: bool,
    stop: Option<&'static str>,
}

/// The thought before an answer.
pub const THOUGHT: &str = "Both cities \"matter\" ☀.";

/// What proves a thought of Claude's, of Google's and of `OpenAI`'s.
pub const SIGNATURE: &str = "EqQBCkYIBxgCKkD/mock+signature==";
pub const GOOGLES_SIGNATURE: &str = "bW9jay1zaWduYXR1cmU=";
pub const SEALED: &str = "gAAAAABmock-sealed-thought_==";

/// The tool that is called, and what it is called with for the `index`th time.
const TOOL: &str = "get_weather";

fn arguments(index: u32) -> String {
    let city = ["Oslo", "Riga", "Bergen"][index as usize % 3];
    format!("{{\"city\":\"{city}\",\"n\":{index}}}")
}

impl<'a> Reply<'a> {
    fn new(name: &str, settings: &Settings, asked: &'a Asked<'a>) -> Self {
        let canned = Canned::of(settings, asked.tokens_max());
        let prompt_tokens = settings.prompt_tokens.unwrap_or_else(|| asked.prompt_tokens());
        Self {
            model: quote(name),
            asked,
            prompt_tokens,
            cached_tokens: settings.cached_tokens.min(prompt_tokens),
            completion_tokens: settings.completion_tokens.unwrap_or(canned.chunks.len() as u32),
            calls: if asked.has_results { 0 } else { settings.tools },
            thinks: settings.thinks,
            stop: settings.stop,
            canned,
        }
    }

    /// The answer's text as a JSON string.
    fn text(&self) -> String {
        quote(&self.canned.text())
    }

    fn total_tokens(&self) -> u64 {
        u64::from(self.prompt_tokens) + u64::from(self.completion_tokens)
    }
}

/// The good answer of an endpoint.
pub fn content(endpoint: Endpoint, name: &str, settings: &Settings, asked: &Asked<'_>) -> Content {
    let reply = Reply::new(name, settings, asked);
    match (endpoint, asked.streams()) {
        (Endpoint::Chat, false) => json(chat::whole(&reply)),
        (Endpoint::Chat, true) => events(chat::stream(&reply)),
        (Endpoint::Completions, false) => json(completions::whole(&reply)),
        (Endpoint::Completions, true) => events(completions::stream(&reply)),
        (Endpoint::Responses, false) => json(responses::whole(&reply)),
        (Endpoint::Responses, true) => events(responses::stream(&reply)),
        (Endpoint::Messages, true) | (Endpoint::StreamRawPredict, _) => events(anthropic::stream(&reply)),
        (Endpoint::Messages, false) | (Endpoint::RawPredict | Endpoint::Invoke, _) => {
            json(anthropic::whole(&reply))
        }
        (Endpoint::InvokeStream, _) => frames(frames::chunks(&anthropic::stream(&reply))),
        (Endpoint::Converse, _) => json(converse::whole(&reply)),
        (Endpoint::ConverseStream, _) => frames(converse::stream(&reply)),
        (Endpoint::CountTokens, _) => json(format!(r#"{{"input_tokens":{}}}"#, reply.prompt_tokens)),
        (Endpoint::GenerateContent, _) => json(gemini::whole(&reply)),
        (Endpoint::StreamGenerateContent, _) => events(gemini::stream(&reply)),
        (Endpoint::GeminiCountTokens, _) => json(gemini::count(&reply)),
        (Endpoint::CohereChat, false) => json(cohere::whole(&reply)),
        (Endpoint::CohereChat, true) => events(cohere::stream(&reply)),
        (Endpoint::OllamaChat | Endpoint::OllamaGenerate, false) => json(ollama::whole(endpoint, &reply)),
        (Endpoint::OllamaChat | Endpoint::OllamaGenerate, true) => {
            let events = ollama::stream(endpoint, &reply);
            Content::Stream { content_type: "application/x-ndjson", events }
        }
        (Endpoint::EmbedContent, _) => json(embeddings::gemini(&reply)),
        (Endpoint::BatchEmbedContents, _) => json(embeddings::gemini_batch(&reply)),
        (Endpoint::CohereEmbed, _) => json(embeddings::cohere(&reply)),
        (Endpoint::OllamaEmbed, _) => json(embeddings::ollama(&reply)),
        (Endpoint::Embeddings, _) => json(embeddings::whole(&reply)),
        (Endpoint::Rerank, _) => json(ranking::rerank(&reply)),
        (Endpoint::Moderations, _) => json(ranking::moderations(&reply)),
        (Endpoint::ImagesGenerations | Endpoint::ImagesEdits | Endpoint::ImagesVariations, _) => {
            json(media::images(&reply))
        }
        (Endpoint::Speech, _) => {
            let bytes = settings.answer_bytes.unwrap_or(media::SPEECH_BYTES);
            Content::Whole { content_type: "audio/mpeg", body: media::speech(bytes as usize) }
        }
        (Endpoint::Transcriptions, true) => events(media::transcription_stream(&reply)),
        (Endpoint::Transcriptions | Endpoint::Translations, _) if asked.wants_plain_text() => {
            Content::Whole {
                content_type: "text/plain; charset=utf-8",
                body: reply.canned.text().into_bytes(),
            }
        }
        (Endpoint::Transcriptions | Endpoint::Translations, _) => json(media::transcription(&reply)),
        (Endpoint::Models, _) => json(ranking::models()),
        (Endpoint::Model | Endpoint::Unknown, _) => json(ranking::model(name)),
    }
}

fn json(body: String) -> Content {
    Content::Whole { content_type: JSON, body: body.into_bytes() }
}

fn events(events: Vec<Event>) -> Content {
    Content::Stream { content_type: "text/event-stream", events }
}

fn frames(events: Vec<Event>) -> Content {
    Content::Stream { content_type: "application/vnd.amazon.eventstream", events }
}

/// An event that is only data.
fn data(part: Part, data: &str) -> Event {
    Event { part, bytes: format!("data: {data}\n\n").into_bytes() }
}

/// An event with a name.
fn named(part: Part, name: &str, data: &str) -> Event {
    Event { part, bytes: format!("event: {name}\ndata: {data}\n\n").into_bytes() }
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
