//! Keeps the addresses of origins fresh.
//!
//! Takes the origins of the current configuration; looks their names up and stores what was found.
//!
//! Invariant: an address that an origin may not lead to is never stored, and a failing name server does not take
//! away addresses that were known.

use crate::contract::snapshot::{Addresses, Origin};
use crate::control::config::Reachable;
use crate::control::log;
use crate::control::reach::Reach;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often a name is looked up. The system's resolver, which is asked so that its configuration and its cache hold, does not
/// tell how long an answer is good for.
const REFRESH: Duration = Duration::from_secs(30);
/// How often it is looked whether a shard wants a name resolved.
const POLL: Duration = Duration::from_millis(200);
/// A shard that cannot connect asks again and again: a name is looked up at most so often.
const PAUSE: Duration = Duration::from_secs(1);
/// Lookups at once. Each holds a thread.
const LOOKUPS: usize = 16;

/// The origins to keep fresh; control sends new ones with each configuration.
pub type Origins = watch::Receiver<Arc<[Reachable]>>;

/// Resolves until the sender of origins is gone.
pub async fn keep_fresh(mut origins: Origins) {
    let mut schedule = Schedule::default();
    let mut lookups: JoinSet<Looked> = JoinSet::new();
    let mut tick = tokio::time::interval(POLL);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            Some(done) = lookups.join_next() => schedule.finish(done.ok().as_ref()),
            changed = origins.changed() => if changed.is_err() { return },
        }
        let current = origins.borrow_and_update().clone();
        for reachable in current.iter() {
            if lookups.len() < LOOKUPS && schedule.start(&reachable.origin, Instant::now()) {
                lookups.spawn(look_up(reachable.clone()));
            }
        }
    }
}

/// Resolves every origin once, or as many as the time allows.
pub async fn resolve_all_once(origins: &[Reachable], timeout: Duration) {
    let mut waiting = origins.iter().filter(|reachable| !is_literal(&reachable.origin));
    let mut lookups: JoinSet<Looked> = waiting.by_ref().take(LOOKUPS).cloned().map(look_up).collect();
    let all = async {
        while let Some(done) = lookups.join_next().await {
            if let Ok(Looked { host, failure: Some(reason), .. }) = done {
                log::warn(FAILS, &[("host", &host), ("reason", &reason)]);
            }
            if let Some(next) = waiting.next() {
                lookups.spawn(look_up(next.clone()));
            }
        }
    };
    if tokio::time::timeout(timeout, all).await.is_err() {
        log::warn("not all providers' names were resolved in time", &[("timeout_ms", &timeout.as_millis())]);
    }
}

fn is_literal(origin: &Origin) -> bool {
    origin.host.parse::<IpAddr>().is_ok()
}

const FAILS: &str = "a provider's name cannot be resolved";

/// What came of a lookup.
struct Looked {
    origin: u32,
    host: Box<str>,
    failure: Option<Box<str>>,
}

/// When which name was looked up.
#[derive(Default)]
struct Schedule {
    last: HashMap<u32, Instant>,
    running: HashSet<u32>,
    /// Told to the operator; not again until it has changed.
    failing: HashSet<u32>,
}

impl Schedule {
    /// Whether a lookup is due; if so, it counts as started.
    fn start(&mut self, origin: &Origin, now: Instant) -> bool {
        if is_literal(origin) {
            return false;
        }
        let age =
            self.last.get(&origin.id).map_or(Duration::MAX, |last| now.saturating_duration_since(*last));
        let due = age >= REFRESH || (age >= PAUSE && origin.wants_resolving.load(Relaxed));
        if !due || !self.running.insert(origin.id) {
            return false;
        }
        origin.wants_resolving.store(false, Relaxed);
        self.last.insert(origin.id, now);
        true
    }

