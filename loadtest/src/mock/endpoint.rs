//! Which endpoint a path names, with or without the version before it.

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
    /// No path that the mock knows.
    Unknown,
}

/// The shape of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Endpoint {
    /// The endpoint of a request target; a query is ignored.
    pub fn of_target(target: &str) -> Self {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let path =
            ["/v1beta", "/v1", "/v2"].iter().find_map(|version| path.strip_prefix(version)).unwrap_or(path);
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
            path if path.starts_with("/models/") => match path.rsplit_once(':') {
                Some((_, "generateContent")) => Self::GenerateContent,
                Some((_, "streamGenerateContent")) => Self::StreamGenerateContent,
                Some((_, "countTokens")) => Self::GeminiCountTokens,
                _ => Self::Model,
            },
            _ => Self::Unknown,
        }
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
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::GenerateContent | Self::StreamGenerateContent | Self::GeminiCountTokens => Dialect::Gemini,
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
        assert_eq!(Endpoint::of_target("/v1/v1/models"), Endpoint::Unknown);
        assert_eq!(Endpoint::of_target("/v1/chat/completions/"), Endpoint::Unknown);
    }
}
