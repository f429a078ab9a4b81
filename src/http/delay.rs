//! How long the other side asks to be left alone.
//!
//! Source: RFC 9110, 10.2.3 (seconds, or a date); durations as Google's and Groq's answers have them (`31s`, `1m30.5s`);
//! RFC 3339, which some gateways before providers write.

use super::date::http_date;
use crate::base::civil;

/// Units of a duration in milliseconds, those before others that they begin with.
const UNITS: [(&str, f64); 7] = [
    ("ms", 1.0),
    ("us", 0.001),
    ("ns", 0.000_001),
    ("d", 86_400_000.0),
    ("h", 3_600_000.0),
    ("m", 60_000.0),
    ("s", 1000.0),
];

/// The delay in milliseconds that the value of a `retry-after` asks for. A moment that has passed is no delay. `None` if
/// it is none of the forms.
pub fn delay_ms(text: &str, unix_seconds: impl FnOnce() -> u64) -> Option<u64> {
    let text = text.trim();
    if let Some(seconds) = decimal(text) {
        return Some((seconds * 1000.0) as u64);
    }
    duration_ms(text).or_else(|| {
        let moment = civil::moment(text).or_else(|| http_date(text))?;
        let left = moment.saturating_sub_unsigned(unix_seconds());
        Some(u64::try_from(left).unwrap_or(0).saturating_mul(1000))
    })
}

/// `31s`, `1m30s`, `6m0.5s`, `20ms`: numbers with units, in milliseconds.
pub fn duration_ms(mut text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut all = 0.0;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(end);
        let (unit, ms) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        all += decimal(number)? * ms;
        text = &rest[unit.len()..];
    }
    Some(all as u64)
}

/// Digits with or without a fraction; nothing else that a number may be elsewhere.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form of a hint is the delay that it means, and what is none is none.
    #[test]
    fn hints() {
        // 2026-10-21T07:28:00Z
        let now = || 1_792_567_680;
        for (text, ms) in [
            ("7", Some(7000)),
            ("0", Some(0)),
            (" 0.5 ", Some(500)),
            ("31s", Some(31_000)),
            ("0s", Some(0)),
            ("1m30s", Some(90_000)),
            ("6m0s", Some(360_000)),
            ("1h2m3.5s", Some(3_723_500)),
            ("20ms", Some(20)),
            ("59.812s", Some(59_812)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30_000)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("2026-10-21T07:29:00Z", Some(60_000)),
            ("2026-10-21T09:28:10.250+02:00", Some(10_000)),
            ("2020-01-01T00:00:00Z", Some(0)),
        ] {
            assert_eq!(delay_ms(text, now), ms, "{text}");
        }
        for text in [
            "",
            "-1",
            "soon",
            "inf",
            "NaN",
            "1e3",
            "1.2.3",
            ".",
            "s",
            "5 s",
            "31x",
            "1m30",
            "Wed, 21 Oct 2026 07:28:30",
            "Wed, 21 Oct 2026 07:28:30 GMT x",
            "Wed, 21 Foo 2026 07:28:30 GMT",
            "2026-10-21",
            "2026-13-21T00:00:00Z",
        ] {
            assert_eq!(delay_ms(text, now), None, "{text}");
        }
        assert_eq!(delay_ms(&"9".repeat(400), now), Some(u64::MAX), "as long as can be");
    }
}
