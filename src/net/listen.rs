//! Listening sockets: bound once by `boot`, one per shard, accepted from here.
//!
//! Invariant: an accept is never abandoned. To stop, it is cancelled and its result awaited, so that a
//! connection which the kernel already handed over is served and not lost; those that wait then are taken, too.

use super::deadline::Cutter;
use super::descriptors::{self, Room};
use super::runtime::{self, Driver};
use super::stream::{Protocol, Reader, Stream, TcpReader, TcpWriter, Writer, split};
use super::tls;
use monoio::io::{CancelHandle, Canceller};
use monoio::net::TcpListener;
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

const BACKLOG: i32 = 4096;

/// How long it takes to accept a connection that waits, at most.
const TAKES: Duration = Duration::from_millis(5);

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

#[derive(Clone, Copy)]
enum Sharing {
    /// Fails if anybody listens there: `SO_REUSEPORT` alone would quietly share the port with another process.
    Alone,
    Shards,
}

fn socket(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::TcpListener> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(SocketProtocol::TCP))?;
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
        Ok(Self { listener: TcpListener::from_std(socket)? })
    }

    /// Whether a connection waits to be accepted.
    #[expect(unsafe_code, reason = "poll(2)")]
    pub fn has_waiting(&self) -> bool {
        let mut asked = libc::pollfd { fd: self.listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the kernel reads and writes the one entry that it is given.
        unsafe { libc::poll(&raw mut asked, 1, 0) == 1 }
    }

    /// The next connection.
    ///
    /// # Errors
    /// Stopped (`ECANCELED`), or the process is out of descriptors or memory.
    pub async fn accept(&self, stop: &StopHandle) -> io::Result<Accepted> {
        let (stream, peer) = self.listener.cancelable_accept(stop.0.clone()).await?;
        let (reader, writer, fd) = split(stream);
        Ok(Accepted { reader, writer, cutter: Cutter::Socket(fd), peer })
    }

    /// A connection that waits already, if there is one.
    pub async fn accept_waiting(&self) -> Option<Accepted> {
        if !self.has_waiting() {
            return None;
        }
        let stop = Stop::default();
        let handle = stop.handle();
        let mut accept = pin!(self.accept(&handle));
        if let Some(accepted) = runtime::within(TAKES, accept.as_mut()).await {
            return accepted.ok();
        }
        // Another was faster.
        stop.stop();
        accept.await.ok()
    }
}

impl Accepted {
    /// What there is for it and what it may want.
    pub fn room(&self) -> Room {
        match self.cutter {
            Cutter::Socket(fd) => descriptors::room(fd),
            Cutter::Pipe(_) => Room::Enough,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime::{self, Wanted};
    use std::net::TcpStream;
    use std::time::Duration;

    /// Those that wait are taken, one after the other, and where nobody waits nobody is waited for. On both drivers.
    #[test]
    fn who_waits_is_taken() {
        for wanted in [Wanted::Auto, Wanted::Epoll] {
            let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1).expect("a free port").remove(0);
            let address = socket.local_addr().expect("bound");
            let took = runtime::block_on(wanted, async |driver| {
                let listener = Listener::adopt(socket, driver).expect("a runtime");
                for waiting in [0, 3, 0, 1] {
                    let clients: Vec<_> =
                        (0..waiting).map(|_| TcpStream::connect(address).expect("it listens")).collect();
                    for client in &clients {
                        let taken = listener.accept_waiting().await.expect("one waits");
                        assert_eq!(taken.peer, client.local_addr().expect("connected"));
                    }
                    let limit = Duration::from_secs(20);
                    let nobody = runtime::within(limit, listener.accept_waiting()).await;
                    assert!(nobody.is_some_and(|nobody| nobody.is_none()));
                }
            });
            took.expect("a runtime");
        }
    }
}
