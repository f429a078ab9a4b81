//! What a request is aimed at: the target of its first line, and its Host.
//!
//! Invariant: a path that leaves here starts with `/` and is visible ASCII without `?` and `#`, as the client
//! spelled it. Nothing is decoded or normalised: the table of endpoints compares byte for byte.

/// Path and query of a request target.
pub(super) struct Target<'b> {
    pub path: &'b str,
    /// Without its `?`.
    pub query: Option<&'b str>,
}

impl<'b> Target<'b> {
    /// Takes the origin form `/path?query` and the absolute form `http(s)://host/path?query`.
    ///
    /// Source: RFC 9112, 3.2. The forms of CONNECT and of `OPTIONS *` have no meaning at a gateway.
    pub(super) fn parse(text: &'b str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return None;
        }
        let (path, query) = match memchr::memchr(b'?', text.as_bytes()) {
            Some(mark) => (&text[..mark], Some(&text[mark + 1..])),
            None => (text, None),
        };
        let path = if path.starts_with('/') { path } else { path_of_absolute(path)? };
        Some(Self { path, query })
    }
}

/// The path of `http(s)://host/path`; an empty one is `/`.
fn path_of_absolute(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    is_host(host.as_bytes()).then_some(if path.is_empty() { "/" } else { path })
}

/// Whether this is `host` or `host:port`, the host being a name or an address, IPv6 in brackets.
///
/// Narrower than RFC 3986: no user, no percent-escapes, none of the punctuation that no host has.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            (&rest[..end], &rest[end + 1..])
        }
        _ => value.split_at(value.iter().position(|byte| *byte == b':').unwrap_or(value.len())),
    };
    let bracketed = value.starts_with(b"[");
    let fits = |byte: &u8| if bracketed { is_ipv6_byte(*byte) } else { is_name_byte(*byte) };
    !host.is_empty() && host.iter().all(fits) && is_port(port)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_ipv6_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

/// Nothing, or a colon and up to five digits.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        [..] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Origin and absolute form give path and query as they were spelled.
    #[test]
    fn targets_that_are_taken() {
        let table = [
            ("/", "/", None),
            ("/v1/models", "/v1/models", None),
            ("/v1?a=b?c", "/v1", Some("a=b?c")),
            ("/v1?", "/v1", Some("")),
            ("//x/../%2f;y", "//x/../%2f;y", None),
            ("http://host/v1?q", "/v1", Some("q")),
            ("HTTPS://host:443", "/", None),
            ("http://[::1]:80?q", "/", Some("q")),
        ];
        for (text, path, query) in table {
            let target = Target::parse(text);
            assert_eq!(target.map(|t| (t.path, t.query)), Some((path, query)), "{text}");
        }
    }

    /// Every other form, and every byte that a target cannot have, is refused.
    #[test]
    fn targets_that_are_refused() {
        let table = [
            "",
            "*",
            "host:443",
            "v1/models",
            "?q",
            "ftp://host/",
            "http:/host",
            "http://",
            "http:///v1",
            "://h/",
            "http://user@host/",
            "http://ho st/",
            "/a b",
            "/a#b",
            "/a?b#c",
            "/\u{7f}",
            "/\t",
            "/é",
            "/\0",
            "http://h:x/",
            "javascript://h/",
            "http://?q",
        ];
        for text in table {
            assert!(Target::parse(text).is_none(), "{text:?}");
        }
    }

    /// Hosts are names or addresses with an optional port.
    #[test]
    fn hosts() {
        for host in
            ["a", "a.example:8080", "10.0.0.7:1", "[::1]", "[::ffff:1.2.3.4]:443", "under_score", "a:"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        let bad = [
            "", ":80", "a b", "a,b", "a:b", "a:123456", "a:1:2", "[::1", "[]", "[::1]x", "u@h", "a/b",
            "a\u{e9}",
        ];
        for host in bad.into_iter().chain(["[g]", "a?b", "a#b", "a\\b", "::1", "%00", "a;b"]) {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
