//! A log that takes no more: who waits, who is refused, what is counted, and where the operator sees it.

use crate::harness::{Answer, Client, Gateway, Io, KEY, Setup, fresh_dir, on_both_drivers, until};
use rustix::process::Signal;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Records that wait in a shard's ring, and then some: more than can wait anywhere.
pub const MANY: usize = 10_000;
pub const AT_ONCE: usize = 100;

pub fn models() -> String {
    format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n")
}

/// Sends so many requests that the log's buffers are full; gives the statuses of the answers, as far as they came
/// before the gateway fell silent.
pub fn flood(client: &mut Client, count: usize) -> Vec<u16> {
    client.stream.set_read_timeout(Some(Duration::from_millis(1500))).expect("a timeout can be set");
    let batch = models().repeat(AT_ONCE);
    let (mut statuses, mut buffer) = (vec![], vec![0; 64 * 1024]);
    for _ in 0..count / AT_ONCE {
        client.send(batch.as_bytes());
        let wanted = statuses.len() + AT_ONCE;
        while statuses.len() < wanted {
            let Ok(read @ 1..) = std::io::Read::read(&mut client.stream, &mut buffer) else {
                return statuses;
            };
            client.rest.extend_from_slice(&buffer[..read]);
            take_statuses(&mut client.rest, &mut statuses);
        }
    }
    statuses
}

/// Takes whole answers out of `bytes`; all have a length.
pub fn take_statuses(bytes: &mut Vec<u8>, statuses: &mut Vec<u16>) {
    let mut at = 0;
    while let Some(end) = memchr::memmem::find(&bytes[at..], b"\r\n\r\n").map(|end| at + end + 4) {
        let head = std::str::from_utf8(&bytes[at..end]).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let next = end + length.unwrap_or(0usize);
        if next > bytes.len() {
            break;
        }
        statuses.push(head[9..12].parse().expect("a status"));
        at = next;
    }
    bytes.drain(..at);
}

pub fn with_log(io: Io, log: &Path, policy: &str) -> Setup {
    Setup::of(io, "http://127.0.0.1:9/v1")
        .with("access_log", &format!("{{path: \"{}\"}}", log.display()))
        .with("audit", &format!("{{on_overflow: {policy}}}"))
        .with("drain_timeout_ms", "500")
}

/// A pipe in the file system, and its reading end, from which nobody reads yet.
fn fifo() -> (PathBuf, File) {
    let path = fresh_dir().join("log.fifo");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    let reader = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(&path)
        .expect("the pipe");
    rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::empty()).expect("reads may wait");
    (path, reader)
}

/// What the operator reads when the log has taken nothing for a second.
pub fn await_stall(gateway: &Gateway) -> Answer {
    until("the stall to be told", || (gateway.metric("gateway_access_log_stalled") == 1).then_some(()));
    until("readiness to tell it", || {
        Some(gateway.admin("GET", "/readyz")).filter(|answer| answer.text().contains("access log"))
    })
}

/// `block`: when the disk is full, or who reads the pipe stops, requests wait once there is no room for their
/// records; readiness and a metric say so, the operator's interface goes on answering, and the end is not held up.
#[test]
fn block_waits() {
    on_both_drivers(|io| {
        let (pipe, reader) = fifo();
        for log in [Path::new("/dev/full"), &pipe] {
            let mut gateway = Gateway::start(&with_log(io, log, "block"));
            let statuses = flood(&mut gateway.client(), MANY);
            assert!(
                statuses.len() < MANY && statuses.iter().all(|status| *status == 200),
                "{}",
                statuses.len()
            );
            until("the stalled records", || {
                (gateway.metric("gateway_records_stalled_total") > 0).then_some(())
            });
            let ready = await_stall(&gateway);
            assert!(ready.status == 503 && ready.text().contains("block"), "{}", ready.text());
            assert_eq!(gateway.admin("GET", "/healthz").status, 200);
            assert_eq!(
                gateway.metric("gateway_access_log_lost_lines_total"),
                0,
                "nothing is lost while it runs"
            );
            let began = Instant::now();
            gateway.signal(Signal::TERM);
            gateway.wait();
            assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        }
        drop(reader);
    });
}

/// When somebody reads the pipe again all goes on, and not one record is missing.
#[test]
fn block_loses_nothing() {
    on_both_drivers(|io| {
        let (pipe, reader) = fifo();
        let gateway = Gateway::start(&with_log(io, &pipe, "block"));
        let mut client = gateway.client();
        let before = flood(&mut client, MANY).len();
        assert!(before < MANY);
        await_stall(&gateway);
        let (told, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(reader).lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        // What was sent and not answered is answered now.
        let rest = AT_ONCE - before % AT_ONCE;
        let mut statuses = vec![];
        client.stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a timeout can be set");
        while statuses.len() < rest {
            client.more().expect("it goes on");
            take_statuses(&mut client.rest, &mut statuses);
        }
        assert_eq!(client.ask(models().as_bytes()).status, 200);
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..=before + rest {
            let line = lines.recv_timeout(crate::harness::PATIENCE).expect("a line for each request");
            let record: serde_json::Value = serde_json::from_str(&line).expect("whole lines");
            assert!(ids.insert(record["id"].as_str().expect("an id").to_owned()), "twice: {line}");
        }
        until("readiness", || (gateway.admin("GET", "/readyz").status == 200).then_some(()));
        assert_eq!(gateway.metric("gateway_access_log_stalled"), 0);
    });
}

/// `refuse`: new requests are refused while there is little room, and told when to come again.
#[test]
fn refuse_refuses() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&with_log(io, Path::new("/dev/full"), "refuse"));
        let statuses = flood(&mut gateway.client(), MANY);
        assert_eq!(statuses.len(), MANY, "nobody waits");
        assert_eq!((statuses.first(), statuses.last()), (Some(&200), Some(&503)));
        let answer = gateway.client().ask(models().as_bytes());
        answer.refused(503, "record_backlog");
        assert!(answer.header("retry-after").is_some());
        let ready = await_stall(&gateway);
        assert!(ready.status == 503 && ready.text().contains("refuse"), "{}", ready.text());
    });
}

/// `count_and_drop`: every request is served, what is lost is counted, and readiness names it without failing.
#[test]
fn count_and_drop_counts() {
    on_both_drivers(|io| {
        let (pipe, _reader) = fifo();
        for log in [Path::new("/dev/full"), &pipe] {
            let gateway = Gateway::start(&with_log(io, log, "count_and_drop"));
            assert_eq!(flood(&mut gateway.client(), MANY), vec![200; MANY]);
            until("the loss to be counted", || {
                let lost = gateway.metric("gateway_access_log_lost_lines_total")
                    + gateway.metric("gateway_records_dropped_total");
                // A pipe holds some lines, and the log core some more.
                (lost > MANY as u64 / 2).then_some(())
            });
            let ready = await_stall(&gateway);
            assert!(ready.status == 200 && ready.text().contains("count_and_drop"), "{}", ready.text());
        }
    });
}
