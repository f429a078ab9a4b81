//! What was measured: times, events and failures.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::failure::Failure;

/// Times that are told apart: from one nanosecond to an hour, to three digits.
const TIME_NS_MAX: u64 = 3_600_000_000_000;
const TIME_DIGITS: u8 = 3;

/// Everything that was measured of one target.
#[derive(Clone, Debug)]
pub struct Tally {
    /// From the request (or when it was due) to the whole answer.
    pub latency: Times,
    /// From the request (or when it was due) to the first content.
    pub first: Times,
    /// How late requests were sent at a constant rate, for whatever reason.
    pub late: Times,
    /// Events of all streams.
    pub events: u64,
    pub failures: BTreeMap<Failure, u64>,
    /// The first answer with a status other than 200.
    pub complaint: Option<String>,
    /// Requests that were due, but never sent.
    pub unsent: u64,
    /// Time in which all this was measured.
    pub elapsed: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency: Times::new(),
            first: Times::new(),
            late: Times::new(),
            events: 0,
            failures: BTreeMap::new(),
            complaint: None,
            unsent: 0,
            elapsed: Duration::ZERO,
        }
    }
}

impl Tally {
    pub fn fail(&mut self, failure: Failure, complaint: &str) {
        *self.failures.entry(failure).or_default() += 1;
        if self.complaint.is_none() && !complaint.is_empty() {
            self.complaint = Some(complaint.to_owned());
        }
    }

    /// Good answers.
    pub fn good(&self) -> u64 {
        self.latency.count()
    }

    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub fn per_second(&self, count: u64) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { count as f64 / self.elapsed.as_secs_f64() }
    }

    /// Takes what another has measured of the same target at another time.
    pub fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.first.add(&other.first);
        self.late.add(&other.late);
        self.events += other.events;
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        if self.complaint.is_none() {
            self.complaint.clone_from(&other.complaint);
        }
        self.unsent += other.unsent;
        self.elapsed += other.elapsed;
    }
}

/// A histogram of times.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that a histogram takes")]
        let histogram = Histogram::new_with_bounds(1, TIME_NS_MAX, TIME_DIGITS).expect("bounds");
        Self(histogram)
    }

    pub fn record(&mut self, time: Duration) {
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(time_ns);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that a share of all does not exceed, in microseconds.
    pub fn quantile_us(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1000.0
    }

    pub fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }

    fn add(&mut self, other: &Self) {
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "all histograms have the same bounds");
    }
}
