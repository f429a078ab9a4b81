//! The inside of one event, whole or as it passes: its data is read as JSON without being put together.

use super::line::{Field, NAME_BYTES, Name};
use super::reason::ReasonSearch;
use crate::contract::endpoint::Dialect;
use crate::traffic::dialect::json::{Key, ROOT, Scanner, Sink, Value, Want, whole_number};
use crate::traffic::dialect::usage::{Tally, USAGE};
use memchr::memchr2;
use std::ops::Range;

const CHOICES: u8 = 1;
const ERROR: u8 = 2;
const TYPE: u8 = 3;
/// The answer as it is so far, with its usage: `response`, or Anthropic's `message`; or what has usage alone.
const ANSWER: u8 = 4;

const BOM: &[u8] = b"\xEF\xBB\xBF";
pub const DONE: &[u8] = b"[DONE]";

/// Reads one event piece by piece, in bounded memory.
pub struct Inspection {
    scanner: Scanner,
    pub seen: Seen,
    broken: bool,
    /// Bytes of the event that were fed.
    offset: usize,
    place: Place,
    head: Head,
    after_cr: bool,
    fields: bool,
    pub has_data: bool,
    pub name: Name,
    reason: ReasonSearch,
    /// So much of [`DONE`] stands at the start of the data.
    done: usize,
}

/// Place inside a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Field,
    /// After the colon, where one space is no part of the value.
    Space(Field),
    Value(Field),
}

impl Inspection {
    /// `tally` takes what the event reports.
    pub fn new(tally: Tally) -> Self {
        Self {
            scanner: Scanner::new(),
            seen: Seen::counting(tally),
            broken: false,
            offset: 0,
            place: Place::Field,
            head: Head::default(),
            after_cr: false,
            fields: false,
            has_data: false,
            name: Name::None,
            reason: ReasonSearch::default(),
            done: 0,
        }
    }

    /// Takes the next piece. Gives where the event ends, if it ends in this piece.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = self.walk(bytes);
        if self.seen.tally.dialect() == Dialect::Gemini {
            self.reason.feed(&bytes[..end.unwrap_or(bytes.len())]);
        }
        end
    }

    fn walk(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if std::mem::take(&mut self.after_cr) && bytes[at] == b'\n' {
                at += 1;
                continue;
            }
            let end = self.step(bytes, at);
            at = end;
            if end < bytes.len() && is_line_end(bytes[end]) {
                at += 1;
                self.after_cr = bytes[end] == b'\r';
                if self.end_line() {
                    let lf = self.after_cr && bytes.get(at) == Some(&b'\n');
                    self.after_cr &= at == bytes.len();
                    return Some(at + usize::from(lf));
                }
            }
        }
        self.offset += bytes.len();
        None
    }

    /// The event ended with a CR that stands last in the piece.
    pub fn after_cr(&self) -> bool {
        self.after_cr
    }

    /// The data is one whole JSON object.
    pub fn is_complete(&self) -> bool {
        !self.broken && self.scanner.finish().is_ok()
    }

    /// The data says why the answer stops.
    pub fn gives_reason(&self) -> bool {
        self.reason.found()
    }

    /// The data is the mark that ends a stream.
    pub fn is_done(&self) -> bool {
        self.done == DONE.len()
    }

    /// Goes on to the end of the line, of the piece, or of a part of the line.
    fn step(&mut self, bytes: &[u8], at: usize) -> usize {
        match self.place {
            Place::Field => self.field(bytes, at),
            Place::Space(field) => {
                self.place = Place::Value(field);
                at + usize::from(bytes[at] == b' ')
            }
            Place::Value(field) => {
                let end = memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |run| at + run);
                match field {
                    Field::Data => self.data(at, &bytes[at..end]),
                    Field::Event => self.head.push(&bytes[at..end]),
                    Field::Other => {}
                }
                end
            }
        }
    }

    fn field(&mut self, bytes: &[u8], at: usize) -> usize {
        let stop = bytes[at..].iter().position(|b| *b == b':' || is_line_end(*b));
        let end = stop.map_or(bytes.len(), |run| at + run);
        self.head.push(&bytes[at..end]);
        if bytes.get(end) != Some(&b':') {
            return end;
        }
        let field = self.head.field();
        self.fields |= self.head.len > 0;
        self.begin_value(field);
        self.place = Place::Space(field);
        end + 1
    }

    fn begin_value(&mut self, field: Field) {
        if field == Field::Data {
            if self.has_data {
                self.scan(self.offset, b"\n");
            }
            self.has_data = true;
        }
        if field == Field::Event {
            self.head = Head::default();
        }
    }

    /// Closes the line at hand. Says whether that ends the event.
    fn end_line(&mut self) -> bool {
        let ends = match self.place {
            Place::Field if self.head.len == 0 => true,
            Place::Field => {
                self.fields = true;
                let field = self.head.field();
                self.begin_value(field);
                self.name_from(field);
                false
            }
            Place::Space(field) | Place::Value(field) => {
                self.name_from(field);
                !self.fields
            }
        };
        self.head = Head::default();
        self.place = Place::Field;
        ends
    }

    fn name_from(&mut self, field: Field) {
        if field == Field::Event {
            self.name = Name::of(self.head.text());
        }
    }

    fn data(&mut self, at: usize, bytes: &[u8]) {
        if !self.scanner.is_at_start() || self.broken {
            return self.scan(self.offset + at, bytes);
        }
        let len = bytes.len().min(DONE.len() - self.done);
        if bytes[..len] == DONE[self.done..self.done + len] {
            self.done += len;
        } else if self.done > 0 {
            self.broken = true;
        } else {
            self.scan(self.offset + at, bytes);
        }
    }

    fn scan(&mut self, offset: usize, bytes: &[u8]) {
        if !self.broken {
            self.broken = self.scanner.feed_at(offset as u64, bytes, &mut self.seen).is_err();
        }
    }
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The start of a field's name or of an event's name.
#[derive(Default)]
struct Head {
    bytes: [u8; NAME_BYTES],
    /// Length of the whole text, of which `bytes` may hold only the start.
    len: usize,
}

