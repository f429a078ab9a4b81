//! The `media` section: what may be fetched that a request names by URL.
//!
//! Invariant: nothing is fetched that the section does not allow; without it, nothing at all.

use crate::contract::snapshot::{Fetching, Grants, Pattern};
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use crate::control::config::origins::Origins;
use crate::control::config::upstream_tls::{TlsGround, trusting};
use crate::control::config::url;
use std::sync::Arc;

/// `None`: nothing is fetched.
pub fn compile(section: &Cursor<'_>, origins: &Origins, findings: &mut Findings) -> Option<Arc<Fetching>> {
    let tls = trusting(section.file("ca"), &TlsGround::of(origins));
    let tls = tls.map_err(|(name, message)| section.complain_at(name, findings, message)).ok();
    let hosts = hosts(section, findings);
    let private_hosts = private_hosts(section, findings);
    let plain_http = match section.text("fetch") {
        Some("any") => true,
        Some("https") => false,
        _ => return None,
    };
    let mut tls = tls?.with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(Fetching {
        plain_http,
        hosts,
        private_hosts,
        bytes_max: section.whole("bytes_max").unwrap_or(20 << 20),
        count_max: section.whole("count_max").unwrap_or(20) as usize,
        timeout_ms: section.whole("timeout_ms").unwrap_or(10_000),
        tls: Arc::new(tls),
    }))
}

fn hosts(section: &Cursor<'_>, findings: &mut Findings) -> Grants {
    let Some(list) = section.field("hosts") else {
        // A list that is wrong allows nothing.
        return Grants { everything: !section.has("hosts"), ..Grants::default() };
    };
    let mut hosts = Grants::default();
    for item in list.items() {
        let Some(text) = item.as_text().map(str::to_ascii_lowercase) else { continue };
        match Pattern::parse(&text) {
            _ if text == "*" => hosts.everything = true,
            Some(pattern) => hosts.patterns.push(pattern),
            None if url::parse(&format!("https://{text}")).is_ok_and(|url| *url.host == *text) => {
                _ = hosts.exact.insert(text.into());
            }
            None => item.complain(findings, "is no host's name, nor one with a star"),
        }
    }
    hosts
}

fn private_hosts(section: &Cursor<'_>, findings: &mut Findings) -> Vec<(Box<str>, Option<u16>)> {
    let list = section.field("private_hosts");
    let mut hosts = vec![];
    for item in list.iter().flat_map(Cursor::items) {
        let Some(text) = item.as_text() else { continue };
        // A port that stands there is the same in URLs of either scheme.
        match ["https", "http"].map(|scheme| url::parse(&format!("{scheme}://{text}"))) {
            [Ok(one), Ok(other)] if one.path.is_empty() && !text.ends_with('/') => {
                hosts.push((one.host, Some(one.port).filter(|port| *port == other.port)));
            }
            _ => item.complain(findings, "is no HOST and no HOST:PORT"),
        }
    }
    hosts
}
