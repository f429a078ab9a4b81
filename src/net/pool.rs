//! Buffers that wait for their next use, so that a warm request path does not allocate.
//!
//! Invariant: bounded; a buffer given back is empty; nothing is attached to an idle connection but the buffer
//! of its pending read.

use super::gather::Gather;
use super::pages;
use super::spare::Spare;
use crate::base::buf::Buf;
use crate::base::limits::{BODY_SEGMENT_BYTES, BULK_BUFFER_BYTES, CLIENT_BUFFER_BYTES};
use std::cell::RefCell;

const SMALL_KEPT: usize = 1024;
const BULK_KEPT: usize = 64;
const GATHERS_KEPT: usize = 256;

/// One shard's spare buffers.
#[derive(Default)]
pub struct BufferPool {
    small: RefCell<Vec<Buf>>,
    bulk: RefCell<Vec<Buf>>,
    gathers: RefCell<Vec<Gather>>,
    /// Segments of large bodies, and bulk buffers beyond those.
    segments: RefCell<Spare>,
}

impl BufferPool {
    /// An empty buffer of at least [`CLIENT_BUFFER_BYTES`].
    pub fn small(&self) -> Buf {
        self.small.borrow_mut().pop().unwrap_or_else(|| Buf::with_capacity(CLIENT_BUFFER_BYTES))
    }

    /// The same bytes in a buffer that a request may be read into.
    pub fn at_least_small(&self, buf: Buf) -> Buf {
        if buf.capacity() >= CLIENT_BUFFER_BYTES {
            return buf;
        }
        let mut small = self.small();
        small.extend(&buf);
        self.give(buf);
        small
    }

    /// An empty buffer of at least [`BULK_BUFFER_BYTES`].
    pub fn bulk(&self) -> Buf {
        let small = |bytes| bytes < BODY_SEGMENT_BYTES;
        let spare = self.bulk.borrow_mut().pop().or_else(|| self.segments.borrow_mut().take(small));
        spare.unwrap_or_else(|| in_small_pages(BULK_BUFFER_BYTES))
    }

    /// An empty buffer of at least so many bytes: a spare one, unless it is larger than those are.
    pub fn of(&self, bytes: usize) -> Buf {
        if bytes <= CLIENT_BUFFER_BYTES {
            self.small()
        } else if bytes <= BULK_BUFFER_BYTES {
            self.bulk()
        } else {
            let spare = self.segments.borrow_mut().take(|spare| spare >= bytes);
            spare.unwrap_or_else(|| in_small_pages(bytes))
        }
    }

    /// Takes a buffer back; those of unusual size are freed, segments of large bodies later and in parts: freeing
    /// a body of hundreds of megabytes at once would hold everybody up.
    pub fn give(&self, mut buf: Buf) {
        buf.clear();
        let (list, kept) = match buf.capacity() {
            CLIENT_BUFFER_BYTES..=8_192 => (&self.small, SMALL_KEPT),
            BULK_BUFFER_BYTES..=131_072 if self.bulk.borrow().len() < BULK_KEPT => (&self.bulk, BULK_KEPT),
            BULK_BUFFER_BYTES.. => return self.segments.borrow_mut().give(buf),
            _ => return,
        };
        let mut list = list.borrow_mut();
        if list.len() < kept {
            list.push(buf);
        }
    }

    /// Frees what a burst left behind: all but `kept` of each kind.
    pub fn trim(&self, kept: usize) {
        self.small.borrow_mut().truncate(kept);
        self.bulk.borrow_mut().truncate(kept);
        self.gathers.borrow_mut().truncate(kept);
    }

    /// Frees some of the segments that nobody needs, and what is behind them; one large body's not before so many milliseconds.
    /// Called at every sweep.
    pub fn free_segments(&self, kept_ms: u64) {
        self.segments.borrow_mut().free(kept_ms);
    }

    /// An empty gather.
    pub fn gather(&self) -> Gather {
        self.gathers.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a gather back, and the buffers in it. One that was never used, such as stands in the place of one
    /// that was given back before, would only be handed out ahead of those that were.
    pub fn give_gather(&self, mut gather: Gather) {
        gather.clear(|buf| self.give(buf));
        let mut gathers = self.gathers.borrow_mut();
        if gather.is_worn() && gathers.len() < GATHERS_KEPT {
            gathers.push(gather);
        }
    }
}

fn in_small_pages(bytes: usize) -> Buf {
    let mut buf = Buf::with_capacity(bytes);
    pages::small(&mut buf);
    buf
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gather that was used comes out again with its memory, also if an unused one is given back after it.
    #[test]
    fn gathers_keep_their_memory() {
        let pool = BufferPool::default();
        let mut used = pool.gather();
        used.whole(pool.small());
        pool.give_gather(used);
        pool.give_gather(Gather::default());
        assert!(pool.gather().is_worn());
    }
}
