//! Who is at the other end of a connection, and what its streams have in common.

use crate::traffic::exchange::familiar::Familiar;
use std::cell::Cell;
use std::net::SocketAddr;

/// Streams that a client may give up beyond all that it may have open, and those that it waits for, before its connection is
/// ended: each has cost a request, perhaps one at a provider (CVE-2023-44487). What `h2` counts by itself are resets of
/// streams that were not accepted yet, and here those are few.
const RESTLESS: u32 = 100;
/// How many of them are forgiven at each look at the connection.
const FORGIVEN: u32 = 25;

pub struct Peer {
    pub address: Option<SocketAddr>,
    /// The connection was cut because they take nothing.
    pub deaf: Cell<bool>,
    /// Streams that are open.
    pub open: Cell<u64>,
    /// Streams that they gave up, less those that they waited for and what was forgiven.
    given_up: Cell<u32>,
    /// Heads that they were told, up to some hundred.
    pub told: Cell<u8>,
    /// What they ask with: all streams know of the last head.
    pub familiar: Familiar,
}

impl Peer {
    pub fn new(address: Option<SocketAddr>) -> Self {
        Self {
            address,
            deaf: Cell::new(false),
            open: Cell::new(0),
            given_up: Cell::new(0),
            told: Cell::new(0),
            familiar: Familiar::common(),
        }
    }

    /// They gave a stream up before its answer was over.
    pub fn give_up(&self) {
        self.given_up.set(self.given_up.get().saturating_add(1));
    }

    /// They waited for a whole answer.
    pub fn wait(&self) {
        self.given_up.set(self.given_up.get().saturating_sub(1));
    }

    pub fn forgive(&self) {
        self.given_up.set(self.given_up.get().saturating_sub(FORGIVEN));
    }

    /// Whether they, who may have so many streams open, ask in order to give up.
    pub fn is_restless(&self, most_open: u32) -> bool {
        self.given_up.get() > most_open.saturating_add(RESTLESS)
    }
}
