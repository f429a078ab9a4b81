//! Which of a provider's keys a request goes with.
//!
//! Takes what providers said of keys, and when; gives a key by weight among those that may be used now.
//!
//! Invariant: a provider with one key, or whose keys all rest, is asked with one all the same: the provider says what
//! is wrong better than the gateway could guess it.

use super::weighted;
use crate::base::clock::Moment;
use crate::contract::snapshot::Credential;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// How long a key rests that its provider does not know, or no longer.
const REFUSED_MS: u64 = 60_000;
/// How long a key rests whose provider says that it was used too often, and not for how long.
const LIMITED_MS: u64 = 5_000;
/// Longest rest that a provider's hint can mean.
const LONGEST_MS: u64 = 3_600_000;
/// Keys of one provider that one request is sent with at most.
pub const TRIED_MAX: u32 = 4;

/// One shard's knowledge of keys.
#[derive(Default)]
pub struct Keys {
    resting: RefCell<HashMap<u64, Moment>>,
    /// Keys that were sent to rest.
    pub rested: Cell<u64>,
}

/// What a provider's status says of the key that the request went with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Good,
    /// The provider does not know it, or it may not do this.
    Refused,
    /// It was used too often.
    Limited,
}

impl Keys {
    /// The key for a request, and its index; none where the provider wants none. `spread` is any number that differs
    /// between requests.
    pub fn choose<'p>(
        &self,
        credentials: &'p [Credential],
        now: Moment,
        spread: u64,
    ) -> Option<&'p Credential> {
        if credentials.len() < 2 {
            return credentials.first();
        }
        let resting = self.resting.borrow();
        let rest_of = |key: &Credential| resting.get(&key.id).copied().filter(|until| *until > now);
        let weight = |key: &Credential| if rest_of(key).is_some() { 0 } else { key.weight };
        if credentials.iter().all(|key| rest_of(key).is_some()) {
            return credentials.iter().min_by_key(|key| rest_of(key));
        }
        credentials.get(weighted(credentials.iter().map(weight), spread))
    }

    /// Whether another key of the provider may be used now.
    pub fn has_another(&self, credentials: &[Credential], used: &Credential, now: Moment) -> bool {
        let resting = self.resting.borrow();
        let rests = |key: &Credential| resting.get(&key.id).is_some_and(|until| *until > now);
        credentials.iter().any(|key| key.id != used.id && !rests(key))
    }

    /// Lets a key rest. `hint_ms`: what the provider said about when to come again.
    pub fn rest(&self, key: &Credential, verdict: Verdict, hint_ms: Option<u64>, now: Moment) {
        let ms = match verdict {
            Verdict::Good => return,
            Verdict::Refused => REFUSED_MS,
            Verdict::Limited => hint_ms.unwrap_or(LIMITED_MS).clamp(1, LONGEST_MS),
        };
        let mut resting = self.resting.borrow_mut();
        resting.retain(|_, until| *until > now);
        resting.insert(key.id, now.plus_ms(ms));
        self.rested.set(self.rested.get() + 1);
    }
}

impl Verdict {
    pub const fn of(status: u16) -> Self {
        use crate::traffic::dialect::refusal::{KEY_LIMITED, KEY_REFUSED};
        match status {
            KEY_LIMITED => Verdict::Limited,
            status if KEY_REFUSED[0] == status || KEY_REFUSED[1] == status => Verdict::Refused,
            _ => Verdict::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn keys(weights: &[u32]) -> Vec<Credential> {
        let key = |(id, weight): (usize, &u32)| Credential {
            id: id as u64,
            weight: *weight,
            value: Secret::new("v"),
            key: Secret::new("k"),
        };
        weights.iter().enumerate().map(key).collect()
    }

    fn shares(keys: &Keys, credentials: &[Credential], now: Moment) -> Vec<u32> {
        let mut shares = vec![0; credentials.len()];
        for spread in 0..10_000 {
            shares[keys.choose(credentials, now, spread).expect("a key").id as usize] += 1;
        }
        shares
    }

    /// Keys have shares by their weights; one that rests has none until its rest is over, however often it is sent to
    /// rest; if all rest, the one that is done first is used.
    #[test]
    fn keys_rest() {
        let (keys, all, now) = (Keys::default(), keys(&[1, 3, 1]), Moment(1_000_000));
        let fair = shares(&keys, &all, now);
        assert!((1_900..2_100).contains(&fair[0]) && (5_900..6_100).contains(&fair[1]), "{fair:?}");
        keys.rest(&all[1], Verdict::Limited, Some(2_000), now);
        assert_eq!(shares(&keys, &all, now)[1], 0);
        assert!(keys.has_another(&all, &all[1], now));
        assert!(shares(&keys, &all, now.plus_ms(2_000))[1] > 0, "its rest is over");
        keys.rest(&all[0], Verdict::Refused, None, now);
        keys.rest(&all[2], Verdict::Limited, None, now);
        assert!(!keys.has_another(&all, &all[1], now));
        assert_eq!(shares(&keys, &all, now), [0, 10_000, 0]);
        assert_eq!(keys.rested.get(), 3);
        assert!(keys.choose(&[], now, 1).is_none());
        assert_eq!(keys.choose(&all[..1], now, 1).expect("the only one").id, 0);
    }
}
