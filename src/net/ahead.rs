//! A reading half whose next read is posted before anybody waits for it.
//!
//! Takes a `Reader`; gives reads that are begun at one time and awaited at another, and tells of a connection that
//! rests whether anything has arrived on it.
//!
//! Invariant: one read at a time is on its way, and what it brings is handed out once. The read's future lies in
//! one box for the life of the connection: beginning a read allocates nothing.

use super::stream::Reader;
use crate::base::buf::Buf;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What a read brought, and the buffer with it.
pub type Arrived = (io::Result<usize>, Buf);

/// A reader with a read of its own.
pub struct ReadAhead {
    pump: Pin<Box<dyn Future<Output = Infallible>>>,
    desk: Rc<Desk>,
    begun: bool,
    /// Set when bytes come that are not for the reader of a connection, or not yet.
    stirred: Option<Rc<Cell<bool>>>,
}

/// Where the reads are ordered and delivered.
#[derive(Default)]
struct Desk {
    ordered: Cell<Option<Buf>>,
    arrived: Cell<Option<Arrived>>,
}

impl ReadAhead {
    pub fn new(reader: Reader) -> Self {
        let desk = Rc::<Desk>::default();
        let stirred = reader.stirred();
        Self { pump: Box::pin(pump(reader, desk.clone())), desk, begun: false, stirred }
    }

    /// Begins a read into the room of `buf`. To be followed by a poll, which posts it.
    pub fn begin(&mut self, buf: Buf) {
        debug_assert!(!self.begun, "one read at a time");
        self.begun = true;
        self.desk.ordered.set(Some(buf));
    }

    /// Whether a read was begun whose bytes nobody has taken.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// What the read that was begun brought; 0 bytes are the end of the connection.
    pub fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        let Poll::Pending = self.pump.as_mut().poll(cx);
        match self.desk.arrived.take() {
            Some(arrived) => {
                self.begun = false;
                Poll::Ready(arrived)
            }
            None => Poll::Pending,
        }
    }

    /// Waits for the read that was begun.
    pub async fn arrived(&mut self) -> Arrived {
        poll_fn(|cx| self.poll_arrived(cx)).await
    }

    /// Reads into the room of `buf`.
    pub async fn read(&mut self, buf: Buf) -> Arrived {
        self.begin(buf);
        self.arrived().await
    }

    /// Begins a read on a connection that is to rest. False if something is there already.
    pub fn rest(&mut self, buf: Buf) -> bool {
        if let Some(stirred) = &self.stirred {
            stirred.set(false);
        }
        self.begin(buf);
        self.is_quiet()
    }

    /// Whether nothing has arrived on a connection that rests: no bytes, no end. It is what the driver saw when it
    /// last looked, at most one turn of its loop ago.
    pub fn is_quiet(&mut self) -> bool {
        let pending = self.poll_arrived(&mut Context::from_waker(Waker::noop())).is_pending();
        pending && !self.stirred.as_ref().is_some_and(|stirred| stirred.get())
    }
}

/// Reads what is ordered, for ever.
async fn pump(mut reader: Reader, desk: Rc<Desk>) -> Infallible {
    loop {
        let buf = poll_fn(|_| desk.ordered.take().map_or(Poll::Pending, Poll::Ready)).await;
        let arrived = reader.read(buf).await;
        desk.arrived.set(Some(arrived));
    }
}
