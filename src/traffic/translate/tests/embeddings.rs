//! Embeddings: what clients get of each provider's answer.

use super::*;
use crate::traffic::translate::embeddings::{Method, Wanted};
use proptest::prelude::*;

fn answered(from: Speech, wanted: Wanted, answer: &str) -> Result<(Value, Translation), FaultKind> {
    let translation =
        Translation::new(from, Speech::Embeddings, Form::Whole, CREATED, true, Renamed::default());
    let (mut translation, mut out) = (translation.known_as("r", "em\"bed").embedding(wanted), vec![]);
    translation.whole(answer.as_bytes(), &mut out).map_err(|fault| fault.kind)?;
    Ok((serde_json::from_slice(&out).expect("JSON"), translation))
}

const TWO: Wanted = Wanted {
    count: 2,
    listed: true,
    base64: false,
    of_google: false,
    predicted: false,
    method: Method::List,
};

/// Each provider's lists come back in their order, with the digits that the provider wrote, and what it counted.
#[test]
fn numbers_keep_their_digits() {
    for (from, answer, tokens) in [
        (
            Speech::Gemini,
            r#"{"embeddings":[{"values":[0.250, -1.5E0,2]},{"values":[1.0,0.0,-0.125]}],"usageMetadata":{"promptTokenCount":7}}"#,
            Some(7),
        ),
        (
            Speech::Cohere,
            r#"{"id":"e","embeddings":{"float":[[0.250,-1.5E0,2],[1.0,0.0,-0.125]]},"texts":["a","b"],"meta":{"billed_units":{"input_tokens":7}}}"#,
            Some(7),
        ),
        (
            Speech::Ollama,
            "{\"model\":\"x\",\"embeddings\":[[0.250,\n-1.5E0,2],[1.0,0.0,-0.125]],\"prompt_eval_count\":7}",
            Some(7),
        ),
        (Speech::Ollama, r#"{"embeddings":[[0.250,-1.5E0,2],[1.0,0.0,-0.125]]}"#, None),
    ] {
        let translation =
            Translation::new(from, Speech::Embeddings, Form::Whole, CREATED, true, Renamed::default());
        let (mut translation, mut out) = (translation.known_as("r", "m").embedding(TWO), vec![]);
        translation.whole(answer.as_bytes(), &mut out).expect("valid");
        let counted = tokens.unwrap_or_default();
        let expected = format!(
            r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[0.250,-1.5E0,2]}},{{"object":"embedding","index":1,"embedding":[1.0,0.0,-0.125]}}],"model":"m","usage":{{"prompt_tokens":{counted},"total_tokens":{counted}}}}}"#
        );
        assert_eq!(String::from_utf8(out).expect("text"), expected, "{from:?}");
        assert_eq!(translation.usage().map(|usage| usage.input), tokens, "{from:?}");
        assert!(translation.has_ended());
    }
}

