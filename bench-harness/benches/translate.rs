//! Requests, answers and events in terms of another API.

use bench_harness::answers::{ANSWERS, BYTES};
use bench_harness::streams::STREAMS;
use bench_harness::{agent_request, chat_request, message_answer};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringgate::contract::snapshot::Unsupported;
use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{Destination, Form, Speech, StreamUsage, Translation, request};
use std::hint::black_box;

criterion_group!(benches, requests, answers, events);
criterion_main!(benches);

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_request");
    let bodies = [
        ("1_kb", chat_request(1024)),
        ("32_kb", chat_request(32 * 1024)),
        ("agent_100_kb", agent_request(100_000)),
    ];
    for (name, body) in bodies {
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut out = Vec::with_capacity(2 * body.len());
        group.bench_function(BenchmarkId::new("chat_to_messages", name), |bencher| {
            bencher.iter(|| {
                out.clear();
                let to = destination(Speech::Anthropic, "claude-opus-5");
                black_box(
                    request(Speech::OpenAi, to, black_box(&body), &mut out).expect("valid").dropped.len(),
                )
            });
        });
        for (to, speech, model) in [
            ("chat_to_responses", Speech::Responses, "gpt-6"),
            ("chat_to_gemini", Speech::Gemini, "gemini-3.5-flash"),
        ] {
            let mut out = Vec::with_capacity(2 * body.len());
            group.bench_function(BenchmarkId::new(to, name), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    let to = destination(speech, model);
                    black_box(
                        request(Speech::OpenAi, to, black_box(&body), &mut out).expect("valid").dropped.len(),
                    )
                });
            });
        }
        let mut back = Vec::with_capacity(2 * body.len());
        group.bench_function(BenchmarkId::new("messages_to_chat", name), |bencher| {
            bencher.iter(|| {
                back.clear();
                let to = destination(Speech::OpenAi, "gpt-6");
                black_box(
                    request(Speech::Anthropic, to, black_box(&out), &mut back).expect("valid").dropped.len(),
                )
            });
        });
    }
}

fn destination(speech: Speech, model: &str) -> Destination<'_> {
    Destination {
        speech,
        model,
        stream_usage: StreamUsage::Asked,
        unsupported: Unsupported::Drop,
        betas: &[],
        shelf: None,
        on_vertex: false,
        parameters: ringgate::contract::parameters::Parameters::NONE,
    }
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_answer");
    let message = message_answer();
    let mut out = Vec::with_capacity(4096);
    group.bench_function("message_to_chat_700_b", |bencher| {
        bencher.iter(|| {
            out.clear();
            let (from, to) = (Speech::Anthropic, Speech::OpenAi);
            let renamed = Renamed::default();
            let mut whole = Translation::new(from, to, Form::Whole, 1_795_256_400, true, renamed);
            whole.whole(black_box(&message), &mut out).expect("valid");
        });
    });
    group.throughput(Throughput::Bytes(BYTES as u64));
    for answer in ANSWERS {
        let body = answer.body();
        group.bench_function(format!("{}_700_b", answer.name), |bencher| {
            bencher.iter(|| {
                out.clear();
                answer.translate(black_box(&body), &mut out);
            });
        });
    }
}

/// A hundred events of a stream that has begun.
fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_100_events");
    group.throughput(Throughput::Elements(100));
    for stream in STREAMS {
        let mut out = Vec::with_capacity(64 * 1024);
        group.bench_function(stream.name, |bencher| {
            bencher.iter_batched(
                || stream.begun(),
                |mut begun| {
                    out.clear();
                    for _ in 0..100 {
                        black_box(begun.stream(black_box(stream.event), false, &mut out).expect("valid"));
                    }
                    begun
                },
                BatchSize::SmallInput,
            );
        });
    }
}
