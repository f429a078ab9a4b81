//! Listening sockets: bound once by `boot`, one per shard, accepted from here.
//!
//! Invariant: an accept is never abandoned. To stop, it is cancelled and its result awaited, so that a
//! connection which the kernel already handed over is served and not lost; those that wait then are taken, too.

use super::deadline::{Cutter, Deadline, Deadlines};
use super::descriptors::{self, Room};
use super::runtime::{self, Driver};
use super::stream::Stream;
use super::tcp::{TcpReader, TcpWriter, split};
use super::tls;
use monoio::io::{CancelHandle, Canceller};
use monoio::net::TcpListener;
use socket2::{Domain, Protocol as SocketProtocol, SockFilter, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
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

/// A filter that drops segments of TCP which ask for a connection. 13: where a segment has its flags, of which 2 is SYN.
///
/// Source: RFC 9293, 3.1; the kernel's documentation of socket filters.
const NO_NEWCOMERS: [SockFilter; 4] = [
    SockFilter::new((libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16, 0, 0, 13),
    SockFilter::new((libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16, 0, 1, 2),
    SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0),
    SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, u32::MAX),
];

/// Has nobody more connect to a socket, whoever holds it, while those that are connected, or nearly, may still be accepted:
/// a socket that is closed resets them. Who is not heard asks again after a second, and is refused if it is closed by then.
///
/// # Errors
/// The kernel takes no filter.
pub fn ignore_newcomers(socket: &std::net::TcpListener) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&NO_NEWCOMERS)
}

/// Takes the filter away, if there is one.
pub fn heed_newcomers(socket: &std::net::TcpListener) {
    // Fails where there is none.
    drop(SockRef::from(socket).detach_filter());
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

/// Whether an accept ended because it was told to.
pub fn was_stopped(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ECANCELED)
}

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
    /// Stopped ([`was_stopped`]), or the process is out of descriptors or memory.
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

    /// A deadline for what is done with it first, which is to go before the connection does.
    pub fn deadline(&self, deadlines: &Rc<Deadlines>) -> Deadline {
        deadlines.register(self.cutter.clone())
    }

    /// The connection without TLS.
    pub fn plain(self) -> Stream {
        Stream::plain((self.reader, self.writer), self.cutter)
    }

    /// The connection after a TLS handshake.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn secure(self, config: Arc<rustls::ServerConfig>) -> io::Result<Stream> {
        let secured = tls::accept((self.reader, self.writer), config).await?;
        Ok(Stream::secured(secured, self.cutter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime::{self, Wanted};
    use std::io::{Read as _, Write as _};
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

    /// Who has connected before the door was closed to newcomers is accepted and heard; nobody else connects, until it is
    /// opened again.
    #[test]
    fn newcomers_are_ignored() {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let address = loopback.parse().expect("an address");
            let Ok(mut sockets) = bind(address, 1) else {
                eprintln!("skipped: there is no {address}");
                continue;
            };
            let socket = sockets.remove(0);
            let address = socket.local_addr().expect("bound");
            let mut before = TcpStream::connect(address).expect("it listens");
            ignore_newcomers(&socket).expect("a filter");
            let limit = Duration::from_millis(300);
            let refused = TcpStream::connect_timeout(&address, limit).expect_err("nobody is heard");
            assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
            let (mut accepted, peer) = socket.accept().expect("one waits");
            assert_eq!(peer, before.local_addr().expect("connected"));
            before.write_all(b"asked").expect("it is open");
            let mut heard = [0; 5];
            accepted.read_exact(&mut heard).expect("what was said");
            heed_newcomers(&socket);
            assert!(TcpStream::connect_timeout(&address, Duration::from_secs(20)).is_ok());
        }
    }
}
