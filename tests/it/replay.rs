//! Exchanges with real providers, played again through the gateway: where a client speaks its provider's dialect, either
//! gets the other's bytes.
//!
//! A few exchanges are part of the tests (`fixtures/exchanges.jsonl`). More are read from the file that `RINGGATE_EXCHANGES`
//! names, which has one JSON object a line:
//! - `method`, `uri`, `status`: as recorded; the host does not matter,
//! - `request_headers`, `response_headers`: objects whose values are a text, or a list of texts,
//! - `request`, `response`: the bodies in base64, as they were on the wire, compressed or not; or as `request_text` and
//!   `response_text` what they are,
//! - `file`, `index`: what the exchange is called in messages.
//!
//! What is not asked of an endpoint of the gateway's is left out.

mod exchange;
mod expect;
mod wire;

use crate::harness::{Gateway, Io, KEY, Setup};
use exchange::{Api, Exchange};
use serde_json::Value;
use std::collections::BTreeMap;
use wire::{Listener, Played, Script, Stage, Step};

const OWN: &str = include_str!("fixtures/exchanges.jsonl");

/// How the provider's bytes come, and what the client says it reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// All at once, with a length.
    Whole,
    /// Events one by one, each of which has to arrive before the next one is sent; other bodies in a few chunks. The
    /// catalog has another name for the model.
    Stepwise,
    /// In chunks of one byte, or of a few where there are many; to a client that reads gzip.
    Crumbs,
    /// Until the connection ends, in pieces that end anywhere.
    ToTheEnd,
}

const MANNERS: [Manner; 4] = [Manner::Whole, Manner::Stepwise, Manner::Crumbs, Manner::ToTheEnd];
/// What stands before a model's name in the catalog where that is not the provider's.
const ALIAS: &str = "catalog/";

/// Every exchange of ours comes through, and there is at least one of each API.
#[test]
fn our_own_exchanges() {
    for io in [Io::Auto, Io::Epoll] {
        let report = replay(io, &format!("{OWN}{}", large()));
        assert_eq!(report.left_out, 0, "each of ours can be asked");
        assert!(
            report.played.len() == 5 && report.played.values().all(|count| *count > 0),
            "{:?}",
            report.played
        );
        report.check();
    }
}

/// A stream with an event of three megabytes.
fn large() -> String {
    let image = "A".repeat(3 << 20);
    let stream = format!(
        "event: image_generation.partial_image\ndata: {{\"type\":\"image_generation.partial_image\",\"b64_json\":\"{image}\"}}\n\nevent: image_generation.completed\ndata: {{\"type\":\"image_generation.completed\",\"b64_json\":\"{image}\",\"usage\":{{\"input_tokens\":3,\"output_tokens\":4}}}}\n\n"
    );
    let request = r#"{"model":"gpt-image-1","prompt":"a","stream":true,"partial_images":1}"#;
    serde_json::json!({
        "file": "large events", "index": 0, "method": "POST", "uri": "https://api.openai.com/v1/images/generations",
        "status": 200, "request_headers": {}, "response_headers": {"content-type": "text/event-stream"},
        "request_text": request, "response_text": stream,
    })
    .to_string()
}

/// So does every exchange of a file.
#[test]
fn recorded_exchanges() {
    let Some(path) = std::env::var_os("RINGGATE_EXCHANGES") else {
        eprintln!("skipped: RINGGATE_EXCHANGES names no file of recorded exchanges");
        return;
    };
    let text = std::fs::read_to_string(path).expect("RINGGATE_EXCHANGES names a file of text");
    let report = replay(Io::Auto, &text);
    eprintln!("{:?} exchanges were played, {} left out", report.played, report.left_out);
    report.check();
}

#[derive(Default)]
struct Report {
    played: BTreeMap<String, usize>,
    left_out: usize,
    /// What was wrong, up to its first colon, and the rest of it with where it was.
    wrong: BTreeMap<String, Vec<String>>,
}

impl Report {
    fn check(&self) {
        for (what, places) in &self.wrong {
            eprintln!("{} times: {what}\n    {}", places.len(), places[..places.len().min(5)].join("\n    "));
        }
        assert!(self.wrong.is_empty(), "{} kinds of difference", self.wrong.len());
    }
}

