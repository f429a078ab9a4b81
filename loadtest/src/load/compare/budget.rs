//! How much time a comparison has, what each of its parts gets of it, and how far it has come.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::load::engine::is_interrupted;

/// How long each target has load before anything of it is measured.
pub const WARMUP: Duration = Duration::from_millis(300);

/// Shares of the whole: what warming up and memory get at most, and what is left at the end for whatever takes longer.
const WARMUP_SHARE: f64 = 0.12;
const MEMORY_SHARE: f64 = 0.2;
const SPARE_SHARE: f64 = 0.02;
/// What a measurement of memory has even where there is no time left.
const MEMORY_MIN: Duration = Duration::from_secs(3);
/// What the starts of one peer may take before it is started no more.
const START_SHARE: f64 = 0.02;

/// Time that a run has, if it is bounded.
#[derive(Debug)]
pub struct Budget {
    begun: Instant,
    whole: Option<Duration>,
}

impl Budget {
    pub fn new(whole: Option<Duration>) -> Self {
        Self { begun: Instant::now(), whole }
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How long each of so many peers is warmed up, of what it should be.
    pub fn warmup(&self, wanted: Duration, peers: usize) -> Duration {
        self.share(WARMUP_SHARE).map_or(wanted, |share| wanted.min(share / peers.max(1) as u32))
    }

    /// Whether a peer whose starts have taken so long is started again.
    pub fn allows_start(&self, taken: Duration) -> bool {
        !is_interrupted() && self.share(START_SHARE).is_none_or(|share| taken < share)
    }

    /// When one of the tables that are left has to be done: `weight` of `weights` of what there is before memory's turn.
    pub fn table_until(&self, weight: f64, weights: f64, memory_follows: bool) -> Option<Instant> {
        let kept = SPARE_SHARE + if memory_follows { MEMORY_SHARE } else { 0.0 };
        let end = self.begun + self.share(1.0 - kept)?;
        let left = end.saturating_duration_since(Instant::now());
        Some(Instant::now() + left.mul_f64((weight / weights).min(1.0)))
    }

    /// When one of so many measurements of memory has to be done.
    pub fn memory_until(&self, left: usize) -> Option<Instant> {
        let end = self.begun + self.share(1.0 - SPARE_SHARE)?;
        let time = end.saturating_duration_since(Instant::now());
        Some(Instant::now() + (time / left.max(1) as u32).max(MEMORY_MIN))
    }

    /// How far it has come, for whoever waits.
    pub fn say(&self, what: &str) {
        let left = self.whole.map(|whole| {
            let left = whole.saturating_sub(self.elapsed());
            format!(", {} of {} left", clock(left), clock(whole))
        });
        eprintln!("ringgate-load: [{}{}] {what}", clock(self.elapsed()), left.unwrap_or_default());
    }

    fn share(&self, share: f64) -> Option<Duration> {
        self.whole.map(|whole| whole.mul_f64(share))
    }
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// Tells whoever looks what is being measured.
pub fn say(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("ringgate-load: {what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a bound, nothing is cut; with one, parts share it, and what one leaves the others have.
    #[test]
    fn shares() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let free = Budget::new(None);
        assert_eq!(free.warmup(minutes(1), 6), minutes(1));
        assert!(free.allows_start(minutes(60)) && free.table_until(1.0, 2.0, true).is_none());
        let bounded = Budget::new(Some(minutes(10)));
        assert_eq!(bounded.warmup(minutes(1), 6), Duration::from_secs(12));
        assert!(bounded.allows_start(Duration::from_secs(3)) && !bounded.allows_start(minutes(1)));
        let seconds = |until: Option<Instant>| {
            until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64().round())
        };
        assert_eq!(seconds(bounded.table_until(1.0, 4.0, true)), Some(117.0));
        assert_eq!(seconds(bounded.table_until(2.0, 2.0, false)), Some(588.0));
        assert_eq!(seconds(bounded.memory_until(6)), Some(98.0));
    }

    /// Times are told as a clock does.
    #[test]
    fn clocks() {
        assert_eq!(clock(Duration::from_secs(65)), "1:05");
    }
}
