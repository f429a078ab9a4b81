//! An in-memory connection within one task: what one HTTP/2 stream looks like to the code that speaks HTTP/1.1.
//!
//! Takes bytes at one end and gives them at the other, with a bounded buffer in each direction. One task has both ends
//! and polls them in turn ([`Pipe::turn`]), the writers before their readers: what was just written is found without
//! anybody being woken for it. What happens outside of a turn wakes the task.
//!
//! Invariant: at most [`PIPE_BYTES`] wait in a direction; a writer beyond that waits; after `cut` both ends see
//! an error or the end at once.

use crate::base::buf::Buf;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes that may wait in one direction.
pub const PIPE_BYTES: usize = 64 * 1024;

/// How often both ends are polled in a row before others have their turn.
const PASSES: usize = 8;

#[derive(Default)]
struct Shared {
    there: Channel,
    back: Channel,
    /// Memory that a direction keeps when nothing waits in it.
    kept_bytes: usize,
    /// The task that has both ends, when nobody polls it.
    task: Cell<Option<Waker>>,
    is_turning: Cell<bool>,
    /// Something happened that an end, which this pass may have polled already, waits for.
    is_stirred: Cell<bool>,
}

#[derive(Default)]
struct Channel {
    bytes: RefCell<Buf>,
    ended: Cell<bool>,
    cut: Cell<bool>,
    /// It was cut because its reader's own reader takes nothing.
    stalled: Cell<bool>,
    /// Its writer waits for room.
    full: Cell<bool>,
    /// Bytes that the reader took.
    taken: Cell<u64>,
}

#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

impl Shared {
    fn channel(&self, way: Way) -> &Channel {
        match way {
            Way::There => &self.there,
            Way::Back => &self.back,
        }
    }

    /// Has both ends polled again.
    fn stir(&self) {
        self.is_stirred.set(true);
        self.wake();
    }

    /// Has the reader polled. In a turn it comes behind its writer in any case.
    fn wake(&self) {
        if !self.is_turning.get()
            && let Some(task) = self.task.take()
        {
            task.wake();
        }
    }

    fn cut(&self, way: Way) {
        self.channel(way).cut.set(true);
        self.stir();
    }

    fn end(&self, way: Way) {
        if !self.channel(way).ended.replace(true) {
            self.stir();
        }
    }

    /// Nothing waits in a direction any more, or less than before: this was taken.
    fn took(&self, channel: &Channel, n: usize) {
        channel.taken.set(channel.taken.get() + n as u64);
        if channel.full.take() {
            self.stir();
        }
    }

    /// The turn is over: what happens from now on wakes the task.
    fn rest(&self, cx: &Context<'_>) {
        let known = self.task.take().filter(|task| task.will_wake(cx.waker()));
        self.task.set(Some(known.unwrap_or_else(|| cx.waker().clone())));
        self.is_turning.set(false);
    }
}

/// The whole of a pipe: polls its ends, and ends it from outside.
#[derive(Clone)]
pub struct Pipe(Rc<Shared>);

