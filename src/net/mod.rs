//! FLOOR 4: sockets, TLS, timers and the runtime seam. The only room that names monoio; with `control`, which
//! builds its configurations, the only one that names rustls.
//!
//! Takes owned buffers, gives them back with what happened. A `Stream` splits into a `Reader` and a `Writer`,
//! which look alike over TCP, TLS and the in-memory pipe that carries one HTTP/2 stream.
//!
//! Invariant: no operation ever blocks the thread, and a buffer handed to the kernel is not touched until the
//! operation has returned it. Dropping an operation in flight is allowed only where its connection is closed
//! next: what it received is lost.

pub mod ahead;
pub mod berth;
pub mod calls;
pub mod certificates;
pub mod connect;
pub mod deadline;
mod departures;
pub mod descriptors;
pub mod gather;
mod iobuf;
pub mod listen;
mod pages;
pub mod pipe;
pub mod pool;
pub mod runtime;
mod spare;
pub mod stock;
pub mod stream;
pub mod tcp;
pub mod tls;
mod turn;
pub mod urgency;
