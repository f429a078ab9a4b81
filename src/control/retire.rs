//! Snapshots that are no longer published, until nobody uses them.
//!
//! Invariant: the last reference to a snapshot is dropped here, on the control thread: freeing 100,000 keys takes
//! milliseconds, which a shard does not have.

use crate::contract::snapshot::Snapshot;
use std::sync::Arc;

#[derive(Default)]
pub struct Retired(Vec<Arc<Snapshot>>);

impl Retired {
    /// Takes a snapshot that was just replaced: nobody can get a new reference to it.
    pub fn push(&mut self, snapshot: Arc<Snapshot>) {
        self.0.push(snapshot);
    }

    /// Drops those that only stand here any more. Gives how many are still in use.
    pub fn sweep(&mut self) -> usize {
        self.0.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.0.len()
    }
}
