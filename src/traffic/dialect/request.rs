//! What a JSON request asks for, found while its body arrives.
//!
//! The whole body is read, even when all was found: providers take the last of two members with one name, so a
//! second `model` after the first would be a way around the access check.

use super::ask::{Ask, BodyForm, ScanError, StreamUsage, model_name};
use super::beside::{self, Named, Place};
use super::json::{Key, ROOT, Scanner, Sink, Value, Want, whole_number};
use crate::base::limits::MODEL_NAME_BYTES;
use crate::base::text::Text;
use std::ops::Range;

const MODEL: u8 = 1;
const STREAM: u8 = 2;
const STREAM_OPTIONS: u8 = 3;
const INCLUDE_USAGE: u8 = 4;
const MAX_TOKENS: u8 = 5;
const MAX_COMPLETION_TOKENS: u8 = 6;
const MAX_OUTPUT_TOKENS: u8 = 7;
const SEED: u8 = 8;
const OTHER_MODELS: u8 = 9;
const HOLDS_MODELS: u8 = 10;
const TOOLS: u8 = 11;
const TOOL_KIND: u8 = 12;

const SPLICED_OPTIONS: &str = "{\"include_usage\":true}";

/// Reads a request's body piece by piece.
pub struct RequestScan {
    scanner: Scanner,
    found: Found,
}

impl RequestScan {
    pub const fn new() -> Self {
        Self { scanner: Scanner::new(), found: Found::new() }
    }

    /// For who need not know which models are named beside `model`: [`Ask::beside`] stays empty, which spares looking at
    /// every tool.
    pub const fn of_model_alone() -> Self {
        let mut scan = Self::new();
        scan.found.model_alone = true;
        scan
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// The body is not a JSON object. Whatever else is wrong is told by [`RequestScan::finish`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.scanner.feed(bytes, &mut self.found).map_err(ScanError::Json)
    }

    /// The body is over.
    pub fn finish(&self) -> Result<Ask, ScanError> {
        self.scanner.finish().map_err(ScanError::Json)?;
        self.found.ask()
    }

    /// The body is over, and its URL named `model` and the form of the answer.
    pub fn finish_named(&self, model: &Text<MODEL_NAME_BYTES>, stream: bool) -> Result<Ask, ScanError> {
        self.scanner.finish().map_err(ScanError::Json)?;
        self.found.named(model, stream)
    }

    /// The body is over, and its URL named `model`, which counts whatever the body says.
    pub fn finish_deployed(&self, model: &Text<MODEL_NAME_BYTES>) -> Result<Ask, ScanError> {
        self.scanner.finish().map_err(ScanError::Json)?;
        self.found.deployed(model)
    }
}

impl Default for RequestScan {
    fn default() -> Self {
        Self::new()
    }
}

struct Found {
    /// One bit per tag.
    seen: u8,
    /// `Model`, say: some JSON libraries take it for `model`.
    model_in_other_case: bool,
    /// The first thing that was wrong.
    error: Option<ScanError>,
    model: Text<MODEL_NAME_BYTES>,
    model_span: Range<u64>,
    stream: bool,
    /// Where `stream_options` stands, and what it is.
    options: Option<(Range<u64>, Options)>,
    include_usage: Option<(Range<u64>, Flag)>,
    max_tokens: Option<u64>,
    /// Where the names of `seed` and `max_completion_tokens` begin, and where their values do.
    renamable: [Option<Range<u64>>; 2],
    /// Other models than `model` are nobody's concern.
    model_alone: bool,
    beside: Vec<Place>,
    tools: Tools,
    root: u64,
    /// The root has no members.
    is_empty: bool,
}

/// What there is in a list of tools that could name a model.
#[derive(Clone, Copy)]
struct Tools {
    /// One of them does.
    name: bool,
    /// The one at hand is not the client's own.
    served: bool,
    /// The one at hand has settings, which could.
    set: bool,
}

impl Tools {
    const NONE: Self = Self { name: false, served: false, set: false };
}

#[derive(Clone, Copy)]
enum Options {
    Null,
    Object { empty: bool },
    Wrong,
}

#[derive(Clone, Copy)]
enum Flag {
    On,
    Off,
    Wrong,
}

impl Flag {
    const fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Bool(true) => Flag::On,
            Value::Bool(false) | Value::Null => Flag::Off,
            Value::Number(_) | Value::Text { .. } | Value::Array { .. } | Value::Object { .. } => Flag::Wrong,
        }
    }
}

