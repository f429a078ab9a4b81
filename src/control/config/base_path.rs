//! The path of a provider's `base_url`.
//!
//! Takes the path as it is written; gives the one that endpoints are put behind, and what may be wrong with it.

use crate::contract::snapshot::Format;
use crate::control::config::vendors::Vendor;

/// How endpoints end, whatever the format: what the gateway writes behind a base.
const ENDS: [&str; 11] = [
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/messages",
    "/rerank",
    "/converse",
    "/invoke",
    "/chat",
    "/generate",
    "generateContent",
];

/// The base as the format's paths want it: without a version where they have their own, with one where they have none.
/// Both spellings are in use.
pub fn of(format: Format, path: &str) -> Box<str> {
    match format {
        Format::OpenAi
        | Format::Responses
        | Format::Bedrock
        | Format::BedrockAnthropic
        | Format::VertexAnthropic => path.into(),
        Format::Anthropic => path.strip_suffix("/v1").unwrap_or(path).into(),
        Format::Ollama => without_end(path, ["/api", "/v1"]),
        Format::Cohere => without_end(path, ["/v2", "/v1"]),
        Format::Gemini if path.split('/').any(|part| part.starts_with("v1")) => path.into(),
        Format::Gemini => format!("{path}/v1beta").into(),
    }
}

fn without_end(path: &str, ends: [&str; 2]) -> Box<str> {
    ends.into_iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path).into()
}

/// What a person should look at: every request to such a base would be answered 404.
pub fn doubt(path: &str, vendor: Option<&Vendor>, api_version: &str) -> Option<String> {
    if let Some(end) = ENDS.into_iter().find(|end| path.ends_with(end)) {
        return Some(format!("ends with {end}, which the gateway puts behind it by itself"));
    }
    let vendor = vendor?;
    let form = vendor.base_url_form.as_deref()?;
    let usual = form.splitn(4, '/').nth(3)?;
    // Where the query names a version, the path does not.
    let is_short = match path.strip_prefix('/') {
        None => true,
        Some(path) => api_version.is_empty() && path.len() < usual.len() && usual.starts_with(path),
    };
    is_short.then(|| {
        let kind = if api_version.is_empty() { "" } else { ", and with api_version without its /v1" };
        format!("may lack the rest of its path: for {} it looks like {form}{kind}", vendor.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::vendors;

    /// Bases that end with an endpoint, or before their vendor's path does, are doubted; all others are not.
    #[test]
    fn doubts() {
        for (vendor, path, version, said) in [
            ("openai", "/v1/chat/completions", "", "ends with /chat/completions,"),
            ("anthropic", "/v1/messages", "", "ends with /messages,"),
            ("ollama-native", "/api/chat", "", "ends with /chat,"),
            ("vllm", "", "", "looks like http://HOST:8000/v1"),
            ("azure", "", "", "looks like https://RESOURCE.openai.azure.com/openai/v1"),
            ("azure", "/openai", "", "looks like https://RESOURCE.openai.azure.com/openai/v1"),
            ("azure", "", "2024-10-21", "and with api_version without its /v1"),
            ("vertex", "/v1", "", "for vertex it looks like"),
        ] {
            let doubt = doubt(path, vendors::find(vendor), version).unwrap_or_default();
            assert!(doubt.contains(said), "{vendor} {path}: {doubt}");
        }
        for (vendor, path, version) in [
            ("openai", "", ""),
            ("openai", "/v1", ""),
            ("vllm", "/v1", ""),
            ("vllm", "/gpus/a", ""),
            ("azure", "/openai/v1", ""),
            ("azure", "/openai", "2024-10-21"),
            ("bedrock", "", ""),
            ("ollama-native", "", ""),
        ] {
            assert_eq!(doubt(path, vendors::find(vendor), version), None, "{vendor} {path}");
        }
        assert_eq!(doubt("", None, ""), None);
    }
}
