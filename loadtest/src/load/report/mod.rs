//! What was measured, for people, for programs and for browsers.
//!
//! Takes tallies and intervals, gives a [`Report`] that prints itself and serialises, histogram logs, and pages.
//!
//! Invariant: a page holds everything that it shows; it refers to nothing outside itself.

mod collector;
mod hlog;
mod page;
mod result;
mod series;
mod summary;
mod table;

pub use collector::{Collector, Output};
pub use page::{write_comparison, write_page};
pub use result::{ErrorCount, GENERATOR, Quantiles, Report, Step, Subject, error_counts, machine};
pub use summary::{check_json, deliver};
pub use table::{blocks, table};
