//! When requests are due, as a sequence that follows from a seed.

use std::time::Duration;

use crate::chance::Chance;
use crate::load::scenario::Arrivals;

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Beat {
    Rate { arrivals: Arrivals, per_second: f64 },
    Burst { size: u32, every: Duration },
}

/// Requests that become due, counted from the begin.
#[derive(Debug)]
pub struct Schedule {
    beat: Beat,
    duration: Duration,
    chance: Chance,
    /// Requests so far, and when the next is due.
    count: u64,
    next: Duration,
}

impl Schedule {
    pub fn new(beat: Beat, duration: Duration, seed: u64) -> Self {
        let mut schedule = Self { beat, duration, chance: Chance::new(seed), count: 0, next: Duration::ZERO };
        schedule.next = match beat {
            Beat::Rate { .. } => schedule.after(Duration::ZERO),
            Beat::Burst { .. } => Duration::ZERO,
        };
        schedule
    }

    /// When the next request is due, if there is one.
    pub fn next(&self) -> Option<Duration> {
        let is_within = match self.beat {
            Beat::Rate { .. } => self.next <= self.duration,
            Beat::Burst { .. } => self.next < self.duration,
        };
        is_within.then_some(self.next)
    }

    /// Goes on to the request after the next one.
    pub fn advance(&mut self) {
        self.count += 1;
        self.next = self.after(self.next);
    }

    fn after(&mut self, last: Duration) -> Duration {
        match self.beat {
            // From the begin, so that roundings do not add up.
            Beat::Rate { arrivals: Arrivals::Constant, per_second } => {
                Duration::from_secs_f64((self.count + 1) as f64 / per_second)
            }
            Beat::Rate { arrivals: Arrivals::Poisson, per_second } => {
                last + Duration::from_secs_f64(self.chance.exponential() / per_second)
            }
            Beat::Burst { size, every } => {
                let bursts = u32::try_from(self.count / u64::from(size)).unwrap_or(u32::MAX);
                every.saturating_mul(bursts)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(beat: Beat, seconds: u64, seed: u64) -> Vec<Duration> {
        let mut schedule = Schedule::new(beat, Duration::from_secs(seconds), seed);
        std::iter::from_fn(|| {
            let next = schedule.next();
            schedule.advance();
            next
        })
        .collect()
    }

    /// A constant rate has as many requests as it says, all as far apart.
    #[test]
    fn constant_rates() {
        let beat = Beat::Rate { arrivals: Arrivals::Constant, per_second: 300.0 };
        let times = times(beat, 10, 0);
        assert_eq!((times.len(), times.last()), (3000, Some(&Duration::from_secs(10))));
        let gaps = times.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_micros());
        assert!(gaps.clone().all(|gap| (3333..=3334).contains(&gap)));
    }

    /// Random arrivals follow from the seed, have the mean that is wanted, and the spread of a Poisson process.
    #[test]
    fn poisson_arrivals() {
        let beat = Beat::Rate { arrivals: Arrivals::Poisson, per_second: 1000.0 };
        assert_eq!(times(beat, 2, 7), times(beat, 2, 7));
        assert_ne!(times(beat, 2, 7), times(beat, 2, 8));
        let times = times(beat, 100, 7);
        assert!((99_000..101_000).contains(&times.len()), "{}", times.len());
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((spread.sqrt() / mean - 1.0).abs() < 0.02, "of an exponential distribution they are alike");
    }

    /// Bursts begin at once, and all of a burst is due together.
    #[test]
    fn bursts() {
        let beat = Beat::Burst { size: 3, every: Duration::from_secs(2) };
        let seconds: Vec<u64> = times(beat, 4, 0).iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [0, 0, 0, 2, 2, 2]);
    }
}
