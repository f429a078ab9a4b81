//! How long something takes: always the same, at random, or as it was once measured.

use std::str::FromStr;
use std::time::Duration;

use crate::chance::Chance;

/// Longest wait, in milliseconds.
const WAIT_MS_MAX: f64 = 3_600_000.0;

/// Widest spread of a log-normal wait; with it one in a hundred is a hundred times the median.
const SIGMA_MAX: f64 = 2.0;

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    Fixed(Duration),
    /// Log-normally distributed, as latencies of models are: half are below the median; sigma is the deviation of the
    /// logarithm.
    LogNormal {
        median: Duration,
        sigma: f64,
    },
    /// Any of the times of the mock's recording.
    Recorded,
}

impl Wait {
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// One such wait; nothing where there is no recording.
    pub fn draw(self, chance: &mut Chance, recording: &[Duration]) -> Duration {
        match self {
            Self::Fixed(wait) => wait,
            Self::LogNormal { median, sigma } => {
                let seconds = median.as_secs_f64() * (sigma * chance.normal()).exp();
                Duration::from_secs_f64(seconds.min(WAIT_MS_MAX / 1000.0))
            }
            Self::Recorded => {
                let index = chance.below(recording.len() as u64) as usize;
                recording.get(index).copied().unwrap_or_default()
            }
        }
    }

    /// A fixed wait of at least so long; others are as they are.
    #[must_use]
    pub fn at_least(self, shortest: Duration) -> Self {
        match self {
            Self::Fixed(wait) => Self::Fixed(wait.max(shortest)),
            Self::LogNormal { .. } | Self::Recorded => self,
        }
    }
}

impl FromStr for Wait {
    type Err = String;

    /// Reads milliseconds, `lognormal:MEDIAN_MS:SIGMA`, or `recorded`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is neither milliseconds from 0 to {WAIT_MS_MAX}, nor lognormal:MEDIAN_MS:SIGMA \
                 (sigma up to {SIGMA_MAX}), nor recorded"
            )
        };
        if text == "recorded" {
            return Ok(Self::Recorded);
        }
        let Some(numbers) = text.strip_prefix("lognormal:") else {
            return milliseconds(text).map(Self::Fixed).ok_or_else(wrong);
        };
        let (median, sigma) = numbers.split_once(':').ok_or_else(wrong)?;
        let sigma = sigma.parse().ok().filter(|sigma| (0.0..=SIGMA_MAX).contains(sigma)).ok_or_else(wrong)?;
        Ok(Self::LogNormal { median: milliseconds(median).ok_or_else(wrong)?, sigma })
    }
}

/// Reads a time in milliseconds, fractions allowed.
fn milliseconds(text: &str) -> Option<Duration> {
    let wait = text.trim().parse::<f64>().ok().filter(|wait| (0.0..=WAIT_MS_MAX).contains(wait))?;
    Some(Duration::from_secs_f64(wait / 1000.0))
}

/// Reads a recording: milliseconds, one time on each line; lines that begin with # are comments.
///
/// # Errors
/// A message with the line that is none.
pub fn recording(text: &str) -> Result<Vec<Duration>, String> {
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let times: Vec<Duration> = lines
        .map(|(index, line)| {
            milliseconds(line)
                .ok_or_else(|| format!("line {}: \"{line}\" is no time in milliseconds", index + 1))
        })
        .collect::<Result<_, _>>()?;
    if times.is_empty() { Err("a recording needs at least one time".to_owned()) } else { Ok(times) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits are read as they are written, and what is none is refused.
    #[test]
    fn reads_waits() {
        assert_eq!("0.5".parse(), Ok(Wait::Fixed(Duration::from_micros(500))));
        assert_eq!("recorded".parse(), Ok(Wait::Recorded));
        let median = Duration::from_millis(20);
        assert_eq!("lognormal:20:0.5".parse(), Ok(Wait::LogNormal { median, sigma: 0.5 }));
        for wrong in ["", "x", "-1", "NaN", "lognormal:20", "lognormal:20:3", "lognormal:x:1", "4000000"] {
            assert!(wrong.parse::<Wait>().is_err(), "{wrong}");
        }
    }

    /// Drawn waits have the median and the spread that were asked for, and follow from the seed.
    #[test]
    fn draws_waits() {
        let wait: Wait = "lognormal:20:0.5".parse().expect("valid");
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            (0..10_001).map(|_| wait.draw(&mut chance, &[]).as_secs_f64()).collect::<Vec<f64>>()
        };
        assert_eq!(draw(1), draw(1));
        let mut waits = draw(1);
        waits.sort_by(f64::total_cmp);
        let near = |share: f64, expected: f64| {
            let found = waits[(share * 10_000.0) as usize];
            assert!((found / expected - 1.0).abs() < 0.05, "{share}: {found} is not near {expected}");
        };
        near(0.5, 0.020);
        near(0.841, 0.020 * 0.5_f64.exp());
        near(0.159, 0.020 / 0.5_f64.exp());
    }

    /// A recording gives its own times and no others; a line that is no time is named.
    #[test]
    fn plays_recordings() {
        let times = recording("# ttft, ms\n1\n\n 2.5\n").expect("valid");
        assert_eq!(times, [Duration::from_millis(1), Duration::from_micros(2500)]);
        let mut chance = Chance::new(1);
        let drawn: std::collections::BTreeSet<Duration> =
            (0..100).map(|_| Wait::Recorded.draw(&mut chance, &times)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), times);
        assert!(recording("1\nx\n").is_err_and(|message| message.contains("line 2")));
        assert!(recording("# nothing\n").is_err());
    }
}
