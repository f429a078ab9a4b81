//! Listening sockets: bound once by `boot`, one per shard, accepted from here.
//!
//! Invariant: an accept is never abandoned. To stop, it is cancelled and its result awaited, so that a
//! connection which the kernel already handed over is served and not lost.

use super::deadline::Cutter;
use super::runtime::Driver;
use super::stream::{Protocol, Reader, Stream, TcpReader, TcpWriter, Writer, split};
use super::tls;
use monoio::io::{CancelHandle, Canceller};
use monoio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

const BACKLOG: i32 = 4096;

/// Binds `count` sockets to one address, between which the kernel spreads connections. Port 0 is chosen once.
///
/// # Errors
/// The address is in use by something else, not this machine's, or not allowed.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<std::net::TcpListener>> {
    drop(socket(address, Sharing::Alone)?);
    let first = socket(address, Sharing::Shards)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(socket(address, Sharing::Shards)?);
    }
    Ok(listeners)
}

enum Sharing {
    /// Fails if anybody listens there: `SO_REUSEPORT` alone would quietly share the port with another process.
    Alone,
    Shards,
}

fn socket(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(SocketProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    match sharing {
        Sharing::Alone => socket.bind(&address.into())?,
        Sharing::Shards => {
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
        }
    }
    Ok(socket.into())
}

/// A shard's listening socket.
pub struct Listener {
    listener: TcpListener,
    /// The same socket, for calls that do not go through the runtime.
    direct: Socket,
    driver: Driver,
}

/// A connection before anything was said on it.
pub struct Accepted {
    reader: TcpReader,
    writer: TcpWriter,
    cutter: Cutter,
    pub peer: SocketAddr,
}

/// Ends the accepts of a shard.
#[derive(Default)]
pub struct Stop(Canceller);

impl Stop {
    pub fn handle(&self) -> StopHandle {
        StopHandle(self.0.handle())
    }

    /// Ends all accepts in flight and to come.
    pub fn stop(self) {
        drop(self.0.cancel());
    }
}

#[derive(Clone)]
pub struct StopHandle(CancelHandle);

impl Listener {
    /// Takes a bound socket into this thread's runtime.
    ///
    /// # Errors
    /// The runtime refuses the descriptor.
    pub fn adopt(socket: std::net::TcpListener, driver: Driver) -> io::Result<Self> {
        // The ring waits by itself on a blocking socket; on a non-blocking one it would report EAGAIN.
        socket.set_nonblocking(driver == Driver::Epoll)?;
        let direct = socket.try_clone()?.into();
        Ok(Self { listener: TcpListener::from_std(socket)?, direct, driver })
    }

    /// The next connection.
    ///
    /// # Errors
    /// Stopped (`ECANCELED`), or the process is out of descriptors or memory.
    pub async fn accept(&self, stop: &StopHandle) -> io::Result<Accepted> {
        let (stream, peer) = self.listener.cancelable_accept(stop.0.clone()).await?;
        Ok(Accepted::new(stream, peer))
    }

    /// A connection that waits although nobody accepts here any more.
    ///
    /// The kernel wakes one accept for a connection. If that one was being cancelled, nobody else learns of the
    /// connection: not the other shards, and not a successor that listens on the same socket.
    pub fn leftover(&self) -> Option<Accepted> {
        // Another process may be quicker: then the call gives up after this time.
        let patience = Some(Duration::from_millis(1));
        if !is_readable(self.direct.as_raw_fd()) || self.direct.set_read_timeout(patience).is_err() {
            return None;
        }
        let (accepted, _) = self.direct.accept().ok()?;
        accepted.set_nonblocking(self.driver == Driver::Epoll).ok()?;
        let peer = accepted.peer_addr().ok()?.as_socket()?;
        let stream = TcpStream::from_std(accepted.into()).ok()?;
        Some(Accepted::new(stream, peer))
    }
}

#[expect(unsafe_code, reason = "poll(2)")]
fn is_readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which outlives the call; the call does not wait.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
}

impl Accepted {
    fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        let (reader, writer, fd) = split(stream);
        Self { reader, writer, cutter: Cutter::Socket(fd), peer }
    }

    /// The connection without TLS.
    pub fn plain(self) -> Stream {
        Stream {
            reader: Reader::Tcp(self.reader),
            writer: Writer::Tcp(self.writer),
            cutter: self.cutter,
            protocol: Protocol::Unknown,
        }
    }

    /// The connection after a TLS handshake.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn secure(self, config: Arc<rustls::ServerConfig>) -> io::Result<Stream> {
        tls::accept((self.reader, self.writer), self.cutter, config).await
    }
}
