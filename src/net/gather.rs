//! A gathered write: pieces of several buffers leave in one system call, none of them copied.
//!
//! Takes buffers and ranges in them; gives the kernel an array of them. Kept until the answer begins, so that
//! the same request can be sent again on another connection.
//!
//! Invariant: every piece lies inside its buffer; buffers are not changed while pieces point into them.

#![expect(unsafe_code, reason = "the kernel is told where to read")]

use crate::base::buf::Buf;
use monoio::buf::IoVecBuf;
use std::ops::Range;

/// Pieces handed to the kernel at once (`UIO_MAXIOV`).
const PIECES_MAX: usize = 1024;

/// Bytes handed to the kernel at once, and up to one piece more: to a peer that keeps up it copies all that it is
/// given in one go, and nothing else happens on the thread meanwhile.
const WRITE_BYTES: usize = 128 * 1024;

/// Messages up to this size are put together and sent as one buffer: copying them costs less than having the
/// kernel look at several pieces. Longer ones are not copied.
pub const FLAT_BYTES: usize = 2 * 1024;

/// Buffers and the pieces of them that are to be written, in order.
#[derive(Default)]
pub struct Gather {
    bufs: Vec<Buf>,
    pieces: Vec<Piece>,
    vectors: Vec<libc::iovec>,
    /// Vectors before this index are written.
    written: usize,
    /// Where short messages are put together; see [`FLAT_BYTES`].
    flat: Buf,
}

struct Piece {
    buf: usize,
    range: Range<usize>,
}

impl Gather {
    /// Adds a buffer without any piece of it; gives its index.
    pub fn hold(&mut self, buf: Buf) -> usize {
        self.bufs.push(buf);
        self.bufs.len() - 1
    }

    /// Appends a piece of a held buffer. Empty pieces are left out.
    pub fn piece(&mut self, buf: usize, range: Range<usize>) {
        debug_assert!(range.end <= self.bufs[buf].len());
        if !range.is_empty() {
            self.pieces.push(Piece { buf, range });
        }
    }

    /// Adds a buffer, whole.
    pub fn whole(&mut self, buf: Buf) -> usize {
        let len = buf.len();
        let index = self.hold(buf);
        self.piece(index, 0..len);
        index
    }

    /// Puts a buffer at an index that holds an empty one.
    pub fn put(&mut self, buf: usize, bytes: Buf) {
        debug_assert!(self.bufs[buf].is_empty());
        self.bufs[buf] = bytes;
    }

    /// Forgets the pieces and keeps the buffers.
    pub fn unlay(&mut self) {
        self.pieces.clear();
    }

    /// Takes a buffer back; an empty one stands in its place.
    pub fn take(&mut self, buf: usize) -> Buf {
        std::mem::take(&mut self.bufs[buf])
    }

    /// Number of held buffers.
    pub fn count(&self) -> usize {
        self.bufs.len()
    }

    /// The buffer at an index.
    pub fn buf(&self, buf: usize) -> &Buf {
        &self.bufs[buf]
    }

    /// Empties the gather and gives its buffers, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Buf> + '_ {
        self.pieces.clear();
        self.vectors.clear();
        self.written = 0;
        self.bufs.drain(..)
    }

    /// Whether it has memory that its next use will not have to ask for.
    pub fn is_worn(&self) -> bool {
        self.bufs.capacity() > 0
    }

    /// Bytes of all pieces.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|p| p.range.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The pieces as slices, in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|p| &self.bufs[p.buf][p.range.clone()])
    }

    /// The pieces put together in one buffer, if they are short enough. It comes back by [`Gather::give_flat`].
    pub(super) fn flatten(&mut self) -> Option<Buf> {
        if self.len() > FLAT_BYTES {
            return None;
        }
        let mut flat = std::mem::take(&mut self.flat);
        flat.clear();
        flat.reserve(FLAT_BYTES);
        for piece in &self.pieces {
            flat.extend(&self.bufs[piece.buf][piece.range.clone()]);
        }
        Some(flat)
    }

    pub(super) fn give_flat(&mut self, flat: Buf) {
        self.flat = flat;
    }

    /// Starts the write from the first byte (again).
    pub(super) fn rewind(&mut self) {
        self.vectors.clear();
        self.written = 0;
        for piece in &self.pieces {
            let slice = &self.bufs[piece.buf][piece.range.clone()];
            let iov_base = slice.as_ptr().cast_mut().cast();
            self.vectors.push(libc::iovec { iov_base, iov_len: slice.len() });
        }
    }

    /// Notes that the kernel took `n` more bytes; tells whether anything is left.
    pub(super) fn advance(&mut self, mut n: usize) -> Left {
        while let Some(vector) = self.vectors.get_mut(self.written) {
            if n < vector.iov_len {
                vector.iov_base = vector.iov_base.wrapping_byte_add(n);
                vector.iov_len -= n;
                return Left::Some;
            }
            n -= vector.iov_len;
            self.written += 1;
        }
        debug_assert_eq!(n, 0, "the kernel took more than it was given");
        Left::None
    }
}

/// Whether a write has to go on.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Left {
    Some,
    None,
}

// SAFETY: the vectors point into the heap memory of `bufs`, which neither moves nor changes while the gather is
// lent, and the vectors themselves are heap memory that stays put when the gather moves.
unsafe impl IoVecBuf for Gather {
    fn read_iovec_ptr(&self) -> *const libc::iovec {
        self.vectors[self.written.min(self.vectors.len())..].as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        let mut bytes = 0;
        let pieces = self.vectors[self.written.min(self.vectors.len())..].iter().take(PIECES_MAX);
        let fits = |piece: &&libc::iovec| {
            let before = bytes;
            bytes += piece.iov_len;
            before < WRITE_BYTES
        };
        pieces.take_while(fits).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buf(bytes: &[u8]) -> Buf {
        let mut buf = Buf::default();
        buf.extend(bytes);
        buf
    }

    /// What is left after a partial write is exactly the bytes that were not taken, whatever the split.
    #[test]
    fn partial_writes_resume_at_the_right_byte() {
        for split in 0..=9 {
            let mut gather = Gather::default();
            let head = gather.hold(buf(b"headMODEL"));
            let body = gather.hold(buf(b"abXYcd"));
            gather.piece(head, 0..4);
            gather.piece(body, 0..2);
            gather.piece(head, 4..4);
            gather.piece(body, 4..6);
            gather.piece(head, 8..9);
            assert_eq!(gather.slices().flatten().copied().collect::<Vec<_>>(), b"headabcdL");
            assert_eq!(gather.len(), 9);
            gather.rewind();
            let left = gather.advance(split);
            assert_eq!(left, if split == 9 { Left::None } else { Left::Some });
            let rest: usize = gather.vectors[gather.written..].iter().map(|v| v.iov_len).sum();
            assert_eq!(rest, 9 - split);
        }
    }

    /// However long a message, the kernel gets a bounded part of it at once.
    #[test]
    fn long_messages_leave_in_parts() {
        let mut gather = Gather::default();
        for _ in 0..10 {
            gather.whole(buf(&vec![b'x'; WRITE_BYTES / 2 + 1]));
        }
        gather.rewind();
        assert_eq!(gather.read_iovec_len(), 2);
        assert_eq!(gather.advance(9 * (WRITE_BYTES / 2 + 1)), Left::Some);
        assert_eq!(gather.read_iovec_len(), 1);
        assert_eq!(gather.advance(WRITE_BYTES / 2 + 1), Left::None);
        assert_eq!(gather.read_iovec_len(), 0);
    }
}
