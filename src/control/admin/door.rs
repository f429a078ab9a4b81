//! Who may come in to the operator's interface: anybody who reaches its address, but only so many at once.
//!
//! Takes a listening socket; gives connections, of which the oldest gives way to a new one where there are too many, until it
//! is told to leave.
//!
//! Invariant: whatever strangers leave open here, an operator's question is heard, and clients of models have their
//! descriptors.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use socket2::SockRef;
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Most connections at once: scrapers and probes are a handful, and ask anew where theirs has ended.
pub const CONNECTIONS_MAX: usize = 32;

/// How soon after a connection could not be accepted, for want of a descriptor, the next is: axum's own listener rests for a
/// second, in which nobody knows how the process is.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// The listening socket, and who came in by it, the longest here first.
pub struct Door {
    /// None once it has left.
    listener: Option<TcpListener>,
    leaves: Arc<Notify>,
    inside: VecDeque<Weak<TcpStream>>,
}

impl Door {
    pub fn new(listener: TcpListener, leaves: Arc<Notify>) -> Self {
        Self { listener: Some(listener), leaves, inside: VecDeque::new() }
    }

    fn let_in(&mut self, stream: TcpStream) -> Visitor {
        if self.inside.len() >= CONNECTIONS_MAX {
            self.inside.retain(|visitor| visitor.strong_count() > 0);
        }
        if self.inside.len() >= CONNECTIONS_MAX
            && let Some(oldest) = self.inside.pop_front().and_then(|visitor| visitor.upgrade())
        {
            // It reads its end and is dropped; that it has ended by itself meanwhile is no matter.
            drop(SockRef::from(&*oldest).shutdown(Shutdown::Both));
        }
        let stream = Arc::new(stream);
        self.inside.push_back(Arc::downgrade(&stream));
        Visitor(stream)
    }
}

impl Listener for Door {
    type Io = Visitor;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visitor, SocketAddr) {
        loop {
            let Some(listener) = &self.listener else { return pending().await };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.leaves.notified() => {
                    self.listener = None;
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => return (self.let_in(stream), peer),
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection that the door can end.
pub struct Visitor(Arc<TcpStream>);

impl AsyncRead for Visitor {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(bytes) => {
                    buf.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}
