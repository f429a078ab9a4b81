//! CONTROL PLANE: one thread on which everything is that is slow, shared or fallible.
//!
//! Takes files, signals and the operator's requests. Gives a compiled `Snapshot` to the shards, fresh addresses
//! to origins, and answers about health.
//!
//! Invariant: a configuration that does not compile never leaves this room, and no shard ever waits for it.

pub mod civil;
pub mod config;
pub mod reach;
pub mod schema;
