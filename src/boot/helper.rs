//! The thread that does the shards' chores.
//!
//! Takes the shards' rings; does what is on them, in turn, for as long as there are shards.
//!
//! It may wait (`net::urgency`): a shard that wakes takes the processor from it at once. The kernel locks a process's memory
//! for whoever changes it, and a shard that wants memory would wait for a helper that others keep from its processor; so
//! shards keep the memory of large bodies (`net::pool`), and a helper is nicer than they are, but not idle.
//!
//! Invariant: a chore that panics ends alone.

use crate::contract::chore::Chore;
use crate::net::stock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How often it looks whether there are shards left.
const LOOK: Duration = Duration::from_millis(250);

/// Runs until the last shard is gone. `kept` says for how long memory that a chore needed is kept for others.
pub fn run(mut rings: Vec<rtrb::Consumer<Chore>>, kept: impl Fn() -> Duration) {
    stock::open();
    while rings.iter().any(|ring| !ring.is_abandoned()) {
        // One of each shard, so that none waits for all of another's.
        let mut idle = true;
        for chore in rings.iter_mut().filter_map(|ring| ring.pop().ok()) {
            idle = false;
            // Its shard sees that nothing came of it.
            drop(catch_unwind(AssertUnwindSafe(chore)));
        }
        stock::expire(kept());
        if idle {
            std::thread::park_timeout(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::chore::{Chores, RING_SLOTS};
    use std::sync::mpsc::channel;

    /// Chores of all shards are done in their order, one that panics hinders none, and the thread ends with the shards.
    #[test]
    fn chores_are_done() {
        let (rings, ends): (Vec<_>, Vec<_>) = (0..2).map(|_| rtrb::RingBuffer::new(RING_SLOTS)).unzip();
        let helper = std::thread::spawn(|| run(ends, || Duration::ZERO));
        let mut shards: Vec<_> =
            rings.into_iter().map(|ring| Chores::new(ring, helper.thread().clone())).collect();
        let (done, results) = channel();
        for turn in 0..3 {
            for (shard, chores) in shards.iter_mut().enumerate() {
                let done = done.clone();
                let chore: Chore = Box::new(move || {
                    done.send((shard, turn)).expect("it is waited for");
                    assert_ne!(turn, 1, "this one panics");
                });
                assert!(chores.give(chore).is_ok());
            }
        }
        let mut seen: Vec<_> = results.iter().take(6).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
        drop(shards);
        helper.join().expect("it ends");
    }

    /// A ring that is full gives the chore back.
    #[test]
    fn there_may_be_no_room() {
        let (ring, _waiting) = rtrb::RingBuffer::new(1);
        let mut chores = Chores::new(ring, std::thread::current());
        assert!(chores.give(Box::new(|| {})).is_ok());
        assert!(chores.give(Box::new(|| {})).is_err());
    }
}
