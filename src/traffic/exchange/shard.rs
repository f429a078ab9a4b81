//! What one shard owns, and every exchange on it shares. Nothing here is seen by another thread.

use super::familiar::Shelf;
use super::state::States;
use crate::base::clock::unix_seconds;
use crate::base::ids::RequestId;
use crate::contract::chore::Chores;
use crate::contract::errand::Errand;
use crate::contract::meters::Unserved;
use crate::contract::record::Record;
use crate::contract::snapshot::Snapshot;
use crate::http::date::DateLine;
use crate::http::sigv4::SigningKeys;
use crate::net::berth::Berths;
use crate::net::deadline::Deadlines;
use crate::net::pool::BufferPool;
use crate::net::runtime;
use crate::traffic::account::{Book, Tally, Written};
use crate::traffic::route::keys::Keys;
use crate::traffic::upstream::call::Caller;
use arc_swap::{ArcSwap, Cache};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What happens when the log core cannot keep up (`audit.on_overflow`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnOverflow {
    /// Exchanges wait for room before they end.
    Block,
    /// New requests are refused while there is little room.
    Refuse,
    /// Records are dropped and counted.
    CountAndDrop,
}

/// Room in the ring below which new requests are refused, with [`OnOverflow::Refuse`].
const ROOM_MIN: usize = 256;

/// One shard's state.
pub struct Shard {
    pub id: u16,
    /// How many shards the process has.
    pub shards: u16,
    pub buffers: Rc<BufferPool>,
    pub deadlines: Rc<Deadlines>,
    /// What answers are dated by.
    pub date: Rc<DateLine>,
    pub upstreams: Caller,
    pub keys: Keys,
    pub signing: SigningKeys,
    pub book: Book,
    /// What control is to fetch.
    pub errands: RefCell<rtrb::Producer<Arc<Errand>>>,
    /// What the helper is to do.
    pub chores: RefCell<Chores>,
    pub on_overflow: OnOverflow,
    pub draining: Cell<bool>,
    /// Client connections that are open.
    pub connections: Cell<u64>,
    /// Exchanges in flight.
    pub exchanges: Cell<u64>,
    /// Bytes of request bodies held beyond the clients' own buffers.
    pub buffered: Cell<u64>,
    pub accepted: Cell<u64>,
    pub unserved: Cell<[u64; Unserved::ALL.len()]>,
    pub records_stalled: Cell<u64>,
    pub states: States,
    /// Heads that open connections have in common.
    pub heads: Shelf,
    /// Where the futures of running exchanges lie.
    pub berths: Berths,
    mailbox: RefCell<Mailbox>,
    /// How many snapshots this shard has had.
    epoch: Cell<u64>,
    process: u64,
    sequence: Cell<u64>,
}

/// A snapshot in use. Counted without atomics inside the shard; the `Arc` is touched once per configuration.
pub type Current = Rc<Arc<Snapshot>>;

/// Where control leaves snapshots, and the one this shard serves by.
struct Mailbox {
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    current: Current,
}

/// What a shard is made with.
pub struct Parts {
    pub id: u16,
    pub shards: u16,
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    pub ring: rtrb::Producer<Record>,
    pub errands: rtrb::Producer<Arc<Errand>>,
    pub chores: Chores,
    pub on_overflow: OnOverflow,
    /// The same in all shards: the first half of every request id.
    pub process: u64,
}

impl Shard {
    pub fn new(parts: Parts) -> Self {
        let (buffers, deadlines) = (Rc::<BufferPool>::default(), Rc::<Deadlines>::default());
        let date = Rc::<DateLine>::default();
        let current = Rc::new(parts.snapshots.load_full());
        let shard = Self {
            id: parts.id,
            shards: parts.shards,
            upstreams: Caller::new(buffers.clone(), deadlines.clone(), date.clone()),
            buffers,
            deadlines,
            date,
            keys: Keys::default(),
            signing: SigningKeys::default(),
            book: Book::new(parts.ring),
            errands: RefCell::new(parts.errands),
            chores: RefCell::new(parts.chores),
            on_overflow: parts.on_overflow,
            draining: Cell::new(false),
            connections: Cell::new(0),
            exchanges: Cell::new(0),
            buffered: Cell::new(0),
            accepted: Cell::new(0),
            unserved: Cell::default(),
            records_stalled: Cell::new(0),
            states: States::default(),
            heads: Shelf::default(),
            berths: Berths::default(),
            mailbox: RefCell::new(Mailbox { cache: Cache::new(parts.snapshots), current }),
            epoch: Cell::new(0),
            process: parts.process,
            // Shards count in ranges of their own.
            sequence: Cell::new(u64::from(parts.id) << 48),
        };
        shard.look_at_the_clock();
        shard
    }

    /// Has answers be dated by what the wall clock shows now.
    pub fn look_at_the_clock(&self) {
        self.date.tell(unix_seconds());
    }

    /// The newest snapshot. An exchange takes it once, at its start.
    pub fn snapshot(&self) -> Current {
        let mut mailbox = self.mailbox.borrow_mut();
        let Mailbox { cache, current } = &mut *mailbox;
        let newest = cache.load();
        if !Arc::ptr_eq(newest, current) {
            *current = Rc::new(newest.clone());
            self.epoch.set(self.epoch.get() + 1);
        }
        current.clone()
    }

    /// A number of the snapshot that was taken last, which no other one of this shard has.
    pub fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Counts a connection that gets no request served.
    pub fn count_unserved(&self, why: Unserved) {
        let mut counts = self.unserved.get();
        counts[why as usize] += 1;
        self.unserved.set(counts);
    }

    /// A number that no other request of this process has.
    pub fn next_id(&self) -> RequestId {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        RequestId { process: self.process, sequence }
    }

    /// Whether a new exchange would find no room for its record.
    pub fn is_backlogged(&self) -> bool {
        self.on_overflow == OnOverflow::Refuse && !self.book.has_room(ROOM_MIN)
    }

    /// Ends the books where nothing can be waited for; a record that finds no room is counted as dropped.
    pub fn close_at_once(&self, tally: &mut Tally) {
        self.book.close(tally);
        if self.book.write(&tally.record) == Written::RingFull {
            self.book.dropped.set(self.book.dropped.get() + 1);
        }
    }

    /// Ends the books: exactly one record, by the overflow policy.
    pub async fn close(&self, tally: &mut Tally) {
        self.book.close(tally);
        let mut stalled = false;
        while self.book.write(&tally.record) == Written::RingFull {
            if self.on_overflow != OnOverflow::Block {
                self.book.dropped.set(self.book.dropped.get() + 1);
                return;
            }
            if !stalled {
                self.records_stalled.set(self.records_stalled.get() + 1);
                stalled = true;
            }
            runtime::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Counts one more for as long as it lives.
pub struct Counted<'c>(&'c Cell<u64>, u64);

impl<'c> Counted<'c> {
    pub fn new(cell: &'c Cell<u64>, n: u64) -> Self {
        cell.set(cell.get() + n);
        Self(cell, n)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - self.1);
    }
}
