//! Dates of the civil calendar (UTC) and seconds since 1970, either way.
//!
//! Invariant: the proleptic Gregorian calendar without leap seconds, as POSIX time counts.

const DAY_SECONDS: u64 = 86_400;

/// Days from 1970-01-01 to a date.
/// Source: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day counted from 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Microseconds since 1970 as `2026-11-21T14:00:00.123Z`.
pub fn timestamp(unix_micros: u64) -> String {
    let seconds = unix_micros / 1_000_000;
    let (year, month, day) = civil_from_days((seconds / DAY_SECONDS) as i64);
    let (of_day, millis) = (seconds % DAY_SECONDS, unix_micros / 1000 % 1000);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The first second at which something that expires at `text` is no longer valid, in seconds since 1970.
///
/// A date (`2026-12-31`) is valid to its end, UTC; an RFC 3339 time is the moment itself. `None` if it is neither.
pub fn expiry(text: &str) -> Option<u64> {
    let date = date(text.get(..10)?)?;
    let rest = &text[10..];
    let unix = if rest.is_empty() { date + DAY_SECONDS as i64 } else { date + time(rest)? };
    u64::try_from(unix).ok()
}

/// An RFC 3339 time in seconds since 1970.
pub fn moment(text: &str) -> Option<i64> {
    let (date_text, rest) = text.split_at_checked(10)?;
    date(date_text)?.checked_add(time(rest)?)
}

/// Seconds from 1970 to the start of a date.
fn date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) =
        (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let days = days_from_civil(year, month, day);
    let exists = (1..=12).contains(&month) && civil_from_days(days) == (year, month, day);
    (exists && parts.next().is_none()).then_some(days * DAY_SECONDS as i64)
}

/// Seconds of the time of day in `T14:00:00.5+02:00`, fractions cut off, the offset taken away.
fn time(text: &str) -> Option<i64> {
    let text = text.strip_prefix(['T', 't', ' '])?;
    let zone_at = text.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = text.split_at(zone_at);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = whole.split(':');
    let (hour, minute, second) =
        (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let fraction_is_number = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let sound = hour < 24 && minute < 60 && second <= 60 && fraction_is_number && parts.next().is_none();
    sound.then_some(hour * 3600 + minute * 60 + second)?.checked_sub(offset(zone)?)
}

/// Seconds east of UTC in `Z`, `+02:00` or `-05:30`.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = text.strip_prefix('-').map_or_else(|| (1, text.trim_start_matches('+')), |r| (-1, r));
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A number of exactly `count` digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let sound = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    sound.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment prints as RFC 3339 with milliseconds, also on a leap day and at the epoch.
    #[test]
    fn moments_print() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(1_709_164_799_123_456), "2024-02-28T23:59:59.123Z");
        assert_eq!(timestamp(1_709_164_800_000_000), "2024-02-29T00:00:00.000Z");
        assert_eq!(timestamp(1_795_269_600_123_000), "2026-11-21T14:00:00.123Z");
    }

    /// A date is valid to its end; a time is the moment itself, whatever its offset.
    #[test]
    fn expiries() {
        assert_eq!(expiry("1970-01-01"), Some(DAY_SECONDS));
        assert_eq!(expiry("2026-12-31"), Some(1_798_761_600));
        assert_eq!(expiry("2026-11-21T14:00:00Z"), Some(1_795_269_600));
        assert_eq!(expiry("2026-11-21T16:00:00.25+02:00"), Some(1_795_269_600));
        assert_eq!(expiry("2026-11-21 09:00:00-05:00"), Some(1_795_269_600));
    }

    /// What is not a date of the calendar, or not wholly a date, is refused.
    #[test]
    fn what_is_no_date() {
        for text in
            ["", "2026", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "31.12.2026", "2026-12-31T"]
        {
            assert_eq!(expiry(text), None, "{text}");
        }
        for text in
            ["2026-12-31T10:00:00", "2026-12-31T25:00:00Z", "2026-12-31T10:00Z", "2026-12-31x", "1969-01-01"]
        {
            assert_eq!(expiry(text), None, "{text}");
        }
        assert_eq!(expiry("2026-12-3é"), None);
    }
}
