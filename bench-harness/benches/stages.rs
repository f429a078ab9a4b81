//! What each pure stage of a request takes: one bench each, in the order in which a request flows.
//!
//! `cargo bench -p bench-harness`, or with a name behind it: `cargo bench -p bench-harness -- request_scan`.

use bench_harness::{
    FORWARDED, REQUEST_HEAD, RESPONSE_HEAD, Said, chat_answer, chat_request, chunked_body, event, names,
    record, snapshot,
};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use ringgate::base::clock::Moment;
use ringgate::contract::endpoint::{Dialect, Endpoint, StreamStyle};
use ringgate::contract::link::Link;
use ringgate::contract::meters::{Meters, Micros};
use ringgate::contract::record::{Record, Usage};
use ringgate::contract::snapshot::Snapshot;
use ringgate::http::chunked::Decoder;
use ringgate::http::date::DateLine;
use ringgate::http::request::{self, HeadLimits};
use ringgate::http::response::{self, Asked};
use ringgate::http::{HeadScan, Slots};
use ringgate::logcore::{AccessLog, Command, LogCore, Source, WhenFull};
use ringgate::net::pool::BufferPool;
use ringgate::traffic::account::{Book, Tally};
use ringgate::traffic::dialect::{Edits, EventFilter, HideUsage, InjectUsage, RequestScan, UsageScan};
use ringgate::traffic::provider::request::Forwarded;
use ringgate::traffic::{auth, policy, provider, route};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Records that the log core takes at a time.
const RECORDS: u64 = 1000;

criterion_main!(stages);
criterion_group! {
    name = stages;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = request_head, authenticate, request_scan, edits, upstream_head, response_head, chunked, usage_scan,
        event_filter, admit, catalog, route_order, settle, histogram, ring, log_core
}

fn group<'c>(criterion: &'c mut Criterion, name: &str, bytes: usize) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes as u64));
    group
}

/// The end of a head is found, then it is parsed.
fn request_head(criterion: &mut Criterion) {
    let limits = HeadLimits::default();
    group(criterion, "request_head", REQUEST_HEAD.len()).bench_function("17_fields", |bencher| {
        bencher.iter(|| {
            let bytes = black_box(REQUEST_HEAD);
            let end = HeadScan::default().end(bytes).expect("a whole head");
            let mut slots = Slots::new();
            let head = request::parse(&bytes[..end], &mut slots, &limits).expect("a valid head");
            black_box((head.framing, head.keep_alive, head.headers.len()))
        });
    });
}

/// The credential is found among 17 fields, hashed and looked up.
fn authenticate(criterion: &mut Criterion) {
    let limits = HeadLimits::default();
    let mut slots = Slots::new();
    let head = request::parse(REQUEST_HEAD, &mut slots, &limits).expect("a valid head");
    let mut group = criterion.benchmark_group("authenticate");
    for keys in [10, 100_000] {
        let snapshot = snapshot(keys, 10);
        group.bench_function(BenchmarkId::new("keys", keys), |bencher| {
            bencher.iter(|| {
                let mut fields = black_box(&head).headers.iter();
                let found = fields.find_map(|(name, value)| auth::credential(name, value));
                auth::authenticate(&snapshot, found.map(|(_, key)| key), || 0).expect("a known key")
            });
        });
    }
}

/// A body is read for its model and its stream, in one piece.
fn request_scan(criterion: &mut Criterion) {
    for (name, bytes) in [("1_kb", 1024), ("32_kb", 32 * 1024), ("1_mb", 1024 * 1024)] {
        let body = chat_request(bytes);
        group(criterion, "request_scan", bytes).bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut scan = RequestScan::new();
                scan.feed(black_box(&body)).expect("valid");
                scan.finish().expect("it names a model")
            });
        });
    }
}

