//! Peers that lie about their ends, stall, or vanish: what the other side sees of it.

use crate::harness::frames::CHAT_HEAD;
use crate::harness::{
    Client, End, Frames, Gateway, KEY, Scripted, Setup, mock, on_both_drivers, post, post_with, schedstat,
    stream, until,
};
use rustix::process::Signal;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
/// What every wait that should not happen is told from: far below any limit that is configured, far above what a
/// loaded machine takes.
const AT_ONCE: Duration = Duration::from_secs(3);

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn chat_event(text: &str) -> String {
    chunk(&format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"))
}

/// The last event of a stream is its end for the client, whatever the provider does with its connection.
#[test]
fn a_stream_ends_with_its_last_event() {
    on_both_drivers(|io| {
        let chat = chat_event("a") + &chunk("data: [DONE]\n\n");
        let responses = chunk("event: response.created\ndata: {\"type\":\"response.created\"}\n\n")
            + &chunk(
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n",
            );
        // What follows the last event: silence, an end too early, garbage, and drops for ever.
        for after in ["", "close", "not a chunk\r\n", "drip"] {
            let (ended, upstream_ended) = channel();
            let (chat, responses) = (chat.clone(), responses.clone());
            let upstream = Scripted::start(move |_, mut peer| {
                let Some(request) = peer.request() else { return };
                let body = if request.starts_with("POST /v1/responses") { &responses } else { &chat };
                peer.send((EVENTS.to_owned() + body).as_bytes());
                match after {
                    "close" => return,
                    "drip" => {
                        while std::io::Write::write_all(&mut peer.stream, b"3\r\n:x\n\r\n").is_ok() {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                    garbage => peer.send(garbage.as_bytes()),
                }
                peer.wait_for_end();
                ended.send(()).expect("the test waits");
            });
            let gateway = Gateway::start(&Setup::at(io, upstream.address));
            let mut client = gateway.client();
            for (turn, path) in ["/v1/chat/completions", "/v1/responses"].into_iter().enumerate() {
                let began = Instant::now();
                let answer = client.ask(&post(path, r#"{"model":"m/x","stream":true}"#));
                let took = began.elapsed();
                assert!(answer.whole && took < AT_ONCE, "{after:?} {path}: {took:?} {}", answer.text());
                let record = gateway.record(answer.id());
                assert_eq!((&record["status"], &record["fault"]), (&200.into(), &Value::Null), "{record}");
                if after != "close" {
                    upstream_ended.recv_timeout(AT_ONCE).expect("the upstream's connection is let go");
                }
                assert_eq!(upstream.accepted(), turn + 1, "a connection in doubt is not used again");
            }
        }
    });
}

/// A provider whose end of the body comes a moment after its last event keeps its connection.
#[test]
fn an_end_that_comes_a_moment_later_is_taken() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            while peer.request().is_some() {
                peer.send((EVENTS.to_owned() + &chat_event("a") + &chunk("data: [DONE]\n\n")).as_bytes());
                std::thread::sleep(Duration::from_millis(3));
                peer.send(b"0\r\n\r\n");
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        for _ in 0..3 {
            assert!(client.ask(&stream("")).whole);
        }
        assert_eq!(upstream.accepted(), 1);
    });
}

/// A client that leaves with the last event, not waiting for the body's end, has had its answer.
#[test]
fn a_client_may_leave_with_the_last_event() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.send((EVENTS.to_owned() + &chat_event("a") + &chunk("data: [DONE]\n\n")).as_bytes());
                peer.wait_for_end();
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        client.send(&stream(""));
        client.head();
        assert_eq!(client.arrivals(2).last().map(|event| event.data.as_str()), Some("[DONE]"));
        drop(client);
        let record = gateway.only_record(1);
        assert_eq!((&record["status"], &record["fault"]), (&200.into(), &Value::Null), "{record}");
    });
}

/// What arrives together with a malformed chunk is good up to it: the client gets it, then the error and the cut.
#[test]
fn what_came_before_a_malformed_chunk_arrives() {
    on_both_drivers(|io| {
        let good = chat_event("one") + &chat_event("two");
        let upstream = Scripted::once(EVENTS.to_owned() + &good + "zz\r\n");
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        let answer = client.ask(&stream(""));
        let events = answer.events();
        assert!(!answer.whole && events.len() == 3, "{}", answer.text());
        assert!(events[0].contains("one") && events[1].contains("two"));
        let last: Value = serde_json::from_str(&events[2]).expect("JSON");
        assert_eq!(last["error"]["code"], "upstream_malformed");
        let record = gateway.record(answer.id());
        assert_eq!((&record["fault"], &record["events"]), (&"upstream_malformed".into(), &2.into()));
    });
}

