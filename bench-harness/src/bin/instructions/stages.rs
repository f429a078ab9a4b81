//! The stages that are counted, in the order in which a request flows.

use bench_harness::answers::{ANSWERS, Answer};
use bench_harness::streams::{STREAMS, Stream};
use bench_harness::{
    FORWARDED, REQUEST_HEAD, RESPONSE_HEAD, Said, agent_request, chat_answer, chat_request, event,
    message_answer, record, request_with_tools, snapshot,
};
use ringgate::base::clock::Moment;
use ringgate::contract::endpoint::{Dialect, Endpoint, StreamStyle};
use ringgate::contract::record::Usage;
use ringgate::contract::snapshot::{Snapshot, Unsupported};
use ringgate::http::date::DateLine;
use ringgate::http::request::{self, HeadLimits};
use ringgate::http::response::{self, Asked};
use ringgate::http::{HeadScan, Slots};
use ringgate::traffic::account::{Book, Tally, Written};
use ringgate::traffic::dialect::{Edits, EventFilter, HideUsage, InjectUsage, RequestScan, UsageScan};
use ringgate::traffic::provider::request::Forwarded;
use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{Destination, Form, Speech, StreamUsage, Translation};
use ringgate::traffic::{auth, policy, provider, route, translate};
use std::hint::black_box;
use std::rc::Rc;

/// One stage, and how often it is run to be counted.
pub struct Stage {
    pub name: &'static str,
    pub times: u32,
    pub run: Box<dyn FnMut()>,
}

fn stage(name: &'static str, times: u32, run: impl FnMut() + 'static) -> Stage {
    Stage { name, times, run: Box::new(run) }
}

pub fn all() -> Vec<Stage> {
    let snapshot = Rc::new(snapshot(1000, 100));
    let mut stages = vec![
        stage("request_head_17_fields", 1000, request_head),
        authenticate(snapshot.clone()),
        request_scan("request_scan_1_kb", 200, RequestScan::of_model_alone, chat_request(1024)),
        request_scan("request_scan_32_kb", 20, RequestScan::of_model_alone, chat_request(32 * 1024)),
        request_scan("request_scan_30_tools", 20, RequestScan::of_model_alone, request_with_tools(30)),
        request_scan("request_scan_1_kb_few_models", 200, RequestScan::new, chat_request(1024)),
        request_scan("request_scan_30_tools_few_models", 20, RequestScan::new, request_with_tools(30)),
        admit(snapshot.clone()),
        find_and_order(snapshot.clone()),
        upstream_head(snapshot),
        edits(),
        response_head(),
        usage_of_answer(),
        event_filter("event_plain", Said::Nothing),
        event_filter("event_usage_null_hidden", Said::Null),
        event_filter("event_report_hidden", Said::Report),
        translated_request("translate_request_1_kb", 100, MESSAGES, chat_request(1024)),
        translated_request("translate_request_agent_100_kb", 4, MESSAGES, agent_request(100_000)),
        translated_request("translate_request_responses_1_kb", 100, RESPONSES, chat_request(1024)),
        translated_request("translate_request_responses_agent_100_kb", 4, RESPONSES, agent_request(100_000)),
        translated_request("translate_request_gemini_1_kb", 100, GEMINI, chat_request(1024)),
        translated_request("translate_request_gemini_agent_100_kb", 4, GEMINI, agent_request(100_000)),
        translated_answer(),
        settle(),
        record_on_ring(),
    ];
    stages.extend(STREAMS.map(translated_event));
    stages.extend(ANSWERS.map(translated_whole));
    stages
}

