//! Requests, answers and events in terms of another API.

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
    }
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_answer");
    let message = message_answer();
    let mut out = Vec::with_capacity(4096);
    group.bench_function("message_to_chat_700_b", |bencher| {
        bencher.iter(|| {
            out.clear();
            translation(Speech::Anthropic, Form::Whole).whole(black_box(&message), &mut out).expect("valid");
        });
    });
}

fn translation(from: Speech, form: Form) -> Translation {
    let to = if from == Speech::OpenAi { Speech::Anthropic } else { Speech::OpenAi };
    Translation::new(from, to, form, 1_795_256_400, true, Renamed::default())
}

const MESSAGE: (&str, &str) = (
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-opus-5\",\"usage\":{\"input_tokens\":9}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" a few words\"}}\n\n",
);
const CHUNK: (&str, &str) = (
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-6\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1795256401,\"model\":\"gpt-6\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" a few words\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
);

/// A hundred events of a stream that has begun.
fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_100_events");
    group.throughput(Throughput::Elements(100));
    for (name, from, (start, event)) in
        [("messages_to_chat", Speech::Anthropic, MESSAGE), ("chat_to_messages", Speech::OpenAi, CHUNK)]
    {
        let mut out = Vec::with_capacity(64 * 1024);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    let mut begun = translation(from, Form::Stream);
                    begun.stream(start.as_bytes(), false, &mut Vec::new()).expect("valid");
                    begun
                },
                |mut begun| {
                    out.clear();
                    for _ in 0..100 {
                        black_box(begun.stream(black_box(event.as_bytes()), false, &mut out).expect("valid"));
                    }
                    begun
                },
                BatchSize::SmallInput,
            );
        });
    }
}
