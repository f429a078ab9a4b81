//! One connection as bytes, encrypted or not.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use monoio::buf::{IoBufMut, SliceMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, OwnedReadHalf, OwnedWriteHalf, Splitable};
use monoio::net::TcpStream;
use rustls::ClientConfig;

use super::target::Target;
use super::tls::{self, TlsReader, TlsWriter};
use crate::sys;

/// Bytes that one read can take.
pub const READ_BYTES: usize = 32 * 1024;

/// Where connections go, and how they are opened.
#[derive(Clone, Debug)]
pub struct Route {
    pub target: Target,
    /// Present where the target speaks TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// The kernel's buffer for what was received, where it is to be small.
    pub receive_bytes: Option<usize>,
    /// How long a connection may take to be opened, its TLS with it.
    pub connect_wait: Duration,
}

/// The half that reads.
pub enum Reader {
    Plain(OwnedReadHalf<TcpStream>),
    Tls(Box<TlsReader>),
}

/// The half that writes.
pub enum Writer {
    Plain(OwnedWriteHalf<TcpStream>),
    Tls(Box<TlsWriter>),
}

/// A connection that is open; the socket is, for as long as one of the halves lives.
pub struct Transport {
    pub socket: RawFd,
    pub reader: Reader,
    pub writer: Writer,
}

impl Transport {
    /// # Errors
    /// When the target cannot be reached, or its TLS is not to be trusted.
    pub async fn connect(route: &Route) -> io::Result<Self> {
        let stream = TcpStream::connect_addr(route.target.address).await?;
        stream.set_nodelay(true)?;
        let socket = stream.as_raw_fd();
        if let Some(bytes) = route.receive_bytes {
            sys::set_receive_bytes(socket, bytes)?;
        }
        let (reader, writer) = stream.into_split();
        let Some(config) = &route.tls else {
            return Ok(Self { socket, reader: Reader::Plain(reader), writer: Writer::Plain(writer) });
        };
        let (reader, writer) =
            tls::connect(Arc::clone(config), route.target.host(), (reader, writer)).await?;
        Ok(Self { socket, reader: Reader::Tls(Box::new(reader)), writer: Writer::Tls(Box::new(writer)) })
    }
}

impl Reader {
    /// Reads behind what the buffer holds, `bytes_max` at most where nothing is encrypted; 0 at the end.
    pub async fn read(&mut self, mut input: Vec<u8>, bytes_max: usize) -> (io::Result<usize>, Vec<u8>) {
        match self {
            Self::Plain(tcp) => {
                input.reserve(READ_BYTES / 2);
                let (begin, end) = (input.len(), input.capacity().min(input.len() + bytes_max));
                let (read, slice): (io::Result<usize>, SliceMut<Vec<u8>>) =
                    tcp.read(input.slice_mut(begin..end)).await;
                (read, slice.into_inner())
            }
            Self::Tls(tls) => tls.read(input).await,
        }
    }
}

impl Writer {
    pub async fn write(&mut self, bytes: Rc<Vec<u8>>) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes).await.0.map(drop),
            Self::Tls(tls) => tls.write(&bytes).await,
        }
    }
}
