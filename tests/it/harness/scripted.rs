//! An upstream that says exactly what a test writes, true or not.

use super::PATIENCE;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// An address that refuses connections for as long as the socket lives.
pub fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address");
    (socket, address)
}

/// A listener whose connections a test plays.
pub struct Scripted {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    accepted: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One connection to a scripted upstream.
pub struct Peer {
    pub stream: TcpStream,
    rest: Vec<u8>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Calls `play` for each connection, with its number, on a thread of its own.
    pub fn start(play: impl Fn(usize, Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(vec![]));
        let accepted = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let (requests, count, stop, play) =
            (seen.clone(), accepted.clone(), stopping.clone(), Arc::new(play));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let number = count.fetch_add(1, Ordering::Relaxed);
                stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
                stream.set_nodelay(true).expect("delays can be turned off");
                let peer = Peer { stream, rest: vec![], seen: requests.clone() };
                let play = play.clone();
                std::thread::spawn(move || play(number, peer));
            }
        });
        Self { address, seen, accepted, stopping, thread: Some(thread) }
    }

    /// Answers the first request of each connection with these bytes, then closes it.
    pub fn once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.send(&answer);
            }
        })
    }

    /// Answers every request with these bytes, on connections that stay.
    pub fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, mut peer| {
            while peer.request().is_some() {
                peer.send(&answer);
            }
        })
    }

    /// Says the rest of a stream, from the first `cut` in it on, once it is told that the client has its beginning.
    pub fn in_two_parts(stream: &'static str, cut: &str) -> (Self, Sender<()>) {
        let (sender, receiver) = channel();
        let (receiver, cut) = (Mutex::new(receiver), stream.find(cut).expect("it is in there"));
        let upstream = Self::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
                peer.send(&stream.as_bytes()[..cut]);
                receiver.lock().expect("no panic").recv().expect("the client reads");
                peer.send(&stream.as_bytes()[cut..]);
            }
        });
        (upstream, sender)
    }

    /// All requests so far, head and body.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no peer panics").clone()
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the thread; if that fails it has ended already.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Peer {
    /// Reads one request with a content-length; none if the connection ended before.
    pub fn request(&mut self) -> Option<String> {
        let end = loop {
            match memchr::memmem::find(&self.rest, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8_lossy(&self.rest[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let total = end + length.unwrap_or(0usize);
        while self.rest.len() < total {
            self.more()?;
        }
        let request: Vec<u8> = self.rest.drain(..total).collect();
        let request = String::from_utf8_lossy(&request).into_owned();
        self.seen.lock().expect("no peer panics").push(request.clone());
        Some(request)
    }

    /// Sends; a gateway that has gone away does not matter.
    pub fn send(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// Waits until the gateway closes this connection.
    pub fn wait_for_end(&mut self) {
        while self.more().is_some() {}
    }

    fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        let read = self.stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        self.rest.extend_from_slice(&buffer[..read]);
        Some(())
    }
}
