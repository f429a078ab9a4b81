//! The bytes of a request, written once and sent often.

use super::target::Target;

/// What a request is to be like.
#[derive(Clone, Debug)]
pub struct Ask {
    pub key: Option<String>,
    pub model: String,
    /// Bytes of the body, at least; the prompt is padded to fit.
    pub body_bytes: usize,
    pub stream: bool,
}

/// What pads a prompt.
const PADDING: &str = "The quick brown fox jumps over the lazy dog. ";

impl Ask {
    /// The bytes of a request to a target, in the shape of the endpoint that its path names.
    pub fn write(&self, target: &Target) -> Vec<u8> {
        let short = self.body(target, "");
        let prompt: String =
            PADDING.chars().cycle().take(self.body_bytes.saturating_sub(short.len())).collect();
        let body = self.body(target, &prompt);
        let (path, host, size) = (&target.path, &target.authority, body.len());
        let credentials = self.credentials(is_anthropic(target));
        let rest =
            format!("content-type: application/json\r\naccept: */*\r\ncontent-length: {size}\r\n\r\n{body}");
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{credentials}{rest}").into_bytes()
    }

    fn credentials(&self, is_anthropic: bool) -> String {
        let version = if is_anthropic { "anthropic-version: 2023-06-01\r\n" } else { "" };
        match &self.key {
            None => version.to_owned(),
            Some(key) if is_anthropic => format!("x-api-key: {key}\r\n{version}"),
            Some(key) => format!("authorization: Bearer {key}\r\n"),
        }
    }

    fn body(&self, target: &Target, prompt: &str) -> String {
        let model = serde_json::Value::from(self.model.as_str());
        let path = target.path.split('?').next().unwrap_or_default();
        let (content, usage) = match () {
            () if path.ends_with("/messages") => {
                (format!(r#""max_tokens":1000000,"messages":[{{"role":"user","content":"{prompt}"}}]"#), "")
            }
            () if path.ends_with("/chat/completions") => {
                (format!(r#""messages":[{{"role":"user","content":"{prompt}"}}]"#), INCLUDE_USAGE)
            }
            () if path.ends_with("/completions") => (format!(r#""prompt":"{prompt}""#), INCLUDE_USAGE),
            () => (format!(r#""input":"{prompt}""#), ""),
        };
        let stream = if self.stream { format!(r#","stream":true{usage}"#) } else { String::new() };
        format!(r#"{{"model":{model},{content}{stream}}}"#)
    }
}

const INCLUDE_USAGE: &str = r#","stream_options":{"include_usage":true}"#;

fn is_anthropic(target: &Target) -> bool {
    target.path.contains("/messages")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(url: &str, body_bytes: usize, stream: bool) -> (String, String) {
        let target: Target = url.parse().expect("valid");
        let ask = Ask { key: Some("k".to_owned()), model: "m?x=\"1\"".to_owned(), body_bytes, stream };
        let request = String::from_utf8(ask.write(&target)).expect("text");
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
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
            let (head, body) = body_of(&format!("http://127.0.0.1/v1/{path}"), 1024, true);
            let json: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            assert!(
                json.get(field).is_some() && json["stream"] == true && json["model"] == "m?x=\"1\"",
                "{path}"
            );
            assert!(head.contains(key) && head.contains("content-length: 1024"), "{head}");
        }
        assert!(body_of("http://127.0.0.1/v1/completions", 0, false).1.len() < 50);
    }
}
