//! The bytes of a request, written once and sent often.

use super::{Endpoint, Part};

/// What pads a prompt, in units that may be repeated: prose, and code with what JSON has to escape.
const PROSE: &str = "The quick brown fox jumps over the lazy dog. ";
const CODE: &str = r#"    let total = rows.iter().filter(|row| row.name == \"open\").count();\n"#;

const INCLUDE_USAGE: &str = r#","stream_options":{"include_usage":true}"#;

/// One request, before it is put into a version of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Part {
    /// A request with this key, or none. `base` is the path that endpoints stand behind; `path` is where a part goes
    /// that has no endpoint.
    pub fn draft(&self, base: &str, path: &str, key: Option<&str>) -> Draft {
        let path = self.endpoint.map_or(path.to_owned(), |endpoint| format!("{base}{}", endpoint.path()));
        let endpoint =
            self.endpoint.or_else(|| Endpoint::of_path(path.split('?').next().unwrap_or_default()));
        let mut headers = self.headers.clone();
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        add("content-type", "application/json".to_owned());
        add("accept", "*/*".to_owned());
        if endpoint == Some(Endpoint::Messages) {
            add("anthropic-version", "2023-06-01".to_owned());
        }
        match key {
            Some(key) if endpoint == Some(Endpoint::Messages) => add("x-api-key", key.to_owned()),
            Some(key) => add("authorization", format!("Bearer {key}")),
            None => {}
        }
        let short = self.body(endpoint, 0).len();
        let body = self.body(endpoint, self.body_bytes.saturating_sub(short));
        Draft { path, headers, body }
    }

    fn body(&self, endpoint: Option<Endpoint>, prompt_bytes: usize) -> String {
        let model = serde_json::Value::from(self.model.as_str());
        let (content, usage) = match endpoint {
            Some(Endpoint::Messages) => {
                (format!(r#""max_tokens":1000000,"messages":[{}]"#, self.messages(prompt_bytes)), "")
            }
            Some(Endpoint::Chat) => {
                (format!(r#""messages":[{}]"#, self.messages(prompt_bytes)), INCLUDE_USAGE)
            }
            Some(Endpoint::Completions) => (self.prompt(prompt_bytes), INCLUDE_USAGE),
            Some(Endpoint::Responses | Endpoint::Embeddings) | None => {
                (format!(r#""input":{}"#, self.input(prompt_bytes)), "")
            }
        };
        let stream = if self.stream { format!(r#","stream":true{usage}"#) } else { String::new() };
        format!(r#"{{"model":{model},{content}{stream}}}"#)
    }

    /// The prompt as turns of a conversation, the user's first and last.
    fn messages(&self, prompt_bytes: usize) -> String {
        let turn = |(index, bytes): (usize, usize)| {
            let is_user = (self.pieces - 1 - index).is_multiple_of(2);
            let (role, unit) = if is_user { ("user", PROSE) } else { ("assistant", CODE) };
            format!(r#"{{"role":"{role}","content":"{}"}}"#, padding(unit, bytes))
        };
        shares(prompt_bytes, self.pieces).enumerate().map(turn).collect::<Vec<_>>().join(",")
    }

    fn prompt(&self, prompt_bytes: usize) -> String {
        if self.suffix_bytes == 0 {
            return format!(r#""prompt":"{}""#, padding(PROSE, prompt_bytes));
        }
        let suffix_bytes = self.suffix_bytes.min(prompt_bytes);
        let (prompt, suffix) = (padding(CODE, prompt_bytes - suffix_bytes), padding(CODE, suffix_bytes));
        format!(r#""prompt":"{prompt}","suffix":"{suffix}""#)
    }

    fn input(&self, prompt_bytes: usize) -> String {
        if self.pieces == 1 {
            return format!("\"{}\"", padding(PROSE, prompt_bytes));
        }
        let texts = shares(prompt_bytes, self.pieces).map(|bytes| format!("\"{}\"", padding(PROSE, bytes)));
        format!("[{}]", texts.collect::<Vec<_>>().join(","))
    }
}

impl Draft {
    /// The request as HTTP/1.1 has it.
    pub fn http1(&self, host: &str) -> Vec<u8> {
        let (path, size, body) = (&self.path, self.body.len(), &self.body);
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {size}\r\n\r\n{body}")
            .into_bytes()
    }

    /// The head of the request as HTTP/2 has it.
    ///
    /// # Errors
    /// When the path or a header has bytes that cannot stand there.
    pub fn http2(&self, scheme: &str, authority: &str) -> Result<http::Request<()>, http::Error> {
        let mut request = http::Request::post(format!("{scheme}://{authority}{}", self.path))
            .version(http::Version::HTTP_2)
            .header("content-length", self.body.len());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(())
    }
}

/// `bytes` in so many shares, as equal as can be.
fn shares(bytes: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| bytes * (index + 1) / count - bytes * index / count)
}

/// So many bytes of whole units, and spaces.
fn padding(unit: &str, bytes: usize) -> String {
    let mut text = unit.repeat(bytes / unit.len());
    text.extend(std::iter::repeat_n(' ', bytes % unit.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_of(path: &str, part: &Part) -> (String, serde_json::Value) {
        let draft = part.draft("/v1", path, Some("k"));
        let request = String::from_utf8(draft.http1("127.0.0.1")).expect("text");
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }

    /// Every endpoint gets JSON of the size that was asked for, with its own words for the prompt and the key.
    #[test]
    fn writes_what_each_endpoint_takes() {
        for (path, field, key) in [
            ("chat/completions", "messages", "authorization: Bearer k"),
            ("completions", "prompt", "authorization: Bearer k"),
            ("responses", "input", "authorization: Bearer k"),
            ("embeddings", "input", "authorization: Bearer k"),
            ("messages", "messages", "x-api-key: k"),
        ] {
            let part = Part { stream: true, ..Part::plain("a", "m?x=\"1\"") };
            let (head, body) = request_of(&format!("/v1/{path}"), &part);
            assert!(
                body.get(field).is_some() && body["stream"] == true && body["model"] == "m?x=\"1\"",
                "{path}"
            );
            assert!(head.contains(key) && head.contains("content-length: 1024"), "{head}");
        }
        let small = Part { body_bytes: 0, ..Part::plain("a", "m") };
        assert!(small.draft("", "/v1/completions", None).body.len() < 50);
    }

    /// A prompt is spread over turns, inputs, or both sides of the cursor, without changing the size of the body.
    #[test]
    fn spreads_the_prompt() {
        let part = |endpoint, pieces, suffix_bytes| Part {
            endpoint: Some(endpoint),
            body_bytes: 5000,
            pieces,
            suffix_bytes,
            ..Part::plain("a", "m")
        };
        let (head, body) = request_of("", &part(Endpoint::Chat, 4, 0));
        let roles: Vec<_> =
            body["messages"].as_array().expect("turns").iter().map(|it| it["role"].clone()).collect();
        assert_eq!(roles, ["assistant", "user", "assistant", "user"]);
        assert!(head.starts_with("POST /v1/chat/completions ") && head.contains("content-length: 5000"));
        let (_, body) = request_of("", &part(Endpoint::Embeddings, 7, 0));
        assert_eq!(body["input"].as_array().map(Vec::len), Some(7));
        let (head, body) = request_of("", &part(Endpoint::Completions, 1, 1000));
        assert!(body["suffix"].as_str().is_some_and(|it| it.len() > 900 && it.contains('\n')));
        assert!(head.contains("content-length: 5000"), "{head}");
    }

    /// HTTP/2 gets the same headers, and the authority in the URL.
    #[test]
    fn writes_heads_of_http2() {
        let draft = Part::plain("a", "m").draft("/v1", "/v1/messages", Some("k"));
        let request = draft.http2("https", "host:1").expect("valid");
        assert_eq!(request.uri(), "https://host:1/v1/messages");
        assert_eq!(request.headers()["x-api-key"], "k");
        assert!(draft.http2("https", "a b").is_err());
    }
}
