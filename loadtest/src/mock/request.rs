//! Reads one request from the bytes of a connection. Strict, as what comes from a gateway must be flawless.

use std::mem::MaybeUninit;

use super::endpoint::Endpoint;

/// Most headers and most bytes of a request head.
const HEADERS_MAX: usize = 128;
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// Largest body.
pub const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
}

/// What the mock needs to know of a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub endpoint: Endpoint,
    /// The method is the one that the endpoint takes.
    pub method_fits: bool,
    pub framing: Framing,
    /// The client wants to send more requests on this connection.
    pub keep_alive: bool,
    pub expects_continue: bool,
    /// The body is multipart rather than JSON.
    pub multipart: bool,
    /// Bytes of the head, with the empty line.
    pub bytes: usize,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Complete(Head),
    Partial,
    Wrong(&'static str),
}

/// Reads the head of a request at the begin of `bytes`.
pub fn read_head(bytes: &[u8]) -> Reading {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(size)) => {
            examine(&request, size).map_or_else(Reading::Wrong, Reading::Complete)
        }
        Ok(httparse::Status::Partial) if bytes.len() > HEAD_BYTES_MAX => {
            Reading::Wrong("the head is too long")
        }
        Ok(httparse::Status::Partial) => Reading::Partial,
        Err(_) => Reading::Wrong("the head is not HTTP/1.1"),
    }
}

fn examine(request: &httparse::Request<'_, '_>, bytes: usize) -> Result<Head, &'static str> {
    let endpoint = Endpoint::of_target(request.path.unwrap_or_default());
    let (mut length, mut chunked, mut hosts) = (None, false, 0);
    let mut keep_alive = request.version == Some(1);
    let (mut expects_continue, mut multipart) = (false, false);
    for header in request.headers.iter() {
        let (name, value) = (header.name, header.value);
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => hosts += 1,
            6 if name.eq_ignore_ascii_case("expect") => {
                expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                keep_alive = keep_alive && !value.eq_ignore_ascii_case(b"close")
                    || value.eq_ignore_ascii_case(b"keep-alive");
            }
            12 if name.eq_ignore_ascii_case("content-type") => {
                multipart = value.starts_with(b"multipart/form-data");
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                length = Some(only_length(length, value)?);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err("a transfer-encoding other than one chunked");
                }
                chunked = true;
            }
            _ => {}
        }
    }
    let framing = match (length, chunked) {
        (Some(_), true) => return Err("both content-length and transfer-encoding"),
        (None, true) if request.version == Some(0) => return Err("transfer-encoding in HTTP/1.0"),
        (None, true) => Framing::Chunked,
        (Some(length), false) if length > BODY_BYTES_MAX => return Err("the body is too long"),
        (length, false) => Framing::Length(length.unwrap_or(0)),
    };
    if request.version == Some(1) && hosts != 1 {
        return Err("not exactly one host");
    }
    let method_fits = request.method == Some(endpoint.method());
    Ok(Head { endpoint, method_fits, framing, keep_alive, expects_continue, multipart, bytes })
}

/// The length that a header says, if it is the first to say one.
fn only_length(before: Option<u64>, value: &[u8]) -> Result<u64, &'static str> {
    match before {
        Some(_) => Err("more than one content-length"),
        None => whole_number(value).ok_or("content-length is no number"),
    }
}

fn whole_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_with(headers: &str) -> Reading {
        read_head(format!("POST /v1/responses HTTP/1.1\r\nhost: a\r\n{headers}\r\n").as_bytes())
    }

    /// The framing, the wish to keep the connection and the expectation are read.
    #[test]
    fn reads_what_it_needs() {
        let Reading::Complete(head) = head_with("Content-Length: 12\r\nExpect: 100-continue\r\n") else {
            unreachable!("a complete head");
        };
        assert_eq!((head.endpoint, head.framing), (Endpoint::Responses, Framing::Length(12)));
        assert!(head.method_fits && head.keep_alive && head.expects_continue);
        let Reading::Complete(head) = head_with("transfer-encoding: chunked\r\nconnection: close\r\n") else {
            unreachable!("a complete head");
        };
        assert_eq!((head.framing, head.keep_alive), (Framing::Chunked, false));
    }

    /// What a gateway could be tricked into sending on is refused.
    #[test]
    fn refuses_ambiguous_heads() {
        for bad in [
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "content-length: +1\r\n",
            "content-length: \r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "host: b\r\n",
            "a b: c\r\n",
        ] {
            assert!(matches!(head_with(bad), Reading::Wrong(_)), "{bad:?}");
        }
        assert!(matches!(read_head(b"GET / HTTP/1.1\r\n\r\n"), Reading::Wrong(_)), "no host");
        assert_eq!(read_head(b"POST /v1/resp"), Reading::Partial);
    }
}
