//! Requests and answers of any bytes: `translate` must not panic, and writes JSON or refuses.
//!
//! Each target takes arbitrary bytes and ends in assertions. The first byte of `data` chooses the dialect.

use ringgate::contract::endpoint::Dialect;
use ringgate::contract::snapshot::Unsupported;
use ringgate::traffic::provider::named::renamed;
use ringgate::traffic::translate::embeddings::Wanted;
use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{Destination, Form, Speech, StreamUsage, Translation, request_in_form};

/// Those that clients and providers have.
const SPEECHES: [Speech; 3] = [Speech::OpenAi, Speech::Anthropic, Speech::Gemini];
/// All in which requests are written, and all in which answers are told.
const WRITTEN: [Speech; 9] = [
    Speech::OpenAi,
    Speech::Anthropic,
    Speech::Gemini,
    Speech::Responses,
    Speech::Ollama,
    Speech::Cohere,
    Speech::Bedrock,
    Speech::BedrockAnthropic,
    Speech::VertexAnthropic,
];
const TOLD: [Speech; 5] =
    [Speech::OpenAi, Speech::Anthropic, Speech::Gemini, Speech::Responses, Speech::Completions];

/// A dialect and the bytes behind its number.
fn chosen(data: &[u8]) -> Option<(Speech, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((SPEECHES[usize::from(*first) % SPEECHES.len()], rest))
}

/// A body of any bytes for a provider with its own format, or an answer of one.
fn native(data: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((usize::from(*first), rest))
}

/// Whether an independent parser takes it for JSON; it refuses deep ones.
fn is_json(data: &[u8], text: &[u8]) -> bool {
    let deep = data.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > 64;
    deep || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// A body of any bytes is refused, or becomes JSON in every other format, the same each time; so does one that is only to
/// be counted.
pub fn request(data: &[u8]) {
    let Some((from, body)) = chosen(data) else { return };
    written(data, from, &WRITTEN, body);
    let dialect = match from {
        Speech::Anthropic => Dialect::Anthropic,
        Speech::Gemini => Dialect::Gemini,
        _ => Dialect::OpenAi,
    };
    written(data, Speech::Count(dialect), &WRITTEN, body);
}

/// The same for completions and embeddings.
pub fn operation(data: &[u8]) {
    let Some((number, body)) = native(data) else { return };
    let embedding = [Speech::OpenAi, Speech::Gemini, Speech::Ollama, Speech::Cohere];
    match number % 3 {
        0 => written(data, Speech::Completions, &WRITTEN, body),
        1 => written(data, Speech::Embeddings, &embedding, body),
        _ => {
            written(data, Speech::GoogleEmbeddings, &embedding, body);
            let mut out = vec![];
            if renamed(body, "m", "n", &mut out).is_ok() {
                assert!(is_json(data, &out), "{}", String::from_utf8_lossy(&out));
            }
        }
    }
}

fn written(data: &[u8], from: Speech, formats: &[Speech], body: &[u8]) {
    for speech in formats.iter().copied() {
        let written = || {
            let to = Destination {
                speech,
                model: if speech == Speech::Gemini { "gemini-3.8-flash" } else { "claude-opus-5" },
                stream_usage: StreamUsage::Asked,
                unsupported: Unsupported::Drop,
                betas: &[],
                shelf: None,
                on_vertex: false,
                parameters: ringgate::contract::parameters::Parameters::NONE,
            };
            let mut out = vec![];
            request_in_form(from, Some(Form::Stream), to, body, &mut out).ok().map(|_| out)
        };
        let Some(out) = written() else { continue };
        assert!(is_json(data, &out), "{from:?} for {speech:?}: {}", String::from_utf8_lossy(&out));
        assert_eq!(written(), Some(out), "equal requests make other bytes");
    }
}

/// An answer of any bytes is refused or becomes JSON, and a stream of them is the same however it is cut.
pub fn answer(data: &[u8]) {
    let Some((from, answer)) = chosen(data) else { return };
    told(data, from, &SPEECHES, answer);
}

/// The same for answers in formats that only providers have, to every client.
pub fn native_answer(data: &[u8]) {
    let Some((number, answer)) = native(data) else { return };
    let from = [Speech::Ollama, Speech::Cohere][number % 2];
    told(data, from, &TOLD, answer);
    for base64 in [false, true] {
        let wanted = Wanted { count: 1, base64, ..Wanted::default() };
        let translation =
            Translation::new(from, Speech::Embeddings, Form::Whole, 0, true, Renamed::default());
        let mut out = vec![];
        if translation.embedding(wanted).whole(answer, &mut out).is_ok() {
            assert!(is_json(data, &out), "{from:?}: {}", String::from_utf8_lossy(&out));
        }
    }
}

fn told(data: &[u8], from: Speech, dialects: &[Speech], answer: &[u8]) {
    for to in dialects.iter().copied() {
        let translation = |form| Translation::new(from, to, form, 0, true, Renamed::default());
        let (mut out, mut told) = (vec![], translation(Form::Whole));
        // Of an error in place of an answer, the client is given an error's answer.
        if told.whole(answer, &mut out).is_ok() && !told.has_failed() {
            assert!(is_json(data, &out), "{from:?} for {to:?}: {}", String::from_utf8_lossy(&out));
        }
        let mut at_once = vec![];
        let whole = translation(Form::Stream).stream(answer, true, &mut at_once).map(|_| at_once);
        let cut = in_pieces(translation(Form::Stream), answer);
        assert_eq!(
            cut.map_err(|fault| fault.kind),
            whole.map_err(|fault| fault.kind),
            "how it is cut matters"
        );
    }
}

fn in_pieces(mut translation: Translation, answer: &[u8]) -> Result<Vec<u8>, ringgate::base::fault::Fault> {
    let (mut held, mut out) = (vec![], vec![]);
    for piece in answer.chunks(13) {
        held.extend_from_slice(piece);
        let passed = translation.stream(&held, false, &mut out)?;
        held.drain(..passed.consumed);
    }
    translation.stream(&held, true, &mut out)?;
    Ok(out)
}
