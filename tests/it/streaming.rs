//! Streams: each event at once, the right ones, and an end when either side ends.

use crate::harness::{Client, Gateway, KEY, Scripted, Setup, mock, on_both_drivers, post, stream, until};
use serde_json::Value;
use std::time::{Duration, Instant};

/// An event leaves before the next one is due: the provider waits between them, and the client sees each wait.
#[test]
fn events_leave_at_once() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        client.send(&stream("chunks=12&gap_ms=40"));
        assert_eq!(client.head().0, 200);
        let arrivals = client.arrivals(100);
        let contents: Vec<_> =
            arrivals.iter().filter(|event| event.data.contains(r#""content":""#)).collect();
        assert_eq!(contents.len(), 13);
        assert_eq!(arrivals.last().map(|event| event.data.as_str()), Some("[DONE]"));
        let mut gaps: Vec<_> = contents[1..].windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        gaps.sort_unstable();
        assert!(gaps[gaps.len() / 2] > Duration::from_millis(20), "events were held back: {gaps:?}");
    });
}

/// The first event is there while the provider is silent for ever after it.
#[test]
fn an_event_does_not_wait_for_the_next() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for path in ["/v1/chat/completions", "/v1/completions", "/v1/responses"] {
            let mut client = gateway.client();
            client.send(&post(
                path,
                r#"{"model":"m/mock?stall_after=2&chunks=5","stream":true,"messages":[]}"#,
            ));
            assert_eq!(client.head().0, 200);
            assert!(client.arrivals(2).len() >= 2, "{path}");
        }
    });
}

/// The head of a stream does not wait for its first event.
#[test]
fn the_head_of_a_stream_leaves_at_once() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
                peer.wait_for_end();
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        client.send(&stream(""));
        let (status, headers) = client.head();
        assert_eq!(status, 200);
        assert!(headers.contains(&("content-type".into(), "text/event-stream".into())));
    });
}

/// Usage is recorded though the client did not ask, and the client sees neither the chunk nor its `null`s.
#[test]
fn unasked_usage_is_recorded_and_hidden() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let settings = "chunks=7&prompt_tokens=1234&completion_tokens=56&cached_tokens=78";
        for path in ["/v1/chat/completions", "/v1/completions"] {
            let body = |more: &str| {
                format!(r#"{{"model":"m/mock?{settings}","stream":true{more},"messages":[],"prompt":""}}"#)
            };
            let answer = client.ask(&post(path, &body("")));
            assert!(answer.whole && !answer.text().contains("usage"), "{path}: {}", answer.text());
            assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
            let record = gateway.record(answer.id());
            for (name, value) in [("input_tokens", 1234), ("output_tokens", 56), ("cached_input_tokens", 78)]
            {
                assert_eq!(record[name], value, "{path} {name}: {record}");
            }
            assert_eq!((&record["stream"], &record["status"]), (&true.into(), &200.into()));
            let asked = client.ask(&post(path, &body(r#","stream_options":{"include_usage":true}"#)));
            let events = asked.events();
            let usage: Value = serde_json::from_str(&events[events.len() - 2]).expect("JSON");
            assert_eq!(usage["usage"]["prompt_tokens"], 1234);
            assert_eq!(gateway.record(asked.id())["output_tokens"], 56);
            let declined = client.ask(&post(path, &body(r#","stream_options":{"include_usage":false}"#)));
            assert!(!declined.text().contains("usage"), "{path}: {}", declined.text());
            assert_eq!(gateway.record(declined.id())["output_tokens"], 56);
        }
    });
}

/// A client that asked for usage gets exactly the provider's bytes; one that did not gets them without the report.
#[test]
fn streams_pass_byte_for_byte() {
    on_both_drivers(|io| {
        let events = ": a comment\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"x\":1 }\r\n\r\nid: 7\nretry: 10\ndata: {\"choices\":[]}\n\nevent: ping\ndata:{\"usage\" :\"in a word\"}\n\ndata: [DONE]\n\n";
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncontent-length: {}\r\n\r\n{events}",
            events.len()
        );
        let upstream = Scripted::always(answer);
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        let asked = r#"{"model":"m/x","stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(client.ask(&post("/v1/chat/completions", asked)).text(), events);
        assert_eq!(client.ask(&stream("")).text(), events);
    });
}

/// When the client leaves, the provider's connection ends within milliseconds, and the record says who left.
#[test]
fn a_client_that_leaves_stops_the_provider() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut delays = vec![];
        for (number, settings) in
            ["stall_after=2&chunks=9", "chunks=2000&gap_ms=5", "stall", "delay_ms=20000"]
                .into_iter()
                .enumerate()
        {
            let mut client = gateway.client();
            client.send(&stream(settings));
            until("the request at the provider", || {
                (mock.stats().requests == number as u64 + 1).then_some(())
            });
            if number < 2 {
                assert_eq!(client.head().0, 200);
                assert!(client.arrivals(2).len() >= 2);
            }
            let left = Instant::now();
            drop(client);
            until("the abort", || (mock.stats().aborted == number as u64 + 1).then_some(()));
            delays.push(mock.aborted_at().expect("one was aborted").saturating_duration_since(left));
        }
        eprintln!("client gone to upstream closed: {delays:?}");
        delays.sort_unstable();
        assert!(delays[delays.len() / 2] < Duration::from_millis(50), "{delays:?}");
        for record in gateway.records(4) {
            assert_eq!(record["fault"], "client_gone", "{record}");
            assert_eq!(record["blame"], "client");
        }
        assert_eq!(gateway.counted(&[("fault", "client_gone")]), 4);
        assert_eq!(gateway.records(4).len(), 4);
    });
}

