//! A provider's base URL: the few forms of a URL that make sense there.
//!
//! Invariant: the parts can be written into a request's head as they are.
//! Source: RFC 3986 section 3; RFC 1123 section 2.1 for host names.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

/// Where a provider is.
#[derive(Debug, PartialEq, Eq)]
pub struct BaseUrl {
    pub https: bool,
    /// A name in lower case, or an IP address without brackets.
    pub host: Box<str>,
    pub port: u16,
    /// Without a slash at its end; may be empty.
    pub path: Box<str>,
    /// Host, and port where it is not the scheme's own.
    pub host_header: Box<str>,
}

/// # Errors
/// What is wrong with it. Never shows the URL, which may hold a password by mistake.
pub fn parse(text: &str) -> Result<BaseUrl, String> {
    let (scheme, rest) = text.split_once("://").ok_or("must begin with http:// or https://")?;
    let https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err("must begin with http:// or https://".into()),
    };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') {
        return Err("must not hold a user name or password (use api_key)".into());
    }
    let (host, port) = split_port(authority)?;
    let own_port = if https { 443 } else { 80 };
    let port = port.unwrap_or(own_port);
    let host = checked_host(host)?;
    let mut host_header = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
    if port != own_port && write!(host_header, ":{port}").is_err() {
        return Err("has a port that cannot be written".into());
    }
    Ok(BaseUrl { https, host, port, path: checked_path(path)?.into(), host_header: host_header.into() })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let host_end = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[host_end..].find(':').map(|at| host_end + at) else {
        return Ok((authority, None));
    };
    let digits = &authority[colon + 1..];
    let port = digits.parse().ok().filter(|port| *port > 0 && !digits.starts_with('+'));
    port.map(|port| (&authority[..colon], Some(port)))
        .ok_or_else(|| "has a port that is not from 1 to 65535".into())
}

fn checked_host(host: &str) -> Result<Box<str>, String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        let address: Result<Ipv6Addr, _> = inner.parse();
        return address
            .map(|a| a.to_string().into())
            .map_err(|_| "has no valid IPv6 address in its brackets".into());
    }
    if let Ok(IpAddr::V4(address)) = host.parse() {
        return Ok(address.to_string().into());
    }
    match host {
        "" => Err("names no host".into()),
        _ if !host.is_ascii() => Err("has a host that is not ASCII (write its xn-- form)".into()),
        _ if !is_name(host) => Err("has no valid host name".into()),
        _ => Ok(host.to_ascii_lowercase().into()),
    }
}

/// Labels of letters, digits, `-` and `_`; the last one is no number, so that nothing reads it as an address.
fn is_name(host: &str) -> bool {
    let sound = |label: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && host.split('.').all(sound) && !last.starts_with(|c: char| c.is_ascii_digit())
}

fn checked_path(path: &str) -> Result<&str, String> {
    if path.contains(['?', '#']) {
        return Err("must not have a query or fragment".into());
    }
    let path = path.trim_end_matches('/');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b);
    if !path.bytes().all(allowed) {
        return Err("has a path with characters that must be written as %XX".into());
    }
    let strange = |segment: &str| matches!(segment, "" | "." | "..");
    if path.split('/').skip(1).any(strange) {
        return Err("has a path with empty, `.` or `..` segments".into());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (bool, String, u16, String, String) {
        let url = parse(text).expect(text);
        (url.https, url.host.into(), url.port, url.path.into(), url.host_header.into())
    }

    /// A URL comes apart into what a connection and a request's head need.
    #[test]
    fn sound_urls() {
        let expect = |https, host: &str, port, path: &str, header: &str| {
            (https, host.to_owned(), port, path.to_owned(), header.to_owned())
        };
        let openai = expect(true, "api.openai.com", 443, "/v1", "api.openai.com");
        assert_eq!(parts("https://API.openai.com/v1/"), openai);
        assert_eq!(parts("https://api.openai.com:443/v1"), openai);
        assert_eq!(parts("http://10.0.0.7:8000/v1"), expect(false, "10.0.0.7", 8000, "/v1", "10.0.0.7:8000"));
        assert_eq!(parts("http://[::1]:80"), expect(false, "::1", 80, "", "[::1]"));
        assert_eq!(parts("http://my_gpu:1/"), expect(false, "my_gpu", 1, "", "my_gpu:1"));
    }

    /// What is not plainly a place is refused, and the text is not repeated.
    #[test]
    fn unsound_urls() {
        for text in [
            "",
            "api.openai.com",
            "ftp://x",
            "http://",
            "http:///v1",
            "http://user:hunter2@x/",
            "http://x:0",
            "http://x:65536",
            "http://x:",
            "http://x:+80",
            "http://[::1",
            "http://[::1]x",
            "http://[x]",
            "http://1.2.3",
            "http://x.1",
            "http://0x7f.0x1",
            "http://-x",
            "http://x..y",
            "http://bücher.example",
            "http://x y",
            "http://x/a b",
            "http://x/v1?key=1",
            "http://x?key=1",
            "http://x/v1#f",
            "http://x/a/../b",
            "http://x//v1",
            "http://x\r\ny",
        ] {
            let message = parse(text).expect_err(text);
            assert!(!message.contains("hunter2"), "{text}");
        }
    }
}
