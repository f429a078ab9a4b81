//! How many connections are open, in all and of each client.
//!
//! Each shard counts its own: connections of one client come to all shards, as the kernel spreads them. The
//! process's bound on a client is therefore divided among the shards. The bound holds exactly; but the kernel
//! spreads by chance, so that a client which comes near it may find its share of one shard full before.
//!
//! Invariant: what [`Crowd::enter`] let in is counted until its [`Place`] is dropped, and nothing else is.

use crate::base::limits::CONNECTIONS_PER_CLIENT;
use crate::contract::meters::Unserved;
use crate::contract::snapshot::PerClient;
use crate::traffic::exchange::shard::Shard;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// Whose connections are counted together. An IPv6 host has a whole network of 64 bits to call from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Client {
    V4(Ipv4Addr),
    V6(u64),
}

impl Client {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// One shard's open connections.
pub struct Crowd {
    shard: Rc<Shard>,
    by_client: RefCell<HashMap<Client, u32>>,
}

/// A connection's place among the others.
pub struct Place {
    crowd: Rc<Crowd>,
    client: Client,
}

impl Crowd {
    pub fn new(shard: Rc<Shard>) -> Self {
        Self { shard, by_client: RefCell::default() }
    }

    /// Lets a connection from this address in.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn enter(self: &Rc<Self>, address: IpAddr) -> Result<Place, Unserved> {
        let snapshot = self.shard.snapshot();
        if self.shard.connections.get() >= snapshot.limits.connections {
            return Err(Unserved::Connections);
        }
        let most = bound(snapshot.limits.connections_per_client, address);
        let client = Client::of(address);
        let mut by_client = self.by_client.borrow_mut();
        let count = by_client.entry(client).or_default();
        // A share is at least 1: a refusal never leaves an entry of nothing behind.
        if u64::from(*count) >= share(most, self.shard.id, self.shard.shards) {
            return Err(Unserved::ConnectionsPerClient);
        }
        *count += 1;
        self.shard.connections.set(self.shard.connections.get() + 1);
        Ok(Place { crowd: self.clone(), client })
    }
}

/// What the process may have of a client's connections.
fn bound(per_client: PerClient, address: IpAddr) -> u64 {
    match per_client {
        PerClient::Default if !address.to_canonical().is_loopback() => CONNECTIONS_PER_CLIENT,
        PerClient::Default | PerClient::Unlimited => u64::MAX,
        PerClient::AtMost(most) => most,
    }
}

/// What one of so many shards may have of `most`: the shares add up to it, but each is at least 1.
fn share(most: u64, shard: u16, shards: u16) -> u64 {
    let shards = u64::from(shards.max(1));
    (most / shards + u64::from(u64::from(shard) < most % shards)).max(1)
}

impl Drop for Place {
    fn drop(&mut self) {
        let connections = &self.crowd.shard.connections;
        connections.set(connections.get() - 1);
        let mut by_client = self.crowd.by_client.borrow_mut();
        if let Some(count) = by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares add up to the whole, and no shard turns everybody away.
    #[test]
    fn shares_add_up() {
        for shards in 1..70 {
            for most in [1, 2, 3, 10, 63, 64, 65, 10_000, u64::MAX] {
                let sum: u128 = (0..shards).map(|shard| u128::from(share(most, shard, shards))).sum();
                assert_eq!(sum, u128::from(most.max(u64::from(shards))), "{most} over {shards}");
            }
        }
    }

    /// By default this machine itself is not bounded; what is configured holds for all.
    #[test]
    fn bounds() {
        let bound = |per_client, text: &str| bound(per_client, text.parse().expect("an address"));
        for (address, by_default) in [
            ("10.0.0.1", CONNECTIONS_PER_CLIENT),
            ("2001:db8::1", CONNECTIONS_PER_CLIENT),
            ("127.0.0.1", u64::MAX),
            ("::1", u64::MAX),
            ("::ffff:127.0.0.1", u64::MAX),
        ] {
            assert_eq!(bound(PerClient::Default, address), by_default, "{address}");
            assert_eq!(bound(PerClient::AtMost(7), address), 7);
            assert_eq!(bound(PerClient::Unlimited, address), u64::MAX);
        }
    }

    /// IPv4 hosts are told apart however they are written; IPv6 hosts are as large as their network.
    #[test]
    fn clients_are_told_apart() {
        let client = |text: &str| Client::of(text.parse().expect("an address"));
        assert_eq!(client("10.0.0.1"), client("::ffff:10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
        assert_ne!(client("0.0.0.0"), client("::"));
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
    }
}