fn replay(io: Io, lines: &str) -> Report {
    let mut report = Report::default();
    let mut stages: Vec<(Api, Stage)> = vec![];
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let Some(exchange) = Exchange::parse(line) else {
            report.left_out += 1;
            continue;
        };
        let at = stages.iter().position(|(api, _)| *api == exchange.api).unwrap_or_else(|| {
            stages.push((exchange.api, stage(io, exchange.api)));
            stages.len() - 1
        });
        *report.played.entry(format!("{:?}", exchange.api)).or_default() += 1;
        let unmarked = exchange.is_stream() && !expect::is_marked(&exchange.plain());
        for manner in MANNERS.into_iter().filter(|manner| !unmarked || *manner != Manner::ToTheEnd) {
            for what in differences(&mut stages[at].1, &exchange, manner) {
                let (what, more) = what.split_once(": ").unwrap_or((&what, ""));
                let place = format!("{} ({manner:?}) {more}", exchange.name);
                report.wrong.entry(what.to_owned()).or_default().push(place);
            }
        }
    }
    report
}

/// A gateway whose one provider is of this API.
fn stage(io: Io, api: Api) -> Stage {
    let listener = Listener::new();
    let base = format!("http://{}", listener.address());
    let (format, path, more) = match api {
        Api::OpenAi => ("openai", "/v1", ""),
        Api::Azure => ("openai", "/openai", "header: api-key, api_version: 2024-10-21"),
        Api::Anthropic => ("anthropic", "", ""),
        Api::Gemini => ("gemini", "/v1beta", ""),
        Api::Cohere => ("cohere", "", ""),
    };
    let target = "{provider: recorded, model: \"*\"}";
    // With a provider of another format there may be something in a history that has to be left out.
    let setup = Setup::of(io, &base)
        .provider_of("ollama", "other", &base, "")
        .provider_of(format, "recorded", &format!("{base}{path}"), more)
        .model("*", target, "")
        .model(&format!("{ALIAS}*"), target, "");
    Stage::new(Gateway::start(&setup), listener)
}

fn differences(stage: &mut Stage, exchange: &Exchange, manner: Manner) -> Vec<String> {
    let (request, aliased) = request(exchange, manner);
    let script = script(exchange, manner);
    let played = stage.play(&request, &script);
    let mut wrong = match &played.asked {
        Some((head, body)) => expect::upstream(exchange, head, body),
        None => vec![format!("refused by the gateway: {}", String::from_utf8_lossy(&played.answer.body))],
    };
    if played.asked.is_some() {
        wrong.extend(answer(exchange, manner, &played));
    }
    let aliased = if aliased { " of another name" } else { "" };
    wrong.into_iter().map(|what| format!("{:?}{aliased} {} {what}", exchange.api, exchange.tail)).collect()
}

/// The request as the client sends it; whether its model has another name than the provider's.
fn request(exchange: &Exchange, manner: Manner) -> (Vec<u8>, bool) {
    let alias = format!("{ALIAS}{}", exchange.model);
    let renamed =
        if exchange.api == Api::Gemini { Some(exchange.request.clone()) } else { renamed(exchange, &alias) };
    let (model, body) = match renamed {
        Some(body) if manner == Manner::Stepwise => (alias, body),
        _ => (exchange.model.clone(), exchange.request.clone()),
    };
    let mut out =
        format!("POST {} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {KEY}\r\n", exchange.target(&model));
    if manner == Manner::Crumbs {
        out += "accept-encoding: gzip, deflate\r\n";
    }
    const NOT: [&str; 10] = [
        "accept-encoding",
        "api-key",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "transfer-encoding",
        "x-api-key",
        "x-goog-api-key",
    ];
    for (name, value) in exchange.request_headers.iter().filter(|(name, _)| !NOT.contains(&name.as_str())) {
        out += &format!("{name}: {value}\r\n");
    }
    if !exchange.request_headers.iter().any(|(name, _)| name == "content-type") {
        out += "content-type: application/json\r\n";
    }
    out += &format!("content-length: {}\r\n\r\n", body.len());
    let aliased = model != exchange.model;
    ([out.into_bytes(), body].concat(), aliased)
}

/// The body with another name for the model, if there is but one place that can be it.
fn renamed(exchange: &Exchange, alias: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(&exchange.request).ok()?;
    let name = Value::from(exchange.model.as_str()).to_string();
    let mut places = text.match_indices("\"model\"").filter_map(|(at, key)| {
        let rest = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        rest.starts_with(&name).then(|| text.len() - rest.len())
    });
    let at = places.next().filter(|_| places.next().is_none())?;
    Some(format!("{}{}{}", &text[..at], Value::from(alias), &text[at + name.len()..]).into_bytes())
}

