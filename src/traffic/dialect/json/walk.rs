//! The short way through containers: the whole grammar, with the whole state in registers and strings by the block.
//!
//! It stops where its container ends, before a token that is cut by the end of the piece, and before a wrong byte.
//! Somebody else goes on from there, or finds the fault.

#![expect(
    clippy::inline_always,
    reason = "one loop in small pieces: with calls between them its state would be in memory"
)]

use super::number::{Place, Step};
use super::scanner::{Scanner, State, is_space};
use super::strings::Strings;
use super::tree::Kind;
use super::word::Word;
use crate::base::limits::JSON_DEPTH;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Who is told what a walk passes. Places are those of the piece.
pub(super) trait Visit {
    /// A member's name, with its quotes.
    fn name(&mut self, start: usize, end: usize, escaped: bool);
    /// A value that is no container.
    fn leaf(&mut self, kind: Kind, start: usize, end: usize);
    fn open(&mut self, kind: Kind, start: usize);
    /// The container opened last that is not closed.
    fn close(&mut self, end: usize);
    /// No more values are taken.
    fn is_full(&self) -> bool;
}

/// Nobody.
impl Visit for () {
    fn name(&mut self, _: usize, _: usize, _: bool) {}
    fn leaf(&mut self, _: Kind, _: usize, _: usize) {}
    fn open(&mut self, _: Kind, _: usize) {}
    fn close(&mut self, _: usize) {}
    fn is_full(&self) -> bool {
        false
    }
}

/// What may come next, between tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Value,
    /// After `[`: a value or `]`.
    Element,
    /// After `{`: a key or `}`.
    Member,
    Key,
    Colon,
    /// After a value inside a container.
    After,
}

impl Due {
    fn of(state: State) -> Option<Self> {
        match state {
            State::Value => Some(Due::Value),
            State::Element => Some(Due::Element),
            State::Member => Some(Due::Member),
            State::Key => Some(Due::Key),
            State::Colon => Some(Due::Colon),
            State::After => Some(Due::After),
            State::Start(_)
            | State::Done
            | State::Text
            | State::Escape
            | State::Hex(_)
            | State::Word(..)
            | State::Number(_) => None,
        }
    }

    const fn state(self) -> State {
        match self {
            Due::Value => State::Value,
            Due::Element => State::Element,
            Due::Member => State::Member,
            Due::Key => State::Key,
            Due::Colon => State::Colon,
            Due::After => State::After,
        }
    }
}

/// Where a walk stands: at the start of a token, always.
pub(super) struct Walk {
    pub(super) at: usize,
    pub(super) due: Due,
    pub(super) depth: usize,
    /// One bit per open container, the innermost lowest: 1 is an object.
    pub(super) containers: u128,
    /// The container at this depth is not closed here: somebody waits for its end.
    pub(super) awaited: usize,
}

impl Scanner {
    /// Passes over what is not watched, as far as that goes. Gives where it stopped.
    pub(super) fn skip(&mut self, bytes: &[u8], at: usize) -> usize {
        let (floor, awaited) = self.skipped_depths();
        let Some(due) = Due::of(self.state).filter(|_| self.depth > floor) else { return at };
        let (depth, containers) = (self.depth, self.containers);
        let walk = Walk { at, due, depth, containers, awaited }.run(bytes, floor, &mut ());
        self.resume(walk.due.state(), walk.depth, walk.containers);
        walk.at
    }
}

impl Walk {
    /// Into the container of a text that begins at `start`.
    pub(super) fn into(kind: Kind, start: usize) -> Self {
        let due = if kind == Kind::Object { Due::Member } else { Due::Element };
        let containers = u128::from(kind == Kind::Object);
        Self { at: start + 1, due, depth: 1, containers, awaited: 0 }
    }

    /// Walks on as far as it goes: down to `floor`, to a cut token, or to a wrong byte.
    pub(super) fn run(mut self, bytes: &[u8], floor: usize, visit: &mut impl Visit) -> Self {
        let mut strings = Strings::from(bytes, self.at);
        if !self.enter(bytes, &mut strings, visit) {
            return self;
        }
        loop {
            if self.due != Due::After {
                if !self.value(bytes, &mut strings, visit) {
                    return self;
                }
                if self.due != Due::After {
                    continue;
                }
            }
            // Behind a value there is another one, or its container ends, and perhaps the one around that.
            while self.due == Due::After {
                if self.depth <= floor || !self.after(bytes, &mut strings, visit) {
                    return self;
                }
            }
        }
    }

    /// From between a key and its value to the value.
    fn enter(&mut self, bytes: &[u8], strings: &mut Strings<'_>, visit: &mut impl Visit) -> bool {
        match self.due {
            Due::Value | Due::Element | Due::After => true,
            Due::Member => self.member(bytes, strings, visit),
            Due::Key => self.key(bytes, strings, visit),
            Due::Colon => self.colon(bytes),
        }
    }

