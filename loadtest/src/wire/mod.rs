//! The little of HTTP/1.1 that mock and load generator share, without input or output.

mod chunked;

pub use chunked::{BadChunk, Chunked};