fn script(exchange: &Exchange, manner: Manner) -> Script {
    let bytes = &exchange.response;
    let reason = if exchange.status < 400 { "Fine" } else { "Not so fine" };
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", exchange.status);
    const FRAMING: [&str; 5] = ["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"];
    for (name, value) in &exchange.response_headers {
        if !FRAMING.contains(&name.as_str()) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    let steps = match manner {
        Manner::Whole | Manner::ToTheEnd => bytes.chunks(bytes.len().div_ceil(3).max(1)).map(step).collect(),
        Manner::Stepwise if exchange.is_stream() && !exchange.gzipped && exchange.status < 400 => {
            stepwise(exchange)
        }
        Manner::Stepwise => bytes.chunks(bytes.len().div_ceil(4).max(1)).map(chunk).collect(),
        Manner::Crumbs => bytes.chunks(bytes.len().div_ceil(2000).max(1)).map(chunk).collect::<Vec<_>>(),
    };
    let mut steps: Vec<Step> = steps;
    match manner {
        Manner::Whole => head += &format!("content-length: {}\r\n", bytes.len()),
        Manner::Stepwise | Manner::Crumbs => {
            head += "transfer-encoding: chunked\r\n";
            steps.push(step(b"0\r\n\r\n"));
        }
        Manner::ToTheEnd => head += "connection: close\r\n",
    }
    let mut script = Script { head: (head + "\r\n").into_bytes(), steps, closes: manner == Manner::ToTheEnd };
    if manner == Manner::Whole {
        // In one write: head, body and end.
        let body = std::mem::take(&mut script.steps);
        script.head.extend(body.into_iter().flat_map(|step| step.bytes));
    }
    script
}

fn step(bytes: &[u8]) -> Step {
    Step { bytes: bytes.to_vec(), awaits: 0 }
}

fn chunk(bytes: &[u8]) -> Step {
    Step { bytes: [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(), awaits: 0 }
}

/// One event a chunk, each of which the client has before the next one is sent. A last one without its blank line is one
/// only when nothing follows.
fn stepwise(exchange: &Exchange) -> Vec<Step> {
    let mut awaits = 0;
    let events = expect::events(exchange).into_iter();
    let steps = events.map(|(sent, seen)| {
        let is_whole = ["\n\n", "\r\n\r\n", "\r\r"].iter().any(|end| sent.ends_with(end.as_bytes()));
        awaits += seen.filter(|_| is_whole).map_or(0, |seen| seen.len());
        Step { awaits, ..chunk(&sent) }
    });
    steps.collect()
}

/// What is wrong with what the client got.
fn answer(exchange: &Exchange, manner: Manner, played: &Played) -> Vec<String> {
    let answer = &played.answer;
    let mut wrong = vec![];
    let status = expect::status(exchange);
    if answer.status != status {
        wrong.push(format!(
            "status {} not {status}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        ));
        return wrong;
    }
    if status != exchange.status && status == 502 {
        let told = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
        if !told.contains("upstream_account") {
            wrong.push(format!("an account's matter is told as {told}"));
        }
        return wrong;
    }
    wrong.extend(expect::fields(exchange, &answer.headers));
    let packed = answer.header("content-encoding") == Some("gzip");
    let keeps_packed =
        exchange.gzipped && manner == Manner::Crumbs && !exchange.comes_in_pieces() && status < 400;
    if packed != keeps_packed {
        wrong.push(format!("content-encoding is {:?}", answer.header("content-encoding")));
    }
    let expected = if keeps_packed {
        exchange.response.clone()
    } else if exchange.is_stream() && status < 400 {
        expect::events(exchange).into_iter().filter_map(|(_, seen)| seen).flatten().collect()
    } else {
        exchange.plain()
    };
    if answer.body != expected {
        wrong.push(format!("answer differs{}", place(&answer.body, &expected)));
    }
    if let Some(step) = played.held_back {
        wrong.push(format!("event {step} is held back"));
    }
    let broken =
        exchange.is_stream() && expect::events(exchange).iter().any(|(event, _)| expect::breaks(event));
    if answer.whole == broken {
        wrong.push(format!("the answer has {} end", if broken { "a proper" } else { "no" }));
    }
    wrong
}

/// Where two texts part.
fn place(seen: &[u8], expected: &[u8]) -> String {
    let at = seen.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let near = |text: &[u8]| {
        String::from_utf8_lossy(&text[at.saturating_sub(20)..text.len().min(at + 60)]).into_owned()
    };
    format!(": at {at}, {:?} in place of {:?}", near(seen), near(expected))
}
