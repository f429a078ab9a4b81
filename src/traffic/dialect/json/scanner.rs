//! The state machine: structure, nesting, and which values a sink has asked for.

use super::capture::Capture;
use super::number::Place;
use super::word::Word;
use super::{Expected, JsonFault, ROOT, Sink, Value, Want};
use crate::base::limits::{JSON_DEPTH, MODEL_NAME_BYTES};

/// Values that are open and wanted at once: the root, and a few levels below it.
const FRAMES: usize = 6;

const BOM: [u8; 3] = *b"\xEF\xBB\xBF";

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Before the root; so many bytes of a byte order mark were seen.
    Start(u8),
    Value,
    /// After `[`: a value or `]`.
    Element,
    /// After `{`: a key or `}`.
    Member,
    Key,
    Colon,
    /// After a value inside a container.
    After,
    /// After the root.
    Done,
    Text,
    Escape,
    /// So many digits of a `\u` escape were seen.
    Hex(u8),
    Word(Word, u8),
    Number(Place),
}

/// A container whose end, or whose members, are wanted.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) tag: u8,
    /// What is directly inside is wanted: an object's members, or an array's elements.
    members: bool,
    depth: u8,
    start: u64,
}

/// Progress through one text. Well under a kilobyte, no heap.
pub struct Scanner {
    pub(super) state: State,
    /// Offset of the first byte of the piece at hand.
    pub(super) base: u64,
    /// Offset at which the token at hand began.
    pub(super) token: u64,
    pub(super) in_key: bool,
    /// What is wanted of the value that comes next or is at hand.
    pub(super) want: Want,
    pub(super) depth: usize,
    /// One bit per open container, the innermost lowest: 1 is an object.
    pub(super) containers: u128,
    /// The innermost open container is watched.
    pub(super) watched: bool,
    pub(super) frames: [Frame; FRAMES],
    pub(super) top: usize,
    pub(super) separator: u64,
    pub(super) first: bool,
    pub(super) hex: u16,
    pub(super) text: Capture<{ Scanner::TEXT_BYTES }>,
}

const _: () = assert!(JSON_DEPTH <= u128::BITS as usize);
const _: () = assert!(JSON_DEPTH <= u8::MAX as usize);

