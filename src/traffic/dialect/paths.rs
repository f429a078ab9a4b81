//! Which endpoint a path is.
//!
//! Takes a method and a path as they stand in the request's head, without the query; gives an endpoint.
//!
//! Invariant: nothing is normalised. A path is byte for byte one of the table's, or it does not exist here.

use super::astray;
use crate::base::fault::FaultKind;
use crate::base::limits::MODEL_NAME_BYTES;
use crate::base::text::Text;
use crate::contract::endpoint::{Dialect, Endpoint};

/// Where a request goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match<'a> {
    pub endpoint: Endpoint,
    /// What stands for the model in its path, as written.
    pub model_id: Option<&'a str>,
    /// Anthropic's words as a cloud has them: the version of the format stands in the body.
    pub hosted: bool,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathFault {
    Unknown,
    /// What a provider keeps of an answer: its path names no model, and nothing here knows whose it is.
    Stored,
    /// A model where clients of Amazon's look for it.
    Amazons,
    MethodNotAllowed {
        /// Value of the `allow` field.
        allow: &'static str,
    },
}

impl PathFault {
    pub const fn kind(self) -> FaultKind {
        match self {
            PathFault::Unknown | PathFault::Stored | PathFault::Amazons => FaultKind::UnknownPath,
            PathFault::MethodNotAllowed { .. } => FaultKind::MethodNotAllowed,
        }
    }
}

/// The endpoint of a path, if it takes the method. `HEAD` goes where `GET` does.
pub fn find<'a>(method: &str, path: &'a str) -> Result<Match<'a>, PathFault> {
    let hosted = hosted(path);
    let is_hosted = hosted.is_some();
    let missed = || match () {
        () if is_stored(path) => PathFault::Stored,
        () if is_amazons(path) => PathFault::Amazons,
        () => PathFault::Unknown,
    };
    let (endpoint, model_id) = hosted.or_else(|| endpoint(path)).ok_or_else(missed)?;
    let allow = match endpoint.row().method {
        "GET" => "GET, HEAD",
        other => other,
    };
    let takes = method == endpoint.row().method || (method == "HEAD" && allow == "GET, HEAD");
    match model_id {
        _ if takes => Ok(Match { endpoint, model_id, hosted: is_hosted }),
        // A method of Google's that is not here, and not a model that cannot be posted to.
        Some(id) if allow != "POST" && id.contains(':') => Err(PathFault::Unknown),
        _ => Err(PathFault::MethodNotAllowed { allow }),
    }
}

/// Whether a path names something that a provider was asked to store.
fn is_stored(path: &str) -> bool {
    const KEPT: [&str; 3] = ["/responses/", "/chat/completions/", "/conversations/"];
    let path = path.strip_prefix("/openai").unwrap_or(path);
    let rest = path.strip_prefix("/v1").unwrap_or(path);
    !astray::is_doubled(path)
        && (KEPT.iter().any(|kept| rest.strip_prefix(kept).is_some_and(|id| !id.is_empty()))
            || rest == "/conversations")
}

/// The endpoint at a path, and what stands for the model there.
pub(super) fn endpoint(path: &str) -> Option<(Endpoint, Option<&str>)> {
    // Azure has all of them below one more step, too.
    let path = path.strip_prefix("/openai").filter(|rest| rest.starts_with("/v1/")).unwrap_or(path);
    let endpoint = match path {
        "/v1/chat/completions" => Endpoint::ChatCompletions,
        "/v1/completions" => Endpoint::Completions,
        "/v1/embeddings" => Endpoint::Embeddings,
        "/v1/responses" | "/openai/responses" => Endpoint::Responses,
        "/v1/responses/input_tokens" | "/openai/responses/input_tokens" => Endpoint::InputTokens,
        "/v1/responses/compact" | "/openai/responses/compact" => Endpoint::Compact,
        // The second spelling is that of the packages for rerankers.
        "/v1/rerank" | "/v2/rerank" => Endpoint::Rerank,
        "/v1/moderations" => Endpoint::Moderations,
        "/v1/images/generations" => Endpoint::ImageGenerations,
        "/v1/images/edits" => Endpoint::ImageEdits,
        "/v1/images/variations" => Endpoint::ImageVariations,
        "/v1/audio/speech" => Endpoint::AudioSpeech,
        "/v1/audio/transcriptions" => Endpoint::AudioTranscriptions,
        "/v1/audio/translations" => Endpoint::AudioTranslations,
        "/v1/messages" => Endpoint::Messages,
        "/v1/messages/count_tokens" => Endpoint::CountTokens,
        "/v1/models" | "/openai/models" => Endpoint::Models,
        "/v1beta/models" => Endpoint::GeminiModels,
        _ => return below_models(path).or_else(|| azures(path)).map(|(endpoint, id)| (endpoint, Some(id))),
    };
    Some((endpoint, None))
}

