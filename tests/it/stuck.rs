//! A disk that hangs: whoever writes to it waits, for seconds or for ever.

use crate::backlog::{AT_ONCE, MANY, await_stall, flood, models, take_statuses, with_log};
use crate::harness::{Gateway, Io, PATIENCE, Shim, fresh_dir, on_both_drivers, until};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Has every write to a file of this name wait for as long as there is a file beside it that says so.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*through)(int, const void *, size_t);
    if (!through) through = (ssize_t (*)(int, const void *, size_t)) dlsym(RTLD_NEXT, "write");
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 8);
    if (length > 10 && !memcmp(path + length - 10, "access.log", 10)) {
        strcpy(path + length - 10, "hangs");
        while (!access(path, F_OK)) usleep(2000);
    }
    return through(fd, bytes, count);
}
"#;

/// A gateway whose log's disk can be made to hang.
fn on_a_weak_disk(shim: &Shim, io: Io, policy: &str) -> Gateway {
    let dir = fresh_dir();
    let setup = with_log(io, &dir.join("access.log"), policy);
    std::fs::write(dir.join("gateway.yaml"), setup.yaml(&dir)).expect("a file can be written");
    Gateway::spawn_as(dir, |command| shim.preload(command))
}

fn hang(dir: &Path) {
    std::fs::write(dir.join("hangs"), "").expect("a file can be written");
}

fn recover(dir: &Path) {
    std::fs::remove_file(dir.join("hangs")).expect("it hangs");
}

/// Requests are served on at once while the disk hangs, and operators told; the log has them all when it is well again.
#[test]
fn a_pause_is_not_noticed() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io| {
        let gateway = on_a_weak_disk(&shim, io, "block");
        let mut client = gateway.client();
        hang(&gateway.dir);
        for _ in 0..50 {
            let began = Instant::now();
            assert_eq!(client.ask(models().as_bytes()).status, 200);
            assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
        }
        await_stall(&gateway);
        assert_eq!(gateway.log(), "");
        recover(&gateway.dir);
        assert_eq!(gateway.records(50).len(), 50);
        until("readiness", || (gateway.admin("GET", "/readyz").status == 200).then_some(()));
        assert_eq!(gateway.metric("gateway_access_log_stalled"), 0);
    });
}

/// `block`: when there is no room for records any more requests wait, and go on with the disk; no record is missing, and
/// none is there twice.
#[test]
fn block_waits_for_the_disk() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io| {
        let gateway = on_a_weak_disk(&shim, io, "block");
        hang(&gateway.dir);
        let mut client = gateway.client();
        let before = flood(&mut client, MANY).len();
        assert!(before < MANY);
        let ready = await_stall(&gateway);
        assert!(ready.status == 503 && ready.text().contains("block"), "{}", ready.text());
        assert!(gateway.metric("gateway_records_stalled_total") > 0);
        recover(&gateway.dir);
        let rest = AT_ONCE - before % AT_ONCE;
        client.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let mut statuses = vec![];
        while statuses.len() < rest {
            client.more().expect("it goes on");
            take_statuses(&mut client.rest, &mut statuses);
        }
        let records = gateway.records(before + rest);
        let ids: BTreeSet<_> = records.iter().map(|record| record["id"].as_str().expect("an id")).collect();
        assert_eq!((records.len(), ids.len()), (before + rest, before + rest));
    });
}

/// `count_and_drop`: nobody waits, and each record is in the log or counted.
#[test]
fn count_and_drop_goes_on() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io| {
        let gateway = on_a_weak_disk(&shim, io, "count_and_drop");
        hang(&gateway.dir);
        assert_eq!(flood(&mut gateway.client(), MANY), vec![200; MANY]);
        await_stall(&gateway);
        recover(&gateway.dir);
        until("each to be accounted for", || {
            let lost = gateway.metric("gateway_access_log_lost_lines_total")
                + gateway.metric("gateway_records_dropped_total");
            assert!(lost > 0);
            let written = gateway.log().lines().count() as u64;
            assert!(written + lost <= MANY as u64, "{written} and {lost}");
            (written + lost == MANY as u64).then_some(())
        });
    });
}

/// The end is not held up by a disk that hangs, and what is lost by it is told.
#[test]
fn the_end_does_not_wait_for_ever() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io| {
        let mut gateway = on_a_weak_disk(&shim, io, "block");
        hang(&gateway.dir);
        for _ in 0..7 {
            assert_eq!(gateway.client().ask(models().as_bytes()).status, 200);
        }
        let began = Instant::now();
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.wait().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        until("it to be told", || gateway.stderr().contains("the last 7 lines are lost").then_some(()));
    });
}
