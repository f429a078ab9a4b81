//! Times, events and failures of many requests.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::load::check::Failure;

/// Times that are told apart: from one nanosecond to an hour, to three digits.
const TIME_NS_MAX: u64 = 3_600_000_000_000;
const TIME_DIGITS: u8 = 3;

/// Everything that was measured of one target, or of one part of its load.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// From when a request was due to the whole answer.
    pub latency: Times,
    /// From when it was really sent to the whole answer.
    pub service: Times,
    /// As `latency`, but of what this client sent late although a connection was free, from when it was sent.
    pub owed: Times,
    /// From when it was due to the first byte of the answer.
    pub first_byte: Times,
    /// From when it was due to the first event of a stream.
    pub first_event: Times,
    /// As `first_event`, from when `owed` is.
    pub owed_event: Times,
    /// Between an event and the one before it; 0 where they came together.
    pub gap: Times,
    /// From when it was due to when it was sent.
    pub late: Times,
    /// Events of all streams.
    pub events: u64,
    /// Bytes of all bodies.
    pub bytes: u64,
    /// Answers that this client left on purpose.
    pub left: u64,
    pub failures: BTreeMap<Failure, u64>,
    /// The first answer with a status other than 200.
    pub complaint: Option<String>,
    /// Requests that were due, but never sent.
    pub unsent: u64,
    /// Time in which all this was sent, by which rates are told: in a closed loop, up to the last answer.
    pub elapsed: Duration,
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

    /// Requests that the target had work with.
    pub fn answered(&self) -> u64 {
        self.good() + self.failed() + self.left
    }

    pub fn per_second(&self, count: u64) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { count as f64 / self.elapsed.as_secs_f64() }
    }

    /// Takes what another has measured of the same target at another time.
    pub fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.service.add(&other.service);
        self.owed.add(&other.owed);
        self.first_byte.add(&other.first_byte);
        self.first_event.add(&other.first_event);
        self.owed_event.add(&other.owed_event);
        self.gap.add(&other.gap);
        self.late.add(&other.late);
        self.events += other.events;
        self.bytes += other.bytes;
        self.left += other.left;
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

impl Default for Times {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that a histogram takes")]
        let histogram = Histogram::new_with_bounds(1, TIME_NS_MAX, TIME_DIGITS).expect("bounds");
        Self(histogram)
    }
}

impl Times {
    pub fn record(&mut self, time: Duration) {
        self.record_n(time, 1);
    }

    pub fn record_n(&mut self, time: Duration, count: u64) {
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(time_ns, count);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that a share of all does not exceed, in microseconds.
    pub fn quantile_us(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1000.0
    }

    pub fn mean_us(&self) -> f64 {
        self.0.mean() / 1000.0
    }

    pub fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }

    /// The histogram, in nanoseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn add(&mut self, other: &Self) {
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "all histograms have the same bounds");
    }
}
