use super::*;
use crate::http::encode;
use ChunkError as E;
use proptest::prelude::*;

/// What a piece holds before its mistake is not lost, and is only the payload of that piece.
#[test]
fn the_payload_before_a_mistake_is_there() {
    for (first, second, good) in [
        ("", "3\r\nabc\r\n2\r\nde\r\nx", "abcde"),
        ("3\r\nab", "c\r\n1\r\ndx", "cd"),
        ("3\r\nabc", "\r\n\n", ""),
    ] {
        let mut decoder = Decoder::new();
        decoder.decode(&mut first.as_bytes().to_vec()).expect("good so far");
        let mut bytes = second.as_bytes().to_vec();
        decoder.decode(&mut bytes).expect_err("malformed");
        assert_eq!(&bytes[..decoder.salvaged()], good.as_bytes());
    }
}

/// Payload, bytes consumed and whether the body ended, fed in pieces of at most `step` bytes.
fn decode(bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), E> {
    let (mut decoder, mut payload, mut consumed) = (Decoder::new(), Vec::new(), 0);
    for piece in bytes.chunks(step) {
        let mut piece = piece.to_vec();
        let decoded = decoder.decode(&mut piece)?;
        payload.extend_from_slice(&piece[..decoded.data]);
        consumed += decoded.consumed;
        assert_eq!(decoded.finished, decoder.is_finished());
        if decoded.finished {
            break;
        }
        assert_eq!(decoded.consumed, piece.len());
    }
    Ok((payload, consumed, decoder.is_finished()))
}

fn encode(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(size_line(piece.len(), &mut [0; 18]));
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(LAST);
    out
}

/// Bodies that are valid give their payload, whole or byte by byte, and leave what follows.
#[test]
fn bodies_that_are_taken() {
    let extension = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(CHUNK_EXTENSION_BYTES));
    let table = [
        ("0\r\n\r\n", "", ""),
        ("3\r\nabc\r\n0\r\n\r\n", "abc", ""),
        ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /", "abcde", "GET /"),
        ("00000000000000A\r\n0123456789\r\n000\r\n\r\n", "0123456789", ""),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""),
        ("3;a=b;c=\"d e\"\r\nabc\r\n0;last\r\n\r\n", "abc", ""),
        ("1\r\na\r\n0\r\nX-Sum: 1\r\nEmpty:\r\n\r\n\r\n", "a", "\r\n"),
        (extension.as_str(), "abc", ""),
    ];
    for (body, payload, rest) in table {
        for step in [1, 2, 3, 7, 4096] {
            let want = (payload.into(), body.len() - rest.len(), true);
            assert_eq!(decode(body.as_bytes(), step), Ok(want), "{body:?} by {step}");
        }
    }
}

/// Bodies that another parser might read differently are refused, however they are split.
#[test]
fn bodies_that_are_refused() {
    let extension = format!("3;{}\r\n", "x".repeat(CHUNK_EXTENSION_BYTES + 1));
    let trailer = format!("0\r\na: {}\r\n\r\n", "x".repeat(TRAILER_BYTES));
    let table = [
        ("\r\n\r\n", E::Size { byte: b'\r' }),
        ("+3\r\nabc", E::Size { byte: b'+' }),
        ("-3\r\nabc", E::Size { byte: b'-' }),
        (" 3\r\nabc", E::Size { byte: b' ' }),
        ("3 \r\nabc", E::Size { byte: b' ' }),
        ("3\t;a\r\n", E::Size { byte: b'\t' }),
        ("0x3\r\nabc", E::Size { byte: b'x' }),
        ("3_0\r\n", E::Size { byte: b'_' }),
        ("g\r\n", E::Size { byte: b'g' }),
        (";a\r\n", E::Size { byte: b';' }),
        ("3\nabc", E::Size { byte: b'\n' }),
        ("3\r\r\nabc", E::LineEnd),
        ("3\rabc", E::LineEnd),
        ("8000000000000000\r\n", E::SizeTooLarge),
        ("ffffffffffffffff\r\n", E::SizeTooLarge),
        ("00000000000000003\r\n", E::SizeTooLarge),
        ("3;a\nabc", E::Extension { byte: b'\n' }),
        ("3;a\0\r\n", E::Extension { byte: 0 }),
        ("3;\"\x7f\"\r\n", E::Extension { byte: 0x7f }),
        ("3;a\rb\r\n", E::LineEnd),
        (extension.as_str(), E::ExtensionTooLong),
        ("3\r\nabcd\r\n", E::PayloadEnd),
        ("3\r\nabc\n0\r\n", E::PayloadEnd),
        ("3\r\nabc\rx", E::PayloadEnd),
        ("3\r\nabc0\r\n\r\n", E::PayloadEnd),
        ("0\r\n\n", E::Trailer { byte: b'\n' }),
        ("0\r\n\rx", E::LineEnd),
        ("0\r\nGET / HTTP/1.1\r\n", E::Trailer { byte: b' ' }),
        ("0\r\n: a\r\n", E::Trailer { byte: b':' }),
        ("0\r\n a: b\r\n", E::Trailer { byte: b' ' }),
        ("0\r\na : b\r\n", E::Trailer { byte: b' ' }),
        ("0\r\na: b\r\n fold\r\n", E::Trailer { byte: b' ' }),
        ("0\r\na: b\nc: d\r\n", E::Trailer { byte: b'\n' }),
        ("0\r\na: b\rc", E::LineEnd),
        ("0\r\na: \0\r\n", E::Trailer { byte: 0 }),
        ("0\r\na\r\n", E::Trailer { byte: b'\r' }),
        (trailer.as_str(), E::TrailerTooLarge),
    ];
    for (body, error) in table {
        for step in [1, 2, 4096, 1 << 20] {
            assert_eq!(decode(body.as_bytes(), step), Err(error), "{body:?} by {step}");
        }
    }
}

