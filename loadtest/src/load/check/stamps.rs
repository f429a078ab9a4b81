//! What an answer says of its exchange: the mock provider of its moments, what stands before it of the time it took.

use std::str::FromStr;

/// Headers of the mock provider: nanoseconds of the monotonic clock, in hexadecimal digits.
const RECEIVED: &str = "x-mock-received";
const ANSWERED: &str = "x-mock-answered";

/// The header in which a target says how long it took itself; its name ends with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTime {
    header: String,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
}

/// Moments and times of one exchange in nanoseconds, as far as its answer has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "names end with their unit")]
pub struct Stamps {
    /// When the mock had the request, and when it sent the answer.
    pub received_ns: Option<u64>,
    pub answered_ns: Option<u64>,
    /// How long the target says that it took.
    pub own_ns: Option<u64>,
}

impl FromStr for OwnTime {
    type Err = String;

    fn from_str(header: &str) -> Result<Self, String> {
        let unit = match header.rsplit_once('-').map(|(_, unit)| unit) {
            Some("ns") => Unit::Nanoseconds,
            Some("us") => Unit::Microseconds,
            Some("ms") => Unit::Milliseconds,
            _ => return Err(format!("\"{header}\" must end with its unit: -ns, -us or -ms")),
        };
        Ok(Self { header: header.to_owned(), unit })
    }
}

impl OwnTime {
    fn nanoseconds(&self, value: f64) -> u64 {
        let factor = match self.unit {
            Unit::Nanoseconds => 1.0,
            Unit::Microseconds => 1e3,
            Unit::Milliseconds => 1e6,
        };
        (value * factor).round() as u64
    }
}

impl Stamps {
    /// Takes a header of the answer, if it is one that is looked for.
    pub fn take(&mut self, own: &OwnTime, name: &str, value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default().trim();
        if name.eq_ignore_ascii_case(RECEIVED) {
            self.received_ns = u64::from_str_radix(text, 16).ok();
        } else if name.eq_ignore_ascii_case(ANSWERED) {
            self.answered_ns = u64::from_str_radix(text, 16).ok();
        } else if name.eq_ignore_ascii_case(&own.header) {
            self.own_ns = text.parse().ok().filter(|it: &f64| *it >= 0.0).map(|it| own.nanoseconds(it));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamps are read whatever the case of their names, own times in their unit; what is no number is none.
    #[test]
    fn reads_stamps() {
        let own: OwnTime = "x-gateway-ms".parse().expect("valid");
        let mut stamps = Stamps::default();
        stamps.take(&own, "X-Mock-Received", b"00000000000000ff");
        stamps.take(&own, "x-mock-answered", b"0000000000000100");
        stamps.take(&own, "X-Gateway-MS", b"1.5");
        let expected = Stamps { received_ns: Some(255), answered_ns: Some(256), own_ns: Some(1_500_000) };
        assert_eq!(stamps, expected);
        for wrong in [&b"-1"[..], b"NaN", b"soon", b"\xff"] {
            stamps.take(&own, "x-gateway-ms", wrong);
            assert_eq!(stamps.own_ns, None, "{wrong:?}");
        }
    }

    /// A header without a unit at its end says nothing.
    #[test]
    fn wants_a_unit() {
        assert!("x-overhead-us".parse::<OwnTime>().is_ok());
        assert!("x-overhead".parse::<OwnTime>().is_err_and(|wrong| wrong.contains("-us")));
    }
}
