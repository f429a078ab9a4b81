//! A run cut into intervals of equal length, handed to another thread as they end.

use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::marks::{Ended, Marks};
use super::tally::Times;
use crate::load::check::Failure;

/// What was measured in one interval.
#[derive(Clone, Debug, Default)]
pub struct Interval {
    /// From the begin of the run to that of the interval.
    pub begin: Duration,
    pub length: Duration,
    pub latency: Times,
    pub service: Times,
    pub first_byte: Times,
    pub gap: Times,
    pub good: u64,
    pub wrong: u64,
    pub left: u64,
    pub events: u64,
    pub bytes: u64,
}

impl Interval {
    fn clear(&mut self) {
        for times in [&mut self.latency, &mut self.service, &mut self.first_byte, &mut self.gap] {
            times.clear();
        }
        (self.good, self.wrong, self.left, self.events, self.bytes) = (0, 0, 0, 0, 0);
    }
}

/// The interval that is being measured, and where those go that are over.
#[derive(Debug)]
pub struct Intervals {
    current: Box<Interval>,
    begun: Instant,
    /// When the current interval began.
    starts: Instant,
    every: Duration,
    over: Sender<Box<Interval>>,
    /// Intervals that have been looked at, for their memory.
    spare: Receiver<Box<Interval>>,
}

impl Intervals {
    /// Begins the first interval.
    pub fn begin(every: Duration, over: Sender<Box<Interval>>, spare: Receiver<Box<Interval>>) -> Self {
        let begun = Instant::now();
        Self { current: Box::default(), begun, starts: begun, every, over, spare }
    }

    pub fn note(&mut self, marks: &Marks, ended: Result<Ended, Failure>) {
        self.turn(marks.ended_at);
        let current = &mut self.current;
        match ended {
            Ok(Ended::Good(content)) => {
                current.latency.record(marks.latency());
                current.service.record(marks.service());
                current.first_byte.record(marks.first_byte());
                current.good += 1;
                current.events += content.events;
                current.bytes += marks.bytes;
            }
            Ok(Ended::Left) => current.left += 1,
            Err(_) => current.wrong += 1,
        }
    }

    /// Notes a gap that was over at a moment: a stream may be longer than many intervals.
    pub fn gap(&mut self, at: Instant, gap: Duration, merged: u64) {
        self.turn(at);
        self.current.gap.record(gap);
        if merged > 0 {
            self.current.gap.record_n(Duration::ZERO, merged);
        }
    }

    /// Hands over the intervals that were over at a moment.
    pub fn turn(&mut self, now: Instant) {
        while now >= self.starts + self.every {
            self.hand_over(self.every);
            self.starts += self.every;
        }
    }

    /// Hands over what is left, if it is more than nothing.
    pub fn end(mut self) {
        let now = Instant::now();
        self.turn(now);
        let length = now.saturating_duration_since(self.starts);
        let is_empty = self.current.good + self.current.wrong + self.current.left == 0;
        if !is_empty {
            self.hand_over(length);
        }
    }

    fn hand_over(&mut self, length: Duration) {
        let mut next = self.spare.try_recv().unwrap_or_default();
        next.clear();
        let mut over = std::mem::replace(&mut self.current, next);
        over.begin = self.starts.saturating_duration_since(self.begun);
        over.length = length;
        // Nobody looks any more: then it is not needed either.
        drop(self.over.send(over));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Every interval of a run is handed over, the empty ones too, and what is recorded lies in its own.
    #[test]
    fn cuts_a_run() {
        let (over, looked_at) = channel();
        let (_give_back, spare) = channel();
        let mut intervals = Intervals::begin(Duration::from_secs(1), over, spare);
        let begun = intervals.begun;
        for milliseconds in [100, 200, 2500] {
            let ended_at = begun + Duration::from_millis(milliseconds);
            let marks = Marks::begin(begun, begun, ended_at);
            intervals.note(&marks, Ok(Ended::Left));
        }
        intervals.gap(begun + Duration::from_millis(3500), Duration::from_millis(5), 1);
        intervals.turn(begun + Duration::from_secs(4));
        drop(intervals);
        let counts: Vec<_> =
            looked_at.iter().map(|it| (it.begin.as_secs(), it.left, it.gap.count())).collect();
        assert_eq!(counts, [(0, 2, 0), (1, 0, 0), (2, 1, 0), (3, 0, 2)]);
    }
}
