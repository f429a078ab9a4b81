//! The fields of a head: where the parser puts them, how they are read, and the one pass that classifies them.
//!
//! Takes what httparse split. Gives [`Headers`] to the rooms above, and to [`super::request`] and
//! [`super::response`] the [`Facts`] that decide about framing.
//!
//! Invariant: no field is looked at twice to classify it, and every line before a field ends in CR LF.

use std::fmt;
use std::mem::MaybeUninit;

use httparse::Header;

use crate::base::limits::HEADER_SLOTS;

/// Room for the fields of one head, on the stack and uninitialised: 4 KiB that nobody clears.
pub struct Slots<'b>(pub(super) [MaybeUninit<Header<'b>>; HEADER_SLOTS]);

impl Slots<'_> {
    #[inline]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; HEADER_SLOTS])
    }
}

impl Default for Slots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The fields of a head, in their order. Names are tokens; values are trimmed and without control bytes but tab.
#[derive(Clone, Copy)]
pub struct Headers<'b> {
    fields: &'b [Header<'b>],
    /// A Connection field names other fields, so [`Headers::connection_nominates`] has something to look through.
    nominates: bool,
}

impl<'b> Headers<'b> {
    pub(super) fn new(fields: &'b [Header<'b>], facts: &Facts<'_>) -> Self {
        Self { fields, nominates: facts.nominates }
    }

    /// Names and values, as they were written.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'b str, &'b [u8])> + use<'b> {
        self.fields.iter().map(|field| (field.name, field.value))
    }

    /// The value of the first field of this name.
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a Connection field names this field, which then goes no further than this connection.
    ///
    /// Source: RFC 9110, 7.6.1.
    #[inline]
    pub fn connection_nominates(&self, name: &str) -> bool {
        self.nominates && self.nominated(name)
    }

    fn nominated(&self, name: &str) -> bool {
        self.elements("connection").any(|token| token.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether a Connection field names any field.
    pub fn nominates(&self) -> bool {
        self.nominates
    }

    /// The elements of all fields of this name, which is that of a list.
    pub fn elements(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        let fields = self.iter().filter(move |(have, _)| have.eq_ignore_ascii_case(name));
        fields.flat_map(|(_, value)| tokens(value))
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Their number only: a value may be a credential.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({})", self.fields.len())
    }
}

/// Whether a field speaks about one connection and is never passed on. Source: RFC 9110, 7.6.1.
pub fn is_hop_by_hop(name: &str) -> bool {
    let name = name.as_bytes();
    match name.len() {
        2 => is(name, b"te"),
        7 => is(name, b"trailer") || is(name, b"upgrade"),
        10 => is(name, b"connection") || is(name, b"keep-alive"),
        16 => is(name, b"proxy-connection"),
        17 => is(name, b"transfer-encoding"),
        18 => is(name, b"proxy-authenticate"),
        19 => is(name, b"proxy-authorization"),
        _ => false,
    }
}

/// The elements of a comma-separated list. Empty ones are let through: they equal no name.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// How often a field occurred that may occur once.
#[derive(Clone, Copy, Default)]
pub(super) enum Seen<'b> {
    #[default]
    Never,
    Once(&'b [u8]),
    /// More than once, always with this value.
    Again(&'b [u8]),
    /// More than once, with different values.
    Differs,
}

impl<'b> Seen<'b> {
    fn note(&mut self, value: &'b [u8]) {
        *self = match *self {
            Seen::Never => Seen::Once(value),
            Seen::Once(first) | Seen::Again(first) if first == value => Seen::Again(first),
            Seen::Once(_) | Seen::Again(_) | Seen::Differs => Seen::Differs,
        }
    }

    pub(super) fn is_there(self) -> bool {
        !matches!(self, Seen::Never)
    }
}

/// What the fields say about the message itself.
#[derive(Default)]
pub(super) struct Facts<'b> {
    pub host: Seen<'b>,
    pub length: Seen<'b>,
    pub coding: Seen<'b>,
    pub expect: Seen<'b>,
    /// A Connection field has an element that is no option of the connection's own.
    nominates: bool,
    close: bool,
    keep_alive: bool,
}

impl<'b> Facts<'b> {
    /// The one pass over the fields of the head `bytes`; none if a line before one of them ends in a bare line feed.
    pub(super) fn gather(bytes: &[u8], fields: &[Header<'b>]) -> Option<Self> {
        let mut facts = Self::default();
        for field in fields {
            if !begins_a_line(bytes, field.name) {
                return None;
            }
            facts.note(field);
        }
        Some(facts)
    }

    /// By length first: an ordinary field costs one comparison of numbers.
    #[inline]
    fn note(&mut self, field: &Header<'b>) {
        let name = field.name.as_bytes();
        match name.len() {
            4 if is(name, b"host") => self.host.note(field.value),
            6 if is(name, b"expect") => self.expect.note(field.value),
            10 if is(name, b"connection") => self.note_connection(field.value),
            14 if is(name, b"content-length") => self.length.note(field.value),
            17 if is(name, b"transfer-encoding") => self.coding.note(field.value),
            _ => {}
        }
    }

    fn note_connection(&mut self, value: &[u8]) {
        for token in tokens(value) {
            if is(token, b"close") {
                self.close = true;
            } else if is(token, b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.nominates = true;
            }
        }
    }

    /// Whether the sender keeps the connection open. Source: RFC 9112, 9.3.
    pub(super) fn persistent(&self, minor_version: u8) -> bool {
        !self.close && (minor_version >= 1 || self.keep_alive)
    }

    /// Whether the coding is `chunked` and nothing else, the only one that is understood here.
    pub(super) fn is_chunked(&self) -> bool {
        matches!(self.coding, Seen::Once(value) if value.eq_ignore_ascii_case(b"chunked"))
    }
}

/// Whether this is `known`, whatever the case of its letters. The size being known, it takes no loop.
///
/// `known` is of small letters, digits and `-`, `/`, `+` or a space, where setting one bit makes the other case equal;
/// `text` is a name or a value of a parsed head, which have no control bytes for which it would make more equal.
#[inline]
pub fn is<const N: usize>(text: &[u8], known: &[u8; N]) -> bool {
    const CASE: u8 = 0x20;
    debug_assert!(known.iter().all(|byte| byte & CASE != 0));
    let Some(text) = text.first_chunk::<N>().filter(|_| text.len() == N) else { return false };
    let (Some(text_end), Some(known_end)) = (text.last_chunk::<8>(), known.last_chunk::<8>()) else {
        return text.iter().zip(known).all(|(byte, known)| byte | CASE == *known);
    };
    let differs = |text: &[u8; 8], known: &[u8; 8]| {
        (u64::from_ne_bytes(*text) | u64::from_ne_bytes([CASE; 8])) ^ u64::from_ne_bytes(*known)
    };
    let words = text.as_chunks().0.iter().zip(known.as_chunks().0);
    words.fold(differs(text_end, known_end), |all, (text, known)| all | differs(text, known)) == 0
}

/// Whether CR LF stands before this name, which is a part of `bytes`.
///
/// httparse takes a bare line feed for a line end. The fields' own places show whether it did, without a search.
#[inline]
fn begins_a_line(bytes: &[u8], name: &str) -> bool {
    let at = name.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
    bytes.get(at.wrapping_sub(2)..at) == Some(b"\r\n")
}

/// What a method and a field's name are made of. Source: RFC 9110, 5.6.2.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A Content-Length: 1 to 19 digits and nothing else, at most what a signed 64-bit number holds.
pub fn length(value: &[u8]) -> Option<u64> {
    if !matches!(value.len(), 1..=19) {
        return None;
    }
    let mut total = 0;
    for byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        total = total * 10 + u64::from(byte - b'0');
    }
    i64::try_from(total).is_ok().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'b>(fields: &'b [Header<'b>]) -> Headers<'b> {
        Headers { fields, nominates: true }
    }

    /// Lengths are plain decimal numbers that fit; every other spelling is refused.
    #[test]
    fn lengths() {
        for (value, want) in [("0", 0), ("3", 3), ("007", 7), ("9223372036854775807", i64::MAX as u64)] {
            assert_eq!(length(value.as_bytes()), Some(want));
        }
        let bad =
            ["", "+3", "-1", " 3", "3 ", "3, 3", "3,3", "0x10", "1e3", "3.0", "٣", "9223372036854775808"];
        for value in bad.into_iter().chain(["18446744073709551616", "00000000000000000003"]) {
            assert_eq!(length(value.as_bytes()), None, "{value:?}");
        }
    }

    /// Fields are found whatever their case, the first of several wins, and part of a name finds nothing.
    #[test]
    fn first_ignores_case() {
        let fields = [Header { name: "X-A", value: b"1" }, Header { name: "x-a", value: b"2" }];
        assert_eq!(headers(&fields).first("x-A"), Some(&b"1"[..]));
        assert_eq!(headers(&fields).first("x-"), None);
        assert_eq!(headers(&fields).iter().len(), 2);
    }

    /// A field is nominated by any element of any Connection field, and only by a whole one.
    #[test]
    fn nominations() {
        let fields = [
            Header { name: "Connection", value: b"keep-alive, X-One" },
            Header { name: "X-Other", value: b"x-three" },
            Header { name: "CONNECTION", value: b",,\tx-two ," },
        ];
        let headers = headers(&fields);
        assert!(headers.connection_nominates("x-one") && headers.connection_nominates("X-TWO"));
        assert!(!headers.connection_nominates("x-three") && !headers.connection_nominates("one"));
    }

    /// The connection's own fields are known by name, and no other field is taken for one.
    #[test]
    fn hop_by_hop() {
        for name in
            ["Connection", "keep-alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "upgrade"]
        {
            assert!(is_hop_by_hop(name), "{name}");
        }
        assert!(is_hop_by_hop("proxy-authenticate") && is_hop_by_hop("Proxy-Authorization"));
        for name in ["", "t", "host", "authorization", "content-length", "x-transfer-enco", "connectio_"] {
            assert!(!is_hop_by_hop(name), "{name}");
        }
    }

    /// Names of every length are the same in any case, and one changed byte makes another name of them.
    #[test]
    fn names_in_any_case() {
        fn check<const N: usize>(known: &[u8; N]) {
            assert!(is(known, known) && is(&known.to_ascii_uppercase(), known));
            assert!(!is(&known[1..], known) && !is(&[known.as_slice(), b"x"].concat(), known));
            for at in 0..N {
                for byte in 0x20..=0xff {
                    let mut text = *known;
                    text[at] = byte;
                    assert_eq!(is(&text, known), text.eq_ignore_ascii_case(known), "{byte:#x} at {at}");
                }
            }
        }
        check(b"te");
        check(b"bearer ");
        check(b"x-api-k3");
        check(b"authorization");
        check(b"application/json");
        check(b"proxy-authorization");
        check(b"strict-transport-security");
    }

    /// Debug output shows no value.
    #[test]
    fn debug_shows_no_value() {
        let fields = [Header { name: "authorization", value: b"Bearer canary" }];
        assert_eq!(format!("{:?}", headers(&fields)), "Headers(1)");
    }
}
