//! An in-memory connection: what one HTTP/2 stream looks like to the code that speaks HTTP/1.1.
//!
//! Takes bytes at one end and gives them at the other, with a bounded buffer in each direction.
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

/// Memory that a direction keeps when nothing waits in it: enough for the events of a stream.
const KEPT_BYTES: usize = 1024;

#[derive(Default)]
struct Channel {
    bytes: RefCell<Buf>,
    ended: Cell<bool>,
    cut: Cell<bool>,
    /// It was cut because its reader's own reader takes nothing.
    stalled: Cell<bool>,
    /// Bytes that the reader took.
    taken: Cell<u64>,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
}

impl Channel {
    fn wake(slot: &Cell<Option<Waker>>) {
        if let Some(waker) = slot.take() {
            waker.wake();
        }
    }

    fn cut(&self) {
        self.cut.set(true);
        Self::wake(&self.reader);
        Self::wake(&self.writer);
    }

    fn end(&self) {
        self.ended.set(true);
        Self::wake(&self.reader);
    }
}

/// Ends a pipe from outside.
#[derive(Clone)]
pub struct PipeCutter(Rc<Channel>, Rc<Channel>);

impl PipeCutter {
    pub fn cut(&self) {
        self.0.cut();
        self.1.cut();
    }

    /// Bytes that left at the near end.
    pub fn taken(&self) -> u64 {
        self.1.taken.get()
    }

    /// Waits until the near end was dropped or cut, whatever is still to be read from it. Not beside a read.
    pub fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.cut.get() || self.0.ended.get() {
            return Poll::Ready(());
        }
        let waker = self.0.reader.take().filter(|waker| waker.will_wake(cx.waker()));
        self.0.reader.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
        Poll::Pending
    }
}

/// The end of a pipe that gives bytes.
pub struct PipeReader(Rc<Channel>);

/// The end of a pipe that takes bytes. Dropping it ends the bytes without saying whether they were all.
pub struct PipeWriter(Rc<Channel>);

/// A connection's two ends.
pub fn pair() -> ((PipeReader, PipeWriter), (PipeReader, PipeWriter), PipeCutter) {
    let (there, back) = (Rc::<Channel>::default(), Rc::<Channel>::default());
    let near = (PipeReader(back.clone()), PipeWriter(there.clone()));
    let far = (PipeReader(there.clone()), PipeWriter(back.clone()));
    (near, far, PipeCutter(there, back))
}

impl PipeReader {
    /// Appends what there is to `buf`, waiting for at least one byte; 0 is the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut Buf) -> Poll<io::Result<usize>> {
        let room = buf.room();
        self.poll_take(cx, room, |bytes| buf.extend(bytes))
    }

    /// The same into a slice.
    pub fn poll_read_slice(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_take(cx, into.len(), |bytes| into[..bytes.len()].copy_from_slice(bytes))
    }

    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        take: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<usize>> {
        let channel = &self.0;
        if channel.cut.get() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut bytes = channel.bytes.borrow_mut();
        let n = bytes.len().min(room);
        if n > 0 {
            take(&bytes[..n]);
            bytes.consume(n);
            if bytes.is_empty() && bytes.capacity() > KEPT_BYTES {
                *bytes = Buf::default();
            }
            channel.taken.set(channel.taken.get() + n as u64);
            Channel::wake(&channel.writer);
            return Poll::Ready(Ok(n));
        }
        if channel.ended.get() {
            return Poll::Ready(Ok(0));
        }
        channel.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Waits until the pipe is cut, whatever is still in it. Not beside a read.
    pub fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.cut.get() {
            return Poll::Ready(());
        }
        self.0.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Cuts the pipe: whoever the bytes are for takes none of them.
    pub fn give_up(&self) {
        self.0.stalled.set(true);
        self.0.cut();
    }

    pub async fn read(&mut self, mut buf: Buf) -> (io::Result<usize>, Buf) {
        let result = poll_fn(|cx| self.poll_read(cx, &mut buf)).await;
        (result, buf)
    }
}

impl PipeWriter {
    /// Takes as much of `from` as there is room for, waiting for room for at least one byte.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let channel = &self.0;
        if channel.cut.get() || channel.ended.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut bytes = channel.bytes.borrow_mut();
        let n = from.len().min(PIPE_BYTES.saturating_sub(bytes.len()));
        if n > 0 || from.is_empty() {
            bytes.extend(&from[..n]);
            Channel::wake(&channel.reader);
            return Poll::Ready(Ok(n));
        }
        channel.writer.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Writes slices one after the other.
    pub async fn write_slices<'s>(&mut self, slices: impl Iterator<Item = &'s [u8]>) -> io::Result<()> {
        for slice in slices {
            self.write_all(slice).await?;
        }
        Ok(())
    }

    pub async fn write_all(&mut self, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() {
            let n = poll_fn(|cx| self.poll_write(cx, from)).await?;
            from = &from[n..];
        }
        Ok(())
    }

    /// No more bytes will come.
    pub fn end(&mut self) {
        self.0.end();
    }

    /// Whether the other end was dropped or cut.
    pub fn is_cut(&self) -> bool {
        self.0.cut.get()
    }

    /// Whether that was for want of anybody who takes the bytes.
    pub fn has_stalled(&self) -> bool {
        self.0.stalled.get()
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime;

    /// Bytes cross in order through the bounded buffer, a dropped writer is the end, a dropped reader an error.
    #[test]
    fn bytes_cross_and_ends_are_seen() {
        runtime::block_on(runtime::Wanted::Epoll, |_| async {
            let ((_near_reader, mut near_writer), (mut far_reader, _far_writer), _cutter) = pair();
            let sent: Vec<u8> = (0..PIPE_BYTES * 3).map(|i| i as u8).collect();
            let copy = sent.clone();
            runtime::spawn(async move {
                near_writer.write_all(&copy).await.expect("the reader reads on");
            });
            let mut got = Buf::with_capacity(sent.len() + 1);
            loop {
                let (n, buf) = far_reader.read(got).await;
                got = buf;
                if n.expect("not cut") == 0 {
                    break;
                }
            }
            assert!(*got == sent[..]);

            let ((_r, mut writer), (reader, _w), _cutter) = pair();
            drop(reader);
            assert!(writer.write_all(b"x").await.is_err());
        })
        .expect("a runtime");
    }
}
