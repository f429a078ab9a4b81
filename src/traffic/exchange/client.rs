//! A client's connection, between and during its requests.

use super::familiar::Familiar;
use crate::base::buf::Buf;
use crate::net::ahead::ReadAhead;
use crate::net::deadline::Deadline;
use crate::net::stream::{Stream, Writer};
use crate::traffic::exchange::shard::Shard;
use std::net::SocketAddr;

/// A client's connection.
pub struct Client {
    /// First, so that it goes before the socket does.
    pub deadline: Deadline,
    pub reader: ReadAhead,
    pub writer: Writer,
    /// Bytes that were read and belong to no request yet.
    pub inbox: Buf,
    pub familiar: Familiar,
    pub peer: Option<SocketAddr>,
}

impl Client {
    /// Gives a connection its deadline.
    pub fn new(shard: &Shard, stream: Stream, peer: Option<SocketAddr>) -> Self {
        Self {
            deadline: shard.deadlines.register(stream.cutter),
            reader: ReadAhead::new(stream.reader),
            writer: stream.writer,
            inbox: Buf::default(),
            familiar: Familiar::default(),
            peer,
        }
    }
}
