//! The walk over a form's parts, resumable at any byte.

use super::disposition::{self, Part};
use super::media::{BOUNDARY_BYTES, Boundary};
use crate::base::limits::MODEL_NAME_BYTES;
use crate::base::text::Text;
use crate::traffic::dialect::ask::{Ask, BodyForm, ScanError, StreamUsage, model_name};
use std::ops::Range;

/// Largest header section of one part, in bytes.
const PART_HEAD_BYTES: usize = 4 * 1024;

/// CRLF, two dashes, and the boundary.
const DELIMITER_BYTES: usize = BOUNDARY_BYTES + 4;

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The body must begin with a delimiter.
    Opening,
    /// A part's value; the delimiter's first `matched` bytes stand before.
    Value,
    /// After a delimiter.
    Delimited,
    /// After a delimiter and one dash.
    Dash,
    /// After a delimiter and spaces.
    Padding,
    /// After a delimiter and a CR.
    DelimiterCr,
    Head,
    /// After the last delimiter: one of these may follow it, and then anything.
    Closed,
    Epilogue,
}

/// Reads a form's body piece by piece.
pub struct MultipartScan {
    state: State,
    /// Offset of the next byte.
    offset: u64,
    delimiter: [u8; DELIMITER_BYTES],
    delimiter_len: usize,
    matched: usize,
    /// What matched began with the CRLF that ended the part's headers.
    borrowed: bool,
    /// The headers of the part at hand. Allocated once per form: uploads are not frequent.
    head: Vec<u8>,
    /// Where they begin.
    head_at: u64,
    part: Part,
    /// Where the value at hand begins.
    value_at: u64,
    /// Where the delimiter at hand begins.
    value_end: u64,
    value: Bytes,
    model: Option<(Text<MODEL_NAME_BYTES>, Range<u64>)>,
    stream: Option<bool>,
    /// The first thing that was wrong with a field.
    error: Option<ScanError>,
}

/// The start of a value.
struct Bytes {
    bytes: [u8; MODEL_NAME_BYTES],
    /// Length of the whole value.
    len: usize,
}

impl Bytes {
    fn push(&mut self, more: &[u8]) {
        let at = self.len.min(MODEL_NAME_BYTES);
        let taken = more.len().min(MODEL_NAME_BYTES - at);
        self.bytes[at..at + taken].copy_from_slice(&more[..taken]);
        self.len += more.len();
    }

    /// The value, or `None` if it is too long to be valid.
    fn whole(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }
}

type Next = Result<usize, ScanError>;

impl MultipartScan {
    pub fn new(boundary: &Boundary) -> Self {
        let mut delimiter = [0; DELIMITER_BYTES];
        let text = boundary.as_str().as_bytes();
        let delimiter_len = text.len() + 4;
        delimiter[..4].copy_from_slice(b"\r\n--");
        delimiter[4..delimiter_len].copy_from_slice(text);
        Self {
            state: State::Opening,
            offset: 0,
            delimiter,
            delimiter_len,
            // The first delimiter stands where a CRLF before it would be outside the body.
            matched: 2,
            borrowed: false,
            head: Vec::new(),
            head_at: 0,
            part: Part::Other,
            value_at: 0,
            value_end: 0,
            value: Bytes { bytes: [0; MODEL_NAME_BYTES], len: 0 },
            model: None,
            stream: None,
            error: None,
        }
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// The body is not such a form. What is wrong with a field is told by [`MultipartScan::finish`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        let mut at = 0;
        while at < bytes.len() {
            let next = match self.state {
                State::Opening => self.opening(bytes, at)?,
                State::Value => self.value(bytes, at),
                State::Head => self.head(bytes, at)?,
                State::Epilogue => bytes.len(),
                State::Delimited | State::Dash | State::Padding | State::DelimiterCr | State::Closed => {
                    self.after_delimiter(bytes, at)?
                }
            };
            self.offset += (next - at) as u64;
            at = next;
        }
        Ok(())
    }