/// The largest size is taken as a size, and a body that stops early is not finished.
#[test]
fn truncated_bodies_are_not_finished() {
    for body in ["", "3", "3\r\n", "3\r\nab", "3\r\nabc\r\n", "0\r\n", "0\r\n\r", "7fffffffffffffff\r\nab"] {
        assert!(matches!(decode(body.as_bytes(), 99), Ok((_, _, false))), "{body:?}");
    }
}

/// Once finished, a decoder takes nothing more.
#[test]
fn finished_takes_nothing() {
    let mut decoder = Decoder::new();
    let mut bytes = *b"0\r\n\r\nab";
    assert_eq!(decoder.decode(&mut bytes), Ok(Decoded { data: 0, consumed: 5, finished: true }));
    assert_eq!(decoder.decode(&mut bytes[5..]), Ok(Decoded { data: 0, consumed: 0, finished: true }));
    assert_eq!(&bytes[5..], b"ab");
}

/// Size lines are the shortest hexadecimal.
#[test]
fn size_lines() {
    for (len, want) in
        [(1, "1\r\n"), (16, "10\r\n"), (0xabc, "abc\r\n"), (usize::MAX, "ffffffffffffffff\r\n")]
    {
        assert_eq!(size_line(len, &mut [0; 18]), want.as_bytes());
    }
}

proptest! {
    /// Decoding reverses encoding, over any split, and stops at the next message.
    #[test]
    fn inverse_over_any_split(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        step in 1usize..50,
    ) {
        let mut body = encode(&pieces);
        let len = body.len();
        body.extend_from_slice(b"POST / HTTP/1.1\r\n");
        prop_assert_eq!(decode(&body, step), Ok((pieces.concat(), len, true)));
    }

    /// Any bytes get the same verdict over any split, and never a panic.
    #[test]
    fn one_verdict(body in "[0-3a\r\n;: ]{0,24}", step in 1usize..9) {
        prop_assert_eq!(decode(body.as_bytes(), step), decode(body.as_bytes(), 4096));
    }
}

/// Fields behind the last chunk are kept where that is asked for, however the body is cut, and nowhere else.
#[test]
fn trailers_are_kept() {
    let mut body = b"3\r\na:b\r\n".to_vec();
    last_with(&mut body, |out| {
        encode::field(out, "x-name", b"one,two: three");
        out.extend_from_slice(b"X-Name:\t\xc3\xa9  \r\nx-empty:\r\n");
    });
    let fields = [("x-name", &b"one,two: three"[..]), ("X-Name", b"\xc3\xa9"), ("x-empty", b"")];
    for cut in 0..=body.len() {
        let (mut keeping, mut other) = (Decoder::keeping_trailer(), Decoder::new());
        for piece in [&body[..cut], &body[cut..]] {
            assert_eq!(keeping.trailer().count() > 0, keeping.is_finished(), "all of them, or none");
            keeping.decode(&mut piece.to_vec()).expect("a valid body");
            other.decode(&mut piece.to_vec()).expect("a valid body");
        }
        assert!(keeping.is_finished() && other.is_finished());
        assert_eq!(keeping.trailer().collect::<Vec<_>>(), fields, "cut at {cut}");
        assert_eq!(other.trailer().count(), 0);
    }
}

/// A body without fields behind it costs who would keep them no memory.
#[test]
fn no_trailer_takes_no_memory() {
    let mut decoder = Decoder::keeping_trailer();
    decoder.decode(&mut b"1\r\na\r\n0\r\n\r\n".to_vec()).expect("a valid body");
    assert!(decoder.is_finished() && decoder.trailer.as_ref().is_some_and(|kept| kept.capacity() == 0));
}
