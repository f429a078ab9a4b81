//! The only room that knows every other: it makes the planes and wires them.
//!
//! Takes the arguments of a command; gives a running process, and its end.
//!
//! Invariant: a process that was told to end answers what it began, or its drain timeout passes, before it exits;
//! what cannot start says why and leaves nothing running.

pub mod doctor;
mod helper;
pub mod import;
pub mod planes;
pub mod serve;
mod signals;
mod supervise;
mod takeover;
