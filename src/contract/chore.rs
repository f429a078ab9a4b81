//! Work on large bodies that would hold a shard up: a thread of its own does it, one chore after the other.
//!
//! A chore owns what it works on, and leaves what came of it where its shard looks now and then. Waking that thread costs
//! a few microseconds, which is little beside a chore.
//!
//! Invariant: a chore that was taken is done once, or its panic is told by nothing being left.

use std::thread::Thread;

/// Something to do.
pub type Chore = Box<dyn FnOnce() + Send>;

/// Chores of one shard that wait. Who finds no room does the work at once.
pub const RING_SLOTS: usize = 16;

/// A shard's end.
pub struct Chores {
    ring: rtrb::Producer<Chore>,
    helper: Thread,
}

impl Chores {
    /// `helper` is the thread that has the ring's other end.
    pub fn new(ring: rtrb::Producer<Chore>, helper: Thread) -> Self {
        Self { ring, helper }
    }

    /// Hands a chore over.
    ///
    /// # Errors
    /// There is no room: here it is again.
    pub fn give(&mut self, chore: Chore) -> Result<(), Chore> {
        let given = self.ring.push(chore);
        self.helper.unpark();
        given.map_err(|rtrb::PushError::Full(chore)| chore)
    }
}