    /// The body is over.
    pub fn finish(&self) -> Result<Ask, ScanError> {
        if !matches!(self.state, State::Closed | State::Epilogue) {
            return self.broken("it ends without its last boundary");
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        let (model, model_span) = self.model.clone().ok_or(ScanError::MissingModel)?;
        Ok(Ask {
            model,
            model_span,
            form: BodyForm::Multipart,
            stream: self.stream.unwrap_or(false),
            stream_usage: StreamUsage::Untouchable,
            renamable: [const { None }; 2],
            max_tokens: None,
            beside: vec![],
        })
    }

    /// The same for a form whose URL names a model, too: it may name no other.
    pub fn finish_deployed(&self, model: &Text<MODEL_NAME_BYTES>) -> Result<Ask, ScanError> {
        let ask = self.finish()?;
        if ask.model == *model { Ok(ask) } else { Err(ScanError::OtherModel) }
    }

    fn broken<T>(&self, what: &'static str) -> Result<T, ScanError> {
        Err(ScanError::Multipart(self.offset, what))
    }

    /// The headers of the part at hand are broken before their byte `at`.
    fn broken_head<T>(&self, at: usize, what: &'static str) -> Result<T, ScanError> {
        Err(ScanError::Multipart(self.head_at + at as u64, what))
    }

    fn delimiter(&self) -> &[u8] {
        &self.delimiter[..self.delimiter_len]
    }

    fn opening(&mut self, bytes: &[u8], at: usize) -> Next {
        if bytes[at] != self.delimiter[self.matched] {
            return self.broken("it does not begin with its boundary");
        }
        self.matched += 1;
        if self.matched == self.delimiter_len {
            self.state = State::Delimited;
        }
        Ok(at + 1)
    }

    /// Only a CR can begin a delimiter, and a delimiter has no other: a failed match begins again at most here.
    fn value(&mut self, bytes: &[u8], at: usize) -> usize {
        if self.matched == 0 {
            let run = memchr::memchr(b'\r', &bytes[at..]);
            let end = run.map_or(bytes.len(), |run| at + run);
            self.keep(&bytes[at..end]);
            self.matched = usize::from(run.is_some());
            return end + self.matched;
        }
        let expected = &self.delimiter()[self.matched..];
        let len = expected.iter().zip(&bytes[at..]).take_while(|(a, b)| a == b).count();
        self.matched += len;
        if self.matched == self.delimiter_len {
            self.value_end = self.offset + len as u64 - self.delimiter_len as u64;
            self.state = State::Delimited;
        } else if at + len < bytes.len() {
            self.unmatch();
        }
        at + len
    }

    /// What looked like a delimiter belongs to the value.
    fn unmatch(&mut self) {
        let from = if std::mem::take(&mut self.borrowed) { 2 } else { 0 };
        let to = std::mem::take(&mut self.matched);
        if self.part != Part::Other {
            self.value.push(&self.delimiter[from..to]);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.part != Part::Other {
            self.value.push(bytes);
        }
    }

    fn after_delimiter(&mut self, bytes: &[u8], at: usize) -> Next {
        self.state = match (self.state, bytes[at]) {
            (State::Delimited, b'-') => State::Dash,
            (State::Delimited | State::Padding, b' ' | b'\t') => State::Padding,
            (State::Delimited | State::Padding, b'\r') => State::DelimiterCr,
            (State::Dash, b'-') => {
                self.end_part()?;
                State::Closed
            }
            (State::DelimiterCr, b'\n') => {
                self.end_part()?;
                self.head.clear();
                self.head_at = self.offset + 1;
                State::Head
            }
            (State::Closed, b' ' | b'\t') => State::Closed,
            (State::Closed, b'\r' | b'\n') => State::Epilogue,
            // Such a line only begins like a boundary. Before the first part there is no value it could be in.
            (State::Delimited, _) if self.value_at > 0 => {
                self.unmatch();
                self.state = State::Value;
                return Ok(at);
            }
            _ => return self.broken("a boundary is followed by something else"),
        };
        Ok(at + 1)
    }

    fn head(&mut self, bytes: &[u8], at: usize) -> Next {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |run| at + run + 1);
        if self.head.len() + (end - at) > PART_HEAD_BYTES {
            return self.broken_head(PART_HEAD_BYTES, "a part's headers are too large");
        }
        self.head.extend_from_slice(&bytes[at..end]);
        if self.head.ends_with(b"\n") {
            self.end_head_line()?;
        }
        Ok(end)
    }

    /// A line of a part's headers is whole.
    fn end_head_line(&mut self) -> Result<(), ScanError> {
        let before = &self.head[..self.head.len() - 1];
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = before[start..].strip_suffix(b"\r").filter(|line| !line.contains(&b'\r'));
        let Some(line) = line else {
            return self.broken_head(start, "a part's header does not end with CRLF");
        };
        if !line.is_empty() {
            return Ok(());
        }
        self.part = match disposition::part(&self.head[..start]) {
            Ok(part) => part,
            Err(what) => return self.broken_head(0, what),
        };
        self.value_at = self.head_at + self.head.len() as u64;
        self.value.len = 0;
        // Some parsers see a boundary here already. It is looked for, and refused where the part ends.
        (self.matched, self.borrowed) = (2, true);
        self.state = State::Value;
        Ok(())
    }

    /// What stood before a delimiter is whole.
    fn end_part(&mut self) -> Result<(), ScanError> {
        if self.value_end < self.value_at {
            return self.broken("a part ends before its value begins");
        }
        match std::mem::replace(&mut self.part, Part::Other) {
            Part::Other => {}
            Part::Model => self.end_model(),
            Part::Stream => self.end_stream(),
        }
        Ok(())
    }

    fn end_model(&mut self) {
        if self.model.is_some() {
            self.error.get_or_insert(ScanError::Duplicate("model"));
            return;
        }
        let name = self.value.whole().and_then(model_name);
        if name.is_none() {
            self.error.get_or_insert(ScanError::InvalidModel);
        }
        self.model = Some((name.unwrap_or_default(), self.value_at..self.value_end));
    }

    fn end_stream(&mut self) {
        let on = match self.value.whole().unwrap_or_default() {
            text if text.eq_ignore_ascii_case(b"true") => Some(true),
            text if text.eq_ignore_ascii_case(b"false") => Some(false),
            _ => None,
        };
        if self.stream.is_some() {
            self.error.get_or_insert(ScanError::Duplicate("stream"));
        } else if on.is_none() {
            self.error.get_or_insert(ScanError::InvalidField("stream"));
        }
        self.stream = Some(on.unwrap_or(false));
    }
}
