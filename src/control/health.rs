//! Whether the process serves, as atomics that every thread may set.
//!
//! Invariant: readiness is only told when every shard listens, none has failed, and nothing drains.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// State of the process. Plain numbers: nobody waits for anybody.
#[derive(Default, Debug)]
pub struct Health {
    pub shards_expected: AtomicU32,
    pub shards_listening: AtomicU32,
    pub draining: AtomicBool,
    /// A shard has died.
    pub failed: AtomicBool,
}

impl Health {
    pub fn expecting(shards: u32) -> Self {
        Self { shards_expected: AtomicU32::new(shards), ..Self::default() }
    }

    /// # Errors
    /// Why the process should be ended and started anew.
    pub fn alive(&self) -> Result<(), String> {
        if self.failed.load(Relaxed) { Err("a shard has failed".into()) } else { Ok(()) }
    }

    /// # Errors
    /// Why no new clients should be sent here.
    pub fn ready(&self) -> Result<(), String> {
        self.alive()?;
        if self.draining.load(Relaxed) {
            return Err("draining".into());
        }
        let (listening, expected) = (self.shards_listening.load(Relaxed), self.shards_expected.load(Relaxed));
        if listening < expected {
            return Err(format!("{listening} of {expected} shards listen"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readiness needs every shard, no failure, and no drain.
    #[test]
    fn readiness() {
        let health = Health::expecting(2);
        assert_eq!(health.ready(), Err("0 of 2 shards listen".into()));
        health.shards_listening.store(2, Relaxed);
        assert_eq!(health.ready(), Ok(()));
        health.draining.store(true, Relaxed);
        assert_eq!((health.ready(), health.alive()), (Err("draining".into()), Ok(())));
        health.failed.store(true, Relaxed);
        assert!(health.ready().is_err() && health.alive().is_err());
    }
}
