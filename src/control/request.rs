//! What it means to ask for a reload: why, and what comes of it.

use crate::control::config::{Complaint, Warning};
use tokio::sync::oneshot;

/// Why to reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    FilesChanged,
    Hangup,
    Asked,
}

impl Reason {
    /// As the log tells it.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::FilesChanged => "a file changed",
            Reason::Hangup => "SIGHUP",
            Reason::Asked => "the operator asked",
        }
    }
}

/// What came of a reload.
pub type Outcome = Result<Published, Vec<Complaint>>;

/// Asks for a reload.
pub struct Request {
    pub reason: Reason,
    /// Where the outcome goes, if someone waits for it.
    pub reply: Option<oneshot::Sender<Outcome>>,
}

impl Request {
    pub fn of(reason: Reason) -> Self {
        Self { reason, reply: None }
    }

    /// A request and where its outcome will be.
    pub fn asked() -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Self { reason: Reason::Asked, reply: Some(sender) }, receiver)
    }
}

/// A configuration that was taken up.
#[derive(Clone, Debug)]
pub struct Published {
    pub version: u64,
    pub warnings: Vec<Warning>,
    /// Keys that have other values than the process runs with.
    pub after_restart: Vec<&'static str>,
}
