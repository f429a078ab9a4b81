//! Writers of everything that leaves, appending to a buffer.
//!
//! Takes parts that were checked where they came from; gives lines. Nothing is escaped here.
//!
//! Invariant: a writer adds whole lines, so what it wrote is a prefix of a valid head at any time.

/// A request line of HTTP/1.1. The parts of the path are joined as they are; the query comes without its `?`.
pub fn request_line(out: &mut Vec<u8>, method: &str, path_parts: &[&str], query: Option<&str>) {
    debug_assert!(path_parts.iter().chain(&[method]).chain(&query).all(|text| is_one_word(text)));
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    for part in path_parts {
        out.extend_from_slice(part.as_bytes());
    }
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// A status line of HTTP/1.1 with the registered reason, or none.
pub fn status_line(out: &mut Vec<u8>, status: u16) {
    debug_assert!((100..=599).contains(&status));
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// One field. Neither part may hold a line end.
pub fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(is_one_word(name) && !name.contains(':'));
    debug_assert!(memchr::memchr3(b'\r', b'\n', 0, value).is_none());
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// `content-length: n`.
pub fn content_length(out: &mut Vec<u8>, n: u64) {
    field(out, "content-length", itoa::Buffer::new().format(n).as_bytes());
}

/// `transfer-encoding: chunked`.
pub fn chunked(out: &mut Vec<u8>) {
    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
}

/// The empty line.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

fn is_one_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The registered reason phrase; empty for a status without one. Text beside a number, not a choice of statuses:
/// that is made in the table of faults. Source: RFC 9110, 15.
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        499 => "Client Closed Request",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        529 => "Overloaded",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fault::FaultKind;
    use crate::http::request::{self, Framing, HeadLimits};
    use crate::http::{Slots, response};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"> ".to_vec();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Each writer appends its one line and touches nothing before it.
    #[test]
    fn lines() {
        let query = Some("api-version=1");
        assert_eq!(
            written(|o| request_line(o, "POST", &["/v1", "/x"], query)),
            "> POST /v1/x?api-version=1 HTTP/1.1\r\n"
        );
        assert_eq!(written(|o| request_line(o, "GET", &["/"], None)), "> GET / HTTP/1.1\r\n");
        assert_eq!(written(|o| status_line(o, 200)), "> HTTP/1.1 200 OK\r\n");
        assert_eq!(written(|o| status_line(o, 599)), "> HTTP/1.1 599 \r\n");
        assert_eq!(written(|o| field(o, "a", b"\xc3\xa9 b")), "> a: é b\r\n");
        assert_eq!(written(|o| field(o, "a", b"")), "> a: \r\n");
        assert_eq!(written(|o| content_length(o, u64::MAX)), "> content-length: 18446744073709551615\r\n");
        assert_eq!(written(|o| content_length(o, 0)), "> content-length: 0\r\n");
    }

    /// Every status that the gateway answers with has a reason.
    #[test]
    fn every_fault_has_a_reason() {
        for kind in FaultKind::ALL {
            assert!(!reason(kind.row().status).is_empty(), "{kind:?}");
        }
    }

    /// What is written is read back as it was meant.
    #[test]
    fn reading_reverses_writing() {
        let mut out = Vec::new();
        request_line(&mut out, "POST", &["/v1", "/chat"], Some("q"));
        field(&mut out, "host", b"a:1");
        chunked(&mut out);
        end(&mut out);
        let mut slots = Slots::new();
        let head = request::parse(&out, &mut slots, &HeadLimits::default()).ok();
        assert!(
            head.is_some_and(|h| (h.path, h.query, h.framing) == ("/v1/chat", Some("q"), Framing::Chunked))
        );

        let mut out = Vec::new();
        status_line(&mut out, 599);
        content_length(&mut out, 7);
        end(&mut out);
        let mut slots = Slots::new();
        let head = response::parse(&out, &mut slots, response::Asked::Body).ok();
        assert!(head.is_some_and(|h| (h.status, h.framing) == (599, response::ResponseFraming::Length(7))));
    }

    /// A value that would end its line is caught where it is written.
    #[test]
    #[cfg(debug_assertions)]
    fn line_ends_are_caught() {
        for value in [&b"a\r\nb: c"[..], b"a\n", b"\r", b"a\0"] {
            assert!(std::panic::catch_unwind(|| field(&mut Vec::new(), "a", value)).is_err());
        }
        assert!(std::panic::catch_unwind(|| request_line(&mut Vec::new(), "GET", &["/a b"], None)).is_err());
    }
}
