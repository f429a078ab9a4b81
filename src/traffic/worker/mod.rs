//! One shard's life: listen, accept, serve connections, report, drain.
//!
//! Takes bound sockets, snapshots and orders; gives records and meters.
//!
//! Invariant: after `run` returned, every exchange that began has its record on the ring.

pub mod connection;
mod h2;

use crate::base::clock::Moment;
use crate::contract::link::{Link, Order, State};
use crate::contract::meters::{Gauges, Meters};
use crate::net::deadline::{SWEEP, Waiting};
use crate::net::listen::{Listener, Stop, StopHandle};
use crate::net::runtime::{self, Driver};
use crate::traffic::exchange::shard::Shard;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Accepts in flight per listening socket: a burst of connections is taken this many at a time. On epoll one,
/// because monoio keeps a single waker per descriptor there; it accepts without a turn of the loop between.
const fn accepts(driver: Driver) -> usize {
    match driver {
        Driver::Epoll => 1,
        Driver::UringDeferTaskrun | Driver::UringCoopTaskrun | Driver::UringPlain => 8,
    }
}

/// Time between two reports of meters.
const REPORT_US: u64 = 1_000_000;

/// What a shard is run with.
pub struct Orders {
    pub link: Arc<Link>,
    /// Sockets, and which of the snapshot's listeners each belongs to.
    pub listeners: Vec<(usize, std::net::TcpListener)>,
    pub meters: MetersPort,
}

/// Full histograms go up, empty ones come back.
pub struct MetersPort {
    pub up: rtrb::Producer<Box<Meters>>,
    pub back: rtrb::Consumer<Box<Meters>>,
}

/// Serves until ordered to end.
///
/// # Errors
/// A listening socket could not be taken into the runtime.
pub async fn run(shard: Rc<Shard>, driver: Driver, orders: Orders) -> io::Result<()> {
    let Orders { link, listeners, meters } = orders;
    let stop = Stop::default();
    for (index, socket) in listeners {
        let listener = Rc::new(Listener::adopt(socket, driver)?);
        for _ in 0..accepts(driver) {
            runtime::spawn(accept(shard.clone(), listener.clone(), index, stop.handle()));
        }
    }
    link.set_driver(driver as u8);
    link.set_state(State::Listening);
    Keeper { shard, link, meters, stop: Some(stop), reported: Moment::now() }.run().await;
    Ok(())
}

async fn accept(shard: Rc<Shard>, listener: Rc<Listener>, index: usize, stop: StopHandle) {
    loop {
        match listener.accept(&stop).await {
            Ok(accepted) => {
                shard.accepted.set(shard.accepted.get() + 1);
                runtime::spawn(connection::serve(shard.clone(), accepted, index));
            }
            Err(_) if shard.draining.get() => return,
            // Out of descriptors or memory: what is open goes on, and later there may be room.
            Err(_) => runtime::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The shard's own task: time, orders, reports.
struct Keeper {
    shard: Rc<Shard>,
    link: Arc<Link>,
    meters: MetersPort,
    stop: Option<Stop>,
    reported: Moment,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let now = Moment::now();
            self.shard.deadlines.sweep(now);
            if now.micros_since(self.reported) >= REPORT_US {
                self.reported = now;
                let snapshot = self.shard.snapshot();
                self.shard.upstreams.pool.sweep(now, &snapshot.limits);
                self.report();
            }
            match self.link.order() {
                Order::Serve => {}
                Order::Drain => {
                    self.drain();
                    if self.shard.connections.get() == 0 {
                        break;
                    }
                }
                Order::Stop => break,
            }
            runtime::sleep(SWEEP).await;
        }
        self.report();
        self.link.set_state(State::Ended);
    }

    /// Stops accepting, and ends connections as they fall idle.
    fn drain(&mut self) {
        if let Some(stop) = self.stop.take() {
            self.shard.draining.set(true);
            self.link.set_state(State::Draining);
            stop.stop();
        }
        self.shard.deadlines.cut_waiting(Waiting::KeepAlive);
    }

    /// Sends the meters up, if an empty set is there to go on with.
    fn report(&mut self) {
        let Ok(empty) = self.meters.back.pop() else { return };
        let mut full = std::mem::replace(&mut *self.shard.book.meters.borrow_mut(), empty);
        full.gauges = self.gauges();
        // The ring has room for every set there is.
        drop(self.meters.up.push(full));
    }

    fn gauges(&self) -> Gauges {
        let shard = &self.shard;
        Gauges {
            shard: shard.id,
            client_connections: shard.connections.get(),
            exchanges: shard.exchanges.get(),
            upstream_idle: shard.upstreams.pool.len() as u64,
            buffered_bytes: shard.buffered.get(),
            accepted: shard.accepted.take(),
            upstream_connects: shard.upstreams.connects.take(),
            upstream_stale_retries: shard.upstreams.stale_retries.take(),
            panics: runtime::take_panics(),
            records_stalled: shard.records_stalled.take(),
            records_dropped: shard.book.dropped.take(),
            connections_refused: shard.connections_refused.take(),
        }
    }
}
