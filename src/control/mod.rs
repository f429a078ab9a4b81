//! CONTROL PLANE: one thread on which everything is that is slow, shared or fallible.
//!
//! Takes files, signals and the operator's requests. Gives a compiled `Snapshot` to the shards, fresh addresses
//! to origins, and answers about health.
//!
//! Invariant: a configuration that does not compile never leaves this room, and no shard ever waits for it.

pub mod admin;
pub mod config;
pub mod credentials;
pub mod health;
pub mod import;
pub mod log;
pub mod media;
pub mod reach;
pub mod reload;
pub mod request;
pub mod resolve;
pub mod retire;
pub mod schema;
#[cfg(test)]
mod scratch;
pub mod watch;
