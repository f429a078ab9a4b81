//! The mock provider as its clients see it, over plain sockets.

mod abort;
mod answers;
mod client;
mod faults;
mod framing;
