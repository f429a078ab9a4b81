//! Tokens are counted alike where an answer goes straight on, by a scan of its bytes, and where it is told anew.

use super::*;
use crate::contract::record::Usage;
use crate::traffic::dialect::{ElementScan, UsageScan};

const GOOGLES: &str = r#"{"promptTokenCount":300,"candidatesTokenCount":40,"totalTokenCount":372,"cachedContentTokenCount":60,
    "thoughtsTokenCount":12,"toolUsePromptTokenCount":20,
    "promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"AUDIO","tokenCount":50},{"modality":"VIDEO","tokenCount":200},{"modality":"IMAGE","tokenCount":40}],
    "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":30}],
    "toolUsePromptTokensDetails":[{"modality":"TEXT","tokenCount":18},{"modality":"AUDIO","tokenCount":2}],
    "candidatesTokensDetails":[{"tokenCount":25,"modality":"AUDIO"},{"modality":"TEXT","tokenCount":15}]}"#;

const OPENAIS: &str = r#"{"prompt_tokens":320,"completion_tokens":52,"total_tokens":372,
    "prompt_tokens_details":{"audio_tokens":52,"cached_tokens":60,"image_tokens":40},
    "completion_tokens_details":{"accepted_prediction_tokens":3,"audio_tokens":25,"reasoning_tokens":12,"rejected_prediction_tokens":4}}"#;

const EXPECTED: Usage = Usage {
    input: 320,
    cached_input: 60,
    output: 52,
    reasoning: 12,
    audio_input: 52,
    audio_output: 25,
    ..Usage::NONE
};

fn crossed(from: Speech, to: Speech, answer: &str) -> (Option<Usage>, Value) {
    let (mut translation, mut out) = (translation(from, to, Form::Whole), vec![]);
    translation.read_as(Form::Whole);
    translation.whole(answer.as_bytes(), &mut out).expect("an answer");
    (translation.usage(), serde_json::from_slice(&out).expect("JSON"))
}

/// Sound, thoughts, what tools put into a prompt and what came from a cache are counted both ways, for every client; what
/// was predicted and guessed wrong is a part of the output as it is.
#[test]
fn classes_are_the_same_both_ways() {
    let google = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"text":"hi"}}]}},"finishReason":"STOP"}}],"usageMetadata":{GOOGLES},"modelVersion":"m"}}"#
    );
    let openai = format!(
        r#"{{"id":"x","model":"m","choices":[{{"index":0,"message":{{"content":"hi"}},"finish_reason":"stop"}}],"usage":{OPENAIS}}}"#
    );
    for size in [1, 13, 4096] {
        let mut elements = ElementScan::new();
        google.as_bytes().chunks(size).for_each(|piece| _ = elements.feed(piece));
        assert_eq!(elements.usage(), Some(EXPECTED));
        let mut scan = UsageScan::new(Dialect::OpenAi);
        openai.as_bytes().chunks(size).for_each(|piece| scan.feed(piece));
        assert_eq!(scan.usage(), Some(EXPECTED));
    }
    for (from, answer) in [(Speech::Gemini, &google), (Speech::OpenAi, &openai)] {
        for (to, name) in TOLD {
            if from != to {
                assert_eq!(crossed(from, to, answer).0, Some(EXPECTED), "{name}");
            }
        }
    }
    let (_, told) = crossed(Speech::OpenAi, Speech::Gemini, &openai);
    let usage = &told["usageMetadata"];
    let parts = |sound: u64, text: u64| json!([{"modality": "TEXT", "tokenCount": text}, {"modality": "AUDIO", "tokenCount": sound}]);
    assert_eq!(usage["promptTokensDetails"], parts(52, 268), "{usage}");
    assert_eq!(usage["candidatesTokensDetails"], parts(25, 15), "{usage}");
    let (_, told) = crossed(Speech::Gemini, Speech::OpenAi, &google);
    let details = ["prompt_tokens_details", "completion_tokens_details"];
    assert_eq!(details.map(|name| told["usage"][name]["audio_tokens"].clone()), [52, 25], "{told}");
}
