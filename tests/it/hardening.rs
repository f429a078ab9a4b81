//! What hostile or careless peers must not be able to do.

use crate::harness::{
    Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, chat, mock, on_both_drivers, post, post_with, refusing,
    stream, until,
};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const JSON: &str = "content-type: application/json\r\n";
const PROMPT: &str = "canary-prompt-text-51d0";

/// No other spelling of a path reaches a provider, or anything.
#[test]
fn paths_have_one_spelling() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for path in [
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/v1/../v1/chat/completions",
            "/v1/./chat/completions",
            "/v1/chat%2fcompletions",
            "/v1/chat/completions%2f",
            "/v1/chat/completions%00",
            "/v1/chat/completions;x",
            "/v1/chat/completions/",
            "/v1/chat/completions/..",
            "/V1/chat/completions",
            "/v1/chat/completion",
            "/v1/chat\\completions",
            "/v1/models/../chat/completions",
            "/%761/chat/completions",
            "http://g//v1/chat/completions",
            "/v1/internal",
            "/metrics",
            "/-/reload",
        ] {
            let answer = gateway.client().ask(&post(path, r#"{"model":"m/mock","messages":[]}"#));
            assert!(matches!(answer.status, 404 | 405), "{path}: {}", answer.text());
            if path != "/v1/models/../chat/completions" {
                answer.refused(404, "unknown_url");
            }
        }
        assert_eq!(mock.stats().requests, 0);
        assert_eq!(gateway.records(19).len(), 19);
    });
}

/// One event of 30 MB passes whole, in bounded memory.
#[test]
fn a_huge_event_passes() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        gateway.client().ask(&stream("chunks=3"));
        let before = gateway.resident_bytes();
        let mut client = gateway.client();
        client.send(&stream("huge_event=30000000"));
        assert_eq!(client.head().0, 200);
        let (mut bytes, mut most, mut tail) = (0, before, vec![]);
        while let Some(chunk) = client.chunk().filter(|chunk| !chunk.is_empty()) {
            if bytes % (1 << 22) < chunk.len() {
                most = most.max(gateway.resident_bytes());
            }
            bytes += chunk.len();
            tail = chunk;
        }
        assert!(bytes >= 30_000_000, "{bytes}");
        assert!(String::from_utf8_lossy(&tail).ends_with("data: [DONE]\n\n"));
        let grown = most.saturating_sub(before);
        eprintln!("resident memory grew by {} KiB", grown >> 10);
        assert!(grown < 10 << 20, "{grown}");
        let record = gateway.only_record(2);
        assert_eq!(record["fault"], serde_json::Value::Null, "{record}");
    });
}

/// The memory of a large body, whatever its framing, is made in small pages, since huge ones hold everybody up; and it
/// goes back to the system when it was kept for others as long as it was to be, although nothing else happens.
#[test]
fn a_large_body_leaves_nothing_behind() {
    const BODY: usize = 60 << 20;
    const CHUNK: usize = 1 << 16;
    on_both_drivers(|io| {
        let mock = mock();
        let text = format!(r#"{{"model":"m/mock","messages":[],"padding":"{}"}}"#, "x".repeat(BODY));
        let chunks =
            text.as_bytes().chunks(CHUNK).map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), str(piece)));
        let bodies = [
            (format!("content-length: {}", text.len()), text.clone()),
            ("transfer-encoding: chunked".into(), chunks.collect::<String>() + "0\r\n\r\n"),
        ];
        for (framing, body) in bodies {
            let setup = Setup::of(io, &mock.base_url()).with("limits", "{spare_memory_ms: 4000}");
            let gateway = Gateway::start(&setup);
            assert_eq!(gateway.client().ask(&chat("")).status, 200);
            let (before, huge) = (gateway.resident_bytes(), gateway.huge_page_bytes());
            let mut client = gateway.client();
            client.send(
                format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\n{framing}\r\n\r\n").as_bytes(),
            );
            let (most, last) = body.as_bytes().split_at(body.len() - 1);
            client.send(most);
            until("most of it", || (gateway.resident_bytes() > before + (BODY / 8 * 7) as u64).then_some(()));
            let grown = gateway.huge_page_bytes().saturating_sub(huge);
            assert!(grown < (BODY / 4) as u64, "{framing}: {grown} bytes in huge pages");
            client.send(last);
            let answer = client.answer();
            assert_eq!(answer.status, 200, "{}", answer.text());
            // A few buffers are kept for others, and the allocator writes into what is freed.
            until("the memory", || (gateway.resident_bytes() < before + (BODY / 5) as u64).then_some(()));
        }
    });
}

