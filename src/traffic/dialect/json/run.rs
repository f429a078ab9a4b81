//! How a string goes on, in wide steps: where its special bytes are.
//!
//! Special are `"`, `\` and control characters. Blocks of bytes become masks with one bit for each of them.

use super::blocks::{BLOCK as LONG_BLOCK, SMALL_BLOCK as BLOCK, long_specials, specials};

/// Length of the prefix without special bytes.
#[inline]
pub fn plain_run(bytes: &[u8]) -> usize {
    let Some(block) = bytes.first_chunk() else { return slow_run(bytes) };
    match specials(block) {
        0 => long_run(bytes, BLOCK),
        mask => mask.trailing_zeros() as usize,
    }
}

/// The same from `at` on.
#[inline(never)]
fn long_run(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes[at..].first_chunk() {
        let mask = long_specials(block);
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += LONG_BLOCK;
    }
    while let Some(block) = bytes[at..].first_chunk() {
        let mask = specials(block);
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    at + slow_run(&bytes[at..])
}

/// Where the string ends whose inside begins at `at`: behind its quote. Else where somebody has to look: at the end
/// of the piece, an escape that is cut, or a wrong byte.
#[inline]
pub fn string_end(bytes: &[u8], at: usize) -> Result<usize, usize> {
    let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
        return slow_string_end(bytes, at);
    };
    let end = at + specials(block).trailing_zeros() as usize;
    if bytes.get(end) == Some(&b'"') && end < at + BLOCK { Ok(end + 1) } else { long_string_end(bytes, at) }
}

/// The same, block by block. A block begins behind an escape that reached beyond the one before.
#[inline(never)]
fn long_string_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let mut mask = long_specials(block);
        let mut next = at + LONG_BLOCK;
        while mask != 0 {
            let place = at + mask.trailing_zeros() as usize;
            match bytes[place] {
                b'"' => return Ok(place + 1),
                b'\\' => {
                    let behind = place + 1 + escape_len(&bytes[place + 1..]).ok_or(place)?;
                    if behind >= next {
                        next = behind;
                        break;
                    }
                    mask &= u64::MAX << (behind - at);
                }
                _ => return Err(place),
            }
        }
        at = next;
    }
    slow_string_end(bytes, at)
}

fn slow_string_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    loop {
        at += plain_run(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 1 + escape_len(&bytes[at + 1..]).ok_or(at)?,
            _ => return Err(at),
        }
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

/// The same of what is shorter than a block: filled up, it is one.
fn slow_run(bytes: &[u8]) -> usize {
    let mut block = [b' '; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    bytes.len().min(specials(&block).trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::blocks::is_special;
    use proptest::prelude::*;

    /// Every byte value at every place is found exactly where it stands.
    #[test]
    fn finds_the_first_special_byte() {
        for len in [0, 1, 15, 16, 17, 31, 33, 64, 80, 100, 200] {
            for at in 0..len {
                for byte in 0..=255u8 {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let expected = if is_special(byte) { at } else { len };
                    assert_eq!(plain_run(&text), expected, "byte {byte} at {at} of {len}");
                }
            }
        }
    }

    proptest! {
        /// In blocks or byte by byte, a string ends, or gives up, at the same place.
        #[test]
        fn blocks_do_not_matter(text in "(a{0,70}|\\\\[\"\\\\nux]|\\\\u00e9|é|\"|\t){0,12}", at in 0usize..40) {
            prop_assert_eq!(string_end(text.as_bytes(), at), byte_by_byte(text.as_bytes(), at));
        }
    }

    fn byte_by_byte(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
        loop {
            at += match bytes.get(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') => 1 + escape_len(&bytes[at + 1..]).ok_or(at)?,
                Some(byte) if !is_special(*byte) => 1,
                _ => return Err(at),
            }
        }
    }
}
