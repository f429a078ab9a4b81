//! One exchange at a time between a client, the gateway and a provider: one thread plays both ends, so that every step can
//! wait for the one before it.

use crate::harness::{Gateway, PATIENCE};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How long a provider's event may take to the client before it counts as held back.
const AT_ONCE: Duration = Duration::from_secs(10);

/// The provider's side before there is a gateway.
pub struct Listener(TcpListener);

impl Listener {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be asked");
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }
}

/// A gateway and both of its neighbours.
pub struct Stage {
    gateway: Gateway,
    listener: Listener,
    provider: Option<Line>,
    client: Option<Line>,
}

/// What a provider answers.
pub struct Script {
    pub head: Vec<u8>,
    pub steps: Vec<Step>,
    /// The end of the connection is the end of the answer.
    pub closes: bool,
}

/// A piece of an answer as it is sent.
pub struct Step {
    pub bytes: Vec<u8>,
    /// So many bytes of the answer's body must be with the client before the next piece is sent.
    pub awaits: usize,
}

/// What both ends saw.
pub struct Played {
    /// Head and body of what reached the provider, if anything did.
    pub asked: Option<(String, Vec<u8>)>,
    pub answer: Received,
    /// The step whose bytes did not come through before more was sent.
    pub held_back: Option<usize>,
}

/// An answer as the client has it.
#[derive(Default)]
pub struct Received {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// It came to its proper end.
    pub whole: bool,
    raw: Vec<u8>,
    framing: Option<Framing>,
}

enum Framing {
    Length(usize),
    Chunked,
    Close,
}

impl Stage {
    pub fn new(gateway: Gateway, listener: Listener) -> Self {
        Self { gateway, listener, provider: None, client: None }
    }

    /// Sends a request, and plays the provider's answer to it.
    pub fn play(&mut self, request: &[u8], script: &Script) -> Played {
        let address = self.gateway.address;
        // The gateway may have ended it while others were played.
        self.client = self.client.take().and_then(Line::still_open);
        let client =
            self.client.get_or_insert_with(|| Line::over(TcpStream::connect(address).expect("it listens")));
        client.send(request);
        let mut played = Played { asked: None, answer: Received::default(), held_back: None };
        let (mut next, mut changed) = (0, Instant::now());
        loop {
            let mut moved = client.write();
            if let Ok((stream, _)) = self.listener.0.accept() {
                self.provider = Some(Line::over(stream));
            }
            if let Some(provider) = &mut self.provider {
                moved |= provider.read() | provider.write();
                if played.asked.is_none() {
                    played.asked = provider.request();
                    if played.asked.is_some() {
                        provider.send(&script.head);
                    }
                } else if next < script.steps.len() && provider.unsent.is_empty() {
                    let reached = next == 0 || played.answer.body.len() >= script.steps[next - 1].awaits;
                    if !reached && changed.elapsed() > AT_ONCE {
                        played.held_back.get_or_insert(next - 1);
                    }
                    if reached || played.held_back.is_some() {
                        provider.send(&script.steps[next].bytes);
                        next += 1;
                        moved = true;
                    }
                } else if script.closes && next == script.steps.len() && provider.unsent.is_empty() {
                    self.provider = None;
                }
            }
            moved |= client.read();
            played.answer.take(&mut client.rest, client.ended);
            if played.answer.is_over(client.ended) {
                break;
            }
            if moved {
                changed = Instant::now();
            } else {
                assert!(
                    changed.elapsed() < PATIENCE,
                    "nothing moves: {} {:?}",
                    played.answer.status,
                    played.asked
                );
                std::thread::sleep(Duration::from_micros(30));
            }
        }
        if client.ended || played.answer.header("connection") == Some("close") {
            self.client = None;
        }
        if next < script.steps.len() {
            self.provider = None;
        }
        played
    }
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is_over(&self, ended: bool) -> bool {
        self.whole || ended
    }

    fn take(&mut self, bytes: &mut Vec<u8>, ended: bool) {
        self.raw.append(bytes);
        if self.framing.is_none() && !self.head() {
            return;
        }
        match self.framing {
            Some(Framing::Length(length)) => {
                self.body.append(&mut self.raw);
                self.whole = self.body.len() >= length;
            }
            Some(Framing::Chunked) => while !self.whole && self.chunk() {},
            Some(Framing::Close) => {
                self.body.append(&mut self.raw);
                self.whole = ended;
            }
            None => {}
        }
    }

    fn head(&mut self) -> bool {
        let Some(end) = memchr::memmem::find(&self.raw, b"\r\n\r\n") else { return false };
        let head: Vec<u8> = self.raw.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        self.status = first.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        let fields = lines.filter_map(|line| line.split_once(": "));
        self.headers = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        self.framing = Some(match self.header("content-length").map(str::parse) {
            Some(length) => Framing::Length(length.expect("a length")),
            None if self.header("transfer-encoding").is_some() => Framing::Chunked,
            None => Framing::Close,
        });
        true
    }

    /// Takes one whole chunk, if it is here.
    fn chunk(&mut self) -> bool {
        let Some(line) = memchr::memmem::find(&self.raw, b"\r\n") else { return false };
        let size = std::str::from_utf8(&self.raw[..line]).expect("a size line");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if self.raw.len() < line + 4 + size {
            return false;
        }
        self.body.extend_from_slice(&self.raw[line + 2..line + 2 + size]);
        self.raw.drain(..line + 4 + size);
        self.whole = size == 0;
        true
    }
}

/// A socket that is never waited for.
struct Line {
    stream: TcpStream,
    rest: Vec<u8>,
    unsent: Vec<u8>,
    ended: bool,
}

impl Line {
    fn over(stream: TcpStream) -> Self {
        stream.set_nonblocking(true).expect("a socket can be asked");
        stream.set_nodelay(true).expect("delays can be turned off");
        Self { stream, rest: vec![], unsent: vec![], ended: false }
    }

    fn still_open(mut self) -> Option<Self> {
        self.read();
        (!self.ended).then_some(self)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        self.write();
    }

    /// Writes what the socket takes; says whether it took any.
    fn write(&mut self) -> bool {
        let mut taken = 0;
        while taken < self.unsent.len() {
            match self.stream.write(&self.unsent[taken..]) {
                Ok(n) => taken += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Whoever is at the other end has left; reading tells.
                Err(_) => taken = self.unsent.len(),
            }
        }
        self.unsent.drain(..taken);
        taken > 0
    }

    /// Reads what there is; says whether there was any.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(n) => {
                self.rest.extend_from_slice(&buffer[..n]);
                return true;
            }
            Err(error) => self.ended |= error.kind() != ErrorKind::WouldBlock,
        }
        false
    }

    /// A whole request, if it is here.
    fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let end = memchr::memmem::find(&self.rest, b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.rest[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let total = end + length.unwrap_or(0usize);
        if self.rest.len() < total {
            return None;
        }
        let body = self.rest[end..total].to_vec();
        self.rest.drain(..total);
        Some((head, body))
    }
}
