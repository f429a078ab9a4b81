//! Ends that race take-overs: orders to end, and processes that are killed, at every moment.

use super::Gate;
use super::reloading::shown;
use super::riders::{Failure, Riders};
use crate::harness::{Frames, Gateway, Io, Setup, Wire, Wired, Young, mock, on_both_drivers_at_once, until};
use crate::lifecycle::one_request;
use rustix::process::Signal;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Whom it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hit {
    Predecessor,
    Successor,
    Both,
}

/// A take-over that waits for a provider's credentials until the gate is opened, while clients ask.
pub struct Waiting {
    pub wired: Wired,
    pub gate: Gate,
    pub riders: Riders,
    pub young: Young,
    _mock: loadtest::mock::Mock,
}

impl Waiting {
    pub fn begin(io: Io) -> Self {
        Self::draining_within(io, 30_000)
    }

    /// The same with so much time for draining.
    pub fn draining_within(io: Io, ms: u32) -> Self {
        let (mock, gate) = (mock(), Gate::new());
        let setup = gate.guard(Setup::of(io, &mock.base_url()), &mock.base_url());
        let setup = setup.with("drain_timeout_ms", &ms.to_string());
        let wired = Wired::start(setup.shards(2));
        let riders = Riders::start(&wired, "m/mock");
        let asked = gate.asked();
        let young = Young::begin(wired.gateway.heritage(), &["--take-over"]);
        until("the successor to wait", || (gate.asked() > asked).then_some(()));
        riders.go_on(30);
        Self { wired, gate, riders, young, _mock: mock }
    }
}

/// Who is told to end while a successor starts serves on until that does: nobody is refused or cut, and nobody waits to be
/// connected.
#[test]
fn a_predecessor_is_told_to_end_meanwhile() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let streams = race.riders.streams("chunks=60&gap_ms=20");
        let address = race.wired.gateway.address;
        let connects = |count: u32| {
            for _ in 0..count {
                let began = Instant::now();
                drop(TcpStream::connect(address).expect("somebody listens"));
                // One that is not heard is sent anew after a second. Source: RFC 6298, 2.
                assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        race.wired.gateway.signal(Signal::TERM);
        told(&race.wired.gateway, WAITS);
        connects(20);
        race.riders.go_on(30);
        assert_eq!(race.wired.gateway.admin("GET", "/readyz").status, 200);
        assert!(!race.wired.gateway.stderr().contains("draining"), "{}", race.wired.gateway.stderr());
        race.gate.open();
        connects(50);
        streams.into_iter().for_each(super::riders::Stream::ends);
        assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
        assert!(race.wired.gateway.stderr().contains("a successor has taken over"));
        race.riders.go_on(60);
        assert_eq!(race.riders.stop(), []);
        assert!(!race.young.has_ended(), "{}", race.young.told());
    });
}

/// What a predecessor says that waits for its successor.
pub const WAITS: &str = "a successor is about to serve";

pub fn told(gateway: &Gateway, words: &str) {
    until(words, || gateway.stderr().contains(words).then_some(()));
}

/// That is not waited for longer than half of the time for draining: then the predecessor ends as it was told, and its clients
/// may wait, but are not refused.
#[test]
fn a_successor_is_not_waited_for_for_ever() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::draining_within(io, 1_000);
        let began = Instant::now();
        race.wired.gateway.signal(Signal::TERM);
        told(&race.wired.gateway, "draining");
        assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
        let said = race.wired.gateway.stderr();
        assert!(said.contains(WAITS) && !said.contains("taken over"), "{said}");
        assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
        race.gate.open();
        race.riders.go_on(60);
        assert_eq!(race.riders.stop(), []);
        assert!(!race.young.has_ended(), "{}", race.young.told());
    });
}

/// A second signal ends it at once, whoever is about to serve.
#[test]
fn a_second_signal_waits_for_no_successor() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let mut client = Frames::connect(race.wired.gateway.address);
        let asked = super::ends::ask(&mut client, 1, "chunks=1000&gap_ms=20");
        race.wired.gateway.signal(Signal::TERM);
        told(&race.wired.gateway, WAITS);
        let began = Instant::now();
        race.wired.gateway.signal(Signal::INT);
        assert!(asked.breaks(&mut client).contains("shutting_down"));
        assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert!(race.wired.gateway.stderr().contains("reason=SIGINT"), "{}", race.wired.gateway.stderr());
        race.gate.open();
        until("the successor to serve", || {
            let before = race.riders.served();
            std::thread::sleep(Duration::from_millis(100));
            (race.riders.served() > before).then_some(())
        });
    });
}

/// A certificate that is renewed while a successor starts, which has read the old one already, is taken up by it as soon as it
/// serves.
#[test]
fn certificates_are_renewed_meanwhile() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let (chain, _) = race.wired.authority.sign("localhost");
        race.gate.open();
        assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
        until("the new certificate", || (shown(&race.wired) == chain[0]).then_some(()));
        race.riders.go_on(40);
        assert_eq!(race.riders.stop(), []);
    });
}

/// A successor that is told to end while it starts was never there.
#[test]
fn a_successor_is_told_to_end_meanwhile() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let streams = race.riders.streams("chunks=60&gap_ms=20");
        race.young.signal(Signal::TERM);
        assert_eq!(race.young.code(), Some(0), "{}", race.young.told());
        race.riders.go_on(60);
        streams.into_iter().for_each(super::riders::Stream::ends);
        assert_eq!(race.riders.stop(), []);
        let gateway = &race.wired.gateway;
        assert!(!gateway.stderr().contains("draining"), "{}", gateway.stderr());
        // It can be succeeded still.
        race.gate.open();
        let old = race.wired.succeed();
        until("the drain", || old.stderr().contains("draining").then_some(()));
    });
}

