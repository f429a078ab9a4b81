//! Processes that are killed in each stage of a take-over.

use super::moving::{ends, streaming};
use super::races::{WAITS, Waiting, told};
use super::riders::Failure;
use crate::harness::{Gateway, Setup, chat, mock, on_both_drivers_at_once, until};
use crate::lifecycle::one_request;
use rustix::process::Signal;
use std::net::TcpListener;

/// A successor that has the sockets and does not serve yet takes nothing with it: no client notices, and there may be another
/// one.
#[test]
fn a_successor_before_it_serves() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let streams = race.riders.streams("chunks=60&gap_ms=20");
        race.young.signal(Signal::KILL);
        assert_eq!(race.young.code(), None);
        race.riders.go_on(60);
        assert!(!race.wired.gateway.stderr().contains("draining"), "{}", race.wired.gateway.stderr());
        race.gate.open();
        let mut old = race.wired.succeed();
        streams.into_iter().for_each(super::riders::Stream::ends);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        race.riders.go_on(60);
        assert_eq!(race.riders.stop(), []);
    });
}

/// Where its predecessor was told to end and waits for it, that ends as it was told as soon as it is gone: what runs finishes,
/// and the port is free.
#[test]
fn a_successor_that_is_waited_for() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let mut running = streaming(race.wired.gateway.address, "chunks=60&gap_ms=20");
        race.wired.gateway.signal(Signal::TERM);
        told(&race.wired.gateway, WAITS);
        race.young.signal(Signal::KILL);
        race.young.code();
        ends(&mut running);
        assert_eq!(race.wired.gateway.wait().code(), Some(0), "{}", race.wired.gateway.stderr());
        assert!(!race.wired.gateway.stderr().contains("taken over"), "{}", race.wired.gateway.stderr());
        until("the port to be free", || TcpListener::bind(race.wired.gateway.address).ok());
        for (wire, failure) in race.riders.stop() {
            assert!(!matches!(failure, Failure::Late | Failure::Answered(..)), "{wire:?}: {failure:?}");
        }
    });
}

/// One that dies when it has said that it serves, and before its predecessor heard that, is none: the predecessor goes on.
#[test]
fn a_successor_before_it_is_heard() {
    on_both_drivers_at_once(|io| {
        let mut race = Waiting::begin(io);
        let old = race.wired.gateway.pid();
        race.wired.gateway.signal(Signal::STOP);
        until("it to stand still", || stat(old).contains(") T ").then_some(()));
        race.gate.open();
        until("its announcement", || race.young.told().contains("serving on").then_some(()));
        race.young.signal(Signal::KILL);
        race.young.code();
        race.wired.gateway.signal(Signal::CONT);
        race.riders.go_on(100);
        // What the killed process had begun to accept goes with it, a little later.
        let mut steady = 0;
        until("everybody to be served", || {
            steady = one_request(race.wired.gateway.address).map_or(0, |()| steady + 1);
            (steady == 100).then_some(())
        });
        assert!(!race.wired.gateway.stderr().contains("draining"), "{}", race.wired.gateway.stderr());
        let mut first = race.wired.succeed();
        assert_eq!(first.wait().code(), Some(0), "{}", first.stderr());
    });
}

fn stat(process: i32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs")
}

/// A predecessor that stands still while its successor comes to serve hears of it when it goes on, and ends.
#[test]
fn a_predecessor_that_stands_still() {
    on_both_drivers_at_once(|io| {
        let race = Waiting::begin(io);
        let mut old = race.wired.gateway;
        old.signal(Signal::STOP);
        until("it to stand still", || stat(old.pid()).contains(") T ").then_some(()));
        race.gate.open();
        until("its announcement", || race.young.told().contains("serving on").then_some(()));
        old.signal(Signal::CONT);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        assert!(old.stderr().contains("a successor has taken over"), "{}", old.stderr());
        one_request(old.address).expect("the successor serves");
    });
}

/// A successor that dies once it has taken over is the only one who served: the port is free at once, what its predecessor had
/// begun finishes, and a new process starts there meanwhile.
#[test]
fn a_successor_that_serves() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut running = streaming(old.address, "chunks=200&gap_ms=20");
        let mut new = old.successor();
        told(&old, "draining");
        new.signal(Signal::KILL);
        new.wait();
        let next = Gateway::spawn(old.heritage(), &[]);
        assert!(!old.has_ended(), "it has a stream to finish");
        assert_eq!(next.client().ask(&chat("")).status, 200);
        ends(&mut running);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        assert_eq!(next.client().ask(&chat("")).status, 200);
    });
}

/// A predecessor that is killed while it finishes takes nobody with it but whom it served.
#[test]
fn a_predecessor_that_drains() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut running = streaming(old.address, "chunks=1000&gap_ms=20");
        let log = old.dir.join("access.log").display().to_string();
        let new = old.successor_with(|text| text.replace(&log, "access.log"));
        told(&old, "draining");
        let records = |gateway: &Gateway| gateway.log().lines().count();
        until("it to accept nobody more", || {
            let before = (records(&old), records(&new));
            for _ in 0..20 {
                one_request(old.address).expect("it is served");
            }
            let all = before.0 + before.1 + 20;
            until("the records", || (records(&old) + records(&new) == all).then_some(()));
            (records(&old) == before.0).then_some(())
        });
        let mut served = streaming(new.address, "chunks=60&gap_ms=20");
        old.signal(Signal::KILL);
        assert_eq!(old.wait().code(), None);
        assert!(!running.arrivals(10_000).iter().any(|event| event.data == "[DONE]"));
        for _ in 0..50 {
            one_request(new.address).expect("it is served");
        }
        ends(&mut served);
    });
}
