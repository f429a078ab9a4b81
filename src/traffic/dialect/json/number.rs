//! The grammar of numbers, byte by byte, and their values as whole numbers.

/// Place inside a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Minus,
    Zero,
    Whole,
    Dot,
    Fraction,
    E,
    Sign,
    Exponent,
}

/// What a byte does to a number.
pub enum Step {
    On(Place),
    /// The number was complete before this byte.
    End,
    /// A digit is missing.
    Broken,
}

impl Place {
    /// Where a number is after its first byte, if that can begin one.
    pub const fn begin(byte: u8) -> Option<Place> {
        match byte {
            b'-' => Some(Place::Minus),
            b'0' => Some(Place::Zero),
            b'1'..=b'9' => Some(Place::Whole),
            _ => None,
        }
    }

    /// Any number of digits may follow.
    pub const fn repeats(self) -> bool {
        matches!(self, Place::Whole | Place::Fraction | Place::Exponent)
    }

    #[inline]
    pub const fn step(self, byte: u8) -> Step {
        use Place as P;
        match (self, byte) {
            (P::Minus, b'0') => Step::On(P::Zero),
            (P::Minus, b'1'..=b'9') | (P::Whole, b'0'..=b'9') => Step::On(P::Whole),
            (P::Zero | P::Whole, b'.') => Step::On(P::Dot),
            (P::Dot | P::Fraction, b'0'..=b'9') => Step::On(P::Fraction),
            (P::Zero | P::Whole | P::Fraction, b'e' | b'E') => Step::On(P::E),
            (P::E, b'+' | b'-') => Step::On(P::Sign),
            (P::E | P::Sign | P::Exponent, b'0'..=b'9') => Step::On(P::Exponent),
            (P::Zero | P::Whole | P::Fraction | P::Exponent, _) => Step::End,
            (P::Minus | P::Dot | P::E | P::Sign, _) => Step::Broken,
        }
    }
}

/// The value of a valid number, without its fraction; too large ones saturate, negative ones are `None`.
pub fn whole_number(text: &[u8]) -> Option<u64> {
    let digit = |n: u64, byte: &u8| byte.is_ascii_digit().then(|| n * 10 + u64::from(byte - b'0'));
    let count = if text.len() <= 19 { text.iter().try_fold(0, digit) } else { None };
    if count.is_some() {
        return count;
    }
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let split = text.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(text.len());
    let (mut mantissa, mut shift, mut in_fraction) = (0u128, exponent(&text[split..]), false);
    for byte in &text[..split] {
        if *byte == b'.' {
            in_fraction = true;
        } else if mantissa < 10u128.pow(36) {
            mantissa = mantissa * 10 + u128::from(byte - b'0');
            shift -= i64::from(in_fraction);
        } else {
            shift += i64::from(!in_fraction);
        }
    }
    let value = scale(mantissa, shift);
    (!negative || value == 0).then_some(value)
}

/// The exponent of `e…`, kept within bounds that no count needs.
fn exponent(text: &[u8]) -> i64 {
    let mut exponent = 0i64;
    for byte in text.iter().filter(|b| b.is_ascii_digit()) {
        exponent = (exponent * 10 + i64::from(byte - b'0')).min(1_000_000);
    }
    if text.get(1) == Some(&b'-') { -exponent } else { exponent }
}

fn scale(mut value: u128, shift: i64) -> u64 {
    for _ in 0..shift.unsigned_abs().min(60) {
        value = if shift > 0 { value.saturating_mul(10) } else { value / 10 };
    }
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts are read in every notation that JSON has for them; what cannot be a count is none or saturates.
    #[test]
    fn reads_counts() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("12.9", Some(12)),
            ("1e3", Some(1000)),
            ("1.5E+3", Some(1500)),
            ("2500e-2", Some(25)),
            ("0.0001e5", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("1e999999999999999999999", Some(u64::MAX)),
            ("1e-999999999999999999999", Some(0)),
            ("0e999", Some(0)),
            ("-1", None),
            ("-0.5", Some(0)),
            ("-1e9", None),
        ] {
            assert_eq!(whole_number(text.as_bytes()), value, "{text}");
        }
        let long = format!("{}.0", "9".repeat(200));
        assert_eq!(whole_number(long.as_bytes()), Some(u64::MAX));
    }
}
