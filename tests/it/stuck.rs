//! A disk that hangs: whoever writes to it waits, for seconds or for ever.

use crate::backlog::{AT_ONCE, MANY, await_stall, flood, models, take_statuses, with_log};
use crate::harness::{Client, Gateway, Io, PATIENCE, Shim, fresh_dir, on_both_drivers, until};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
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

/// The same of looks at its path, of opening it, and of closing it, each by a file of its own beside it. A log that was moved
/// away beside it is one, too.
const SHIM_OF_PATHS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hang(const char *path, const char *what) {
    char flag[512];
    const char *name = strrchr(path, '/');
    if (!name || strncmp(name, "/access.log", 11)) return;
    snprintf(flag, sizeof flag, "%.*s/hangs-in-%s", (int) (name - path), path, what);
    while (!access(flag, F_OK)) usleep(2000);
}

static void hang_fd(int fd, const char *what) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    hang(path, what);
}

int statx(int dir, const char *restrict path, int flags, unsigned mask, struct statx *restrict out) {
    static int (*through)(int, const char *, int, unsigned, struct statx *);
    if (!through) through = (int (*)(int, const char *, int, unsigned, struct statx *)) dlsym(RTLD_NEXT, "statx");
    if (path && *path) hang(path, "stat");
    else hang_fd(dir, "stat");
    return through(dir, path, flags, mask, out);
}

int open64(const char *path, int flags, ...) {
    static int (*through)(const char *, int, ...);
    if (!through) through = (int (*)(const char *, int, ...)) dlsym(RTLD_NEXT, "open64");
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    hang(path, "open");
    return through(path, flags, mode);
}

int close(int fd) {
    static int (*through)(int);
    if (!through) through = (int (*)(int)) dlsym(RTLD_NEXT, "close");
    hang_fd(fd, "close");
    return through(fd);
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
    hang_in(dir, "hangs");
}

fn recover(dir: &Path) {
    recover_in(dir, "hangs");
}

fn hang_in(dir: &Path, what: &str) {
    std::fs::write(dir.join(what), "").expect("a file can be written");
}

fn recover_in(dir: &Path, what: &str) {
    std::fs::remove_file(dir.join(what)).expect("it hangs");
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

/// Asks for the models, and for the metrics: neither waits for anything.
#[track_caller]
fn is_there(gateway: &Gateway, client: &mut Client) {
    let began = Instant::now();
    assert_eq!(client.ask(models().as_bytes()).status, 200);
    let metrics = gateway.admin("GET", "/metrics");
    assert!(metrics.status == 200 && metrics.text().contains("gateway_access_log_stalled"));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// A disk that hangs in a look at the log's path, in opening a new log, or in closing the old one is like one that hangs in a
/// write: requests and operators are answered, the stall is told, and no line is missing when it goes on.
#[test]
fn looks_and_new_logs_are_not_waited_for() {
    let Some(shim) = Shim::of(SHIM_OF_PATHS) else { return };
    for what in ["hangs-in-stat", "hangs-in-open", "hangs-in-close"] {
        on_both_drivers(|io| {
            let gateway = on_a_weak_disk(&shim, io, "block");
            let (log, old) = (gateway.dir.join("access.log"), gateway.dir.join("access.log.1"));
            let mut client = gateway.client();
            assert_eq!(client.ask(models().as_bytes()).status, 200);
            gateway.records(1);
            hang_in(&gateway.dir, what);
            std::fs::rename(&log, &old).expect("it is there");
            gateway.signal(Signal::USR1);
            let mut asked = 0;
            until("the stall to be told", || {
                is_there(&gateway, &mut client);
                asked += 1;
                (gateway.metric("gateway_access_log_stalled") == 1).then_some(())
            });
            let ready = await_stall(&gateway);
            assert_eq!((ready.status, gateway.admin("GET", "/healthz").status), (503, 200), "{what}");
            recover_in(&gateway.dir, what);
            // What was written before the signal came is in the old log.
            let before = std::fs::read_to_string(old).expect("the old log").lines().count();
            let rest = asked + 1 - before;
            assert!(rest > 0 && gateway.records(rest).len() == rest, "{what}: {before} of {asked}");
            until("readiness", || (gateway.admin("GET", "/readyz").status == 200).then_some(()));
        });
    }
}

/// Who reads a pipe gets the lines although its directory's disk hangs.
#[test]
fn a_pipe_is_no_disk() {
    let Some(shim) = Shim::of(SHIM_OF_PATHS) else { return };
    on_both_drivers(|io| {
        let dir = fresh_dir();
        let pipe = dir.join("access.log");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        std::fs::write(dir.join("gateway.yaml"), with_log(io, &pipe, "block").yaml(&dir))
            .expect("a file can be written");
        let gateway = Gateway::spawn_as(dir, |command| shim.preload(command));
        let reader = BufReader::new(File::open(&pipe).expect("the gateway holds its other end"));
        let (told, lines) = channel();
        std::thread::spawn(move || reader.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        let has_line = || lines.recv_timeout(PATIENCE).is_ok();
        let mut client = gateway.client();
        is_there(&gateway, &mut client);
        assert!(has_line());
        hang_in(&gateway.dir, "hangs-in-stat");
        // Twice: the second look would begin where the first one hangs.
        for _ in 0..2 {
            gateway.signal(Signal::USR1);
            is_there(&gateway, &mut client);
            assert!(has_line());
        }
        assert_eq!(gateway.metric("gateway_access_log_stalled"), 0);
    });
}

/// Nor does the end wait for a look that hangs.
#[test]
fn the_end_does_not_wait_for_looks() {
    let Some(shim) = Shim::of(SHIM_OF_PATHS) else { return };
    on_both_drivers(|io| {
        let mut gateway = on_a_weak_disk(&shim, io, "block");
        hang_in(&gateway.dir, "hangs-in-stat");
        gateway.signal(Signal::USR1);
        let mut client = gateway.client();
        let mut asked = 0;
        until("the stall to be told", || {
            is_there(&gateway, &mut client);
            asked += 1;
            (gateway.metric("gateway_access_log_stalled") == 1).then_some(())
        });
        let began = Instant::now();
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.wait().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        // What was asked for before the look began is in the log.
        let lost = asked - gateway.log().lines().count();
        let told = format!("the last {lost} lines are lost");
        until("it to be told", || gateway.stderr().contains(&told).then_some(()));
    });
}
