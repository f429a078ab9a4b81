//! Which fields behind the body of a provider's answer a client may read.
//!
//! Takes what the head said of them, then their names. Gives the names that pass.
//!
//! Invariant: what stays here of a head stays here of what stands behind the body, too, and so does whatever would have to
//! be known before the body. Source: RFC 9110, 6.5.1 and 7.6.1.

use super::response::stays;
use crate::http::{Headers, is};
use crate::traffic::auth;

/// What an answer's head says of the fields behind its body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Names that may come and that pass, as a list.
    pub names: Vec<u8>,
    /// Names that belong to the provider's connection, as a list.
    nominated: Vec<u8>,
}

impl Announced {
    pub fn by(headers: &Headers<'_>) -> Self {
        let mut announced = Self::default();
        headers.elements("connection").for_each(|name| add(&mut announced.nominated, name));
        for name in headers.elements("trailer") {
            if std::str::from_utf8(name).is_ok_and(|name| announced.passes(name)) {
                add(&mut announced.names, name);
            }
        }
        announced
    }

    /// Whether a field of this name passes.
    pub fn passes(&self, name: &str) -> bool {
        let mut nominated = self.nominated.split(|byte| *byte == b',');
        passes(name) && !nominated.any(|other| other.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn add(list: &mut Vec<u8>, name: &[u8]) {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(name);
}

/// Whether a field of this name passes behind a body.
pub fn passes(name: &str) -> bool {
    !name.is_empty() && !stays(name) && !belongs_before(name) && auth::credential(name, b"").is_none()
}

/// Whether it says how the message is framed or sent on, who may see it, how it is to be treated or what its body is: too
/// late behind that, and a way around what was decided by the head.
fn belongs_before(name: &str) -> bool {
    let bytes = name.as_bytes();
    let known = match bytes.len() {
        3 => is(bytes, b"age"),
        4 => is(bytes, b"host") || is(bytes, b"date") || is(bytes, b"vary"),
        5 => is(bytes, b"range"),
        6 => is(bytes, b"cookie") || is(bytes, b"expect") || is(bytes, b"pragma"),
        7 => is(bytes, b"expires") || is(bytes, b"warning"),
        8 => is(bytes, b"location"),
        11 => is(bytes, b"retry-after") || is(bytes, b"set-cookie2"),
        12 => is(bytes, b"max-forwards"),
        13 => is(bytes, b"cache-control"),
        16 => is(bytes, b"www-authenticate"),
        19 => is(bytes, b"authentication-info"),
        25 => is(bytes, b"proxy-authentication-info"),
        _ => false,
    };
    let begins = |with: &[u8]| bytes.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    known || begins(b"content-") || begins(b"if-") || begins(b"access-control-")
}

/// Whether it is a sum of the body's bytes, which is right only where they are as the provider sent them.
pub fn sums_up(name: &str) -> bool {
    let name = name.as_bytes();
    is(name, b"digest") || is(name, b"repr-digest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Slots;
    use crate::http::response::{self, Asked};

    /// Sums, states and times that are known late pass; all that a recipient goes by does not, whatever its case.
    #[test]
    fn names() {
        for name in
            ["x-sum", "Server-Timing", "digest", "ETag", "grpc-status", "signature", "x-content", "x-if"]
        {
            assert!(passes(name), "{name}");
        }
        let never = "Transfer-Encoding Content-Length Host Authorization WWW-Authenticate Cookie Set-Cookie \
                     Set-Cookie2 X-API-Key api-key x-goog-api-key Cache-Control Expect Max-Forwards Pragma Range TE If-Match \
                     if-none-match If-Modified-Since Age Date Expires Location Retry-After Vary Warning Content-Encoding \
                     Content-Type Content-Range Content-Digest Content-MD5 Trailer Connection Keep-Alive Upgrade \
                     Proxy-Authenticate Proxy-Authorization Proxy-Connection Authentication-Info \
                     Proxy-Authentication-Info Strict-Transport-Security Alt-Svc NEL Report-To X-Request-Id Request-Id \
                     x-ringgate-dropped X-Ringgate-Overhead-Us Access-Control-Allow-Origin";
        for name in never.split_ascii_whitespace() {
            let (lower, upper) = (name.to_ascii_lowercase(), name.to_ascii_uppercase());
            assert!(!passes(name) && !passes(&lower) && !passes(&upper), "{name}");
        }
        assert!(!passes(""));
    }

    /// What is announced is a list over all fields, without what would not pass, and what the head keeps for one connection
    /// is of one connection behind the body, too.
    #[test]
    fn announcements() {
        let head = b"HTTP/1.1 200 OK\r\ntrailer: X-Sum,, Set-Cookie ,x-hop\r\nTransfer-Encoding: chunked\r\n\
                     connection: keep-alive, X-Hop\r\nTrailer: x-more, \xff\r\nConnection: x-other\r\n\r\n";
        let mut slots = Slots::new();
        let head = response::parse(head, &mut slots, Asked::Body).expect("a head");
        let announced = Announced::by(&head.headers);
        assert_eq!(String::from_utf8_lossy(&announced.names), "X-Sum,x-more");
        for (name, passes) in
            [("x-sum", true), ("x-hop", false), ("X-OTHER", false), ("x-new", true), ("age", false)]
        {
            assert_eq!(announced.passes(name), passes, "{name}");
        }
        assert!(Announced::default().passes("x-sum") && !Announced::default().passes("host"));
    }
}
