//! Notes what became of each request.

use std::time::{Duration, Instant};

use super::interval::Intervals;
use super::marks::{Ended, Marks};
use super::probe::Probes;
use super::tally::Tally;
use crate::load::check::Failure;

/// What a slice of load has measured so far.
#[derive(Debug, Default)]
pub struct Recorder {
    pub total: Tally,
    /// Of each part, if there are several.
    pub parts: Vec<Tally>,
    intervals: Option<Intervals>,
    /// Each exchange by itself, where that is wanted.
    probes: Option<Probes>,
}

impl Recorder {
    pub fn new(parts: usize, intervals: Option<Intervals>) -> Self {
        let parts = if parts > 1 { vec![Tally::default(); parts] } else { Vec::new() };
        Self { total: Tally::default(), parts, intervals, probes: None }
    }

    /// Keeps what was seen of each good exchange, up to so many.
    pub fn probing(count_max: usize) -> Self {
        Self { probes: Some(Probes::new(count_max)), ..Self::default() }
    }

    /// What was seen of each good exchange.
    pub fn take_probes(&mut self) -> Probes {
        self.probes.take().unwrap_or_default()
    }

    /// The intervals, to go on with in another slice.
    pub fn take_intervals(&mut self) -> Option<Intervals> {
        self.intervals.take()
    }

    /// Notes the end of a request.
    pub fn note(&mut self, part: usize, marks: &Marks, ended: Result<Ended, Failure>, complaint: &str) {
        for tally in [Some(&mut self.total), self.parts.get_mut(part)].into_iter().flatten() {
            tally.note(marks, ended, complaint);
        }
        if let Some(intervals) = &mut self.intervals {
            intervals.note(marks, ended);
        }
        if let (Some(probes), Ok(Ended::Good(_))) = (&mut self.probes, ended) {
            probes.note(marks);
        }
    }

    /// Notes the time between an event that came at a moment and the one before it, and how many more came with it.
    pub fn gap(&mut self, part: usize, at: Instant, gap: Duration, merged: u64) {
        for tally in [Some(&mut self.total), self.parts.get_mut(part)].into_iter().flatten() {
            tally.gap.record(gap);
            if merged > 0 {
                tally.gap.record_n(Duration::ZERO, merged);
            }
        }
        if let Some(intervals) = &mut self.intervals {
            intervals.gap(at, gap, merged);
        }
    }

    /// Notes that a slice is over.
    pub fn end(&mut self, elapsed: Duration, unsent: u64) {
        self.total.unsent = unsent;
        for tally in std::iter::once(&mut self.total).chain(&mut self.parts) {
            tally.elapsed = elapsed;
        }
    }

    /// Takes what another slice of the same load has measured.
    pub fn add(&mut self, other: &Self) {
        self.total.add(&other.total);
        for (own, other) in self.parts.iter_mut().zip(&other.parts) {
            own.add(other);
        }
    }
}

impl Tally {
    fn note(&mut self, marks: &Marks, ended: Result<Ended, Failure>, complaint: &str) {
        self.late.record(marks.late());
        match ended {
            Ok(Ended::Good(content)) => {
                self.latency.record(marks.latency());
                self.service.record(marks.service());
                self.owed.record(marks.owed());
                self.first_byte.record(marks.first_byte());
                if let Some(at) = marks.first_event_at {
                    self.first_event.record(at.saturating_duration_since(marks.due_at));
                    self.owed_event.record(at.saturating_duration_since(marks.owed_at));
                }
                self.events += content.events;
                self.bytes += marks.bytes;
            }
            Ok(Ended::Left) => self.left += 1,
            Err(failure) => self.fail(failure, complaint),
        }
    }
}
