//! Where a stream may be cut: after a blank line, and after a comment that stands before an event.

use super::line::{self, Field, Name};
use memchr::memchr2;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A piece of a stream that leaves as a whole.
pub struct Unit {
    /// Where it ends, its line end included.
    pub end: usize,
    /// Its length up to the first byte that made it complete: the same however a CRLF was cut.
    pub size: usize,
    pub kind: Kind,
    pub name: Name,
    /// Lines before the blank one.
    pub lines: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A blank line, a comment, or an event without data, which clients ignore.
    Filler,
    /// An event whose data begins at this place in the unit.
    Event { data: usize },
}

/// Finds units. Remembers how far it looked, so that held bytes are not searched again.
#[derive(Default)]
pub struct Splitter {
    /// Everything before this place was looked at.
    looked: usize,
    /// Where the line at hand begins.
    line: usize,
    /// Where the unit at hand begins.
    start: usize,
    /// The byte before `looked` is a CR that ended a line: an LF that follows belongs to it.
    after_cr: bool,
    /// Where the data of the unit at hand begins, from the unit's start.
    data: Option<usize>,
    name: Name,
    /// The unit at hand has a line that is not a comment.
    fields: bool,
    /// Lines of the unit at hand.
    lines: u32,
    /// The stream's first line was seen: only it can begin with a byte order mark.
    begun: bool,
}

impl Splitter {
    /// Start of the unit at hand.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The next whole unit, if its end is in `bytes`.
    #[inline]
    pub fn next(&mut self, bytes: &[u8]) -> Option<Unit> {
        loop {
            self.skip_lf(bytes);
            let Some(run) = memchr2(b'\n', b'\r', &bytes[self.looked..]) else {
                self.looked = bytes.len();
                return None;
            };
            let end = self.looked + run;
            let line = &bytes[self.line..end];
            self.looked = end + 1;
            self.after_cr = bytes[end] == b'\r';
            let ends_unit = line.is_empty() || (line[0] == b':' && !self.fields);
            if !ends_unit {
                self.note(line);
            }
            self.line = self.looked;
            if ends_unit {
                return Some(self.end_unit(bytes, end + 1));
            }
        }
    }

    /// What the bytes after the last unit would be if they were whole.
    pub fn rest(&mut self, bytes: &[u8]) -> Unit {
        self.skip_lf(bytes);
        let line = &bytes[self.line..];
        if !line.is_empty() {
            self.note(line);
        }
        self.end_unit(bytes, bytes.len())
    }

    /// After the first `n` bytes left the buffer.
    pub fn shift(&mut self, n: usize) {
        self.looked -= n;
        self.line -= n;
        self.start -= n;
    }

    /// The bytes up to `end` are no longer its matter; `after_cr` says that they end with half a CRLF, perhaps.
    pub fn restart(&mut self, end: usize, after_cr: bool) {
        *self = Self { looked: end, line: end, start: end, after_cr, begun: true, ..Self::default() };
    }

    /// Whether the bytes begin with the LF of a CRLF that ended the last unit of the call before.
    #[inline]
    pub fn take_lf(&mut self, bytes: &[u8]) -> bool {
        let first = self.looked == 0 && self.after_cr && !bytes.is_empty();
        if !first {
            return false;
        }
        self.skip_lf(bytes);
        self.start = self.looked;
        self.looked == 1
    }

    /// The last byte looked at is a CR.
    pub fn after_cr(&self) -> bool {
        self.after_cr
    }

    #[inline]
    fn skip_lf(&mut self, bytes: &[u8]) {
        if self.after_cr && self.looked < bytes.len() {
            self.after_cr = false;
            if bytes[self.looked] == b'\n' {
                self.looked += 1;
                self.line = self.looked;
            }
        }
    }

    #[inline]
    fn note(&mut self, line: &[u8]) {
        let skipped = if !self.begun && line.starts_with(BOM) { BOM.len() } else { 0 };
        let at = self.line + skipped - self.start;
        let line = &line[skipped..];
        self.begun = true;
        self.lines += 1;
        self.fields |= line.first() != Some(&b':');
        match line::split(line) {
            (Field::Data, value) => {
                self.data.get_or_insert(at + value);
            }
            (Field::Event, value) => self.name = Name::of(line.get(value..).unwrap_or_default()),
            (Field::Other, _) => {}
        }
    }

    #[inline]
    fn end_unit(&mut self, bytes: &[u8], end: usize) -> Unit {
        let size = end - self.start;
        self.skip_lf(bytes);
        let kind = match self.data.take() {
            Some(data) => Kind::Event { data },
            None => Kind::Filler,
        };
        self.start = self.looked;
        self.fields = false;
        self.begun = true;
        let (name, lines) = (std::mem::take(&mut self.name), std::mem::take(&mut self.lines));
        Unit { end: self.looked.max(end), size, kind, name, lines }
    }
}
