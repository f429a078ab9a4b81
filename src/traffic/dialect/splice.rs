//! The edits that send a body on under another model's name, without copying it.

use super::ask::{Ask, BodyForm, ScanError, StreamUsage};
use super::json;
use crate::base::limits::MODEL_NAME_BYTES;
use crate::contract::parameters::{Parameter, Parameters};
use std::ops::Range;

/// What stands before and behind a name where there is none.
const KEY: &[u8] = b"\"model\":";
const COMMA: &[u8] = b",";
/// A name of the longest kind with every byte escaped, its quotes, and what may stand around it.
const NAME_BYTES: usize = KEY.len() + 2 * MODEL_NAME_BYTES + 2 + COMMA.len();

/// The model, the place where usage is asked for, and what has another name.
const EDITS: usize = 4;

/// Whether the provider has to be asked for usage in its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InjectUsage {
    Yes,
    No,
}

/// At most a few replacements, in the order of the body, that do not overlap.
pub struct Edits {
    list: [Edit; EDITS],
    count: usize,
    name: [u8; NAME_BYTES],
    name_len: usize,
}

#[derive(Clone)]
struct Edit {
    span: Range<u64>,
    text: Put,
}

/// What takes a span's place.
#[derive(Clone, Copy)]
enum Put {
    Name,
    Text(&'static str),
}

impl Edits {
    /// What has to change in the body of `ask` for `model` to be asked.
    ///
    /// # Errors
    /// `InvalidModel` if this name cannot be written into such a body: it is too long, holds control characters,
    /// or could be taken for a boundary.
    pub fn plan(ask: &Ask, model: &str, usage: InjectUsage) -> Result<Self, ScanError> {
        const NONE: Edit = Edit { span: 0..0, text: Put::Name };
        let mut edits = Self { list: [NONE; EDITS], count: 0, name: [0; NAME_BYTES], name_len: 0 };
        let differs = match ask.form {
            BodyForm::Unnamed => false,
            BodyForm::Other | BodyForm::Missing => true,
            BodyForm::Json | BodyForm::Multipart => model != ask.model.as_str(),
        };
        if differs {
            edits.write_name(ask.form, model)?;
            edits.push(ask.model_span.clone(), Put::Name);
        }
        if usage == InjectUsage::Yes && ask.stream {
            match &ask.stream_usage {
                StreamUsage::Asked | StreamUsage::Untouchable => {}
                StreamUsage::Insert { at } => {
                    edits.push(*at..*at, Put::Text("\"stream_options\":{\"include_usage\":true},"));
                }
                StreamUsage::Replace { span, text } => edits.push(span.clone(), Put::Text(text)),
                StreamUsage::InsertInto { at, empty: true } => {
                    edits.push(*at..*at, Put::Text("\"include_usage\":true"));
                }
                StreamUsage::InsertInto { at, empty: false } => {
                    edits.push(*at..*at, Put::Text("\"include_usage\":true,"));
                }
            }
        }
        edits.list[..edits.count].sort_unstable_by_key(|edit| edit.span.start);
        Ok(edits)
    }

    /// Members that the provider has by another name get that.
    #[must_use]
    pub fn renaming(mut self, ask: &Ask, parameters: Parameters) -> Self {
        let names = [(Parameter::RandomSeed, "\"random_seed\":"), (Parameter::MaxTokens, "\"max_tokens\":")];
        for ((one, name), place) in names.into_iter().zip(&ask.renamable) {
            if let Some(place) = place.clone().filter(|_| parameters.has(one)) {
                self.push(place, Put::Text(name));
            }
        }
        self.list[..self.count].sort_unstable_by_key(|edit| edit.span.start);
        self
    }

    /// Spans of the body and what takes their place, first to last.
    pub fn iter(&self) -> impl Iterator<Item = (Range<u64>, &[u8])> + Clone {
        self.list[..self.count].iter().map(|edit| (edit.span.clone(), self.text(edit.text)))
    }

    /// The body goes on as it is.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Length of the edited body, in bytes.
    pub fn edited_len(&self, body_len: u64) -> u64 {
        self.iter().fold(body_len, |len, (span, text)| len + text.len() as u64 - (span.end - span.start))
    }

    fn text(&self, put: Put) -> &[u8] {
        match put {
            Put::Name => &self.name[..self.name_len],
            Put::Text(text) => text.as_bytes(),
        }
    }

    fn push(&mut self, span: Range<u64>, text: Put) {
        self.list[self.count] = Edit { span, text };
        self.count += 1;
    }

    fn write_name(&mut self, form: BodyForm, model: &str) -> Result<(), ScanError> {
        let fits = !model.is_empty() && model.len() <= MODEL_NAME_BYTES;
        // A form's value that begins with two dashes could be read as a boundary.
        let taken_for_boundary = form == BodyForm::Multipart && model.starts_with("--");
        if !fits || taken_for_boundary || model.chars().any(char::is_control) {
            return Err(ScanError::InvalidModel);
        }
        match form {
            BodyForm::Unnamed => {}
            BodyForm::Multipart => self.append(model.as_bytes()),
            BodyForm::Json | BodyForm::Other => self.quote(model),
            BodyForm::Missing => {
                self.append(KEY);
                self.quote(model);
                self.append(COMMA);
            }
        }
        Ok(())
    }

    fn quote(&mut self, name: &str) {
        self.append(b"\"");
        json::escape(name, |piece| self.append(piece));
        self.append(b"\"");
    }

