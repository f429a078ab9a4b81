//! Bytes in base64: clients of Google's dialect write either alphabet, and other formats read one.

use crate::traffic::dialect::json::Quoted;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};

/// Padding says nothing that the digits do not, and many clients leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

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
    let mut padded = standardised(digits);
    while padded.len() % 4 > 1 {
        padded.push(b'=');
    }
    padded
}

fn standardised(digits: &[u8]) -> Vec<u8> {
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    digits.iter().map(standard).collect()
}

/// The digits for these bytes.
pub fn encoded(bytes: &[u8]) -> Vec<u8> {
    STANDARD.encode(bytes).into_bytes()
}

/// The bytes that these digits of either alphabet stand for, padded or not.
pub fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    LENIENT.decode(standardised(digits)).ok()
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