impl Found {
    const fn new() -> Self {
        Self {
            seen: 0,
            model_in_other_case: false,
            error: None,
            model: Text::EMPTY,
            model_span: 0..0,
            stream: false,
            options: None,
            include_usage: None,
            max_tokens: None,
            renamable: [const { None }; 2],
            model_alone: false,
            beside: vec![],
            tools: Tools::NONE,
            root: 0,
            is_empty: false,
        }
    }

    fn fail(&mut self, error: ScanError) {
        self.error.get_or_insert(error);
    }

    /// Wants a member the first time; a second time is an error.
    fn once(&mut self, tag: u8, name: &'static str) -> Want {
        if self.seen & 1 << tag != 0 {
            self.fail(ScanError::Duplicate(name));
            return Want::Skip;
        }
        self.seen |= 1 << tag;
        if tag == STREAM_OPTIONS { Want::Members(tag) } else { Want::Value(tag) }
    }

    fn model(&mut self, value: &Value<'_>, span: Range<u64>) {
        let name = match value {
            Value::Text { text, sound: true } => model_name(text),
            _ => None,
        };
        match name {
            Some(name) => self.model = name,
            None => self.fail(ScanError::InvalidModel),
        }
        self.model_span = span;
    }

    fn ask(&self) -> Result<Ask, ScanError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.seen & 1 << MODEL == 0 {
            return Err(ScanError::MissingModel);
        }
        if self.model_in_other_case {
            return Err(ScanError::Duplicate("model"));
        }
        let stream_usage = self.stream_usage();
        Ok(Ask {
            model: self.model,
            model_span: self.model_span.clone(),
            form: BodyForm::Json,
            stream: self.stream,
            stream_usage,
            max_tokens: self.max_tokens,
            renamable: self.renamable(),
            beside: self.beside.clone(),
        })
    }

    /// A body that names a model all the same must not name another: not every server looks at the URL.
    fn named(&self, model: &Text<MODEL_NAME_BYTES>, stream: bool) -> Result<Ask, ScanError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let named = self.model.as_str();
        let agrees = named.strip_prefix("models/").unwrap_or(named) == model.as_str();
        if self.model_in_other_case || (self.seen & 1 << MODEL != 0 && !agrees) {
            return Err(ScanError::OtherModel);
        }
        Ok(Ask {
            model: *model,
            model_span: 0..0,
            form: BodyForm::Unnamed,
            stream,
            stream_usage: StreamUsage::Asked,
            max_tokens: self.max_tokens,
            renamable: [const { None }; 2],
            beside: self.beside.clone(),
        })
    }

    fn deployed(&self, model: &Text<MODEL_NAME_BYTES>) -> Result<Ask, ScanError> {
        if self.seen & 1 << MODEL != 0 {
            let ask = self.ask()?;
            let form = if ask.model == *model { BodyForm::Json } else { BodyForm::Other };
            return Ok(Ask { model: *model, form, ..ask });
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.model_in_other_case {
            return Err(ScanError::Duplicate("model"));
        }
        if self.is_empty {
            return Err(ScanError::MissingModel);
        }
        Ok(Ask {
            model: *model,
            model_span: self.root + 1..self.root + 1,
            form: BodyForm::Missing,
            stream: self.stream,
            stream_usage: self.stream_usage(),
            max_tokens: self.max_tokens,
            renamable: self.renamable(),
            beside: self.beside.clone(),
        })
    }

    /// The value of one of those begins here that may have to be renamed.
    fn begins(&mut self, which: usize, at: u64) {
        if let Some(place) = &mut self.renamable[which] {
            place.end = at;
        }
    }

    /// Other models are named here, or may be. That there are too many places is told by one more than may be looked at.
    fn beside(&mut self, value: &Value<'_>, place: Place) {
        let holds = matches!(value, Value::Text { .. } | Value::Array { .. } | Value::Object { .. });
        if holds && self.beside.len() <= beside::NAMES {
            self.beside.push(place);
        }
    }

    /// A tool is over, or the list of them.
    fn tool(&mut self, value: &Value<'_>, span: Range<u64>) {
        let tools = &mut self.tools;
        match value {
            Value::Object { .. } => {
                let name = tools.name || (tools.served && tools.set);
                *tools = Tools { name, ..Tools::NONE };
            }
            Value::Array { .. } if tools.name => {
                *tools = Tools::NONE;
                self.beside(value, Place { span, named: Named::Within });
            }
            _ => {}
        }
    }

    /// What can be renamed. A limit beside one of the other name cannot.
    fn renamable(&self) -> [Option<Range<u64>>; 2] {
        let [seed, limit] = self.renamable.clone();
        [seed, limit.filter(|_| self.seen & 1 << MAX_TOKENS == 0)]
    }

    fn stream_usage(&self) -> StreamUsage {
        match (&self.options, &self.include_usage) {
            (None, _) => StreamUsage::Insert { at: self.root + 1 },
            (Some((span, Options::Null)), _) => {
                StreamUsage::Replace { span: span.clone(), text: SPLICED_OPTIONS }
            }
            (Some((_, Options::Wrong)), _) | (_, Some((_, Flag::Wrong))) => StreamUsage::Untouchable,
            (_, Some((_, Flag::On))) => StreamUsage::Asked,
            (_, Some((span, Flag::Off))) => StreamUsage::Replace { span: span.clone(), text: "true" },
            (Some((span, Options::Object { empty })), None) => {
                StreamUsage::InsertInto { at: span.start + 1, empty: *empty }
            }
        }
    }
}

