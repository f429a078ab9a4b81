//! JSON as it is written, member by member.
//!
//! Invariant: commas need no thought. No value ends with a byte that an open container, or what may stand before the
//! text, ends with, so the last byte tells whether one is due.

#![expect(
    clippy::inline_always,
    reason = "what is written is known where it is written: a few stores each, instead of calls that copy"
)]

use super::quoted::Quoted;
use super::tree::Item;

/// Writes JSON at the end of a buffer.
pub struct Writer<'o>(pub &'o mut Vec<u8>);

impl Writer<'_> {
    #[inline(always)]
    fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':' | b' ' | b'\n')) {
            self.0.push(b',');
        }
    }

    /// Where a value is to be written.
    pub fn value(&mut self) -> &mut Vec<u8> {
        self.separate();
        self.0
    }

    /// A member's name, which needs no escapes.
    #[inline(always)]
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        self
    }

    /// Begins a value of which all but the end is JSON already: `{"type":"text"`, for one.
    #[inline(always)]
    pub fn open(&mut self, begin: &str) -> &mut Self {
        self.separate();
        self.0.extend_from_slice(begin.as_bytes());
        self
    }

    /// Ends one or more containers.
    #[inline(always)]
    pub fn close(&mut self, end: &str) -> &mut Self {
        self.0.extend_from_slice(end.as_bytes());
        self
    }

    /// A value that is JSON already.
    #[inline]
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.separate();
        self.0.extend_from_slice(value);
        self
    }

    pub fn item(&mut self, item: &Item<'_>) -> &mut Self {
        self.raw(item.raw())
    }

    #[inline]
    pub fn quoted(&mut self, text: &Quoted<'_>) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_written());
        self.0.push(b'"');
        self
    }

    /// A word of the format itself, which needs no escapes.
    #[inline(always)]
    pub fn word(&mut self, word: &str) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(word.as_bytes());
        self.0.push(b'"');
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        super::escape(text, |piece| self.0.extend_from_slice(piece));
        self.0.push(b'"');
        self
    }

    /// A text that is the source of some JSON, as the `arguments` of a tool call are.
    pub fn source(&mut self, json: &[u8]) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        super::escape_bytes(json, |piece| self.0.extend_from_slice(piece));
        self.0.push(b'"');
        self
    }

    pub fn count(&mut self, count: u64) -> &mut Self {
        self.separate();
        if count < 10 {
            // As most are that tell of tokens.
            self.0.push(b'0' + count as u8);
            return self;
        }
        self.0.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
        self
    }

    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.raw(if flag { b"true" } else { b"false" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commas stand where they must, whatever the values end with.
    #[test]
    fn commas_come_by_themselves() {
        let mut out = vec![];
        let mut writer = Writer(&mut out);
        writer.open("{").key("a").text("{[:").key("b").open("[").open("{").close("}").count(1).flag(true);
        writer.open("[").close("]").raw(b"null").close("]").key("c").quoted(&Quoted::raw(b"x\\n"));
        writer.key("d").source(b"{\"k\":\"v\\n\"}").close("}");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            r#"{"a":"{[:","b":[{},1,true,[],null],"c":"x\n","d":"{\"k\":\"v\\n\"}"}"#
        );
    }
}