    fn append(&mut self, bytes: &[u8]) {
        let end = self.name_len + bytes.len();
        self.name[self.name_len..end].copy_from_slice(bytes);
        self.name_len = end;
    }
}

/// The edited body as one copy: what a caller's gathered writes must amount to.
pub fn apply(edits: &Edits, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(edits.edited_len(body.len() as u64) as usize);
    let mut from = 0;
    for (span, text) in edits.iter() {
        out.extend_from_slice(&body[from..span.start as usize]);
        out.extend_from_slice(text);
        from = span.end as usize;
    }
    out.extend_from_slice(&body[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::super::request::RequestScan;
    use super::*;

    fn edited(body: &str, model: &str, usage: InjectUsage) -> String {
        let mut scan = RequestScan::new();
        scan.feed(body.as_bytes()).unwrap();
        let edits = Edits::plan(&scan.finish().unwrap(), model, usage).unwrap();
        let out = apply(&edits, body.as_bytes());
        assert_eq!(out.len() as u64, edits.edited_len(body.len() as u64));
        String::from_utf8(out).unwrap()
    }

    /// Each state of `stream_options` becomes one that asks for usage, and all else stays byte for byte.
    #[test]
    fn usage_is_asked_for() {
        for (body, expected) in [
            (
                r#"{"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"b","stream":true}"#,
            ),
            (
                r#"{"stream_options": null, "stream":true,"model":"a"}"#,
                r#"{"stream_options": {"include_usage":true}, "stream":true,"model":"b"}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{"include_usage" : false}}"#,
                r#"{"model":"b","stream":true,"stream_options":{"include_usage" : true}}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{"include_usage":null}}"#,
                r#"{"model":"b","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{ }}"#,
                r#"{"model":"b","stream":true,"stream_options":{"include_usage":true }}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{"x":[1]}}"#,
                r#"{"model":"b","stream":true,"stream_options":{"include_usage":true,"x":[1]}}"#,
            ),
        ] {
            assert_eq!(edited(body, "b", InjectUsage::Yes), expected);
            let parsed: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(parsed["stream_options"]["include_usage"], true);
        }
    }

    /// A body that needs no change is not changed: same model, no stream, usage asked for, or options of a wrong type.
    #[test]
    fn nothing_changes_without_need() {
        for body in [
            r#"{"model":"a"}"#,
            r#"{"model":"\u0061","stream":false}"#,
            r#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"a","stream":true,"stream_options":{"include_usage":1}}"#,
            r#"{"model":"a","stream":true,"stream_options":[]}"#,
        ] {
            assert_eq!(edited(body, "a", InjectUsage::Yes), body);
        }
        let body = r#"{"model":"a","stream":true}"#;
        assert_eq!(edited(body, "a", InjectUsage::No), body);
    }

    /// What a provider has by another name is renamed, however it is written, and nothing else; a limit is not, where the
    /// other name stands already.
    #[test]
    fn members_are_renamed() {
        let both = Parameters::NONE.with(Parameter::RandomSeed).with(Parameter::MaxTokens);
        let renamed = |body: &str, parameters| {
            let mut scan = RequestScan::new();
            body.as_bytes().chunks(3).for_each(|piece| scan.feed(piece).unwrap());
            let ask = scan.finish().unwrap();
            let edits = Edits::plan(&ask, "b", InjectUsage::Yes).unwrap().renaming(&ask, parameters);
            let out = apply(&edits, body.as_bytes());
            assert_eq!(out.len() as u64, edits.edited_len(body.len() as u64));
            String::from_utf8(out).unwrap()
        };
        let body = r#"{"s\u0065ed" : 7,"x":{"seed":1},"max_completion_tokens":9, "model":"a"}"#;
        assert_eq!(renamed(body, both), r#"{"random_seed":7,"x":{"seed":1},"max_tokens":9, "model":"b"}"#);
        assert_eq!(renamed(body, Parameters::NONE), body.replace("\"a\"", "\"b\""));
        let two = r#"{"model":"b","max_tokens":8,"max_completion_tokens":9}"#;
        assert_eq!(renamed(two, both), two);
        let streamed = r#"{"stream":true,"seed":null,"model":"b"}"#;
        assert!(renamed(streamed, both).ends_with(r#""stream":true,"random_seed":null,"model":"b"}"#));
    }

    /// Names are escaped; those that cannot stand in a body are refused.
    #[test]
    fn names_are_written_safely() {
        assert_eq!(edited(r#"{"model":"a"}"#, r#"x"\y€"#, InjectUsage::No), r#"{"model":"x\"\\y€"}"#);
        let quotes = "\"".repeat(MODEL_NAME_BYTES);
        assert!(edited(r#"{"model":"a"}"#, &quotes, InjectUsage::No).len() > 2 * MODEL_NAME_BYTES);
        let mut scan = RequestScan::new();
        scan.feed(br#"{"model":"a"}"#).unwrap();
        let ask = scan.finish().unwrap();
        let form = Ask { form: BodyForm::Multipart, ..ask.clone() };
        for (ask, model) in [(&ask, ""), (&ask, "a\nb"), (&form, "a\r\nb"), (&form, "--b")] {
            assert_eq!(Edits::plan(ask, model, InjectUsage::No).err(), Some(ScanError::InvalidModel));
        }
        assert!(Edits::plan(&ask, &"x".repeat(MODEL_NAME_BYTES + 1), InjectUsage::No).is_err());
    }
}
