//! Requests and answers of any bytes: `translate` must neither panic nor write what its own readers do not take.
//!
//! Each target takes arbitrary bytes and ends in assertions. What is crossed to follows from the bytes.

use ringgate::base::fault::FaultKind;
use ringgate::contract::snapshot::Unsupported;
use ringgate::traffic::translate::foreign::{may_be_in, without};
use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{
    Destination, Form, Speech, StreamUsage, Translation, request as translate,
};

const SPEECHES: [Speech; 2] = [Speech::OpenAi, Speech::Anthropic];
const MODELS: [&str; 5] = ["gpt-5", "qwen", "claude-opus-5-5", "claude-opus-5", "claude-sonnet-4-5"];

/// A number that follows from the bytes.
fn number(data: &[u8]) -> usize {
    data.iter().fold(7usize, |n, b| n.wrapping_mul(31).wrapping_add(usize::from(*b))) >> 3
}

fn written(from: Speech, speech: Speech, model: &str, body: &[u8]) -> Result<Vec<u8>, FaultKind> {
    let to = Destination {
        speech,
        model,
        stream_usage: StreamUsage::Asked,
        unsupported: Unsupported::Drop,
        betas: &[],
        shelf: None,
        on_vertex: false,
        parameters: ringgate::contract::parameters::Parameters::NONE,
    };
    let mut out = b"before ".to_vec();
    translate(from, to, body, &mut out).map_err(|fault| fault.kind)?;
    Ok(out.split_off(b"before ".len()))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// A request is refused as what it is, or becomes one that its format's own reader takes, the same each time.
pub fn request(data: &[u8]) {
    let model = MODELS[number(data) % MODELS.len()];
    for from in SPEECHES {
        for to in SPEECHES {
            match written(from, to, model, data) {
                Err(kind) => {
                    use FaultKind::{InvalidJson, InvalidRequest, Untranslatable};
                    assert!(matches!(kind, InvalidJson | InvalidRequest | Untranslatable), "{kind:?}");
                }
                Ok(out) => {
                    // A parser of Unicode may mind what was passed on as it came.
                    assert!(is_json(&out), "no JSON");
                    assert_eq!(written(from, to, model, data), Ok(out.clone()), "equal requests differ");
                    let again = written(to, to, model, &out);
                    assert!(again.is_ok(), "{again:?} of {}", String::from_utf8_lossy(&out));
                }
            }
        }
    }
}

/// What other vendors' models left in a request is cut out without breaking anything: what is left is as good as what
/// came, has nothing of the kind any more, and is the same for every model's next request.
pub fn foreign(data: &[u8]) {
    for speech in [Speech::OpenAi, Speech::Anthropic, Speech::Gemini, Speech::Responses] {
        let (left, _) = without(speech, "claude-gemini-3", data.into());
        assert!(is_json(&left) || !is_json(data), "{}", String::from_utf8_lossy(&left));
        assert_eq!(without(speech, "claude-gemini-3", (&*left).into()).0, left, "once is enough");
        let (front, back) = data.split_at(number(data) % (data.len() + 1));
        let whole = may_be_in(speech, "claude-gemini-3", std::iter::once(data));
        assert!(
            !whole || may_be_in(speech, "claude-gemini-3", [front, back].into_iter()),
            "how a request is cut matters"
        );
    }
}

/// What the client gets, and how it ended; the pieces are of this many bytes.
fn told(from: Speech, to: Speech, form: Form, data: &[u8], step: usize) -> Result<Vec<u8>, FaultKind> {
    let mut translation = Translation::new(from, to, form, 1, true, Renamed::default());
    let (mut held, mut out) = (vec![], vec![]);
    let mut pieces = data.chunks(step).peekable();
    loop {
        held.extend_from_slice(pieces.next().unwrap_or_default());
        let last = pieces.peek().is_none();
        let passed = translation.stream(&held, last, &mut out).map_err(|fault| fault.kind)?;
        held.drain(..passed.consumed);
        if last {
            assert!(translation.has_ended() || translation.has_failed(), "neither ended nor failed");
            return Ok(out);
        }
    }
}

/// A stream gives the same however it is cut, and one that ends well is one that its dialect's own reader takes; whole
/// answers are JSON.
pub fn answer(data: &[u8]) {
    let step = 1 + number(data) % 40;
    for from in SPEECHES {
        for to in SPEECHES {
            let at_once = told(from, to, Form::Stream, data, data.len().max(1));
            assert_eq!(told(from, to, Form::Stream, data, step), at_once, "how a stream is cut matters");
            if let Ok(stream) = &at_once {
                let again = told(to, from, Form::Stream, stream, stream.len().max(1));
                assert!(again.is_ok(), "{again:?} of {}", String::from_utf8_lossy(stream));
            }
            let mut out = vec![];
            let mut translation = Translation::new(from, to, Form::Whole, 1, true, Renamed::default());
            if translation.whole(data, &mut out).is_ok() {
                assert!(is_json(&out), "no JSON: {}", String::from_utf8_lossy(&out));
            }
        }
    }
}
