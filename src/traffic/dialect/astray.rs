//! What a client is told whose path leads nowhere: nearly always its base URL is to blame, and this can be seen.
//!
//! Takes a path that is none of the table's; gives words for a person.
//!
//! Invariant: nothing is served that is not spelled as the table has it, and nothing of the path is repeated.

use super::paths;
use crate::contract::endpoint::Endpoint;

/// What a client is told that asks for what it let a provider store.
pub const STORED: &str = "What a provider has stored (responses, conversations, chat completions) cannot be reached \
    through this gateway: the URL names no model. Send all items in `input`, or all messages.";

/// What clients of Amazon's are told.
pub const AMAZONS: &str = "The paths of Amazon Bedrock are not spoken here, though its models are: ask `/v1/messages`, \
    `/v1/chat/completions`, `/v1/responses` or `/v1beta/models/{model}:generateContent`.";

const METHODS: &str = "This gateway has no such method. Of Google's it has generateContent, streamGenerateContent, \
    countTokens, embedContent, batchEmbedContents and predict.";

const UNSERVED: &str = "This gateway does not serve this part of the API. It has no files, batches, realtime sessions, \
    assistants or fine-tuning; it has chat, messages, responses, embeddings, images, audio and models.";

const OPERATORS: &str = "There is nothing at this URL: health and metrics have an address of their own, which is \
    `admin.address` in the gateway's configuration.";

/// Where probes and scrapers look.
const PROBED: [&str; 8] =
    ["/health", "/healthz", "/livez", "/ready", "/readyz", "/status", "/metrics", "/-/reload"];

/// Parts of the providers' APIs that are not here, as they follow a version.
const PARTS: [&str; 14] = [
    "assistants",
    "batches",
    "cachedContents",
    "containers",
    "evals",
    "files",
    "fine_tuning",
    "messages/batches",
    "organization",
    "realtime",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
];

/// What follows a base URL, and is written into it by mistake.
const TAILS: [&str; 6] =
    ["/chat/completions", "/completions", "/responses", "/embeddings", "/messages", "/models"];

/// Longest path that is looked at.
const PATH_BYTES: usize = 512;

/// What to say, if it can be seen what was meant.
pub fn hint(path: &str) -> Option<String> {
    if path.len() > PATH_BYTES {
        return None;
    }
    if is_unserved(path) {
        return Some(UNSERVED.into());
    }
    if PROBED.contains(&path) {
        return Some(OPERATORS.into());
    }
    let meant = match meant(path)? {
        Endpoint::Model | Endpoint::GeminiModel if path.contains(':') => return Some(METHODS.into()),
        meant => meant.row().path,
    };
    Some(format!(
        "There is nothing at this URL: `{meant}` is where it belongs. Check the base URL of the client."
    ))
}

/// Whether an endpoint's own URL was taken for a base URL: then what follows it is written twice.
pub fn is_doubled(path: &str) -> bool {
    without_double(path).is_some()
}

fn is_unserved(path: &str) -> bool {
    let path = path.strip_prefix("/openai").unwrap_or(path);
    let versions = ["/v1/", "/v1beta/"];
    let rest = versions.iter().find_map(|version| path.strip_prefix(version));
    rest.is_some_and(|rest| {
        let behind =
            |part: &str| rest.strip_prefix(part).is_some_and(|end| end.is_empty() || end.starts_with('/'));
        PARTS.iter().any(|part| behind(part))
    })
}

/// The endpoint that was meant: with slashes, versions and tails as often as they should be there.
fn meant(path: &str) -> Option<Endpoint> {
    let squeezed: String =
        path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect();
    let single = without_double(&squeezed).unwrap_or_else(|| squeezed.clone());
    // Google has OpenAI's paths below its own version.
    let single = single.strip_prefix("/v1beta/openai/").map_or(single.clone(), |rest| format!("/v1/{rest}"));
    let versioned = match single.strip_prefix("/v1") {
        Some(rest) if rest.starts_with("/v1/") || rest.starts_with("/v1beta/") => rest.to_owned(),
        Some(_) => single,
        None if single.starts_with("/models/") && single.contains(':') => format!("/v1beta{single}"),
        None => format!("/v1{single}"),
    };
    paths::endpoint(&versioned).map(|(endpoint, _)| endpoint)
}

/// The path with its tail once, if it is there twice or follows another one.
fn without_double(path: &str) -> Option<String> {
    let end = |path: &str| TAILS.iter().find(|tail| path.ends_with(**tail)).copied();
    let tail = end(path)?;
    let base = path.strip_suffix(tail)?;
    let other = end(base)?;
    Some(format!("{}{tail}", base.strip_suffix(other)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose base URL has too little, too much, or a slash too many is told where the endpoint is.
    #[test]
    fn mistakes_are_seen() {
        for (path, meant) in [
            ("/chat/completions", "/v1/chat/completions"),
            ("/v1/v1/messages", "/v1/messages"),
            ("/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
            ("/messages", "/v1/messages"),
            ("/v1/chat/completions/", "/v1/chat/completions"),
            ("//v1//chat/completions", "/v1/chat/completions"),
            ("/v1/chat/completions/chat/completions", "/v1/chat/completions"),
            ("/v1/responses/responses", "/v1/responses"),
            ("/v1/chat/completions/models", "/v1/models"),
            ("/responses/", "/v1/responses"),
            ("/models", "/v1/models"),
            ("/v1beta/openai/chat/completions", "/v1/chat/completions"),
            ("/v1/v1beta/models/a:generateContent", "/v1beta/models/{id}:generateContent"),
            ("/models/a:generateContent", "/v1beta/models/{id}:generateContent"),
        ] {
            let hint = hint(path).unwrap_or_default();
            assert!(hint.contains(&format!("`{meant}`")), "{path}: {hint}");
        }
    }

    /// What there is nowhere else is called so; what only looks like it is not.
    #[test]
    fn parts_are_known() {
        for path in [
            "/v1/files",
            "/v1/files/f/content",
            "/openai/v1/batches",
            "/v1/messages/batches",
            "/v1beta/files",
        ] {
            assert_eq!(hint(path).as_deref(), Some(UNSERVED), "{path}");
        }
        for path in ["/", "/v1", "/files", "/v1/filesx", "/v1/complete", "/favicon.ico", "/x/v1/y"] {
            assert_eq!(hint(path), None, "{path}");
        }
        assert_eq!(hint(&"/v1".repeat(1000)), None);
        assert_eq!(hint("/metrics").as_deref(), Some(OPERATORS));
        for path in ["/v1beta/models/a:generateAnswer", "/v1/models/a:b"] {
            assert_eq!(hint(path).as_deref(), Some(METHODS), "{path}");
        }
    }
}
