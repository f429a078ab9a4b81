//! Bodies and streams of any bytes: `dialect` must neither panic nor let the way they are cut matter.
//!
//! Each target takes arbitrary bytes and ends in assertions. The first bytes of `data` choose where it is cut.

use ringgate::contract::endpoint::{Dialect, StreamStyle};
use ringgate::traffic::dialect::multipart::Boundary;
use ringgate::traffic::dialect::splice::apply;
use ringgate::traffic::dialect::{
    Ask, Edits, ElementScan, EventFilter, HideUsage, InjectUsage, MultipartScan, RequestScan, ScanError,
    StreamFacts, StreamUsage, UsageScan, content_type_kind,
};

/// Pieces of `data`, of lengths that depend on its own bytes.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut pieces) = (data, Vec::new());
    let mut seed = data.iter().fold(7usize, |n, b| n.wrapping_mul(31).wrapping_add(usize::from(*b)));
    while !rest.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let len = (1 + (seed >> 33) % 17).min(rest.len());
        let (piece, after) = rest.split_at(len);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn request(pieces: &[&[u8]]) -> Result<Ask, ScanError> {
    let mut scan = RequestScan::new();
    pieces.iter().try_for_each(|piece| scan.feed(piece))?;
    scan.finish()
}

/// A body is taken for JSON exactly when an independent parser takes it; what is found is what that one finds; an
/// edited body asks for the other model and for usage.
pub fn json(data: &[u8]) {
    let asked = request(&[data]);
    assert_eq!(request(&pieces(data)), asked, "how a body is cut matters");
    let text = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let valid = !matches!(asked, Err(ScanError::Json(_)));
    let object = text.trim_ascii_start().first() == Some(&b'{');
    let ignored = serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let deep = text.iter().filter(|b| matches!(b, b'{' | b'[')).count() > 128;
    assert!(valid == (ignored && object) || deep, "the verdict differs from an independent parser's");
    if let Ok(ask) = asked {
        assert_edits(&ask, data, text);
    }
    let mut scan = UsageScan::new(Dialect::OpenAi);
    scan.feed(data);
    let mut cut = UsageScan::new(Dialect::OpenAi);
    for piece in pieces(data) {
        cut.feed(piece);
    }
    assert_eq!(scan.usage(), cut.usage(), "how an answer is cut matters");
}

/// What an answer reports does not depend on whether it came in one piece, in several, or is known to be over: the
/// short way through a usual report gives what the scanner gives.
pub fn usage(data: &[u8]) {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        usage_in(dialect, data);
    }
    elements(data);
}

/// How Google's answers are cut changes nothing of what is known of them.
fn elements(data: &[u8]) {
    let known = |pieces: &[&[u8]]| {
        let mut scan = ElementScan::new();
        let answers: u32 = pieces.iter().map(|piece| scan.feed(piece)).sum();
        (scan.usage(), answers, scan.has_failed(), scan.place())
    };
    assert_eq!(known(&[data]), known(&pieces(data)), "how an answer is cut matters");
}

fn usage_in(dialect: Dialect, data: &[u8]) {
    let mut scanner = UsageScan::new(dialect);
    scanner.feed(data);
    let mut brief = UsageScan::new(dialect);
    brief.feed_last(data);
    assert_eq!(brief.usage(), scanner.usage(), "the short way reads something else");
    let pieces = pieces(data);
    if let Some((last, before)) = pieces.split_last() {
        let mut cut = UsageScan::new(dialect);
        for piece in before {
            cut.feed(piece);
        }
        cut.feed_last(last);
        assert_eq!(cut.usage(), scanner.usage(), "how an answer is cut matters");
    }
    for at in cuts(data) {
        let mut cut = UsageScan::new(dialect);
        cut.feed(&data[..at]);
        cut.feed_last(&data[at..]);
        assert_eq!(cut.usage(), scanner.usage(), "a cut at {at} matters");
    }
}

/// A few places to cut `data` in two, which depend on its bytes.
fn cuts(data: &[u8]) -> impl Iterator<Item = usize> {
    let seed = data.iter().fold(7usize, |n, b| n.wrapping_mul(31).wrapping_add(usize::from(*b)));
    let bound = data.len() + 1;
    (1..=8usize).map(move |n| seed.wrapping_mul(n).wrapping_add(n * n) % bound)
}

