//! Answers that tell what was received, so that a test can see what a gateway sends.

use ring::digest::{SHA256, digest};

use super::answer::quote;
use super::compile::{plain, refuse};
use super::endpoint::Dialect;
use super::fault::Fault;
use super::script::Script;

/// One request as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub head: &'a [u8],
    pub body: &'a [u8],
}

/// The answer to a request that asks for an echo, if `fault` is one.
pub fn echo(fault: Fault, dialect: Dialect, received: Received<'_>) -> Option<Script> {
    match fault {
        Fault::EchoKey => {
            let message = format!("Incorrect API key provided: {}.", received.credential());
            Some(refuse(Script::default(), dialect, 401, &message))
        }
        Fault::EchoHeaders => Some(plain(dialect, "application/json", received.describe().as_bytes())),
        Fault::EchoBody => Some(plain(dialect, "application/json", received.body)),
        _ => None,
    }
}

impl Received<'_> {
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
    }

    fn headers(&self) -> impl Iterator<Item = (String, String)> {
        self.lines().skip(1).filter_map(|line| {
            let line = String::from_utf8_lossy(line);
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
    }

    /// The value of the header that says who is asking.
    fn credential(&self) -> String {
        let named = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        self.headers()
            .find(|(name, _)| named.contains(&name.as_str()))
            .map_or("none".to_owned(), |(_, value)| value)
    }

    fn describe(&self) -> String {
        let line = self.lines().next().map(String::from_utf8_lossy).unwrap_or_default();
        let headers: Vec<String> =
            self.headers().map(|(name, value)| format!("[{},{}]", quote(&name), quote(&value))).collect();
        format!(
            r#"{{"request_line":{},"headers":[{}],"body_bytes":{},"body_sha256":"{}"}}"#,
            quote(&line),
            headers.join(","),
            self.body.len(),
            hexadecimal(digest(&SHA256, self.body).as_ref())
        )
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The description has every header in order, repeated ones too, and the digest of the body.
    #[test]
    fn describes_what_came() {
        let received =
            Received { head: b"POST /x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: \"2\"\r\n\r\n", body: b"abc" };
        let expected = concat!(
            r#"{"request_line":"POST /x HTTP/1.1","headers":[["host","a"],["x-a","1"],["x-a","\"2\""]],"body_bytes":3,"#,
            r#""body_sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#
        );
        assert_eq!(received.describe(), expected);
    }
}
