//! An exchange that was recorded at a provider, and how it is asked of a gateway before that provider.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::io::Read as _;

/// Whose API an exchange is in; each has a gateway of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    OpenAi,
    /// `OpenAI`'s, with the model in the path.
    Azure,
    Anthropic,
    Gemini,
    Cohere,
}

/// One line of a file of exchanges.
pub struct Exchange {
    pub name: String,
    pub api: Api,
    /// The path behind what a provider's base URL ends with, with `{id}` for a model.
    pub tail: String,
    pub query: String,
    /// The provider's name for the model.
    pub model: String,
    pub request_headers: Vec<(String, String)>,
    pub request: Vec<u8>,
    pub status: u16,
    pub response_headers: Vec<(String, String)>,
    /// As it is on the wire: perhaps compressed.
    pub response: Vec<u8>,
    pub gzipped: bool,
}

/// Endpoints of `OpenAI`'s API that the gateway has.
const OPENAI: [&str; 11] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/responses",
    "/moderations",
    "/images/generations",
    "/images/edits",
    "/images/variations",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
];
const METHODS: [&str; 3] = [":generateContent", ":streamGenerateContent", ":countTokens"];

impl Exchange {
    /// Reads a line. `None`: the gateway has no such endpoint, or the exchange was not recorded whole.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).expect("a line is one JSON object");
        let text = |name: &str| value[name].as_str().unwrap_or_default();
        if !text("method").eq_ignore_ascii_case("POST") {
            return None;
        }
        let uri = text("uri");
        let uri = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let at_path = uri.find('/')?;
        let (path, query) = uri[at_path..].split_once('?').unwrap_or((&uri[at_path..], ""));
        let path = path.split('#').next()?;
        let (request, response) = (body(&value, "request"), body(&value, "response"));
        let (api, tail) = place(path)?;
        let model = match api {
            Api::Gemini => path.rsplit_once("/models/")?.1.rsplit_once(':')?.0.replace("%2F", "/"),
            _ => serde_json::from_slice::<Value>(&request).ok()?["model"].as_str()?.to_owned(),
        };
        let mut response_headers = headers(&value["response_headers"]);
        // A recorder may have kept the field, and what the bytes stand for.
        let gzipped = response.starts_with(b"\x1f\x8b");
        response_headers.retain(|(name, _)| gzipped || name != "content-encoding");
        Some(Self {
            name: format!("{} {} {path}", text("file"), value["index"]),
            api,
            tail,
            query: query.to_owned(),
            model,
            request_headers: headers(&value["request_headers"]),
            request,
            status: u16::try_from(value["status"].as_u64()?).ok()?,
            response_headers,
            response,
            gzipped,
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response_headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// It is a stream, be it one of Google's that is no stream of events: of such the client has each piece at once.
    pub fn comes_in_pieces(&self) -> bool {
        self.is_stream() || self.tail.ends_with(":streamGenerateContent")
    }

    /// The response without its compression.
    pub fn plain(&self) -> Vec<u8> {
        if !self.gzipped {
            return self.response.clone();
        }
        let mut plain = vec![];
        MultiGzDecoder::new(&*self.response).read_to_end(&mut plain).expect("whole gzip");
        plain
    }

    /// The request's path and query at the gateway, where the model has this name.
    pub fn target(&self, model: &str) -> String {
        let version = match self.api {
            Api::Gemini => "/v1beta",
            Api::Anthropic => "",
            Api::OpenAi | Api::Azure | Api::Cohere => "/v1",
        };
        let path = self.tail.replace("{id}", model);
        let query: Vec<&str> = self.parameters().collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{version}{path}{query}")
    }

    /// What of the query is the client's own.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let parameters = self.query.split('&').filter(|parameter| !parameter.is_empty());
        parameters
            .filter(|parameter| !["key=", "api-version="].iter().any(|name| parameter.starts_with(name)))
    }
}

/// Whose API a path is of, and its tail.
fn place(path: &str) -> Option<(Api, String)> {
    if let Some(method) = METHODS.iter().find(|method| path.contains("/models/") && path.ends_with(**method))
    {
        return Some((Api::Gemini, format!("/models/{{id}}{method}")));
    }
    for tail in ["/v1/messages", "/v1/messages/count_tokens"] {
        if path.ends_with(tail) {
            return Some((Api::Anthropic, tail.to_owned()));
        }
    }
    if path.ends_with("/rerank") {
        return Some((Api::Cohere, "/rerank".to_owned()));
    }
    // A prompt's completion at a gateway of another kind.
    let tail = OPENAI.iter().find(|tail| path.ends_with(**tail) && !path.contains("/prompts/"))?;
    let api = if path.contains("/openai/deployments/") { Api::Azure } else { Api::OpenAi };
    Some((api, (*tail).to_owned()))
}

/// A body in base64, or as the text that it is.
fn body(value: &Value, name: &str) -> Vec<u8> {
    match value[format!("{name}_text")].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(value[name].as_str().unwrap_or_default()).expect("base64"),
    }
}

/// Each field in lower case, once for each of its values.
fn headers(value: &Value) -> Vec<(String, String)> {
    let fields = value.as_object().into_iter().flatten();
    let pairs = fields.flat_map(|(name, value)| {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        values
            .into_iter()
            .map(|value| (name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned()))
    });
    pairs.collect()
}
