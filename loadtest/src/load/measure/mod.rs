//! What was measured: times, counts, and what a process costs.
//!
//! Takes the [`Marks`] of each request, gives a [`Tally`] of all of them, of each part, and of each interval of the run.
//! Recording allocates nothing; an interval that is over goes to another thread to be looked at.
//!
//! Invariant: a request is in exactly one of good, failed and left, and its times are recorded only if it is good.

mod interval;
mod marks;
mod probe;
mod process;
mod recorder;
mod steal;
mod tally;

pub use interval::{Interval, Intervals};
pub use marks::{Ended, Marks};
pub use probe::{Probe, Probes};
pub use process::{CpuTimes, Process};
pub use recorder::Recorder;
pub use steal::Steal;
pub use tally::{Tally, Times};
