//! Large buffers of one thread that wait for the next one who needs as much.
//!
//! Takes buffers that were used, gives them again with the memory that they have. A page that is touched for the first time is
//! found and cleared by the kernel, and perhaps by a hypervisor, too: for a body of 60 MB, which is joined and written anew,
//! that is more than all other work on it.
//!
//! Invariant: a thread that has not opened a stock keeps nothing; one that has keeps 256 MiB at most, and nothing that
//! nobody needed for as long as it says, as long as it calls [`expire`].

use super::pages;
use crate::base::buf::Buf;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// All that is kept: four of the largest bodies that are usual.
const KEPT_BYTES: usize = 256 << 20;
/// Who takes one gets a buffer that is so many times larger than what he needs, and no larger.
const ROOMIER: usize = 4;

thread_local! {
    static STOCK: RefCell<Option<Stock>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Stock {
    /// With when it was given; last given, last in the row.
    row: Vec<(Buf, Instant)>,
    bytes: usize,
}

/// Has this thread keep from now on what it is given.
pub fn open() {
    STOCK.with_borrow_mut(|stock| _ = stock.get_or_insert_default());
}

/// An empty buffer with room for this much: one that was used, or a new one.
pub fn take(bytes: usize) -> Buf {
    find(bytes).unwrap_or_else(|| {
        // Bodies differ by little: the memory of one should do for the next. What is not touched is not there.
        Buf::with_capacity(bytes.next_multiple_of(bytes.next_power_of_two().div_ceil(8)))
    })
}

/// An empty buffer that was used, with room for this much, if there is one.
pub fn find(bytes: usize) -> Option<Buf> {
    find_up_to(bytes, bytes.saturating_mul(ROOMIER))
}

/// The same for who says himself how large it may be.
pub fn find_up_to(least: usize, most: usize) -> Option<Buf> {
    STOCK.with_borrow_mut(|stock| stock.as_mut()?.find(least, most))
}

/// Keeps a buffer for others, or frees it.
pub fn give(buf: Buf) {
    STOCK.with_borrow_mut(|stock| {
        if let Some(stock) = stock {
            stock.give(buf, Instant::now());
        }
    });
}

/// Frees a buffer that is of no use to anybody, and gives the system its memory at once: the allocator would keep its pages
/// until it is called the next time, which may be never.
pub fn free(mut buf: Buf) {
    pages::give_back(&mut buf);
}

/// Gives what nobody needed for so long back to the system.
pub fn expire(unneeded: Duration) {
    STOCK.with_borrow_mut(|stock| {
        if let Some(stock) = stock {
            stock.expire(unneeded, Instant::now());
        }
    });
}

impl Stock {
    fn find(&mut self, least: usize, most: usize) -> Option<Buf> {
        let fits = least..=most;
        let fitting = self.row.iter().enumerate().filter(|(_, (buf, _))| fits.contains(&buf.capacity()));
        let (place, _) = fitting.min_by_key(|(_, (buf, _))| buf.capacity())?;
        let (buf, _) = self.row.remove(place);
        self.bytes -= buf.capacity();
        Some(buf)
    }

    fn give(&mut self, mut buf: Buf, now: Instant) {
        if self.bytes + buf.capacity() <= KEPT_BYTES {
            buf.clear();
            self.bytes += buf.capacity();
            self.row.push((buf, now));
        }
    }

    fn expire(&mut self, unneeded: Duration, now: Instant) {
        let old = self.row.partition_point(|(_, given)| now.duration_since(*given) >= unneeded);
        for (buf, _) in self.row.drain(..old) {
            self.bytes -= buf.capacity();
            free(buf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who needs as much, or a little less, gets what was used; who needs more, or far less, does not.
    #[test]
    fn memory_is_used_again() {
        open();
        let mut used = take(6_000_000);
        used.extend(b"a prompt");
        let memory = used.as_ptr();
        give(used);
        assert!(find(100_000).is_none() && find(60_000_000).is_none());
        let again = take(5_900_000);
        assert!(again.is_empty() && again.capacity() >= 6_000_000);
        assert_eq!(again.as_ptr(), memory);
        assert!(find_up_to(1, usize::MAX).is_none(), "nobody else has it");
    }

    /// The least that is enough is given.
    #[test]
    fn the_least_is_given() {
        let mut stock = Stock::default();
        for bytes in [300, 100, 200] {
            stock.give(Buf::with_capacity(bytes), Instant::now());
        }
        assert_eq!(stock.find(90, 400).map(|buf| buf.capacity()), Some(100));
        assert_eq!(stock.find(90, 400).map(|buf| buf.capacity()), Some(200));
        assert_eq!((stock.bytes, stock.row.len()), (300, 1));
    }

    /// A thread that opened no stock keeps nothing.
    #[test]
    fn nothing_is_kept_unasked() {
        give(Buf::with_capacity(1000));
        assert!(find_up_to(1, usize::MAX).is_none() && take(1000).capacity() >= 1000);
    }

    /// There is a bound on what is kept, and on how long.
    #[test]
    fn all_ends() {
        const KEPT_FOR: Duration = Duration::from_secs(4);
        let (mut stock, now) = (Stock::default(), Instant::now());
        for _ in 0..5 {
            stock.give(Buf::with_capacity(KEPT_BYTES / 4), now);
        }
        assert_eq!((stock.row.len(), stock.bytes), (4, KEPT_BYTES));
        let taken = stock.find(KEPT_BYTES / 4, KEPT_BYTES).expect("there are four");
        stock.give(taken, now + KEPT_FOR / 2);
        stock.expire(KEPT_FOR, now + KEPT_FOR);
        assert_eq!((stock.row.len(), stock.bytes), (1, KEPT_BYTES / 4));
        stock.expire(KEPT_FOR, now + 2 * KEPT_FOR);
        assert_eq!((stock.row.len(), stock.bytes), (0, 0));
    }
}
