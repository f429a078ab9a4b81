//! The signals that operators and their tools send to servers.

use crate::harness::{Gateway, Setup, chat, mock, on_both_drivers, stream, until};
use rustix::process::Signal;
use std::net::TcpStream;

/// What ends the process ends it in order: connections are refused at once and not left waiting, what runs finishes, and the
/// exit is 0.
#[test]
fn ends_are_orderly() {
    on_both_drivers(|io| {
        for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
            let mock = mock();
            let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
            let mut running = gateway.client();
            running.send(&stream("chunks=100&gap_ms=10"));
            assert_eq!(running.head().0, 200);
            gateway.signal(signal);
            until("connections to be refused", || TcpStream::connect(gateway.address).err());
            assert!(running.more().is_ok(), "{signal:?}: the stream runs on");
            let events = running.arrivals(10_000);
            assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"), "{signal:?}");
            assert_eq!(gateway.wait().code(), Some(0), "{signal:?}: {}", gateway.stderr());
        }
    });
}

/// SIGUSR1 opens a log anew that was moved away, and does nothing else; lines before it are in the old file, lines after it
/// in the new one.
#[test]
fn usr1_opens_the_log_anew() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let (log, moved) = (gateway.dir.join("access.log"), gateway.dir.join("access.log.1"));
        let lines = |path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
        for turn in 1..4 {
            assert_eq!(gateway.client().ask(&chat("")).status, 200);
            until("the line", || (lines(&log) == 1).then_some(()));
            std::fs::rename(&log, &moved).expect("a log");
            gateway.signal(Signal::USR1);
            until("the new log", || log.exists().then_some(()));
            assert_eq!(lines(&moved), 1, "turn {turn}");
        }
        // One that is in its place stays as it is.
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
        gateway.signal(Signal::USR1);
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
        until("both lines", || (lines(&log) == 2).then_some(()));
        assert_eq!(gateway.metric("gateway_config_version"), 1, "it is no reload");
    });
}

/// A signal that means nothing here is told, and ends nothing.
#[test]
fn usr2_is_ignored() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        gateway.signal(Signal::USR2);
        until("it to be told", || gateway.stderr().contains("SIGUSR2 is ignored").then_some(()));
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
    });
}

/// A storm of reloads, under load: every request is answered, and no configuration is left behind.
#[test]
fn storms_of_reloads() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut running = gateway.client();
        running.send(&stream("chunks=200&gap_ms=5"));
        assert_eq!(running.head().0, 200);
        let mut client = gateway.client();
        for turn in 0..100 {
            gateway.signal(Signal::HUP);
            let answer = client.ask(&chat(""));
            assert!(answer.status == 200 && answer.whole, "turn {turn}: {}", answer.text());
        }
        assert_eq!(running.arrivals(10_000).last().map(|event| event.data.as_str()), Some("[DONE]"));
        until("the reloads", || (gateway.metric("gateway_config_version") > 1).then_some(()));
        until("the old configurations to go", || {
            (gateway.metric("gateway_snapshots_live") == 1).then_some(())
        });
        assert_eq!(gateway.metric("gateway_config_refused_total"), 0);
    });
}
