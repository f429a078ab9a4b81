//! The `limits` and `timeouts` sections.
//!
//! Invariant: what is absent is the default of the contract, which the table of keys only repeats for people.

use crate::contract::snapshot::{Limits, PerClient, Timeouts};
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;

pub fn compile(section: &Cursor<'_>, findings: &mut Findings) -> Limits {
    let default = Limits::default();
    let whole = |name, otherwise| section.whole(name).unwrap_or(otherwise);
    let limits = Limits {
        head_bytes: whole("head_bytes", default.head_bytes as u64) as usize,
        headers: whole("headers", default.headers as u64) as usize,
        body_bytes: whole("body_bytes", default.body_bytes),
        buffered_bytes: whole("buffered_bytes", default.buffered_bytes),
        connections: whole("connections", default.connections),
        connections_per_client: match section.whole("connections_per_client_max") {
            None => default.connections_per_client,
            Some(0) => PerClient::Unlimited,
            Some(most) => PerClient::AtMost(most),
        },
        exchanges: whole("exchanges", default.exchanges),
        head_ms: whole("head_ms", default.head_ms),
        body_ms: whole("body_ms", default.body_ms),
        body_idle_ms: whole("body_idle_ms", default.body_idle_ms),
        keep_alive_ms: whole("keep_alive_ms", default.keep_alive_ms),
        write_idle_ms: whole("write_idle_ms", default.write_idle_ms),
        upstream_idle_ms: whole("upstream_idle_ms", default.upstream_idle_ms),
        upstream_life_ms: whole("upstream_life_ms", default.upstream_life_ms),
        upstream_idle_connections: whole(
            "upstream_idle_connections",
            default.upstream_idle_connections as u64,
        ) as usize,
        h2_streams: whole("h2_streams", u64::from(default.h2_streams)) as u32,
        spare_memory_ms: whole("spare_memory_ms", default.spare_memory_ms),
    };
    if limits.body_bytes > limits.buffered_bytes {
        let message = format!("is smaller than body_bytes ({})", limits.body_bytes);
        section.complain_at("buffered_bytes", findings, message);
    }
    limits
}

/// Timeouts, with `otherwise` for what is absent.
pub fn timeouts(section: &Cursor<'_>, otherwise: Timeouts) -> Timeouts {
    Timeouts {
        connect_ms: section.whole("connect_ms").unwrap_or(otherwise.connect_ms),
        first_byte_ms: section.whole("first_byte_ms").unwrap_or(otherwise.first_byte_ms),
        idle_ms: section.whole("idle_ms").unwrap_or(otherwise.idle_ms),
        total_ms: section.whole("total_ms").unwrap_or(otherwise.total_ms),
    }
}