/// The same for an answer that is no stream: its good bytes, and no end.
#[test]
fn a_whole_answer_breaks_at_the_malformed_chunk() {
    on_both_drivers(|io| {
        let (go, told) = channel::<()>();
        let told = std::sync::Mutex::new(told);
        let upstream = Scripted::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n");
                told.lock().expect("no panic").recv().expect("the client has the beginning");
                peer.send(b"4\r\n\":12\r\nxyz\r\n");
                peer.wait_for_end();
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        client.send(&crate::harness::chat(""));
        assert_eq!(client.head().0, 200);
        assert_eq!(client.chunk().as_deref(), Some(&b"{\"a"[..]));
        go.send(()).expect("the upstream waits");
        assert_eq!(client.chunk().as_deref(), Some(&b"\":12"[..]));
        assert_eq!(client.chunk(), None, "no end");
        assert_eq!(gateway.only_record(1)["fault"], "upstream_malformed");
    });
}

/// A line of a head that ends in a bare line feed is refused when it is seen, not when the head is overdue.
#[test]
fn bare_line_feeds_are_refused_at_once() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1"));
        let first = "GET /v1/models HTTP/1.1\r\n";
        let heads = [
            vec!["GET /v1/models HTTP/1.1\n"],
            vec!["GET /v1/models HTTP/1.1\nhost: g\n\n"],
            vec![first, "host: g\n"],
            vec![first, "host: g\r\nx: y\n\r\n"],
            vec![first, "host: g\r\nx: y\r\n\n"],
            vec![first, "host: g\r\nx: y\r\n", "\n"],
            vec![first, "host: g\r\nx: y", "\n"],
            vec![first, "host: g\r\nx: y\r\nz: ", "1\n", "more: 2\r\n"],
        ];
        for pieces in heads {
            let mut client = gateway.client();
            let began = Instant::now();
            for piece in &pieces {
                client.try_send(piece.as_bytes());
                std::thread::sleep(Duration::from_millis(2));
            }
            client.answer().refused(400, "malformed_request");
            assert!(began.elapsed() < AT_ONCE, "{pieces:?}: {:?}", began.elapsed());
        }
        let mut client = gateway.client();
        for piece in [first, "host: g\r", "\nx-api-key: ", KEY, "\r", "\n", "\r", "\n"] {
            client.send(piece.as_bytes());
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(client.answer().status, 200, "line ends that arrive in two pieces are whole");
    });
}

/// A client that sends its whole large body before it reads anything finds the whole refusal.
#[test]
fn early_refusals_are_read_late() {
    on_both_drivers(|io| {
        let gateway =
            Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1").with("limits", "{body_bytes: 9000000}"));
        let body = vec![b' '; 5 << 20];
        let wrong = "authorization: Bearer wrong\r\ncontent-type: application/json\r\n";
        let right = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n");
        let too_large = vec![b' '; 12 << 20];
        let cases = [
            (post_with("/v1/chat/completions", wrong, &body), 401, "invalid_api_key"),
            (post_with("/v1/nothing", wrong, &body), 404, "unknown_url"),
            (post_with("/v1/chat/completions", &right, &too_large), 413, "body_too_large"),
        ];
        for (request, status, code) in &cases {
            for _ in 0..3 {
                let mut client = gateway.client();
                client.send(request);
                let answer = client.answer();
                answer.refused(*status, code);
                assert_eq!((answer.whole, client.drain()), (true, End::Closed), "{code}");
            }
        }
    });
}

/// After an error inside a stream, what the client still sends does not cost it the error.
#[test]
fn an_error_inside_a_stream_outlives_unread_requests() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.send((EVENTS.to_owned() + &chat_event("a")).as_bytes());
                std::thread::sleep(Duration::from_millis(50));
                peer.send(b"zz\r\n");
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        for _ in 0..5 {
            let mut client = gateway.client();
            client.send(&stream(""));
            // More than the kernels hold: it is still being sent when the stream breaks.
            client.send(&post("/v1/chat/completions", &" ".repeat(8 << 20)));
            assert_eq!(client.drain(), End::Closed);
            let text = String::from_utf8_lossy(&client.rest);
            assert!(text.contains("upstream_malformed") && !text.ends_with("0\r\n\r\n"), "{text}");
        }
    });
}