fn assert_edits(ask: &Ask, data: &[u8], text: &[u8]) {
    let edits = Edits::plan(ask, "other \"model\"", InjectUsage::Yes).expect("this name fits");
    let edited = apply(&edits, data);
    assert_eq!(edited.len() as u64, edits.edited_len(data.len() as u64));
    let again = request(&[&edited]).expect("an edited body is valid");
    assert_eq!(again.model.as_str(), "other \"model\"");
    assert_eq!((again.stream, again.max_tokens), (ask.stream, ask.max_tokens));
    let settled = matches!(again.stream_usage, StreamUsage::Asked | StreamUsage::Untouchable);
    assert!(settled || !ask.stream, "usage was not asked for");
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(text) {
        assert_eq!(value["model"], ask.model.as_str());
    }
}

fn form(boundary: &Boundary, pieces: &[&[u8]]) -> Result<Ask, ScanError> {
    let mut scan = MultipartScan::new(boundary);
    pieces.iter().try_for_each(|piece| scan.feed(piece))?;
    scan.finish()
}

/// A form gives the same however it is cut, and its edited copy asks for the other model. The boundary is the first
/// line's, so that a mutated corpus still has forms in it.
pub fn multipart(data: &[u8]) {
    let _ = content_type_kind(data);
    let line = data.split(|b| *b == b'\r').next().unwrap_or_default();
    let text = line.strip_prefix(b"--").unwrap_or(line);
    let boundary = Boundary::cut_bytes(if text.is_empty() { b"x" } else { text });
    let asked = form(&boundary, &[data]);
    assert_eq!(form(&boundary, &pieces(data)), asked, "how a form is cut matters");
    if let Ok(ask) = asked {
        let value = &data[ask.model_span.start as usize..ask.model_span.end as usize];
        assert_eq!(value, ask.model.as_str().as_bytes());
        let edits = Edits::plan(&ask, "other", InjectUsage::Yes).expect("this name fits");
        let again = form(&boundary, &[&apply(&edits, data)]).expect("an edited form is valid");
        assert_eq!((again.model.as_str(), again.stream), ("other", ask.stream));
    }
}

fn pass(style: StreamStyle, hide: HideUsage, pieces: &[&[u8]]) -> (Vec<u8>, StreamFacts) {
    let mut filter = EventFilter::new(style, hide);
    let (mut held, mut out) = (Vec::new(), Vec::new());
    for (at, piece) in pieces.iter().chain([&&b""[..]]).enumerate() {
        held.extend_from_slice(piece);
        let release = filter.advance(&mut held, at == pieces.len());
        assert!(release.emit <= release.keep_from && release.keep_from <= held.len());
        out.extend_from_slice(&held[..release.emit]);
        held.drain(..release.keep_from);
    }
    assert!(held.is_empty(), "bytes were kept after the end");
    (out, *filter.facts())
}

/// A stream gives the same however it is cut; without hiding, what leaves is what came, up to some point; hiding
/// takes bytes out, puts none in, and does not change what is known; and what left passes again unchanged.
pub fn sse(data: &[u8]) {
    for style in STYLES {
        let (shown, facts) = pass(style, HideUsage::No, &[data]);
        assert!(data.starts_with(&shown), "bytes were changed");
        assert_eq!(
            pass(style, HideUsage::No, &pieces(data)),
            (shown.clone(), facts),
            "how a stream is cut matters"
        );
        let (hidden, known) = pass(style, HideUsage::Yes, &[data]);
        assert_eq!(pass(style, HideUsage::Yes, &pieces(data)), (hidden.clone(), known));
        assert_eq!(StreamFacts { events: 0, ..known }, StreamFacts { events: 0, ..facts });
        let mut rest = shown.iter();
        assert!(hidden.iter().all(|byte| rest.any(|b| b == byte)), "bytes were put in");
        assert_eq!(pass(style, HideUsage::No, &[&shown]).0, shown);
    }
}

const STYLES: [StreamStyle; 4] = [
    StreamStyle::OpenAiChunks,
    StreamStyle::OpenAiEvents,
    StreamStyle::AnthropicEvents,
    StreamStyle::GeminiEvents,
];

/// A stream gives the same when it comes byte by byte, and when it is cut in two at a few places.
pub fn sse_cut(data: &[u8]) {
    sse_cut_at(data, cuts(data));
}

/// As [`sse_cut`], cut in two at every place.
pub fn sse_cut_everywhere(data: &[u8]) {
    sse_cut_at(data, 0..=data.len());
}

fn sse_cut_at(data: &[u8], cuts: impl Iterator<Item = usize>) {
    let cuts: Vec<usize> = cuts.collect();
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    for style in STYLES {
        for hide in [HideUsage::No, HideUsage::Yes] {
            let whole = pass(style, hide, &[data]);
            assert_eq!(pass(style, hide, &bytes), whole, "byte by byte");
            for at in &cuts {
                let (before, after) = data.split_at(*at);
                assert_eq!(pass(style, hide, &[before, after]), whole, "cut at {at}");
            }
        }
    }
}