/// A client that leaves during an answer that is no stream stops the provider too.
#[test]
fn leaving_before_a_whole_answer() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        client.send(&crate::harness::chat("delay_ms=20000"));
        until("the request at the provider", || (mock.stats().requests == 1).then_some(()));
        drop(client);
        until("the abort", || (mock.stats().aborted == 1).then_some(()));
        let record = gateway.only_record(1);
        assert_eq!((&record["fault"], &record["status"]), (&"client_gone".into(), &0.into()));
    });
}

/// A client that does not read slows its provider down; the gateway's memory does not grow with what waits.
#[test]
fn a_slow_client_slows_its_provider() {
    const EVENT: usize = 64 * 1024;
    const EVENTS: usize = 3200;
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_none() {
                return;
            }
            peer.send(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            );
            let event = format!("data: {{\"x\":\"{}\"}}\n\n", "y".repeat(EVENT));
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            for _ in 0..EVENTS {
                peer.send(chunk.as_bytes());
            }
            peer.send(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
            peer.wait_for_end();
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        client.send(&stream(""));
        assert_eq!(client.head().0, 200);
        assert_eq!(client.arrivals(1).len(), 1);
        let before = gateway.resident_bytes();
        std::thread::sleep(Duration::from_millis(700));
        let stalled = gateway.resident_bytes();
        let mut other = gateway.client();
        let models = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
        assert_eq!(other.ask(models.as_bytes()).status, 200, "others are served meanwhile");
        let (mut events, mut most) = (1, stalled);
        loop {
            let more = client.arrivals(200);
            most = most.max(gateway.resident_bytes());
            if more.is_empty() {
                break;
            }
            events += more.len();
        }
        assert_eq!(events, EVENTS + 1);
        let grown = most.saturating_sub(before);
        eprintln!(
            "{} MiB through; resident {} KiB before, {} KiB more at most",
            (EVENT * EVENTS) >> 20,
            before >> 10,
            grown >> 10
        );
        assert!(grown < 10 << 20, "memory grew by {grown} bytes");
        assert_eq!(gateway.only_record(2)["events"], EVENTS as u64 + 1);
    });
}

/// A client that stops reading for good is given up after the write limit, and its provider let go.
#[test]
fn a_client_that_never_reads_is_cut() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
                let chunk = format!("{:x}\r\ndata: {}\n\n\r\n", 65_536 + 8, "y".repeat(65_536));
                while std::io::Write::write_all(&mut peer.stream, chunk.as_bytes()).is_ok() {}
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address).with("limits", "{write_idle_ms: 300}"));
        let mut client = gateway.client();
        client.send(&stream(""));
        let record = gateway.only_record(1);
        assert_eq!(record["fault"], "client_stalled", "{record}");
        drop(client);
    });
}

/// Fifty streams at once on one shard each get all their events, and their own.
#[test]
fn streams_do_not_mix() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut clients: Vec<Client> = (0..50).map(|_| gateway.client()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(&stream(&format!("gap_ms=1&chunks={}", 10 + number)));
        }
        let mut ids = std::collections::BTreeSet::new();
        for (number, client) in clients.iter_mut().enumerate() {
            let events = client.answer().events();
            assert_eq!(events.iter().filter(|event| event.contains(r#"{"content":""#)).count(), 10 + number);
            let id = |event: &String| event.split('"').nth(3).unwrap_or_default().to_owned();
            assert!(events[..events.len() - 1].iter().all(|event| id(event) == id(&events[0])));
            ids.insert(id(&events[0]));
        }
        assert_eq!(ids.len(), 50);
    });
}
