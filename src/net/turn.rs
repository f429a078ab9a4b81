//! Turns on epoll: a connection whose socket is always ready lets the others go first now and then.
//!
//! On the ring every operation takes a turn of the loop. On epoll monoio makes the system call at once, and looks
//! at other sockets only when no task can go on; a task that wakes itself is even the next to run. So a task gives
//! its turn away by waiting for a socket of this thread's own, on which the wait for events reports in its order.
//!
//! Invariant: who waits here is woken by the next wait for events, and that does not block meanwhile.

use crate::base::buf::Buf;
use crate::net::iobuf::Lent;
use monoio::io::AsyncReadRent;
use monoio::net::UnixStream;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Bytes that one direction of a connection moves in a turn: about as many as one operation does.
pub(super) const TURN_BYTES: usize = 64 * 1024;

/// One direction's part of its turn.
#[derive(Default)]
pub(super) struct Turn {
    moved: usize,
}

impl Turn {
    /// Notes bytes that were moved.
    pub(super) fn note(&mut self, bytes: usize) {
        self.moved += bytes;
    }

    /// Lets the others go first if this direction has had its turn.
    pub(super) async fn pass(&mut self) {
        if self.moved >= TURN_BYTES {
            self.moved = 0;
            pass().await;
        }
    }
}

/// What those wait for who gave their turn away.
struct Bell {
    waiting: RefCell<Vec<Waker>>,
    rung: Cell<bool>,
    rope: UnixStream,
}

thread_local! {
    /// There on threads that run on epoll.
    static BELL: RefCell<Option<Rc<Bell>>> = const { RefCell::new(None) };
}

/// Makes this thread's bell, inside its runtime, and gives what wakes those who wait for it, for ever.
///
/// # Errors
/// The process is out of descriptors.
pub(super) fn hang() -> std::io::Result<impl Future<Output = ()>> {
    let (mut clapper, rope) = UnixStream::pair()?;
    let bell = Rc::new(Bell { waiting: RefCell::default(), rung: Cell::new(false), rope });
    BELL.set(Some(bell.clone()));
    Ok(async move {
        let (mut buf, mut called) = (Buf::with_capacity(16), vec![]);
        loop {
            buf.clear();
            let (_, back) = clapper.read(Lent(buf)).await;
            buf = back.0;
            bell.rung.set(false);
            std::mem::swap(&mut *bell.waiting.borrow_mut(), &mut called);
            called.drain(..).for_each(Waker::wake);
        }
    })
}

/// Takes the bell down: this thread runs on a ring.
pub(super) fn take_down() {
    BELL.set(None);
}

async fn pass() {
    let Some(bell) = BELL.with_borrow(Clone::clone) else { return };
    let mut asked = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        bell.waiting.borrow_mut().push(cx.waker().clone());
        bell.ring();
        Poll::Pending
    })
    .await;
}

impl Bell {
    #[expect(unsafe_code, reason = "send(2)")]
    fn ring(&self) {
        if self.rung.replace(true) {
            return;
        }
        // SAFETY: one byte is read from a constant. There is room for it: one byte at most is on its way.
        _ = unsafe { libc::send(self.rope.as_raw_fd(), [0u8].as_ptr().cast(), 1, libc::MSG_DONTWAIT) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime::{self, Wanted, block_on};
    use std::time::Duration;

    /// Two tasks that never wait for anything else take turns, and timers go on beside them.
    #[test]
    fn busy_tasks_take_turns() {
        let order = block_on(Wanted::Epoll, |_| async {
            let order = Rc::<RefCell<Vec<u8>>>::default();
            for name in [1, 2] {
                let order = order.clone();
                runtime::spawn(async move {
                    let mut turn = Turn::default();
                    for _ in 0..10_000 {
                        order.borrow_mut().push(name);
                        turn.note(TURN_BYTES);
                        turn.pass().await;
                    }
                });
            }
            runtime::sleep(Duration::from_millis(2)).await;
            order.take()
        })
        .expect("a runtime");
        assert!(order.len() < 20_000, "the timer had to wait for the tasks");
        assert!(order.chunks_exact(2).all(|pair| pair[0] != pair[1]), "{:?}", &order[..20]);
    }
}
