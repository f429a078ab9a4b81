//! When sources are asked, whatever they and the providers say.

use super::*;
use crate::base::secret::Secret;
use crate::contract::pass::{PassSlot, Shown};
use crate::control::config::{Origins, Source as Text};
use crate::control::credentials::Source;

/// A slot whose source nobody asks here.
fn kept() -> Kept {
    let text = "providers: {p: {format: openai, base_url: https://x, auth: {google: {metadata: true}}}}\n\
                models: {m: {targets: [{provider: p, model: m}]}}\n";
    let source = Text { path: None, text: text.into() };
    let compiled = crate::control::config::compile(
        &source,
        &crate::contract::names::Names::default(),
        &mut Origins::new(None),
        1,
    );
    let mut passes = compiled.unwrap_or_else(|complaints| unreachable!("{complaints:?}")).passes;
    let kept = passes.remove(0);
    assert!(matches!(*kept.source, Source::GoogleMetadata(_)));
    Kept { slot: Arc::new(PassSlot::new(7, "test")), ..kept }
}

fn fetched(end_ms: u64) -> Fetched {
    Fetched { shown: Shown::Token(Secret::new("t")), expires_unix: end_ms / 1000 }
}

const NOW: u64 = 1_800_000_000_000;
const HOUR: u64 = 3_600_000;

/// A source is asked at once, once at a time, and again some time before what it gave is over.
#[test]
fn passes_are_renewed_ahead() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    assert!(schedule.start(&kept, NOW) && !schedule.start(&kept, NOW), "it is being asked");
    schedule.finish(std::slice::from_ref(&kept), 7, Ok(fetched(NOW + HOUR)), NOW);
    assert_eq!(kept.slot.state().expires_unix, Some((NOW + HOUR) / 1000));
    assert!(!schedule.start(&kept, NOW + HOUR - AHEAD_MS * 5 / 4 - 1));
    assert!(schedule.start(&kept, NOW + HOUR - AHEAD_MS));
}

/// A failure keeps the pass that is there until it is over, and is tried again ever more seldom; what is over is taken
/// away.
#[test]
fn failures_keep_what_is_there() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    let all = std::slice::from_ref(&kept);
    assert!(schedule.start(&kept, NOW));
    schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), NOW);
    let (mut now, mut waits) = (NOW + HOUR - AHEAD_MS, vec![]);
    assert!(schedule.start(&kept, now));
    while now < NOW + HOUR {
        assert!(kept.slot.state().held);
        schedule.finish(all, 7, Err(Failure::Late), now);
        let due = schedule.plans[&7].due_ms;
        assert!(!schedule.start(&kept, due - 1) || due > NOW + HOUR);
        waits.push(due - now);
        now = due;
        assert!(schedule.start(&kept, now));
    }
    assert!(!kept.slot.state().held, "it is over");
    assert!(waits[0] <= RETRY_MS && waits.iter().all(|wait| *wait <= RETRY_MS_MAX), "{waits:?}");
    assert!((8..16).contains(&waits.len()), "{waits:?}");
    schedule.finish(all, 7, Ok(fetched(now + HOUR)), now);
    assert!(kept.slot.state().held && schedule.plans[&7].failures == 0);
}

/// A pass that a provider refuses is renewed early, but however often the new ones are refused, only once in a while.
#[test]
fn refusals_renew_early() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    let all = std::slice::from_ref(&kept);
    let refuse = || kept.slot.refuse(kept.slot.pass().as_ref().map_or(0, |pass| pass.number));
    assert!(schedule.start(&kept, NOW));
    schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), NOW);
    let mut asked = 0;
    for ms in (0..REFUSED_MS * 3).step_by(100) {
        refuse();
        if schedule.start(&kept, NOW + ms) {
            asked += 1;
            schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), NOW + ms);
        }
    }
    assert_eq!(asked, 3);
}

/// Whatever its life, a pass is renewed before it is over, unless that is sooner than a source is asked at most.
#[test]
fn renewals_and_retries() {
    for life in [0, 1, 999, 1_000, 2_000, 3_000, 60_000, 599_999, 600_000, HOUR, 7 * 24 * HOUR] {
        for random in [0, 1, 128, 255] {
            let wait = renewal_ms(life, random);
            assert!(wait >= PAUSE_MS && (wait < life || life <= PAUSE_MS), "{life}: {wait}");
            assert!(wait + AHEAD_MS * 5 / 4 >= life, "{life}: {wait}");
        }
    }
    for failures in [0, 1, 5, 16, 100, u32::MAX] {
        let [shortest, longest] = [255, 0].map(|random| retry_ms(failures, random));
        assert!(shortest < longest && shortest >= RETRY_MS * 3 / 4 && longest <= RETRY_MS_MAX);
    }
}

/// Slots that no configuration has any more are forgotten; an answer for one is dropped.
#[test]
fn gone_slots_are_forgotten() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    assert!(schedule.start(&kept, NOW));
    schedule.forget_all_but(&[]);
    assert!(schedule.plans.is_empty());
    schedule.finish(&[], 7, Ok(fetched(NOW + HOUR)), NOW);
    assert!(!kept.slot.state().held);
}
