//! One shard's life: listen, accept, serve connections, report, drain.
//!
//! Takes bound sockets, snapshots and orders; gives records and meters.
//!
//! Invariant: after `run` returned, every exchange that began has its record on the ring.

pub mod connection;
mod crowd;
mod h2;

use crate::base::clock::Moment;
use crate::base::limits::{SPARE_MEMORY_MS, TURNED_AWAY};
use crate::contract::link::{Link, Order, State};
use crate::contract::meters::{Gauges, Meters, Unserved};
use crate::net::deadline::{SWEEP, Waiting};
use crate::net::descriptors::{self, Room};
use crate::net::listen::{self, Accepted, Listener, Stop, StopHandle};
use crate::net::runtime::{self, Driver, Pulse};
use crate::traffic::exchange::shard::Shard;
use crowd::Crowd;
use std::cell::Cell;
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

/// How long an idle connection is kept for a last request when the shard drains. Closing it at once would break
/// every request that its client is about to send on it.
const LAST_CALL_MS: u64 = 1_000;

/// How long a shard that drains goes on accepting. Nobody can begin to connect any more, but who has begun takes a while to
/// come, on the way and in the queue, and is reset if nobody listens then.
const LATE_US: u64 = 100_000;

/// How long a connection that was accepted just before the end may take for its handshake, if it has one, and then to say what
/// it wants.
const FIRST_WORDS_MS: u64 = 1_000;
/// How many that wait when the door is closed one accept takes: others come meanwhile.
const LAST_ACCEPTED: u32 = 256;
/// Time between two reports of meters.
const REPORT_US: u64 = 1_000_000;

/// How long exchanges have to end when the shard is ordered to stop, and clients to be told.
const STOP_MS: u64 = 1_000;
const FAREWELL_MS: u64 = 100;

/// Spare buffers and states that a shard keeps although it does not need them now.
const SPARE_MIN: usize = 64;

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
/// A socket could not be taken into the runtime, or the process is out of descriptors.
pub async fn run(shard: Rc<Shard>, driver: Driver, orders: Orders) -> io::Result<()> {
    let Orders { link, listeners, meters } = orders;
    descriptors::look();
    shard.deadlines.heed_departures()?;
    let stop = Stop::default();
    let arriving = Rc::<Cell<u64>>::default();
    let crowd = Rc::new(Crowd::new(shard.clone()));
    let turned_away = Rc::<Cell<u64>>::default();
    let mut doors = vec![];
    for (index, socket) in listeners {
        let listener = Rc::new(Listener::adopt(socket, driver)?);
        let door = Door {
            shard: shard.clone(),
            listener,
            index,
            crowd: crowd.clone(),
            arriving: arriving.clone(),
            turned_away: turned_away.clone(),
        };
        for _ in 0..accepts(driver) {
            runtime::spawn(door.clone().accept_all(stop.handle()));
        }
        if driver != Driver::Epoll {
            doors.push((door, false));
        }
    }
    link.set_driver(driver as u8);
    link.set_state(State::Listening);
    let keeper = Keeper {
        shard,
        link,
        meters,
        doors,
        arriving,
        stop: Some(stop),
        ending_since: None,
        reported: Moment::now(),
        spare_ms: SPARE_MEMORY_MS,
        stopped_by: Moment(0),
    };
    keeper.run().await;
    Ok(())
}

/// A listening socket, and what becomes of the connections that come through it.
#[derive(Clone)]
struct Door {
    shard: Rc<Shard>,
    listener: Rc<Listener>,
    index: usize,
    crowd: Rc<Crowd>,
    /// Accepts in flight, and clients that are being turned away: a shard does not end before they are.
    arriving: Rc<Cell<u64>>,
    turned_away: Rc<Cell<u64>>,
}

