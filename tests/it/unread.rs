//! Clients that leave their streams, and clients that do not read them, whatever they speak and whoever answers.

use crate::harness::{Gateway, Scripted, on_both_drivers, until};
use crate::tongues::{DIALECTS, Dialect, MODELS, Protocol, Tap, asked, opening, said, setup, word};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A client that leaves inside a stream has its provider let go within milliseconds, and one record.
#[test]
fn who_leaves_stops_the_provider() {
    const SOON: Duration = Duration::from_millis(5);
    on_both_drivers(|io| {
        let (ended, ends) = channel();
        let ended = Mutex::new(ended);
        let upstream = Scripted::start(move |_, mut peer| {
            let Some(request) = peer.request() else { return };
            let format = asked(&request);
            let kind = format.content_type();
            peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes());
            peer.send(&[opening(format), word(format, 0)].concat());
            peer.wait_for_end();
            let sent = ended.lock().expect("no panic").send(Instant::now());
            sent.expect("the test waits");
        });
        let gateway = Gateway::start(&setup(io, upstream.address, ""));
        let mut delays = vec![];
        for protocol in Protocol::ALL {
            for dialect in DIALECTS {
                for model in MODELS {
                    let mut tap = Tap::open(&gateway, protocol, dialect, model);
                    tap.begin();
                    tap.until(said(0).trim());
                    let left = Instant::now();
                    drop(tap);
                    let end = ends.recv_timeout(crate::harness::PATIENCE);
                    let end = end.unwrap_or_else(|_| panic!("{protocol:?} {dialect:?} {model}: not let go"));
                    delays.push(end.saturating_duration_since(left));
                }
            }
        }
        let count = delays.len();
        delays.sort_unstable();
        eprintln!("{count} clients gone to upstream closed: {:?} {:?}", delays[count / 2], delays[count - 1]);
        // Of the first half: other tests want the processors, too.
        assert!(delays[count / 4] < SOON && delays[count / 2] < 10 * SOON, "{delays:?}");
        let records = gateway.records(count);
        assert_eq!(records.len(), count);
        for record in records {
            assert_eq!(
                (&record["fault"], &record["blame"]),
                (&"client_gone".into(), &"client".into()),
                "{record}"
            );
        }
        until("nothing to be held", || {
            (gateway.metric_sum("gateway_exchanges_in_flight") == 0).then_some(())
        });
        until("all to be counted", || {
            (gateway.counted(&[("fault", "client_gone")]) == count as u64).then_some(())
        });
    });
}

/// A client that does not read stops its provider from saying more; what waits is bounded, and others are served.
#[test]
fn who_does_not_read_slows_the_provider() {
    /// What the kernel's buffers of four sockets may take.
    const TAKEN: u64 = 24 << 20;
    const STREAMS: u64 = 3 * 4;
    on_both_drivers(|io| {
        let written = Arc::new(AtomicU64::new(0));
        let count = written.clone();
        let upstream = Scripted::start(move |_, mut peer| {
            let Some(request) = peer.request() else { return };
            let format = asked(&request);
            let kind = format.content_type();
            peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes());
            peer.send(&opening(format));
            // Many small events in each write.
            let mut number = 0;
            loop {
                let words: Vec<u8> = (number..number + 200).flat_map(|number| word(format, number)).collect();
                if peer.stream.write_all(&words).is_err() {
                    return;
                }
                count.fetch_add(words.len() as u64, Relaxed);
                number += 200;
            }
        });
        let gateway = Gateway::start(&setup(io, upstream.address, ""));
        let before = gateway.resident_bytes();
        let mut taps = vec![];
        for protocol in Protocol::ALL {
            for (dialect, model) in [
                (Dialect::Chat, "openai"),
                (Dialect::Messages, "claude"),
                (Dialect::Chat, "claude"),
                (Dialect::Messages, "openai"),
            ] {
                let mut tap = Tap::open(&gateway, protocol, dialect, model);
                tap.begin();
                tap.until(said(0).trim());
                taps.push(tap);
            }
        }
        let mut last = u64::MAX;
        until("providers to be stopped", || {
            std::thread::sleep(Duration::from_millis(300));
            let now = written.load(Relaxed);
            std::mem::replace(&mut last, now).eq(&now).then_some(())
        });
        let grown = gateway.resident_bytes().saturating_sub(before);
        eprintln!("{} KiB of {STREAMS} streams taken, {} KiB more in memory", last >> 10, grown >> 10);
        assert!(last < TAKEN * STREAMS, "{last} bytes were taken off providers");
        assert!(grown < STREAMS << 20, "memory grew by {grown} bytes");
        let began = Instant::now();
        let mut other = Tap::open(&gateway, Protocol::Chunked, Dialect::Responses, "google");
        other.begin();
        other.until(said(100).trim());
        assert!(began.elapsed() < Duration::from_secs(5), "others are served meanwhile");
        for tap in &mut taps {
            // It goes on where it stopped.
            tap.until(said(5000).trim());
        }
    });
}
