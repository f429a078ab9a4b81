//! Ends what takes too long, without a timer for each request: one task looks at all connections now and then.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::RawFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::sys;

/// How often connections are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long answers may take once the run was interrupted.
const INTERRUPTED_WAIT: Duration = Duration::from_secs(1);

/// Set when the user wants to stop.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Notes that the user wants to stop.
pub fn interrupt() {
    INTERRUPTED.store(true, Relaxed);
}

/// Whether the user wants to stop.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Relaxed)
}

/// What opens a connection, for so long at most, and no longer than the user has patience.
///
/// # Errors
/// When it fails, or has not come to an end.
pub async fn in_time<T>(wait: Duration, opening: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let until = Instant::now() + wait;
    let mut opening = pin!(opening);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if let Ok(opened) = monoio::time::timeout(left.min(LOOK_EVERY), opening.as_mut()).await {
            return opened;
        }
        if left <= LOOK_EVERY || is_interrupted() {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// One connection, as the watch sees it.
#[derive(Debug, Default)]
pub struct Watched {
    /// The socket, while it is open.
    pub socket: Cell<Option<RawFd>>,
    /// Since when an answer is waited for.
    pub waiting_since: Cell<Option<Instant>>,
    /// Several requests share it, which look at their own time; it is ended only with everything.
    pub is_shared: Cell<bool>,
    /// It was ended because it took too long.
    pub timed_out: Cell<bool>,
}

/// All connections of one thread.
#[derive(Debug, Default)]
pub struct Watch {
    connections: RefCell<Vec<Rc<Watched>>>,
    is_over: Cell<bool>,
}

impl Watch {
    /// Watches one more connection.
    pub fn add(&self) -> Rc<Watched> {
        let watched = Rc::new(Watched::default());
        self.connections.borrow_mut().push(Rc::clone(&watched));
        watched
    }

    /// Lets [`run`](Self::run) return.
    pub fn end(&self) {
        self.is_over.set(true);
    }

    /// Looks after the connections until it is ended.
    pub async fn run(self: Rc<Self>, timeout: Duration) {
        let mut interrupted_at = None;
        while !self.is_over.get() {
            monoio::time::sleep(LOOK_EVERY).await;
            let now = Instant::now();
            if is_interrupted() && interrupted_at.is_none() {
                interrupted_at = Some(now);
            }
            let ends_all = interrupted_at.is_some_and(|at: Instant| now - at > INTERRUPTED_WAIT);
            for watched in self.connections.borrow().iter() {
                let waits_long =
                    watched.waiting_since.get().is_some_and(|since| ends_all || now - since > timeout);
                if (waits_long || ends_all && watched.is_shared.get())
                    && let Some(socket) = watched.socket.get()
                {
                    watched.timed_out.set(true);
                    sys::shutdown_both(socket);
                }
            }
        }
    }
}
