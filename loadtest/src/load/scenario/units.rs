//! Numbers with their units, as people write them.

use std::time::Duration;

/// The shortest time in which something can be measured.
pub const TIME_MIN: Duration = Duration::from_millis(1);

/// Reads a time: `500us`, `500ms`, `10s`, `2m`, or seconds.
///
/// # Errors
/// A message for whoever wrote it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let wrong = || format!("\"{text}\" is no time such as 500us, 500ms, 10s or 2m");
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.0..1e6).contains(&number) => Ok(Duration::from_secs_f64(number * seconds)),
        _ => Err(wrong()),
    }
}

/// Reads a time that must be more than nothing.
///
/// # Errors
/// A message for whoever wrote it.
pub fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < TIME_MIN => Err(format!("\"{text}\" is too short: it must be 1ms at least")),
        time => Ok(time),
    }
}

/// Reads a number of things of which there must be one.
///
/// # Errors
/// A message for whoever wrote it.
pub fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err(format!("\"{text}\" is no number from 1 to 1000000")),
    }
}

/// Reads a number per second.
///
/// # Errors
/// A message for whoever wrote it.
pub fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1e7).contains(&rate) => Ok(rate),
        _ => Err(format!("\"{text}\" is no rate from 0.001 to 10000000 per second")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are read with their units.
    #[test]
    fn reads_times() {
        for (text, microseconds) in
            [("500us", 500), ("500ms", 500_000), ("1.5s", 1_500_000), ("2", 2_000_000), ("2m", 120_000_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_micros(microseconds)));
        }
        for wrong in ["", "s", "-1s", "1h", "1 s", "NaN"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(some_time("1ms"), Ok(TIME_MIN));
        assert!(some_time("0s").is_err() && some_time("999us").is_err());
    }
}
