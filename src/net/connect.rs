//! Opening connections to upstreams.

use super::deadline::Cutter;
use super::stream::{Protocol, Reader, Stream, Writer, split};
use super::{runtime, tls};
use crate::contract::snapshot::OriginTls;
use monoio::net::TcpStream;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::time::Duration;

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// No address accepted a TCP connection.
    Refused(io::Error),
    Timeout,
    /// TCP was there, TLS was not.
    Tls(io::Error),
}

/// A connection to an upstream and its descriptor (to look at it while it is idle).
pub struct Connected {
    pub stream: Stream,
    pub fd: RawFd,
}

/// Connects to the first address that accepts, and makes TLS if the origin wants it; both within `timeout`.
///
/// # Errors
/// See [`ConnectError`]; of several addresses the last one's error is told.
pub async fn connect(
    addresses: &[SocketAddr],
    tls: Option<&OriginTls>,
    timeout: Duration,
) -> Result<Connected, ConnectError> {
    runtime::within(timeout, async {
        let tcp = first_that_accepts(addresses).await.map_err(ConnectError::Refused)?;
        let (reader, writer, fd) = split(tcp);
        let cutter = Cutter::Socket(fd);
        let stream = match tls {
            Some(tls) => tls::connect((reader, writer), cutter, tls.config.clone(), tls.server_name.clone())
                .await
                .map_err(ConnectError::Tls)?,
            None => Stream {
                reader: Reader::Tcp(reader),
                writer: Writer::Tcp(writer),
                cutter,
                protocol: Protocol::Unknown,
            },
        };
        Ok(Connected { stream, fd })
    })
    .await
    .unwrap_or(Err(ConnectError::Timeout))
}

async fn first_that_accepts(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_addr(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}
