//! Time as the shards use it: the kernel's clock since the machine started, microseconds in 64 bits.
//!
//! Invariant: a `Moment` only ever grows on one thread, whatever is done to the wall clock, and while the machine sleeps;
//! wall time is asked for separately and never subtracted.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Microseconds since the machine started, those that it slept included: what waited before is too old after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Reads the clock (about 22 ns).
    pub fn now() -> Self {
        Self(micros(clock_gettime(ClockId::Boottime)))
    }

    /// Microseconds from `earlier` to here; 0 when `earlier` is later.
    pub fn micros_since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment plus so many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }
}

/// Microseconds since 1970-01-01T00:00:00Z; 0 if the wall clock stands before that.
pub fn unix_micros() -> u64 {
    micros(clock_gettime(ClockId::Realtime))
}

fn micros(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).map_or(0, |seconds| seconds * 1_000_000 + time.tv_nsec as u64 / 1000)
}

/// Seconds since 1970-01-01T00:00:00Z.
pub fn unix_seconds() -> u64 {
    unix_micros() / 1_000_000
}

/// Appends a wall time as RFC 3339 in UTC with microseconds, e.g. `2026-11-21T14:00:00.000123Z`.
pub fn write_utc(out: &mut Vec<u8>, unix_micros: u64) {
    let (seconds, micros) = (unix_micros / 1_000_000, unix_micros % 1_000_000);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(day);
    digits(out, year, 4, b'-');
    digits(out, month, 2, b'-');
    digits(out, day, 2, b'T');
    digits(out, second / 3600, 2, b':');
    digits(out, second / 60 % 60, 2, b':');
    digits(out, second % 60, 2, b'.');
    digits(out, micros, 6, b'Z');
}

/// Appends a number with leading zeros, and what stands behind it.
fn digits(out: &mut Vec<u8>, mut value: u64, count: usize, then: u8) {
    let mut text = [b'0'; 7];
    for place in text[..count].iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
    text[count] = then;
    out.extend_from_slice(&text[..=count]);
}

/// Year, month and day of the n-th day since 1970-01-01, in the Gregorian calendar. Years begin in March here,
/// so that the leap day is the last one.
fn civil(days: u64) -> (u64, u64, u64) {
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wall times print as people and machines read them, leap days included.
    #[test]
    fn utc_text() {
        let text = |s: u64| {
            let mut out = vec![];
            write_utc(&mut out, s * 1_000_000 + 7);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(text(0), "1970-01-01T00:00:00.000007Z");
        assert_eq!(text(951_782_400), "2000-02-29T00:00:00.000007Z");
        assert_eq!(text(1_795_271_696), "2026-11-21T14:34:56.000007Z");
        assert_eq!(text(4_107_542_399), "2100-02-28T23:59:59.000007Z");
    }
}
