//! Each event of a stream leaves as it comes: the provider says its next word once the client has the last one.

use crate::harness::{Gateway, Io, Scripted, on_both_drivers};
use crate::tongues::{
    DIALECTS, Dialect, End, MODELS, Protocol, Tap, asked, closing, opening, said, setup, word,
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// A provider of every format that says so many words, each but the first when it is told to.
fn provider(words: usize) -> (Scripted, Sender<()>) {
    let (go_on, told) = channel();
    let told = Mutex::new(told);
    let upstream = Scripted::start(move |_, mut peer| {
        while let Some(request) = peer.request() {
            let format = asked(&request);
            let chunk =
                |bytes: Vec<u8>| [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n",
                format.content_type()
            );
            peer.send(&[head.into_bytes(), chunk([opening(format), word(format, 0)].concat())].concat());
            let told = told.lock().expect("no panic");
            for number in 1..words {
                if told.recv().is_err() {
                    return;
                }
                peer.send(&chunk(word(format, number)));
            }
            if told.recv().is_err() {
                return;
            }
            peer.send(&[chunk(closing(format)), b"0\r\n\r\n".to_vec()].concat());
        }
    });
    (upstream, go_on)
}

/// Whatever the dialect, the format and the protocol, a word is at the client before the provider has said another one.
#[test]
fn no_word_waits_for_the_next() {
    const WORDS: usize = 4;
    on_both_drivers(|io| {
        let (upstream, go_on) = provider(WORDS);
        let gateway = Gateway::start(&setup(io, upstream.address, ""));
        for protocol in Protocol::ALL {
            for dialect in DIALECTS {
                for model in MODELS {
                    let mut tap = Tap::open(&gateway, protocol, dialect, model);
                    tap.begin();
                    for number in 0..WORDS {
                        tap.until(said(number).trim());
                        go_on.send(()).expect("the provider waits");
                    }
                    let end = tap.end();
                    assert!(
                        end == End::Clean && dialect.ends(&tap.text),
                        "{protocol:?} {dialect:?} {model}: {end:?} {}",
                        tap.text
                    );
                    let untold = matches!(dialect, Dialect::Chat | Dialect::Completions);
                    assert_eq!(
                        untold,
                        !tap.text.contains("oken"),
                        "usage that was not asked for: {}",
                        tap.text
                    );
                }
            }
        }
        let streams = Protocol::ALL.len() * DIALECTS.len() * MODELS.len();
        let records = gateway.records(streams);
        assert_eq!(records.len(), streams);
        for record in records {
            assert!(record["fault"].is_null() && record["output_tokens"].as_u64() > Some(0), "{record}");
        }
    });
}

/// No socket of either side collects small writes.
#[test]
fn small_writes_are_not_collected() {
    on_both_drivers(|io| {
        let (upstream, go_on) = provider(1);
        let gateway = Gateway::start(&setup(io, upstream.address, ""));
        for protocol in Protocol::ALL {
            let mut tap = Tap::open(&gateway, protocol, Dialect::Chat, "claude");
            tap.begin();
            tap.until(said(0).trim());
            let at_once: Vec<bool> = [gateway.address, upstream.address]
                .into_iter()
                .flat_map(|end| sends_at_once(&gateway, end))
                .collect();
            assert!(at_once.len() >= 2 && !at_once.contains(&false), "{protocol:?}: {at_once:?}");
            go_on.send(()).expect("the provider waits");
            assert_eq!(tap.end(), End::Clean);
        }
    });
}

/// Of each of the gateway's connections that has this end, whether it sends small writes at once.
fn sends_at_once(gateway: &Gateway, end: SocketAddr) -> Vec<bool> {
    let process = Pid::from_raw(gateway.pid()).expect("a process id");
    let handle = pidfd_open(process, PidfdFlags::empty()).expect("a handle");
    let open = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).expect("the gateway runs");
    let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // What was closed meanwhile, or is no connection, has no peer.
    let sockets = numbers.filter_map(|number| pidfd_getfd(&handle, number, PidfdGetfdFlags::empty()).ok());
    let nodelay = sockets.filter_map(|socket| {
        let socket = socket2::SockRef::from(&socket);
        let peer = socket.peer_addr().ok()?.as_socket()?;
        let local = socket.local_addr().ok()?.as_socket()?;
        (peer == end || local == end).then(|| socket.tcp_nodelay().expect("an option"))
    });
    nodelay.collect()
}

/// A word does not wait until the client's kernel has acknowledged the one before, which takes some 40 ms where nothing
/// goes the other way.
#[test]
fn no_word_waits_for_an_acknowledgement() {
    const WORDS: usize = 60;
    on_both_drivers(|io: Io| {
        let (upstream, go_on) = provider(WORDS);
        let gateway = Gateway::start(&setup(io, upstream.address, ""));
        for protocol in Protocol::ALL {
            for (dialect, model) in [(Dialect::Chat, "openai"), (Dialect::Messages, "openai")] {
                let mut tap = Tap::open(&gateway, protocol, dialect, model);
                tap.begin();
                let mut times = vec![];
                for number in 0..WORDS {
                    let began = Instant::now();
                    tap.until(said(number).trim());
                    times.push(began.elapsed());
                    go_on.send(()).expect("the provider waits");
                }
                assert_eq!(tap.end(), End::Clean);
                let late = times.iter().filter(|time| **time > Duration::from_millis(30)).count();
                assert!(late < WORDS / 6, "{protocol:?} {dialect:?}: {times:?}");
            }
        }
    });
}
