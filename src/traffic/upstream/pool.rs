//! Connections to upstreams that wait for their next request, per origin, last in first out.
//!
//! Invariant: an idle connection on which anything arrived is never used again: whatever it was, it is not the
//! answer to a request that was not sent yet.

use crate::base::clock::Moment;
use crate::contract::snapshot::{Limits, Origin};
use crate::net::ahead::ReadAhead;
use crate::net::deadline::{Deadline, Deadlines};
use crate::net::pool::BufferPool;
use crate::net::stream::{Stream, Writer};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A connection to an upstream. Its deadline goes before its socket does.
pub struct Conn {
    pub deadline: Deadline,
    pub reader: ReadAhead,
    pub writer: Writer,
    /// Whether it served a request before.
    pub reused: bool,
    origin: u32,
    idle_since: Moment,
}

impl Conn {
    pub fn new(stream: Stream, origin: &Origin, deadlines: &Rc<Deadlines>) -> Self {
        Self {
            deadline: deadlines.register(stream.cutter),
            reader: ReadAhead::new(stream.reader),
            writer: stream.writer,
            reused: false,
            origin: origin.id,
            idle_since: Moment::default(),
        }
    }
}

/// One shard's idle connections.
pub struct Pool {
    buffers: Rc<BufferPool>,
    #[expect(clippy::vec_box, reason = "a connection moves between here and a call as one pointer")]
    idle: RefCell<Vec<Vec<Box<Conn>>>>,
    count: Cell<usize>,
}

impl Pool {
    pub fn new(buffers: Rc<BufferPool>) -> Self {
        Self { buffers, idle: RefCell::default(), count: Cell::new(0) }
    }

    /// The connection to this origin that was used last, if there is one that can be used. The read that it rested
    /// with is that of the answer.
    pub fn take(&self, origin: &Origin, now: Moment, limits: &Limits) -> Option<Box<Conn>> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(origin.id as usize)?;
        while let Some(mut conn) = waiting.pop() {
            self.count.set(self.count.get() - 1);
            let rested = now.micros_since(conn.idle_since);
            if conn.reader.is_quiet() && !expired(rested, limits) {
                conn.reused = true;
                return Some(conn);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub fn give(&self, mut conn: Box<Conn>, now: Moment, limits: &Limits) {
        if conn.reader.has_begun() || !conn.reader.rest(self.buffers.small()) {
            return;
        }
        conn.deadline.clear();
        conn.idle_since = now;
        let mut idle = self.idle.borrow_mut();
        let index = conn.origin as usize;
        if idle.len() <= index {
            idle.resize_with(index + 1, Vec::new);
        }
        if idle[index].len() < limits.upstream_idle_connections {
            idle[index].push(conn);
            self.count.set(self.count.get() + 1);
        }
    }

    /// Closes connections that rested too long or were closed by their peer. Called about once a second.
    pub fn sweep(&self, now: Moment, limits: &Limits) {
        for waiting in self.idle.borrow_mut().iter_mut() {
            waiting.retain_mut(|conn| {
                !expired(now.micros_since(conn.idle_since), limits) && conn.reader.is_quiet()
            });
        }
        self.count.set(self.idle.borrow().iter().map(Vec::len).sum());
    }

    /// Closes all that rest.
    pub fn clear(&self) {
        self.idle.borrow_mut().iter_mut().for_each(Vec::clear);
        self.count.set(0);
    }

    /// Idle connections of all origins.
    pub fn len(&self) -> usize {
        self.count.get()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn expired(rested_us: u64, limits: &Limits) -> bool {
    limits.upstream_idle_ms != 0 && rested_us > limits.upstream_idle_ms * 1000
}
