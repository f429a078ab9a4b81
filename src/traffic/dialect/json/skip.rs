//! The short way through what nobody watches: the same grammar, with the whole state in registers.
//!
//! It stops where a watched container goes on, before a token that is cut by the end of the piece, and before a
//! wrong byte. The general machine goes on from there, and finds the fault.

use super::number::{Place, Step};
use super::run::plain_run;
use super::scanner::{Scanner, State, Word, is_space};
use crate::base::limits::JSON_DEPTH;

/// Where the walk stands: at the start of a token, always.
struct Walk {
    at: usize,
    state: State,
    depth: usize,
    containers: u128,
    /// The container at this depth is not closed here: somebody waits for its end.
    awaited: usize,
}

impl Scanner {
    /// Passes over what is not watched, as far as that goes. Gives where it stopped.
    pub(super) fn skip(&mut self, bytes: &[u8], at: usize) -> usize {
        let (floor, awaited) = self.skipped_depths();
        let mut walk = Walk { at, state: self.state, depth: self.depth, containers: self.containers, awaited };
        while walk.depth > floor && walk.step(bytes) {}
        self.resume(walk.state, walk.depth, walk.containers);
        walk.at
    }
}

impl Walk {
    /// Passes one byte of structure or one token. Says whether that could be done.
    #[inline]
    fn step(&mut self, bytes: &[u8]) -> bool {
        let mut at = self.at;
        let byte = loop {
            match bytes.get(at) {
                Some(byte) if is_space(*byte) => at += 1,
                Some(byte) => break *byte,
                None => {
                    self.at = at;
                    return false;
                }
            }
        };
        self.at = at;
        match (self.state, byte) {
            (State::After, b',') => {
                self.state = if self.in_object() { State::Key } else { State::Value };
                self.at += 1;
                true
            }
            (State::Key | State::Member, b'"') => self.string(bytes, State::Colon),
            (State::Colon, b':') => {
                self.state = State::Value;
                self.at += 1;
                true
            }
            (State::Value | State::Element, b'"') => self.string(bytes, State::After),
            (State::Value | State::Element, b'{') => self.open(true),
            (State::Value | State::Element, b'[') => self.open(false),
            (State::After | State::Member, b'}') if self.in_object() => self.close(),
            (State::After | State::Element, b']') if !self.in_object() => self.close(),
            (State::Value | State::Element, _) => self.plain(bytes, byte),
            _ => false,
        }
    }

    fn in_object(&self) -> bool {
        self.containers & 1 == 1
    }

    #[inline]
    fn open(&mut self, object: bool) -> bool {
        if self.depth == JSON_DEPTH {
            return false;
        }
        self.depth += 1;
        self.containers = self.containers << 1 | u128::from(object);
        self.state = if object { State::Member } else { State::Element };
        self.at += 1;
        true
    }

    #[inline]
    fn close(&mut self) -> bool {
        if self.depth == self.awaited {
            return false;
        }
        self.depth -= 1;
        self.containers >>= 1;
        self.state = State::After;
        self.at += 1;
        true
    }

    /// Passes a string that is whole in this piece.
    #[inline]
    fn string(&mut self, bytes: &[u8], after: State) -> bool {
        let mut at = self.at + 1;
        loop {
            at += plain_run(&bytes[at..]);
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    self.state = after;
                    return true;
                }
                Some(b'\\') => match escape_len(&bytes[at + 1..]) {
                    Some(len) => at += 1 + len,
                    None => return false,
                },
                _ => return false,
            }
        }
    }

    /// Passes a number or a word.
    #[inline]
    fn plain(&mut self, bytes: &[u8], byte: u8) -> bool {
        let word = match byte {
            b't' => Word::True,
            b'f' => Word::False,
            b'n' => Word::Null,
            _ => return self.number(bytes, byte),
        };
        let whole = bytes[self.at..].starts_with(word.text());
        if whole {
            self.at += word.text().len();
            self.state = State::After;
        }
        whole
    }

    #[inline]
    fn number(&mut self, bytes: &[u8], byte: u8) -> bool {
        let Some(mut place) = Place::begin(byte) else { return false };
        let mut at = self.at + 1;
        loop {
            if place.repeats() {
                while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                    at += 1;
                }
            }
            let Some(byte) = bytes.get(at) else { return false };
            match place.step(*byte) {
                Step::On(next) => place = next,
                Step::Broken => return false,
                Step::End => break,
            }
            at += 1;
        }
        self.at = at;
        self.state = State::After;
        true
    }
}

/// Length of the escape after a backslash, if it is whole and valid.
#[inline]
fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' | b'\\' | b'/' | b'n' | b't' | b'r' | b'b' | b'f' => Some(1),
        b'u' => bytes.get(1..5)?.iter().all(u8::is_ascii_hexdigit).then_some(5),
        _ => None,
    }
}