/// Where both are told to end both do, what runs finishes, and the port is free; nobody waits for ever.
#[test]
fn both_are_told_to_end() {
    on_both_drivers_at_once(|io| {
        for first in [Hit::Predecessor, Hit::Successor] {
            let mut race = Waiting::begin(io);
            let streams = race.riders.streams("chunks=30&gap_ms=20");
            if first == Hit::Predecessor {
                race.wired.gateway.signal(Signal::TERM);
            }
            race.young.signal(Signal::TERM);
            if first == Hit::Successor {
                race.wired.gateway.signal(Signal::TERM);
            }
            streams.into_iter().for_each(super::riders::Stream::ends);
            assert_eq!(race.young.code(), Some(0), "{}", race.young.told());
            assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
            let free = || TcpListener::bind(race.wired.gateway.address).ok();
            until("the port to be free", free);
            only_refused(&race.riders.stop());
        }
    });
}

/// Nobody was more than refused; no failure is an answer or a wait. Of TLS this much is known: its tunnels tell every end alike.
#[track_caller]
fn only_refused(failures: &[(Wire, Failure)]) {
    for (wire, failure) in failures {
        let refused = *failure == Failure::Refused || !matches!(wire, Wire::Http1 | Wire::Http2);
        assert!(
            refused && !matches!(failure, Failure::Late | Failure::Answered(..)),
            "{wire:?}: {failure:?}"
        );
    }
}

/// Of two successors at once one serves in the end, and no client notices.
#[test]
fn two_successors_at_once() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let mut second = Young::begin(race.wired.gateway.heritage(), &["--take-over"]);
        race.riders.go_on(30);
        race.gate.open();
        assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
        race.riders.go_on(60);
        assert_eq!(race.riders.stop(), []);
        let ended = [&mut race.young, &mut second].map(Young::has_ended);
        assert!(ended.contains(&false), "{ended:?}");
    });
}

/// Numbers by chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Some moment of a take-over, which takes about as long.
const TAKES_MS: u64 = 150;

/// Orders to end at any moment of a take-over: somebody serves in the end and no client has noticed, or the port is free
/// and nobody was worse off than refused.
#[test]
fn orders_at_any_moment() {
    any_moment(Signal::TERM, [Hit::Predecessor, Hit::Successor, Hit::Both], |failures, serves| {
        if serves {
            assert_eq!(failures, []);
        }
        only_refused(failures);
    });
}

/// Who is killed takes with him what he was serving, and nothing else: the other serves on, or the port is free; nobody waits
/// for ever.
#[test]
fn deaths_at_any_moment() {
    any_moment(Signal::KILL, [Hit::Predecessor, Hit::Successor, Hit::Predecessor], |failures, _| {
        for (wire, failure) in failures {
            assert!(!matches!(failure, Failure::Late | Failure::Answered(..)), "{wire:?}: {failure:?}");
        }
    });
}

/// Hits each of these at a moment by chance; `judge` looks at what has failed, and whether somebody serves in the end.
fn any_moment(signal: Signal, hits: [Hit; 3], judge: impl Fn(&[(Wire, Failure)], bool) + Sync) {
    let seed = std::env::var("RINGGATE_TEST_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    on_both_drivers_at_once(|io| {
        let mut chance = Chance(seed + io as u64);
        for hit in hits {
            let moment = Duration::from_millis(chance.below(TAKES_MS));
            eprintln!("{signal:?} to {hit:?} after {moment:?}");
            let mock = mock();
            let mut wired = Wired::start(Setup::of(io, &mock.base_url()).shards(2));
            let mut riders = Riders::start(&wired, "m/mock");
            riders.go_on(20);
            let mut young = Young::begin(wired.gateway.heritage(), &["--take-over"]);
            std::thread::sleep(moment);
            if hit != Hit::Successor {
                wired.gateway.signal(signal);
            }
            if hit != Hit::Predecessor && !young.has_ended() {
                young.signal(signal);
            }
            let serves = settled(&mut wired, &mut young, hit);
            if serves {
                let before = riders.served();
                until("clients to be served", || (riders.served() > before + 30).then_some(()));
            }
            judge(&riders.stop(), serves);
        }
    });
}

/// Waits until those who were hit have ended; whether somebody serves, and goes on. If nobody does the port is free.
fn settled(wired: &mut Wired, young: &mut Young, hit: Hit) -> bool {
    /// Requests in a row, while which a predecessor learns that its successor had taken over before that ended.
    const STEADY: u32 = 100;
    let address = wired.gateway.address;
    if hit != Hit::Predecessor {
        young.code();
    }
    let mut steady = 0;
    until("somebody to serve, or the port to be free", || {
        let mut gone = wired.gateway.has_ended();
        if hit != Hit::Successor || wired.gateway.stderr().contains("draining") {
            wired.gateway.wait();
            gone = true;
        }
        steady = if one_request(address).is_ok() { steady + 1 } else { 0 };
        let free = gone && young.has_ended() && TcpListener::bind(address).is_ok();
        (free || steady == STEADY).then_some(!free)
    })
}
