//! Tokens of the state machine that are no strings, and what is reported when a token is complete.

use super::capture::Capture;
use super::number::{Place, Step};
use super::scanner::{Next, Scanner, State};
use super::word::Word;
use super::{Expected, Key, Sink, Value, Want};

impl Scanner {
    #[inline]
    pub(super) fn begin_word<S: Sink>(&mut self, bytes: &[u8], at: usize, word: Word, sink: &mut S) -> usize {
        self.token = self.base + at as u64;
        if bytes[at..].starts_with(word.text()) {
            let end = at + word.text().len();
            self.give(word.value(), end, sink);
            return end;
        }
        self.state = State::Word(word, 1);
        at + 1
    }

    pub(super) fn word<S: Sink>(
        &mut self,
        bytes: &[u8],
        at: usize,
        word: Word,
        seen: u8,
        sink: &mut S,
    ) -> Next {
        let text = word.text();
        if bytes[at] != text[usize::from(seen)] {
            return self.fault(at, Expected::Word);
        }
        self.state = State::Word(word, seen + 1);
        if usize::from(seen) + 1 == text.len() {
            self.give(word.value(), at + 1, sink);
        }
        Ok(at + 1)
    }

    pub(super) fn number<S: Sink>(&mut self, bytes: &[u8], at: usize, place: Place, sink: &mut S) -> Next {
        self.number_from(bytes, at, at, place, sink)
    }

    /// Goes through the digits from `at`; the part of the number in this piece begins at `from`.
    #[inline]
    pub(super) fn number_from<S: Sink>(
        &mut self,
        bytes: &[u8],
        from: usize,
        mut at: usize,
        mut place: Place,
        sink: &mut S,
    ) -> Next {
        while let Some(byte) = bytes.get(at) {
            if place.repeats() && byte.is_ascii_digit() {
                at += 1;
                continue;
            }
            match place.step(*byte) {
                Step::On(next) => place = next,
                Step::Broken => return self.fault(at, Expected::Digit),
                Step::End => {
                    self.end_number(&bytes[from..at], at, sink);
                    return Ok(at);
                }
            }
            at += 1;
        }
        if self.want != Want::Skip {
            self.text.push(&bytes[from..]);
        }
        self.state = State::Number(place);
        Ok(at)
    }

    #[inline]
    fn end_number<S: Sink>(&mut self, part: &[u8], end: usize, sink: &mut S) {
        if self.want == Want::Skip {
            self.state = State::After;
            return;
        }
        if self.text.is_empty() {
            self.give(Value::Number(part), end, sink);
            return;
        }
        self.text.push(part);
        let text = std::mem::replace(&mut self.text, Capture::new());
        self.give(Value::Number(text.text()), end, sink);
    }

    /// A value that is no container is complete before `end`.
    #[inline]
    pub(super) fn give<S: Sink>(&mut self, value: Value<'_>, end: usize, sink: &mut S) {
        self.state = State::After;
        match std::mem::replace(&mut self.want, Want::Skip) {
            Want::Skip => {}
            Want::Value(tag) | Want::Members(tag) | Want::Each(tag) => {
                sink.value(tag, value, self.token..self.base + end as u64);
            }
        }
    }

    /// A member's name is complete.
    #[inline]
    pub(super) fn give_key<S: Sink>(&mut self, name: &[u8], sink: &mut S) {
        self.state = State::Colon;
        if !self.watched || self.top == 0 {
            return;
        }
        let name = if name.len() <= Self::NAME_BYTES { name } else { &[] };
        let path = self.frames[self.top - 1].tag;
        let key = Key { path, name, at: self.token, separator: self.separator, first: self.first };
        self.want = sink.key(&key);
    }
}
