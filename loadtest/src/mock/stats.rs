//! What the mock has seen, for tests to read while it runs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Counters of one mock, shared by its threads.
#[derive(Debug)]
pub(super) struct Counters {
    started: Instant,
    opened: AtomicU64,
    open: AtomicU64,
    requests: AtomicU64,
    aborted: AtomicU64,
    /// Nanoseconds from `started` to the last abort; 0 while there was none.
    aborted_after_ns: AtomicU64,
}

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted since the start.
    pub connections_opened: u64,
    /// Connections that are open.
    pub connections_open: u64,
    /// Requests whose head has been read completely.
    pub requests: u64,
    /// Answers during which the client went away.
    pub aborted: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            opened: AtomicU64::new(0),
            open: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            aborted_after_ns: AtomicU64::new(0),
        }
    }
}

impl Counters {
    pub fn connection_opened(&self) {
        self.opened.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    pub fn connection_closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    /// Counts a request and returns how many there were before it.
    pub fn request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed)
    }

    pub fn aborted(&self) {
        let after = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        self.aborted_after_ns.store(after, Relaxed);
        self.aborted.fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Stats {
        Stats {
            connections_opened: self.opened.load(Relaxed),
            connections_open: self.open.load(Relaxed),
            requests: self.requests.load(Relaxed),
            aborted: self.aborted.load(Relaxed),
        }
    }

    /// When the last client went away in the middle of an answer.
    pub fn aborted_at(&self) -> Option<Instant> {
        match self.aborted_after_ns.load(Relaxed) {
            0 => None,
            after => Some(self.started + Duration::from_nanos(after)),
        }
    }
}
