//! Whether the process serves, as atomics that every thread may set.
//!
//! Invariant: readiness is only told when every shard listens, none has failed, nothing drains, and requests can
//! be recorded or need not be.

use crate::control::config::Overflow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// State of the process. Plain numbers: nobody waits for anybody.
#[derive(Debug)]
pub struct Health {
    pub shards_expected: AtomicU32,
    pub shards_listening: AtomicU32,
    pub draining: AtomicBool,
    /// A shard, or the log core, has died.
    pub failed: AtomicBool,
    /// Nothing takes the access log's lines.
    pub log_stalled: AtomicBool,
    pub on_overflow: Overflow,
}

impl Health {
    pub fn expecting(shards: u32, on_overflow: Overflow) -> Self {
        Self {
            shards_expected: AtomicU32::new(shards),
            shards_listening: AtomicU32::new(0),
            draining: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            log_stalled: AtomicBool::new(false),
            on_overflow,
        }
    }

    /// # Errors
    /// Why the process should be ended and started anew.
    pub fn alive(&self) -> Result<(), String> {
        if self.failed.load(Relaxed) { Err("a shard or the log core has failed".into()) } else { Ok(()) }
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
        match self.log_trouble() {
            Some(trouble) if self.on_overflow != Overflow::CountAndDrop => Err(trouble.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// What it means for requests that the access log takes no lines, if it does not.
    pub fn log_trouble(&self) -> Option<&'static str> {
        self.log_stalled.load(Relaxed).then_some(match self.on_overflow {
            Overflow::Block => "the access log takes no lines: requests wait (audit.on_overflow: block)",
            Overflow::Refuse => {
                "the access log takes no lines: requests are refused (audit.on_overflow: refuse)"
            }
            Overflow::CountAndDrop => {
                "the access log takes no lines: records are lost (audit.on_overflow: count_and_drop)"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readiness needs every shard, no failure, and no drain.
    #[test]
    fn readiness() {
        let health = Health::expecting(2, Overflow::Block);
        assert_eq!(health.ready(), Err("0 of 2 shards listen".into()));
        health.shards_listening.store(2, Relaxed);
        assert_eq!(health.ready(), Ok(()));
        health.draining.store(true, Relaxed);
        assert_eq!((health.ready(), health.alive()), (Err("draining".into()), Ok(())));
        health.failed.store(true, Relaxed);
        assert!(health.ready().is_err() && health.alive().is_err());
    }

    /// A log that takes no lines is no reason to be restarted; where records must not be lost, it is one not to be
    /// sent more requests.
    #[test]
    fn a_stalled_log() {
        for (on_overflow, ready) in
            [(Overflow::Block, false), (Overflow::Refuse, false), (Overflow::CountAndDrop, true)]
        {
            let health = Health::expecting(0, on_overflow);
            assert!(health.ready().is_ok() && health.log_trouble().is_none());
            health.log_stalled.store(true, Relaxed);
            assert_eq!((health.ready().is_ok(), health.alive().is_ok()), (ready, true));
            assert!(health.log_trouble().is_some());
        }
    }
}
