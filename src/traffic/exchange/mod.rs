//! THE PIPELINE: one request, from its head to its record.
//!
//! Takes a client connection with a request on it; gives an answer on that connection, and one `Record`.
//! `serve` reads like the design: head, ask, caller, permit, targets, upstream, relay, settle.
//!
//! Invariant: whatever happens - refusal, failure, a client that leaves - passes through the same end of
//! `serve`, and is settled there once.

mod aside;
mod attempt;
mod beside;
pub mod client;
mod crossing;
mod early;
mod failure;
pub mod familiar;
mod inbound;
mod local;
mod media;
mod outbound;
mod pass;
mod passage;
mod reading;
mod receive;
mod relay;
pub mod reply;
pub mod serve;
pub mod shard;
mod state;
