//! An open loop: says when each request is due, to the microsecond, whoever is free to send it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::net::TcpListener as StdListener;
use std::os::fd::AsFd;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use monoio::net::TcpListener;

use super::schedule::Schedule;
use crate::sys;

/// How long requests that are due may wait for a free connection once the time is over.
const OVERTIME: Duration = Duration::from_secs(2);

/// A request that is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Instant,
    /// A connection was free for it when it became due: that it is sent later than that is not the target's doing.
    pub had_connection: bool,
}

/// Requests that are due or will be.
#[derive(Debug)]
pub struct Pace {
    schedule: RefCell<Schedule>,
    /// Requests that nobody has taken, the first first.
    due: RefCell<VecDeque<Due>>,
    /// When all requests had become due.
    over_since: Cell<Option<Instant>>,
    /// Connections that wait for the next request, the one that waits longest first.
    free: RefCell<VecDeque<Waker>>,
}

impl Pace {
    pub fn new(schedule: Schedule) -> Self {
        Self {
            schedule: RefCell::new(schedule),
            due: RefCell::default(),
            over_since: Cell::new(None),
            free: RefCell::default(),
        }
    }

    /// Begins the schedule at a moment, and lets requests become due until it is over or `stop` says so.
    ///
    /// # Errors
    /// When there is no timer.
    pub async fn run(&self, begin: Instant, stop: impl Fn() -> bool) -> io::Result<()> {
        let timer = sys::timer()?;
        let mut ticks = File::from(timer.try_clone()?);
        // Not a listener: only its readiness is asked for, which any descriptor has.
        let readiness = TcpListener::from_std(StdListener::from(timer))?;
        while !stop() {
            let Some(next) = self.release(begin) else { break };
            sys::set_timer(ticks.as_fd(), next.saturating_duration_since(Instant::now()))?;
            readiness.readable(false).await?;
            match ticks.read(&mut [0; 8]) {
                Ok(_) => {}
                Err(early) if early.kind() == io::ErrorKind::WouldBlock => {}
                Err(failed) => return Err(failed),
            }
        }
        self.over_since.set(Some(Instant::now()));
        self.wake(usize::MAX);
        Ok(())
    }

    /// The next request, as soon as it is due; nothing when all have been taken.
    pub async fn next(&self) -> Option<Due> {
        poll_fn(|context| {
            if self.over_since.get().is_some_and(|since| since.elapsed() > OVERTIME) {
                return Poll::Ready(None);
            }
            if let Some(due) = self.due.borrow_mut().pop_front() {
                return Poll::Ready(Some(due));
            }
            if self.over_since.get().is_some() {
                return Poll::Ready(None);
            }
            self.free.borrow_mut().push_back(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// When all had become due, or nobody wanted more of them.
    pub fn over_since(&self) -> Option<Instant> {
        self.over_since.get()
    }

    /// Requests that were due and that nobody sent.
    pub fn unsent(&self) -> u64 {
        self.due.borrow().len() as u64
    }

    /// Lets everything become due that is; tells when the next will be.
    fn release(&self, begin: Instant) -> Option<Instant> {
        let now = begin.elapsed();
        let mut schedule = self.schedule.borrow_mut();
        let free = self.free.borrow().len();
        let mut count = 0;
        let next = loop {
            match schedule.next() {
                Some(at) if at <= now => {
                    self.due.borrow_mut().push_back(Due { at: begin + at, had_connection: count < free });
                    schedule.advance();
                    count += 1;
                }
                next => break next.map(|at| begin + at),
            }
        };
        drop(schedule);
        self.wake(count);
        next
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
