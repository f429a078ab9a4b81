//! Where a head begins and ends, before it is parsed.
//!
//! Takes what has arrived so far; gives offsets. Every answer is the same however the bytes were split over reads.
//!
//! Invariant: looking for the end of a head costs time linear in its size, whatever the number of reads.

use memchr::memmem::Finder;
use std::sync::LazyLock;

const HEAD_END: &[u8] = b"\r\n\r\n";
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(HEAD_END));

/// Where the end of a head was last looked for, so that many small reads cost linear time.
///
/// One per head: start anew ([`Default`]) when bytes were consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadScan {
    from: usize,
    /// Bytes that were looked through for bare line feeds.
    fed: usize,
}

impl HeadScan {
    /// The length of the head at the front of `bytes`, with its empty line; none if that has not arrived.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let from = self.from.min(bytes.len());
        let found = FINDER.find(&bytes[from..]).map(|at| from + at + HEAD_END.len());
        if found.is_none() {
            // The last bytes may be the first of the line ends.
            self.from = bytes.len().saturating_sub(HEAD_END.len() - 1);
        }
        found
    }

    /// Whether one of the lines that have arrived ends in a line feed alone: such a head is refused, and the end
    /// that [`HeadScan::end`] looks for might never come.
    pub fn has_bare_feed(&mut self, bytes: &[u8]) -> bool {
        let from = self.fed.min(bytes.len());
        self.fed = bytes.len();
        memchr::memchr_iter(b'\n', &bytes[from..]).any(|at| !bytes[..from + at].ends_with(b"\r"))
    }
}

/// How many bytes of empty lines stand before a request, to be skipped: at most four, of CR LF.
///
/// Source: RFC 9112, 2.2: some clients send a CR LF after a body, which its length does not count.
pub fn leading_blank(bytes: &[u8]) -> usize {
    let blank = bytes.chunks_exact(2).take(BLANK_LINES).take_while(|pair| *pair == b"\r\n").count();
    2 * blank
}

/// Empty lines that are tolerated before a request line.
pub const BLANK_LINES: usize = 4;

/// Whether a connection opens with HTTP/2 of which nothing was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preface {
    Yes,
    No,
    /// What has arrived is the beginning of the preface.
    Maybe,
}

const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Compares the first bytes of a connection with HTTP/2's preface. Source: RFC 9113, 3.4.
pub fn h2_preface(bytes: &[u8]) -> Preface {
    if bytes.starts_with(H2_PREFACE) {
        Preface::Yes
    } else if H2_PREFACE.starts_with(bytes) {
        Preface::Maybe
    } else {
        Preface::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The end of a head is behind its first CR LF CR LF, and nothing else ends one.
    #[test]
    fn the_end_is_the_first_empty_line() {
        let table: [(&[u8], Option<usize>); 10] = [
            (b"", None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"GET / HTTP/1.1\r\nA: b\r\n\r", None),
            (b"A\r\n\r\n", Some(5)),
            (b"A\r\n\r\nbody\r\n\r\n", Some(5)),
            (b"\r\n\r\n", Some(4)),
            (b"A\n\n", None),
            (b"A\n\r\n", None),
            (b"A\r\n\n", None),
            (b"A\r\r\n\r", None),
        ];
        for (bytes, end) in table {
            assert_eq!(HeadScan::default().end(bytes), end, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    /// A bare line feed is found wherever it stands and however the bytes were split; a whole line end is none.
    #[test]
    fn bare_feeds_are_found() {
        for (bytes, bare) in [
            (&b"A\r\nB: c\r\n"[..], false),
            (b"\n", true),
            (b"A\n", true),
            (b"A\r\nB: c\nD", true),
            (b"A\r\nB: c\r\n\n", true),
            (b"A\r\nB: c\r", false),
        ] {
            for step in 1..=bytes.len() {
                let mut scan = HeadScan::default();
                let found = (step..bytes.len()).step_by(step).chain([bytes.len()]);
                let found = found.fold(false, |found, seen| found | scan.has_bare_feed(&bytes[..seen]));
                assert_eq!(found, bare, "{:?} by {step}", bytes.escape_ascii().to_string());
            }
        }
    }

    /// A buffer that shrank under the scan is no reason to panic.
    #[test]
    fn a_shorter_buffer_is_harmless() {
        let mut scan = HeadScan::default();
        assert_eq!(scan.end(b"GET / HTTP/1.1"), None);
        assert_eq!(scan.end(b"GE"), None);
    }

    /// Empty lines are skipped up to the bound, and nothing else is.
    #[test]
    fn blank_lines_are_counted() {
        let table: [(&[u8], usize); 7] = [
            (b"", 0),
            (b"\r", 0),
            (b"\r\nGET", 2),
            (b"\r\n\r\nGET", 4),
            (b"\n\nGET", 0),
            (b" \r\nGET", 0),
            (b"\r\n\r\n\r\n\r\n\r\n\r\n", 8),
        ];
        for (bytes, blank) in table {
            assert_eq!(leading_blank(bytes), blank);
        }
    }

    /// The preface is recognised whole, awaited while it may still come, and let go at the first other byte.
    #[test]
    fn preface() {
        assert_eq!(h2_preface(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0"), Preface::Yes);
        assert_eq!(h2_preface(b""), Preface::Maybe);
        assert_eq!(h2_preface(b"P"), Preface::Maybe);
        assert_eq!(h2_preface(&H2_PREFACE[..23]), Preface::Maybe);
        assert_eq!(h2_preface(b"PO"), Preface::No);
        assert_eq!(h2_preface(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"), Preface::No);
        assert_eq!(h2_preface(b"GET / HTTP/1.1\r\n"), Preface::No);
    }

    proptest! {
        /// Over any sequence of reads the scan finds the end that it finds in the whole.
        #[test]
        fn splits_do_not_matter(bytes in "[\r\nab]{0,40}", steps in prop::collection::vec(0usize..4, 0..60)) {
            let bytes = bytes.as_bytes();
            let whole = HeadScan::default().end(bytes);
            let (mut scan, mut seen, mut found) = (HeadScan::default(), 0, None);
            for step in steps.into_iter().chain([bytes.len()]) {
                seen = (seen + step).min(bytes.len());
                found = found.or(scan.end(&bytes[..seen]));
            }
            prop_assert_eq!(found, whole);
        }
    }
}