/// A client that was refused and stays connected holds the end of the process up no longer than new ones do.
#[test]
fn lingering_clients_do_not_hold_the_end_up() {
    on_both_drivers(|io| {
        let mut gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1"));
        let mut held: Vec<Client> = (0..3).map(|_| gateway.client()).collect();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 1000000\r\n\r\n";
        for client in &mut held {
            client.send(head.as_bytes());
            assert_eq!(client.answer().status, 401);
        }
        let mut dripping = held[0].stream.try_clone().expect("a second handle");
        std::thread::spawn(move || {
            while std::io::Write::write_all(&mut dripping, b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let began = Instant::now();
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.wait().code(), Some(0));
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    });
}

/// Over HTTP/2 a refusal that needs no body is a whole answer, behind which the stream is given up without an error.
#[test]
fn early_refusals_over_http2_are_whole() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (status, text, reason) = runtime.block_on(refused_over_http2(gateway.address));
        assert_eq!(status, 401);
        let body: Value = serde_json::from_str(&text).expect("the whole body");
        assert_eq!(body["error"]["code"], "invalid_api_key");
        assert_eq!(reason, h2::Reason::NO_ERROR);
    });
}

async fn refused_over_http2(address: SocketAddr) -> (u16, String, h2::Reason) {
    let tcp = tokio::net::TcpStream::connect(address).await.expect("the gateway accepts connections");
    let (mut client, connection) = h2::client::handshake(tcp).await.expect("a handshake");
    tokio::spawn(connection);
    let request = http::Request::post("http://g/v1/chat/completions")
        .header("authorization", "Bearer wrong")
        .header("content-type", "application/json")
        .header("content-length", "5000000")
        .body(())
        .expect("a request");
    let (answer, mut sending) = client.send_request(request, false).expect("a stream");
    sending.send_data(vec![b' '; 60_000].into(), false).expect("it is queued");
    let answer = answer.await.expect("an answer");
    let status = answer.status().as_u16();
    let (mut body, mut text) = (answer.into_body(), vec![]);
    while let Some(data) = body.data().await {
        text.extend_from_slice(&data.expect("the body is whole"));
    }
    let reset = std::future::poll_fn(|cx| sending.poll_reset(cx));
    let reason = tokio::time::timeout(AT_ONCE, reset).await.expect("the stream is given up");
    (status, String::from_utf8_lossy(&text).into_owned(), reason.expect("a reset"))
}

/// A client that takes a large answer slowly, but takes it, is not cut, however much longer than the limit it needs.
#[test]
fn a_slow_client_that_progresses_is_served() {
    const BYTES: usize = 12 << 20;
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: {BYTES}\r\n\r\n");
                peer.send(head.as_bytes());
                peer.send(&vec![b'y'; BYTES]);
                peer.wait_for_end();
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address).with("limits", "{write_idle_ms: 300}"));
        let mut client = narrow(gateway.address);
        client.send(&post("/v1/audio/speech", r#"{"model":"m/x","input":"x"}"#));
        assert_eq!(client.head().0, 200);
        let began = Instant::now();
        let mut taken = 0;
        while began.elapsed() < Duration::from_millis(2500) {
            client.more().expect("a client that progresses is not cut");
            taken += std::mem::take(&mut client.rest).len();
            std::thread::sleep(Duration::from_millis(40));
        }
        assert!(taken < BYTES / 2, "the client is slow: {taken}");
        while taken < BYTES {
            client.more().expect("the rest");
            taken += std::mem::take(&mut client.rest).len();
        }
        let record = gateway.only_record(1);
        assert_eq!((&record["status"], &record["fault"]), (&200.into(), &Value::Null), "{record}");
    });
}

/// A client that took some and then nothing is cut when the limit has passed since its last progress.
#[test]
fn a_slow_client_that_stops_is_cut() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 50000000\r\n\r\n");
                peer.send(&vec![b'y'; 50_000_000]);
                peer.wait_for_end();
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address).with("limits", "{write_idle_ms: 300}"));
        let mut client = narrow(gateway.address);
        client.send(&post("/v1/audio/speech", r#"{"model":"m/x","input":"x"}"#));
        assert_eq!(client.head().0, 200);
        for _ in 0..10 {
            client.more().expect("a client that progresses is not cut");
            std::thread::sleep(Duration::from_millis(40));
        }
        let stopped = Instant::now();
        assert_eq!(gateway.only_record(1)["fault"], "client_stalled");
        assert!(stopped.elapsed() < AT_ONCE, "{:?}", stopped.elapsed());
    });
}

/// A client that can hold little that it has not read.
fn narrow(address: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a size can be set");
    socket.connect(&address.into()).expect("the gateway accepts connections");
    let stream: std::net::TcpStream = socket.into();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a timeout can be set");
    Client::over(stream)
}

/// How soon a provider is let go when its client leaves, as `perf/BUDGET.md` promises, in most rounds of a test. Others
/// on this machine may spoil a few; a gateway that looks now and then spoils most.
const LET_GO: Duration = Duration::from_millis(5);

