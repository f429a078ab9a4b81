use super::HeadError as E;
use super::*;
use crate::base::fault::FaultKind;
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 2048, headers: 20, target_bytes: 200 };

/// The error of a head, given without its last two line ends.
fn error(head: &str) -> Option<E> {
    error_of(format!("{head}\r\n\r\n").as_bytes())
}

fn error_of(bytes: &[u8]) -> Option<E> {
    parse(bytes, &mut Slots::new(), &LIMITS).err()
}

/// What a head with these fields under `POST / HTTP/1.{minor}` leads to.
fn decided(minor: u8, fields: &str) -> Result<(Framing, bool, bool), E> {
    let head = format!("POST / HTTP/1.{minor}\r\n{fields}\r\n\r\n");
    let mut slots = Slots::new();
    parse(head.as_bytes(), &mut slots, &LIMITS).map(|h| (h.framing, h.keep_alive, h.expects_continue))
}

/// The parts of a head are found where they are, as they were written.
#[test]
fn parts() {
    let bytes = b"POST /v1/chat/completions?api-version=2&x HTTP/1.1\r\nhOst:\t a:8080 \r\nEmpty:\r\nX: \xff y\r\n\r\n";
    let mut slots = Slots::new();
    let Ok(head) = parse(bytes, &mut slots, &LIMITS) else { unreachable!("a valid head") };
    assert_eq!((head.method, head.path), ("POST", "/v1/chat/completions"));
    assert_eq!((head.query, head.minor_version), (Some("api-version=2&x"), 1));
    assert_eq!(head.target, "/v1/chat/completions?api-version=2&x");
    let fields: Vec<_> = head.headers.iter().collect();
    assert_eq!(fields, [("hOst", &b"a:8080"[..]), ("Empty", b""), ("X", b"\xff y")]);
    assert_eq!(format!("{head:?}"), "POST /v1/chat/completions HTTP/1.1 None");
}

/// Framing, persistence and expectation follow from the fields and the version.
#[test]
fn decisions() {
    use Framing::{Chunked, Length, None};
    let table = [
        (1, "Host: a", (None, true, false)),
        (1, "Host: a\r\nContent-Length: 0", (Length(0), true, false)),
        (1, "Host: a\r\ncontent-length: \t12 ", (Length(12), true, false)),
        (1, "Host: a\r\nTRANSFER-ENCODING: CHUNKED", (Chunked, true, false)),
        (1, "Host: a\r\nConnection: close", (None, false, false)),
        (1, "Host: a\r\nConnection: keep-alive\r\nConnection: te , CLOSE", (None, false, false)),
        (1, "Host: a\r\nConnection: closed, x-close", (None, true, false)),
        (1, "Host: a\r\nContent-Length: 1\r\nExpect: 100-Continue", (Length(1), true, true)),
        (0, "Accept: x", (None, false, false)),
        (0, "Host: a\r\nConnection: Keep-Alive", (None, true, false)),
        (0, "Connection: keep-alive, close", (None, false, false)),
        (0, "Content-Length: 1\r\nExpect: 100-continue", (Length(1), false, false)),
    ];
    for (minor, fields, want) in table {
        assert_eq!(decided(minor, fields), Ok(want), "{minor} {fields:?}");
    }
}