impl Pipe {
    /// Polls both ends, until neither has left anything for the other to do. `ends` polls whoever writes before whoever
    /// reads that.
    pub fn turn<T>(
        &self,
        cx: &mut Context<'_>,
        mut ends: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let shared = &*self.0;
        shared.is_turning.set(true);
        for _ in 0..PASSES {
            shared.is_stirred.set(false);
            let polled = ends(cx);
            if polled.is_ready() || !shared.is_stirred.get() {
                shared.rest(cx);
                return polled;
            }
        }
        shared.rest(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    pub fn cut(&self) {
        self.0.cut(Way::There);
        self.0.cut(Way::Back);
    }

    /// Ends what the near end says; what is said to it goes on.
    pub fn cut_there(&self) {
        self.0.cut(Way::There);
    }

    /// Cuts it: whoever the bytes of the far end are for takes none of them.
    pub fn give_up(&self) {
        if !self.0.back.stalled.replace(true) {
            self.cut();
        }
    }

    /// Bytes that left at the near end.
    pub fn taken(&self) -> u64 {
        self.0.back.taken.get()
    }

    /// Waits until the near end was dropped or cut, whatever is still to be read from it.
    pub fn poll_left(&self) -> Poll<()> {
        let there = &self.0.there;
        if there.cut.get() || there.ended.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The end of a pipe that gives bytes.
pub struct PipeReader(Rc<Shared>, Way);

/// The end of a pipe that takes bytes. Dropping it ends the bytes without saying whether they were all.
pub struct PipeWriter(Rc<Shared>, Way);

/// A connection's two ends. A direction keeps so much memory when nothing waits in it.
pub fn pair(kept_bytes: usize) -> ((PipeReader, PipeWriter), (PipeReader, PipeWriter), Pipe) {
    let shared = Rc::new(Shared { kept_bytes, ..Shared::default() });
    let near = (PipeReader(shared.clone(), Way::Back), PipeWriter(shared.clone(), Way::There));
    let far = (PipeReader(shared.clone(), Way::There), PipeWriter(shared.clone(), Way::Back));
    (near, far, Pipe(shared))
}

impl PipeReader {
    /// Appends what there is to `buf`, waiting for at least one byte; 0 is the end.
    pub fn poll_read(&mut self, buf: &mut Buf) -> Poll<io::Result<usize>> {
        let room = buf.room();
        self.poll_take(room, |bytes| buf.extend(bytes))
    }

    /// Takes up to `room` bytes of what there is, waiting for at least one; 0 is the end.
    pub fn poll_take(&mut self, room: usize, take: impl FnOnce(&[u8])) -> Poll<io::Result<usize>> {
        let channel = self.0.channel(self.1);
        if channel.cut.get() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut bytes = channel.bytes.borrow_mut();
        let n = bytes.len().min(room);
        if n == 0 {
            return if channel.ended.get() { Poll::Ready(Ok(0)) } else { Poll::Pending };
        }
        take(&bytes[..n]);
        bytes.consume(n);
        if bytes.is_empty() && bytes.capacity() > self.0.kept_bytes {
            *bytes = Buf::default();
        }
        drop(bytes);
        self.0.took(channel, n);
        Poll::Ready(Ok(n))
    }

    /// Takes all that there is, in the buffer in which it waits; an empty one is the end.
    pub fn poll_all(&mut self) -> Poll<io::Result<Buf>> {
        let channel = self.0.channel(self.1);
        if channel.cut.get() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if channel.bytes.borrow().is_empty() {
            return if channel.ended.get() { Poll::Ready(Ok(Buf::default())) } else { Poll::Pending };
        }
        let all = channel.bytes.take();
        self.0.took(channel, all.len());
        Poll::Ready(Ok(all))
    }

    /// Gives back a buffer that was taken, if it is one to keep.
    pub fn give_back(&self, mut buf: Buf) {
        let mut bytes = self.0.channel(self.1).bytes.borrow_mut();
        if bytes.capacity() == 0 && buf.capacity() <= self.0.kept_bytes {
            buf.clear();
            *bytes = buf;
        }
    }

    /// Waits until the pipe is cut, whatever is still in it.
    pub fn poll_cut(&mut self) -> Poll<()> {
        if self.0.channel(self.1).cut.get() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Cuts the pipe: whoever the bytes are for takes none of them.
    pub fn give_up(&self) {
        self.0.channel(self.1).stalled.set(true);
        self.0.cut(self.1);
    }

    pub async fn read(&mut self, mut buf: Buf) -> (io::Result<usize>, Buf) {
        let result = poll_fn(|_| self.poll_read(&mut buf)).await;
        (result, buf)
    }
}

impl PipeWriter {
    /// Takes as much of `from` as there is room for, waiting for room for at least one byte.
    pub fn poll_write(&mut self, from: &[u8]) -> Poll<io::Result<usize>> {
        let channel = self.0.channel(self.1);
        if channel.cut.get() || channel.ended.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut bytes = channel.bytes.borrow_mut();
        let n = from.len().min(PIPE_BYTES.saturating_sub(bytes.len()));
        if n > 0 || from.is_empty() {
            bytes.extend(&from[..n]);
            self.0.wake();
            return Poll::Ready(Ok(n));
        }
        channel.full.set(true);
        Poll::Pending
    }

    /// Writes slices of so many bytes in all, one after the other.
    pub async fn write_slices<'s>(
        &mut self,
        len: usize,
        slices: impl Iterator<Item = &'s [u8]>,
    ) -> io::Result<()> {
        {
            let mut bytes = self.0.channel(self.1).bytes.borrow_mut();
            let room = PIPE_BYTES.saturating_sub(bytes.len());
            bytes.reserve(len.min(room));
        }
        for slice in slices {
            self.write_all(slice).await?;
        }
        Ok(())
    }

    pub async fn write_all(&mut self, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() {
            let n = poll_fn(|_| self.poll_write(from)).await?;
            from = &from[n..];
        }
        Ok(())
    }

    /// Writes all of a buffer, which is emptied. If nothing waits, the buffer itself goes, and another is left for it.
    pub async fn write_whole(&mut self, buf: &mut Buf) -> io::Result<()> {
        let channel = self.0.channel(self.1);
        if channel.bytes.borrow().is_empty() && buf.len() <= PIPE_BYTES && !channel.cut.get() {
            std::mem::swap(&mut *channel.bytes.borrow_mut(), buf);
            self.0.wake();
            return Ok(());
        }
        self.write_all(buf).await?;
        buf.clear();
        Ok(())
    }

    /// No more bytes will come.
    pub fn end(&mut self) {
        self.0.end(self.1);
    }

    /// Whether the pipe was cut for want of anybody who takes the bytes.
    pub fn has_stalled(&self) -> bool {
        self.0.channel(self.1).stalled.get()
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.0.cut(self.1);
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Bytes cross in order through the bounded buffer, within turns of one task and without waking it but to let others
    /// go first; a dropped writer is the end.
    #[test]
    fn bytes_cross_within_turns() {
        let ((_near_reader, mut near_writer), (mut far_reader, _far_writer), pipe) = pair(0);
        let sent: Vec<u8> = (0..PIPE_BYTES * 20).map(|i| i as u8).collect();
        let copy = sent.clone();
        let mut writing =
            pin!(async move { near_writer.write_all(&copy).await.expect("the reader reads on") });
        let mut reading = pin!(async move {
            let mut got = Buf::with_capacity(PIPE_BYTES * 20 + 1);
            while far_reader.poll_cut().is_pending() {
                let (n, back) = far_reader.read(got).await;
                got = back;
                if n.expect("not cut") == 0 {
                    break;
                }
            }
            got
        });
        let bell = Arc::<Bell>::default();
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        let (mut written, mut turns) = (false, 0);
        let got = loop {
            turns += 1;
            let turn = pipe.turn(&mut cx, |cx| {
                written = written || writing.as_mut().poll(cx).is_ready();
                reading.as_mut().poll(cx)
            });
            match turn {
                Poll::Ready(got) => break got,
                Poll::Pending => {
                    assert_eq!(bell.0.load(Ordering::Relaxed), turns, "each turn has asked for the next");
                }
            }
        };
        assert!(*got == sent[..]);
        assert_eq!(turns, 3, "20 buffers, 8 at a time");
    }

    /// What happens outside of a turn wakes the task, once; after a cut both ends see an error.
    #[test]
    fn a_cut_wakes_the_task() {
        let ((mut near_reader, mut near_writer), _far, pipe) = pair(0);
        let bell = Arc::<Bell>::default();
        let waker = Waker::from(bell.clone());
        let resting = pipe.turn(&mut Context::from_waker(&waker), |_| near_reader.poll_take(1, drop_bytes));
        assert!(resting.is_pending() && bell.0.load(Ordering::Relaxed) == 0);
        pipe.cut();
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
        assert!(matches!(near_reader.poll_take(1, drop_bytes), Poll::Ready(Err(_))));
        assert!(matches!(near_writer.poll_write(b"x"), Poll::Ready(Err(_))));
    }

    fn drop_bytes(_: &[u8]) {}

    /// A dropped reader is an error for its writer, and a buffer goes through whole.
    #[test]
    fn ends_are_seen() {
        let ((mut reader, _w), (_r, mut writer), _pipe) = pair(16);
        let mut buf = Buf::default();
        buf.extend(b"whole");
        let mut cx = Context::from_waker(Waker::noop());
        let at = buf.as_ptr();
        assert!(pin!(writer.write_whole(&mut buf)).poll(&mut cx).is_ready());
        let Poll::Ready(Ok(got)) = reader.poll_all() else { unreachable!("it was written") };
        assert!(buf.is_empty() && &*got == b"whole" && got.as_ptr() == at);
        reader.give_back(got);
        assert!(reader.poll_all().is_pending());
        drop(reader);
        assert!(matches!(writer.poll_write(b"x"), Poll::Ready(Err(_))));
    }
}
