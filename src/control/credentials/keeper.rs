//! Fetches passes before they end.
//!
//! Takes the slots of the current configuration; asks their sources, and leaves in each slot what they gave.
//!
//! Invariant: a slot's pass is replaced by a newer one or, when it is over, taken away; never by a failure. A source is
//! asked once at a time, and at most so often, whatever it answers and whatever providers say.

use super::{Failure, Fetched, Kept};
use crate::base::clock::{Moment, unix_micros};
use crate::control::log;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often it is looked what is due.
const POLL: Duration = Duration::from_millis(200);
/// How often it is looked whether the first passes have come.
const LOOK: Duration = Duration::from_millis(5);
/// How long a source may take for one pass.
const PATIENCE: Duration = Duration::from_secs(10);
/// A pass is renewed so long before its end, or at half of a short life.
const AHEAD_MS: u64 = 5 * 60 * 1000;
/// Between two passes of one source, at least.
const PAUSE_MS: u64 = 1000;
/// After the first failure; doubled with each further one.
const RETRY_MS: u64 = 500;
const RETRY_MS_MAX: u64 = 60_000;
/// Between two renewals of one slot that a provider's refusals ask for, at least.
const REFUSED_MS: u64 = 30_000;

/// The slots to keep filled; control sends new ones with each configuration.
pub type Slots = watch::Receiver<Arc<[Kept]>>;

/// Keeps slots filled until their sender is gone.
pub async fn keep_fresh(mut slots: Slots) {
    let mut schedule = Schedule::default();
    let mut asked: JoinSet<(u64, Result<Fetched, Failure>)> = JoinSet::new();
    let mut tick = tokio::time::interval(POLL);
    loop {
        let current = slots.borrow_and_update().clone();
        let now = Now::read();
        for kept in current.iter() {
            if schedule.start(kept, now) {
                let (id, source) = (kept.slot.id, kept.source.clone());
                asked.spawn(async move {
                    let fetched = tokio::time::timeout(PATIENCE, source.fetch()).await;
                    (id, fetched.unwrap_or(Err(Failure::Late)))
                });
            }
        }
        tokio::select! {
            _ = tick.tick(), if !current.is_empty() => {}
            Some(done) = asked.join_next() => match done {
                Ok((id, fetched)) => schedule.finish(&current, id, fetched, Now::read()),
                // Which one died is not told: all may be asked again.
                Err(_) => schedule.plans.values_mut().for_each(|plan| plan.running = false),
            },
            changed = slots.changed() => {
                if changed.is_err() {
                    return;
                }
                schedule.forget_all_but(&slots.borrow());
            }
        }
    }
}

