//! A connection's two halves, alike over TCP, TLS and an HTTP/2 stream.

use super::deadline::Cutter;
use super::gather::Gather;
use super::pipe::{PipeReader, PipeWriter};
use super::tcp::{TcpReader, TcpWriter};
use super::tls::{Secured, TlsReader, TlsWriter};
use crate::base::buf::Buf;
use std::cell::Cell;
use std::io;
use std::rc::Rc;

pub use super::tls::Protocol;

/// The half that bytes come from.
pub enum Reader {
    Tcp(TcpReader),
    Tls(Box<TlsReader>),
    Pipe(PipeReader),
}

/// The half that bytes go to.
pub enum Writer {
    Tcp(TcpWriter),
    Tls(Box<TlsWriter>),
    Pipe(PipeWriter),
}

impl Reader {
    /// Appends at least one byte to `buf`, as many as its room takes; 0 is the end of the connection.
    pub async fn read(&mut self, buf: Buf) -> (io::Result<usize>, Buf) {
        debug_assert!(buf.room() > 0, "a read needs room");
        match self {
            Reader::Tcp(tcp) => tcp.read(buf).await,
            Reader::Tls(tls) => tls.read(buf).await,
            Reader::Pipe(pipe) => pipe.read(buf).await,
        }
    }
}

impl Reader {
    /// A mark that is set when bytes came from the socket that may give the next read nothing, where there are such.
    pub(super) fn stirred(&self) -> Option<Rc<Cell<bool>>> {
        match self {
            Reader::Tls(tls) => Some(tls.stirred()),
            Reader::Tcp(_) | Reader::Pipe(_) => None,
        }
    }
}

impl Writer {
    /// Writes all pieces, in as few system calls as the kernel allows. The gather comes back as it was.
    pub async fn write(&mut self, gather: Gather) -> (io::Result<()>, Gather) {
        match self {
            Writer::Tcp(tcp) => tcp.write(gather).await,
            Writer::Tls(tls) => tls.write(gather).await,
            Writer::Pipe(pipe) => {
                let result = pipe.write_slices(gather.len(), gather.slices()).await;
                (result, gather)
            }
        }
    }

    /// Says that nothing more will come (`close_notify` and FIN). Errors do not matter any more.
    pub async fn finish(&mut self) {
        match self {
            Writer::Tcp(tcp) => tcp.finish(),
            Writer::Tls(tls) => tls.finish().await,
            Writer::Pipe(pipe) => pipe.end(),
        }
    }

    /// Whether the peer may still be sending when this is closed, so that a reset overtakes what was written last.
    pub fn may_be_overtaken(&self) -> bool {
        match self {
            Writer::Tcp(_) | Writer::Tls(_) => true,
            Writer::Pipe(_) => false,
        }
    }

    /// Whether what is written is taken by nobody behind the other end. Of a socket its deadline knows that.
    pub fn has_stalled(&self) -> bool {
        match self {
            Writer::Pipe(pipe) => pipe.has_stalled(),
            Writer::Tcp(_) | Writer::Tls(_) => false,
        }
    }

    /// Ends the connection with a reset, which nobody takes for a proper end. Bytes that have not left are lost.
    /// An HTTP/2 stream is reset where its pipe ends.
    pub fn reset(&self) {
        match self {
            Writer::Tcp(tcp) => tcp.reset(),
            Writer::Tls(tls) => tls.reset(),
            Writer::Pipe(_) => {}
        }
    }
}

/// A connection, its halves, and how to cut it.
pub struct Stream {
    pub reader: Reader,
    pub writer: Writer,
    pub cutter: Cutter,
    /// What ALPN chose, if TLS asked.
    pub protocol: Protocol,
}

impl Stream {
    /// A connection without TLS.
    pub(super) fn plain((reader, writer): (TcpReader, TcpWriter), cutter: Cutter) -> Self {
        let (reader, writer) = (Reader::Tcp(reader), Writer::Tcp(writer));
        Self { reader, writer, cutter, protocol: Protocol::Unknown }
    }

    /// One with it.
    pub(super) fn secured(Secured { reader, writer, protocol }: Secured, cutter: Cutter) -> Self {
        let (reader, writer) = (Reader::Tls(Box::new(reader)), Writer::Tls(Box::new(writer)));
        Self { reader, writer, cutter, protocol }
    }
}
