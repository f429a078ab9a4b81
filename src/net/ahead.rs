//! A reading half whose next read is posted before anybody waits for it.
//!
//! Takes a `Reader`; gives reads that are begun at one time and awaited at another, and tells of a connection that
//! rests whether anything has arrived on it.
//!
//! Invariant: one read at a time is on its way, and what it brings is handed out once. The read's future lies in
//! one box for the life of the connection: beginning a read allocates nothing. A pipe has no such future.

use super::pipe::PipeReader;
use super::stream::Reader;
use crate::base::buf::Buf;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// What a read brought, and the buffer with it.
pub type Arrived = (io::Result<usize>, Buf);

/// A reader with a read of its own.
pub struct ReadAhead {
    source: Source,
    begun: bool,
    /// Set by bytes from the socket that may give a read nothing: a TLS ticket, a part of a TLS record.
    stirred: Option<Rc<Cell<bool>>>,
}

/// Where the bytes come from.
enum Source {
    Socket { pump: Pin<Box<dyn Future<Output = Infallible>>>, desk: Rc<Desk> },
    Pipe { reader: PipeReader, ordered: Buf },
}

/// Where the reads are ordered and delivered.
#[derive(Default)]
struct Desk {
    ordered: Cell<Option<Buf>>,
    arrived: Cell<Option<Arrived>>,
}

impl ReadAhead {
    pub fn new(reader: Reader) -> Self {
        let stirred = reader.stirred();
        let source = match reader {
            Reader::Pipe(reader) => Source::Pipe { reader, ordered: Buf::default() },
            socket @ (Reader::Tcp(_) | Reader::Tls(_)) => {
                let desk = Rc::<Desk>::default();
                Source::Socket { pump: Box::pin(pump(socket, desk.clone())), desk }
            }
        };
        Self { source, begun: false, stirred }
    }

    /// Begins a read into the room of `buf`. To be followed by a poll, which posts it.
    pub fn begin(&mut self, buf: Buf) {
        debug_assert!(!self.begun, "one read at a time");
        self.begun = true;
        match &mut self.source {
            Source::Socket { desk, .. } => desk.ordered.set(Some(buf)),
            Source::Pipe { ordered, .. } => *ordered = buf,
        }
    }

    /// Whether a read was begun whose bytes nobody has taken.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// What the read that was begun brought; 0 bytes are the end of the connection.
    pub fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        let arrived = match &mut self.source {
            Source::Socket { pump, desk } => {
                let Poll::Pending = pump.as_mut().poll(cx);
                let Some(arrived) = desk.arrived.take() else { return Poll::Pending };
                arrived
            }
            Source::Pipe { reader, ordered } => {
                let read = ready!(reader.poll_read(ordered));
                (read, std::mem::take(ordered))
            }
        };
        self.begun = false;
        Poll::Ready(arrived)
    }

    /// Waits for the read that was begun. May be given up, and asked again.
    pub async fn arrived(&mut self) -> Arrived {
        debug_assert!(self.begun, "nothing would ever arrive");
        poll_fn(|cx| self.poll_arrived(cx)).await
    }

    /// Reads into the room of `buf`.
    pub async fn read(&mut self, buf: Buf) -> Arrived {
        self.begin(buf);
        self.arrived().await
    }

    /// Begins a read on a connection that is to rest. False if something is there already.
    pub fn rest(&mut self, buf: Buf) -> bool {
        if let Some(stirred) = &self.stirred {
            stirred.set(false);
        }
        self.begin(buf);
        self.is_quiet()
    }

    /// Whether nothing has arrived on a connection that rests: no bytes, no end. It is what the driver saw when it
    /// last looked, at most one turn of its loop ago. What did arrive is lost: such a connection is to be closed.
    pub fn is_quiet(&mut self) -> bool {
        let pending = self.poll_arrived(&mut Context::from_waker(Waker::noop())).is_pending();
        pending && !self.stirred.as_ref().is_some_and(|stirred| stirred.get())
    }
}

/// Reads what is ordered, for ever.
async fn pump(mut reader: Reader, desk: Rc<Desk>) -> Infallible {
    loop {
        let buf = poll_fn(|_| desk.ordered.take().map_or(Poll::Pending, Poll::Ready)).await;
        let arrived = reader.read(buf).await;
        desk.arrived.set(Some(arrived));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime::{self, Wanted};
    use crate::net::tcp::split;
    use monoio::net::TcpListener;
    use std::io::Write;
    use std::net::TcpStream;
    use std::time::Duration;

    /// A connection of this thread, and its peer.
    async fn connection() -> (ReadAhead, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let peer = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
        let (stream, _) = listener.accept().await.expect("a connection");
        (ReadAhead::new(Reader::Tcp(split(stream).0)), peer)
    }

    fn on_both<F: Future<Output = ()>>(test: impl Fn() -> F) {
        for wanted in [Wanted::Auto, Wanted::Epoll] {
            let done = runtime::block_on(wanted, |_| runtime::within(Duration::from_secs(20), test()));
            assert_eq!(done.expect("a runtime"), Some(()), "{wanted:?}: nothing arrived");
        }
    }

    fn buf() -> Buf {
        Buf::with_capacity(16)
    }

    /// What arrives while nobody waits is there for whoever waits next, once, and the reader reads on.
    #[test]
    fn reads_go_on_without_a_waiter() {
        on_both(|| async {
            let (mut ahead, mut peer) = connection().await;
            assert!(ahead.rest(buf()));
            for word in [&b"first"[..], b"second"] {
                peer.write_all(word).expect("it is read");
                let (read, buf) = ahead.arrived().await;
                assert_eq!((read.expect("it is open"), &buf[..]), (word.len(), word));
                assert!(!ahead.has_begun());
                ahead.begin(self::buf());
            }
        });
    }

    /// A connection that rests is quiet until a byte or its end comes.
    #[test]
    fn rest_is_disturbed() {
        on_both(|| async {
            for byte in [Some(b"x"), None] {
                let (mut ahead, mut peer) = connection().await;
                assert!(ahead.rest(buf()) && ahead.is_quiet());
                runtime::sleep(Duration::from_millis(2)).await;
                assert!(ahead.is_quiet(), "nothing has arrived");
                let _kept = byte.map(|byte| {
                    peer.write_all(byte).expect("it is open");
                    peer
                });
                while ahead.is_quiet() {
                    runtime::sleep(Duration::from_millis(1)).await;
                }
            }
        });
    }
}
