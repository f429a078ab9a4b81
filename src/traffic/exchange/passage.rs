//! What is known of an answer's way before its first byte: whose it is, and what it becomes.

use super::shard::Shard;
use crate::base::clock::Moment;
use crate::contract::endpoint::StreamStyle;
use crate::contract::snapshot::{Credential, Provider, Timeouts};
use crate::traffic::route::keys::Verdict;
use crate::traffic::translate::Crossing;

/// What holds for one answer.
pub struct Passage<'s> {
    pub provider: &'s Provider,
    /// The one of the provider's keys that the request went with.
    pub key: Option<&'s Credential>,
    pub timeouts: &'s Timeouts,
    /// When the whole exchange must be over.
    pub latest: Moment,
    /// Usage was asked for by the gateway alone: the client does not see it.
    pub hide_usage: bool,
    pub style: StreamStyle,
    /// The provider's format is not the client's.
    pub crossing: Option<Crossing>,
}

impl Passage<'_> {
    /// Lets the key rest that the request went with, if the provider has others: what it says inside an answer counts as
    /// much as its status.
    pub fn rest(&self, verdict: Verdict, hint_ms: Option<u64>, shard: &Shard) {
        if let Some(key) = self.key.filter(|_| self.provider.credentials.len() > 1) {
            shard.keys.rest(key, verdict, hint_ms, shard.deadlines.coarse_now());
        }
    }
}
