//! A warm gateway serves without the heap.
//!
//! The gateway's threads run in this process, on each I/O driver, with keys and with the access log; everything that
//! any thread allocates is counted. The provider is the mock, in a process of its own. The client is this thread, with
//! buffers that were made before.
//!
//! What streams over HTTP/2 hold while they are open is counted, too.
//!
//! There is no test harness: its threads would be counted too. `RINGGATE_TRACE_ALLOCATIONS=3` prints where the first
//! three allocations of each measurement come from.

mod client;
mod counting;
mod gateway;
mod streams;
mod upstream;

use client::{Clients, Work};
use counting::Counting;
use gateway::Gateway;
use ringgate::net::runtime::Wanted;
use std::process::ExitCode;
use streams::{Flock, STREAMS};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Connections at a time.
const CONNECTIONS: usize = 8;
/// Requests of each kind before the first one that is measured.
const WARM_UP: usize = 504;
/// How often the buffers of a translated stream may grow, in its life: they double up to the size of a read.
const GROWTHS: u64 = 24;
/// Bytes that an open stream over HTTP/2 may hold, with its share of its connection: what is promised of any open stream.
/// It holds 14 to 15 KB.
const STREAM_BYTES: usize = 16 << 10;
/// Connections with open streams of which the memory is measured.
const FLOCKS: usize = 5;
/// By how much a long stream is longer than a short one.
const EVENTS_MORE: usize = 3_600;
/// Allocations that a measurement may have in all, whatever its number of requests: what the threads do once in a
/// while grows a table here and there. A request that allocates, be it one in ten, has many more.
const SLACK: u64 = 16;

fn main() -> ExitCode {
    if upstream::is_wanted() {
        return upstream::run();
    }
    let upstream = upstream::Upstream::start();
    let measured = [Wanted::Auto, Wanted::Epoll].map(|io| {
        let warm = no_allocation_per_request(io, &upstream);
        open_streams_are_small(io, &upstream) && warm
    });
    if measured.iter().all(|within| *within) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// After a warm-up, no request allocates: neither on its shard nor, by its record, on the log core. Nor does an event
/// of a stream.
fn no_allocation_per_request(io: Wanted, upstream: &upstream::Upstream) -> bool {
    let gateway = Gateway::start(io, upstream.address);
    let works = works();
    let mut clients = Clients::connect(gateway.address, CONNECTIONS);
    for work in &works {
        clients.serve(work, WARM_UP);
    }
    let mut within = true;
    for work in &works {
        let count = counting::during(|| clients.serve(work, work.requests));
        let per_request = count as f64 / work.requests as f64;
        let verdict = if count <= SLACK { "ok" } else { "TOO MANY" };
        eprintln!(
            "{:<24} {:<48} {count:>6} allocations in {:>5} requests: {per_request:.2} per request, {verdict}",
            gateway.driver(),
            work.name,
            work.requests
        );
        within &= count <= SLACK;
    }
    let crossed = crossed();
    for (short, long) in &crossed {
        within &= events_are_free(&mut clients, gateway.driver(), short, long);
    }
    drop(clients);
    let measured: usize = works.iter().map(|work| WARM_UP + work.requests).sum();
    let compared: usize = crossed.iter().map(|(short, long)| 2 * (short.requests + long.requests)).sum();
    let served = measured + compared;
    let logged = gateway.end();
    assert_eq!(logged, served, "every request has its line in the access log");
    within
}

/// Open streams over HTTP/2 hold little.
fn open_streams_are_small(io: Wanted, upstream: &upstream::Upstream) -> bool {
    let gateway = Gateway::start(io, upstream.address);
    // What the shard sets up once is there with the first. How many buffers it has left over then differs from run to
    // run: that weighs little beside many streams.
    let first = Flock::open(gateway.address);
    let before = counting::held();
    let more: Vec<Flock> = (0..FLOCKS).map(|_| Flock::open(gateway.address)).collect();
    let each = counting::held().saturating_sub(before) / (FLOCKS * STREAMS);
    let verdict = if each <= STREAM_BYTES { "ok" } else { "TOO MANY" };
    eprintln!("{:<24} {each} bytes for an open stream over HTTP/2: {verdict}", gateway.driver());
    drop((first, more));
    gateway.end();
    each <= STREAM_BYTES
}

/// Streams that are translated allocate for their request and their beginning, and nothing for what their answers are
/// longer, but for a buffer that grows to the size of the largest read.
fn events_are_free(clients: &mut Clients, driver: &str, short: &Work, long: &Work) -> bool {
    let mut count = |work: &Work| {
        clients.serve(work, work.requests);
        counting::during(|| clients.serve(work, work.requests))
    };
    let (few, many) = (count(short), count(long));
    let more = many.saturating_sub(few);
    let within = more <= SLACK + GROWTHS * long.requests as u64;
    let verdict = if within { "ok" } else { "TOO MANY" };
    eprintln!(
        "{driver:<24} {:<48} {few:>6} allocations in {:>5} requests, {more} more with {EVENTS_MORE} more events each: {verdict}",
        long.name, long.requests
    );
    within
}

/// Pairs of streams for clients of `OpenAI`'s, the second of which has [`EVENTS_MORE`] events more.
fn crossed() -> [(Work, Work); 2] {
    [("streams of Anthropic's, translated", "claude"), ("streams of Google's, translated", "google")].map(
        |(name, format)| {
            let stream = |events: usize| Work::stream(name, &format!("{format}/mock?chunks={events}"), 80);
            (stream(400), stream(400 + EVENTS_MORE))
        },
    )
}

/// What is measured. The bodies are those of clients that never heard of the gateway: none asks for usage in its
/// stream, so every stream has usage put into its request and taken out of its answer.
fn works() -> Vec<Work> {
    vec![
        Work::chat("answers, the name is replaced", "exact", "Hello!", 2_000),
        Work::chat("answers, a wildcard's star is the name", "star/mock", "Hello!", 2_000),
        Work::chat("answers of 100 KB", "star/mock?answer_bytes=100000", "Hello!", 400),
        Work::chat("answers to bodies of 32 KB", "star/mock", &"word ".repeat(6_500), 400),
        Work::stream("streams of 50 events", "star/mock?chunks=50", 200),
        Work::google("Google's answers, the name is in the path", "google/mock", 2_000),
        Work::google_stream("Google's streams of 50 events", "google%2Fmock%3Fchunks=50", 200),
        Work::stream("streams of 50 events, 10 in a write", "star/mock?chunks=50&batch=10", 200),
    ]
}
