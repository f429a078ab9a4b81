//! Blocks of bytes as masks: one bit for each byte of a kind, the first byte's lowest.
//!
//! The only file of the data plane with vector instructions, which come with their equal in plain Rust. SSE2 is a part of
//! x86-64; AVX2 is taken where the processor has it.

#![expect(
    clippy::inline_always,
    reason = "a call between vector instructions of one kind and another loses them"
)]

/// Bytes that are looked at together.
pub const BLOCK: usize = 64;
/// Bytes of a small look, for strings that are short.
pub const SMALL_BLOCK: usize = 16;

/// Where the bytes stand that strings are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kinds {
    quotes: u64,
    slashes: u64,
    /// Below 0x20.
    controls: u64,
    /// `"\/bfnrt`: a whole escape with the backslash before them. Asked for only where there are backslashes.
    escapes: u64,
}

/// What a block's beginning depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Carry {
    /// 1 if the block before ended inside a string.
    inside: u64,
    /// 1 if the block before ended with an escaping backslash.
    escaping: u64,
}

/// What a block is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Quotes that begin or end a string.
    pub quotes: u64,
    /// Control characters in strings.
    pub wrong: u64,
    /// Behind an escaping backslash, and more than that byte has to be looked at.
    pub doubtful: u64,
    /// Backslashes.
    pub slashes: u64,
}

/// `"`, `\` and control characters: what no string can hold as it is.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// Who goes through blocks, in the instructions that they are read with.
pub trait Search {
    /// `kinds` tells what a block is made of, given whether anything may be escaped in it. What is called from here has to be
    /// inlined.
    fn run(&mut self, kinds: impl Fn(&[u8; BLOCK], Carry) -> Kinds) -> Option<usize>;
}

/// The instructions that blocks are read with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reader(Instructions);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(not(target_arch = "x86_64"))]
    Plain,
}

impl Reader {
    /// The best that this processor has.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn best() -> Self {
        use std::arch::is_x86_feature_detected as has;
        // Every processor that has the first has the others.
        let all = has!("avx2") && has!("bmi1") && has!("popcnt");
        Self(if all { Instructions::Avx2 } else { Instructions::Sse2 })
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub const fn best() -> Self {
        Self(Instructions::Plain)
    }

    #[cfg_attr(
        target_arch = "x86_64",
        expect(unsafe_code, reason = "vector instructions: a tenth of the time of single bytes")
    )]
    #[inline]
    pub fn run(self, search: &mut impl Search) -> Option<usize> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: nobody has these who has not asked the processor; the function takes no pointers.
            Instructions::Avx2 => unsafe { run_avx2(search) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: SSE2 is a part of x86-64; the function takes no pointers.
            Instructions::Sse2 => unsafe { run_sse2(search) },
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Plain => search.run(|block, _| plain_kinds(block)),
        }
    }
}

impl Carry {
    /// Goes on from the block at `at` to the next one in which a string may begin or end, or something may be wrong,
    /// and gives what that is made of. The text's last block is filled up with blanks.
    #[inline(always)]
    pub fn read(
        &mut self,
        text: &[u8],
        at: &mut usize,
        kinds: impl Fn(&[u8; BLOCK], Carry) -> Kinds,
    ) -> Found {
        let mut rest = text.get(*at..).unwrap_or_default();
        while let Some((block, behind)) = rest.split_first_chunk() {
            let kinds = kinds(block, *self);
            if kinds.quotes | kinds.slashes | kinds.controls | self.escaping != 0 {
                *at = text.len() - rest.len();
                return self.resolve(kinds);
            }
            rest = behind;
        }
        *at = text.len() - rest.len();
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        self.resolve(kinds(&block, *self))
    }

    #[inline(always)]
    fn resolve(&mut self, kinds: Kinds) -> Found {
        let (mut quotes, mut doubtful) = (kinds.quotes, 0);
        if kinds.slashes | self.escaping != 0 {
            let escaped = self.escaped(kinds.slashes);
            quotes &= !escaped;
            doubtful = escaped & !kinds.escapes;
        }
        // Only indented texts have control characters, outside of strings.
        let wrong = if kinds.controls == 0 { 0 } else { kinds.controls & self.inside(quotes) };
        self.inside ^= u64::from(quotes.count_ones()) & 1;
        Found { quotes, wrong, doubtful, slashes: kinds.slashes }
    }

