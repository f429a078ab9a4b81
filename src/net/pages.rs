//! The memory behind buffers of bulk: in small pages, and given back when it was not needed for a while (`spare`).
//!
//! The allocator asks the kernel for huge pages. Whoever touches one first waits until 2 MiB are cleared: some 0.2 ms,
//! but 5 to 10 ms where a hypervisor or a fragmented machine has to find them, and everybody on the shard with him. In
//! small pages the same falls into pieces of microseconds, each paid for when its bytes arrive. Nor does the allocator
//! say when it returns what was freed: a body of 200 MB at once takes 20 ms.
//!
//! Invariant: only pages that lie wholly inside a buffer lose what stands in them, and that buffer is empty.

#![expect(unsafe_code, reason = "madvise(2)")]

use crate::base::buf::Buf;

const HUGE: usize = 2 << 20;

/// Has a new buffer lie in small pages, and those that the allocator cuts next to it: it writes into a block before it
/// hands it out, which would be the first touch. A kernel that cannot does not matter.
pub(super) fn small(buf: &mut Buf) {
    let (from, until) = span(buf);
    let (from, until) = (from / HUGE * HUGE, (until + HUGE).next_multiple_of(HUGE));
    // SAFETY: this changes how pages are made, not what stands in them, so it may be done to whatever lies there.
    _ = unsafe { libc::madvise(from as *mut _, until - from, libc::MADV_NOHUGEPAGE) };
}

/// Gives the pages behind an empty buffer back to the system. The buffer can be used, or freed, as before.
pub(super) fn give_back(buf: &mut Buf) {
    buf.clear();
    let (page, (from, until)) = (page_bytes(), span(buf));
    let (from, until) = (from.next_multiple_of(page), until / page * page);
    if from < until {
        // SAFETY: these pages are spare capacity of a buffer that is borrowed here: nobody has anything in them.
        _ = unsafe { libc::madvise(from as *mut _, until - from, libc::MADV_DONTNEED) };
    }
}

/// From where until where a buffer's spare capacity is.
fn span(buf: &mut Buf) -> (usize, usize) {
    let spare = buf.tail().spare_capacity_mut().as_mut_ptr_range();
    (spare.start.expose_provenance(), spare.end.expose_provenance())
}

fn page_bytes() -> usize {
    // SAFETY: it takes no pointer.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    bytes.max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer whose memory was given back takes and gives bytes as before, and its neighbours keep theirs.
    #[test]
    fn memory_that_was_given_back_comes_again() {
        for bytes in [1, 4095, 4096, 65_536, 262_144] {
            let mut bufs: Vec<_> = (0..3).map(|_| Buf::with_capacity(bytes)).collect();
            for _ in 0..2 {
                for (buf, fill) in bufs.iter_mut().zip([b'a', b'b', b'c']) {
                    small(buf);
                    buf.clear();
                    buf.extend(&vec![fill; bytes]);
                }
                give_back(&mut bufs[1]);
                assert!(bufs[1].is_empty() && bufs[1].capacity() >= bytes);
                assert!(bufs[0].iter().all(|byte| *byte == b'a') && bufs[0].len() == bytes);
                assert!(bufs[2].iter().all(|byte| *byte == b'c') && bufs[2].len() == bytes);
            }
        }
    }
}
