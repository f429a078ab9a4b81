//! DATA PLANE: one copy per core, `!Send`, in flow order.
//!
//! Takes client bytes and the current `Snapshot`, gives client bytes and one `Record` per request.
//!
//! Invariant: nothing here takes a lock, blocks, or waits for another thread; rooms import only rooms that
//! stand above them in this list.

pub mod dialect;
pub mod translate;

pub mod auth;
pub mod policy;
pub mod route;

pub mod provider;
pub mod upstream;

pub mod account;
pub mod exchange;
pub mod worker;
