use super::*;
use ResponseError as E;
use ResponseFraming as F;
use proptest::prelude::*;

fn framing(head: &str, asked: Asked) -> Result<(F, bool), E> {
    let head = format!("HTTP/1.{head}\r\n\r\n");
    let mut slots = Slots::new();
    parse(head.as_bytes(), &mut slots, asked).map(|head| (head.framing, head.keep_alive))
}

/// Body and persistence follow from version, status and fields.
#[test]
fn framings() {
    let table = [
        ("1 200 OK\r\nContent-Length: 5", F::Length(5), true),
        ("1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5", F::Length(5), true),
        ("1 200\r\ncontent-length: 0", F::Length(0), true),
        ("1 200 OK\r\nTransfer-Encoding: Chunked", F::Chunked, true),
        ("1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x, Close", F::Chunked, false),
        ("1 200 OK", F::UntilClose, false),
        ("1 200 OK\r\nConnection: keep-alive", F::UntilClose, false),
        ("0 200 OK\r\nContent-Length: 5", F::Length(5), false),
        ("0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive", F::Length(5), true),
        ("1 429 Caf\u{e9}\r\nContent-Length: 1", F::Length(1), true),
        ("1 100 Continue", F::None, true),
        ("1 103 Early Hints\r\nLink: x", F::None, true),
        ("1 204 No Content", F::None, true),
        ("1 204 No Content\r\nContent-Length: 0", F::None, true),
        ("1 204 No Content\r\nContent-Length: 7", F::None, false),
        ("1 204 No Content\r\nTransfer-Encoding: chunked", F::None, false),
        ("1 304 Not Modified\r\nContent-Length: 7", F::None, true),
        ("1 304 Not Modified\r\nTransfer-Encoding: chunked", F::None, true),
    ];
    for (head, want, keep_alive) in table {
        assert_eq!(framing(head, Asked::Body), Ok((want, keep_alive)), "{head}");
    }
}

/// The answer to a HEAD has no body, whatever its fields describe, and its connection lives on.
#[test]
fn head_has_no_body() {
    for head in ["1 200 OK", "1 200 OK\r\nContent-Length: 99", "1 200 OK\r\nTransfer-Encoding: chunked"] {
        assert_eq!(framing(head, Asked::Head), Ok((F::None, true)), "{head}");
    }
}

/// Whatever could be read in two ways is refused, also where no body is expected.
#[test]
fn refusals() {
    let table = [
        ("1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", E::LengthAndCoding),
        ("1 304 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", E::LengthAndCoding),
        ("1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6", E::LengthsDiffer),
        ("1 200 OK\r\nContent-Length: 5\r\nContent-Length: 05", E::LengthsDiffer),
        ("1 200 OK\r\nContent-Length: 5, 5", E::LengthInvalid),
        ("1 200 OK\r\nContent-Length: +5", E::LengthInvalid),
        ("1 200 OK\r\nContent-Length:", E::LengthInvalid),
        ("1 200 OK\r\nTransfer-Encoding: gzip", E::CodingUnsupported),
        ("1 200 OK\r\nTransfer-Encoding: chunked, gzip", E::CodingUnsupported),
        ("1 200 OK\r\nTransfer-Encoding: gzip, chunked", E::CodingUnsupported),
        ("1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", E::CodingUnsupported),
        ("1 200 OK\r\nTransfer-Encoding: ", E::CodingUnsupported),
        ("0 200 OK\r\nTransfer-Encoding: chunked", E::CodingInOldVersion),
        ("1 101 Switching Protocols", E::Upgrade),
        ("1 099 Low", E::Status { status: 99 }),
        ("1 600 High", E::Status { status: 600 }),
        ("1 2000 OK", E::StatusLine),
        ("1 +20 OK", E::StatusLine),
        ("1  200 OK", E::StatusLine),
        ("2 200 OK", E::StatusLine),
        ("1 200 O\0K", E::StatusLine),
        ("1 200 OK\nA: b", E::LineEnd),
        ("1 200 OK\r\nA: b\nC: d", E::LineEnd),
        ("1 200 OK\r\nA: b\rC: d", E::FieldValue),
        ("1 200 OK\r\nA: b\r\n folded", E::FieldName),
        ("1 200 OK\r\nA : b", E::FieldName),
        ("1 200 OK\r\n: b", E::FieldName),
        ("1 200 OK\r\nA: \u{1}", E::FieldValue),
    ];
    for (head, want) in table {
        assert_eq!(framing(head, Asked::Body), Err(want), "{head:?}");
        assert!(matches!(framing(head, Asked::Head), Err(error) if error == want), "{head:?}");
    }
}

/// Bytes that are not exactly one head are no head.
#[test]
fn not_one_head() {
    let table: [(&[u8], E); 6] = [
        (b"", E::Unfinished),
        (b"HTTP/1.1 200 OK\r\n", E::Unfinished),
        (b"HTTP/1.1 200 OK\r\n\r\nbody", E::Unfinished),
        (b"HTTP/1.1 200 OK\r\n\n", E::LineEnd),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", E::StatusLine),
        (b"<html>\r\n\r\n", E::StatusLine),
    ];
    for (bytes, want) in table {
        assert_eq!(parse(bytes, &mut Slots::new(), Asked::Body).err(), Some(want));
    }
}

/// Heads beyond the bounds are refused as such.
#[test]
fn bounds() {
    let many = "1 200 OK".to_owned() + &"\r\na: b".repeat(129);
    assert_eq!(framing(&many, Asked::Body), Err(E::TooManyFields { limit: 128 }));
    let long = "1 200 OK\r\na: ".to_owned() + &"x".repeat(HEAD_BYTES);
    assert_eq!(framing(&long, Asked::Body), Err(E::TooLarge { limit: HEAD_BYTES }));
}

/// What cannot become a response is noticed at its first wrong byte, and what can is not.
#[test]
fn garbage_is_seen_early() {
    for good in ["", "H", "HTTP/1.", "HTTP/1.1 200 OK\r\n"] {
        assert!(looks_like_response(good.as_bytes()), "{good}");
    }
    for bad in ["h", "HTTP/2", "HTTP/0.9", "<html>", "\r\nHTTP/1.1", "\u{15}\u{3}\u{1}", "SSH-2.0"] {
        assert!(!looks_like_response(bad.as_bytes()), "{bad}");
    }
}

proptest! {
    /// No bytes make the parser panic, and what it takes has only the line ends that it should.
    #[test]
    fn never_panics(tail in prop::collection::vec(any::<u8>(), 0..80)) {
        let bytes = [b"HTTP/1.1 200 OK\r\n".as_slice(), &tail, b"\r\n\r\n"].concat();
        let taken = parse(&bytes, &mut Slots::new(), Asked::Body).is_ok();
        prop_assert!(!taken || memchr::memchr_iter(b'\n', &bytes).all(|at| bytes[at - 1] == b'\r'));
    }
}
