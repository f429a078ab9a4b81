//! The signals that operators and their tools send to servers.

use crate::harness::{
    Gateway, Io, Scripted, Setup, Young, chat, fresh_dir, mock, on_both_drivers, stream, until,
};
use rustix::process::Signal;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

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

/// A gateway that waits for a predecessor, whose line is given, to hand its sockets over.
fn waiting() -> (Young, UnixStream) {
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = held.local_addr().expect("bound").to_string();
    let name = format!("ringgate/{}/{address}", rustix::process::getuid().as_raw());
    let name = std::os::unix::net::SocketAddr::from_abstract_name(name).expect("a short name");
    let predecessor = UnixListener::bind_addr(&name).expect("nobody has it");
    let dir = fresh_dir();
    let text = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").yaml(&dir).replacen("127.0.0.1:0", &address, 1);
    std::fs::write(dir.join("gateway.yaml"), text).expect("a file can be written");
    let young = Young::begin(dir, &["--take-over"]);
    let (line, _) = predecessor.accept().expect("it asks");
    (young, line)
}

/// What is asked of a gateway that does not serve yet ends nothing.
#[test]
fn reloads_may_be_wanted_at_once() {
    let (mut young, line) = waiting();
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
        young.signal(signal);
    }
    drop(line);
    assert_eq!(young.code(), Some(1), "it ends for want of sockets: {}", young.told());
    assert!(young.told().contains("does not hand its sockets over"), "{}", young.told());
}

/// Who is told to end before it serves ends at once, and says so: while it waits for a predecessor, and while it waits for a
/// provider's credentials.
#[test]
fn the_end_may_be_wanted_at_once() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT"), (Signal::QUIT, "SIGQUIT")] {
        let (mut young, _line) = waiting();
        young.signal(signal);
        assert_eq!(young.code(), Some(0), "{name}: {}", young.told());
        assert!(young.told().contains(&format!("ended by {name} before it served")), "{}", young.told());
    }
    let slow = Scripted::start(|_, mut peer| peer.wait_for_end());
    let keys =
        format!("{{aws: {{region: r, source: container, token_url: \"http://{}/keys\"}}}}", slow.address);
    let row = format!("{{format: openai, base_url: \"http://127.0.0.1:9/v1\", auth: {keys}}}");
    let setup = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").provider_row("slow", &row).model(
        "slow",
        "{provider: slow, model: mock}",
        "",
    );
    let dir = fresh_dir();
    std::fs::write(dir.join("gateway.yaml"), setup.yaml(&dir)).expect("a file can be written");
    let mut young = Young::begin(dir, &[]);
    until("it to ask for credentials", || (slow.accepted() > 0).then_some(()));
    let began = Instant::now();
    young.signal(Signal::TERM);
    assert_eq!(young.code(), Some(0), "{}", young.told());
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    assert!(young.told().contains("ended by SIGTERM before it served"), "{}", young.told());
}
