//! Times as HTTP writes them, and the field that tells when a message was made.
//!
//! Takes seconds since 1970; gives text, and back.
//!
//! Invariant: a line is written once in a second at most, and copied into heads; a clock that cannot be right says nothing.
//! Source: RFC 9110, 5.6.7 (the form) and 6.6.1 (who sends the field, and who must not).

use crate::base::civil;
use std::cell::Cell;
use std::ops::Range;

/// Seconds at which a clock may stand: one that shows an earlier year than this was written in was never set, and later ones
/// have years that the form has no place for (10000-01-01).
const CREDIBLE: Range<u64> = 1_577_836_800..253_402_300_800;

const DAY_SECONDS: u64 = 86_400;
const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A line on any day; it lacks nothing but digits and names.
const BLANK: Line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
type Line = [u8; 37];

/// The line `date: …` of the second that it was told last.
#[derive(Default)]
pub struct DateLine {
    second: Cell<u64>,
    /// None where the clock cannot be right.
    line: Cell<Option<Line>>,
}

impl DateLine {
    /// Tells it what time it is; the same second twice costs a comparison.
    pub fn tell(&self, unix_seconds: u64) {
        if self.second.replace(unix_seconds) != unix_seconds {
            self.line.set(CREDIBLE.contains(&unix_seconds).then(|| line(unix_seconds)));
        }
    }

    /// Appends the line; nothing where there is no clock.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(line) = self.line.get() {
            out.extend_from_slice(&line);
        }
    }
}

/// `date: Sun, 06 Nov 1994 08:49:37 GMT`, with its end.
fn line(unix_seconds: u64) -> Line {
    let (days, second) = (unix_seconds / DAY_SECONDS, unix_seconds % DAY_SECONDS);
    let (year, month, day) = civil::civil_from_days(days.cast_signed());
    let mut line = BLANK;
    line[6..9].copy_from_slice(DAYS[(days % 7) as usize]);
    digits(&mut line[11..13], day.cast_unsigned());
    line[14..17].copy_from_slice(MONTHS[(month - 1) as usize]);
    digits(&mut line[18..22], year.cast_unsigned());
    digits(&mut line[23..25], second / 3600);
    digits(&mut line[26..28], second / 60 % 60);
    digits(&mut line[29..31], second % 60);
    line
}

/// A number with leading zeros.
fn digits(places: &mut [u8], mut value: u64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`, in seconds since 1970.
pub fn http_date(text: &str) -> Option<i64> {
    let (_, date) = text.split_once(", ")?;
    let mut parts = date.split(' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = 1 + MONTHS.iter().position(|name| *name == month.as_bytes())?;
    let moment = format!("{year}-{month:02}-{day}T{}Z", parts.next()?);
    (parts.eq(["GMT"])).then(|| civil::moment(&moment))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &DateLine, unix_seconds: u64) -> String {
        line.tell(unix_seconds);
        let mut out = b"> ".to_vec();
        line.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    /// Days, months and years are what the calendar says, and the line changes with the second, backwards too.
    #[test]
    fn lines() {
        let line = DateLine::default();
        for (second, text) in [
            (1_577_836_800, "Wed, 01 Jan 2020 00:00:00 GMT"),
            (1_709_164_799, "Wed, 28 Feb 2024 23:59:59 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_709_251_200, "Fri, 01 Mar 2024 00:00:00 GMT"),
            (1_795_271_696, "Sat, 21 Nov 2026 14:34:56 GMT"),
            (1_795_271_697, "Sat, 21 Nov 2026 14:34:57 GMT"),
            (1_795_271_696, "Sat, 21 Nov 2026 14:34:56 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(told(&line, second), format!("> date: {text}\r\n"));
            assert_eq!(http_date(text), Some(second.cast_signed()));
        }
    }

    /// Nothing is said before there is a time, nor by a clock that was never set or has run away; once it is set right, it
    /// is believed.
    #[test]
    fn clocks_that_cannot_be_right() {
        let line = DateLine::default();
        let mut out = vec![];
        line.write(&mut out);
        assert_eq!(out, b"");
        for second in [0, 1, 946_684_800, 1_577_836_799, 253_402_300_800, u64::MAX / 1_000_000, u64::MAX] {
            assert_eq!(told(&line, second), "> ");
            assert_eq!(told(&line, 1_795_271_696), "> date: Sat, 21 Nov 2026 14:34:56 GMT\r\n");
        }
    }

    /// What is no such date is none.
    #[test]
    fn what_is_no_date() {
        for text in
            ["", "Sat, 21 Nov 2026 14:34:56", "Sat, 21 Nov 2026 14:34:56 UTC", "21 Nov 2026 14:34:56 GMT"]
        {
            assert_eq!(http_date(text), None, "{text}");
        }
    }
}
