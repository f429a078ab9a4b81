//! The paths that clients call, as data.
//!
//! Invariant: a path is matched byte for byte. What is not in the table does not exist, so no spelling of a
//! path (`//v1`, `/v1/../`, `%2f`, `;x`) can mean one thing to the access check and another to an upstream.

/// What a client asks for. The order is the order of [`Endpoint::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Endpoint {
    ChatCompletions,
    Completions,
    Embeddings,
    Responses,
    /// `POST /v1/responses/input_tokens`
    InputTokens,
    /// `POST /v1/responses/compact`
    Compact,
    Rerank,
    Moderations,
    ImageGenerations,
    ImageEdits,
    ImageVariations,
    AudioSpeech,
    AudioTranscriptions,
    AudioTranslations,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`
    Model,
    /// `POST /v1beta/models/{id}:generateContent`, and the same below `/v1`
    GenerateContent,
    /// `POST /v1beta/models/{id}:streamGenerateContent`, and the same below `/v1`
    StreamGenerateContent,
    /// `POST /v1beta/models/{id}:countTokens`, and the same below `/v1`
    GeminiCountTokens,
    /// `POST /v1beta/models/{id}:embedContent`, and the same below `/v1`
    EmbedContent,
    /// `POST /v1beta/models/{id}:batchEmbedContents`, and the same below `/v1`
    BatchEmbedContents,
    /// `POST /v1beta/models/{id}:predict`, and the same below `/v1`: what embeds in Google's cloud
    Predict,
    /// `GET /v1beta/models`
    GeminiModels,
    /// `GET /v1beta/models/{id}`
    GeminiModel,
    /// Any other path: only in records of refused requests.
    Unknown,
}

/// Shape of a request's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    None,
    Json,
    Multipart,
    JsonOrMultipart,
}

/// Whose words a client uses: the shape of what the gateway tells it by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    #[default]
    OpenAi,
    Anthropic,
    Gemini,
}

/// How a stream of this endpoint ends and fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamStyle {
    /// `data:` lines only, ended by `data: [DONE]`; usage in a last chunk with empty `choices`, if asked for.
    OpenAiChunks,
    /// Named events, ended by `response.completed`, `.incomplete` or `.failed`; usage always inside that event.
    OpenAiEvents,
    /// Named events, ended by `message_stop`; usage in `message_start` and, newer, in `message_delta`.
    AnthropicEvents,
    /// `data:` lines only, each with a whole answer of which the texts are what is new, and usage as it is so far.
    /// Nothing marks the end: a stream is over where its body is, and whole if it gave a reason to stop before that.
    GeminiEvents,
    /// The same answers as the elements of one JSON array.
    GeminiArray,
}

impl StreamStyle {
    /// The dialect that such streams belong to.
    pub const fn dialect(self) -> Dialect {
        match self {
            StreamStyle::OpenAiChunks | StreamStyle::OpenAiEvents => Dialect::OpenAi,
            StreamStyle::AnthropicEvents => Dialect::Anthropic,
            StreamStyle::GeminiEvents | StreamStyle::GeminiArray => Dialect::Gemini,
        }
    }
}

/// One row of the endpoint table.
pub struct EndpointRow {
    /// Path at the gateway, e.g. `/v1/chat/completions`. `{id}` stands for a model's name.
    pub path: &'static str,
    /// The path without its version, e.g. `/chat/completions`.
    pub unversioned: &'static str,
    pub method: &'static str,
    pub body: BodyKind,
    pub stream: StreamStyle,
    /// `gen_ai.operation.name` of the OpenTelemetry conventions.
    pub operation: &'static str,
}

impl Endpoint {
    pub const ALL: [Endpoint; 27] = [
        Endpoint::ChatCompletions,
        Endpoint::Completions,
        Endpoint::Embeddings,
        Endpoint::Responses,
        Endpoint::InputTokens,
        Endpoint::Compact,
        Endpoint::Rerank,
        Endpoint::Moderations,
        Endpoint::ImageGenerations,
        Endpoint::ImageEdits,
        Endpoint::ImageVariations,
        Endpoint::AudioSpeech,
        Endpoint::AudioTranscriptions,
        Endpoint::AudioTranslations,
        Endpoint::Messages,
        Endpoint::CountTokens,
        Endpoint::Models,
        Endpoint::Model,
        Endpoint::GenerateContent,
        Endpoint::StreamGenerateContent,
        Endpoint::GeminiCountTokens,
        Endpoint::EmbedContent,
        Endpoint::BatchEmbedContents,
        Endpoint::Predict,
        Endpoint::GeminiModels,
        Endpoint::GeminiModel,
        Endpoint::Unknown,
    ];

    pub const fn row(self) -> &'static EndpointRow {
        use BodyKind as B;
        use StreamStyle as S;
        macro_rules! row {
            ($path:literal $method:literal $body:expr, $stream:expr, $operation:literal) => {
                row!("/v1" $path $method $body, $stream, $operation)
            };
            ($version:literal $path:literal $method:literal $body:expr, $stream:expr, $operation:literal) => {
                &EndpointRow {
                    path: concat!($version, $path),
                    unversioned: $path,
                    method: $method,
                    body: $body,
                    stream: $stream,
                    operation: $operation,
                }
            };
        }
        match self {
            Endpoint::ChatCompletions => row!("/chat/completions" "POST" B::Json, S::OpenAiChunks, "chat"),
            Endpoint::Completions => row!("/completions" "POST" B::Json, S::OpenAiChunks, "text_completion"),
            Endpoint::Embeddings => row!("/embeddings" "POST" B::Json, S::OpenAiChunks, "embeddings"),
            Endpoint::Responses => row!("/responses" "POST" B::Json, S::OpenAiEvents, "chat"),
            Endpoint::InputTokens => {
                row!("/responses/input_tokens" "POST" B::Json, S::OpenAiEvents, "count_tokens")
            }
            Endpoint::Compact => row!("/responses/compact" "POST" B::Json, S::OpenAiEvents, "compact"),
            Endpoint::Rerank => row!("/rerank" "POST" B::Json, S::OpenAiChunks, "rerank"),
            Endpoint::Moderations => row!("/moderations" "POST" B::Json, S::OpenAiChunks, "moderation"),
            Endpoint::ImageGenerations => {
                row!("/images/generations" "POST" B::Json, S::OpenAiEvents, "image_generation")
            }
            Endpoint::ImageEdits => {
                row!("/images/edits" "POST" B::JsonOrMultipart, S::OpenAiEvents, "image_edit")
            }
            Endpoint::ImageVariations => {
                row!("/images/variations" "POST" B::Multipart, S::OpenAiEvents, "image_variation")
            }
            Endpoint::AudioSpeech => row!("/audio/speech" "POST" B::Json, S::OpenAiEvents, "speech"),
            // Some providers take a recording inside JSON.
            Endpoint::AudioTranscriptions => {
                row!("/audio/transcriptions" "POST" B::JsonOrMultipart, S::OpenAiEvents, "transcription")
            }
            Endpoint::AudioTranslations => {
                row!("/audio/translations" "POST" B::Multipart, S::OpenAiEvents, "translation")
            }
            Endpoint::Messages => row!("/messages" "POST" B::Json, S::AnthropicEvents, "chat"),
            Endpoint::CountTokens => {
                row!("/messages/count_tokens" "POST" B::Json, S::AnthropicEvents, "count_tokens")
            }
            Endpoint::Models => row!("/models" "GET" B::None, S::OpenAiChunks, "list_models"),
            Endpoint::Model => row!("/models/{id}" "GET" B::None, S::OpenAiChunks, "retrieve_model"),
            Endpoint::GenerateContent => {
                row!("/v1beta" "/models/{id}:generateContent" "POST" B::Json, S::GeminiEvents, "generate_content")
            }
            Endpoint::StreamGenerateContent => {
                row!("/v1beta" "/models/{id}:streamGenerateContent" "POST" B::Json, S::GeminiEvents, "generate_content")
            }
            Endpoint::GeminiCountTokens => {
                row!("/v1beta" "/models/{id}:countTokens" "POST" B::Json, S::GeminiEvents, "count_tokens")
            }
            Endpoint::EmbedContent => {
                row!("/v1beta" "/models/{id}:embedContent" "POST" B::Json, S::GeminiEvents, "embeddings")
            }
            Endpoint::BatchEmbedContents => {
                row!("/v1beta" "/models/{id}:batchEmbedContents" "POST" B::Json, S::GeminiEvents, "embeddings")
            }
            Endpoint::Predict => {
                row!("/v1beta" "/models/{id}:predict" "POST" B::Json, S::GeminiEvents, "embeddings")
            }
            Endpoint::GeminiModels => row!("/v1beta" "/models" "GET" B::None, S::GeminiEvents, "list_models"),
            Endpoint::GeminiModel => {
                row!("/v1beta" "/models/{id}" "GET" B::None, S::GeminiEvents, "retrieve_model")
            }
            Endpoint::Unknown => row!("" "unknown" "" B::None, S::OpenAiChunks, "unknown"),
        }
    }

    /// The dialect of its requests and answers.
    pub const fn dialect(self) -> Dialect {
        self.row().stream.dialect()
    }

    /// The endpoint of this number, as `endpoint as u8` gave it.
    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(number as usize).copied().unwrap_or(Endpoint::Unknown)
    }
}
