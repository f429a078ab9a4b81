//! The smallest relay that is one: heads are parsed and written afresh, bodies pass as they are.

use httparse::{EMPTY_HEADER, Header, Status};
use loadtest::wire::Chunked;
use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// Bytes that are read at a time, and that a request may have to be sent in one piece.
const BUFFER_BYTES: usize = 64 * 1024;
const FIELDS_MAX: usize = 96;

/// Relays until accepting fails.
pub async fn run(listener: TcpListener, upstream: SocketAddr) -> io::Result<()> {
    let relay = Rc::new(Relay { upstream, host: upstream.to_string(), idle: RefCell::default() });
    loop {
        let (client, _) = listener.accept().await?;
        let relay = relay.clone();
        // A connection that breaks is of no interest to the others.
        monoio::spawn(async move { drop(relay.serve(client).await) });
    }
}

struct Relay {
    upstream: SocketAddr,
    host: String,
    /// Connections that wait, the last one used last.
    idle: RefCell<Vec<Side>>,
}

impl Relay {
    async fn serve(&self, client: TcpStream) -> io::Result<()> {
        let (mut client, mut out) = (Side::new(client)?, Vec::with_capacity(BUFFER_BYTES));
        loop {
            let asked = client.head(|bytes| request(bytes, &self.host, &mut out)).await?;
            let idle = self.idle.borrow_mut().pop();
            let mut upstream = match idle {
                Some(upstream) => upstream,
                None => Side::new(TcpStream::connect_addr(self.upstream).await?)?,
            };
            let keep_client = asked.keep_alive;
            pass(asked, &mut client, &mut upstream, &mut out, BUFFER_BYTES).await?;
            let answered = upstream.head(|bytes| response(bytes, &mut out)).await?;
            let keep_upstream = answered.keep_alive;
            pass(answered, &mut upstream, &mut client, &mut out, 0).await?;
            if keep_upstream {
                self.idle.borrow_mut().push(upstream);
            }
            if !keep_client || !keep_upstream {
                return Ok(());
            }
        }
    }
}

/// Sends `out`, which is a head, and the body behind it; what is shorter than `gathered` is sent with what follows.
async fn pass(
    head: Head,
    from: &mut Side,
    to: &mut Side,
    out: &mut Vec<u8>,
    gathered: usize,
) -> io::Result<()> {
    let mut body = head.body;
    from.bytes.drain(..head.length);
    loop {
        let taken = body.take(&from.bytes)?;
        if out.is_empty() && taken == from.bytes.len() {
            std::mem::swap(out, &mut from.bytes);
        } else {
            out.extend_from_slice(&from.bytes[..taken]);
            from.bytes.drain(..taken);
        }
        if body.is_done() || out.len() >= gathered {
            to.send(out).await?;
        }
        if body.is_done() {
            return Ok(());
        }
        if from.more().await? == 0 {
            return if matches!(body, Body::UntilClose) { to.send(out).await } else { Err(ended()) };
        }
    }
}

/// One connection, with what was read of it and not used.
struct Side {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Side {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Reads until there is a head.
    async fn head(&mut self, mut parse: impl FnMut(&[u8]) -> io::Result<Option<Head>>) -> io::Result<Head> {
        loop {
            if let Some(head) = parse(&self.bytes)? {
                return Ok(head);
            }
            if self.more().await? == 0 {
                return Err(ended());
            }
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.reserve(BUFFER_BYTES / 4);
        let range = bytes.len()..bytes.capacity();
        let (read, bytes) = self.stream.read(bytes.slice_mut(range)).await;
        self.bytes = bytes.into_inner();
        read
    }

    async fn send(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let (sent, bytes) = self.stream.write_all(std::mem::take(out)).await;
        *out = bytes;
        out.clear();
        sent.map(drop)
    }
}

struct Head {
    length: usize,
    body: Body,
    keep_alive: bool,
}

/// What is still to come of a body.
enum Body {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Body {
    /// How many of these bytes are the body's.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Body::Chunked(chunked) => chunked.feed(bytes, |_| ()).map_err(|_| wrong()),
            Body::UntilClose => Ok(bytes.len()),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Body::Length(left) => *left == 0,
            Body::Chunked(chunked) => chunked.is_done(),
            Body::UntilClose => false,
        }
    }
}

/// Parses the head of a request and writes the one for the upstream.
fn request(bytes: &[u8], host: &str, out: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let mut slots = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut slots);
    let Status::Complete(length) = request.parse(bytes).map_err(|_| wrong())? else { return Ok(None) };
    out.clear();
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    for piece in [method, " ", path, " HTTP/1.1\r\nhost: ", host, "\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    let (body, keep_alive) = fields(request.headers, out)?;
    Ok(Some(Head { length, body: body.unwrap_or(Body::Length(0)), keep_alive }))
}

/// Parses the head of an answer and writes the one for the client.
fn response(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let mut slots = [EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut slots);
    let Status::Complete(length) = response.parse(bytes).map_err(|_| wrong())? else { return Ok(None) };
    out.clear();
    let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    out.extend_from_slice(&bytes[..line]);
    let (body, keep_alive) = fields(response.headers, out)?;
    let keep_alive = keep_alive && body.is_some();
    Ok(Some(Head { length, body: body.unwrap_or(Body::UntilClose), keep_alive }))
}

/// Writes the fields that pass, and the end of the head. Gives the body, if a field tells of one, and whether the
/// connection is kept.
fn fields(fields: &[Header<'_>], out: &mut Vec<u8>) -> io::Result<(Option<Body>, bool)> {
    let (mut body, mut keep_alive) = (None, true);
    for field in fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("host") || is("keep-alive") {
            continue;
        }
        if is("connection") {
            keep_alive &= !field.value.eq_ignore_ascii_case(b"close");
            continue;
        }
        if is("content-length") {
            let length = str::from_utf8(field.value).ok().and_then(|text| text.parse().ok());
            body = Some(Body::Length(length.ok_or_else(wrong)?));
        } else if is("transfer-encoding") {
            body = Some(Body::Chunked(Chunked::default()));
        }
        for piece in [field.name.as_bytes(), b": ", field.value, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok((body, keep_alive))
}

fn wrong() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn ended() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
