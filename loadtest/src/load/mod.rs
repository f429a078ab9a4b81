//! Sends requests, checks every answer, and measures times and what a process costs.
//!
//! Takes command lines ([`RunArgs`], [`HoldArgs`], [`CompareArgs`]), gives reports that print themselves and serialise.
//! One thread, one event loop; nothing is allocated for a request once it runs.
//!
//! Invariant: only a complete and good answer counts as a request; everything else counts as a failure by its kind.

mod answer;
mod args;
mod compare;
mod comparison;
mod connection;
mod failure;
mod hold;
mod pace;
mod process;
mod report;
mod request;
mod run;
mod session;
mod tally;
mod target;
mod watch;

pub use args::{AskArgs, CompareArgs, HoldArgs, NamedTarget, RunArgs};
pub use compare::compare;
pub use comparison::{Comparison, Ratio, Row, Spread};
pub use hold::{Held, MemoryReport, hold};
pub use process::Process;
pub use report::{ErrorCount, Quantiles, Report};
pub use run::run;
pub use target::Target;
pub use watch::interrupt;
