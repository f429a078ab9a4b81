//! FLOOR 1: what every room stands on.
//!
//! Takes nothing from the rest of the crate. Gives limits, clocks, calendar dates, secrets, faults and byte buffers.
//!
//! Invariant: nothing here does I/O, starts a thread, or knows what a request is for.

pub mod buf;
pub mod civil;
pub mod clock;
pub mod fault;
pub mod ids;
pub mod limits;
pub mod secret;
pub mod text;
