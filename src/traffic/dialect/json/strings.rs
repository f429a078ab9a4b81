//! The strings of a text, one after the other, where somebody knows where each one begins.
//!
//! Invariant: each block is looked at once; where strings end does not depend on what follows, and no string ends behind
//! a wrong byte of one.

#![expect(
    clippy::inline_always,
    reason = "a few instructions for each string, in loops that keep their state in registers"
)]

use super::blocks::{BLOCK, Carry, Kinds, Reader, Search};

/// The strings of a text that begins outside of one.
pub struct Strings<'t> {
    text: &'t [u8],
    reader: Reader,
    carry: Carry,
    /// Where the next block begins.
    next: usize,
    /// Where the block at hand begins, its quotes that were not taken yet, and its backslashes.
    base: usize,
    quotes: u64,
    slashes: u64,
    /// Backslashes of the string at hand in the blocks before, wherever they stand there.
    passed: u64,
}

impl<'t> Strings<'t> {
    pub fn from(text: &'t [u8], at: usize) -> Self {
        let (reader, carry) = (Reader::best(), Carry::default());
        Self { text, reader, carry, next: at, base: at, quotes: 0, slashes: 0, passed: 0 }
    }

    /// Where the next string ends, which begins at `start`: behind its quote. `None`: it does not end, or something is
    /// wrong with it.
    #[inline(always)]
    pub fn end(&mut self, start: usize) -> Option<usize> {
        let behind_opening = self.quotes & self.quotes.wrapping_sub(1);
        if behind_opening == 0 {
            return self.reader.run(self);
        }
        debug_assert_eq!(self.base + self.quotes.trailing_zeros() as usize, start, "strings come in order");
        self.quotes = behind_opening & (behind_opening - 1);
        Some(self.base + behind_opening.trailing_zeros() as usize + 1)
    }

    /// Whether there is a backslash in the string that ended last, and stands there.
    #[inline(always)]
    pub fn has_escapes(&self, start: usize, end: usize) -> bool {
        if start < self.base {
            return self.passed != 0 || self.slashes << (BLOCK - (end - self.base)) != 0;
        }
        let behind = self.slashes >> (start - self.base);
        behind != 0 && (behind.trailing_zeros() as usize) < end - start
    }

    /// Reads on to the next block that matters; of the text something is left.
    #[inline(always)]
    fn advance(&mut self, kinds: impl Fn(&[u8; BLOCK], Carry) -> Kinds) {
        let found = self.carry.read(self.text, &mut self.next, kinds);
        (self.base, self.next) = (self.next, self.next + BLOCK);
        (self.quotes, self.slashes) = (found.quotes, found.slashes);
        if found.wrong | found.doubtful != 0 {
            let wrong = found.wrong | self.wrong_escapes(found.doubtful);
            if wrong != 0 {
                // Nothing that stands behind the first wrong byte counts.
                self.quotes &= (wrong & wrong.wrapping_neg()) - 1;
                self.next = self.text.len();
            }
        }
    }

    /// Those that are not the `u` of a whole escape.
    #[cold]
    fn wrong_escapes(&self, mut doubtful: u64) -> u64 {
        let mut wrong = 0;
        while doubtful != 0 {
            let bit = doubtful & doubtful.wrapping_neg();
            doubtful ^= bit;
            let at = self.base + bit.trailing_zeros() as usize;
            let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
            if self.text.get(at) != Some(&b'u') || !self.text.get(at + 1..at + 5).is_some_and(is_hex) {
                wrong |= bit;
            }
        }
        wrong
    }
}

/// Where a string ends of whose quotes one is in a block that was not read yet.
impl Search for Strings<'_> {
    #[inline(always)]
    fn run(&mut self, kinds: impl Fn(&[u8; BLOCK], Carry) -> Kinds) -> Option<usize> {
        let mut has_begun = self.quotes != 0;
        self.passed = if has_begun { self.slashes >> self.quotes.trailing_zeros() } else { 0 };
        loop {
            if self.next >= self.text.len() {
                return None;
            }
            self.advance(&kinds);
            let mut quotes = self.quotes;
            if !has_begun && quotes != 0 {
                (quotes, has_begun) = (quotes & (quotes - 1), true);
            }
            if quotes != 0 {
                self.quotes = quotes & (quotes - 1);
                return Some(self.base + quotes.trailing_zeros() as usize + 1);
            }
            self.passed |= self.slashes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::run::string_end;
    use proptest::prelude::*;

    proptest! {
        /// Strings end where they do for who looks at each by itself, up to the first wrong byte.
        #[test]
        fn blocks_do_not_matter(
            text in "([a-z:, ]{0,30}|\"([a-z ]{0,30}|\\\\{1,3}[\"\\\\nux]|\\\\u00e9|é|\n){0,8}\"){0,20}",
            at in 0usize..20,
        ) {
            let text = text.as_bytes();
            let mut at = at.min(text.len());
            let mut strings = Strings::from(text, at);
            while let Some(start) = text[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                at += start;
                if text[at] == b'\\' {
                    break;
                }
                let end = string_end(text, at + 1).ok();
                prop_assert_eq!(strings.end(at), end);
                let Some(end) = end else { break };
                prop_assert_eq!(strings.has_escapes(at, end), text[at..end].contains(&b'\\'));
                at = end;
            }
        }
    }
}
