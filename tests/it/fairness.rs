//! What bulk on a shard costs those who share it.

use crate::harness::{
    Client, Gateway, KEY, PATIENCE, Scripted, Setup, on_both_drivers, post, schedstat, stream,
};
use ringgate::net::runtime::{allowed_cpus, pin_to_cpu};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const BULK: usize = 200_000_000;
const EVENT: usize = 30_000_000;
/// Between two requests of a bystander.
const PACE: Duration = Duration::from_millis(4);
/// Rounds at most, and how many of them have to be good. Others on this machine spoil a third of them when it is full;
/// a gateway that holds bystanders up spoils all.
const ROUNDS: usize = 8;
const GOOD: usize = 3;
/// What a wait may come from that is not the gateway's: bystanders, bulk clients and provider share a processor,
/// whose scheduler gives each of them slices of some 3 ms.
const FLOOR: Duration = Duration::from_millis(5);

/// While a body of 200 MB goes up, an answer of 200 MB comes down, or one event of 30 MB passes, at full speed, the
/// small requests of others on the same shard are answered about as soon as without.
#[test]
fn bulk_does_not_hold_bystanders_up() {
    if allowed_cpus().len() < 2 {
        eprintln!("skipped: the shard needs a processor of its own");
        return;
    }
    on_both_drivers(|io| {
        // A second format has bodies searched for what its models left behind.
        // Everything but the shard runs on the last processor; the gateway pins its shard to the first.
        let upstream = pinned(|| Scripted::start(|_, peer| drop(play(peer.stream))));
        let setup = Setup::at(io, upstream.address)
            .with("limits", "{body_bytes: 300000000}")
            .with("access_log", "{path: none}")
            .provider_of("anthropic", "claude", &format!("http://{}", upstream.address), "")
            .model("c/*", "{provider: claude, model: \"*\"}", "");
        let gateway = Gateway::start(&setup);
        let bystander = || pinned(|| watch(&gateway, || false, Duration::from_millis(800)));
        bystander();
        let bulks: [(&str, Bulk); 3] =
            [("a body of 200 MB", upload), ("an answer of 200 MB", download), ("an event of 30 MB", event)];
        for (what, bulk) in bulks {
            let fair = (0..ROUNDS).filter(|_| {
                let without = bystander();
                let with = beside(&gateway, bulk);
                eprintln!("{what}: without {without:?}, with {with:?}");
                with.p99 <= 2 * without.p99.max(FLOOR)
            });
            assert_eq!(fair.take(GOOD).count(), GOOD, "{io:?}: {what} holds bystanders up");
        }
    });
}

/// Moves bulk through the gateway at this address.
type Bulk = fn(SocketAddr);

/// What a bystander sees while bulk moves.
fn beside(gateway: &Gateway, bulk: Bulk) -> Seen {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin();
            // Those who watch go first when they have something to do.
            _ = rustix::process::nice(19);
            bulk(gateway.address);
            done.store(true, Ordering::Relaxed);
        });
        let watching = scope.spawn(|| {
            pin();
            watch(gateway, || done.load(Ordering::Relaxed), PATIENCE)
        });
        watching.join().expect("no panic")
    })
}

fn pin() {
    pin_to_cpu(*allowed_cpus().last().expect("at least one")).expect("it is allowed");
}

/// Runs something where the shard does not run, and whatever threads it starts.
fn pinned<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            pin();
            run()
        });
        running.join().expect("no panic")
    })
}

/// What a bystander saw.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Seen {
    requests: usize,
    p50: Duration,
    p99: Duration,
    most: Duration,
}

/// Time as the gateway and a bystander have it: it stands still while either of them could go on and their
/// processor serves somebody else.
struct Clock {
    began: Instant,
    shard: PathBuf,
    stolen: Duration,
}

impl Clock {
    fn start(gateway: &Gateway) -> Self {
        let shard = gateway.shard_schedstat();
        let mut clock = Self { began: Instant::now(), shard, stolen: Duration::ZERO };
        clock.stolen = clock.waited();
        clock
    }

    fn shard_ran(&self) -> Duration {
        schedstat(&self.shard).ran
    }

    /// How long both have waited for their processors.
    fn waited(&self) -> Duration {
        schedstat(&self.shard).waited + schedstat(Path::new("/proc/thread-self/schedstat")).waited
    }