    /// Passes a value that is whole, or enters a container as far as its first value.
    #[inline(always)]
    fn value(&mut self, bytes: &[u8], strings: &mut Strings<'_>, visit: &mut impl Visit) -> bool {
        match self.peek(bytes) {
            Some(b'"') => {
                let Some(end) = strings.end(self.at) else { return false };
                visit.leaf(Kind::Text, self.at, end);
                (self.at, self.due) = (end, Due::After);
                true
            }
            Some(b'{') => self.open(Kind::Object, Due::Member, visit) && self.member(bytes, strings, visit),
            Some(b'[') => self.open(Kind::Array, Due::Element, visit),
            Some(b']') if self.due == Due::Element => self.close(visit),
            Some(_) => {
                let Some((kind, end)) = plain(bytes, self.at) else { return false };
                visit.leaf(kind, self.at, end);
                (self.at, self.due) = (end, Due::After);
                true
            }
            None => false,
        }
    }

    /// After `{`.
    #[inline(always)]
    fn member(&mut self, bytes: &[u8], strings: &mut Strings<'_>, visit: &mut impl Visit) -> bool {
        if self.peek(bytes) == Some(b'}') { self.close(visit) } else { self.key(bytes, strings, visit) }
    }

    /// Passes a key and its colon.
    #[inline(always)]
    fn key(&mut self, bytes: &[u8], strings: &mut Strings<'_>, visit: &mut impl Visit) -> bool {
        if self.peek(bytes) != Some(b'"') {
            return false;
        }
        let Some(end) = strings.end(self.at) else { return false };
        visit.name(self.at, end, strings.has_escapes(self.at, end));
        (self.at, self.due) = (end, Due::Colon);
        self.colon(bytes)
    }

    #[inline(always)]
    fn colon(&mut self, bytes: &[u8]) -> bool {
        let stands = self.peek(bytes) == Some(b':');
        if stands {
            (self.at, self.due) = (self.at + 1, Due::Value);
        }
        stands
    }

    /// Passes what stands between two values, or the end of a container.
    #[inline(always)]
    fn after(&mut self, bytes: &[u8], strings: &mut Strings<'_>, visit: &mut impl Visit) -> bool {
        match self.peek(bytes) {
            Some(b',') => {
                if visit.is_full() {
                    return false;
                }
                self.at += 1;
                if self.in_object() {
                    self.due = Due::Key;
                    return self.key(bytes, strings, visit);
                }
                self.due = Due::Value;
                true
            }
            Some(b'}') if self.in_object() => self.close(visit),
            Some(b']') if !self.in_object() => self.close(visit),
            _ => false,
        }
    }

    #[inline]
    pub(super) fn in_object(&self) -> bool {
        self.containers & 1 == 1
    }

    #[inline(always)]
    fn open(&mut self, kind: Kind, due: Due, visit: &mut impl Visit) -> bool {
        if self.depth == JSON_DEPTH {
            return false;
        }
        visit.open(kind, self.at);
        self.depth += 1;
        self.containers = self.containers << 1 | u128::from(kind == Kind::Object);
        (self.at, self.due) = (self.at + 1, due);
        true
    }

    #[inline(always)]
    fn close(&mut self, visit: &mut impl Visit) -> bool {
        if self.depth == self.awaited {
            return false;
        }
        self.depth -= 1;
        self.containers >>= 1;
        (self.at, self.due) = (self.at + 1, Due::After);
        visit.close(self.at);
        true
    }

    /// Passes blanks, and gives the byte behind them.
    #[inline(always)]
    fn peek(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = *bytes.get(self.at)?;
        if byte > b' ' {
            return Some(byte);
        }
        self.at = blanks(bytes, self.at);
        bytes.get(self.at).copied()
    }
}

/// Where the first value of a text begins.
pub(super) fn start(text: &[u8]) -> usize {
    blanks(text, if text.starts_with(BOM) { BOM.len() } else { 0 })
}

/// Behind the blanks.
#[inline(never)]
pub(super) fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

/// A number or a word, and where it ends before the piece does.
#[inline(never)]
fn plain(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    Some(match bytes.get(at)? {
        b't' => (Kind::True, word(bytes, at, Word::True)?),
        b'f' => (Kind::False, word(bytes, at, Word::False)?),
        b'n' => (Kind::Null, word(bytes, at, Word::Null)?),
        _ => (Kind::Number, number(bytes, at).ok().filter(|end| *end < bytes.len())?),
    })
}

/// Where the word ends.
pub(super) fn word(bytes: &[u8], at: usize, word: Word) -> Option<usize> {
    bytes[at..].starts_with(word.text()).then(|| at + word.text().len())
}

/// Where a number ends, if nothing but the end of the text is behind it; else where it is wrong.
pub(super) fn number(bytes: &[u8], start: usize) -> Result<usize, usize> {
    // Most are counts.
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = start + digits;
    let is_count = digits == 1 || digits > 1 && bytes[start] != b'0';
    if is_count && !matches!(bytes.get(end), Some(b'.' | b'e' | b'E')) {
        return Ok(end);
    }
    let mut place = bytes.get(start).and_then(|first| Place::begin(*first)).ok_or(start)?;
    let mut at = start + 1;
    loop {
        if place.repeats() {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
        }
        // Behind the text no number goes on.
        match place.step(bytes.get(at).copied().unwrap_or(b' ')) {
            Step::On(next) => place = next,
            Step::Broken => return Err(at),
            Step::End => return Ok(at),
        }
        at += 1;
    }
}
