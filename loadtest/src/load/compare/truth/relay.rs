//! The yardstick: a process' worth of nothing between generator and provider, on the same kind of event loop as a gateway.
//!
//! It understands as much of HTTP as the generator and the mock speak to each other: messages with a `content-length`.
//!
//! Of its connections to the provider it takes the one that came free last, as gateways do: whether a socket was used a
//! moment ago is felt on its way through the kernel, and whether acknowledgements are due on many others decides how deeply
//! the core sleeps.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use clap::Args;
use monoio::buf::{IoBuf, IoBufMut, SliceMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};

use crate::runtime::{self, Driver, Wanted};
use crate::sys;

/// The header in which it says its own time.
pub const OWN_TIME: &str = "x-relay-own-ns";

/// Bytes that one read can take.
const READ_BYTES: usize = 32 * 1024;

const ABOUT: &str = "Run the bare relay that `truth` puts into a gateway's place.

It passes requests on and answers back, and adds a header with its own time. It \
knows just enough of HTTP for the generator and the mock provider: messages with a content-length.";

const EXAMPLES: &str = "Example:
  ringgate-load mock --listen 127.0.0.1:9100
  ringgate-load relay --listen 127.0.0.1:9200 --provider 127.0.0.1:9100 --cpu 0
  ringgate-load run --url http://127.0.0.1:9200/v1/chat/completions --cpu 1";

/// Run the bare relay that `truth` puts into a gateway's place.
#[derive(Args, Clone, Debug)]
#[command(about = "Run the bare relay that `truth` compares with", long_about = ABOUT, after_help = EXAMPLES)]
pub struct RelayArgs {
    /// Address to listen on; port 0 chooses a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Address of the provider.
    #[arg(long, value_name = "IP:PORT")]
    pub provider: SocketAddr,
    /// Core to run on.
    #[arg(long, value_name = "CORE")]
    pub cpu: Option<usize>,
    /// Microseconds that it says it took beyond those that it did: whoever compares must find it out.
    #[arg(long, default_value_t = 0, value_name = "MICROSECONDS")]
    pub boast_us: u64,
    /// Use epoll, even where a ring would work.
    #[arg(long)]
    pub epoll: bool,
}

