//! How far a string goes on without anything special, in wide steps.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Bytes that are looked at together where a string is long.
const BLOCK: usize = 64;

/// Words of eight bytes that are tried in place before the text counts as long.
const SHORT_WORDS: usize = 2;

/// Words that are tried then, before blocks are.
const LONG_WORDS: usize = 4;

/// Length of the prefix without `"`, `\` and control characters.
#[inline]
pub fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    for _ in 0..SHORT_WORDS {
        let Some((word, _)) = bytes[at..].split_first_chunk::<8>() else {
            return at + slow_run(&bytes[at..]);
        };
        let hits = special(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    long_run(bytes, at)
}

/// The same from `at` on, block by block.
#[inline(never)]
fn long_run(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..LONG_WORDS {
        let Some((word, _)) = bytes[at..].split_first_chunk::<8>() else {
            return at + slow_run(&bytes[at..]);
        };
        let hits = special(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some((block, _)) = bytes[at..].split_first_chunk::<BLOCK>() {
        if !all_plain(block) {
            break;
        }
        at += BLOCK;
    }
    while let Some((word, _)) = bytes[at..].split_first_chunk::<8>() {
        let hits = special(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + slow_run(&bytes[at..])
}

#[inline(never)]
fn slow_run(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| is_special(*b)).unwrap_or(bytes.len())
}

const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// Marks the special bytes of a word with their high bits. Marks above the lowest one may be false, because
/// a borrow only ever comes from a byte that is itself marked.
#[inline]
const fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let slashes = slash.wrapping_sub(ONES) & !slash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | slashes | controls) & HIGHS
}

/// Written so that the compiler makes vector instructions of it.
#[inline]
fn all_plain(block: &[u8; BLOCK]) -> bool {
    let mut marks = 0u8;
    for byte in block {
        marks |= u8::from(*byte == b'"') | u8::from(*byte == b'\\') | u8::from(*byte < 0x20);
    }
    marks == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte value at every place is found exactly where it stands.
    #[test]
    fn finds_the_first_special_byte() {
        for len in [0, 1, 7, 8, 9, 31, 33, 64, 100, 200] {
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
}