/// In base64 each number is four bytes, the least first, as `OpenAI` has it.
#[test]
fn numbers_are_packed() {
    let wanted = Wanted { base64: true, ..TWO };
    let (answer, _) =
        answered(Speech::Cohere, wanted, r#"{"embeddings":{"float":[[0.25,-1.5,2.0],[1.0,0.0,-0.125]]}}"#)
            .expect("valid");
    // As the provider of the format packs these numbers.
    assert_eq!(answer["data"][0]["embedding"], "AACAPgAAwL8AAABA");
    assert_eq!(answer["data"][1]["embedding"], "AACAPwAAAAAAAAC+");
    assert_eq!(answer["model"], "em\"bed");
    let one = Wanted { count: 1, base64: true, ..Wanted::default() };
    let (answer, _) =
        answered(Speech::Gemini, one, r#"{"embedding":{"values":[0.25,-1.5,2.0]}}"#).expect("valid");
    assert_eq!(answer["data"][0]["embedding"], "AACAPgAAwL8AAABA");
}

/// An answer with too few lists, or with something else in them, is none.
#[test]
fn what_is_no_embedding_is_refused() {
    for (from, answer) in [
        (Speech::Gemini, "{}"),
        (Speech::Gemini, r#"{"embedding":{"values":[1]}}"#),
        (Speech::Gemini, r#"{"embeddings":[{"values":[1]}]}"#),
        (Speech::Gemini, r#"{"embeddings":[{"values":[1]},{}]}"#),
        (Speech::Cohere, r#"{"embeddings":[[1],[2]]}"#),
        (Speech::Cohere, r#"{"embeddings":{"float":[[1],[2],[3]]}}"#),
        (Speech::Ollama, r#"{"embeddings":[[1],["2"]]}"#),
        (Speech::Ollama, r#"{"embeddings":[[1],2]}"#),
        (Speech::Ollama, r#"{"error":"no such model"}"#),
        (Speech::Ollama, r#"{"embeddings":[[1],[2]]"#),
    ] {
        for base64 in [false, true] {
            let refused = answered(from, Wanted { base64, ..TWO }, answer).map(|(answer, _)| answer);
            assert_eq!(refused, Err(FaultKind::UpstreamUnreadable), "{answer}");
        }
    }
}

/// What is wrong with a request is told by name.
#[test]
fn requests_are_refused_by_name() {
    for (body, kind, words) in [
        (r#"{"model":"m"}"#, FaultKind::InvalidRequest, "`input` is missing"),
        (r#"{"model":"m","input":[]}"#, FaultKind::InvalidRequest, "`input` must be at least one string"),
        (r#"{"model":"m","input":{}}"#, FaultKind::InvalidRequest, "`input` must be"),
        (r#"{"model":"m","input":["a",null]}"#, FaultKind::InvalidRequest, "`input[1]` must be a string"),
        (r#"{"model":"m","input":[7]}"#, FaultKind::Untranslatable, "tokens"),
        (r#"{"model":"m","input":"a","input":"b"}"#, FaultKind::InvalidRequest, "twice"),
        (r#"{"model":"m","input":"a","encoding_format":"int8"}"#, FaultKind::InvalidRequest, "`float`"),
        (r#"{"model":"m","input":"a","dimensions":"x"}"#, FaultKind::InvalidRequest, "`dimensions`"),
        (r#"{"model":"m","input":"a","input_type":"smell"}"#, FaultKind::InvalidRequest, "`input_type`"),
    ] {
        let to = destination(Speech::Cohere, "embed-v4.0", Unsupported::Drop);
        let fault = request(Speech::Embeddings, to, body.as_bytes(), &mut vec![]).err().expect("refused");
        assert_eq!(fault.kind, kind, "{body}");
        assert!(fault.message().contains(words), "{body}: {}", fault.message());
    }
    let to = destination(Speech::Ollama, "nomic", Unsupported::Refuse);
    let body = br#"{"model":"m","input":"a","input_type":"query","frob":1,"user":"u"}"#;
    let fault = request(Speech::Embeddings, to, body, &mut vec![]).err().expect("refused");
    assert_eq!(fault.message(), "The model's provider does not take: frob,user,input_type.");
}

proptest! {
    /// Numbers in base64 are the ones that a client reads from their digits.
    #[test]
    fn packed_numbers_are_the_numbers(numbers in proptest::collection::vec(-1e3f32..1e3, 0..40)) {
        let wanted = Wanted { count: 1, base64: true, ..Wanted::default() };
        let body = json!({"embeddings": [numbers]}).to_string();
        let (answer, _) = answered(Speech::Ollama, wanted, &body).expect("valid");
        let packed = answer["data"][0]["embedding"].as_str().expect("a text");
        let bytes = ::base64::Engine::decode(&::base64::engine::general_purpose::STANDARD, packed).expect("base64");
        let read: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        prop_assert_eq!(read, numbers);
    }
}
