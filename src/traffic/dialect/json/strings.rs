//! The strings of a text, one after the other, where somebody knows where each one begins.
//!
//! Invariant: each block is looked at once; where strings end does not depend on what follows, and no string ends behind
//! a wrong byte of one.

#![expect(
    clippy::inline_always,
    reason = "a few instructions for each string, in loops that keep their state in registers"
)]

use super::blocks::{BLOCK, Carry, Reader};

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
}

impl<'t> Strings<'t> {
    pub fn from(text: &'t [u8], at: usize) -> Self {
        let (reader, carry) = (Reader::best(), Carry::default());
        Self { text, reader, carry, next: at, base: at, quotes: 0, slashes: 0 }
    }

    /// Where the next string ends, which begins at `start`: behind its quote. `None`: it does not end, or something is
    /// wrong with it.
    #[inline(always)]
    pub fn end(&mut self, start: usize) -> Option<usize> {
        let behind_opening = self.quotes & self.quotes.wrapping_sub(1);
        if behind_opening == 0 {
            return self.far_end(start);
        }
        debug_assert_eq!(self.base + self.quotes.trailing_zeros() as usize, start, "strings come in order");
        self.quotes = behind_opening & (behind_opening - 1);
        Some(self.base + behind_opening.trailing_zeros() as usize + 1)
    }

    /// Whether there may be a backslash in the string that ended last, and began at `start`.
    #[inline(always)]
    pub fn may_have_escapes(&self, start: usize) -> bool {
        // A string that began in an earlier block is looked through.
        start < self.base || self.slashes >> (start - self.base) != 0
    }

    /// The same where a quote is in a block that was not read yet.
    #[inline(never)]
    fn far_end(&mut self, start: usize) -> Option<usize> {
        let begin = self.quote()?;
        debug_assert_eq!(begin, start, "strings come in order");
        Some(self.quote()? + 1)
    }

    fn quote(&mut self) -> Option<usize> {
        while self.quotes == 0 {
            if self.next >= self.text.len() {
                return None;
            }
            self.advance();
        }
        let at = self.base + self.quotes.trailing_zeros() as usize;
        self.quotes &= self.quotes - 1;
        Some(at)
    }

    /// Reads on to the next block that matters; of the text something is left.
    #[inline(always)]
    fn advance(&mut self) {
        let found = self.reader.read(self.text, &mut self.next, &mut self.carry);
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
                at = end;
            }
        }
    }
}
