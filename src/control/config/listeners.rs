//! The `listen` section, and whether what it opens is guarded.
//!
//! Invariant: without keys, nothing listens where others than this machine can reach it.

use crate::contract::snapshot::{Access, Listener};
use crate::control::config::checked::{Cursor, Value};
use crate::control::config::complaint::{At, Findings, Path};
use crate::control::config::origins::Origins;
use crate::control::config::server_tls;
use std::net::{Ipv4Addr, SocketAddr};

/// Where clients connect when the configuration does not say.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

pub fn compile(
    root: &Cursor<'_>,
    access: Access,
    origins: &mut Origins,
    findings: &mut Findings,
) -> Vec<Listener> {
    let Some(list) = root.field("listen") else { return vec![Listener { address: DEFAULT, tls: None }] };
    if list.items().len() == 0 {
        list.complain(findings, "needs at least one address");
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for item in list.items() {
        let (address, place) = if let Value::Address(address) = item.checked.value {
            (Some(address), (item.path, item.checked.at))
        } else {
            (item.address("address"), (item.path.name("address"), item.place("address")))
        };
        let tls = item.field("tls").and_then(|tls| server_tls::compile(&tls, origins, findings));
        let Some(address) = address else { continue };
        check_address(address, place, &listeners, findings);
        if let Some(message) = exposure(address, access) {
            findings.complain(place.0, place.1, message);
        }
        listeners.push(Listener { address, tls });
    }
    listeners
}

fn check_address(address: SocketAddr, place: (Path<'_>, At), earlier: &[Listener], findings: &mut Findings) {
    if address.port() != 0 && earlier.iter().any(|listener| listener.address == address) {
        findings.complain(place.0, place.1, format!("{address} is listened on twice"));
    }
}

/// Why this address may not be listened on with this access, if it may not.
pub fn exposure(address: SocketAddr, access: Access) -> Option<String> {
    let open = access == Access::Open && !address.ip().to_canonical().is_loopback();
    open.then(|| {
        format!("{address} can be reached from elsewhere, but no keys are configured: anyone could call")
    })
}
