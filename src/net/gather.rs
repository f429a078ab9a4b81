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

/// Bytes handed to the kernel at once, and up to as many more: to a peer that keeps up it copies all that it is
/// given in one go, and nothing else happens on the thread meanwhile.
const WRITE_BYTES: usize = 64 * 1024;

/// Messages up to this size are put together behind their first piece and sent as one buffer: copying them costs
/// less than having the kernel look at several pieces. Longer ones are not copied.
pub const FLAT_BYTES: usize = 2 * 1024;

/// Index of the first buffer, behind whose bytes short messages are put together.
const FIRST: usize = 0;

/// Buffers and the pieces of them that are to be written, in order. One pointer: it moves with every write.
#[derive(Default)]
pub struct Gather(Option<Box<Parts>>);

#[derive(Default)]
struct Parts {
    bufs: Vec<Buf>,
    pieces: Vec<Piece>,
    vectors: Vec<libc::iovec>,
    /// Vectors before this index are written.
    written: usize,
}

struct Piece {
    buf: usize,
    range: Range<usize>,
}

impl Gather {
    fn parts(&mut self) -> &mut Parts {
        self.0.get_or_insert_default()
    }

    fn held(&self) -> &[Buf] {
        self.0.as_ref().map_or(&[], |parts| &parts.bufs)
    }

    fn laid(&self) -> &[Piece] {
        self.0.as_ref().map_or(&[], |parts| &parts.pieces)
    }

    /// Adds a buffer without any piece of it; gives its index.
    pub fn hold(&mut self, buf: Buf) -> usize {
        let bufs = &mut self.parts().bufs;
        bufs.push(buf);
        bufs.len() - 1
    }

    /// Appends a piece of a held buffer. Empty pieces are left out.
    pub fn piece(&mut self, buf: usize, range: Range<usize>) {
        debug_assert!(range.end <= self.held()[buf].len());
        if !range.is_empty() {
            self.parts().pieces.push(Piece { buf, range });
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
        let place = &mut self.parts().bufs[buf];
        debug_assert!(place.is_empty());
        *place = bytes;
    }

    /// Takes `cut` bytes off the first piece, which ends with its buffer, and adds others.
    pub fn lengthen_first<'m>(&mut self, cut: usize, more: impl Iterator<Item = &'m [u8]>) {
        let Parts { bufs, pieces, .. } = self.parts();
        let Some(Piece { buf, range }) = pieces.first_mut() else { return };
        let bytes = &mut bufs[*buf];
        debug_assert!(range.end == bytes.len() && cut <= range.len());
        bytes.truncate(range.end - cut);
        more.for_each(|more| bytes.extend(more));
        range.end = bytes.len();
    }

    /// Forgets the pieces and keeps the buffers.
    pub fn unlay(&mut self) {
        self.parts().pieces.clear();
    }

    /// Takes a buffer back; an empty one stands in its place.
    pub fn take(&mut self, buf: usize) -> Buf {
        std::mem::take(&mut self.parts().bufs[buf])
    }

    /// Number of held buffers.
    pub fn count(&self) -> usize {
        self.held().len()
    }

    /// The buffer at an index.
    pub fn buf(&self, buf: usize) -> &Buf {
        &self.held()[buf]
    }

    /// Empties the gather and gives its buffers away, in order.
    pub fn clear(&mut self, give: impl FnMut(Buf)) {
        if let Some(parts) = &mut self.0 {
            parts.pieces.clear();
            parts.vectors.clear();
            parts.written = 0;
            parts.bufs.drain(..).for_each(give);
        }
    }

    /// Whether it has memory that its next use will not have to ask for.
    pub fn is_worn(&self) -> bool {
        self.0.is_some()
    }

    /// Bytes of all pieces.
    pub fn len(&self) -> usize {
        self.laid().iter().map(|p| p.range.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.laid().is_empty()
    }

    /// The pieces as slices, in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let bufs = self.held();
        self.laid().iter().map(move |p| &bufs[p.buf][p.range.clone()])
    }

    /// The whole message in one buffer, if there is one piece, not too long, or little enough to be put together. The
    /// buffer comes back by [`Gather::restore`].
    pub(super) fn flatten(&mut self) -> Option<Flat> {
        let bytes = self.len();
        let Parts { bufs, pieces, .. } = &mut **self.0.as_mut()?;
        let (first, others) = pieces.split_first()?;
        let buf = bufs.get_mut(FIRST)?;
        let (from, own) = (first.range.start, buf.len());
        let copied = bytes - first.range.len();
        let fits =
            if copied == 0 { bytes <= WRITE_BYTES } else { bytes <= FLAT_BYTES && copied <= buf.room() };
        if first.buf != FIRST || first.range.end != own || !fits {
            return None;
        }
        let mut buf = std::mem::take(buf);
        for Piece { buf: index, range } in others {
            if *index == FIRST {
                buf.extend_from_within(range.clone());
            } else {
                buf.extend(&bufs[*index][range.clone()]);
            }
        }
        Some(Flat { buf, from, own })
    }