impl Door {
    async fn accept_all(self, stop: StopHandle) {
        let _arriving = Held::new(&self.arriving);
        loop {
            match self.listener.accept(&stop).await {
                Ok(accepted) => self.serve(accepted),
                Err(error) if listen::was_stopped(&error) => return self.serve_the_last().await,
                // Out of descriptors or memory: what is open goes on, and later there may be room.
                Err(_) => runtime::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Serves those that wait when the door is closed: they would be reset.
    async fn serve_the_last(&self) {
        for _ in 0..LAST_ACCEPTED {
            match self.listener.accept_waiting().await {
                Some(accepted) => self.serve(accepted),
                None => return,
            }
        }
    }

    async fn accept_one(self, stop: StopHandle) {
        let _arriving = Held::new(&self.arriving);
        if let Ok(accepted) = self.listener.accept(&stop).await {
            self.serve(accepted);
        }
    }

    fn serve(&self, accepted: Accepted) {
        let (shard, index) = (self.shard.clone(), self.index);
        shard.accepted.set(shard.accepted.get() + 1);
        let room = accepted.room();
        match self.refusal(room).map_or_else(|| self.crowd.enter(accepted.peer.ip()), Err) {
            Ok(place) => runtime::spawn(connection::serve(shard, accepted, index, place)),
            Err(why) => {
                shard.count_unserved(why);
                if room != (Room::None { told: false }) {
                    self.turn_away(accepted, why);
                }
            }
        }
    }

    /// Why there is no descriptor for one more client. Where they are scarce, those that are left must do for the clients
    /// that have no connection to a provider yet, and may want one.
    fn refusal(&self, room: Room) -> Option<Unserved> {
        let refused = match room {
            Room::Enough => false,
            Room::Scarce { left } => {
                let upstream = self.shard.exchanges.get() + self.shard.upstreams.pool.len() as u64;
                let wanting = self.shard.connections.get().saturating_sub(upstream);
                wanting >= left / u64::from(self.shard.shards.max(1))
            }
            Room::None { .. } => true,
        };
        refused.then_some(Unserved::Descriptors)
    }

    /// Ends a connection that there is no room for. A client of plain HTTP is told why; so many at a time that
    /// those who are told do not become a crowd of their own.
    fn turn_away(&self, accepted: Accepted, why: Unserved) {
        let listeners = &self.shard.snapshot().listeners;
        let plain = listeners.get(self.index).is_some_and(|listener| listener.tls.is_none());
        if !plain || self.turned_away.get() >= TURNED_AWAY {
            return;
        }
        let held = (Held::new(&self.arriving), Held::new(&self.turned_away));
        let shard = self.shard.clone();
        runtime::spawn(async move {
            let _held = held;
            connection::turn_away(&shard, accepted, why).await;
        });
    }
}

/// Counts one more for as long as it lives.
struct Held(Rc<Cell<u64>>);

impl Held {
    fn new(count: &Rc<Cell<u64>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The shard's own task: time, orders, reports.
struct Keeper {
    shard: Rc<Shard>,
    link: Arc<Link>,
    meters: MetersPort,
    /// The doors, and whether somebody stood before them at the last look.
    doors: Vec<(Door, bool)>,
    arriving: Rc<Cell<u64>>,
    stop: Option<Stop>,
    /// When it was told to end.
    ending_since: Option<Moment>,
    reported: Moment,
    /// For how long memory of large bodies is kept, as of the last report.
    spare_ms: u64,
    /// When the shard ends although connections are left; 0 until it is ordered to stop.
    stopped_by: Moment,
}

impl Keeper {
    async fn run(mut self) {
        let mut pulse = Pulse::idle();
        loop {
            let now = Moment::now();
            self.shard.deadlines.sweep(now);
            self.shard.look_at_the_clock();
            self.shard.buffers.free_segments(self.spare_ms);
            if now.micros_since(self.reported) >= REPORT_US {
                self.reported = now;
                descriptors::look();
                let snapshot = self.shard.snapshot();
                self.spare_ms = snapshot.limits.spare_memory_ms;
                self.shard.upstreams.pool.sweep(now, &snapshot.limits);
                let kept = SPARE_MIN.max(2 * self.shard.exchanges.get() as usize);
                self.shard.buffers.trim(kept);
                self.shard.states.trim(kept);
                self.shard.berths.trim(kept);
                self.report();
            }
            match self.link.order() {
                Order::Serve => self.wake_doors(),
                Order::Drain => {
                    self.drain(now);
                    if self.is_empty() && self.arriving.get() == 0 {
                        break;
                    }
                }
                Order::Stop => {
                    self.stop_all(now);
                    if self.is_empty() || now >= self.stopped_by {
                        break;
                    }
                }
            }
            pulse.wait(SWEEP).await;
        }
        self.report();
        self.link.set_state(State::Ended);
    }

    /// Whether nobody is served any more. An exchange of HTTP/2 may outlive its connection by a moment.
    fn is_empty(&self) -> bool {
        self.shard.connections.get() == 0 && self.shard.exchanges.get() == 0
    }

    /// Cuts every connection, and gives what runs on them a moment to end with a record: those of providers first, so that
    /// clients are told why their answers end, and requests that are on their way.
    fn stop_all(&mut self, now: Moment) {
        if self.stopped_by == Moment(0) {
            self.drain(now);
            self.close();
            self.stopped_by = now.plus_ms(STOP_MS);
        }
        self.shard.deadlines.cut_exchanges();
        if now.plus_ms(STOP_MS - FAREWELL_MS) >= self.stopped_by {
            self.shard.deadlines.cut_all();
        }
    }

    /// Accepts what was overlooked. A new connection wakes one of the accepts that wait on its socket; if that
    /// was one of a predecessor which has just given up waiting, nobody comes for the connection.
    fn wake_doors(&mut self) {
        let Some(stop) = &self.stop else { return };
        for (door, waited) in &mut self.doors {
            let waits = door.listener.has_waiting();
            if waits && *waited {
                runtime::spawn(door.clone().accept_one(stop.handle()));
            }
            *waited = waits;
        }
    }

    /// Accepts for a moment more, and ends connections when they have been idle for a moment: a request that is on its way
    /// is answered, and told that it is the connection's last. One that has just come is heard first.
    fn drain(&mut self, now: Moment) {
        let since = *self.ending_since.get_or_insert_with(|| {
            self.shard.draining.set(true);
            self.link.set_state(State::Draining);
            now
        });
        self.shard.deadlines.hasten(Waiting::KeepAlive, LAST_CALL_MS);
        if now.micros_since(since) >= LATE_US {
            self.close();
            self.shard.deadlines.hasten(Waiting::Handshake, FIRST_WORDS_MS);
            self.shard.deadlines.hasten(Waiting::First, FIRST_WORDS_MS);
        }
    }

    /// Stops accepting.
    fn close(&mut self) {
        if let Some(stop) = self.stop.take() {
            self.doors.clear();
            stop.stop();
        }
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
            keys_rested: shard.keys.rested.take(),
            panics: runtime::take_panics(),
            records_stalled: shard.records_stalled.take(),
            records_dropped: shard.book.dropped.take(),
            connections_refused: shard.unserved.take(),
        }
    }
}
