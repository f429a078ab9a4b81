//! What the scheduler has done to a thread.

use std::path::Path;
use std::time::Duration;

/// A thread's time so far; nothing where the kernel does not say.
#[derive(Clone, Copy, Default)]
pub struct Scheduled {
    pub ran: Duration,
    /// How long it could have gone on while its processor served somebody else.
    pub waited: Duration,
}

/// Reads a thread's `schedstat`.
pub fn schedstat(path: &Path) -> Scheduled {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut times = text.split(' ').map(|ns| ns.parse().map_or(Duration::ZERO, Duration::from_nanos));
    let mut next = || times.next().unwrap_or_default();
    Scheduled { ran: next(), waited: next() }
}
