//! What a request must hold: the thought that led to calls, the result of each call, and what a model is told to want.
//!
//! Providers refuse a history without these; where one does not, something was lost on the way all the same.

use serde_json::Value;

use super::answer::{GOOGLES_SIGNATURE, SEALED, SIGNATURE, THOUGHT};
use super::endpoint::Endpoint;

/// Where a format has what is looked for: in a message, or in a part of one.
struct Form {
    /// The messages.
    turns: &'static str,
    /// What only a call has, and what tells it from others.
    call: (&'static str, &'static str),
    /// The same for the result of a call.
    result: (&'static str, &'static str),
    /// What shows that a thought came back, and what that must be.
    thought: Option<(&'static str, &'static str)>,
    /// The text of an image.
    image: &'static str,
    /// The schema, from the body on.
    schema: &'static [&'static str],
}

const CHAT: Form = Form {
    turns: "/messages",
    call: ("/function", "/id"),
    result: ("/tool_call_id", "/tool_call_id"),
    thought: None,
    image: "/image_url/url",
    schema: &["/response_format/json_schema/schema"],
};
const RESPONSES: Form = Form {
    turns: "/input",
    call: ("/arguments", "/call_id"),
    result: ("/output", "/call_id"),
    thought: Some(("/encrypted_content", SEALED)),
    image: "/image_url",
    schema: &["/text/format/schema"],
};
const MESSAGES: Form = Form {
    turns: "/messages",
    call: ("/input", "/id"),
    result: ("/tool_use_id", "/tool_use_id"),
    thought: Some(("/signature", SIGNATURE)),
    image: "/source/data",
    schema: &["/output_config/format/schema"],
};
const GEMINI: Form = Form {
    turns: "/contents",
    call: ("/functionCall", "/functionCall/name"),
    result: ("/functionResponse", "/functionResponse/name"),
    thought: Some(("/thoughtSignature", GOOGLES_SIGNATURE)),
    image: "/inlineData/data",
    schema: &["/generationConfig/responseJsonSchema", "/generationConfig/responseSchema"],
};
const CONVERSE: Form = Form {
    turns: "/messages",
    call: ("/toolUse", "/toolUse/toolUseId"),
    result: ("/toolResult", "/toolResult/toolUseId"),
    thought: Some(("/reasoningContent/reasoningText/signature", SIGNATURE)),
    image: "/image/source/bytes",
    schema: &["/outputConfig/textFormat/structure/jsonSchema/schema"],
};
const COHERE: Form =
    Form { thought: Some(("/tool_plan", THOUGHT)), schema: &["/response_format/json_schema"], ..CHAT };
const OLLAMA: Form = Form {
    call: ("/function", "/function/name"),
    result: ("/tool_name", "/tool_name"),
    thought: Some(("/thinking", THOUGHT)),
    image: "/images/0",
    schema: &["/format"],
    ..CHAT
};

/// How an image in PNG begins as base64, behind what may stand before it in a URL.
const PNG: &str = "iVBORw0KGgo";
const PNG_URL: &str = "data:image/png;base64,";

/// Why a provider of this endpoint's format refuses a request for a model, if it does.
pub fn complaint(endpoint: Endpoint, model: &str, body: &[u8]) -> Option<&'static str> {
    let (thinks, wants) = (model.contains("thinks=1"), model.contains("wants="));
    if !thinks && !wants && !model.contains("tools=") {
        return None;
    }
    let form = match endpoint {
        Endpoint::Chat => &CHAT,
        Endpoint::Responses => &RESPONSES,
        Endpoint::Messages
        | Endpoint::RawPredict
        | Endpoint::StreamRawPredict
        | Endpoint::Invoke
        | Endpoint::InvokeStream => &MESSAGES,
        Endpoint::GenerateContent | Endpoint::StreamGenerateContent => &GEMINI,
        Endpoint::Converse | Endpoint::ConverseStream => &CONVERSE,
        Endpoint::CohereChat => &COHERE,
        Endpoint::OllamaChat => &OLLAMA,
        _ => return None,
    };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if model.contains("wants=image") && !form.spoken(&body).any(|said| form.shows(said)) {
        return Some("The request holds no image in PNG.");
    }
    if model.contains("wants=schema") && !form.schema.iter().any(|place| body.pointer(place).is_some()) {
        return Some("The request holds no schema.");
    }
    form.history(&body, thinks)
}

