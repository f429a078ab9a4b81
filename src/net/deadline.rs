//! Deadlines that cost nothing per request: a slot per connection, swept every few milliseconds.
//!
//! Setting a deadline is one store; a slot that is due has its connection cut by `shutdown(2)`, so that the
//! operation in flight returns and its owner learns from the slot why.
//!
//! Invariant: a slot is taken out of the table before its socket is closed, so that a cut never hits a stranger
//! who was given the same descriptor.

use super::pipe::PipeCutter;
use super::runtime;
use crate::base::clock::Moment;
use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

/// Time between two sweeps, and so the resolution of deadlines.
pub const SWEEP: Duration = Duration::from_millis(20);

/// What a connection waits for: tells which limit fired, and which connections are idle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    Nothing,
    /// For the first request on a new connection.
    First,
    /// For the next request on a kept-alive connection.
    KeepAlive,
    Handshake,
    Head,
    Body,
    /// For the client to take bytes.
    Write,
    FirstByte,
    /// For the next bytes of an answer.
    More,
    /// For the end of the whole exchange.
    Total,
}

/// How a connection is cut from outside of the task that owns it.
#[derive(Clone)]
pub enum Cutter {
    Socket(RawFd),
    Pipe(PipeCutter),
}

impl Cutter {
    /// Ends both directions at once; operations in flight return.
    fn cut(&self) {
        match self {
            Cutter::Socket(fd) => shut(*fd, libc::SHUT_RDWR),
            Cutter::Pipe(pipe) => pipe.cut(),
        }
    }

    /// Ends what the connection waits for. A client that is too slow with its request is still told so.
    fn cut_waiting_for(&self, waiting: Waiting) {
        match (self, waiting) {
            (Cutter::Socket(fd), Waiting::Head | Waiting::Body) => shut(*fd, libc::SHUT_RD),
            _ => self.cut(),
        }
    }
}

#[expect(unsafe_code, reason = "shutdown(2)")]
fn shut(fd: RawFd, how: i32) {
    // SAFETY: shutdown on a descriptor number has no memory effects; the slot's guard keeps the number from
    // being another connection's.
    _ = unsafe { libc::shutdown(fd, how) };
}

struct Slot {
    cutter: Cutter,
    /// Microseconds of [`Moment`]; 0 is "no deadline".
    due: Cell<u64>,
    waiting: Cell<Waiting>,
    fired: Cell<Option<Waiting>>,
}

/// One shard's deadlines.
#[derive(Default)]
pub struct Deadlines {
    slots: RefCell<Vec<Option<Rc<Slot>>>>,
    free: RefCell<Vec<usize>>,
    now: Cell<Moment>,
}

impl Deadlines {
    /// The time at the last sweep: at most [`SWEEP`] old while the shard is not overloaded, and free.
    pub fn coarse_now(&self) -> Moment {
        self.now.get()
    }

    /// Gives a connection its slot.
    pub fn register(self: &Rc<Self>, cutter: Cutter) -> Deadline {
        let slot = Rc::new(Slot {
            cutter,
            due: Cell::new(0),
            waiting: Cell::new(Waiting::Nothing),
            fired: Cell::new(None),
        });
        let mut slots = self.slots.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        slots[index] = Some(slot.clone());
        Deadline { table: self.clone(), index, slot }
    }

    /// Cuts what is due at `now`.
    pub fn sweep(&self, now: Moment) {
        self.now.set(now);
        for slot in self.slots.borrow().iter().flatten() {
            let due = slot.due.get();
            if due != 0 && due <= now.0 {
                slot.due.set(0);
                slot.fired.set(Some(slot.waiting.get()));
                slot.cutter.cut_waiting_for(slot.waiting.get());
            }
        }
    }

    /// Cuts every connection.
    pub fn cut_all(&self) {
        self.slots.borrow().iter().flatten().for_each(|slot| slot.cutter.cut());
    }

    /// Cuts every connection that waits for this. Used for idle ones when the shard drains.
    pub fn cut_waiting(&self, waiting: Waiting) {
        for slot in self.slots.borrow().iter().flatten() {
            if slot.waiting.get() == waiting {
                slot.cutter.cut();
            }
        }
    }

    /// Sweeps until the shard ends. `each` runs after every sweep.
    pub async fn run(&self, mut each: impl FnMut(Moment)) {
        loop {
            let now = Moment::now();
            self.sweep(now);
            each(now);
            runtime::sleep(SWEEP).await;
        }
    }
}

/// One connection's deadline. Dropping it gives the slot back: drop it before the connection.
pub struct Deadline {
    table: Rc<Deadlines>,
    index: usize,
    slot: Rc<Slot>,
}

impl Deadline {
    /// From now on the connection waits for this, `ms` milliseconds at most (0: for ever).
    pub fn set(&self, waiting: Waiting, ms: u64) {
        self.slot.waiting.set(waiting);
        let due = if ms == 0 { 0 } else { self.table.coarse_now().plus_ms(ms).0 };
        self.slot.due.set(due);
    }

    /// Like [`Deadline::set`], and no later than `latest` (`Moment(0)`: no such bound).
    pub fn set_before(&self, waiting: Waiting, ms: u64, latest: Moment) {
        self.set(waiting, ms);
        let due = self.slot.due.get();
        if latest.0 != 0 && (due == 0 || latest.0 < due) {
            self.slot.due.set(latest.0);
            self.slot.waiting.set(Waiting::Total);
        }
    }

    /// The connection waits for nothing that has a limit.
    pub fn clear(&self) {
        self.slot.waiting.set(Waiting::Nothing);
        self.slot.due.set(0);
    }

    /// What the connection waited for when it was cut, if it was.
    pub fn fired(&self) -> Option<Waiting> {
        self.slot.fired.get()
    }

    /// A second deadline of the same connection, for a direction of its own.
    #[must_use]
    pub fn twin(&self) -> Deadline {
        self.table.register(self.slot.cutter.clone())
    }

    /// Cuts the connection now.
    pub fn cut(&self) {
        self.slot.cutter.cut();
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.table.slots.borrow_mut()[self.index] = None;
        self.table.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot fires once, names what was waited for, and a cleared or dropped one never fires.
    #[test]
    fn slots_fire_when_due() {
        let table = Rc::new(Deadlines::default());
        table.sweep(Moment(1_000_000));
        let a = table.register(Cutter::Socket(-1));
        let b = table.register(Cutter::Socket(-1));
        a.set(Waiting::Head, 10);
        b.set_before(Waiting::More, 10_000, Moment(1_500_000));
        table.sweep(Moment(1_009_999));
        assert_eq!(a.fired(), None);
        table.sweep(Moment(1_010_000));
        assert_eq!(a.fired(), Some(Waiting::Head));
        table.sweep(Moment(1_500_000));
        assert_eq!(b.fired(), Some(Waiting::Total));
        drop(a);
        let c = table.register(Cutter::Socket(-1));
        c.set(Waiting::Body, 10);
        c.clear();
        table.sweep(Moment(9_000_000));
        assert_eq!(c.fired(), None);
    }
}
