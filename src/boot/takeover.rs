//! Handing the listening sockets to a successor, so that a new binary serves the same ports without one refused
//! connection.
//!
//! The running process offers its sockets on an abstract Unix socket named after its user and first address. The
//! successor (`serve --take-over`) gets the very same sockets, starts to accept on them, says so, and the old
//! process drains.
//!
//! Invariant: sockets go to processes of the same user only; until a successor has said that it serves, the old
//! process goes on as if nothing had happened. One that ends by itself offers nothing any more: what is offered is open,
//! and clients would wait before it in vain. Whoever has sockets already is waited for a little (`supervise`).

use crate::net::listen;
use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg, sockopt,
};
use rustix::process::{PidfdFlags, pidfd_open, test_kill_process};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Descriptors in one message; the kernel's own limit is 253.
const FDS_MAX: usize = 64;
const READY: &[u8] = b"ready\n";
/// How long a predecessor may take to hand over, and a successor to start.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a predecessor may take to hear that its successor serves.
const HEARS: Duration = Duration::from_secs(2);

fn address(first: SocketAddr) -> Result<UnixAddress> {
    let user = rustix::process::getuid().as_raw();
    Ok(UnixAddress::from_abstract_name(format!("ringgate/{user}/{first}"))?)
}

/// Sockets that a predecessor handed over, and the line on which it waits.
pub struct Inherited {
    pub sockets: Vec<TcpListener>,
    line: UnixStream,
}

impl Inherited {
    /// Asks the process whose first address is one of these for its sockets: addresses may have been added before that, or
    /// stand in another order.
    ///
    /// # Errors
    /// Nobody offers them, or the offer was broken off.
    pub fn ask(addresses: &[SocketAddr]) -> Result<Self> {
        let first = addresses.first().context("there is no listener")?;
        let lines =
            addresses.iter().filter_map(|known| UnixStream::connect_addr(&address(*known).ok()?).ok());
        let nobody = || {
            let known: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("no running ringgate of this user has {} for its first address", known.join(" or "))
        };
        let line = { lines }.next().with_context(nobody)?;
        if sockopt::socket_peercred(&line)?.uid != rustix::process::getuid() {
            bail!("the process that offers the sockets of {first} belongs to another user");
        }
        line.set_read_timeout(Some(PATIENCE))?;
        let mut sockets = vec![];
        loop {
            let (more, fds) = receive(&line)
                .context("the running ringgate does not hand its sockets over (or to another process)")?;
            sockets.extend(fds.into_iter().map(TcpListener::from));
            if !more {
                return Ok(Self { sockets, line });
            }
        }
    }

    /// Takes out the sockets that listen on `address`.
    pub fn take(&mut self, address: SocketAddr) -> Vec<TcpListener> {
        let (found, rest) =
            self.sockets.drain(..).partition(|socket| socket.local_addr().is_ok_and(|at| at == address));
        self.sockets = rest;
        found
    }

    /// Tells the predecessor that its sockets are served here now, and waits until it knows. One that has ended meanwhile, or is
    /// about to, need not. Those that nobody took have nobody to serve them once it has closed them: who would connect there is
    /// not heard any more, so that nobody is who is reset then.
    ///
    /// # Errors
    /// It serves on, and waits for no successor.
    pub fn ready(mut self) -> Result<()> {
        match self.line.write_all(READY) {
            Err(error) if peer_stays(&self.line, HEARS) => return Err(error.into()),
            Err(_) | Ok(()) => {}
        }
        self.line.set_read_timeout(Some(HEARS))?;
        // It hangs up; if it does not, it has something else to do than to close sockets.
        drop(self.line.read(&mut [0]));
        ignore_newcomers(&self.sockets);
        Ok(())
    }
}