/// What is below a list of models: a model, or one of the methods that Google's API writes behind its name.
fn below_models(path: &str) -> Option<(Endpoint, &str)> {
    let (of_google, rest) = match path.strip_prefix("/v1/models/") {
        Some(rest) => (false, rest),
        None => match path.strip_prefix("/v1beta/models/") {
            Some(rest) => (true, rest),
            None => return in_cloud(path),
        },
    };
    let (endpoint, id) =
        method(rest).unwrap_or((if of_google { Endpoint::GeminiModel } else { Endpoint::Model }, rest));
    is_id(id).then_some((endpoint, id))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && !id.contains(['?', '#'])
}

/// A method of Google's behind the name of a model.
fn method(rest: &str) -> Option<(Endpoint, &str)> {
    let (id, method) = rest.rsplit_once(':')?;
    let endpoint = match method {
        "generateContent" => Endpoint::GenerateContent,
        "streamGenerateContent" => Endpoint::StreamGenerateContent,
        "countTokens" => Endpoint::GeminiCountTokens,
        "embedContent" => Endpoint::EmbedContent,
        "batchEmbedContents" => Endpoint::BatchEmbedContents,
        "predict" => Endpoint::Predict,
        _ => return None,
    };
    Some((endpoint, id))
}

/// The same where clients of Google's cloud look for models: below their publisher, in a project and a place or not. Whose
/// these are is the provider's matter here.
fn in_cloud(path: &str) -> Option<(Endpoint, &str)> {
    method(published(path, "publishers/google/models/")?).filter(|(_, id)| is_id(id))
}

/// Anthropic's models in the same place. Which form the answer has, the body says, whatever the method: so it is there.
fn hosted(path: &str) -> Option<(Endpoint, Option<&str>)> {
    let rest = published(path, "publishers/anthropic/models/")?;
    let (id, _) =
        rest.rsplit_once(':').filter(|(_, method)| matches!(*method, "rawPredict" | "streamRawPredict"))?;
    if rest == "count-tokens:rawPredict" {
        return Some((Endpoint::CountTokens, None));
    }
    is_id(id).then_some((Endpoint::Messages, Some(id)))
}

/// What is behind a publisher's list of models.
fn published<'p>(path: &'p str, models: &str) -> Option<&'p str> {
    let rest = path.strip_prefix("/v1beta1/").or_else(|| path.strip_prefix("/v1/"))?;
    let rest = match rest.strip_prefix("projects/") {
        None => rest,
        Some(project) => {
            let (project, rest) = project.split_once("/locations/")?;
            let (place, rest) = rest.split_once('/')?;
            let plain = |part: &str| !part.is_empty() && !part.contains('/');
            (plain(project) && plain(place)).then_some(rest)?
        }
    };
    rest.strip_prefix(models)
}

/// Whether a path is one of Amazon's runtime: `/model/{id}/converse` and its like.
fn is_amazons(path: &str) -> bool {
    const TAILS: [&str; 5] =
        ["/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream", "/count-tokens"];
    let model = path.strip_prefix("/model/");
    model.is_some_and(|rest| TAILS.iter().any(|tail| rest.strip_suffix(tail).is_some_and(is_id)))
}

/// How Azure's paths begin.
const AZURE: &str = "/openai/";

/// Whether a path is of Azure's older form, in which the query names a version of its API.
pub fn is_azures(path: &str) -> bool {
    path.strip_prefix(AZURE).is_some_and(|rest| !rest.starts_with("v1/"))
}

