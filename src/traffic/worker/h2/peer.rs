//! Who is at the other end of a connection, and what its streams have in common.

use crate::traffic::exchange::familiar::Familiar;
use std::cell::Cell;
use std::net::SocketAddr;

pub struct Peer {
    pub address: Option<SocketAddr>,
    /// The connection was cut because they take nothing.
    pub deaf: Cell<bool>,
    /// Streams that are open.
    pub open: Cell<u64>,
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
            told: Cell::new(0),
            familiar: Familiar::common(),
        }
    }
}