/// Waits until every source has given a pass or failed to, for as long as the time allows.
pub async fn first_passes(slots: &[Kept], timeout: Duration) {
    let settled = |kept: &Kept| {
        let state = kept.slot.state();
        state.held || state.failed > 0
    };
    let all = async {
        while !slots.iter().all(settled) {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(timeout, all).await.is_err() {
        let fields: log::Fields<'_> = &[("timeout_ms", &timeout.as_millis())];
        log::warn("not all providers' credentials came in time", fields);
    }
}

/// What is due goes by the time that has passed: a wall clock that is set back must not put anything off. When a pass is over
/// only the wall clock tells.
#[derive(Clone, Copy)]
struct Now {
    passed_ms: u64,
    unix_ms: u64,
}

impl Now {
    fn read() -> Self {
        Self { passed_ms: Moment::now().0 / 1000, unix_ms: unix_micros() / 1000 }
    }
}

/// When which source is asked.
#[derive(Default)]
struct Schedule {
    plans: HashMap<u64, Plan>,
}

#[derive(Default)]
struct Plan {
    running: bool,
    due_ms: u64,
    /// Failures since the last pass.
    failures: u32,
    /// Told to the operator; not again until it changes.
    told: Option<String>,
    /// When a refusal last had it renewed early.
    refused_ms: Option<u64>,
}

impl Schedule {
    fn forget_all_but(&mut self, current: &[Kept]) {
        self.plans.retain(|id, _| current.iter().any(|kept| kept.slot.id == *id));
    }

    /// Whether a source is to be asked now; if so, it counts as started. Takes a pass away that is over.
    fn start(&mut self, kept: &Kept, now: Now) -> bool {
        let plan = self.plans.entry(kept.slot.id).or_default();
        let state = kept.slot.state();
        if state.held && state.expires_unix.is_some_and(|end| end * 1000 <= now.unix_ms) {
            kept.slot.clear();
            log::error("a provider's credentials are over, and there are no new ones", &fields(kept));
            if plan.failures == 0 {
                // Before its time: the wall clock was set on.
                plan.due_ms = now.passed_ms;
            }
        }
        let rests = plan.refused_ms.is_some_and(|last| now.passed_ms < last + REFUSED_MS);
        let early = kept.slot.is_refused() && !rests;
        if plan.running || (now.passed_ms < plan.due_ms && !early) {
            return false;
        }
        if early {
            plan.refused_ms = Some(now.passed_ms);
            log::warn("a provider refuses its credentials: they are renewed early", &fields(kept));
        }
        plan.running = true;
        true
    }

    /// A source has answered, or failed to.
    fn finish(&mut self, current: &[Kept], id: u64, fetched: Result<Fetched, Failure>, now: Now) {
        let Some(plan) = self.plans.get_mut(&id) else { return };
        plan.running = false;
        let Some(kept) = current.iter().find(|kept| kept.slot.id == id) else { return };
        match fetched {
            Ok(Fetched { shown, expires_unix }) => {
                let is_first = kept.slot.state().fetched == 0;
                kept.slot.publish(shown, Some(expires_unix));
                let life_ms = (expires_unix * 1000).saturating_sub(now.unix_ms);
                plan.due_ms = now.passed_ms + renewal_ms(life_ms, random());
                plan.failures = 0;
                if plan.told.take().is_some() || is_first {
                    let seconds = life_ms / 1000;
                    let [provider, source] = fields(kept);
                    let fields: log::Fields<'_> = &[provider, source, ("good_for_seconds", &seconds)];
                    log::info("a provider's credentials were fetched", fields);
                }
            }
            Err(failure) => {
                kept.slot.note_failure();
                plan.due_ms = now.passed_ms + retry_ms(plan.failures, random());
                plan.failures = plan.failures.saturating_add(1);
                let why = failure.to_string();
                if plan.told.as_ref() != Some(&why) {
                    let [provider, source] = fields(kept);
                    let fields: log::Fields<'_> = &[provider, source, ("reason", &why)];
                    log::warn("a provider's credentials cannot be fetched", fields);
                    plan.told = Some(why);
                }
            }
        }
    }
}

fn fields(kept: &Kept) -> [(&str, &dyn std::fmt::Display); 2] {
    [("provider", &kept.provider), ("source", &kept.slot.source)]
}

/// When a pass is renewed that is good for so long: five minutes before its end or at half of its life, and a little
/// earlier, so that not all gateways ask at once. `random`: from 0 to 255.
fn renewal_ms(life_ms: u64, random: u8) -> u64 {
    let ahead = AHEAD_MS.min(life_ms / 2);
    (life_ms - ahead).saturating_sub(ahead / 4 * u64::from(random) / 255).max(PAUSE_MS)
}

/// How long to wait after so many failures and one more: doubled each time, less up to a quarter.
fn retry_ms(failures: u32, random: u8) -> u64 {
    let full = (RETRY_MS << failures.min(16)).min(RETRY_MS_MAX);
    full - full / 4 * u64::from(random) / 255
}

fn random() -> u8 {
    let mut byte = [0];
    // Without random numbers there is no spread, and nothing else is lost.
    _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut byte);
    byte[0]
}

#[cfg(test)]
mod tests;