impl Head {
    fn push(&mut self, text: &[u8]) {
        let at = self.len.min(NAME_BYTES);
        let taken = text.len().min(NAME_BYTES - at);
        self.bytes[at..at + taken].copy_from_slice(&text[..taken]);
        self.len += text.len();
    }

    /// The text, or nothing if it is too long to matter.
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn field(&self) -> Field {
        let name = self.text();
        Field::of(name.strip_prefix(BOM).unwrap_or(name))
    }
}

/// What was found in an event's data.
#[derive(Default)]
pub struct Seen {
    pub tally: Tally,
    pub name: Name,
    /// The root has an `error` that says something.
    pub error: bool,
    /// The root's `choices` is `[]`.
    pub no_choices: bool,
    /// The root's `usage`.
    pub report: Option<Report>,
    usage_in_root: bool,
}

/// A root's usage member.
pub struct Report {
    /// It is an object, not null.
    pub is_object: bool,
    /// What has to be cut to take it out, a comma included.
    pub span: Range<usize>,
    /// It is the first member: the comma after it is still to come.
    first: bool,
}

impl Seen {
    /// `tally` takes what is reported.
    pub fn counting(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }

    fn root_key(&mut self, key: &Key<'_>) -> Want {
        if self.tally.dialect() == Dialect::Gemini {
            return match key.name {
                b"usageMetadata" => Want::Members(USAGE),
                b"error" => Want::Value(ERROR),
                _ => Want::Skip,
            };
        }
        if let Some(report) = &mut self.report
            && std::mem::take(&mut report.first)
        {
            report.span.end = key.separator as usize + 1;
        }
        match key.name {
            b"choices" => Want::Value(CHOICES),
            b"error" => Want::Value(ERROR),
            b"type" => Want::Value(TYPE),
            // One server puts its usage into an object of its own.
            b"response" | b"x_groq" => Want::Members(ANSWER),
            b"message" if self.tally.dialect() == Dialect::Anthropic => Want::Members(ANSWER),
            b"usage" => {
                let start = if key.first { key.at } else { key.separator } as usize;
                self.report = Some(Report { is_object: false, span: start..start, first: key.first });
                self.usage_in_root = true;
                Want::Members(USAGE)
            }
            _ => Want::Skip,
        }
    }

    fn usage_value(&mut self, value: &Value<'_>, end: u64) {
        if !std::mem::take(&mut self.usage_in_root) {
            return;
        }
        match (value, &mut self.report) {
            (Value::Null | Value::Object { .. }, Some(report)) => {
                report.is_object = *value != Value::Null;
                report.span.end = end as usize;
            }
            _ => self.report = None,
        }
    }
}

impl Sink for Seen {
    fn key(&mut self, key: &Key<'_>) -> Want {
        match (key.path, key.name) {
            (ROOT, _) => self.root_key(key),
            (ANSWER, b"usage") => Want::Members(USAGE),
            (ANSWER, _) => Want::Skip,
            _ => self.tally.wants(key),
        }
    }

    fn value(&mut self, tag: u8, value: Value<'_>, span: Range<u64>) {
        match (tag, &value) {
            (CHOICES, _) => self.no_choices = value == Value::Array { empty: true },
            (ERROR, _) => self.error |= is_truthy(&value),
            (TYPE, Value::Text { text, sound: true }) => self.name = Name::of(text),
            _ => {
                if tag == USAGE {
                    self.usage_value(&value, span.end);
                }
                self.tally.value(tag, value);
            }
        }
    }
}

/// As the official clients test it.
fn is_truthy(value: &Value<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(text) => whole_number(text) != Some(0),
        Value::Text { text, .. } => !text.is_empty(),
        Value::Array { empty } | Value::Object { empty } => !empty,
    }
}
