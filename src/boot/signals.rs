//! The signals that the process heeds.
//!
//! Takes them before anything else is done, since a supervisor may change its mind at once; gives what they ask for.
//!
//! Invariant: a signal that operators send to servers of any kind ends the process in order, or not at all.

use crate::control::log;
use crate::control::request::{Reason, Request};
use crate::logcore::Command;
use std::io;
use std::sync::mpsc::Sender;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// A file that is larger than it may be (`ulimit -f`): what is written to it fails, which is told, and all else goes on.
/// Source: signal(7).
const XFSZ: i32 = 25;

/// All of them.
pub struct Signals {
    pub ends: Ends,
    pub others: Others,
}

impl Signals {
    /// # Errors
    /// The system takes no handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self { ends: Ends::new()?, others: Others::new()? })
    }
}

/// The signals that end the process.
pub struct Ends {
    terminate: Signal,
    interrupt: Signal,
    /// What other servers take for an order to finish what runs.
    quit: Signal,
    /// How many came.
    pub heard: u32,
}

impl Ends {
    fn new() -> io::Result<Self> {
        Self::of([SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()])
    }

    /// The same on other signals.
    ///
    /// # Errors
    /// The system takes no handler.
    pub fn of([terminate, interrupt, quit]: [SignalKind; 3]) -> io::Result<Self> {
        let (terminate, interrupt, quit) = (signal(terminate)?, signal(interrupt)?, signal(quit)?);
        Ok(Self { terminate, interrupt, quit, heard: 0 })
    }

    /// Waits for the next one; gives its name.
    pub async fn recv(&mut self) -> &'static str {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.quit.recv() => "SIGQUIT",
        };
        self.heard += 1;
        name
    }
}

/// The signals after which the process goes on.
pub struct Others {
    hangup: Signal,
    rotated: Signal,
    unused: Signal,
    _too_large: Signal,
}

impl Others {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            rotated: signal(SignalKind::user_defined1())?,
            unused: signal(SignalKind::user_defined2())?,
            _too_large: signal(SignalKind::from_raw(XFSZ))?,
        })
    }

    /// Does what they ask for, until nobody reloads any more.
    pub async fn heed(mut self, reloads: mpsc::Sender<Request>, log: Sender<Command>) {
        loop {
            // If the log core has ended, the process is about to.
            tokio::select! {
                _ = self.hangup.recv() => {
                    drop(log.send(Command::Reopen));
                    if reloads.send(Request::of(Reason::Hangup)).await.is_err() {
                        return;
                    }
                }
                _ = self.rotated.recv() => drop(log.send(Command::Reopen)),
                _ = self.unused.recv() => {
                    log::info("SIGUSR2 is ignored: a new process takes over with `serve --take-over`", &[]);
                }
            }
        }
    }
}
