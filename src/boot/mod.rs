//! The only room that knows every other: it makes the planes and wires them.

pub mod doctor;
pub mod planes;
pub mod takeover;