/// Whether the process at the other end is there, and stays so long. One that ends hangs up before it is gone, and is there for
/// its parent even then.
fn peer_stays(line: &UnixStream, patience: Duration) -> bool {
    let Ok(peer) = sockopt::socket_peercred(line) else { return false };
    match pidfd_open(peer.pid, PidfdFlags::empty()) {
        Ok(process) => {
            let mut asked = [PollFd::new(&process, PollFlags::IN)];
            let patience = Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: 0 };
            poll(&mut asked, Some(&patience)) != Ok(1)
        }
        Err(Errno::SRCH) => false,
        Err(_) => test_kill_process(peer.pid).is_ok(),
    }
}

fn receive(line: &UnixStream) -> Result<(bool, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let got = recvmsg(line, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes != 1 {
        bail!("the running process broke the hand-over off");
    }
    let mut fds = vec![];
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    Ok((byte[0] == b'+', fds))
}

/// Copies of the sockets that a process listens on.
#[derive(Default)]
pub struct Sockets {
    pub clients: Vec<TcpListener>,
    pub admin: Option<TcpListener>,
}

impl Sockets {
    fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Lets clients connect although a predecessor that was told to end while it was succeeded has forbidden it.
    pub fn heed_newcomers(&self) {
        self.clients.iter().for_each(listen::heed_newcomers);
    }
}

/// Lets no client connect any more, where nobody will accept from them who does not now.
fn ignore_newcomers(sockets: &[TcpListener]) {
    for socket in sockets {
        // Where it is not allowed, those that come in the last moment are reset.
        drop(listen::ignore_newcomers(socket));
    }
}

/// Sockets that are offered; none once they were withdrawn.
#[derive(Clone)]
pub struct Offer {
    sockets: Arc<Mutex<Sockets>>,
    /// Whether a successor has them, and is about to serve.
    has_successor: Arc<AtomicBool>,
    address: UnixAddress,
}

impl Offer {
    /// Closes what is offered, if it still is: then no client may connect any more.
    pub fn withdraw(self) {
        let mut sockets = self.sockets();
        ignore_newcomers(&sockets.clients);
        let offered = std::mem::take(&mut *sockets);
        drop(sockets);
        if !offered.is_empty() {
            // Wakes the thread, which lets go of the name. Where nobody listens there is none.
            drop(UnixStream::connect_addr(&self.address));
        }
    }

    /// Whether somebody has the sockets who has not said yet that he serves, and lives.
    pub fn has_successor(&self) -> bool {
        self.has_successor.load(Relaxed)
    }

    fn is_withdrawn(&self) -> bool {
        self.sockets().is_empty()
    }

    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Offers sockets until a successor has taken over; then calls `taken`, once. Runs on a thread of its own, and is there for
/// successors at once, where no predecessor holds the name still.
///
/// # Errors
/// The thread cannot be started.
pub fn offer(first: SocketAddr, sockets: Sockets, taken: impl FnOnce() + Send + 'static) -> Result<Offer> {
    let sockets = Arc::new(Mutex::new(sockets));
    let offered = Offer { sockets, has_successor: Arc::default(), address: address(first)? };
    let offer = offered.clone();
    let mut bound = UnixListener::bind_addr(&offered.address);
    std::thread::Builder::new().name("takeover".into()).spawn(move || {
        let listener = loop {
            match bound {
                Ok(listener) => break listener,
                Err(_) if offer.is_withdrawn() => return,
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
            bound = UnixListener::bind_addr(&offer.address);
        };
        for line in listener.incoming().flatten() {
            if offer.is_withdrawn() {
                return;
            }
            if hand_over(&line, &offer).is_ok() {
                drop(listener);
                drop(std::mem::take(&mut *offer.sockets()));
                // From here on nothing is done to the successor's sockets, and it may know.
                drop(line);
                taken();
                return;
            }
            offer.has_successor.store(false, Relaxed);
        }
    })?;
    Ok(offered)
}

fn hand_over(mut line: &UnixStream, offer: &Offer) -> Result<()> {
    let peer = sockopt::socket_peercred(line)?;
    if peer.uid != rustix::process::getuid() {
        bail!("another user asks");
    }
    send(line, &offer.sockets())?;
    offer.has_successor.store(true, Relaxed);
    line.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0; READY.len()];
    line.read_exact(&mut answer)?;
    if answer != READY || !peer_stays(line, Duration::ZERO) {
        bail!("the successor did not start, or died as soon as it had");
    }
    Ok(())
}

fn send(line: &UnixStream, sockets: &Sockets) -> Result<()> {
    let fds: Vec<_> = sockets.clients.iter().chain(&sockets.admin).map(AsFd::as_fd).collect();
    let groups: Vec<_> = fds.chunks(FDS_MAX).collect();
    for (index, group) in groups.iter().enumerate() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(group)) {
            bail!("too many descriptors for one message");
        }
        let more = if index + 1 < groups.len() { b"+" } else { b"." };
        sendmsg(line, &[IoSlice::new(more)], &mut ancillary, SendFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::sync::mpsc::channel;

    fn offered_for(socket: TcpListener) -> Sockets {
        Sockets { clients: vec![socket], admin: None }
    }

    /// A successor gets working sockets, and the predecessor is told only when the successor is ready; one that
    /// dies before does not count.
    #[test]
    fn sockets_change_hands() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let first = socket.local_addr().expect("bound");
        let (taken, told) = channel();
        let offered = offer(first, offered_for(socket), move || taken.send(()).expect("the test waits"));
        let ask = || loop {
            // The offer's thread may not have come to its socket yet.
            match Inherited::ask(&[first]) {
                Ok(inherited) => break inherited,
                Err(_) => std::thread::yield_now(),
            }
        };
        drop(ask());
        let mut inherited = ask();
        assert!(told.try_recv().is_err());
        let sockets = inherited.take(first);
        assert_eq!(sockets.len(), 1);
        inherited.ready().expect("the offer waits");
        told.recv().expect("taken over");
        let client = TcpStream::connect(first).expect("still listening");
        let (_, peer) = sockets[0].accept().expect("a connection waits");
        assert_eq!(peer, client.local_addr().expect("connected"));
        assert!(offered.expect("a thread").is_withdrawn());
    }

    /// What was withdrawn is closed, and nobody is offered it.
    #[test]
    fn offers_are_withdrawn() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let first = socket.local_addr().expect("bound");
        let copy = socket.try_clone().expect("a descriptor");
        let offered =
            offer(first, offered_for(copy), || unreachable!("nobody has taken it over")).expect("a thread");
        while UnixStream::connect_addr(&offered.address).is_err() {
            std::thread::yield_now();
        }
        drop(socket);
        assert!(TcpStream::connect(first).is_ok(), "it is open as long as it is offered");
        offered.withdraw();
        assert!(TcpStream::connect(first).is_err());
        assert!(Inherited::ask(&[first]).is_err());
    }

    /// It is found by any of its successor's addresses, hands over what that does not know, too, and those are closed to
    /// newcomers once both serve. While a successor has said nothing yet, it is known to be there.
    #[test]
    fn what_nobody_takes_is_closed() {
        let sockets = [(); 100].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let at = |index: usize| sockets[index].local_addr().expect("bound");
        let copies = sockets.iter().map(|socket| socket.try_clone().expect("a descriptor")).collect();
        let (first, last, (taken, told)) = (at(0), at(99), channel());
        let offered = Sockets { clients: copies, admin: None };
        let offered =
            offer(first, offered, move || taken.send(()).expect("the test waits")).expect("a thread");
        let unknown = "127.0.0.1:1".parse().expect("an address");
        let mut inherited = loop {
            match Inherited::ask(&[unknown, first]) {
                Ok(inherited) => break inherited,
                Err(_) => std::thread::yield_now(),
            }
        };
        assert_eq!(inherited.sockets.len(), 100);
        while !offered.has_successor() {
            std::thread::yield_now();
        }
        assert_eq!(inherited.take(first).len(), 1);
        inherited.ready().expect("the offer waits");
        told.recv().expect("taken over");
        assert!(TcpStream::connect(first).is_ok());
        let limit = Duration::from_millis(300);
        let refused = TcpStream::connect_timeout(&last, limit).expect_err("nobody is heard");
        assert_eq!(refused.kind(), std::io::ErrorKind::TimedOut);
    }
}