/// The edits of a body are planned. A gather is filled with a head and a body in four pieces, and taken apart.
fn edits(criterion: &mut Criterion) {
    let body = chat_request(1024);
    let mut scan = RequestScan::new();
    scan.feed(&body).expect("valid");
    let ask = scan.finish().expect("it names a model");
    let mut group = criterion.benchmark_group("edits");
    group.bench_function("plan_name_and_usage", |bencher| {
        bencher.iter(|| {
            let edits = Edits::plan(black_box(&ask), "upstream-7", InjectUsage::Yes).expect("a plain name");
            edits.edited_len(1024)
        });
    });
    group.bench_function("plan_nothing", |bencher| {
        bencher.iter(|| {
            let edits = Edits::plan(black_box(&ask), "model-7", InjectUsage::No).expect("a plain name");
            edits.edited_len(1024)
        });
    });
    let buffers = BufferPool::default();
    group.bench_function("gather_4_pieces", |bencher| {
        bencher.iter(|| {
            let mut gather = buffers.gather();
            for bytes in [FORWARDED, &body] {
                let mut buf = buffers.small();
                buf.extend(black_box(bytes));
                gather.hold(buf);
            }
            for (buf, range) in [(0, 0..60), (1, 0..1), (0, 60..90), (1, 1..1024)] {
                gather.piece(buf, range);
            }
            let length = black_box(gather.len());
            buffers.give_gather(gather);
            length
        });
    });
}

/// The head of a request is written for a provider.
fn upstream_head(criterion: &mut Criterion) {
    let snapshot = snapshot(1, 8);
    let mut out = Vec::with_capacity(4096);
    criterion.bench_function("upstream_head", |bencher| {
        bencher.iter(|| {
            out.clear();
            let to = black_box(&snapshot.providers[0]);
            let path = to.format.path(black_box(Endpoint::ChatCompletions)).expect("it speaks it");
            let forwarded = Forwarded {
                credential: to.credentials.first(),
                model: "",
                query: b"",
                fields: black_box(FORWARDED),
                names_version: false,
            };
            provider::request::head(&mut out, to, path, forwarded, 1024);
            out.len()
        });
    });
}

/// The head of an answer is found and parsed, and its fields are written for the client.
fn response_head(criterion: &mut Criterion) {
    let (now, mut out) = (DateLine::default(), Vec::with_capacity(4096));
    group(criterion, "response_head", RESPONSE_HEAD.len()).bench_function("17_fields", |bencher| {
        bencher.iter(|| {
            out.clear();
            let bytes = black_box(RESPONSE_HEAD);
            let end = HeadScan::default().end(bytes).expect("a whole head");
            let mut slots = Slots::new();
            let head = response::parse(&bytes[..end], &mut slots, Asked::Body).expect("a valid head");
            (head.framing, provider::response::carry(&head.headers, &now, &mut out))
        });
    });
}

/// Chunks of one event each are taken out of their framing, in place.
fn chunked(criterion: &mut Criterion) {
    for chunks in [1, 16] {
        let body = chunked_body(chunks);
        let mut group = group(criterion, "chunked_decode", body.len());
        group.bench_function(BenchmarkId::new("chunks", chunks), |bencher| {
            bencher.iter_batched_ref(
                || body.clone(),
                |body| Decoder::new().decode(body).expect("a valid body"),
                BatchSize::SmallInput,
            );
        });
    }
}

/// An answer is read for its usage: as the last piece of a body, and as one that more follows.
fn usage_scan(criterion: &mut Criterion) {
    let answer = chat_answer();
    let mut group = group(criterion, "usage_scan", answer.len());
    group.bench_function("700_b_last", |bencher| {
        bencher.iter(|| {
            let mut scan = UsageScan::new(Dialect::OpenAi);
            scan.feed_last(black_box(&answer));
            scan.usage().expect("a report")
        });
    });
    group.bench_function("700_b_scanner", |bencher| {
        bencher.iter(|| {
            let mut scan = UsageScan::new(Dialect::OpenAi);
            scan.feed(black_box(&answer));
            scan.usage().expect("a report")
        });
    });
}

/// One event passes a filter that hides usage. The time has the copy of the event in it, which the filter changes.
fn event_filter(criterion: &mut Criterion) {
    for (name, said) in
        [("plain", Said::Nothing), ("usage_null_hidden", Said::Null), ("report_hidden", Said::Report)]
    {
        let event = event(said);
        let mut bytes = event.clone();
        let mut filter = EventFilter::new(StreamStyle::OpenAiChunks, HideUsage::Yes);
        group(criterion, "event_filter", event.len()).bench_function(name, |bencher| {
            bencher.iter(|| {
                bytes.copy_from_slice(black_box(&event));
                filter.advance(&mut bytes, false).emit
            });
        });
    }
}

