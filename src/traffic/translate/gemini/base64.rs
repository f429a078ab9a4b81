//! Bytes in base64: clients of this dialect write either alphabet, and other formats read one.

use crate::traffic::dialect::json::Quoted;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The same bytes in the alphabet that every format reads, with the padding that it wants.
pub fn standard(data: Quoted<'_>) -> Quoted<'_> {
    let data = data.with_plain_slashes();
    let written = data.as_written();
    if written.len().is_multiple_of(4) && !written.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        return data;
    }
    Quoted::raw(&padded(written)).into_owned()
}

/// Digits of either alphabet in the standard one, padded.
pub fn padded(digits: &[u8]) -> Vec<u8> {
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let mut padded: Vec<u8> = digits.iter().map(standard).collect();
    while padded.len() % 4 > 1 {
        padded.push(b'=');
    }
    padded
}

/// The digits for these bytes.
pub fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index)) as usize & 63];
            digits.push(if index > three.len() { b'=' } else { digit });
        }
    }
    digits
}

/// The bytes that these digits of either alphabet stand for.
pub fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    let end = digits.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let mut bytes = Vec::with_capacity(end * 3 / 4);
    for four in digits[..end].chunks(4) {
        let bits = four.iter().try_fold(0u32, |bits, digit| Some(bits << 6 | value(*digit)?))?;
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend_from_slice(bits.to_be_bytes().get(1..four.len())?);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The digits are the ones of the standard's own examples.
    #[test]
    fn examples() {
        for (bytes, digits) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("i\u{3BE}", "ac6+"),
        ] {
            assert_eq!(encoded(bytes.as_bytes()), digits.as_bytes());
        }
        assert_eq!(decoded(b"a*=="), None);
        assert_eq!(standard(Quoted::raw(b"ac6-_w")), Quoted::raw(b"ac6+/w=="));
        assert_eq!(standard(Quoted::raw(b"ac6+\\/w==")), Quoted::raw(b"ac6+/w=="));
    }

    proptest! {
        /// What is encoded is decoded, in either alphabet, with padding or without.
        #[test]
        fn it_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let digits = encoded(&bytes);
            prop_assert_eq!(digits.len() % 4, 0);
            let other: Vec<u8> = digits.iter().filter(|digit| **digit != b'=').map(|digit| match digit {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            }).collect();
            prop_assert_eq!(decoded(&digits), Some(bytes.clone()));
            prop_assert_eq!(decoded(&other), Some(bytes));
            prop_assert_eq!(padded(&other), digits);
        }
    }
}
