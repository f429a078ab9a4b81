//! Deadlines that cost nothing per request: a slot per connection, swept every few milliseconds.
//!
//! Setting a deadline is one store; a slot that is due has its connection cut by `shutdown(2)`, so that the
//! operation in flight returns and its owner learns from the slot why. A slot also tells its owner when its peer
//! leaves while nothing is read from it (`departures`).
//!
//! Invariant: a slot is taken out of the table before its socket is closed, so that a cut never hits a stranger
//! who was given the same descriptor.

use super::departures::Departures;
use super::pipe;
use super::runtime;
use crate::base::clock::Moment;
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Time between two sweeps, and so the resolution of deadlines.
pub const SWEEP: Duration = Duration::from_millis(20);

/// Looks at a peer's progress within the time that it may take nothing.
const LOOKS: u64 = 4;

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
    /// For a client to see that its connection ended.
    Linger,
    FirstByte,
    /// For the next bytes of an answer.
    More,
    /// For the end of the whole exchange.
    Total,
    /// For nothing any more: the shard ends.
    Stop,
}

/// How a connection is cut from outside of the task that owns it.
#[derive(Clone)]
pub enum Cutter {
    Socket(RawFd),
    Pipe(pipe::Pipe),
}

impl Cutter {
    /// Ends both directions at once; operations in flight return.
    fn cut(&self) {
        match self {
            Cutter::Socket(fd) => shut(*fd, libc::SHUT_RDWR),
            Cutter::Pipe(pipe) => pipe.cut(),
        }
    }

    /// Ends what the connection waits for. A client that is too slow with its request is still told so, and one that rests
    /// is told that this is the end.
    fn cut_waiting_for(&self, waiting: Waiting) {
        match (self, waiting) {
            (Cutter::Socket(fd), Waiting::Head | Waiting::Body | Waiting::First | Waiting::KeepAlive) => {
                shut(*fd, libc::SHUT_RD);
            }
            (Cutter::Pipe(pipe), Waiting::Head | Waiting::Body) => pipe.cut_there(),
            _ => self.cut(),
        }
    }

    /// A number that grows when the peer takes bytes.
    fn taken(&self) -> u64 {
        match self {
            Cutter::Socket(fd) => acknowledged(*fd),
            Cutter::Pipe(pipe) => pipe.taken(),
        }
    }
}

/// Bytes that the peer's kernel has acknowledged since the connection began; it stops when the peer's buffer is
/// full. 0 if the system does not say.
#[expect(unsafe_code, reason = "getsockopt(TCP_INFO)")]
fn acknowledged(fd: RawFd) -> u64 {
    // `tcpi_bytes_acked` is the sixteenth word of `struct tcp_info`. Source: linux/tcp.h, since 4.1.
    let mut info = [0u64; 16];
    let mut len = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes into an array of that size.
    _ = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut len)
    };
    info[15]
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
    progress: Progress,
    /// Whether the socket stands in the set of departures, whether its peer has left, and who waits for that.
    heeded: Cell<bool>,
    left: Cell<bool>,
    watcher: Cell<Option<Waker>>,
}

/// How far a peer has come with taking what is written to it.
#[derive(Default)]
struct Progress {
    patience_us: Cell<u64>,
    taken: Cell<u64>,
    /// When it was last seen to have taken anything, in microseconds of [`Moment`]; 0 before the first look.
    seen: Cell<u64>,
    /// When it is waited for no longer, whatever it takes, in microseconds of [`Moment`]; 0 is never.
    latest: Cell<u64>,
}

impl Progress {
    /// When to look again; none if the peer took nothing for too long, or is waited for no longer.
    fn look(&self, taken: u64, now: u64) -> Option<u64> {
        let first = self.seen.get() == 0;
        if first || taken != self.taken.get() {
            self.taken.set(taken);
            self.seen.set(now);
        }
        let latest = if self.latest.get() == 0 { u64::MAX } else { self.latest.get() };
        let patience = self.patience_us.get();
        let left = patience.saturating_sub(now - self.seen.get());
        // At the first look what is written may have been handed to the kernel just now.
        let over = left == 0 || (latest <= now && !first);
        (!over).then(|| latest.min(now + left.min(patience / LOOKS)))
    }
}

impl Slot {
    /// Whether what is due is due no more, because the peer takes what is written to it.
    fn is_put_off(&self, now: Moment) -> bool {
        if self.waiting.get() != Waiting::Write {
            return false;
        }
        let next = self.progress.look(self.cutter.taken(), now.0);
        self.due.set(next.unwrap_or_default());
        next.is_some()
    }

    fn tell_left(&self) {
        self.left.set(true);
        if let Some(waker) = self.watcher.take() {
            waker.wake();
        }
    }
}

/// One shard's deadlines.
#[derive(Default)]
pub struct Deadlines {
    slots: RefCell<Vec<Option<Rc<Slot>>>>,
    free: RefCell<Vec<usize>>,
    now: Cell<Moment>,
    /// There from [`Deadlines::heed_departures`] on.
    departures: OnceCell<Rc<Departures>>,
}

impl Deadlines {
    /// The time at the last sweep: at most [`SWEEP`] old while the shard is not overloaded, and free.
    pub fn coarse_now(&self) -> Moment {
        self.now.get()
    }