    /// Puts the buffer back as it was.
    pub(super) fn restore(&mut self, mut buf: Buf, own: usize) {
        buf.truncate(own);
        self.parts().bufs[FIRST] = buf;
    }

    /// Starts the write from the first byte (again).
    pub(super) fn rewind(&mut self) {
        let Parts { bufs, pieces, vectors, written, .. } = self.parts();
        vectors.clear();
        *written = 0;
        for piece in pieces {
            // A long piece is not handed over at once, either.
            for slice in bufs[piece.buf][piece.range.clone()].chunks(WRITE_BYTES) {
                let iov_base = slice.as_ptr().cast_mut().cast();
                vectors.push(libc::iovec { iov_base, iov_len: slice.len() });
            }
        }
    }

    /// Notes that the kernel took `n` more bytes; tells whether anything is left.
    pub(super) fn advance(&mut self, mut n: usize) -> Left {
        let parts = self.parts();
        while let Some(vector) = parts.vectors.get_mut(parts.written) {
            if n < vector.iov_len {
                vector.iov_base = vector.iov_base.wrapping_byte_add(n);
                vector.iov_len -= n;
                return Left::Some;
            }
            n -= vector.iov_len;
            parts.written += 1;
        }
        debug_assert_eq!(n, 0, "the kernel took more than it was given");
        Left::None
    }

    /// What the kernel has not taken yet.
    fn left(&self) -> &[libc::iovec] {
        self.0.as_ref().map_or(&[], |parts| &parts.vectors[parts.written.min(parts.vectors.len())..])
    }
}

/// A message in one buffer.
pub(super) struct Flat {
    pub buf: Buf,
    /// Where the message begins.
    pub from: usize,
    /// Length of what is the buffer's own; the rest was put behind it.
    pub own: usize,
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
        self.left().as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        let mut bytes = 0;
        let fits = |piece: &&libc::iovec| {
            let before = bytes;
            bytes += piece.iov_len;
            before < WRITE_BYTES
        };
        self.left().iter().take(PIECES_MAX).take_while(fits).count()
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

    /// A short message is put together behind its first piece, and the gather is afterwards as it was before.
    #[test]
    fn short_messages_become_one_buffer() {
        let mut gather = Gather::default();
        let mut first = Buf::with_capacity(64);
        first.extend(b"TEXThead");
        let (head, body) = (gather.hold(first), gather.hold(buf(b"abXcd")));
        gather.piece(head, 4..8);
        gather.piece(body, 0..2);
        gather.piece(head, 0..4);
        gather.piece(body, 3..5);
        for _ in 0..2 {
            let flat = gather.flatten().expect("it is short");
            assert_eq!(&flat.buf[flat.from..], b"headabTEXTcd");
            gather.restore(flat.buf, flat.own);
            assert_eq!(gather.slices().flatten().copied().collect::<Vec<_>>(), b"headabTEXTcd");
        }
    }

    /// One piece is sent as it lies; several long ones, and those without room, are not copied.
    #[test]
    fn long_messages_stay_in_pieces() {
        let mut one = Gather::default();
        one.whole(buf(&[b'x'; 3 * FLAT_BYTES]));
        assert!(one.flatten().is_some_and(|flat| flat.buf.len() == 3 * FLAT_BYTES));
        let mut long = Gather::default();
        long.whole(Buf::with_capacity(2 * FLAT_BYTES));
        let first = long.hold(buf(b"a"));
        long.piece(first, 0..1);
        assert!(long.flatten().is_none(), "the first piece is not of the first buffer");
        let mut full = Gather::default();
        full.whole(buf(b"12345678"));
        full.whole(buf(&[b'y'; FLAT_BYTES]));
        assert!(full.flatten().is_none(), "no room");
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
            let rest: usize = gather.left().iter().map(|v| v.iov_len).sum();
            assert_eq!(rest, 9 - split);
        }
    }

    /// The first piece gets another end, wherever the rest of its buffer is used, and nothing else changes.
    #[test]
    fn the_first_piece_can_be_lengthened() {
        let mut gather = Gather::default();
        let (head, body) = (gather.hold(buf(b"TEXThead\r\n")), gather.hold(buf(b"abc")));
        gather.piece(head, 4..10);
        gather.piece(body, 0..3);
        gather.piece(head, 0..4);
        gather.lengthen_first(2, [&b"more"[..], b"", b"\r\n"].into_iter());
        assert_eq!(gather.slices().flatten().copied().collect::<Vec<_>>(), b"headmore\r\nabcTEXT");
        assert_eq!(gather.len(), 17);
        Gather::default().lengthen_first(0, std::iter::empty());
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
        let mut one = Gather::default();
        one.whole(buf(&vec![b'x'; 3 * WRITE_BYTES + 1]));
        assert!(one.flatten().is_none());
        one.rewind();
        assert_eq!(one.read_iovec_len(), 1);
        assert_eq!(one.advance(WRITE_BYTES + 1), Left::Some);
        assert_eq!(one.left()[0].iov_len, WRITE_BYTES - 1);
        assert_eq!(one.advance(2 * WRITE_BYTES), Left::None);
    }
}
