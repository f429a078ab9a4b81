//! A constant rate: says when each request is due, to the microsecond, whoever is free to send it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::net::TcpListener as StdListener;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use monoio::net::TcpListener;

use crate::sys;

/// How long requests that are due may wait for a free connection once the time is over.
const OVERTIME: Duration = Duration::from_secs(2);

/// The plan of requests at a constant rate.
#[derive(Debug)]
pub struct Pace {
    /// When the plan was begun; before that nothing is due.
    begin: Cell<Instant>,
    interval: Duration,
    /// Requests of the whole plan, those that are due, and those that somebody sends.
    planned: u64,
    due: Cell<u64>,
    taken: Cell<u64>,
    is_over: Cell<bool>,
    /// Connections that wait for the next request, the one that waits longest first.
    free: RefCell<VecDeque<Waker>>,
}

impl Pace {
    pub fn new(per_second: f64, duration: Duration) -> Self {
        let interval = Duration::from_nanos((1e9 / per_second).round().max(1.0) as u64);
        let planned = duration.as_nanos() / interval.as_nanos();
        Self {
            begin: Cell::new(Instant::now()),
            interval,
            planned: planned as u64,
            due: Cell::new(0),
            taken: Cell::new(0),
            is_over: Cell::new(false),
            free: RefCell::default(),
        }
    }

    /// Begins the plan, and lets requests become due until it is over or `stop` says so.
    ///
    /// # Errors
    /// When there is no timer.
    pub async fn run(&self, stop: impl Fn() -> bool) -> io::Result<()> {
        let timer = sys::timer(self.interval)?;
        self.begin.set(Instant::now());
        let mut ticks = File::from(timer.try_clone()?);
        // Not a listener: only its readiness is asked for, which any descriptor has.
        let readiness = TcpListener::from_std(StdListener::from(timer))?;
        while self.due.get() < self.planned && !stop() {
            readiness.readable(false).await?;
            let mut count = [0; 8];
            match ticks.read(&mut count) {
                Ok(_) => self.release(u64::from_ne_bytes(count)),
                Err(early) if early.kind() == io::ErrorKind::WouldBlock => {}
                Err(failed) => return Err(failed),
            }
        }
        self.is_over.set(true);
        self.wake(usize::MAX);
        Ok(())
    }

    /// When the next request was due, as soon as it is; nothing when all have been taken.
    pub async fn next(&self) -> Option<Instant> {
        poll_fn(|context| {
            let taken = self.taken.get();
            if taken < self.due.get() {
                let due_at = self.begin.get() + self.interval * u32::try_from(taken + 1).unwrap_or(u32::MAX);
                let late_max = self.interval * u32::try_from(self.planned).unwrap_or(u32::MAX) + OVERTIME;
                if self.is_over.get() && self.begin.get().elapsed() > late_max {
                    return Poll::Ready(None);
                }
                self.taken.set(taken + 1);
                return Poll::Ready(Some(due_at));
            }
            if self.is_over.get() {
                return Poll::Ready(None);
            }
            self.free.borrow_mut().push_back(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Requests that were due and that nobody sent.
    pub fn unsent(&self) -> u64 {
        self.due.get() - self.taken.get()
    }

    fn release(&self, count: u64) {
        let due = self.due.get() + count;
        self.due.set(due.min(self.planned));
        self.wake(count as usize);
    }

    fn wake(&self, count: usize) {
        for _ in 0..count {
            // Not borrowed while it wakes.
            let longest = self.free.borrow_mut().pop_front();
            let Some(longest) = longest else { return };
            longest.wake();
        }
    }
}