    /// From now on peers that leave are noticed ([`Deadline::poll_left`]). To be called in the shard's runtime.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn heed_departures(self: &Rc<Self>) -> io::Result<()> {
        let departures = Rc::new(Departures::new()?);
        if self.departures.set(departures.clone()).is_ok() {
            let table = self.clone();
            runtime::spawn(async move { departures.run(|index| table.tell_left(index)).await });
        }
        Ok(())
    }

    fn tell_left(&self, index: usize) {
        if let Some(Some(slot)) = self.slots.borrow().get(index) {
            slot.tell_left();
        }
    }

    /// Gives a connection its slot.
    pub fn register(self: &Rc<Self>, cutter: Cutter) -> Deadline {
        let slot = Rc::new(Slot {
            cutter,
            due: Cell::new(0),
            waiting: Cell::new(Waiting::Nothing),
            fired: Cell::new(None),
            progress: Progress::default(),
            heeded: Cell::new(false),
            left: Cell::new(false),
            watcher: Cell::new(None),
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
            if due != 0 && due <= now.0 && !slot.is_put_off(now) {
                slot.due.set(0);
                slot.fired.set(Some(slot.waiting.get()));
                slot.cutter.cut_waiting_for(slot.waiting.get());
            }
        }
    }

    /// Cuts every connection that an answer is awaited from, or the rest of a request: clients are told why.
    pub fn cut_exchanges(&self) {
        for slot in self.slots.borrow().iter().flatten() {
            let waiting = slot.waiting.get();
            let answers = matches!(waiting, Waiting::FirstByte | Waiting::More | Waiting::Total);
            if answers || waiting == Waiting::Body {
                slot.waiting.set(Waiting::Stop);
                slot.due.set(0);
                slot.fired.set(Some(Waiting::Stop));
                slot.cutter.cut_waiting_for(waiting);
            }
        }
    }

    /// Cuts every connection.
    pub fn cut_all(&self) {
        self.slots.borrow().iter().flatten().for_each(|slot| slot.cutter.cut());
    }

    /// Lets no connection that waits for this wait longer than `ms` milliseconds from now. Used for idle ones when
    /// the shard drains.
    pub fn hasten(&self, waiting: Waiting, ms: u64) {
        let latest = self.now.get().plus_ms(ms).0;
        for slot in self.slots.borrow().iter().flatten() {
            let due = slot.due.get();
            if slot.waiting.get() == waiting && (due == 0 || due > latest) {
                slot.due.set(latest);
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
            // Who is too slow with a body is told so, whichever of its limits fires.
            if waiting != Waiting::Body {
                self.slot.waiting.set(Waiting::Total);
            }
        }
    }

    /// From now on the connection waits for its peer to take what is written. It is cut when the peer has taken
    /// nothing for `ms` milliseconds (0: never), and up to a quarter more, or has not taken all by `latest`
    /// (`Moment(0)`: never).
    pub fn set_writing(&self, ms: u64, latest: Moment) {
        let progress = &self.slot.progress;
        progress.patience_us.set(ms * 1000);
        progress.seen.set(0);
        progress.latest.set(latest.0);
        self.slot.waiting.set(Waiting::Write);
        // The next sweep takes the first look.
        self.slot.due.set(if ms == 0 { latest.0 } else { self.table.coarse_now().0 });
    }

    /// Waits until the peer has ended or reset its side, although nothing is read from it. Not beside a read. A socket
    /// is watched from the first wait to its end, so that the next ones cost a store.
    pub fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        let fd = match &self.slot.cutter {
            Cutter::Socket(fd) => *fd,
            Cutter::Pipe(pipe) => return pipe.poll_left(),
        };
        if self.slot.left.get() {
            return Poll::Ready(());
        }
        if !self.slot.heeded.replace(true)
            && let Some(departures) = self.table.departures.get()
        {
            departures.watch(fd, self.index);
        }
        let waker = self.slot.watcher.take().filter(|waker| waker.will_wake(cx.waker()));
        self.slot.watcher.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
        Poll::Pending
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
        if self.slot.heeded.get()
            && let (Cutter::Socket(fd), Some(departures)) = (&self.slot.cutter, self.table.departures.get())
        {
            departures.unwatch(*fd);
        }
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
        a.set(Waiting::KeepAlive, 0);
        table.hasten(Waiting::KeepAlive, 100);
        table.sweep(Moment(1_599_999));
        table.hasten(Waiting::KeepAlive, 100);
        assert_ne!(a.fired(), Some(Waiting::KeepAlive), "it has some time, once");
        table.sweep(Moment(1_600_000));
        assert_eq!(a.fired(), Some(Waiting::KeepAlive));
        drop(a);
        let c = table.register(Cutter::Socket(-1));
        c.set(Waiting::Body, 10);
        c.clear();
        table.sweep(Moment(9_000_000));
        assert_eq!(c.fired(), None);
    }

    /// A peer that takes something is waited for, one that takes nothing for as long as it may is not; and a
    /// new write starts the time anew.
    #[test]
    fn progress_puts_a_cut_off() {
        let progress = Progress::default();
        progress.patience_us.set(1000);
        assert_eq!(progress.look(7, 5000), Some(5250));
        assert_eq!(progress.look(7, 5250), Some(5500));
        assert_eq!(progress.look(7, 5900), Some(6000));
        assert_eq!(progress.look(8, 6000), Some(6250));
        assert_eq!(progress.look(8, 6999), Some(7000));
        assert_eq!(progress.look(8, 7000), None);
        progress.seen.set(0);
        assert_eq!(progress.look(8, 7001), Some(7251));
        progress.latest.set(7300);
        assert_eq!(progress.look(9, 7251), Some(7300));
        assert_eq!(progress.look(10, 7300), None, "its time is over, whatever it takes");
        progress.seen.set(0);
        assert_eq!(progress.look(10, 7400), Some(7300), "a write that has just begun has one look");
    }
}
