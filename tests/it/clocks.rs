//! Clocks that jump: a wall clock that is set, and a machine that slept.

use crate::dates;
use crate::harness::{
    Client, Gateway, Io, Scripted, Setup, Shim, chat, fresh_dir, mock, on_both_drivers, stream, until,
};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant, SystemTime};

/// Adds to two of the system's clocks what stands in a file.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*through)(clockid_t, struct timespec *);
    static volatile long *ahead;
    if (!through) through = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    if (!ahead) {
        int fd = open(getenv("CLOCKS"), O_RDONLY);
        ahead = mmap(0, 16, PROT_READ, MAP_SHARED, fd, 0);
    }
    int done = through(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += ahead[0];
    if (clock == CLOCK_BOOTTIME) time->tv_sec += ahead[1];
    return done;
}
"#;

const DAY: i64 = 86_400;

/// A gateway whose clocks go by this test.
struct Timed {
    gateway: Gateway,
}

impl Timed {
    fn start(shim: &Shim, setup: &Setup) -> Self {
        let dir = fresh_dir();
        std::fs::write(dir.join("gateway.yaml"), setup.yaml(&dir)).expect("a file can be written");
        let clocks = dir.join("clocks");
        std::fs::write(&clocks, [0; 16]).expect("a file can be written");
        let gateway = Gateway::spawn_as(dir, |command| {
            shim.preload(command);
            command.env("CLOCKS", clocks);
        });
        Self { gateway }
    }

    /// Sets how many seconds the wall clock goes ahead.
    fn set_wall_clock(&self, seconds: i64) {
        self.set(0, seconds);
    }

    /// Has the machine have slept for so long.
    fn sleep(&self, seconds: i64) {
        self.set(8, seconds);
    }

    fn set(&self, at: u64, seconds: i64) {
        let clocks = std::fs::File::options().write(true).open(self.gateway.dir.join("clocks"));
        clocks.expect("a file").write_all_at(&seconds.to_ne_bytes(), at).expect("it can be written");
    }
}

/// The wall clock is set back and forth while an answer comes and connections wait: nobody is cut, times that are measured
/// stay what they are, and records have the time that the clock shows.
#[test]
fn the_wall_clock_is_set() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io| {
        let mock = mock();
        let timed = Timed::start(&shim, &Setup::of(io, &mock.base_url()));
        let gateway = &timed.gateway;
        let (mut running, mut idle) = (gateway.client(), gateway.client());
        assert_eq!(idle.ask(&chat("")).status, 200);
        running.send(&stream("chunks=200&gap_ms=10"));
        assert_eq!(running.head().0, 200);
        for (count, ahead) in [DAY, -DAY, 365 * DAY, 0].into_iter().enumerate() {
            timed.set_wall_clock(ahead);
            let set = Instant::now();
            let answer = until("the date to follow", || {
                let answer = idle.ask(&chat(""));
                assert_eq!(answer.status, 200);
                let date = answer.header("date").expect("a date");
                dates::is_about(date, dates::now() + ahead).then_some(answer)
            });
            assert!(set.elapsed() < Duration::from_secs(3), "turn {count}: {:?}", set.elapsed());
            let record = gateway.record(answer.header("x-request-id").expect("an id"));
            assert!(record["total_us"].as_u64().is_some_and(|us| us < 10_000_000), "turn {count}: {record}");
            let shown =
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
            let (told, shown) = (day(&record), (shown.cast_signed() + ahead) / DAY);
            assert!((told - shown).abs() <= 1, "turn {count}: {record}");
        }
        let events = running.arrivals(10_000);
        assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
    });
}

/// The day of a record's time, since 1970. Source: the proleptic Gregorian calendar.
fn day(record: &serde_json::Value) -> i64 {
    let text = record["time"].as_str().expect("a time");
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("a number");
    let (year, month, day): (i64, i64, i64) = (number(0..4), number(5..7), number(8..10));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// A wall clock that cannot be right dates nothing, and ends nothing; what a provider says of the time goes on. When it is
/// set, answers have its date.
#[test]
fn the_wall_clock_was_never_set() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io| {
        let upstream = Scripted::always(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: x\r\ncontent-length: 2\r\n\r\n{}",
        );
        let timed = Timed::start(&shim, &Setup::at(io, upstream.address));
        let mut client = timed.gateway.client();
        let far = 9_000 * 365 * DAY;
        for ahead in [-dates::now(), -dates::now() - DAY, -dates::now() + 365 * DAY, far] {
            timed.set_wall_clock(ahead);
            until("a head without a date", || {
                (!head(&mut client, b"GET / HTTP/1.1\r\nhost: g\r\n\r\n").contains("\r\ndate:")).then_some(())
            });
            assert!(head(&mut client, &chat("")).contains("\r\ndate: x\r\n"));
            timed.set_wall_clock(0);
            until("a head with a date", || {
                head(&mut client, b"GET / HTTP/1.1\r\nhost: g\r\n\r\n").contains("\r\ndate:").then_some(())
            });
        }
    });
}

/// The head of an answer with a length, as it is.
fn head(client: &mut Client, request: &[u8]) -> String {
    client.send(request);
    loop {
        if let Some(end) = memchr::memmem::find(&client.rest, b"\r\n\r\n") {
            let head = String::from_utf8(client.rest.drain(..end + 4).collect()).expect("text");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.expect("a length");
            while client.rest.len() < length {
                client.more().expect("the body");
            }
            client.rest.drain(..length);
            return head;
        }
        client.more().expect("a head");
    }
}

/// What waited before a machine slept is too old afterwards: idle connections end, an answer of which nothing came is cut
/// and on record as such, and who comes then is served as always.
#[test]
fn the_machine_slept() {
    let Some(shim) = Shim::of(SHIM) else { return };
    on_both_drivers(|io: Io| {
        let upstream = Scripted::start(|_, mut peer| {
            while let Some(request) = peer.request() {
                if request.contains("silent") {
                    return peer.wait_for_end();
                }
                peer.send(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
                );
            }
        });
        let timed = Timed::start(&shim, &Setup::at(io, upstream.address));
        let gateway = &timed.gateway;
        let (mut idle, mut waiting) = (gateway.client(), gateway.client());
        assert_eq!(idle.ask(&chat("")).status, 200);
        waiting.send(&crate::harness::post(
            "/v1/chat/completions",
            r#"{"model":"m/mock","messages":[],"user":"silent"}"#,
        ));
        until("the silent provider", || (upstream.seen().len() == 2).then_some(()));
        timed.sleep(DAY);
        idle.ends();
        let answer = waiting.answer();
        assert_eq!(answer.status, 504, "{}", answer.text());
        let record = gateway.record(answer.header("x-request-id").expect("an id"));
        let slept = Duration::from_secs(DAY.cast_unsigned()).as_micros();
        assert!(record["total_us"].as_u64().is_some_and(|us| u128::from(us) >= slept), "{record}");
        let mut fresh = gateway.client();
        for _ in 0..3 {
            assert_eq!(fresh.ask(&chat("")).status, 200);
        }
    });
}