impl Form {
    /// Every message, and before the next one its parts.
    fn spoken<'b>(&self, body: &'b Value) -> impl Iterator<Item = &'b Value> {
        let turns = body.pointer(self.turns).and_then(Value::as_array).into_iter().flatten();
        turns.flat_map(|turn| {
            let parts = ["content", "parts", "tool_calls"].map(|name| turn[name].as_array());
            std::iter::once(turn).chain(parts.into_iter().flatten().flatten())
        })
    }

    fn shows(&self, said: &Value) -> bool {
        let image = said.pointer(self.image).and_then(Value::as_str);
        image.is_some_and(|image| image.strip_prefix(PNG_URL).unwrap_or(image).starts_with(PNG))
    }

    /// What is wrong with calls and their results, or with the thoughts before them.
    fn history(&self, body: &Value, thinks: bool) -> Option<&'static str> {
        let (mut open, mut thought) = (vec![], false);
        for said in self.spoken(body) {
            let found = |(mark, name): (&str, &str)| {
                said.pointer(mark).and_then(|_| said.pointer(name)).and_then(Value::as_str)
            };
            if let Some((place, proof)) = self.thought {
                thought |= said.pointer(place).is_some_and(|found| found == proof);
            }
            if let Some(id) = found(self.result) {
                let Some(at) = open.iter().position(|known| *known == id) else {
                    return Some("A result of a tool answers no call before it.");
                };
                open.swap_remove(at);
                thought = false;
            } else if let Some(id) = found(self.call) {
                if thinks && self.thought.is_some() && !thought {
                    return Some("A call of a tool lacks the thought before it, as it was.");
                }
                open.push(id);
            }
        }
        (!open.is_empty()).then_some("A call of a tool has no result.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of_messages(model: &str, blocks: &[Value]) -> Option<&'static str> {
        let turns: Vec<Value> = blocks.iter().map(|block| json!({"content": [block]})).collect();
        complaint(Endpoint::Messages, model, json!({"messages": turns}).to_string().as_bytes())
    }

    /// A call wants its thought and its result, a result its call, and neither the same twice.
    #[test]
    fn histories_are_looked_at() {
        let thought = json!({"type": "thinking", "thinking": "x", "signature": SIGNATURE});
        let forged = json!({"type": "thinking", "thinking": "x", "signature": "other"});
        let call = json!({"type": "tool_use", "id": "a", "input": {}});
        let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "x"});
        let all = [thought, call.clone(), result.clone()];
        for (blocks, complains) in [
            (all.to_vec(), false),
            (vec![call.clone(), result.clone()], true),
            (vec![forged, call.clone(), result.clone()], true),
            (all[..2].to_vec(), true),
            ([&all[..], &[result]].concat(), true),
            ([&all[..], &[call]].concat(), true),
            ([&all[..], &all].concat(), false),
        ] {
            assert_eq!(of_messages("m?tools=1&thinks=1", &blocks).is_some(), complains, "{blocks:?}");
        }
        assert_eq!(of_messages("m?tools=1", &all[1..]), None, "no thought where none was had");
        assert_eq!(of_messages("m", &all[..2]), None, "nobody asked");
    }

    /// Images and schemas count in the place of their format alone.
    #[test]
    fn wants_are_looked_for() {
        let url = format!("{PNG_URL}{PNG}");
        for (endpoint, body, fits) in [
            (Endpoint::Chat, json!({"messages": [{"content": [{"image_url": {"url": url}}]}]}), true),
            (Endpoint::Chat, json!({"messages": [{"content": [{"image_url": {"url": "http://x"}}]}]}), false),
            (Endpoint::OllamaChat, json!({"messages": [{"images": [PNG]}]}), true),
            (Endpoint::OllamaChat, json!({"messages": [{"images": [url]}]}), true),
            (Endpoint::CohereChat, json!({"messages": [{"images": [PNG]}]}), false),
        ] {
            let complains = complaint(endpoint, "m?wants=image", body.to_string().as_bytes()).is_some();
            assert_eq!(complains, !fits, "{body}");
        }
        let body = br#"{"text":{"format":{"schema":{}}}}"#;
        assert_eq!(complaint(Endpoint::Responses, "m?wants=schema", body), None);
        assert!(complaint(Endpoint::Chat, "m?wants=schema", body).is_some());
    }
}
