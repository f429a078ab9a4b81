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

fn at(ms: u64) -> Now {
    Now { passed_ms: ms, unix_ms: ms }
}

/// A source is asked at once, once at a time, and again some time before what it gave is over.
#[test]
fn passes_are_renewed_ahead() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    assert!(schedule.start(&kept, at(NOW)) && !schedule.start(&kept, at(NOW)), "it is being asked");
    schedule.finish(std::slice::from_ref(&kept), 7, Ok(fetched(NOW + HOUR)), at(NOW));
    assert_eq!(kept.slot.state().expires_unix, Some((NOW + HOUR) / 1000));
    assert!(!schedule.start(&kept, at(NOW + HOUR - AHEAD_MS * 5 / 4 - 1)));
    assert!(schedule.start(&kept, at(NOW + HOUR - AHEAD_MS)));
}

/// A failure keeps the pass that is there until it is over, and is tried again ever more seldom; what is over is taken
/// away.
#[test]
fn failures_keep_what_is_there() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    let all = std::slice::from_ref(&kept);
    assert!(schedule.start(&kept, at(NOW)));
    schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), at(NOW));
    let (mut now, mut waits) = (NOW + HOUR - AHEAD_MS, vec![]);
    assert!(schedule.start(&kept, at(now)));
    while now < NOW + HOUR {
        assert!(kept.slot.state().held);
        schedule.finish(all, 7, Err(Failure::Late), at(now));
        let due = schedule.plans[&7].due_ms;
        assert!(!schedule.start(&kept, at(due - 1)) || due > NOW + HOUR);
        waits.push(due - now);
        now = due;
        assert!(schedule.start(&kept, at(now)));
    }
    assert!(!kept.slot.state().held, "it is over");
    assert!(waits[0] <= RETRY_MS && waits.iter().all(|wait| *wait <= RETRY_MS_MAX), "{waits:?}");
    assert!((8..16).contains(&waits.len()), "{waits:?}");
    schedule.finish(all, 7, Ok(fetched(now + HOUR)), at(now));
    assert!(kept.slot.state().held && schedule.plans[&7].failures == 0);
}

/// A pass that a provider refuses is renewed early, but however often the new ones are refused, only once in a while.
#[test]
fn refusals_renew_early() {
    let (mut schedule, kept) = (Schedule::default(), kept());
    let all = std::slice::from_ref(&kept);
    let refuse = || kept.slot.refuse(kept.slot.pass().as_ref().map_or(0, |pass| pass.number));
    assert!(schedule.start(&kept, at(NOW)));
    schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), at(NOW));
    let mut asked = 0;
    for ms in (0..REFUSED_MS * 3).step_by(100) {
        refuse();
        if schedule.start(&kept, at(NOW + ms)) {
            asked += 1;
            schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), at(NOW + ms));
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
    assert!(schedule.start(&kept, at(NOW)));
    schedule.forget_all_but(&[]);
    assert!(schedule.plans.is_empty());
    schedule.finish(&[], 7, Ok(fetched(NOW + HOUR)), at(NOW));
    assert!(!kept.slot.state().held);
}

/// A wall clock that is set puts no renewal off and no further attempt, and has no source asked without end.
#[test]
fn the_wall_clock_may_be_set() {
    const DAY: u64 = 24 * HOUR;
    for unix_ms in [NOW - DAY, NOW, NOW + DAY] {
        let (mut schedule, kept) = (Schedule::default(), kept());
        let all = std::slice::from_ref(&kept);
        let later = |ms: u64| Now { passed_ms: HOUR + ms, unix_ms: unix_ms + ms };
        let start = Now { passed_ms: HOUR, unix_ms: NOW };
        assert!(schedule.start(&kept, start));
        schedule.finish(all, 7, Err(Failure::Late), start);
        assert!(schedule.start(&kept, later(RETRY_MS)), "it is tried again");
        // A life that is told in seconds: the pass ends by the clock as it was then.
        schedule.finish(all, 7, Ok(fetched(NOW + HOUR)), start);
        let set_on = unix_ms > NOW;
        assert_eq!(schedule.start(&kept, later(1)), set_on, "what is over is fetched at once");
        assert_eq!(kept.slot.state().held, !set_on);
        if set_on {
            schedule.finish(all, 7, Ok(fetched(unix_ms + HOUR)), later(2));
        }
        assert!(!schedule.start(&kept, later(3)));
        assert!(schedule.start(&kept, later(HOUR - AHEAD_MS + 2)), "it is renewed in time");
        schedule.finish(all, 7, Ok(fetched(unix_ms + 2 * HOUR)), later(HOUR - AHEAD_MS + 2));
        for (ms, early) in [(0, true), (1, false), (REFUSED_MS, true)] {
            kept.slot.refuse(kept.slot.pass().as_ref().map_or(0, |pass| pass.number));
            let now = later(HOUR + ms);
            assert_eq!(schedule.start(&kept, now), early, "a refused one after {ms} ms");
            if early {
                schedule.finish(all, 7, Ok(fetched(unix_ms + 2 * HOUR)), now);
            }
        }
    }
}
