//! Which endpoint a path names, with or without the version before it, or the project where clouds have one.

/// What the mock can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Responses,
    Rerank,
    Moderations,
    ImagesGenerations,
    ImagesEdits,
    ImagesVariations,
    Speech,
    Transcriptions,
    Translations,
    Models,
    Model,
    Messages,
    CountTokens,
    GenerateContent,
    StreamGenerateContent,
    GeminiCountTokens,
    EmbedContent,
    BatchEmbedContents,
    RawPredict,
    StreamRawPredict,
    Converse,
    ConverseStream,
    Invoke,
    InvokeStream,
    CohereChat,
    CohereEmbed,
    OllamaChat,
    OllamaGenerate,
    OllamaEmbed,
    /// No path that the mock knows.
    Unknown,
}

/// The shape of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
    Cohere,
    Ollama,
}

/// What follows a model's name in a path that names one, the endpoint that it means, and whether that streams.
const METHODS: [(&str, Endpoint, bool); 11] = [
    (":generateContent", Endpoint::GenerateContent, false),
    (":streamGenerateContent", Endpoint::StreamGenerateContent, true),
    (":countTokens", Endpoint::GeminiCountTokens, false),
    (":embedContent", Endpoint::EmbedContent, false),
    (":batchEmbedContents", Endpoint::BatchEmbedContents, false),
    (":rawPredict", Endpoint::RawPredict, false),
    (":streamRawPredict", Endpoint::StreamRawPredict, true),
    ("/converse", Endpoint::Converse, false),
    ("/converse-stream", Endpoint::ConverseStream, true),
    ("/invoke", Endpoint::Invoke, false),
    ("/invoke-with-response-stream", Endpoint::InvokeStream, true),
];

impl Endpoint {
    /// The endpoint of a request target; a query is ignored.
    pub fn of_target(target: &str) -> Self {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let path =
            ["/v1beta", "/v1", "/v2"].iter().find_map(|version| path.strip_prefix(version)).unwrap_or(path);
        let model = if path.starts_with("/projects/") { path.find("/models/") } else { None };
        let path = model.map_or(path, |at| &path[at..]);
        match path {
            "/chat/completions" => Self::Chat,
            "/completions" => Self::Completions,
            "/embeddings" => Self::Embeddings,
            "/responses" => Self::Responses,
            "/rerank" => Self::Rerank,
            "/moderations" => Self::Moderations,
            "/images/generations" => Self::ImagesGenerations,
            "/images/edits" => Self::ImagesEdits,
            "/images/variations" => Self::ImagesVariations,
            "/audio/speech" => Self::Speech,
            "/audio/transcriptions" => Self::Transcriptions,
            "/audio/translations" => Self::Translations,
            "/models" => Self::Models,
            "/messages" => Self::Messages,
            "/messages/count_tokens" => Self::CountTokens,
            "/chat" => Self::CohereChat,
            "/embed" => Self::CohereEmbed,
            "/api/chat" => Self::OllamaChat,
            "/api/generate" => Self::OllamaGenerate,
            "/api/embed" => Self::OllamaEmbed,
            path if path.starts_with("/models/") => Self::of_method(path).unwrap_or(Self::Model),
            path if path.starts_with("/model/") => Self::of_method(path).unwrap_or(Self::Unknown),
            _ => Self::Unknown,
        }
    }

    fn of_method(path: &str) -> Option<Self> {
        let fits = |row: &&(&str, Self, bool)| path.ends_with(row.0);
        METHODS.iter().find(fits).map(|(_, endpoint, _)| *endpoint)
    }

    /// Whether the answer is a stream, where the path says so and names the model, too.
    pub fn streams(self) -> Option<bool> {
        METHODS.iter().find(|row| row.1 == self).map(|row| row.2)
    }

    /// The method that the endpoint takes.
    pub fn method(self) -> &'static str {
        match self {
            Self::Models | Self::Model => "GET",
            _ => "POST",
        }
    }

    /// The shape of its errors.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens | Self::RawPredict | Self::StreamRawPredict => {
                Dialect::Anthropic
            }
            Self::GenerateContent
            | Self::StreamGenerateContent
            | Self::GeminiCountTokens
            | Self::EmbedContent
            | Self::BatchEmbedContents => Dialect::Gemini,
            Self::Converse | Self::ConverseStream | Self::Invoke | Self::InvokeStream => Dialect::Bedrock,
            Self::CohereChat | Self::CohereEmbed => Dialect::Cohere,
            Self::OllamaChat | Self::OllamaGenerate | Self::OllamaEmbed => Dialect::Ollama,
            _ => Dialect::OpenAi,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version is optional, a query is ignored, and a path prefixed twice is not taken for a good one.
    #[test]
    fn knows_its_paths() {
        assert_eq!(Endpoint::of_target("/v1/chat/completions"), Endpoint::Chat);
        assert_eq!(Endpoint::of_target("/chat/completions?x=/v1/models"), Endpoint::Chat);
        assert_eq!(Endpoint::of_target("/v1/models/a/b"), Endpoint::Model);
        assert_eq!(Endpoint::of_target("/v2/rerank"), Endpoint::Rerank);
        assert_eq!(Endpoint::of_target("/v1beta/models/a:b:countTokens?x"), Endpoint::GeminiCountTokens);
        assert_eq!(Endpoint::of_target("/v2/chat"), Endpoint::CohereChat);
        assert_eq!(Endpoint::of_target("/model/a%3Ab/converse-stream"), Endpoint::ConverseStream);
        assert_eq!(Endpoint::of_target("/model/a/b"), Endpoint::Unknown);
        let vertex = "/v1/projects/p/locations/l/publishers/anthropic/models/a@1:streamRawPredict";
        assert_eq!(Endpoint::of_target(vertex), Endpoint::StreamRawPredict);
        assert_eq!(Endpoint::StreamRawPredict.streams(), Some(true));
        assert_eq!(Endpoint::of_target("/v1/v1/models"), Endpoint::Unknown);
        assert_eq!(Endpoint::of_target("/v1/chat/completions/"), Endpoint::Unknown);
    }
}
