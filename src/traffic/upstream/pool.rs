//! Connections to upstreams that wait for their next request, per origin, last in first out.
//!
//! Invariant: an idle connection on which anything arrived is never used again: whatever it was, it is not the
//! answer to a request that was not sent yet. Nor is one whose address the origin's name has lost, or that is too old.

use crate::base::clock::Moment;
use crate::contract::snapshot::{Limits, Origin};
use crate::net::ahead::ReadAhead;
use crate::net::deadline::{Deadline, Deadlines};
use crate::net::pool::BufferPool;
use crate::net::stream::{Stream, Writer};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// A connection to an upstream. Its deadline goes before its socket does.
pub struct Conn {
    pub deadline: Deadline,
    pub reader: ReadAhead,
    pub writer: Writer,
    /// Whether it served a request before.
    pub reused: bool,
    origin: Arc<Origin>,
    peer: IpAddr,
    opened: Moment,
    idle_since: Moment,
}

impl Conn {
    pub fn new(stream: Stream, peer: IpAddr, origin: Arc<Origin>, deadlines: &Rc<Deadlines>) -> Self {
        Self {
            deadline: deadlines.register(stream.cutter),
            reader: ReadAhead::new(stream.reader),
            writer: stream.writer,
            reused: false,
            origin,
            peer,
            opened: deadlines.coarse_now(),
            idle_since: Moment::default(),
        }
    }

    /// Whether it has rested, or lived, for longer than it may.
    fn is_over(&self, now: Moment, limits: &Limits) -> bool {
        let over = |since, ms| ms != 0 && now.micros_since(since) > ms * 1000;
        over(self.idle_since, limits.upstream_idle_ms) || over(self.opened, limits.upstream_life_ms)
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
            if conn.reader.is_quiet() && !conn.is_over(now, limits) {
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
        let index = conn.origin.id as usize;
        if idle.len() <= index {
            idle.resize_with(index + 1, Vec::new);
        }
        if idle[index].len() < limits.upstream_idle_connections {
            idle[index].push(conn);
            self.count.set(self.count.get() + 1);
        }
    }

    /// Closes connections that are over, were closed by their peer, or lead where the name leads no more. Called about
    /// once a second.
    pub fn sweep(&self, now: Moment, limits: &Limits) {
        for waiting in self.idle.borrow_mut().iter_mut() {
            let Some(origin) = waiting.first().map(|conn| conn.origin.clone()) else { continue };
            let addresses = origin.addresses.load();
            waiting.retain_mut(|conn| {
                !conn.is_over(now, limits) && !addresses.have_lost(conn.peer) && conn.reader.is_quiet()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::snapshot::Addresses;
    use crate::net::connect::connect;
    use crate::net::runtime::{self, Wanted};
    use arc_swap::ArcSwap;
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    fn origin(address: SocketAddr) -> Arc<Origin> {
        Arc::new(Origin {
            id: 1,
            host: "models.example".into(),
            port: address.port(),
            tls: None,
            addresses: ArcSwap::from_pointee(Addresses::fixed(address)),
            wants_resolving: false.into(),
        })
    }

    /// A pool in which one connection rests that was opened a second before 2,000,000.
    async fn resting(listener: &TcpListener, origin: &Arc<Origin>) -> Pool {
        let deadlines = Rc::new(Deadlines::default());
        deadlines.sweep(Moment(1_000_000));
        let address = listener.local_addr().expect("bound");
        let (stream, peer) = connect(&[address], None, Duration::from_secs(20)).await.expect("it listens");
        let pool = Pool::new(Rc::default());
        let conn = Conn::new(stream, peer, origin.clone(), &deadlines);
        pool.give(Box::new(conn), Moment(2_000_000), &Limits::default());
        pool
    }

    fn on_both(test: &impl AsyncFn(&TcpListener)) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        for wanted in [Wanted::Auto, Wanted::Epoll] {
            runtime::block_on(wanted, async |_| test(&listener).await).expect("a runtime");
        }
    }

    /// What rests leads where its name leads: when two answers lack its address, it is closed.
    #[test]
    fn lost_addresses_are_left() {
        on_both(&async |listener: &TcpListener| {
            let here = listener.local_addr().expect("bound");
            let there = SocketAddr::from(([10, 0, 0, 1], 1));
            let origin = origin(here);
            let pool = resting(listener, &origin).await;
            let (limits, now) = (Limits::default(), Moment(2_000_001));
            for (addresses, before, kept) in
                [(here, here, 1), (there, here, 1), (here, there, 1), (there, there, 0)]
            {
                origin
                    .addresses
                    .store(Arc::new(Addresses::Known { addresses: vec![addresses], before: vec![before] }));
                pool.sweep(now, &limits);
                assert_eq!(pool.len(), kept, "{addresses} {before}");
            }
            assert!(pool.take(&origin, now, &limits).is_none());
        });
    }

    /// A connection is used for as long as it may live, and a life of 0 has no end.
    #[test]
    fn lives_are_bounded() {
        on_both(&async |listener: &TcpListener| {
            let origin = origin(listener.local_addr().expect("bound"));
            for (upstream_life_ms, now, used) in
                [(1500, 2_500_000, true), (1500, 2_500_001, false), (0, 9_000_000, true)]
            {
                let limits = Limits { upstream_life_ms, ..Limits::default() };
                let pool = resting(listener, &origin).await;
                assert_eq!(pool.take(&origin, Moment(now), &limits).is_some(), used, "{now}");
                let pool = resting(listener, &origin).await;
                pool.sweep(Moment(now), &limits);
                assert_eq!(!pool.is_empty(), used, "{now}");
            }
        });
    }
}