/// A name is looked up among 10,000 and eight wildcards.
fn catalog(criterion: &mut Criterion) {
    let snapshot = snapshot(1, 10_000);
    let mut group = criterion.benchmark_group("catalog");
    for (name, asked) in
        [("exact", "model-9999"), ("last_wildcard", "vendor-7/gpt-5-nano"), ("unknown", "no-such-model")]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| snapshot.catalog.find_index(black_box(asked)));
        });
    }
}

/// A caller is admitted to a model, and the permit is given back.
fn admit(criterion: &mut Criterion) {
    let snapshot = snapshot(1000, 100);
    let caller = auth::authenticate(&snapshot, Some(b"secret-0123456789-7"), || 0).expect("a known key");
    criterion.bench_function("policy", |bencher| {
        bencher.iter(|| {
            let permit =
                policy::admit(&snapshot, black_box(&caller), black_box("model-7")).expect("it is granted");
            permit.settle(&Usage::default());
        });
    });
}

/// Three targets of two priorities are put in order.
fn route_order(criterion: &mut Criterion) {
    let snapshot: Snapshot = snapshot(1, 8);
    let (model, _) = snapshot.catalog.find("model-7").expect("it is there");
    let mut spread = 0;
    criterion.bench_function("route_order", |bencher| {
        bencher.iter(|| {
            spread += 1;
            route::order(black_box(model), spread)
        });
    });
}

/// An exchange is closed: its times are taken and counted.
fn settle(criterion: &mut Criterion) {
    let (ring, _) = rtrb::RingBuffer::new(1);
    let book = Book::new(ring);
    let now = Moment::now();
    let mut tally = Tally { record: record(1), begun: now, complete: now, last_event: now, ended: Moment(0) };
    criterion.bench_function("settle", |bencher| bencher.iter(|| book.close(black_box(&mut tally))));
}

/// One value is counted; values differ as times do.
fn histogram(criterion: &mut Criterion) {
    let mut micros = Micros::default();
    let mut value = 1u64;
    criterion.bench_function("histogram_record", |bencher| {
        bencher.iter(|| {
            value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            micros.record(value >> 44);
        });
    });
}

/// A record is copied onto the ring, and taken off on the same thread.
fn ring(criterion: &mut Criterion) {
    let (mut shard, mut log) = rtrb::RingBuffer::new(8192);
    let record = record(1);
    group(criterion, "ring", size_of::<Record>()).bench_function("push_and_pop", |bencher| {
        bencher.iter(|| {
            shard.push(black_box(&record).clone()).expect("there is room");
            log.pop().expect("it was pushed")
        });
    });
}

/// The log core starts, takes 1,000 records off a ring and ends: with their lines written to nowhere, and without
/// lines. The difference is what the lines take.
fn log_core(criterion: &mut Criterion) {
    let names = Arc::new(names());
    let mut group = criterion.benchmark_group("log_core_1000_records");
    group.throughput(Throughput::Elements(RECORDS));
    for (name, log) in
        [("count_and_line", AccessLog::File("/dev/null".into())), ("count_only", AccessLog::None)]
    {
        group.bench_function(name, |bencher| {
            let full = || {
                let (mut shard, records) = rtrb::RingBuffer::new(RECORDS as usize);
                for n in 0..RECORDS {
                    shard.push(record(n)).expect("there is room");
                }
                let (_, meters) = rtrb::RingBuffer::<Box<Meters>>::new(1);
                let (meters_back, _) = rtrb::RingBuffer::new(1);
                let source = Source { records, meters, meters_back, link: Arc::new(Link::default()) };
                let (orders, commands) = channel();
                orders.send(Command::End).expect("the other end is here");
                LogCore::new(vec![source], commands, names.clone(), &log, WhenFull::Keep)
                    .expect("the log opens")
            };
            bencher.iter_batched(full, LogCore::run, BatchSize::LargeInput);
        });
    }
}