/// Fields that leave a choice about where the body ends are refused: each is a known way to smuggle a request.
#[test]
fn framing_has_no_second_reading() {
    let table = [
        (1, "Content-Length: 3\r\nTransfer-Encoding: chunked", E::LengthAndCoding),
        (1, "Transfer-Encoding: chunked\r\nContent-Length: 3", E::LengthAndCoding),
        (1, "Transfer-Encoding: identity\r\nContent-Length: 3", E::LengthAndCoding),
        (1, "Transfer-Encoding:\r\nContent-Length: 3", E::LengthAndCoding),
        (0, "Transfer-Encoding: chunked\r\nContent-Length: 3", E::LengthAndCoding),
        (1, "Content-Length: 3\r\nContent-Length: 4", E::LengthRepeated),
        (1, "Content-Length: 3\r\ncontent-length: 3", E::LengthRepeated),
        (1, "Content-Length: 3, 3", E::LengthInvalid),
        (1, "Content-Length: 3,4", E::LengthInvalid),
        (1, "Content-Length: +3", E::LengthInvalid),
        (1, "Content-Length: -3", E::LengthInvalid),
        (1, "Content-Length:", E::LengthInvalid),
        (1, "Content-Length: 1 2", E::LengthInvalid),
        (1, "Content-Length: 0x3", E::LengthInvalid),
        (1, "Content-Length: \u{663}", E::LengthInvalid),
        (1, "Content-Length: 9223372036854775808", E::LengthInvalid),
        (1, "Content-Length: 18446744073709551619", E::LengthInvalid),
        (1, "Transfer-Encoding: identity", E::CodingUnsupported),
        (1, "Transfer-Encoding: gzip, chunked", E::CodingUnsupported),
        (1, "Transfer-Encoding: chunked, chunked", E::CodingUnsupported),
        (1, "Transfer-Encoding: chunked,", E::CodingUnsupported),
        (1, "Transfer-Encoding: chunked;q=1", E::CodingUnsupported),
        (1, "Transfer-Encoding: xchunked", E::CodingUnsupported),
        (1, "Transfer-Encoding: \"chunked\"", E::CodingUnsupported),
        (1, "Transfer-Encoding:", E::CodingUnsupported),
        (1, "Transfer-Encoding: \u{b}chunked", E::FieldValue),
        (1, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", E::CodingUnsupported),
        (1, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", E::CodingUnsupported),
        (0, "Transfer-Encoding: chunked", E::CodingInOldVersion),
        (1, "Transfer-Encoding : chunked", E::FieldName),
        (1, "Content-Length : 3", E::FieldName),
        (1, "Content\0-Length: 3", E::FieldName),
    ];
    for (minor, fields, want) in table {
        let fields = format!("Host: a\r\n{fields}");
        assert_eq!(decided(minor, &fields), Err(want), "{minor} {fields:?}");
        assert_eq!(want.kind(), FaultKind::MalformedHead);
    }
}

/// Every line ends in CR LF, and nothing is folded, indented or nameless.
#[test]
fn lines_are_strict() {
    let table = [
        ("GET / HTTP/1.1\nHost: a", E::LineEnd),
        ("GET / HTTP/1.1\r\nHost: a\nX: y", E::LineEnd),
        ("GET / HTTP/1.1\r\nHost: a\r\nX:\nY: z", E::LineEnd),
        ("GET / HTTP/1.1\rHost: a", E::LineEnd),
        ("GET / HTTP/1.1\r\nHost: a\rX: y", E::FieldValue),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r", E::FieldValue),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z", E::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n\tz", E::FieldName),
        ("GET / HTTP/1.1\r\n Host: a", E::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n: x", E::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\t: y", E::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX", E::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(Y): z", E::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n\u{e9}: z", E::FieldName),
    ];
    for (head, want) in table {
        assert_eq!(error(head), Some(want), "{head:?}");
    }
}

/// No control byte passes in a value, at any place of the parser's vectors; tab and bytes beyond ASCII do.
#[test]
fn control_bytes_in_values() {
    for byte in 0..=255u8 {
        let taken = byte == b'\t' || byte >= b' ' && byte != 0x7f;
        for at in [0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 69] {
            let mut value = [b'v'; 70];
            value[at] = byte;
            let head = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ".as_slice(), &value, b"\r\n\r\n"].concat();
            assert_eq!(error_of(&head).is_none(), taken, "{byte:#04x} at {at}");
        }
    }
}

/// No byte that is no token passes in a name, at any place of the parser's vectors.
#[test]
fn bytes_in_names() {
    for byte in (0..=255u8).filter(|byte| *byte != b':') {
        for at in [0, 1, 7, 8, 15, 16, 31, 32, 39] {
            let mut name = [b'n'; 40];
            name[at] = byte;
            let head = [b"GET / HTTP/1.1\r\nHost: a\r\n".as_slice(), &name, b": x\r\n\r\n"].concat();
            assert_eq!(error_of(&head).is_none(), is_token_byte(byte), "{byte:#04x} at {at}");
        }
    }
}

/// The first line is a method, a target and a version, with one space between.
#[test]
fn request_lines() {
    let table = [
        ("GET  / HTTP/1.1", E::RequestLine),
        ("GET / HTTP/1.1 ", E::LineEnd),
        ("GET /  HTTP/1.1", E::RequestLine),
        ("GET /a b HTTP/1.1", E::RequestLine),
        ("GET /a\tHTTP/1.1", E::RequestLine),
        ("GET /\0 HTTP/1.1", E::RequestLine),
        (" GET / HTTP/1.1", E::RequestLine),
        ("\r\nGET / HTTP/1.1", E::RequestLine),
        ("\nGET / HTTP/1.1", E::RequestLine),
        ("GE(T / HTTP/1.1", E::RequestLine),
        ("G\u{c9}T / HTTP/1.1", E::RequestLine),
        ("GET /", E::RequestLine),
        ("GET / http/1.1", E::RequestLine),
        ("GET / HTTPS/1.1", E::RequestLine),
        ("GET / HTTP/x.1", E::RequestLine),
        ("GET / HTTP/1.10", E::LineEnd),
        ("GET / HTTP/2.0", E::Version),
        ("GET / HTTP/1.2", E::Version),
        ("GET / HTTP/0.9", E::Version),
        ("PRI * HTTP/2.0", E::Version),
        ("GET * HTTP/1.1", E::Target),
        ("OPTIONS * HTTP/1.1", E::Target),
        ("CONNECT a:443 HTTP/1.1", E::Target),
        ("GET v1 HTTP/1.1", E::Target),
        ("GET /a#b HTTP/1.1", E::Target),
        ("GET /\u{e9} HTTP/1.1", E::Target),
        ("GET http://u@h/ HTTP/1.1", E::Target),
    ];
    for (line, want) in table {
        assert_eq!(error(&format!("{line}\r\nHost: a")), Some(want), "{line:?}");
    }
    assert_eq!(error("GET http://b/v1 HTTP/1.1\r\nHost: a"), None);
}

/// HTTP/1.1 has exactly one Host, and it is one.
#[test]
fn host() {
    let table = [
        ("1\r\nX: y", E::HostMissing),
        ("1\r\nHost:", E::HostInvalid),
        ("1\r\nHost: a b", E::HostInvalid),
        ("1\r\nHost: a,b", E::HostInvalid),
        ("1\r\nHost: a/b", E::HostInvalid),
        ("0\r\nHost: u@a", E::HostInvalid),
        ("1\r\nHost: a\r\nHost: b", E::HostRepeated),
        ("1\r\nHost: a\r\nhost: a", E::HostRepeated),
        ("0\r\nHost: a\r\nhost: a", E::HostRepeated),
    ];
    for (rest, want) in table {
        assert_eq!(error(&format!("GET / HTTP/1.{rest}")), Some(want), "{rest:?}");
    }
    assert_eq!(error("GET / HTTP/1.0"), None);
}

/// The one expectation that exists is understood, and no other.
#[test]
fn expectations() {
    for expect in ["", "101-continue", "100-continue, x", "100-continue\r\nExpect: 100-continue", "200-ok"] {
        for minor in [0, 1] {
            assert_eq!(
                decided(minor, &format!("Host: a\r\nExpect: {expect}")),
                Err(E::Expectation),
                "{expect:?}"
            );
        }
    }
    assert_eq!(E::Expectation.kind(), FaultKind::ExpectationFailed);
}

/// A head at its bounds is taken, one beyond them refused with the bound's own fault.
#[test]
fn bounds() {
    let fields = |n: usize| format!("GET / HTTP/1.1\r\nHost: a{}", "\r\nx: y".repeat(n - 1));
    assert_eq!(error(&fields(20)), None);
    assert_eq!(error(&fields(21)), Some(E::TooManyFields { limit: 20 }));
    let target = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: a", "x".repeat(n - 1));
    assert_eq!(error(&target(200)), None);
    assert_eq!(error(&target(201)), Some(E::TargetTooLong { limit: 200 }));
    assert_eq!(error(&target(3000)), Some(E::TargetTooLong { limit: 200 }));
    let bytes = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}", "y".repeat(n - 32));
    assert_eq!(error(&bytes(2048)), None);
    assert_eq!(error(&bytes(2049)), Some(E::TooLarge { limit: 2048 }));
    let kinds =
        [E::TooLarge { limit: 1 }, E::TooManyFields { limit: 1 }, E::TargetTooLong { limit: 1 }, E::Version];
    assert_eq!(kinds.map(|e| e.kind().row().status), [431, 431, 414, 505]);
}

/// More fields than there are slots are refused, whatever the setting says.
#[test]
fn slots_bound_the_setting() {
    let limits = HeadLimits { headers: usize::MAX, ..HeadLimits::default() };
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: a{}\r\n\r\n", "\r\nx: y".repeat(n - 1));
    assert_eq!(parse(head(128).as_bytes(), &mut Slots::new(), &limits).err(), None);
    let want = Some(E::TooManyFields { limit: 128 });
    assert_eq!(parse(head(129).as_bytes(), &mut Slots::new(), &limits).err(), want);
}

/// Bytes that are not exactly one head are no head.
#[test]
fn not_one_head() {
    for bytes in ["", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.0\r\n\r", "GET / HTTP/1.0\r\n\r\nGET"] {
        assert_eq!(error_of(bytes.as_bytes()), Some(E::Unfinished), "{bytes:?}");
    }
    assert_eq!(error_of(b"GET / HTTP/1.0\r\n\n"), Some(E::LineEnd));
    assert_eq!(error_of(b"GET / HTTP/1.0\n\n"), Some(E::LineEnd));
}

/// Garbage is noticed at its first byte; a head that is still arriving is waited for within its bounds.
#[test]
fn plausible_beginnings() {
    for good in ["", "G", "POST", "GET ", "GET / HTTP/1.1\r\nHo", "M-SEARCH /"] {
        assert_eq!(plausible(good.as_bytes(), &LIMITS), Ok(()), "{good:?}");
    }
    let long = "X".repeat(METHOD_BYTES + 1);
    for bad in [" ", "\r\n", "\u{16}\u{3}\u{1}", "{\"a\":1}", "GET\t/", "GET\r\n", "\0", long.as_str()] {
        assert_eq!(plausible(bad.as_bytes(), &LIMITS), Err(E::RequestLine), "{bad:?}");
    }
    for bare in ["GET / HTTP/1.1\nHost", "GET / HTTP/1.1\r\nHost: a\n\n"] {
        assert_eq!(plausible(bare.as_bytes(), &LIMITS), Err(E::LineEnd), "{bare:?}");
    }
    let flood = "GET /".to_owned() + &"x".repeat(LIMITS.head_bytes);
    assert_eq!(plausible(flood.as_bytes(), &LIMITS), Err(E::TargetTooLong { limit: 200 }));
    let flood = "GET / HTTP/1.1\r\nX: ".to_owned() + &"x".repeat(LIMITS.head_bytes);
    assert_eq!(plausible(flood.as_bytes(), &LIMITS), Err(E::TooLarge { limit: 2048 }));
}

/// What the client is told names the rule and repeats nothing of what it sent.
#[test]
fn messages_repeat_nothing() {
    let fault = crate::base::fault::Fault::from(E::LengthAndCoding);
    assert_eq!(fault.message(), "The request has both a Content-Length and a Transfer-Encoding.");
    for head in [
        "GET / HTTP/1.1\r\nHost: canary,",
        "GET /canary HTTP/9",
        "GET / HTTP/1.1\r\nContent-Length: canary\r\nHost: a",
    ] {
        assert!(error(head).is_some_and(|error| !error.to_string().contains("canary")), "{head:?}");
    }
}

proptest! {
    /// No bytes make the parser panic.
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(error_of(&bytes).is_some() || bytes.ends_with(b"\r\n\r\n"));
    }

    /// Near a valid head too, nothing panics, and what is taken has no line end but CR LF and one framing.
    #[test]
    fn taken_heads_are_unambiguous(fields in "((Host: a|Content-Length: 3|Transfer-Encoding: chunked|X: y|[ :a\t])(\r\n|\r\n|\n|\r|, )){0,6}") {
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        if error_of(bytes.as_bytes()).is_none() {
            prop_assert_eq!(bytes.matches(['\r', '\n']).count(), 2 * bytes.matches("\r\n").count());
            let framings = bytes.matches("\r\nContent-Length:").count() + bytes.matches("\r\nTransfer-Encoding:").count();
            prop_assert!(framings <= 1);
        }
    }

    /// Every beginning of a head that is taken is plausible.
    #[test]
    fn beginnings_of_good_heads_are_plausible(method in "[A-Z!-]{1,32}", cut in 0usize..80) {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        prop_assert_eq!(error_of(head.as_bytes()), None);
        prop_assert_eq!(plausible(&head.as_bytes()[..cut.min(head.len())], &LIMITS), Ok(()));
    }
}
