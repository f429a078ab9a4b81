//! Ringgate: an AI-model gateway, one `io_uring` shard per core.
//!
//! Read the rooms in this order: what things are (`base`, `contract`), how bytes become messages (`http`, `net`),
//! how a request flows (`traffic`), what is kept of it (`logcore`), who decides (`control`), and `boot`, which
//! wires them. ARCHITECTURE.md is the map.

pub mod base;
pub mod boot;
pub mod contract;
pub mod control;
pub mod http;
pub mod logcore;
pub mod net;
pub mod traffic;
