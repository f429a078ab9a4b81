//! Where the futures of running exchanges lie: blocks of memory that are lent out again and again.
//!
//! Takes a future; gives one that is polled in a block of a pool. A connection that waits holds no block, so it
//! stays small, and a warm shard does not allocate.
//!
//! Invariant: a block holds one future, from its start until it is dropped, and does not move meanwhile.

#![expect(unsafe_code, reason = "a future is made, polled and dropped in memory of the pool")]

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Size of a block, in bytes: room for the largest future of an exchange, which the compiler checks.
pub const BERTH_BYTES: usize = 2048;

/// Blocks kept; what is given back beyond is freed.
const KEPT: usize = 1024;

#[repr(C, align(16))]
struct Block(MaybeUninit<[u8; BERTH_BYTES]>);

/// One shard's spare blocks.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "a future is polled where its block lies")]
pub struct Berths(RefCell<Vec<Box<Block>>>);

impl Berths {
    /// Puts the future that `make` gives into a block.
    pub fn moor<F: Future>(&self, make: impl FnOnce() -> F) -> Moored<'_, F> {
        const {
            assert!(size_of::<F>() <= BERTH_BYTES, "a future is larger than a block");
            assert!(align_of::<F>() <= align_of::<Block>(), "a future needs more alignment than a block has");
        }
        let mut block = self.0.borrow_mut().pop().unwrap_or_else(|| Box::new(Block(MaybeUninit::uninit())));
        // SAFETY: the block is large enough and aligned, as asserted above, and nobody else has it.
        unsafe { block.0.as_mut_ptr().cast::<F>().write(make()) };
        Moored { block: Some(block), berths: self, future: PhantomData }
    }

    /// Frees all but `kept`.
    pub fn trim(&self, kept: usize) {
        self.0.borrow_mut().truncate(kept);
    }

    fn give(&self, block: Box<Block>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(block);
        }
    }
}

/// A future in a block, which goes back to its pool when this is dropped.
pub struct Moored<'p, F: Future> {
    /// There until the drop; its first bytes are an `F`.
    block: Option<Box<Block>>,
    berths: &'p Berths,
    future: PhantomData<F>,
}

/// The future is behind a pointer: moving this does not move it.
impl<F: Future> Unpin for Moored<'_, F> {}

impl<F: Future> Future for Moored<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let block = self.block.as_mut().unwrap_or_else(|| unreachable!("taken by the drop only"));
        // SAFETY: `moor` wrote an `F` there; the block is on the heap, so the future stays where it is until it
        // is dropped, in place.
        unsafe { Pin::new_unchecked(&mut *block.0.as_mut_ptr().cast::<F>()) }.poll(cx)
    }
}

impl<F: Future> Drop for Moored<'_, F> {
    fn drop(&mut self) {
        if let Some(mut block) = self.block.take() {
            // SAFETY: `moor` wrote an `F` there, and it is dropped here alone. If that panics the block is freed.
            unsafe { block.0.as_mut_ptr().cast::<F>().drop_in_place() };
            self.berths.give(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    /// Notes that it was dropped.
    struct Mark(Rc<Cell<u32>>);

    impl Drop for Mark {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    /// A future runs to its end in its block; what it held is dropped once, and the next one has the same block.
    #[test]
    fn blocks_are_used_again() {
        let (berths, dropped) = (Berths::default(), Rc::new(Cell::new(0)));
        let mut cx = Context::from_waker(Waker::noop());
        for turn in 1..=3 {
            let mark = Mark(dropped.clone());
            let mut turns = 0;
            let mut moored = berths.moor(|| async move {
                let _mark = mark;
                std::future::poll_fn(|_| {
                    turns += 1;
                    if turns < 3 { Poll::Pending } else { Poll::Ready(()) }
                })
                .await;
                turns
            });
            assert!(berths.0.borrow().is_empty(), "the block is in use");
            assert!(Pin::new(&mut moored).poll(&mut cx).is_pending());
            assert!(Pin::new(&mut moored).poll(&mut cx).is_pending());
            assert_eq!(Pin::new(&mut moored).poll(&mut cx), Poll::Ready(3));
            drop(moored);
            assert_eq!((dropped.get(), berths.0.borrow().len()), (turn, 1));
        }
    }

    /// A future that is given up half way is dropped where it stands.
    #[test]
    fn what_is_given_up_is_dropped() {
        let (berths, dropped) = (Berths::default(), Rc::new(Cell::new(0)));
        let mark = Mark(dropped.clone());
        let mut moored = berths.moor(|| async move {
            let _mark = mark;
            std::future::pending::<()>().await;
        });
        assert!(Pin::new(&mut moored).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(moored);
        assert_eq!(dropped.get(), 1);
        berths.trim(0);
        assert!(berths.0.borrow().is_empty());
    }
}