impl Sink for Found {
    #[inline]
    fn key(&mut self, key: &Key<'_>) -> Want {
        match (key.path, key.name) {
            (ROOT, b"model") => self.once(MODEL, "model"),
            (ROOT, b"stream") => self.once(STREAM, "stream"),
            (ROOT, b"stream_options") => self.once(STREAM_OPTIONS, "stream_options"),
            (STREAM_OPTIONS, b"include_usage") => self.once(INCLUDE_USAGE, "include_usage"),
            (ROOT, b"max_tokens") => self.once(MAX_TOKENS, "max_tokens"),
            (ROOT, b"max_completion_tokens") => {
                self.renamable[1] = Some(key.at..key.at);
                self.once(MAX_COMPLETION_TOKENS, "max_completion_tokens")
            }
            (ROOT, b"seed") => {
                self.renamable[0] = Some(key.at..key.at);
                Want::Value(SEED)
            }
            (ROOT, b"max_output_tokens") => self.once(MAX_OUTPUT_TOKENS, "max_output_tokens"),
            (ROOT, name) if name.eq_ignore_ascii_case(b"model") => {
                self.model_in_other_case = true;
                Want::Skip
            }
            _ if self.model_alone => Want::Skip,
            (ROOT, name) if name.eq_ignore_ascii_case(b"tools") => Want::Each(TOOLS),
            (ROOT, name) => match beside::of_root(name) {
                None => Want::Skip,
                Some(Named::Here) => Want::Value(OTHER_MODELS),
                Some(Named::Within) => Want::Value(HOLDS_MODELS),
            },
            (TOOLS, name) if name.eq_ignore_ascii_case(b"type") => Want::Value(TOOL_KIND),
            (TOOLS, name) if name.eq_ignore_ascii_case(b"parameters") => {
                self.tools.set = true;
                Want::Skip
            }
            (TOOLS, name) => {
                self.tools.name |= beside::is_name(name);
                Want::Skip
            }
            _ => Want::Skip,
        }
    }

    fn value(&mut self, tag: u8, value: Value<'_>, span: Range<u64>) {
        match tag {
            ROOT => {
                self.root = span.start;
                self.is_empty = value == Value::Object { empty: true };
            }
            MODEL => self.model(&value, span),
            STREAM => match Flag::of(&value) {
                Flag::On => self.stream = true,
                Flag::Off => {}
                Flag::Wrong => self.fail(ScanError::InvalidField("stream")),
            },
            STREAM_OPTIONS => {
                let options = match value {
                    Value::Null => Options::Null,
                    Value::Object { empty } => Options::Object { empty },
                    _ => Options::Wrong,
                };
                self.options = Some((span, options));
            }
            INCLUDE_USAGE => self.include_usage = Some((span, Flag::of(&value))),
            SEED => self.begins(0, span.start),
            OTHER_MODELS => self.beside(&value, Place { span, named: Named::Here }),
            HOLDS_MODELS => self.beside(&value, Place { span, named: Named::Within }),
            TOOL_KIND => self.tools.served |= !is_clients(&value),
            TOOLS => self.tool(&value, span),
            _ => {
                if tag == MAX_COMPLETION_TOKENS {
                    self.begins(1, span.start);
                }
                if let Value::Number(text) = value {
                    self.max_tokens = self.max_tokens.max(whole_number(text));
                }
            }
        }
    }
}

/// Whether a tool of this kind is one that the client runs.
fn is_clients(kind: &Value<'_>) -> bool {
    matches!(kind, Value::Text { text: b"function" | b"custom", sound: true })
}

#[cfg(test)]
mod tests;