/// What is below a deployment of Azure's, which is the model.
fn azures(path: &str) -> Option<(Endpoint, &str)> {
    const TAILS: [(&str, Endpoint); 8] = [
        ("/chat/completions", Endpoint::ChatCompletions),
        ("/completions", Endpoint::Completions),
        ("/embeddings", Endpoint::Embeddings),
        ("/images/generations", Endpoint::ImageGenerations),
        ("/images/edits", Endpoint::ImageEdits),
        ("/audio/speech", Endpoint::AudioSpeech),
        ("/audio/transcriptions", Endpoint::AudioTranscriptions),
        ("/audio/translations", Endpoint::AudioTranslations),
    ];
    let rest = path.strip_prefix(AZURE)?.strip_prefix("deployments/")?;
    let (id, endpoint) =
        TAILS.iter().find_map(|(tail, endpoint)| Some((rest.strip_suffix(tail)?, *endpoint)))?;
    (!id.is_empty() && !id.contains(['?', '#'])).then_some((endpoint, id))
}

/// Whether a query asks for a stream as events. Source: `alt`, a system parameter of Google's APIs.
pub fn asks_for_events(query: &str) -> bool {
    query.split('&').any(|parameter| matches!(parameter, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}

/// The dialect of what is not found: whose paths it looks like.
pub fn dialect_of_unknown(path: &str) -> Dialect {
    match path {
        _ if path.starts_with("/v1beta/openai/") => Dialect::OpenAi,
        _ if path.starts_with("/v1beta/") || path.starts_with("/v1beta1/") => Dialect::Gemini,
        _ if path.starts_with("/v1/messages/") => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    }
}

/// The model that `{id}` names: percent-decoded once, since names hold slashes and colons.
/// `None` if that is no name: a broken escape, not UTF-8, too long, or with control characters.
pub fn decode_model_id(raw: &str) -> Option<Text<MODEL_NAME_BYTES>> {
    let mut name = [0; MODEL_NAME_BYTES];
    let (mut len, mut rest) = (0, raw.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = if *first == b'%' { unescape(tail)? } else { (*first, tail) };
        *name.get_mut(len)? = byte;
        len += 1;
        rest = tail;
    }
    super::ask::model_name(&name[..len])
}

fn unescape(after: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = after.split_first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    Some(((high? << 4 | low?) as u8, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The match and the contract's table name the same paths, each with its own method and no other.
    #[test]
    fn every_row_is_found_by_its_own_path() {
        for wanted in Endpoint::ALL {
            let row = wanted.row();
            let path = row.path.replace("{id}", "a");
            let other = if row.method == "GET" { "POST" } else { "GET" };
            if wanted == Endpoint::Unknown {
                assert_eq!(find("GET", &path), Err(PathFault::Unknown));
            } else {
                assert_eq!(find(row.method, &path).map(|m| m.endpoint), Ok(wanted));
                let allow = if row.method == "GET" { "GET, HEAD" } else { "POST" };
                assert_eq!(find(other, &path), Err(PathFault::MethodNotAllowed { allow }));
                assert_eq!(find("HEAD", &path).is_ok(), row.method == "GET");
                assert!(find(&row.method.to_lowercase(), &path).is_err());
            }
        }
    }

    /// No other spelling of a path leads anywhere.
    #[test]
    fn paths_are_not_normalised() {
        for path in [
            "",
            "/",
            "*",
            "/v1",
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/v1/chat/completions/",
            "/v1/chat/./completions",
            "/v1/x/../chat/completions",
            "/v1/chat%2fcompletions",
            "/v1/chat/completions;x",
            "/v1/chat/completions?x",
            "/v1/chat/completions ",
            "/V1/chat/completions",
            "/v1/chat/completions\0",
            "/v1/models/",
            "/v1/models/:generateContent",
            "/v1beta",
            "/v1beta/",
            "/v1beta/models/",
            "/v1beta/models/:countTokens",
            "/v1beta/models/a?b:generateContent",
            "/v1beta/chat/completions",
            "/v1beta1/models",
            "/v1/messages/",
            "/v1/messages/count_tokens/",
            "/v1/models/a?b",
            "http://host/v1/models",
        ] {
            assert_eq!(find("POST", path), Err(PathFault::Unknown), "{path}");
            assert_eq!(find("GET", path), Err(PathFault::Unknown), "{path}");
        }
    }

    /// What a provider has stored is known for what it is, by any method; what only looks like it is not.
    #[test]
    fn stored_answers_are_known() {
        for path in [
            "/v1/responses/resp_1",
            "/v1/responses/resp_1/cancel",
            "/v1/responses/resp_1/input_items",
            "/openai/v1/responses/resp_1",
            "/openai/responses/resp_1",
            "/v1/conversations",
            "/v1/conversations/conv_1/items",
            "/v1/chat/completions/chatcmpl-1",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                assert_eq!(find(method, path), Err(PathFault::Stored), "{method} {path}");
            }
        }
        for path in ["/v1/responses/", "/v1/response/x", "/v2/responses/x", "/v1/conversationsx"] {
            assert_eq!(find("GET", path), Err(PathFault::Unknown), "{path}");
        }
    }

    /// Clients of Google's cloud find models below their publisher.
    #[test]
    fn clouds_have_publishers() {
        let found = |path| find("POST", path).map(|found| (found.endpoint, found.model_id));
        for (path, endpoint, id) in [
            ("/v1beta1/publishers/google/models/g:generateContent", Endpoint::GenerateContent, "g"),
            (
                "/v1/projects/p/locations/l/publishers/google/models/a/b:streamGenerateContent",
                Endpoint::StreamGenerateContent,
                "a/b",
            ),
            ("/v1beta1/projects/p/locations/l/publishers/google/models/e:predict", Endpoint::Predict, "e"),
            ("/v1/models/e:predict", Endpoint::Predict, "e"),
        ] {
            assert_eq!(found(path), Ok((endpoint, Some(id))), "{path}");
        }
        for path in [
            "/v1beta1/publishers/google/models/g",
            "/v1beta1/publishers/google/models/:predict",
            "/v1beta1/publishers/anthropic/models/g:generateContent",
            "/v1beta1/publishers/google/models/g:rawPredict",
            "/v1/publishers/anthropic/models/:rawPredict",
            "/v1/publishers/anthropic/models/c:rawPredict;x",
            "/v1/publishers//anthropic/models/c:rawPredict",
            "/v1/publishers/anthropic/models/a?b:rawPredict",
            "/v1/projects/p%2flocations/l/publishers/anthropic/models/c:rawPredict",
            "/projects/p/locations/l/publishers/anthropic/models/c:rawPredict",
            "/v1/projects//locations/l/publishers/google/models/g:predict",
            "/v1/projects/a/b/locations/l/publishers/google/models/g:predict",
            "/v1/projects/p/locations/l/models/g:predict",
            "/v1beta/publishers/google/models/g:predict",
        ] {
            assert_eq!(found(path), Err(PathFault::Unknown), "{path}");
        }
    }

    /// Anthropic's models are there, too: the URL names the model, but where tokens are counted.
    #[test]
    fn clouds_host_messages() {
        let found = |path| find("POST", path).map(|found| (found.endpoint, found.model_id, found.hosted));
        for (path, endpoint, id) in [
            (
                "/v1/projects/p/locations/l/publishers/anthropic/models/c@1:rawPredict",
                Endpoint::Messages,
                Some("c@1"),
            ),
            ("/v1/publishers/anthropic/models/a/b%3Ac:streamRawPredict", Endpoint::Messages, Some("a/b%3Ac")),
            (
                "/v1beta1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
                Endpoint::CountTokens,
                None,
            ),
        ] {
            assert_eq!(found(path), Ok((endpoint, id, true)), "{path}");
            assert_eq!(find("GET", path), Err(PathFault::MethodNotAllowed { allow: "POST" }));
        }
        assert_eq!(found("/v1/messages"), Ok((Endpoint::Messages, None, false)));
    }

    /// Amazon's paths are known for what they are, and lead nowhere.
    #[test]
    fn amazons_paths_lead_nowhere() {
        for path in
            ["/model/c/invoke", "/model/a%2Fb/converse-stream", "/model/a/b/invoke-with-response-stream"]
        {
            assert_eq!(find("POST", path), Err(PathFault::Amazons), "{path}");
        }
        for path in
            ["/model//invoke", "/model/c/invoke/", "/model/c", "/models/c/invoke", "/model/c/invoke;x"]
        {
            assert_eq!(find("POST", path), Err(PathFault::Unknown), "{path}");
        }
    }

    /// Google's methods stand behind the last colon of a path of either version; a colon before them is the name's.
    #[test]
    fn methods_stand_behind_names() {
        let found = |method, path| find(method, path).map(|found| (found.endpoint, found.model_id));
        for (path, endpoint, id) in [
            ("/v1beta/models/g:generateContent", Endpoint::GenerateContent, "g"),
            ("/v1/models/g:streamGenerateContent", Endpoint::StreamGenerateContent, "g"),
            ("/v1/models/openai/gpt-5:nano:countTokens", Endpoint::GeminiCountTokens, "openai/gpt-5:nano"),
            ("/v1beta/models/a%3Ab%2Fc:generateContent", Endpoint::GenerateContent, "a%3Ab%2Fc"),
        ] {
            assert_eq!(found("POST", path), Ok((endpoint, Some(id))));
            assert_eq!(found("GET", path), Err(PathFault::MethodNotAllowed { allow: "POST" }));
        }
        for (path, endpoint, id) in [
            ("/v1beta/models/a/b:c", Endpoint::GeminiModel, "a/b:c"),
            ("/v1beta/models/a%3AgenerateContent", Endpoint::GeminiModel, "a%3AgenerateContent"),
            ("/v1/models/a:generatecontent", Endpoint::Model, "a:generatecontent"),
        ] {
            assert_eq!(found("GET", path), Ok((endpoint, Some(id))));
        }
        for (query, events) in [
            ("alt=sse", true),
            ("a=1&%24alt=sse", true),
            ("", false),
            ("alt=json", false),
            ("xalt=sse", false),
        ] {
            assert_eq!(asks_for_events(query), events, "{query}");
        }
    }

    /// Azure's clients find all of `OpenAI`'s paths below one more step, and older ones below their deployments.
    #[test]
    fn azures_paths() {
        let found = |path| find("POST", path).map(|found| (found.endpoint, found.model_id));
        for (path, endpoint, id) in [
            ("/openai/v1/chat/completions", Endpoint::ChatCompletions, None),
            ("/openai/responses", Endpoint::Responses, None),
            ("/openai/deployments/gpt-5/chat/completions", Endpoint::ChatCompletions, Some("gpt-5")),
            ("/openai/deployments/a/b%20c/completions", Endpoint::Completions, Some("a/b%20c")),
            ("/openai/deployments/x/audio/transcriptions", Endpoint::AudioTranscriptions, Some("x")),
        ] {
            assert_eq!(found(path), Ok((endpoint, id)));
            assert_eq!(is_azures(path), !path.starts_with("/openai/v1/"), "{path}");
        }
        for path in [
            "/openai/deployments//chat/completions",
            "/openai/deployments/x/responses",
            "/openai/deployments/x",
            "/openai/chat/completions",
            "/openai/v1beta/models",
            "/openai/openai/v1/responses",
            "/openai",
        ] {
            assert_eq!(found(path), Err(PathFault::Unknown), "{path}");
        }
        assert_eq!(find("GET", "/openai/models").map(|found| found.endpoint), Ok(Endpoint::Models));
    }

    /// Names are decoded once, and what is no name is none.
    #[test]
    fn model_ids_are_decoded_once() {
        let decoded = |raw| decode_model_id(raw).map(|t| t.as_str().to_owned());
        for (raw, name) in [
            ("gpt-5", "gpt-5"),
            ("openai/gpt-5", "openai/gpt-5"),
            ("openai%2Fgpt-5%3anano", "openai/gpt-5:nano"),
            ("%252F", "%2F"),
            ("%E2%82%AC", "€"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(decoded(raw).as_deref(), Some(name));
        }
        let (fits, too_long) = ("%61".repeat(MODEL_NAME_BYTES), "a".repeat(MODEL_NAME_BYTES + 1));
        assert_eq!(decoded(&fits), Some("a".repeat(MODEL_NAME_BYTES)));
        for raw in ["", "%", "%2", "%zz", "a%", "%+1", "%ff", "%00", "a%0Ab", "a%7F", &too_long] {
            assert_eq!(decoded(raw), None, "{raw}");
        }
    }
}
