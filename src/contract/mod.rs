//! FLOOR 2: the only things that cross a thread.
//!
//! Gives the `Snapshot` (down: configuration, immutable), the `Record` (up: one per exchange, fixed size) and
//! the `Meters` (up: a shard's histograms, about once a second), `Errand`s (up, and settled in place) and `Chore`s (to a
//! thread that does them).
//!
//! Invariant: nothing here is changed after it was sent, and nothing here refers to what only one thread has.

pub mod chore;
pub mod endpoint;
pub mod errand;
pub mod link;
pub mod meters;
pub mod names;
pub mod parameters;
pub mod pass;
pub mod record;
pub mod snapshot;
