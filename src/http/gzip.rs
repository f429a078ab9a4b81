//! Bodies that come compressed although they were asked for as they are.
//!
//! Takes compressed bytes in any pieces; gives what they stand for a little at a time, however much that is.

use flate2::Compression;
use flate2::write::{GzEncoder, MultiGzDecoder};
use std::io::Write;

/// Compressed bytes that are looked at between two looks at the bound: one may stand for a thousand.
const BITE: usize = 256;
/// What one step gives at least, if there is so much.
const STEP: usize = 64 * 1024;

/// The bytes are not gzip's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotGzip;

/// A compressed body.
pub struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    waiting: Vec<u8>,
    taken: usize,
    begun: bool,
}

impl Gunzip {
    /// One that nothing was given to yet.
    pub fn empty() -> Box<Self> {
        Box::new(Self { decoder: MultiGzDecoder::new(vec![]), waiting: vec![], taken: 0, begun: false })
    }

    /// Takes more of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken == self.waiting.len() {
            self.waiting.clear();
            self.taken = 0;
        }
        self.waiting.extend_from_slice(bytes);
        self.begun |= !bytes.is_empty();
    }

    /// Whether there is something to be had without another push.
    pub fn has_more(&self) -> bool {
        self.taken < self.waiting.len()
    }

    /// Adds what the next of them stand for to `out`: everything, or a bounded part.
    ///
    /// # Errors
    /// They are not gzip's. What stood before the mistake was given.
    pub fn pull(&mut self, out: &mut Vec<u8>) -> Result<(), NotGzip> {
        while self.has_more() && self.decoder.get_ref().len() < STEP {
            let end = self.waiting.len().min(self.taken + BITE);
            match self.decoder.write(&self.waiting[self.taken..end]) {
                Ok(n) if n > 0 => self.taken += n,
                _ => return Err(NotGzip),
            }
        }
        // What it has understood and not given yet: an event of a stream must not wait for the next one.
        self.decoder.flush().map_err(|_| NotGzip)?;
        out.append(self.decoder.get_mut());
        Ok(())
    }

    /// Adds what is left when all bytes were pushed and pulled. No bytes at all stand for none.
    ///
    /// # Errors
    /// They end too early, or their checksum is another one.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), NotGzip> {
        if !self.begun {
            return Ok(());
        }
        self.decoder.try_finish().map_err(|_| NotGzip)?;
        out.append(self.decoder.get_mut());
        Ok(())
    }
}

/// The bytes compressed; none if that fails, which it does not in memory.
pub fn zipped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// What compressed bytes stand for.
///
/// # Errors
/// They are not all of one gzip's.
pub fn unzipped(bytes: &[u8]) -> Result<Vec<u8>, NotGzip> {
    let (mut gunzip, mut out) = (Gunzip::empty(), vec![]);
    gunzip.push(bytes);
    while gunzip.has_more() {
        gunzip.pull(&mut out)?;
    }
    gunzip.finish(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(bytes).expect("a vector");
        encoder.finish().expect("a vector")
    }

    fn unzipped(pieces: &[&[u8]]) -> Result<Vec<u8>, NotGzip> {
        let (mut gunzip, mut out) = (Gunzip::empty(), vec![]);
        for piece in pieces {
            gunzip.push(piece);
            while gunzip.has_more() {
                gunzip.pull(&mut out)?;
            }
        }
        gunzip.finish(&mut out).map(|()| out)
    }

    proptest! {
        /// What was compressed comes out, wherever it is cut, and one body behind another.
        #[test]
        fn it_comes_back(
            one in prop::collection::vec(any::<u8>(), 0..2000),
            two in "[ab]{0,2000}",
            at in any::<prop::sample::Index>(),
        ) {
            let both = [zipped(&one), zipped(two.as_bytes())].concat();
            let (front, back) = both.split_at(at.index(both.len()));
            prop_assert_eq!(unzipped(&[front, back]), Ok([&one[..], two.as_bytes()].concat()));
        }

        /// What was cut off or changed is never taken for whole.
        #[test]
        fn mistakes_are_found(bytes in "[a-z]{1,300}", at in any::<prop::sample::Index>()) {
            let good = zipped(bytes.as_bytes());
            let cut = at.index(good.len());
            prop_assert_eq!(unzipped(&[&good[..cut]]).ok(), (cut == 0).then(Vec::new));
            let mut wrong = good.clone();
            let tail = good.len() - 8 + cut % 8;
            wrong[tail] ^= 1;
            prop_assert_eq!(unzipped(&[&wrong]), Err(NotGzip));
        }
    }

    /// What was flushed on the other side can be read before anything follows it.
    #[test]
    fn nothing_waits() {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        let (mut gunzip, mut out, mut sent) = (Gunzip::empty(), vec![], 0);
        for event in 1..5 {
            encoder.write_all(b"data: 1\n\n").expect("a vector");
            encoder.flush().expect("a vector");
            gunzip.push(&encoder.get_ref()[sent..]);
            sent = encoder.get_ref().len();
            while gunzip.has_more() {
                gunzip.pull(&mut out).expect("gzip");
            }
            assert_eq!(out.len(), event * 9);
        }
    }

    /// A small body that stands for a huge one is given in small parts.
    #[test]
    fn a_bomb_goes_off_slowly() {
        let mut gunzip = Gunzip::empty();
        gunzip.push(&zipped(&vec![0; 64 << 20]));
        let (mut out, mut all) = (vec![], 0);
        while gunzip.has_more() {
            out.clear();
            gunzip.pull(&mut out).expect("gzip");
            all += out.len();
            assert!(out.len() < 512 * 1024, "{}", out.len());
        }
        gunzip.finish(&mut out).expect("whole");
        assert_eq!(all, 64 << 20);
    }
}
