//! Credentials that end, or sign: control fetches and renews them, shards show them to providers.
//!
//! Invariant: a pass is never changed, only replaced as a whole; nobody waits for one.

use crate::base::clock;
use crate::base::secret::Secret;
use arc_swap::{ArcSwapOption, Guard};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a provider is shown at this moment.
pub struct Pass {
    /// No other pass of this process has it.
    pub number: u64,
    /// Seconds since 1970 from which it is of no use.
    pub expires_unix: Option<u64>,
    pub shown: Shown,
}

/// How it is shown.
pub enum Shown {
    /// `authorization: Bearer …`
    Token(Secret),
    /// The request is signed.
    Signature(AwsKeys),
}

/// What requests to AWS are signed with, and for where.
pub struct AwsKeys {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
    pub region: Box<str>,
    pub service: Box<str>,
}

impl Pass {
    /// Texts in it that nobody may be told.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let (first, second) = match &self.shown {
            Shown::Token(token) => (token, None),
            Shown::Signature(keys) => (&keys.secret_access_key, keys.session_token.as_ref()),
        };
        std::iter::once(first).chain(second)
    }
}

/// Where control leaves passes, and shards find the last one.
pub struct PassSlot {
    /// No other slot of this process has it.
    pub id: u64,
    /// Where the passes come from, for metrics and messages, e.g. `aws_imds`.
    pub source: &'static str,
    pass: ArcSwapOption<Pass>,
    /// Number of the last pass that a provider refused.
    refused: AtomicU64,
    fetched: AtomicU64,
    failed: AtomicU64,
    fetched_unix: AtomicU64,
}

/// Numbers of passes, from 1 on.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl PassSlot {
    /// An empty slot.
    pub fn new(id: u64, source: &'static str) -> Self {
        Self {
            id,
            source,
            pass: ArcSwapOption::empty(),
            refused: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            fetched_unix: AtomicU64::new(0),
        }
    }

    /// The pass to show now, if there is one.
    pub fn pass(&self) -> Guard<Option<Arc<Pass>>> {
        self.pass.load()
    }

    /// Replaces the pass.
    pub fn publish(&self, shown: Shown, expires_unix: Option<u64>) {
        let number = NUMBERS.fetch_add(1, Relaxed);
        self.pass.store(Some(Arc::new(Pass { number, expires_unix, shown })));
        self.fetched_unix.store(clock::unix_seconds(), Relaxed);
        self.fetched.fetch_add(1, Relaxed);
    }

    /// Takes a pass away that is over.
    pub fn clear(&self) {
        self.pass.store(None);
    }

    /// Notes that a provider refused the pass of this number.
    pub fn refuse(&self, number: u64) {
        self.refused.store(number, Relaxed);
    }

    /// Whether the pass that is there was refused.
    pub fn is_refused(&self) -> bool {
        self.pass.load().as_ref().is_some_and(|pass| pass.number == self.refused.load(Relaxed))
    }

    /// Notes that no pass could be fetched.
    pub fn note_failure(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// For metrics.
    pub fn state(&self) -> PassState {
        let pass = self.pass.load();
        PassState {
            held: pass.is_some(),
            expires_unix: pass.as_ref().and_then(|pass| pass.expires_unix),
            fetched: self.fetched.load(Relaxed),
            failed: self.failed.load(Relaxed),
            fetched_unix: self.fetched_unix.load(Relaxed),
        }
    }
}

/// What there is to tell of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PassState {
    pub held: bool,
    pub expires_unix: Option<u64>,
    /// Passes since the start.
    pub fetched: u64,
    /// Failures to get one.
    pub failed: u64,
    /// When the last one came, in seconds since 1970; 0: never.
    pub fetched_unix: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the pass that is there can be refused, and one that follows it is not.
    #[test]
    fn refusals_are_of_one_pass() {
        let slot = PassSlot::new(1, "test");
        let number = |slot: &PassSlot| slot.pass().as_ref().map(|pass| pass.number);
        assert!(number(&slot).is_none() && !slot.is_refused());
        slot.publish(Shown::Token(Secret::new("a")), None);
        let first = number(&slot).expect("a pass");
        slot.refuse(first);
        assert!(slot.is_refused());
        slot.publish(Shown::Token(Secret::new("b")), Some(7));
        assert!(!slot.is_refused() && number(&slot) > Some(first));
        slot.refuse(first);
        assert!(!slot.is_refused(), "a late refusal of an old pass");
        slot.note_failure();
        slot.clear();
        let state = slot.state();
        assert_eq!((state.held, state.fetched, state.failed), (false, 2, 1));
    }
}