/// What a chat request becomes, and for which model.
type Became = (Speech, &'static str);
const MESSAGES: Became = (Speech::Anthropic, "claude-opus-5");
const RESPONSES: Became = (Speech::Responses, "gpt-6");
const GEMINI: Became = (Speech::Gemini, "gemini-3.5-flash");

/// A chat request becomes one of another format.
fn translated_request(name: &'static str, times: u32, (speech, model): Became, body: Vec<u8>) -> Stage {
    let mut out = Vec::with_capacity(2 * body.len());
    let (stream_usage, unsupported) = (StreamUsage::Asked, Unsupported::Drop);
    let to = Destination {
        speech,
        model,
        stream_usage,
        unsupported,
        betas: &[],
        shelf: None,
        on_vertex: false,
        parameters: ringgate::contract::parameters::Parameters::NONE,
    };
    stage(name, times, move || {
        out.clear();
        let translated = translate::request(Speech::OpenAi, to, black_box(&body), &mut out);
        black_box(translated.expect("valid").dropped.len());
    })
}

/// A message becomes a chat answer.
fn translated_answer() -> Stage {
    let (message, mut out) = (message_answer(), Vec::with_capacity(4096));
    stage("translate_answer_700_b", 200, move || {
        out.clear();
        let (from, to) = (Speech::Anthropic, Speech::OpenAi);
        let mut translation = Translation::new(from, to, Form::Whole, 0, true, Renamed::default());
        translation.whole(black_box(&message), &mut out).expect("valid");
        black_box(out.len());
    })
}

/// A whole answer is told in another format.
fn translated_whole(answer: Answer) -> Stage {
    let (body, mut out) = (answer.body(), Vec::with_capacity(4096));
    stage(answer.stage, 200, move || {
        out.clear();
        answer.translate(black_box(&body), &mut out);
        black_box(out.len());
    })
}

/// One event of a stream that has begun.
fn translated_event(stream: Stream) -> Stage {
    let (mut begun, mut out) = (stream.begun(), Vec::with_capacity(4096));
    stage(stream.stage, 200, move || {
        out.clear();
        black_box(begun.stream(black_box(stream.event), false, &mut out).expect("valid"));
    })
}

/// The end of a head is found, then it is parsed.
fn request_head() {
    let bytes = black_box(REQUEST_HEAD);
    let end = HeadScan::default().end(bytes).expect("a whole head");
    let mut slots = Slots::new();
    let head = request::parse(&bytes[..end], &mut slots, &HeadLimits::default()).expect("a valid head");
    black_box((head.framing, head.keep_alive, head.headers.len()));
}

/// The credential is found among 17 fields, hashed and looked up.
fn authenticate(snapshot: Rc<Snapshot>) -> Stage {
    let slots: &'static mut Slots<'static> = Box::leak(Box::new(Slots::new()));
    let head = request::parse(REQUEST_HEAD, slots, &HeadLimits::default()).expect("a valid head");
    stage("authenticate", 1000, move || {
        let mut fields = black_box(&head).headers.iter();
        let found = fields.find_map(|(name, value)| auth::credential(name, value));
        let caller = auth::authenticate(&snapshot, found.map(|(_, key)| key), || 0);
        black_box(caller.expect("a known key"));
    })
}

/// A body is read for its model and its stream, and for other models where the caller may not use every one.
fn request_scan(name: &'static str, times: u32, new: fn() -> RequestScan, body: Vec<u8>) -> Stage {
    stage(name, times, move || {
        let mut scan = new();
        scan.feed(black_box(&body)).expect("valid");
        black_box(scan.finish().expect("it names a model"));
    })
}

/// A caller is admitted to a model.
fn admit(snapshot: Rc<Snapshot>) -> Stage {
    let caller = auth::authenticate(&snapshot, Some(b"secret-0123456789-7"), || 0).expect("a known key");
    stage("policy", 1000, move || {
        let permit =
            policy::admit(&snapshot, black_box(&caller), black_box("model-7")).expect("it is granted");
        permit.settle(&Usage::default());
    })
}

/// A model is found in the catalog, and its three targets are put in order.
fn find_and_order(snapshot: Rc<Snapshot>) -> Stage {
    let mut spread = 0;
    stage("route", 1000, move || {
        let (model, _) = snapshot.catalog.find(black_box("model-7")).expect("it is there");
        spread += 1;
        black_box(route::order(model, spread));
    })
}

/// The head of a request is written for a provider.
fn upstream_head(snapshot: Rc<Snapshot>) -> Stage {
    let mut out = Vec::with_capacity(4096);
    stage("upstream_head", 1000, move || {
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
        black_box(&out);
    })
}

/// The edits of a body are planned: another model's name, and a request for usage.
fn edits() -> Stage {
    let mut scan = RequestScan::new();
    scan.feed(&chat_request(1024)).expect("valid");
    let ask = scan.finish().expect("it names a model");
    stage("edits", 1000, move || {
        let edits = Edits::plan(black_box(&ask), "upstream-7", InjectUsage::Yes).expect("a plain name");
        black_box(edits.edited_len(1024));
    })
}

/// The head of an answer is found and parsed, and its fields are written for the client.
fn response_head() -> Stage {
    let (now, mut out) = (DateLine::default(), Vec::with_capacity(4096));
    stage("response_head_17_fields", 1000, move || {
        out.clear();
        let bytes = black_box(RESPONSE_HEAD);
        let end = HeadScan::default().end(bytes).expect("a whole head");
        let mut slots = Slots::new();
        let head = response::parse(&bytes[..end], &mut slots, Asked::Body).expect("a valid head");
        black_box((head.framing, provider::response::carry(&head.headers, &now, &mut out)));
    })
}

/// An answer of 700 bytes, whole, is read for its usage.
fn usage_of_answer() -> Stage {
    let answer = chat_answer();
    stage("answer_usage_700_b", 1000, move || {
        let mut scan = UsageScan::new(Dialect::OpenAi);
        scan.feed_last(black_box(&answer));
        black_box(scan.usage().expect("a report"));
    })
}

/// One event passes a filter that hides usage. The count has the copy of the event in it, which the filter changes.
fn event_filter(name: &'static str, said: Said) -> Stage {
    let event = event(said);
    let mut bytes = event.clone();
    let mut filter = EventFilter::new(StreamStyle::OpenAiChunks, HideUsage::Yes);
    stage(name, 1000, move || {
        bytes.copy_from_slice(black_box(&event));
        black_box(filter.advance(&mut bytes, false).emit);
    })
}

/// An exchange is closed: its times are taken and counted.
fn settle() -> Stage {
    let (ring, _) = rtrb::RingBuffer::new(1);
    let book = Book::new(ring);
    let now = Moment::now();
    let mut tally = Tally { record: record(1), begun: now, complete: now, last_event: now, ended: Moment(0) };
    stage("settle", 1000, move || book.close(black_box(&mut tally)))
}

/// A record is put on the ring, and taken off by the log core.
fn record_on_ring() -> Stage {
    let (ring, mut taken) = rtrb::RingBuffer::new(8192);
    let (book, record) = (Book::new(ring), record(1));
    stage("record", 1000, move || {
        assert!(book.write(black_box(&record)) == Written::Yes, "there is room");
        black_box(taken.pop().expect("it was written"));
    })
}
