//! Follows one answer as it comes: its moments, and the gaps between its events.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::pace::Due;
use crate::load::check::OwnTime;
use crate::load::measure::{Marks, Recorder};
use crate::load::scenario::{Leaves, Part};

/// How a client behaves while it reads an answer.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    pub read_bytes_per_s: Option<u64>,
    pub leaves: Option<Leaves>,
    /// What is noted of an answer's times; over HTTP/1.1 only.
    pub own_time: Option<Rc<OwnTime>>,
}

impl Behaviour {
    pub fn of(part: &Part) -> Self {
        Self { read_bytes_per_s: part.read_bytes_per_s, leaves: part.leaves, own_time: part.own_time.clone() }
    }

    /// Bytes that a read may take: of a slow reader, what it takes in a tenth of a second.
    pub fn read_bytes_max(&self) -> usize {
        self.read_bytes_per_s.map_or(usize::MAX, |rate| (rate / 10).clamp(64, 1 << 20) as usize)
    }

    /// How long a reader that takes its time does nothing after so many bytes.
    pub fn rest(&self, bytes: usize) -> Option<Duration> {
        self.read_bytes_per_s.map(|rate| Duration::from_secs_f64(bytes as f64 / rate as f64))
    }

    pub fn leaves_after_events(&self, events: u64) -> bool {
        matches!(self.leaves, Some(Leaves::AfterEvents(after)) if events >= after)
    }

    pub fn leaves_after(&self) -> Option<Duration> {
        match self.leaves {
            Some(Leaves::After(after)) => Some(after),
            Some(Leaves::AfterEvents(_)) | None => None,
        }
    }
}

/// One answer on its way.
pub struct Trace<'a> {
    pub marks: Marks,
    recorder: &'a RefCell<Recorder>,
    part: usize,
    events: u64,
    last_event_at: Instant,
}

impl<'a> Trace<'a> {
    /// The request is sent now.
    pub fn begin(recorder: &'a RefCell<Recorder>, part: usize, due: Option<Due>) -> Self {
        let now = Instant::now();
        let mut marks = Marks::begin(due.map_or(now, |due| due.at), now, now);
        if due.is_some_and(|due| due.had_connection) {
            marks.owed_at = now;
        }
        Self { marks, recorder, part, events: 0, last_event_at: now }
    }

    /// Bytes have come; `events` of a stream are complete by now.
    pub fn arrived(&mut self, events: u64) {
        let now = Instant::now();
        self.marks.ended_at = now;
        self.marks.first_byte_at.get_or_insert(now);
        if events == self.events {
            return;
        }
        let (gap, new) = (now - self.last_event_at, events - self.events);
        if self.marks.first_event_at.is_none() {
            self.marks.first_event_at = Some(now);
            if new > 1 {
                self.recorder.borrow_mut().gap(self.part, now, Duration::ZERO, new - 2);
            }
        } else {
            self.recorder.borrow_mut().gap(self.part, now, gap, new - 1);
        }
        (self.events, self.last_event_at) = (events, now);
    }

    /// It is over, one way or the other.
    pub fn end(&mut self) -> &Marks {
        if self.marks.first_byte_at.is_none() {
            self.marks.ended_at = Instant::now();
        }
        &self.marks
    }
}