    fn now(&self) -> Duration {
        (self.began.elapsed() + self.stolen).saturating_sub(self.waited())
    }

    /// The clock may have stood still while a thread slept: it sleeps on then.
    fn sleep_until(&self, due: Duration) {
        while let Some(left) = due.checked_sub(self.now()).filter(|left| !left.is_zero()) {
            std::thread::sleep(left);
        }
    }
}

/// Asks at a steady pace until told to end. What is late counts from when it was due.
fn watch(gateway: &Gateway, ended: impl Fn() -> bool, most: Duration) -> Seen {
    let request = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
    let mut client = gateway.client();
    let (clock, mut took) = (Clock::start(gateway), vec![]);
    while !ended() && clock.began.elapsed() < most {
        let due = PACE * took.len() as u32;
        clock.sleep_until(due);
        let (asked, ran) = (Instant::now(), clock.shard_ran());
        assert_eq!(client.ask(request.as_bytes()).status, 200);
        // The kernel counts a wait when it is over, and so perhaps one from before this request. But for what the
        // shard did meanwhile the bystander has waited.
        let busy = clock.shard_ran().saturating_sub(ran).min(asked.elapsed());
        took.push(clock.now().saturating_sub(due).max(busy));
    }
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part / 1000).min(took.len() - 1)];
    Seen { requests: took.len(), p50: at(500), p99: at(990), most: at(1000) }
}

fn upload(address: SocketAddr) {
    let head = r#"{"model":"m/up","messages":[{"role":"user","content":""#;
    let tail = r#""}]}"#;
    let length = head.len() + BULK + tail.len();
    for _ in 0..2 {
        let mut client = Client::connect(address);
        client.send(
            format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{head}").as_bytes(),
        );
        let piece = vec![b'y'; 1_000_000];
        for _ in 0..BULK / piece.len() {
            client.send(&piece);
        }
        client.send(tail.as_bytes());
        assert_eq!(client.answer().status, 200);
    }
}

fn download(address: SocketAddr) {
    for _ in 0..3 {
        let mut client = Client::connect(address);
        client.send(&post("/v1/audio/speech", r#"{"model":"m/down","input":"x"}"#));
        assert_eq!(client.head().0, 200);
        let mut left = BULK - client.rest.len();
        let mut buffer = vec![0; 256 * 1024];
        while left > 0 {
            left -= client.stream.read(&mut buffer).expect("more of the answer");
        }
    }
}

fn event(address: SocketAddr) {
    for _ in 0..6 {
        let mut client = Client::connect(address);
        client.send(&stream("event"));
        assert_eq!(client.head().0, 200);
        let mut bytes = 0;
        while let Some(chunk) = client.chunk().filter(|chunk| !chunk.is_empty()) {
            bytes += chunk.len();
        }
        assert!(bytes > EVENT);
    }
}

/// Takes requests without keeping their bodies, and answers by their models.
fn play(mut stream: TcpStream) -> std::io::Result<()> {
    _ = rustix::process::nice(19);
    let mut buffer = vec![0; 256 * 1024];
    let mut read = stream.read(&mut buffer)?;
    while memchr::memmem::find(&buffer[..read], b"\"model\"").is_none() {
        read += stream.read(&mut buffer[read..])?;
    }
    let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
    let head = text.find("\r\n\r\n").expect("a head") + 4;
    let length = text
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut left = (head + length.unwrap_or(0usize)).saturating_sub(read);
    while left > 0 {
        left -= stream.read(&mut buffer)?.min(left);
    }
    let piece = vec![b'y'; 100_000];
    let mut send = |head: &str, bytes: usize, tail: &str| {
        stream.write_all(head.as_bytes())?;
        (0..bytes / piece.len()).try_for_each(|_| stream.write_all(&piece))?;
        stream.write_all(tail.as_bytes())
    };
    if text.contains("audio") {
        send(
            &format!("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: {BULK}\r\n\r\n"),
            BULK,
            "",
        )
    } else if text.contains("\"stream\":true") {
        let length = EVENT + 16 + 14;
        send(
            &format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\ndata: {{\"x\":\""
            ),
            EVENT,
            "\"}\n\ndata: [DONE]\n\n",
        )
    } else {
        send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}", 0, "")
    }
}