    /// A lookup is over. `None`: it died without saying whose it was, so all may start again.
    fn finish(&mut self, looked: Option<&Looked>) {
        let Some(Looked { origin, host, failure }) = looked else {
            self.running.clear();
            return;
        };
        self.running.remove(origin);
        match failure {
            Some(reason) => {
                if self.failing.insert(*origin) {
                    log::warn(FAILS, &[("host", host), ("reason", reason)]);
                }
            }
            None => {
                if self.failing.remove(origin) {
                    log::info("a provider's name is resolved again", &[("host", host)]);
                }
            }
        }
    }
}

/// Looks one name up and stores the outcome.
async fn look_up(reachable: Reachable) -> Looked {
    let Reachable { origin, reach } = reachable;
    let found = tokio::net::lookup_host((&*origin.host, origin.port)).await;
    let found = found.map(Iterator::collect).map_err(|e| e.to_string());
    let before = origin.addresses.load_full();
    let (after, failure) = outcome(&before, found, reach);
    if *before != after {
        origin.addresses.store(Arc::new(after));
    }
    Looked { origin: origin.id, host: origin.host.clone(), failure }
}

/// What is known after a lookup, and why it failed if it did.
fn outcome(
    before: &Addresses,
    found: Result<Vec<SocketAddr>, String>,
    reach: Reach,
) -> (Addresses, Option<Box<str>>) {
    let reason = match found.map(|found| allowed(found, reach)) {
        Ok((addresses, _)) if !addresses.is_empty() => {
            let before = match before {
                Addresses::Known { addresses, .. } => addresses.clone(),
                Addresses::Unknown | Addresses::Failed(_) => vec![],
            };
            return (Addresses::Known { addresses, before }, None);
        }
        Ok((_, refused)) => format!("leads to {}", refused.unwrap_or("no address")),
        Err(reason) => reason,
    };
    let reason: Box<str> = reason.into();
    let after = match before {
        Addresses::Known { .. } => before.clone(),
        Addresses::Unknown | Addresses::Failed(_) => Addresses::Failed(reason.clone()),
    };
    (after, Some(reason))
}

/// The addresses that may be connected to, each once, in the order to try them; and why others may not.
fn allowed(found: Vec<SocketAddr>, reach: Reach) -> (Vec<SocketAddr>, Option<&'static str>) {
    let (mut addresses, mut refused) = (Vec::with_capacity(found.len()), None);
    for address in found {
        match reach.refusal(address.ip()) {
            Some(reason) => refused = Some(reason),
            None if addresses.contains(&address) => {}
            None => addresses.push(address),
        }
    }
    (interleaved(addresses), refused)
}

