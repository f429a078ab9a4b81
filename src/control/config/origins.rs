//! What outlives a configuration: network peers, TLS sessions, ticket keys, slots of credentials.
//!
//! Takes settings of peers; gives `Arc<Origin>`s. Lives as long as the process, on the control thread.
//!
//! Invariant: equal (scheme, host, port, TLS settings, reach) give the same `Origin` and number, over reloads.

use crate::base::clock;
use crate::contract::snapshot::{Addresses, Origin, OriginTls};
use crate::control::credentials::Table;
use crate::control::reach::Reach;
use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The process's table of peers.
pub struct Origins {
    /// Where the mock provider inside this process listens, if there is one: `base_url: mock` means it.
    pub embedded_mock: Option<SocketAddr>,
    /// Shown as the age of models: when the process started, in seconds since 1970.
    pub created_unix: u64,
    /// Slots of credentials that are fetched.
    pub(in crate::control) passes: Table,
    table: HashMap<Peer, Arc<Origin>>,
    ticketers: HashMap<[u8; 32], Arc<dyn ProducesTickets>>,
    crypto: Arc<CryptoProvider>,
    public_roots: Arc<RootCertStore>,
}

/// What tells one origin from another.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    pub host: Box<str>,
    pub port: u16,
    pub reach: Reach,
    /// Digest of all TLS settings, with the content of their files; `None` for plain HTTP.
    pub tls: Option<[u8; 32]>,
}

/// An origin of the current configuration, and where its name may lead.
#[derive(Clone)]
pub struct Reachable {
    pub origin: Arc<Origin>,
    pub reach: Reach,
}

impl Origins {
    pub fn new(embedded_mock: Option<SocketAddr>) -> Self {
        let public_roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self {
            embedded_mock,
            created_unix: clock::unix_seconds(),
            passes: Table::default(),
            table: HashMap::new(),
            ticketers: HashMap::new(),
            crypto: Arc::new(rustls::crypto::ring::default_provider()),
            public_roots: Arc::new(public_roots),
        }
    }

    pub fn crypto(&self) -> Arc<CryptoProvider> {
        self.crypto.clone()
    }

    /// The certificate authorities that browsers trust.
    pub fn public_roots(&self) -> Arc<RootCertStore> {
        self.public_roots.clone()
    }

    /// The origin of this peer, known or new. `tls` is asked only for a new one.
    ///
    /// # Errors
    /// Those of `tls`.
    pub fn origin<E>(
        &mut self,
        peer: Peer,
        tls: impl FnOnce() -> Result<Option<OriginTls>, E>,
    ) -> Result<Arc<Origin>, E> {
        if let Some(origin) = self.table.get(&peer) {
            return Ok(origin.clone());
        }
        let literal: Option<IpAddr> = peer.host.parse().ok();
        let addresses = literal.map_or(Addresses::Unknown, |ip| Addresses::fixed((ip, peer.port).into()));
        let origin = Arc::new(Origin {
            id: self.table.len() as u32,
            host: peer.host.clone(),
            port: peer.port,
            tls: tls()?,
            addresses: ArcSwap::from_pointee(addresses),
            wants_resolving: AtomicBool::new(false),
        });
        self.table.insert(peer, origin.clone());
        Ok(origin)
    }

    /// The keeper of session tickets for listeners that trust these clients; its keys outlive configurations.
    pub fn ticketer(&mut self, trusted_clients: [u8; 32]) -> Result<Arc<dyn ProducesTickets>, String> {
        if let Some(ticketer) = self.ticketers.get(&trusted_clients) {
            return Ok(ticketer.clone());
        }
        let ticketer = rustls::crypto::ring::Ticketer::new().map_err(|e| e.to_string())?;
        self.ticketers.insert(trusted_clients, ticketer.clone());
        Ok(ticketer)
    }
}
