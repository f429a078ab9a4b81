//! Take-overs that clients of HTTP/2 and TLS do not notice.

use super::Gate;
use super::riders::Riders;
use crate::harness::{
    Authority, Frames, Gateway, Io, PATIENCE, Setup, Wire, Wired, mock, on_both_drivers_at_once, stream,
    until,
};
use crate::trust::{client_of, greeted, listening};
use rustix::process::Signal;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// At 200 requests/s over all wires, and with streams that outlast it, a take-over refuses nothing and cuts nothing, also while the successor
/// still waits for a provider's credentials; clients of HTTP/2 are told to go, so that the predecessor comes to its end. A
/// reload of either side meanwhile changes nothing of that.
#[test]
fn nothing_is_cut_or_refused() {
    on_both_drivers_at_once(|io| {
        let (mock, gate) = (mock(), Gate::new());
        let mut wired = Wired::start(gate.guard(Setup::of(io, &mock.base_url()), &mock.base_url()).shards(2));
        let mut riders = Riders::start(&wired, "s/mock");
        let mut streams = riders.streams("chunks=80&gap_ms=20");
        let asked = gate.asked();
        let mut old = std::thread::scope(|scope| {
            let taken = scope.spawn(|| wired.succeed());
            until("the successor to wait", || (gate.asked() > asked).then_some(()));
            riders.go_on(60);
            gate.open();
            taken.join().expect("it serves")
        });
        old.signal(Signal::HUP);
        wired.gateway.signal(Signal::HUP);
        streams.extend(riders.streams("chunks=20&gap_ms=20"));
        streams.into_iter().for_each(super::riders::Stream::ends);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        riders.go_on(60);
        assert_eq!(riders.stop(), []);
        assert_eq!(wired.gateway.metric("gateway_panics_total"), 0);
        let asked = riders.served() as usize + 2 * Wire::ALL.len();
        until("a record of each request", || (old.records(asked).len() == asked).then_some(()));
    });
}

/// A session that the predecessor began is begun anew by its successor, and goes on from there: with and without a client's
/// certificate, no handshake fails.
#[test]
fn sessions_begin_anew() {
    on_both_drivers_at_once(|io| {
        let (server, clients) = (Authority::new(), Authority::new());
        for trusted in [None, Some(&clients)] {
            let mut old = listening(io, &server, trusted, "", 2);
            let known = [&TLS12, &TLS13].map(|version| client_of(&server, trusted, version));
            let resumes = |gateway: &Gateway| {
                for client in &known {
                    assert_eq!(greeted(gateway, client), Some(HandshakeKind::Resumed));
                }
            };
            for client in &known {
                assert!(greeted(&old, client).is_some());
            }
            resumes(&old);
            let new = old.successor();
            assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
            for client in &known {
                let kind = greeted(&new, client).expect("no failed handshake");
                assert_ne!(kind, HandshakeKind::Resumed, "its tickets are its own");
            }
            resumes(&new);
        }
    });
}

/// Three take-overs in a row: each of them is ready to be succeeded as soon as it says that it serves.
#[test]
fn a_chain_of_take_overs() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()).shards(2));
        let mut riders = Riders::start(&wired, "m/mock");
        riders.go_on(30);
        let streams = riders.streams("chunks=60&gap_ms=20");
        let olds = [wired.succeed(), wired.succeed(), wired.succeed()];
        streams.into_iter().for_each(super::riders::Stream::ends);
        for mut old in olds {
            assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        }
        riders.go_on(30);
        assert_eq!(riders.stop(), []);
    });
}

/// Through a take-over, who asks whether the gateway is ready is told so each time: the predecessor that finishes leaves the
/// operator's interface to its successor.
#[test]
fn readiness_does_not_falter() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut running = old.client();
        running.send(&stream("chunks=200&gap_ms=5"));
        assert_eq!(running.head().0, 200);
        let (finished, began) = (AtomicBool::new(false), Instant::now());
        let _new = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !finished.load(Relaxed) && began.elapsed() < PATIENCE {
                    let ready = old.admin("GET", "/readyz");
                    assert_eq!(ready.status, 200, "{}", ready.text());
                }
            });
            let new = old.successor();
            until("the drain", || old.stderr().contains("draining").then_some(()));
            assert_eq!(old.admin("POST", "/-/reload").status, 200);
            until("the successor to reload", || new.stderr().contains("published").then_some(()));
            assert_eq!(running.arrivals(10_000).last().map(|event| event.data.as_str()), Some("[DONE]"));
            finished.store(true, Relaxed);
            new
        });
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
    });
}

/// A predecessor that is told to end after it was succeeded, as supervisors do, ends as it was about to: its streams finish.
/// Only who tells it twice has them cut.
#[test]
fn a_predecessor_may_be_told_to_end() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = Frames::connect(old.address);
        let asked = super::ends::ask(&mut client, 1, "chunks=60&gap_ms=20");
        let next = old.successor();
        until("the drain", || old.stderr().contains("draining").then_some(()));
        old.signal(Signal::TERM);
        asked.ends(&mut client);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());

        let mut old = next;
        let mut client = Frames::connect(old.address);
        let asked = super::ends::ask(&mut client, 1, "chunks=1000&gap_ms=20");
        let _next = old.successor();
        until("the drain", || old.stderr().contains("draining").then_some(()));
        old.signal(Signal::TERM);
        until("it to be told", || (old.stderr().matches("SIGTERM").count() == 1).then_some(()));
        let began = Instant::now();
        old.signal(Signal::TERM);
        assert!(asked.breaks(&mut client).contains("shutting_down"));
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    });
}

/// A predecessor that dies while its successor starts, whether its parent has taken notice of that or not, leaves it the
/// ports, and the right to be succeeded.
#[test]
fn a_predecessor_may_die_meanwhile() {
    for noticed in [true, false] {
        let (mock, gate) = (mock(), Gate::new());
        let mut old = Gateway::start(&gate.guard(Setup::of(Io::Auto, &mock.base_url()), &mock.base_url()));
        let asked = gate.asked();
        std::thread::scope(|scope| {
            let dir = old.heritage();
            let new = scope.spawn(|| Gateway::spawn(dir, &["--take-over"]));
            until("the successor to wait", || (gate.asked() > asked).then_some(()));
            old.signal(Signal::KILL);
            if noticed {
                assert_eq!(old.wait().code(), None);
            }
            gate.open();
            let mut new = new.join().expect("it serves");
            let next = new.successor();
            assert_eq!(new.wait().code(), Some(0), "{}", new.stderr());
            assert_eq!(next.client().ask(&crate::harness::chat("")).status, 200);
        });
    }
}
