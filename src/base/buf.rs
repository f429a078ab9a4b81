//! An append-only byte buffer that is read from the front.
//!
//! Takes bytes at its end (from a socket or from code), gives bytes at its start. Consuming moves an index,
//! so a message that was parsed in place is never copied.
//!
//! Invariant: `start <= bytes.len()`, and spare capacity is only ever handed to the kernel, never read.

use std::ops::{Deref, DerefMut, Range};

/// Bytes that wait to be read: `[start..len]` is unread, `[len..capacity]` is room for more.
#[derive(Default)]
pub struct Buf {
    bytes: Vec<u8>,
    start: usize,
}

impl Buf {
    /// A buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), start: 0 }
    }

    /// Takes `n` bytes off the front. More than there are empties the buffer.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    /// Shortens the unread part to its first `n` bytes.
    pub fn truncate(&mut self, n: usize) {
        self.bytes.truncate(self.start + n);
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Adds bytes at the end.
    pub fn extend(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
    }

    /// Adds bytes of the unread part again at the end.
    pub fn extend_from_within(&mut self, range: Range<usize>) {
        self.bytes.extend_from_within(self.start + range.start..self.start + range.end);
    }

    /// The underlying vector, for writers that append (`write!`, `itoa`, encoders). They must only append.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes that can be appended without growing.
    pub fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// The memory behind the buffer, and where in it the unread part begins.
    pub fn into_vec(self) -> (Vec<u8>, usize) {
        (self.bytes, self.start)
    }

    /// Size of the memory behind the buffer, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for at least `n` more bytes: first by moving the unread part to the front, then by growing.
    pub fn reserve(&mut self, n: usize) {
        if self.room() >= n {
            return;
        }
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(n);
    }
}

impl Deref for Buf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl DerefMut for Buf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

/// Sizes only: a buffer may hold a prompt.
impl std::fmt::Debug for Buf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buf({} of {} bytes)", self.len(), self.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading from the front and appending at the end keep the order, and an emptied buffer starts afresh.
    #[test]
    fn bytes_leave_in_the_order_they_came() {
        let mut buf = Buf::with_capacity(8);
        buf.extend(b"abcdef");
        buf.consume(4);
        buf.reserve(6);
        buf.extend(b"ghijkl");
        assert_eq!(&*buf, b"efghijkl");
        buf.consume(99);
        assert!(buf.is_empty());
        assert_eq!(buf.room(), buf.capacity());
    }
}