/// Where to go on in the piece.
pub(super) type Next = Result<usize, JsonFault>;

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// Longest text that a sink sees whole, in bytes.
    pub const TEXT_BYTES: usize = MODEL_NAME_BYTES;
    /// Longest member name that a sink sees, in bytes.
    pub const NAME_BYTES: usize = 32;

    pub const fn new() -> Self {
        Self {
            state: State::Start(0),
            base: 0,
            token: 0,
            in_key: false,
            want: Want::Members(ROOT),
            depth: 0,
            containers: 0,
            watched: false,
            frames: [Frame { tag: ROOT, members: false, depth: 0, start: 0 }; FRAMES],
            top: 0,
            separator: 0,
            first: false,
            hex: 0,
            text: Capture::new(),
        }
    }

    /// Takes the next piece.
    pub fn feed<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), JsonFault> {
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::Text => self.string(bytes, at, sink)?,
                State::Escape => self.escape(bytes, at)?,
                State::Hex(seen) => self.hex_digit(bytes, at, seen)?,
                State::Word(word, seen) => self.word(bytes, at, word, seen, sink)?,
                State::Number(place) => self.number(bytes, at, place, sink)?,
                State::Start(seen) => self.start(bytes, at, seen)?,
                State::Value
                | State::Element
                | State::Member
                | State::Key
                | State::Colon
                | State::After
                | State::Done => {
                    let at = if self.watched { at } else { self.skip(bytes, at) };
                    self.structure(bytes, at, sink)?
                }
            };
        }
        self.base += bytes.len() as u64;
        Ok(())
    }

    /// Takes the next piece, whose first byte stands at `offset`: for texts that lie in parts of a larger one.
    pub fn feed_at<S: Sink>(&mut self, offset: u64, bytes: &[u8], sink: &mut S) -> Result<(), JsonFault> {
        self.base = offset;
        self.feed(bytes, sink)
    }

    /// The text is over.
    pub fn finish(&self) -> Result<(), JsonFault> {
        match self.state {
            State::Done => Ok(()),
            State::Start(_) => Err(JsonFault { at: self.base, expected: Expected::Body }),
            _ => Err(JsonFault { at: self.base, expected: Expected::More }),
        }
    }

    /// Nothing of the text has come yet.
    pub fn is_at_start(&self) -> bool {
        self.state == State::Start(0)
    }

    pub(super) fn fault<T>(&self, at: usize, expected: Expected) -> Result<T, JsonFault> {
        Err(JsonFault { at: self.base + at as u64, expected })
    }

    fn start(&mut self, bytes: &[u8], at: usize, seen: u8) -> Next {
        let offset = self.base + at as u64;
        match BOM.get(usize::from(seen)) {
            Some(mark) if bytes[at] == *mark && (seen > 0 || offset == 0) => {
                self.state = State::Start(seen + 1);
                Ok(at + 1)
            }
            _ if matches!(seen, 1 | 2) => self.fault(at, Expected::Object),
            _ if is_space(bytes[at]) => {
                self.state = State::Start(BOM.len() as u8);
                Ok(at + 1)
            }
            _ if bytes[at] == b'{' => self.open(at, true),
            _ => self.fault(at, Expected::Object),
        }
    }

    /// Whitespace, punctuation and the first bytes of tokens.
    #[inline]
    fn structure<S: Sink>(&mut self, bytes: &[u8], at: usize, sink: &mut S) -> Next {
        let at = skip_space(bytes, at);
        let Some(byte) = bytes.get(at) else { return Ok(at) };
        match (self.state, byte) {
            (State::After, b',') => {
                self.separator = self.base + at as u64;
                self.first = false;
                self.state = if self.in_object() { State::Key } else { State::Value };
                if bytes.get(at + 1) == Some(&b'"') && self.in_object() {
                    return self.key(bytes, at + 1, sink);
                }
                Ok(at + 1)
            }
            (State::Key | State::Member, b'"') => self.key(bytes, at, sink),
            (State::Colon, b':') => {
                self.state = State::Value;
                Ok(at + 1)
            }
            (State::Value | State::Element, _) => self.value(bytes, at, sink),
            (State::After | State::Member, b'}') if self.in_object() => Ok(self.close(at, sink)),
            (State::After, b']') if !self.in_object() => Ok(self.close(at, sink)),
            _ => self.misplaced(at),
        }
    }

    #[cold]
    fn misplaced(&self, at: usize) -> Next {
        let expected = match self.state {
            State::Member => Expected::KeyOrEnd,
            State::Key => Expected::Key,
            State::Colon => Expected::Colon,
            State::After if self.in_object() => Expected::CommaOrBrace,
            State::After => Expected::CommaOrBracket,
            State::Done => Expected::Nothing,
            _ => Expected::Value,
        };
        self.fault(at, expected)
    }

    #[inline]
    fn key<S: Sink>(&mut self, bytes: &[u8], at: usize, sink: &mut S) -> Next {
        self.in_key = true;
        let at = self.begin_string(bytes, at, sink)?;
        if self.state != State::Colon || bytes.get(at) != Some(&b':') {
            return Ok(at);
        }
        self.state = State::Value;
        match bytes.get(at + 1) {
            Some(byte) if !is_space(*byte) => self.value(bytes, at + 1, sink),
            _ => Ok(at + 1),
        }
    }

    #[inline]
    fn value<S: Sink>(&mut self, bytes: &[u8], at: usize, sink: &mut S) -> Next {
        match bytes[at] {
            b'"' => {
                self.in_key = false;
                self.begin_string(bytes, at, sink)
            }
            b'{' => self.open(at, true),
            b'[' => self.open(at, false),
            b']' if self.state == State::Element => Ok(self.close(at, sink)),
            b't' => Ok(self.begin_word(bytes, at, Word::True, sink)),
            b'f' => Ok(self.begin_word(bytes, at, Word::False, sink)),
            b'n' => Ok(self.begin_word(bytes, at, Word::Null, sink)),
            byte => match Place::begin(byte) {
                Some(place) => {
                    self.token = self.base + at as u64;
                    self.text.clear();
                    self.number_from(bytes, at, at + 1, place, sink)
                }
                None => self.fault(at, Expected::Value),
            },
        }
    }

    fn in_object(&self) -> bool {
        self.containers & 1 == 1
    }

    fn open(&mut self, at: usize, object: bool) -> Next {
        if self.depth == JSON_DEPTH {
            return self.fault(at, Expected::Shallower);
        }
        let element = object && self.watched && !self.in_object();
        self.depth += 1;
        self.containers = self.containers << 1 | u128::from(object);
        let start = self.base + at as u64;
        self.watched = false;
        match std::mem::replace(&mut self.want, Want::Skip) {
            Want::Skip => {
                if let Some(array) = self.frame().filter(|_| element) {
                    self.push_frame(array.tag, true, start);
                }
            }
            Want::Value(tag) => self.push_frame(tag, false, start),
            Want::Members(tag) => self.push_frame(tag, object, start),
            Want::Each(tag) => self.push_frame(tag, !object, start),
        }
        self.separator = start;
        self.first = true;
        self.state = if object { State::Member } else { State::Element };
        Ok(at + 1)
    }

    /// A frame that has no place is not watched; no sink looks that deep.
    fn push_frame(&mut self, tag: u8, members: bool, start: u64) {
        debug_assert!(self.top < FRAMES, "a sink watches too deep");
        if let Some(frame) = self.frames.get_mut(self.top) {
            *frame = Frame { tag, members, depth: self.depth as u8, start };
            self.top += 1;
            self.watched = members;
        }
    }

    fn close<S: Sink>(&mut self, at: usize, sink: &mut S) -> usize {
        let (object, empty) = (self.in_object(), matches!(self.state, State::Member | State::Element));
        if self.top > 0 && usize::from(self.frames[self.top - 1].depth) == self.depth {
            self.top -= 1;
            let frame = self.frames[self.top];
            let value = if object { Value::Object { empty } } else { Value::Array { empty } };
            sink.value(frame.tag, value, frame.start..self.base + at as u64 + 1);
        }
        self.containers >>= 1;
        self.depth -= 1;
        self.state = if self.depth == 0 { State::Done } else { State::After };
        self.watched = self.frame().is_some_and(|f| f.members && usize::from(f.depth) == self.depth);
        at + 1
    }

    fn frame(&self) -> Option<Frame> {
        self.top.checked_sub(1).map(|top| self.frames[top])
    }

    /// For a walk past what is not watched: it ends at the first depth, and leaves the container at the second.
    pub(super) fn skipped_depths(&self) -> (usize, usize) {
        match self.frame() {
            None => (JSON_DEPTH, 0),
            Some(frame) if frame.members => (usize::from(frame.depth), 0),
            Some(frame) => (0, usize::from(frame.depth)),
        }
    }

    /// Goes on where a walk has ended.
    pub(super) fn resume(&mut self, state: State, depth: usize, containers: u128) {
        self.watched = self.frame().is_some_and(|f| f.members && usize::from(f.depth) == depth);
        (self.state, self.depth, self.containers) = (state, depth, containers);
    }

    /// The token at hand has a text that somebody wants.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        if self.in_key { self.watched } else { self.want != Want::Skip }
    }
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[inline]
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && is_space(bytes[at]) {
        at += 1;
    }
    at
}