    /// The bytes of strings, with their opening quotes and without their closing ones.
    #[inline(always)]
    fn inside(self, quotes: u64) -> u64 {
        // From every other quote to before the next one: where the number of quotes so far is odd.
        let odd = [1, 2, 4, 8, 16, 32].into_iter().fold(quotes, |odd, by| odd ^ odd << by);
        odd ^ self.inside.wrapping_neg()
    }

    /// The bytes that an escaping backslash stands before.
    /// Source: simdjson's way to tell odd runs of backslashes from even ones by one subtraction.
    #[inline(always)]
    fn escaped(&mut self, slashes: u64) -> u64 {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let candidates = slashes & !self.escaping;
        let behind = candidates << 1 | ODD;
        let series = behind.wrapping_sub(candidates) ^ ODD;
        let escaped = series ^ (slashes | self.escaping);
        self.escaping = (series & slashes) >> 63;
        escaped
    }

    #[inline(always)]
    fn has_escapes(self, slashes: u64) -> bool {
        slashes | self.escaping != 0
    }
}

/// Where special bytes stand.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions: a third of the time of words of eight bytes")]
#[inline]
pub fn specials(block: &[u8; SMALL_BLOCK]) -> u32 {
    // SAFETY: SSE2 is a part of x86-64; the function takes no pointers.
    unsafe { specials_sse2(block) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn specials(block: &[u8; SMALL_BLOCK]) -> u32 {
    block.iter().enumerate().fold(0, |mask, (at, byte)| mask | u32::from(is_special(*byte)) << at)
}

/// The same for a long block.
#[inline]
pub fn long_specials(block: &[u8; BLOCK]) -> u64 {
    let parts = block.as_chunks().0;
    parts
        .iter()
        .enumerate()
        .fold(0, |mask, (at, part)| mask | u64::from(specials(part)) << (at * SMALL_BLOCK))
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_kinds(block: &[u8; BLOCK]) -> Kinds {
    let mask = |is: fn(u8) -> bool| {
        block.iter().enumerate().fold(0, |mask, (at, byte)| mask | u64::from(is(*byte)) << at)
    };
    Kinds {
        quotes: mask(|byte| byte == b'"'),
        slashes: mask(|byte| byte == b'\\'),
        controls: mask(|byte| byte < 0x20),
        escapes: mask(|byte| matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')),
    }
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as simd;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn load_sse2(bytes: &[u8; SMALL_BLOCK]) -> simd::__m128i {
    let [low, high] = [0, 1].map(|half| i64::from_le_bytes(bytes.as_chunks().0[half]));
    simd::_mm_set_epi64x(high, low)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn specials_sse2(block: &[u8; SMALL_BLOCK]) -> u32 {
    use simd::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
    let text = load_sse2(block);
    let quotes = _mm_cmpeq_epi8(text, _mm_set1_epi8(b'"' as i8));
    let slashes = _mm_cmpeq_epi8(text, _mm_set1_epi8(b'\\' as i8));
    let controls = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
    _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, slashes), controls)) as u32
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline(never)]
fn run_sse2(search: &mut impl Search) -> Option<usize> {
    search.run(|block, carry| kinds_sse2(block, carry))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn kinds_sse2(block: &[u8; BLOCK], carry: Carry) -> Kinds {
    use simd::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
    let mut kinds = Kinds::default();
    let parts: &[[u8; SMALL_BLOCK]] = block.as_chunks().0;
    for (at, part) in parts.iter().enumerate() {
        let text = load_sse2(part);
        let is = |byte: u8| _mm_cmpeq_epi8(text, _mm_set1_epi8(byte as i8));
        let controls = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
        let mask = |found| u64::from(_mm_movemask_epi8(found) as u32) << (at * SMALL_BLOCK);
        kinds.quotes |= mask(is(b'"'));
        kinds.slashes |= mask(is(b'\\'));
        kinds.controls |= mask(controls);
    }
    if carry.has_escapes(kinds.slashes) {
        kinds.escapes = kinds.quotes | kinds.slashes;
        for (at, part) in parts.iter().enumerate() {
            let text = load_sse2(part);
            let found = [b'/', b'b', b'f', b'n', b'r', b't']
                .map(|byte| _mm_cmpeq_epi8(text, _mm_set1_epi8(byte as i8)))
                .into_iter()
                .fold(_mm_set1_epi8(0), |all, is| _mm_or_si128(all, is));
            kinds.escapes |= u64::from(_mm_movemask_epi8(found) as u32) << (at * SMALL_BLOCK);
        }
    }
    kinds
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn run_avx2(search: &mut impl Search) -> Option<usize> {
    search.run(|block, carry| kinds_avx2(block, carry))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn kinds_avx2(block: &[u8; BLOCK], carry: Carry) -> Kinds {
    use simd::{
        _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set1_epi8,
        _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    };
    let halves = halves_avx2(block);
    let mut kinds = Kinds::default();
    for (half, text) in halves.into_iter().enumerate() {
        let is = |byte: u8| _mm256_cmpeq_epi8(text, _mm256_set1_epi8(byte as i8));
        let controls = _mm256_cmpeq_epi8(_mm256_min_epu8(text, _mm256_set1_epi8(0x1f)), text);
        let mask = |found| u64::from(_mm256_movemask_epi8(found) as u32) << (half * 32);
        kinds.quotes |= mask(is(b'"'));
        kinds.slashes |= mask(is(b'\\'));
        kinds.controls |= mask(controls);
    }
    if carry.has_escapes(kinds.slashes) {
        // `/` is 2F, `b` `f` `n` are 62 66 6E, `r` `t` are 72 74: one bit for each high half, where the low one agrees.
        let low = _mm256_setr_epi8(
            0, 0, 6, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 6, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1,
        );
        let high = _mm256_setr_epi8(
            0, 0, 1, 0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0,
        );
        kinds.escapes = kinds.quotes | kinds.slashes;
        for (half, text) in halves.into_iter().enumerate() {
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(text), _mm256_set1_epi8(0x0F));
            let agreed = _mm256_and_si256(_mm256_shuffle_epi8(low, text), _mm256_shuffle_epi8(high, upper));
            let other = _mm256_cmpeq_epi8(agreed, _mm256_setzero_si256());
            kinds.escapes |= u64::from(!_mm256_movemask_epi8(other) as u32) << (half * 32);
        }
    }
    kinds
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn halves_avx2(block: &[u8; BLOCK]) -> [simd::__m256i; 2] {
    let parts: &[[u8; SMALL_BLOCK]] = block.as_chunks().0;
    [0, 2].map(|at| simd::_mm256_set_m128i(load_sse2(&parts[at + 1]), load_sse2(&parts[at])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one block.
    struct One<'t> {
        text: &'t [u8],
        at: usize,
        carry: Carry,
        found: Option<Found>,
    }

    impl Search for One<'_> {
        fn run(&mut self, kinds: impl Fn(&[u8; BLOCK], Carry) -> Kinds) -> Option<usize> {
            self.found = Some(self.carry.read(self.text, &mut self.at, kinds));
            None
        }
    }

    fn read(reader: Reader, text: &[u8], carry: Carry) -> One<'_> {
        let mut one = One { text, at: 0, carry, found: None };
        reader.run(&mut one);
        one
    }

    /// Every byte value at every place is of the kinds that it is, by whatever instructions, and behind whatever the
    /// block before ended with.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn all_instructions_find_the_same() {
        let states = [0, 1].map(|escaping| [0, 1].map(|inside| Carry { inside, escaping }));
        for before in states.as_flattened() {
            for at in 0..BLOCK {
                for byte in 0..=255u8 {
                    let mut block = [b'a'; BLOCK];
                    block[at] = byte;
                    block[(at + 7) % BLOCK] = b'\\';
                    let mut carry = *before;
                    let plain = carry.resolve(plain_kinds(&block));
                    for reader in [Reader::best(), Reader(Instructions::Sse2)] {
                        let one = read(reader, &block, *before);
                        assert_eq!((one.found, one.at), (Some(plain), 0), "{byte} at {at} by {reader:?}");
                        assert_eq!(one.carry, carry, "{byte} at {at} by {reader:?}");
                    }
                }
            }
        }
    }

    /// Blocks of nothing but text are passed, whatever byte ends that, and the last one is not.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn plain_blocks_are_passed() {
        for reader in [Reader::best(), Reader(Instructions::Sse2)] {
            for len in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK, 3 * BLOCK + 9] {
                for special in (0..=255).filter(|byte| is_special(*byte)) {
                    let mut text = vec![b'a'; len];
                    text.extend([special, b'a']);
                    let one = read(reader, &text, Carry::default());
                    assert_eq!(one.at, len / BLOCK * BLOCK, "{special} at {len} by {reader:?}");
                }
            }
        }
    }

    /// Every byte value at every place is special or not.
    #[test]
    fn special_bytes() {
        for at in 0..BLOCK {
            for byte in 0..=255u8 {
                let mut block = [b'a'; BLOCK];
                block[at] = byte;
                assert_eq!(long_specials(&block), u64::from(is_special(byte)) << at, "{byte} at {at}");
            }
        }
    }
}
