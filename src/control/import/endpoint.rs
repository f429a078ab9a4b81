//! Where an entry's requests go, and what an address of it may be.

use crate::control::config::url;
use crate::control::import::auth::Auth;
use crate::control::import::keys::Key;
use crate::control::reach::Reach;
use std::net::IpAddr;

/// Where an entry's requests go.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// `None`: it speaks `OpenAI`'s format, and has an address.
    pub vendor: Option<&'static str>,
    /// As it is to be written; `None`: the vendor's own.
    pub base_url: Option<String>,
    /// Of Azure's older URLs.
    pub api_version: Option<String>,
    pub key: Key,
    pub auth: Option<Auth>,
    /// What its provider is called, if nothing better is found.
    pub stem: &'static str,
    /// What tells it from others of its stem, where its address does not.
    pub place: Option<String>,
}

impl Endpoint {
    /// All its credentials.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.key).chain(self.auth.iter().flat_map(Auth::secrets).map(|(_, key)| key))
    }
}

/// An address that a provider may have, as far as it does not stand in the environment.
pub fn checked(address: String) -> Result<String, String> {
    if address.starts_with("${") {
        return Ok(address);
    }
    let url = url::parse(&address).map_err(|fault| format!("its address {fault}"))?;
    let literal: Option<IpAddr> = url.host.parse().ok();
    match literal.and_then(|ip| Reach::Guarded.refusal(ip)) {
        Some(reason) => Err(format!("its address leads to {reason}")),
        None => Ok(address),
    }
}
