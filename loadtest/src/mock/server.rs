//! The threads of a mock: listeners, accept loops, and the end of it all.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use monoio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use super::answers::Answers;
use super::connection::{Shared, serve};
use super::options::MockOptions;
use super::stats::Counters;
use crate::runtime::{self, Driver, Wanted};
use crate::sys;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Accepts that wait at a time on a ring: each brings one connection per turn of the loop. Epoll wakes only the last
/// of several that wait on one listener, so there it must be one.
const ACCEPTS: usize = 4;

/// How long connections have to end when the mock is stopped.
const STOP_WAIT: Duration = Duration::from_millis(500);

/// Listeners for so many threads, all on one address; the port is chosen if it is 0.
pub fn listen(mut address: SocketAddr, threads: usize) -> io::Result<(SocketAddr, Vec<StdListener>)> {
    let mut listeners = Vec::with_capacity(threads);
    for _ in 0..threads {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // With one thread, a port that is taken is to be an error.
        socket.set_reuse_port(threads > 1)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = StdListener::from(socket);
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((address, listeners))
}

/// What one thread needs.
pub struct Worker {
    pub options: MockOptions,
    pub listener: StdListener,
    pub counters: Arc<Counters>,
    /// The core to run on.
    pub cpu: Option<usize>,
    /// Told once what the thread runs on, or why it cannot.
    pub ready: Sender<io::Result<Driver>>,
}

impl Worker {
    /// Serves until the listener is shut down.
    pub fn run(self) {
        let ready = self.ready.clone();
        if let Err(failed) = self.try_run() {
            tell(&ready, Err(failed));
        }
    }

    fn try_run(self) -> io::Result<()> {
        if let Some(cpu) = self.cpu {
            sys::pin_to(cpu)?;
        }
        let wanted = if self.options.epoll { Wanted::Epoll } else { Wanted::Best };
        runtime::block_on(wanted, |driver| self.serve(driver))?
    }

    async fn serve(self, driver: Driver) -> io::Result<()> {
        self.listener.set_nonblocking(driver == Driver::Epoll)?;
        let listener = Rc::new(TcpListener::from_std(self.listener)?);
        let shared = Rc::new(Shared {
            answers: RefCell::new(Answers::new(self.options.settings, !self.options.recording.is_empty())),
            counters: self.counters,
            seed: self.options.seed,
            recording: self.options.recording,
            stamps: self.options.settings.stamps,
        });
        let open = Rc::new(RefCell::new(BTreeSet::new()));
        tell(&self.ready, Ok(driver));
        let accepts = if driver == Driver::Epoll { 1 } else { ACCEPTS };
        let loops: Vec<_> = (0..accepts)
            .map(|_| monoio::spawn(accept(Rc::clone(&listener), Rc::clone(&shared), Rc::clone(&open))))
            .collect();
        for accepting in loops {
            accepting.await;
        }
        end_all(&open).await;
        Ok(())
    }
}

/// Whoever started the thread may be gone.
fn tell(ready: &Sender<io::Result<Driver>>, what: io::Result<Driver>) {
    drop(ready.send(what));
}

/// Connections of one thread that are open.
type Open = RefCell<BTreeSet<RawFd>>;

async fn accept(listener: Rc<TcpListener>, shared: Rc<Shared>, open: Rc<Open>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(monoio::spawn(connection(stream, Rc::clone(&shared), Rc::clone(&open)))),
            Err(stopped) if stopped.raw_os_error() == Some(libc::EINVAL) => return,
            // Out of descriptors, or a client that was gone before it was accepted.
            Err(_) => monoio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Rc<Shared>, open: Rc<Open>) {
    let socket = stream.as_raw_fd();
    let counters = Arc::clone(&shared.counters);
    counters.connection_opened();
    open.borrow_mut().insert(socket);
    if stream.set_nodelay(true).is_ok() {
        let ended = serve(stream, shared).await;
        // Before the number can belong to another connection.
        open.borrow_mut().remove(&socket);
        drop(ended);
    } else {
        open.borrow_mut().remove(&socket);
    }
    counters.connection_closed();
}

/// Ends the connections that are open, and waits until they have.
async fn end_all(open: &Open) {
    let sockets: Vec<RawFd> = open.borrow().iter().copied().collect();
    sockets.into_iter().for_each(sys::shutdown_both);
    let deadline = Instant::now() + STOP_WAIT;
    while !open.borrow().is_empty() && Instant::now() < deadline {
        monoio::time::sleep(Duration::from_millis(1)).await;
    }
}