/// A client that sent its next request already is noticed at once when it leaves, by an orderly end or a reset,
/// whether that request came together with the first one or later.
#[test]
fn a_pipelining_client_that_leaves_stops_its_provider() {
    const ROUNDS: u64 = 40;
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut delays = vec![];
        let requests = [stream("delay_ms=20000"), stream("")];
        for number in 0..ROUNDS {
            let (together, reset) = (number % 2 == 0, number % 4 >= 2);
            let mut client = gateway.client();
            if together {
                client.send(&requests.concat());
            } else {
                client.send(&requests[0]);
            }
            until("the request at the provider", || (mock.stats().requests == number + 1).then_some(()));
            if !together {
                client.send(&requests[1]);
            }
            // Time enough to read it, and no round at the same time of a clock that the gateway may have.
            std::thread::sleep(Duration::from_millis(5 + number % 20));
            if reset {
                socket2::SockRef::from(&client.stream)
                    .set_linger(Some(Duration::ZERO))
                    .expect("it can be set");
            }
            let left = Instant::now();
            drop(client);
            until("the abort", || (mock.stats().aborted == number + 1).then_some(()));
            delays.push(mock.aborted_at().expect("one was aborted").saturating_duration_since(left));
        }
        delays.sort_unstable();
        eprintln!("pipelining client gone to upstream closed: {delays:?}");
        assert!(delays[delays.len() / 2] < LET_GO, "{delays:?}");
        for record in gateway.records(ROUNDS as usize) {
            assert_eq!(record["fault"], "client_gone", "{record}");
        }
        let records = gateway.records(ROUNDS as usize).len();
        assert_eq!(records, ROUNDS as usize, "a request that nobody waits for is not begun");
    });
}

/// Over HTTP/2 a stream that is given up, before its answer or inside it, and a connection that ends, let the provider go
/// as soon.
#[test]
fn a_stream_that_is_given_up_stops_its_provider() {
    const ROUNDS: u64 = 30;
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for (when, query) in [("before an answer", "delay_ms=20000"), ("inside an answer", "stall_after=2")] {
            let mut delays = vec![];
            for number in 0..ROUNDS {
                let before = mock.stats();
                let mut client = Frames::connect(gateway.address);
                client.head(1, &CHAT_HEAD, true);
                let body = format!(r#"{{"model":"m/mock?{query}","messages":[],"stream":true}}"#);
                client.body(1, body.as_bytes());
                until("the request at the provider", || {
                    (mock.stats().requests == before.requests + 1).then_some(())
                });
                if when == "inside an answer" {
                    assert_eq!(client.status(1), Ok(200));
                }
                std::thread::sleep(Duration::from_millis(5 + number % 20));
                let left = Instant::now();
                let ended = if number % 2 == 0 {
                    client.cancel(1);
                    Some(client)
                } else {
                    drop(client);
                    None
                };
                until("the abort", || (mock.stats().aborted == before.aborted + 1).then_some(()));
                delays.push(mock.aborted_at().expect("one was aborted").saturating_duration_since(left));
                drop(ended);
            }
            delays.sort_unstable();
            eprintln!("stream given up {when} to upstream closed: {delays:?}");
            assert!(delays[delays.len() * 3 / 4] < LET_GO, "{when}: {delays:?}");
        }
        for record in gateway.records(2 * ROUNDS as usize) {
            assert_eq!(record["fault"], "client_gone", "{record}");
        }
    });
}

/// Of a crowd of pipelining clients those who leave together are all noticed, and the others get their answers; who
/// watches them costs next to nothing while nobody leaves.
#[test]
fn a_crowd_of_pipelining_clients_is_watched() {
    const CROWD: usize = 300;
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let requests = [stream("delay_ms=4000&chunks=1"), stream("chunks=1")].concat();
        let mut clients: Vec<Client> = (0..CROWD).map(|_| gateway.client()).collect();
        for client in &mut clients {
            client.send(&requests);
        }
        until("the requests at the provider", || (mock.stats().requests == CROWD as u64).then_some(()));
        let shard = gateway.shard_schedstat();
        let before = schedstat(&shard).ran;
        std::thread::sleep(Duration::from_secs(1));
        let watching = schedstat(&shard).ran.saturating_sub(before);
        eprintln!("{watching:?} of processor time in a second beside {CROWD} pipelining clients");
        assert!(watching < Duration::from_millis(100), "{watching:?}");
        let stay = clients.split_off(CROWD * 9 / 10);
        let (gone, left) = (clients.len(), Instant::now());
        drop(clients);
        until("the aborts", || (mock.stats().aborted == gone as u64).then_some(()));
        eprintln!("{gone} clients gone to the last upstream closed: {:?}", left.elapsed());
        for mut client in stay {
            assert!((0..2).all(|_| client.answer().whole));
        }
        let records = gateway.records(CROWD + CROWD / 10);
        assert_eq!(records.iter().filter(|record| record["fault"] == "client_gone").count(), gone);
        assert_eq!(records.iter().filter(|record| record["fault"] == Value::Null).count(), CROWD / 5);
    });
}
