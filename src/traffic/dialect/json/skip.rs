//! The short way through what nobody watches: the same grammar, with the whole state in registers.
//!
//! It stops where a watched container goes on, before a token that is cut by the end of the piece, and before a
//! wrong byte. The general machine goes on from there, and finds the fault.

use super::number::{Place, Step};
use super::run::string_end;
use super::scanner::{Scanner, State, is_space};
use super::token::Word;
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
        let mut walk =
            Walk { at, state: self.state, depth: self.depth, containers: self.containers, awaited };
        walk.run(bytes, floor);
        self.resume(walk.state, walk.depth, walk.containers);
        walk.at
    }
}

impl Walk {
    /// Walks on as far as it goes: down to `floor`, to a cut token, or to a wrong byte.
    fn run(&mut self, bytes: &[u8], floor: usize) {
        let mut on = self.enter(bytes);
        while on && self.depth > floor {
            on = match self.state {
                State::After => self.after(bytes),
                _ => self.value(bytes),
            };
        }
    }

    /// From wherever the general machine stopped to a value or behind one.
    fn enter(&mut self, bytes: &[u8]) -> bool {
        match self.state {
            State::Value | State::After => true,
            State::Element => self.element(bytes),
            State::Member => self.member(bytes),
            State::Key => self.key(bytes),
            State::Colon => self.colon(bytes),
            _ => false,
        }
    }

    /// Goes on to the next byte that is no space, and says whether it is this one.
    #[inline]
    fn stands(&mut self, bytes: &[u8], wanted: u8) -> bool {
        self.next(bytes) == Some(wanted)
    }

    /// Goes on to the next byte that is no space.
    #[inline]
    fn next(&mut self, bytes: &[u8]) -> Option<u8> {
        let mut byte = *bytes.get(self.at)?;
        while is_space(byte) {
            self.at += 1;
            byte = *bytes.get(self.at)?;
        }
        Some(byte)
    }

    /// Passes a value that is whole, or enters a container as far as its first value.
    #[inline]
    fn value(&mut self, bytes: &[u8]) -> bool {
        match self.next(bytes) {
            Some(b'"') => self.string(bytes, State::After),
            Some(b'{') => self.open(true) && self.member(bytes),
            Some(b'[') => self.open(false) && self.element(bytes),
            Some(byte) => self.plain(bytes, byte),
            None => false,
        }
    }

    /// After `[`.
    #[inline]
    fn element(&mut self, bytes: &[u8]) -> bool {
        match self.next(bytes) {
            Some(b']') => self.close(),
            Some(_) => {
                self.state = State::Value;
                true
            }
            None => false,
        }
    }

    /// After `{`.
    #[inline]
    fn member(&mut self, bytes: &[u8]) -> bool {
        if self.stands(bytes, b'}') { self.close() } else { self.key(bytes) }
    }

    /// Passes what stands between two values, or the end of a container.
    #[inline]
    fn after(&mut self, bytes: &[u8]) -> bool {
        match self.next(bytes) {
            Some(b',') => {
                self.at += 1;
                self.state = if self.in_object() { State::Key } else { State::Value };
                !self.in_object() || self.key(bytes)
            }
            Some(b'}') if self.in_object() => self.close(),
            Some(b']') if !self.in_object() => self.close(),
            _ => false,
        }
    }

    /// Passes a key and its colon.
    #[inline]
    fn key(&mut self, bytes: &[u8]) -> bool {
        self.stands(bytes, b'"') && self.string(bytes, State::Colon) && self.colon(bytes)
    }

    #[inline]
    fn colon(&mut self, bytes: &[u8]) -> bool {
        let stands = self.stands(bytes, b':');
        if stands {
            self.at += 1;
            self.state = State::Value;
        }
        stands
    }

    #[inline]
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
        let end = string_end(bytes, self.at + 1);
        if let Ok(end) = end {
            self.at = end;
            self.state = after;
        }
        end.is_ok()
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
