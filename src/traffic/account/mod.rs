//! The end of every exchange: what it used, how long it took, one `Record`.
//!
//! Takes a `Tally` that was filled along the way; gives a `Record` on the shard's ring and the shard's histograms.
//!
//! Invariant: `Book::settle` is the only place that makes a `Record`, and it is called once per exchange,
//! whatever the outcome.

use crate::base::clock::Moment;
use crate::base::fault::FaultKind;
use crate::base::ids::NameId;
use crate::base::text::Text;
use crate::contract::meters::Meters;
use crate::contract::record::{Record, Remarks};
use std::cell::{Cell, RefCell};

/// An exchange's figures while it runs.
pub struct Tally {
    pub record: Record,
    /// When the head was complete.
    pub begun: Moment,
    /// When the request was complete at the gateway.
    pub complete: Moment,
    /// When an upstream's bytes were read that are not yet handed to the client.
    pub last_event: Moment,
    /// When the client's socket had taken the whole answer; 0 if that was not noted.
    pub ended: Moment,
}

/// Where a shard's records and histograms go.
pub struct Book {
    ring: RefCell<rtrb::Producer<Record>>,
    pub meters: RefCell<Box<Meters>>,
    pub dropped: Cell<u64>,
}

/// What becomes of a record.
#[derive(PartialEq, Eq, Debug)]
pub enum Written {
    Yes,
    /// The ring is full: try again when the log core has read on.
    RingFull,
}

impl Book {
    pub fn new(ring: rtrb::Producer<Record>) -> Self {
        Self { ring: RefCell::new(ring), meters: RefCell::new(Meters::touched()), dropped: Cell::new(0) }
    }

    /// Whether the ring has room for `n` more records.
    pub fn has_room(&self, n: usize) -> bool {
        self.ring.borrow().slots() >= n
    }

    /// Closes a tally: stamps the times, counts the histograms. The record is ready to be written.
    pub fn close(&self, tally: &mut Tally) {
        let record = &mut tally.record;
        let ended = if tally.ended == Moment(0) { Moment::now() } else { tally.ended };
        record.total_us = ended.micros_since(tally.begun);
        let mut meters = self.meters.borrow_mut();
        meters.total.record(record.total_us);
        if record.upstream_status != 0 {
            meters.overhead.record(u64::from(record.overhead_in_us) + u64::from(record.overhead_out_us));
            meters.first_byte.record(u64::from(record.first_byte_us));
        }
    }

    /// Puts a closed record on the ring.
    pub fn write(&self, record: &Record) -> Written {
        match self.ring.borrow_mut().push(record.clone()) {
            Ok(()) => Written::Yes,
            Err(rtrb::PushError::Full(_)) => Written::RingFull,
        }
    }
}

impl Tally {
    /// Closes the gateway's own time, and gives it: from when the request had been read until the provider's socket had taken
    /// it, and from when that of the answer had been read that nothing waits for any longer until now, when its head is ready.
    pub fn close_overhead(&mut self, now: Moment) -> u64 {
        let back_us = now.micros_since(self.last_event);
        self.record.overhead_out_us = back_us as u32;
        u64::from(self.record.overhead_in_us) + back_us
    }

    /// Notes the first fault; later ones are consequences.
    pub fn fail(&mut self, kind: FaultKind) {
        self.record.fault.get_or_insert(kind);
    }

    /// Notes what the operator should know of a failure.
    pub fn explain(&mut self, detail: &str) {
        self.remarks().detail = Text::cut(detail);
    }

    /// Notes what was left out because another format has no place for it: names, separated by commas.
    pub fn lose(&mut self, names: &str) {
        if names.is_empty() {
            return;
        }
        let dropped = &mut self.remarks().dropped;
        *dropped = match dropped.as_str() {
            "" => Text::cut(names),
            before => Text::cut(&format!("{before},{names}")),
        };
    }

    fn remarks(&mut self) -> &mut Remarks {
        self.record.remarks.get_or_insert_default()
    }

    /// Notes where the request goes.
    pub fn toward(&mut self, provider: NameId) {
        self.record.provider = provider;
        self.record.attempts += 1;
    }
}
