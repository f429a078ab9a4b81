//! Opening connections to upstreams.

use super::deadline::Cutter;
use super::descriptors::{self, Room};
use super::stream::Stream;
use super::tcp::split;
use super::{runtime, tls};
use crate::contract::snapshot::OriginTls;
use monoio::net::TcpStream;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// No address accepted a TCP connection.
    Refused(io::Error),
    /// This machine has no descriptor or no memory for one more connection; the peer was not asked.
    Exhausted(io::Error),
    Timeout,
    /// TCP was there, TLS was not.
    Tls(io::Error),
}

/// How long an address is tried alone. Source: RFC 8305, 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address that accepts, and makes TLS if the origin wants it; both within `timeout`. Gives the
/// address, too.
///
/// # Errors
/// See [`ConnectError`]; of several addresses the last one's error is told.
pub async fn connect(
    addresses: &[SocketAddr],
    tls: Option<&OriginTls>,
    timeout: Duration,
) -> Result<(Stream, IpAddr), ConnectError> {
    runtime::within(timeout, async {
        let tcp = first_that_accepts(addresses).await.map_err(no_connection)?;
        let peer = tcp.peer_addr().map_err(no_connection)?.ip();
        let (reader, writer, fd) = split(tcp);
        if let Room::None { .. } = descriptors::room(fd) {
            return Err(no_connection(io::Error::from_raw_os_error(libc::EMFILE)));
        }
        let cutter = Cutter::Socket(fd);
        let stream = match tls {
            Some(tls) => {
                let handshake = tls::connect((reader, writer), tls.config.clone(), tls.server_name.clone());
                Stream::secured(handshake.await.map_err(ConnectError::Tls)?, cutter)
            }
            None => Stream::plain((reader, writer), cutter),
        };
        Ok((stream, peer))
    })
    .await
    .unwrap_or(Err(ConnectError::Timeout))
}

fn no_connection(error: io::Error) -> ConnectError {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => ConnectError::Exhausted(error),
        _ => ConnectError::Refused(error),
    }
}

/// Tries the addresses in their order. Each has a short start before the next one is tried beside it, so that an
/// address that swallows packets costs little time; one that refuses gives way at once.
async fn first_that_accepts(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut untried = addresses.iter();
    let mut attempts = vec![];
    let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match untried.next() {
            Some(address) => attempts.push(Box::pin(TcpStream::connect_addr(*address))),
            None if attempts.is_empty() => return Err(refusal),
            None => {}
        }
        let start = if untried.len() == 0 { Duration::MAX } else { HEAD_START };
        match runtime::within(start, any(&mut attempts)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => refusal = error,
            None => {}
        }
    }
}

/// The first of some futures to end, which is taken out of them.
async fn any<F: Future>(running: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|cx| {
        for index in 0..running.len() {
            if let Poll::Ready(output) = running[index].as_mut().poll(cx) {
                drop(running.swap_remove(index));
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime::Wanted;
    use socket2::{Domain, Socket, Type};
    use std::net::TcpListener;
    use std::time::Instant;

    /// Addresses that swallow packets, or refuse, before the one that accepts cost a head start each, or nothing;
    /// the limit is for all together. On both drivers.
    #[test]
    fn silent_addresses_cost_little() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let good = listener.local_addr().expect("bound");
        let refusing = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        refusing.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let refused = refusing.local_addr().expect("bound").as_socket().expect("an address");
        let Some((silent, _held)) = silent() else {
            eprintln!("skipped: this kernel's queue of connections does not fill up");
            return;
        };
        let limit = Duration::from_secs(10);
        let timed = |wanted, addresses: &[SocketAddr], limit| {
            let began = Instant::now();
            let connected =
                runtime::block_on(wanted, |_| connect(addresses, None, limit)).expect("a runtime");
            (connected.map(drop), began.elapsed())
        };
        for wanted in [Wanted::Auto, Wanted::Epoll] {
            for (addresses, most) in [
                (&[good][..], HEAD_START),
                (&[refused, good], HEAD_START),
                (&[silent, good], 4 * HEAD_START),
                (&[silent, refused, silent, good], 6 * HEAD_START),
            ] {
                let (connected, took) = timed(wanted, addresses, limit);
                assert!(connected.is_ok() && took < most, "{addresses:?}: {took:?} {connected:?}");
            }
            let (connected, took) = timed(wanted, &[silent, silent], 2 * HEAD_START);
            assert!(matches!(connected, Err(ConnectError::Timeout)) && took < 8 * HEAD_START, "{took:?}");
            let (connected, took) = timed(wanted, &[refused, refused], limit);
            assert!(matches!(connected, Err(ConnectError::Refused(_))) && took < HEAD_START, "{took:?}");
        }
    }

    /// An address that answers nothing: so many connections wait before its listener that a further one is
    /// ignored.
    fn silent() -> Option<(SocketAddr, (Socket, Vec<std::net::TcpStream>))> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        socket.listen(0).expect("it listens");
        let address = socket.local_addr().expect("bound").as_socket().expect("an address");
        let mut queued = vec![];
        for _ in 0..16 {
            match std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(stream) => queued.push(stream),
                Err(_) => return Some((address, (socket, queued))),
            }
        }
        None
    }
}
