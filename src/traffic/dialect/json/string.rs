//! Strings: the part of the state machine where nearly all bytes of a body are.

use super::capture::Capture;
use super::run::{plain_run, string_end};
use super::scanner::{Scanner, State};
use super::{Expected, JsonFault, Sink, Value};

impl Scanner {
    /// A string begins at the quote at `at`. One that is whole in this piece and has no escape is never copied.
    #[inline]
    pub(super) fn begin_string<S: Sink>(
        &mut self,
        bytes: &[u8],
        at: usize,
        sink: &mut S,
    ) -> Result<usize, JsonFault> {
        self.token = self.base + at as u64;
        let start = at + 1;
        let end = start + plain_run(&bytes[start..]);
        if bytes.get(end) == Some(&b'"') {
            self.end_plain(&bytes[start..end], end + 1, sink);
            return Ok(end + 1);
        }
        self.text.clear();
        self.state = State::Text;
        if self.is_wanted() {
            return self.string(bytes, start, sink);
        }
        self.string(bytes, end, sink)
    }

    #[inline]
    fn end_plain<S: Sink>(&mut self, text: &[u8], end: usize, sink: &mut S) {
        if self.in_key {
            self.give_key(text, sink);
        } else {
            let whole = text.len() <= Self::TEXT_BYTES;
            let text = if whole { text } else { &text[..Self::TEXT_BYTES] };
            self.give(Value::Text { text, sound: whole }, end, sink);
        }
    }

    /// Goes on inside a string.
    pub(super) fn string<S: Sink>(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        sink: &mut S,
    ) -> Result<usize, JsonFault> {
        let wanted = self.is_wanted();
        if !wanted {
            match string_end(bytes, at) {
                Ok(end) => {
                    self.end_captured(end, sink);
                    return Ok(end);
                }
                Err(stuck) => at = stuck,
            }
        }
        while self.state == State::Text {
            let end = at + plain_run(&bytes[at..]);
            if wanted {
                self.text.push(&bytes[at..end]);
            }
            match bytes.get(end) {
                None => return Ok(end),
                Some(b'"') => {
                    self.end_captured(end + 1, sink);
                    return Ok(end + 1);
                }
                Some(b'\\') => at = self.begin_escape(bytes, end + 1)?,
                Some(_) => return self.fault(end, Expected::NoControl),
            }
        }
        Ok(at)
    }

    fn end_captured<S: Sink>(&mut self, end: usize, sink: &mut S) {
        if !self.is_wanted() {
            self.state = if self.in_key { State::Colon } else { State::After };
            return;
        }
        let text = std::mem::replace(&mut self.text, Capture::new());
        if self.in_key {
            self.give_key(if text.is_sound() { text.text() } else { &[] }, sink);
        } else {
            self.give(Value::Text { text: text.text(), sound: text.is_sound() }, end, sink);
        }
    }

    /// After a backslash; the byte at `at` may be in the next piece.
    #[inline]
    fn begin_escape(&mut self, bytes: &[u8], at: usize) -> Result<usize, JsonFault> {
        self.state = State::Escape;
        if at < bytes.len() { self.escape(bytes, at) } else { Ok(at) }
    }

    #[inline]
    pub(super) fn escape(&mut self, bytes: &[u8], at: usize) -> Result<usize, JsonFault> {
        let meant = match bytes[at] {
            plain @ (b'"' | b'\\' | b'/') => plain,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                self.hex = 0;
                self.state = State::Hex(0);
                return Ok(at + 1);
            }
            _ => return self.fault(at, Expected::Escape),
        };
        if self.is_wanted() {
            self.text.push(&[meant]);
        }
        self.state = State::Text;
        Ok(at + 1)
    }

    pub(super) fn hex_digit(&mut self, bytes: &[u8], at: usize, seen: u8) -> Result<usize, JsonFault> {
        let Some(digit) = char::from(bytes[at]).to_digit(16) else {
            return self.fault(at, Expected::HexDigit);
        };
        self.hex = self.hex << 4 | digit as u16;
        self.state = State::Hex(seen + 1);
        if seen == 3 {
            if self.is_wanted() {
                self.text.push_unit(self.hex);
            }
            self.state = State::Text;
        }
        Ok(at + 1)
    }
}