fn str(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("ASCII")
}

/// What is secret appears in no log line, no metric, no answer and not on standard error, whatever goes wrong.
#[test]
fn secrets_appear_nowhere() {
    on_both_drivers(|io| {
        let mock = mock();
        let (_held, port) = refusing();
        let setup = Setup::of(io, &mock.base_url())
            .provider("down", &format!("http://{port}/v1"), "")
            .provider("dns", "http://nonexistent.invalid/v1", "")
            .model("down", "{provider: down, model: x}", "")
            .model("dns", "{provider: dns, model: x}", "")
            .with("timeouts", "{first_byte_ms: 200, idle_ms: 200}");
        let gateway = Gateway::start(&setup);
        let mut answers = String::new();
        let mut ask = |request: &[u8]| {
            let mut client = gateway.client();
            client.try_send(request);
            let answer = client.answer();
            writeln!(answers, "{:?} {}", answer.headers, answer.text()).expect("a string takes all");
        };
        let body = |model: &str| {
            format!(
                r#"{{"model":"{model}","messages":[{{"role":"user","content":"{PROMPT}"}}],"stream":true}}"#
            )
        };
        for model in [
            "m/mock",
            "m/mock?fault=reset",
            "m/mock?fault=garbage",
            "m/mock?stall",
            "m/mock?stall_after=1",
            "m/mock?reset_after=1",
            "m/mock?fault=echo_key",
            "m/mock?fault=status:401",
            "m/mock?fault=status:500",
            "m/mock?bad_chunk",
            "down",
            "dns",
            "none",
        ] {
            ask(&post("/v1/chat/completions", &body(model)));
        }
        ask(&post("/v1/chat/completions", &format!(r#"{{"model":"m/mock","messages":"{PROMPT}"#)));
        ask(&post("/v1/chat/completions", &format!(r#"{{"model":"m/mock","{PROMPT}":01}}"#)));
        ask(&post("/v1/nothing", &body("m/mock")));
        ask(&post(&format!("/v1/nothing?key={KEY}"), &body("m/mock")));
        ask(&post_with(
            "/v1/chat/completions",
            &format!("{JSON}authorization: Bearer {KEY}x\r\n"),
            body("m/mock").as_bytes(),
        ));
        ask(&post_with(
            "/v1/chat/completions",
            &format!("{JSON}authorization: Basic {KEY}\r\n"),
            body("m/mock").as_bytes(),
        ));
        ask(format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization : Bearer {KEY}\r\n\r\n").as_bytes());
        ask(format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\nx: y\r\n\r\n")
            .as_bytes());
        ask(format!("{KEY} {PROMPT}\r\n\r\n").as_bytes());
        ask(&post_with(
            "/v1/chat/completions",
            &format!("authorization: Bearer {KEY}\r\ncontent-type: {PROMPT}\r\n"),
            b"{}",
        ));
        gateway.rewrite_config(&gateway.config_text().replace("shards:", "shard:"));
        until("the bad configuration to be refused", || {
            (gateway.metric("gateway_config_refused_total") > 0).then_some(())
        });
        gateway.records(20);
        let metrics = gateway.metrics();
        for secret in [KEY, UPSTREAM_KEY, PROMPT] {
            for (place, text) in [
                ("answers", &answers),
                ("log", &gateway.log()),
                ("metrics", &metrics),
                ("stderr", &gateway.stderr()),
                ("stdout", &gateway.stdout()),
            ] {
                assert!(!text.contains(secret), "{secret} is in the {place}: {text}");
            }
        }
        let command =
            std::fs::read_to_string(format!("/proc/{}/cmdline", gateway.pid())).expect("the gateway runs");
        assert!(!command.contains(KEY));
    });
}

/// Names with line breaks, escape sequences or a megabyte of text give exactly one well-formed line each.
#[test]
fn log_lines_cannot_be_forged() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let quoted = |model: &str| format!(r#"{{"model":"{model}"}}"#);
        let forged = r"x\r\n{\u0022status\u0022:200}\u001b[31m";
        let long = "m".repeat(1_000_000);
        let requests = [
            post("/v1/chat/completions", &quoted(forged)),
            post("/v1/chat/completions", &quoted("m/\\u2028\\u0085\\u202e\\\\\\\"")),
            post("/v1/chat/completions", &quoted(&long)),
            post("/v1/chat/completions", &quoted(&"é".repeat(128))),
            post_with("/v1/chat/completions", &format!("{JSON}x-api-key: {KEY}\r\nuser-agent: a\tb\u{e9}\"\\ {}\r\n", "u".repeat(5000)), br#"{"model":"none"}"#),
            post_with("/v1/chat/completions", &format!("{JSON}x-api-key: \u{1f600}\"\\\r\n"), br#"{"model":"none"}"#),
            [&b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nuser-agent: \xff\xfe\x80\r\ncontent-length: 0\r\n\r\n"[..]].concat(),
            format!("GET /v1/models/%0d%0a%1b%5b31m{long} HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").into_bytes(),
            post("/v1beta/models/%0d%0a%1b%5b31m:generateContent", "{}"),
            post(&format!("/v1beta/models/{long}:generateContent?alt=sse"), "{}"),
            post("/v1/messages", &quoted(forged)),
            post("/v1/responses", &quoted(forged)),
            format!("GET /v1/models/%0d%0a%1b%5b31m HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").into_bytes(),
        ];
        for request in &requests {
            let mut client = gateway.client();
            client.try_send(request);
            let answer = client.answer();
            gateway.record(answer.id());
            assert!(!answer.text().contains('\u{1b}') && answer.body.len() < 2000, "{}", answer.text());
        }
        let log = gateway.log();
        assert_eq!(log.lines().count(), requests.len(), "{log}");
        assert!(!log.contains(['\u{1b}', '\r', '\u{7f}']), "{log:?}");
        assert!(log.lines().all(|line| line.len() < 2000));
        assert!(gateway.metrics().lines().all(|line| line.len() < 2000));
    });
}

/// Small messages are never held back for an acknowledgement: no answer and no event takes some 40 ms.
#[test]
fn nothing_waits_for_an_acknowledgement() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let mut took: Vec<Duration> = (0..200)
            .map(|_| {
                let began = Instant::now();
                assert_eq!(client.ask(&chat("")).status, 200);
                began.elapsed()
            })
            .collect();
        client.send(&stream("chunks=50&gap_ms=2"));
        assert_eq!(client.head().0, 200);
        let arrivals = client.arrivals(1000);
        let gaps = arrivals.windows(2).map(|pair| pair[1].at - pair[0].at);
        let mut gaps: Vec<Duration> = gaps.collect();
        for times in [&mut took, &mut gaps] {
            times.sort_unstable();
            let delayed = times.iter().filter(|time| (35..60).contains(&time.as_millis())).count();
            assert!(times[times.len() / 2] < Duration::from_millis(20), "{times:?}");
            assert!(delayed * 5 < times.len(), "{delayed} of {}: {times:?}", times.len());
        }
    });
}

/// A connection beyond the limit is told so at once; when another ends there is room again.
#[test]
fn connections_are_bounded() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("limits", "{connections: 3}"));
        let mut held: Vec<_> = (0..3).map(|_| gateway.client()).collect();
        for client in &mut held {
            assert_eq!(client.ask(&chat("")).status, 200);
        }
        let mut beyond = gateway.client();
        beyond.answer().refused(503, "overloaded");
        beyond.ends();
        assert_eq!(held[0].ask(&chat("")).status, 200);
        held.pop();
        until("room for a connection", || {
            let mut client = gateway.client();
            client.try_send(&chat(""));
            (client.answer().status == 200).then_some(())
        });
        until("the count", || {
            (gateway.metric("gateway_connections_refused_total{reason=\"connections\"}") >= 1).then_some(())
        });
    });
}

/// More requests at once than the limit are refused with a time to come again, and served when there is room.
#[test]
fn exchanges_are_bounded() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("limits", "{exchanges: 2}"));
        let mut held: Vec<_> = (0..2).map(|_| gateway.client()).collect();
        for client in &mut held {
            client.send(&stream("stall_after=1"));
            assert_eq!(client.head().0, 200);
        }
        let mut third = gateway.client();
        let refused = third.ask(&chat(""));
        refused.refused(503, "overloaded");
        assert_eq!(refused.header("retry-after"), Some("1"));
        drop(held);
        until("room for a request", || (gateway.client().ask(&chat("")).status == 200).then_some(()));
    });
}

