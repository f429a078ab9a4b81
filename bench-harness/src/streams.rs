//! Streams that are translated: how each begins, and an event of a few words that may come any number of times.

use ringgate::traffic::translate::names::Renamed;
use ringgate::traffic::translate::{Form, Speech, Translation};

/// One provider's stream, and the client who reads it.
#[derive(Clone, Copy)]
pub struct Stream {
    pub name: &'static str,
    /// What counting its instructions is called.
    pub stage: &'static str,
    from: Speech,
    to: Speech,
    start: &'static [u8],
    pub event: &'static [u8],
}

pub const STREAMS: [Stream; 6] = [
    Stream {
        name: "messages_to_chat",
        stage: "event_messages_to_chat",
        from: Speech::Anthropic,
        to: Speech::OpenAi,
        start: b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-opus-5\",\"usage\":{\"input_tokens\":9}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        event: b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" a few words\"}}\n\n",
    },
    Stream {
        name: "chat_to_messages",
        stage: "event_chat_to_messages",
        from: Speech::OpenAi,
        to: Speech::Anthropic,
        start: CHAT_START,
        event: CHAT,
    },
    Stream {
        name: "chat_to_responses",
        stage: "event_chat_to_responses",
        from: Speech::OpenAi,
        to: Speech::Responses,
        start: CHAT_START,
        event: CHAT,
    },
    Stream {
        name: "responses_to_chat",
        stage: "event_responses_to_chat",
        from: Speech::Responses,
        to: Speech::OpenAi,
        start: b"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"gpt-6\",\"status\":\"in_progress\",\"output\":[],\"usage\":null}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\nevent: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}}\n\n",
        event: b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\" a few words\",\"logprobs\":[],\"obfuscation\":\"abcdef\"}\n\n",
    },
    Stream {
        name: "gemini_to_chat",
        stage: "event_gemini_to_chat",
        from: Speech::Gemini,
        to: Speech::OpenAi,
        start: GEMINI,
        event: GEMINI,
    },
    Stream {
        name: "bedrock_to_chat",
        stage: "event_bedrock_to_chat",
        from: Speech::Bedrock,
        to: Speech::OpenAi,
        start: b"\x00\x00\x00\x8d\x00\x00\x00R\xa91\x9b\x92\x0b:event-type\x07\x00\x0cmessageStart\x0d:content-type\x07\x00\x10application/json\x0d:message-type\x07\x00\x05event{\"p\":\"abcdefghijklmnop\",\"role\":\"assistant\"}\xb4\x04dn",
        event: b"\x00\x00\x00\xbb\x00\x00\x00W\xf7:\";\x0b:event-type\x07\x00\x11contentBlockDelta\x0d:content-type\x07\x00\x10application/json\x0d:message-type\x07\x00\x05event{\"contentBlockIndex\":0,\"delta\":{\"text\":\" a few words\"},\"p\":\"abcdefghijklmnopqrstuv\"}\xbc2_\xfb",
    },
];

const CHAT_START: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-6\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const CHAT: &[u8] = b"data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1795256401,\"model\":\"gpt-6\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" a few words\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
const GEMINI: &[u8] = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" a few words\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":4,\"totalTokenCount\":13},\"modelVersion\":\"gemini-3.5-flash\",\"responseId\":\"r5\"}\n\n";

impl Stream {
    /// Its translation, behind the beginning.
    ///
    /// # Panics
    /// The beginning is none.
    pub fn begun(&self) -> Translation {
        let renamed = Renamed::default();
        let mut begun = Translation::new(self.from, self.to, Form::Stream, 1_795_256_400, true, renamed);
        let passed = begun.stream(self.start, false, &mut Vec::new()).expect("valid");
        assert_eq!(passed.consumed, self.start.len());
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every event says its words to the client, as often as it comes.
    #[test]
    fn words_arrive() {
        for stream in STREAMS {
            let mut begun = stream.begun();
            for _ in 0..2 {
                let mut out = vec![];
                let passed = begun.stream(stream.event, false, &mut out).expect("valid");
                assert_eq!((passed.consumed, passed.events), (stream.event.len(), 1), "{}", stream.name);
                assert!(String::from_utf8_lossy(&out).contains("\" a few words\""), "{}", stream.name);
            }
        }
    }
}
