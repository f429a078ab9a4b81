//! How a [`Buf`] is lent to the kernel: reads append to its spare capacity, writes take its bytes from a place on.

#![expect(unsafe_code, reason = "the kernel is told where to write")]

use crate::base::buf::Buf;
use monoio::buf::{IoBuf, IoBufMut};

/// Bytes that one read takes at most, so that a large buffer is not filled while everybody else waits: with the
/// pages of a new buffer to be cleared, and a scan over what was read, this is some 100 us.
const READ_BYTES: usize = 64 * 1024;

/// A buffer while the kernel reads into it or writes out of it.
pub(super) struct Lent(pub Buf);

/// A buffer while the kernel reads what stands in it from an index on.
pub(super) struct LentFrom(pub Buf, pub usize);

// SAFETY: the pointer is into the buffer's heap memory, which stays where it is when `LentFrom` moves;
// `bytes_init` bytes behind it are initialised.
unsafe impl IoBuf for LentFrom {
    fn read_ptr(&self) -> *const u8 {
        self.0[self.1.min(self.0.len())..].as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.0.len().saturating_sub(self.1)
    }
}

// SAFETY: the pointer is to the spare capacity behind the initialised bytes, `bytes_total` is no more than that,
// and `set_init` is called with the number of bytes that the kernel wrote there.
unsafe impl IoBufMut for Lent {
    fn write_ptr(&mut self) -> *mut u8 {
        self.0.tail().spare_capacity_mut().as_mut_ptr().cast()
    }

    fn bytes_total(&mut self) -> usize {
        self.0.room().min(READ_BYTES)
    }

    unsafe fn set_init(&mut self, pos: usize) {
        let bytes = self.0.tail();
        let len = bytes.len() + pos;
        debug_assert!(len <= bytes.capacity());
        // SAFETY: the kernel wrote `pos` bytes behind the initialised ones, inside the capacity.
        unsafe { bytes.set_len(len) };
    }
}
