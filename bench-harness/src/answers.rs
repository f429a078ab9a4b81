//! Whole answers that are translated, of about 700 bytes each: what is said, how many tokens that took, and why it ended.

use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{Form, Speech, Translation};

/// One provider's answer, and the client who reads it.
#[derive(Clone, Copy)]
pub struct Answer {
    pub name: &'static str,
    /// What counting its instructions is called.
    pub stage: &'static str,
    from: Speech,
    to: Speech,
    before: &'static str,
    behind: &'static str,
}

/// How long each of them is.
pub const BYTES: usize = 700;

pub const ANSWERS: [Answer; 6] = [
    Answer {
        name: "gemini_to_chat",
        stage: "answer_gemini_to_chat_700_b",
        from: Speech::Gemini,
        to: Speech::OpenAi,
        before: r#"{"candidates":[{"content":{"parts":[{"text":""#,
        behind: r#""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":120,"candidatesTokenCount":34,"totalTokenCount":154,"promptTokensDetails":[{"modality":"TEXT","tokenCount":120}]},"modelVersion":"gemini-3.5-flash","responseId":"r5"}"#,
    },
    Answer {
        name: "bedrock_to_chat",
        stage: "answer_bedrock_to_chat_700_b",
        from: Speech::Bedrock,
        to: Speech::OpenAi,
        before: r#"{"metrics":{"latencyMs":551},"output":{"message":{"content":[{"text":""#,
        behind: r#""}],"role":"assistant"}},"stopReason":"end_turn","usage":{"cacheReadInputTokenCount":0,"cacheReadInputTokens":0,"cacheWriteInputTokenCount":0,"cacheWriteInputTokens":0,"inputTokens":120,"outputTokens":34,"totalTokens":154}}"#,
    },
    Answer {
        name: "responses_to_chat",
        stage: "answer_responses_to_chat_700_b",
        from: Speech::Responses,
        to: Speech::OpenAi,
        before: r#"{"id":"resp_1","object":"response","created_at":1795271696,"status":"completed","error":null,"model":"gpt-6","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":""#,
        behind: r#""}]}],"parallel_tool_calls":true,"store":true,"tools":[],"usage":{"input_tokens":120,"input_tokens_details":{"cached_tokens":0},"output_tokens":34,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":154}}"#,
    },
    of_chat("chat_to_messages", "answer_chat_to_messages_700_b", Speech::Anthropic),
    of_chat("chat_to_gemini", "answer_chat_to_gemini_700_b", Speech::Gemini),
    of_chat("chat_to_responses", "answer_chat_to_responses_700_b", Speech::Responses),
];

const fn of_chat(name: &'static str, stage: &'static str, to: Speech) -> Answer {
    Answer {
        name,
        stage,
        from: Speech::OpenAi,
        to,
        before: r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1795271696,"model":"model-7","choices":[{"index":0,"message":{"role":"assistant","content":""#,
        behind: r#"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":34,"total_tokens":154,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default"}"#,
    }
}

impl Answer {
    /// Its bytes, with words to fill it.
    pub fn body(&self) -> Vec<u8> {
        let words = BYTES - self.before.len() - self.behind.len();
        let said: String = "some plain words ".chars().cycle().take(words).collect();
        [self.before, &said, self.behind].concat().into_bytes()
    }

    /// Translates it.
    ///
    /// # Panics
    /// It is no answer.
    pub fn translate(&self, body: &[u8], out: &mut Vec<u8>) {
        let renamed = Renamed::default();
        let mut whole = Translation::new(self.from, self.to, Form::Whole, 1_795_256_400, true, renamed);
        whole.whole(body, out).expect("valid");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every answer has its length, and its client gets all that was said.
    #[test]
    fn words_arrive() {
        for answer in ANSWERS {
            let (body, mut out) = (answer.body(), vec![]);
            assert_eq!(body.len(), BYTES, "{}", answer.name);
            answer.translate(&body, &mut out);
            let out = String::from_utf8(out).expect("text");
            assert!(out.contains("some plain words some plain words") && out.contains("34"), "{out}");
        }
    }
}
