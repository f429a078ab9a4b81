//! A request's model and where it stands: by the gateway's scanner, by simd-json's tape and by `serde_json`.
//!
//! `cargo bench -p bench-harness --bench parsers`
//!
//! What each one gives is not the same, and in the scanner's favour: it checks the whole text, finds the model's place
//! for a splice, refuses a model that is named twice, and takes the body as it arrives. A tape has the text and no
//! place; simd-json also wants a copy of the body, which it writes over, so the copy is in its time.

use bench_harness::chat_request;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringgate::traffic::dialect::RequestScan;
use ringgate::traffic::dialect::json::Tree;
use serde::Deserialize;
use simd_json::Node;
use std::hint::black_box;
use std::time::Duration;

criterion_main!(parsers);
criterion_group! {
    name = parsers;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = model
}

/// The part of a request that is wanted.
#[derive(Deserialize)]
struct Wanted<'b> {
    #[serde(borrow)]
    model: std::borrow::Cow<'b, str>,
}

fn model(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("model");
    for (name, bytes) in [("1_kb", 1024), ("32_kb", 32 * 1024), ("1_mb", 1024 * 1024)] {
        let body = chat_request(bytes);
        assert_eq!((scanned(&body), taped(&mut body.clone())), (body.len() as u64 - 10, 7));
        assert_eq!(typed(&body).len() + value(&body), 14);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("scanner", name), |bencher| {
            bencher.iter(|| scanned(black_box(&body)));
        });
        let mut tree = Tree::default();
        group.bench_function(BenchmarkId::new("tree", name), |bencher| {
            bencher.iter(|| tree.parse(black_box(&body)).expect("valid").root().offset());
        });
        let mut copy = Vec::with_capacity(bytes);
        let mut buffers = simd_json::Buffers::new(bytes);
        group.bench_function(BenchmarkId::new("simd_json_tape", name), |bencher| {
            bencher.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(&body));
                let tape = simd_json::to_tape_with_buffers(&mut copy, &mut buffers).expect("valid");
                model_of(&tape.0)
            });
        });
        group.bench_function(BenchmarkId::new("serde_json_typed", name), |bencher| {
            bencher.iter(|| typed(black_box(&body)).len());
        });
        group.bench_function(BenchmarkId::new("serde_json_value", name), |bencher| {
            bencher.iter(|| value(black_box(&body)));
        });
    }
}

/// Where the model begins.
fn scanned(body: &[u8]) -> u64 {
    let mut scan = RequestScan::new();
    scan.feed(body).expect("valid");
    scan.finish().expect("it names a model").model_span.start
}

fn taped(body: &mut [u8]) -> usize {
    model_of(&simd_json::to_tape(body).expect("valid").0)
}

/// Length of the model's name on a tape: the members of the root are walked, what is in them is stepped over.
fn model_of(tape: &[Node<'_>]) -> usize {
    let mut at = 1;
    while let Some(Node::String(name)) = tape.get(at) {
        match tape.get(at + 1) {
            Some(Node::String(model)) if *name == "model" => return model.len(),
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => at += 2 + count,
            _ => at += 2,
        }
    }
    0
}

fn typed(body: &[u8]) -> String {
    let wanted: Wanted<'_> = serde_json::from_slice(body).expect("valid");
    wanted.model.into_owned()
}

fn value(body: &[u8]) -> usize {
    let value: serde_json::Value = serde_json::from_slice(body).expect("valid");
    value["model"].as_str().map_or(0, str::len)
}
