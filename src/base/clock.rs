//! Time as the shards use it: one monotonic origin per process, microseconds in 64 bits.
//!
//! Invariant: a `Moment` only ever grows on one thread; wall time is asked for separately and never subtracted.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Microseconds since the process first asked for the time. Monotonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Reads the monotonic clock (about 22 ns).
    pub fn now() -> Self {
        Self(ORIGIN.get_or_init(Instant::now).elapsed().as_micros() as u64)
    }

    /// Microseconds from `earlier` to here; 0 when `earlier` is later.
    pub fn micros_since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment plus so many milliseconds.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }
}

/// Microseconds since 1970-01-01T00:00:00Z; 0 if the wall clock stands before that.
pub fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// Seconds since 1970-01-01T00:00:00Z.
pub fn unix_seconds() -> u64 {
    unix_micros() / 1_000_000
}