/// Random bytes in place of requests, and in place of answers, bring nothing down.
#[test]
fn noise_brings_nothing_down() {
    const SEED: u64 = 0x51f3;
    on_both_drivers(|io| {
        let mock = mock();
        let noisy = Scripted::start(|number, mut peer| {
            let mut noise = Noise(SEED ^ number as u64);
            if peer.request().is_some() {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: {}\n\r\n0\r\n\r\n";
                peer.send(&noise.spoil(answer));
            }
        });
        let setup = Setup::of(io, &mock.base_url())
            .provider("noisy", &format!("http://{}/v1", noisy.address), "")
            .model("noisy", "{provider: noisy, model: x}", "")
            .with("limits", "{head_ms: 300, body_idle_ms: 300, keep_alive_ms: 300}");
        let gateway = Gateway::start(&setup);
        let mut noise = Noise(SEED);
        let request = chat("");
        for _ in 0..150 {
            let mut client = gateway.client();
            client.try_send(&noise.spoil(&request));
            client.finish();
            client.drain();
        }
        for _ in 0..150 {
            let mut client = gateway.client();
            client.try_send(&post("/v1/chat/completions", r#"{"model":"noisy","stream":true}"#));
            client.more().expect("an answer of some kind");
        }
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
        assert_eq!(gateway.metric("gateway_panics_total"), 0);
        assert!(!gateway.stderr().contains("panic"), "{}", gateway.stderr());
    });
}

/// `SplitMix64`: the same noise for the same seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The bytes with a few of them changed, left out or repeated.
    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut spoilt = bytes.to_vec();
        for _ in 0..=self.next() % 4 {
            let at = (self.next() % spoilt.len() as u64) as usize;
            match self.next() % 4 {
                0 => spoilt[at] = self.next() as u8,
                1 => drop(spoilt.remove(at)),
                2 => spoilt.insert(at, b"\r\n\0 :,;0"[(self.next() % 8) as usize]),
                _ => spoilt.truncate(at.max(1)),
            }
        }
        spoilt
    }
}

/// On a machine without a ring the same binary serves on epoll, and says so in its metrics.
#[test]
fn epoll_is_told() {
    let gateway = Gateway::start(&Setup::of(Io::Epoll, "http://127.0.0.1:9/v1"));
    assert!(gateway.metrics().contains(r#"gateway_io_driver{shard="0",driver="epoll"} 1"#));
}