/// A relay that runs until it is dropped.
pub struct Relay {
    pub address: SocketAddr,
    listener: StdListener,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts it on a core of its own thread.
    ///
    /// # Errors
    /// When it cannot listen, or has no core or event loop.
    pub fn start(args: &RelayArgs) -> io::Result<Self> {
        let listener = StdListener::bind(args.listen).map_err(|failed| {
            io::Error::new(failed.kind(), format!("cannot listen on {}: {failed}", args.listen))
        })?;
        let address = listener.local_addr()?;
        let (own, args) = (listener.try_clone()?, args.clone());
        let (ready, told) = channel();
        let run = move || {
            let failed = ready.clone();
            if let Err(why) = run(own, &args, ready) {
                // Whoever started it may be gone.
                drop(failed.send(Err(why)));
            }
        };
        let thread = Some(std::thread::Builder::new().name("relay".to_owned()).spawn(run)?);
        let relay = Self { address, listener, thread };
        told.recv().map_err(io::Error::other)??;
        Ok(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        sys::shutdown_listener(&self.listener);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(listener: StdListener, args: &RelayArgs, ready: Sender<io::Result<()>>) -> io::Result<()> {
    if let Some(cpu) = args.cpu {
        sys::pin_to(cpu)?;
    }
    let (provider, boast_ns) = (args.provider, args.boast_us * 1000);
    let wanted = if args.epoll { Wanted::Epoll } else { Wanted::Best };
    runtime::block_on(wanted, |driver| async move {
        listener.set_nonblocking(driver == Driver::Epoll)?;
        let listener = TcpListener::from_std(listener)?;
        drop(ready.send(Ok(())));
        let pool = Rc::new(Pool { provider, idle: RefCell::default() });
        // A listener that was shut down ends it, and what is open with it.
        while let Ok((client, _)) = listener.accept().await {
            drop(monoio::spawn(relay(client, Rc::clone(&pool), boast_ns)));
        }
        Ok(())
    })?
}

/// Connections to the provider that wait for a request, the one that was used last at the end.
struct Pool {
    provider: SocketAddr,
    idle: RefCell<Vec<TcpStream>>,
}

impl Pool {
    async fn take(&self) -> io::Result<TcpStream> {
        let idle = self.idle.borrow_mut().pop();
        if let Some(upstream) = idle {
            return Ok(upstream);
        }
        let upstream = TcpStream::connect_addr(self.provider).await?;
        upstream.set_nodelay(true)?;
        Ok(upstream)
    }
}

/// One client's connection.
async fn relay(client: TcpStream, pool: Rc<Pool>, boast_ns: u64) {
    if client.set_nodelay(true).is_err() {
        return;
    }
    let mut line = Line { client, pool, request: Vec::new(), answer: Vec::new(), boast_ns };
    while line.exchange().await.is_continue() {}
}

struct Line {
    client: TcpStream,
    pool: Rc<Pool>,
    request: Vec<u8>,
    answer: Vec<u8>,
    boast_ns: u64,
}

impl Line {
    /// Passes one request on, and its answer back.
    async fn exchange(&mut self) -> ControlFlow<()> {
        let Self { client, pool, request, answer, boast_ns } = self;
        read_message(client, request).await?;
        let came = sys::monotonic_ns();
        let Ok(mut upstream) = pool.take().await else { return ControlFlow::Break(()) };
        write(&mut upstream, request).await?;
        let sent = sys::monotonic_ns();
        read_message(&mut upstream, answer).await?;
        let answered = sys::monotonic_ns();
        pool.idle.borrow_mut().push(upstream);
        add_header(answer, |now| (sent - came) + (now - answered) + *boast_ns)?;
        write(client, answer).await
    }
}

/// Puts the header behind the answer's first line; `own_ns` is told the moment.
fn add_header(answer: &mut Vec<u8>, own_ns: impl FnOnce(u64) -> u64) -> ControlFlow<()> {
    let Some(end) = memchr::memchr(b'\n', answer) else { return ControlFlow::Break(()) };
    let mut header = Vec::with_capacity(OWN_TIME.len() + 24);
    header.extend_from_slice(OWN_TIME.as_bytes());
    header.extend_from_slice(b": ");
    header.extend_from_slice(itoa::Buffer::new().format(own_ns(sys::monotonic_ns())).as_bytes());
    header.extend_from_slice(b"\r\n");
    answer.splice(end + 1..=end, header);
    ControlFlow::Continue(())
}

async fn read_message(stream: &mut TcpStream, message: &mut Vec<u8>) -> ControlFlow<()> {
    message.clear();
    while message_bytes(message).is_none_or(|whole| message.len() < whole) {
        message.reserve(READ_BYTES);
        let (begin, end) = (message.len(), message.capacity());
        let (read, slice): (_, SliceMut<Vec<u8>>) =
            stream.read(std::mem::take(message).slice_mut(begin..end)).await;
        *message = slice.into_inner();
        if !matches!(read, Ok(1..)) {
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

/// Hands a message to the socket at once, as gateways do with short ones; what it does not take is waited for. The way over an
/// event loop would be own time after the peer was woken, which nobody sees from outside.
async fn write(stream: &mut TcpStream, message: &mut Vec<u8>) -> ControlFlow<()> {
    let Ok(taken) = sys::send_at_once(stream.as_raw_fd(), message) else { return ControlFlow::Break(()) };
    if taken == message.len() {
        return ControlFlow::Continue(());
    }
    let (written, rest) = stream.write_all(std::mem::take(message).slice(taken..)).await;
    *message = rest.into_inner();
    if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// How long a message is, once its head is there.
fn message_bytes(message: &[u8]) -> Option<usize> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let head = memchr::memmem::find(message, b"\r\n\r\n")? + 4;
    let digits = memchr::memmem::find(&message[..head], LENGTH).map(|at| &message[at + LENGTH.len()..head]);
    let body = digits.unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + body.fold(0, |bytes, digit| bytes * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message ends where its length says, and is not known to before its head is there.
    #[test]
    fn messages_have_lengths() {
        assert_eq!(message_bytes(b"POST / HTTP/1.1\r\ncontent-length: 12\r\n"), None);
        let head = b"POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(message_bytes(head), Some(head.len() + 12));
        assert_eq!(message_bytes(b"HTTP/1.1 200 OK\r\n\r\n{}"), Some(19));
    }

    /// The header stands behind the first line, and everything else stays as it was.
    #[test]
    fn adds_its_header() {
        let mut answer = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n{}".to_vec();
        assert!(add_header(&mut answer, |_| 17).is_continue());
        assert_eq!(answer, b"HTTP/1.1 200 OK\r\nx-relay-own-ns: 17\r\na: b\r\n\r\n{}");
        assert!(add_header(&mut b"HTTP".to_vec(), |_| 17).is_break());
    }
}
