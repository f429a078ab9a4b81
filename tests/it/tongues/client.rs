//! Streams as clients of each dialect and each protocol ask for them and read them.

use crate::harness::{self, Client, Fate, Frames, Gateway, KEY};
use serde_json::Value;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    Completions,
    Responses,
    Messages,
    GoogleEvents,
    GoogleArray,
}

pub const DIALECTS: [Dialect; 6] = [
    Dialect::Chat,
    Dialect::Completions,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::GoogleEvents,
    Dialect::GoogleArray,
];

impl Dialect {
    /// The path and the body that ask for a stream.
    pub fn request(self, model: &str) -> (String, String) {
        let hi = r#"[{"role":"user","content":"hi"}]"#;
        let google = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#.to_owned();
        let (path, body) = match self {
            Dialect::Chat => ("/v1/chat/completions", format!(r#""messages":{hi}"#)),
            Dialect::Completions => ("/v1/completions", r#""prompt":"hi""#.to_owned()),
            Dialect::Responses => ("/v1/responses", r#""input":"hi""#.to_owned()),
            Dialect::Messages => ("/v1/messages", format!(r#""max_tokens":99,"messages":{hi}"#)),
            Dialect::GoogleEvents => {
                return (format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"), google);
            }
            Dialect::GoogleArray => return (format!("/v1beta/models/{model}:streamGenerateContent"), google),
        };
        (path.to_owned(), format!(r#"{{"model":"{model}","stream":true,{body}}}"#))
    }

    /// What stands in a stream that came to its end, and in no other.
    pub fn ends(self, text: &str) -> bool {
        match self {
            Dialect::Chat | Dialect::Completions => text.contains("[DONE]"),
            Dialect::Responses => text.contains("response.completed") || text.contains("response.incomplete"),
            Dialect::Messages => text.contains("message_stop"),
            Dialect::GoogleEvents | Dialect::GoogleArray => text.contains("finishReason"),
        }
    }

    /// The name of the error that a stream ends with, after its shape was looked at: that of the gateway's own errors is
    /// their code, that of all others their message.
    #[track_caller]
    pub fn error(self, text: &str) -> String {
        let last = if self == Dialect::GoogleArray {
            let all: Vec<Value> = serde_json::from_str(text).expect("an array");
            all.last().expect("elements").clone()
        } else {
            let text = text.replace("\r\n", "\n");
            let data = text.trim_end().rsplit("\n\n").next().expect("events");
            let data = data.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
            let last = serde_json::from_str::<Value>(data);
            assert!(last.is_ok(), "{text}");
            last.unwrap_or_default()
        };
        let error = &last["error"];
        let code = match self {
            Dialect::Chat | Dialect::Completions => {
                assert!(error["type"].is_string() && error["ringgate"].is_object(), "{text}");
                &error["code"]
            }
            Dialect::Responses => {
                assert_eq!((&last["type"], &last["code"]), (&"error".into(), &error["code"]), "{text}");
                assert!(text.contains("\nevent: error\n") && last["message"] == error["message"], "{text}");
                &error["code"]
            }
            Dialect::Messages => {
                assert!(text.contains("\nevent: error\n"), "{text}");
                assert!(last["type"] == "error" && error["type"].is_string(), "{text}");
                &error["ringgate"]["code"]
            }
            Dialect::GoogleEvents | Dialect::GoogleArray => {
                assert!(error["code"].is_u64() && error["status"].is_string(), "{text}");
                &error["details"][0]["reason"]
            }
        };
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
        code.as_str().unwrap_or_default().to_ascii_lowercase()
    }
}

/// How a client is connected, and thereby how it learns where a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: by its last chunk.
    Chunked,
    /// HTTP/1.0: by the end of the connection.
    UntilClose,
    /// HTTP/2: by the end of its stream.
    Http2,
}

impl Protocol {
    pub const ALL: [Protocol; 3] = [Protocol::Chunked, Protocol::UntilClose, Protocol::Http2];
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As one that is whole.
    Clean,
    /// So that any client of the protocol sees that it is not.
    Broken,
}

/// A stream that is read.
pub struct Tap {
    protocol: Protocol,
    wire: Wire,
    /// What was read of it so far, without its framing.
    pub text: String,
    /// What is to come, where the head told that.
    left: Option<usize>,
}

enum Wire {
    Http1(Client),
    Http2(Frames),
}

impl Tap {
    /// Asks for a stream. Its head is read with the first of it.
    pub fn open(gateway: &Gateway, protocol: Protocol, dialect: Dialect, model: &str) -> Self {
        let (path, body) = dialect.request(model);
        let wire = if protocol == Protocol::Http2 {
            let mut frames = Frames::connect(gateway.address);
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "gateway"),
                (":path", path.as_str()),
                ("x-api-key", KEY),
                ("content-type", "application/json"),
            ];
            frames.head(1, &fields, true);
            frames.body(1, body.as_bytes());
            Wire::Http2(frames)
        } else {
            let mut request = String::from_utf8(harness::post(&path, &body)).expect("text");
            if protocol == Protocol::UntilClose {
                request = request.replacen("HTTP/1.1", "HTTP/1.0", 1);
            }
            let mut client = gateway.client();
            client.send(request.as_bytes());
            Wire::Http1(client)
        };
        Self { protocol, wire, text: String::new(), left: None }
    }

    /// Reads the head, whose status is 200.
    #[track_caller]
    pub fn begin(&mut self) {
        let status = match &mut self.wire {
            Wire::Http1(client) => {
                let (status, fields) = client.head();
                let length = fields.into_iter().find(|(name, _)| name == "content-length");
                self.left = length.map(|(_, length)| length.parse().expect("a length"));
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(&client.rest));
                status
            }
            Wire::Http2(frames) => frames.status(1).expect("a head"),
        };
        assert_eq!(status, 200);
    }

    /// Reads until this was said, or to an end.
    #[track_caller]
    pub fn until(&mut self, said: &str) {
        let mut from = 0;
        while memchr::memmem::find(&self.text.as_bytes()[from..], said.as_bytes()).is_none() {
            from = self.text.len().saturating_sub(said.len());
            let end = self.more();
            assert_eq!(
                end,
                None,
                "{said:?} does not come: {}",
                &self.text[self.text.len().saturating_sub(2000)..]
            );
        }
    }

    /// Reads to the end.
    pub fn end(&mut self) -> End {
        loop {
            if let Some(end) = self.more() {
                return end;
            }
        }
    }

    fn more(&mut self) -> Option<End> {
        let bytes = match (&mut self.wire, self.protocol) {
            (Wire::Http1(_), _) if self.left == Some(0) => return Some(End::Clean),
            (Wire::Http1(client), protocol) if protocol == Protocol::UntilClose || self.left.is_some() => {
                // What was read with the head comes first.
                let ended = if client.rest.is_empty() { client.more().err() } else { None };
                match (std::mem::take(&mut client.rest), ended) {
                    (bytes, None) => {
                        self.left = self.left.map(|left| left - bytes.len());
                        bytes
                    }
                    (_, Some(harness::End::Closed)) if self.left.is_none() => return Some(End::Clean),
                    (_, Some(_)) => return Some(End::Broken),
                }
            }
            (Wire::Http1(client), _) => match client.chunk() {
                Some(chunk) if chunk.is_empty() => return Some(End::Clean),
                Some(chunk) => chunk,
                None => return Some(End::Broken),
            },
            (Wire::Http2(frames), _) => match frames.piece(1) {
                Ok((piece, false)) => {
                    frames.widen_stream(1, u32::try_from(piece.len()).expect("a short piece"));
                    piece
                }
                Ok((piece, true)) => {
                    self.text += std::str::from_utf8(&piece).expect("text");
                    return Some(End::Clean);
                }
                Err(Fate::Reset(code)) => {
                    assert!(code != 0 && code != 8, "no client takes {code} for a failure");
                    return Some(End::Broken);
                }
                // The connection ends, and the stream has not.
                Err(_) => return Some(End::Broken),
            },
        };
        self.text += std::str::from_utf8(&bytes).expect("whole characters");
        None
    }
}