/// The resolver's order, but of the two families in turns for as long as there are both: a family that is broken
/// costs one head start and not one for each of its addresses. Source: RFC 8305, 4.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (these, those): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first);
    let turns = these.len().max(those.len());
    (0..turns).flat_map(|turn| [these.get(turn), those.get(turn)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arc_swap::ArcSwap;
    use std::sync::atomic::AtomicBool;

    fn origin(host: &str) -> Reachable {
        let origin = Origin {
            id: 3,
            host: host.into(),
            port: 80,
            tls: None,
            addresses: ArcSwap::from_pointee(Addresses::Unknown),
            wants_resolving: AtomicBool::new(false),
        };
        Reachable { origin: Arc::new(origin), reach: Reach::Guarded }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    fn known(now: &[&str], before: &[&str]) -> Addresses {
        Addresses::Known { addresses: addresses(now), before: addresses(before) }
    }

    /// Forbidden and repeated addresses are dropped, and the order of the others is kept.
    #[test]
    fn only_allowed_addresses_are_stored() {
        let found = addresses(&["10.0.0.2:1", "169.254.169.254:1", "10.0.0.1:1", "10.0.0.2:1"]);
        let (after, failure) = outcome(&Addresses::Unknown, Ok(found.clone()), Reach::Guarded);
        assert_eq!((after, failure), (known(&["10.0.0.2:1", "10.0.0.1:1"], &[]), None));
        let (after, _) = outcome(&Addresses::Unknown, Ok(found), Reach::Anywhere);
        assert!(matches!(after, Addresses::Known { addresses, .. } if addresses.len() == 3));
    }

    /// The answer before is kept beside the last one; a failure is no answer.
    #[test]
    fn the_answer_before_is_kept() {
        let mut held = Addresses::Unknown;
        for (found, expected) in [
            (Some("10.0.0.1:1"), known(&["10.0.0.1:1"], &[])),
            (Some("10.0.0.2:1"), known(&["10.0.0.2:1"], &["10.0.0.1:1"])),
            (None, known(&["10.0.0.2:1"], &["10.0.0.1:1"])),
            (Some("10.0.0.2:1"), known(&["10.0.0.2:1"], &["10.0.0.2:1"])),
        ] {
            let found = found.map(|text| addresses(&[text])).ok_or_else(|| "no name server".to_owned());
            held = outcome(&held, found, Reach::Guarded).0;
            assert_eq!(held, expected);
        }
    }

    /// Families take turns, the resolver's first one first; within a family the resolver's order is kept.
    #[test]
    fn families_take_turns() {
        for (found, expected) in [
            (&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"][..], [0, 3, 1, 4, 2].as_slice()),
            (&["1.0.0.1:1", "1.0.0.2:1", "[::1]:1", "[::2]:1", "[::3]:1"], &[0, 2, 1, 3, 4]),
            (&["1.0.0.2:1", "1.0.0.1:1"], &[0, 1]),
        ] {
            let found = addresses(found);
            let expected: Vec<_> = expected.iter().map(|index| found[*index]).collect();
            assert_eq!(allowed(found, Reach::Anywhere).0, expected);
        }
    }

    /// A failure keeps what was known; without that it says why there is nothing.
    #[test]
    fn failures() {
        let known = known(&["10.0.0.1:1"], &[]);
        let forbidden = || Ok(addresses(&["[fe80::1]:1"]));
        for found in [forbidden(), Err("no such name".into()), Ok(Vec::new())] {
            let (after, failure) = outcome(&known, found, Reach::Guarded);
            assert!(after == known && failure.is_some());
        }
        let told = |found| outcome(&Addresses::Unknown, found, Reach::Guarded).0;
        assert_eq!(told(forbidden()), Addresses::Failed("leads to a link-local address".into()));
        assert_eq!(told(Ok(Vec::new())), Addresses::Failed("leads to no address".into()));
        assert_eq!(told(Err("no such name".into())), Addresses::Failed("no such name".into()));
    }

    /// A name is looked up at first, then when it is old, or when a shard asks; never twice at once.
    #[test]
    fn lookups_are_due() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let origin = origin("name").origin;
        assert!(schedule.start(&origin, start));
        assert!(!schedule.start(&origin, start + REFRESH), "one is running");
        schedule.finish(Some(&Looked { origin: 3, host: "name".into(), failure: None }));
        assert!(!schedule.start(&origin, start + REFRESH / 2));
        origin.wants_resolving.store(true, Relaxed);
        assert!(!schedule.start(&origin, start + PAUSE / 2));
        assert!(schedule.start(&origin, start + PAUSE));
        assert!(!origin.wants_resolving.load(Relaxed));
        schedule.finish(None);
        assert!(schedule.start(&origin, start + PAUSE + REFRESH));
        assert!(!Schedule::default().start(&self::origin("10.0.0.1").origin, start));
    }

    /// The names of this machine resolve at startup.
    #[tokio::test]
    async fn startup() {
        let local = origin("localhost");
        resolve_all_once(std::slice::from_ref(&local), Duration::from_secs(20)).await;
        let addresses = local.origin.addresses.load_full();
        assert!(
            matches!(&*addresses, Addresses::Known { addresses, .. } if addresses[0].ip().is_loopback()),
            "{addresses:?}"
        );
    }

    /// The task resolves what it is given, and ends with its sender.
    #[tokio::test]
    async fn the_task_ends_with_its_sender() {
        let (sender, receiver) = watch::channel(Arc::from([origin("127.0.0.1")]));
        let task = tokio::spawn(keep_fresh(receiver));
        drop(sender);
        task.await.expect("it ends");
    }
}
