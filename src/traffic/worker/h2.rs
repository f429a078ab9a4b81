//! HTTP/2: each stream becomes an in-memory HTTP/1.1 connection, so that everything behind it exists once.
//!
//! Takes a connection on which HTTP/2 was agreed; gives streams to `connection::requests`. Framing, flow control
//! and the limits on resets, header floods and frames are the `h2` crate's.
//!
//! Invariant: a stream's body is complete at the client exactly if the exchange behind it ended cleanly; in
//! every other case the stream is reset.

use super::connection::{self, FLUSH};
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::FaultKind;
use crate::base::limits::{BULK_BUFFER_BYTES, CLIENT_BUFFER_BYTES};
use crate::contract::snapshot::Limits;
use crate::http::chunked::{self, Decoder};
use crate::http::response::{self, Asked, ResponseFraming};
use crate::http::{HeadScan, Slots, is_hop_by_hop};
use crate::net::ahead::ReadAhead;
use crate::net::deadline::{Cutter, Deadline, Waiting};
use crate::net::gather::Gather;
use crate::net::pipe::{self, PipeReader, PipeWriter};
use crate::net::runtime;
use crate::net::stream::{Protocol, Reader, Stream, Writer};
use crate::traffic::exchange::client::Client;
use crate::traffic::exchange::shard::{Counted, Shard};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of one stream, and of one connection, that a client may send before they are read.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that a client reset and that are still held, before the connection is ended (CVE-2023-44487).
const RESETS_PENDING: usize = 20;
/// How often an idle connection is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Serves HTTP/2 until the connection ends. What stands in the client's inbox was read from it already.
///
/// Socket and deadlines live in this one future, the deadlines for less long.
pub async fn serve(shard: Rc<Shard>, client: Client) {
    let Client { deadline, mut reader, mut writer, inbox, peer, .. } = client;
    // Declared behind the halves, so that they go before the socket does.
    let deadline = deadline;
    let writing = deadline.twin();
    let (near, far, cutter) = pipe::pair();
    let io = PipeIo { reader: near.0, writer: near.1 };
    let deaf = Rc::<Cell<bool>>::default();
    let mut inward = pin!(pump_in(&mut reader, inbox, far.1));
    let mut outward = pin!(pump_out(&shard, far.0, &mut writer, &writing));
    let mut spoken = pin!(speak(&shard, io, &deadline, (peer, deaf.clone())));
    let (mut all_in, mut all_out, mut ended) = (false, false, false);
    poll_fn(|cx| {
        all_in = all_in || inward.as_mut().poll(cx).is_ready();
        ended = ended || spoken.as_mut().poll(cx).is_ready();
        all_out = all_out || outward.as_mut().poll(cx).is_ready();
        if all_out && !ended {
            // The client takes nothing any more.
            deaf.set(writing.fired() == Some(Waiting::Write));
            cutter.cut();
            ended = spoken.as_mut().poll(cx).is_ready();
        }
        // What was said last leaves before the connection does.
        if ended && all_out { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    deadline.cut();
}

/// All that is said to a client that is not served: settings, without which nothing is HTTP/2, and the end.
/// Source: RFC 9113, 6.5 and 6.8.
pub fn farewell(why: FaultKind) -> Buf {
    let code = why.row().code.as_bytes();
    let mut out = Buf::with_capacity(64);
    out.extend(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    out.extend(&[0, 0, 8 + code.len() as u8, 7, 0, 0, 0, 0, 0]);
    out.extend(&[0; 4]);
    out.extend(&u32::from(Reason::ENHANCE_YOUR_CALM).to_be_bytes());
    out.extend(code);
    out
}

/// The handshake, then the streams.
async fn speak(shard: &Rc<Shard>, io: PipeIo, deadline: &Deadline, client: Remote) {
    let builder = settings(&shard.snapshot().limits);
    deadline.set(Waiting::Handshake, shard.snapshot().limits.head_ms);
    let connection = builder.handshake(io).await;
    deadline.clear();
    if let Ok(connection) = connection {
        streams(shard, connection, deadline, client).await;
    }
}

fn settings(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(limits.head_bytes as u32)
        .max_concurrent_reset_streams(RESETS_PENDING)
        .max_pending_accept_reset_streams(RESETS_PENDING)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Accepts streams until the connection ends, is idle too long, or the shard drains.
async fn streams(
    shard: &Rc<Shard>,
    mut connection: h2::server::Connection<PipeIo, Bytes>,
    deadline: &Deadline,
    client: Remote,
) {
    let open = Rc::new(Cell::new(0));
    let mut idle_since = shard.deadlines.coarse_now();
    let (mut ending, mut leaving) = (false, false);
    loop {
        let accepted = runtime::within(LOOK, poll_fn(|cx| connection.poll_accept(cx))).await;
        match accepted {
            Some(Some(Ok((request, respond)))) => {
                let (shard, open, client) = (shard.clone(), open.clone(), client.clone());
                runtime::spawn(async move {
                    let _open = Counted::new(&open, 1);
                    stream(shard, request, respond, client).await;
                });
                continue;
            }
            Some(Some(Err(_)) | None) => return,
            None => {}
        }
        let now = shard.deadlines.coarse_now();
        if open.get() > 0 {
            idle_since = now;
        }
        let keep_alive_ms = shard.snapshot().limits.keep_alive_ms;
        let idle = keep_alive_ms != 0 && now.micros_since(idle_since) > keep_alive_ms * 1000;
        if !ending && (idle || shard.draining.get()) {
            ending = true;
            connection.graceful_shutdown();
        }
        // A peer that was told the end, and has nothing left to wait for, is not waited for long.
        if ending && open.get() == 0 && !leaving {
            leaving = true;
            deadline.set(Waiting::KeepAlive, shard.snapshot().limits.head_ms);
        }
    }
}

/// One stream: a request in, an answer out.
async fn stream(
    shard: Rc<Shard>,
    request: ::http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    (peer, deaf): Remote,
) {
    let patience = connection::patience(shard.snapshot().limits.write_idle_ms);
    let (near, far, cutter) = pipe::pair();
    let inner = Stream {
        reader: Reader::Pipe(far.0),
        writer: Writer::Pipe(far.1),
        cutter: Cutter::Pipe(cutter),
        protocol: Protocol::Http1,
    };
    let mut client = Client::new(&shard, inner, peer);
    let worker = shard.clone();
    runtime::spawn(async move { connection::requests(&worker, &mut client).await });
    let (mut reader, mut writer) = near;
    let (parts, body) = request.into_parts();
    let head = head_text(&parts, body.is_end_stream());
    let chunked = !body.is_end_stream() && !parts.headers.contains_key("content-length");
    let asked = if parts.method == ::http::Method::HEAD { Asked::Head } else { Asked::Body };
    // A stream may last: its fields are memory of a frame's size.
    drop(parts);
    let mut upload = pin!(upload(head, body, &mut writer, chunked));
    let mut uploaded = false;
    let mut download = pin!(download(&mut reader, respond, asked, &deaf, patience));
    poll_fn(|cx| {
        if !uploaded && upload.as_mut().poll(cx).is_ready() {
            uploaded = true;
        }
        download.as_mut().poll(cx)
    })
    .await;
}

/// Who is at the other end of the connection, and whether that was cut because they take nothing.
type Remote = (Option<SocketAddr>, Rc<Cell<bool>>);

/// Why a body does not come to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The exchange broke it off, or the client did not want more of it.
    Off,
    /// The client took nothing of it for too long.
    Stalled,
}

/// The request's head as HTTP/1.1 text. What HTTP/1.1 would not take comes out as such, and is refused there: a
/// target that is no path, and hosts that differ.
fn head_text(parts: &::http::request::Parts, bodiless: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(CLIENT_BUFFER_BYTES / 4);
    for piece in [parts.method.as_str(), " ", path(parts), " HTTP/1.1\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    if let Some(authority) = authority {
        crate::http::encode::field(&mut out, "host", authority);
    }
    let lengthy = parts.headers.contains_key("content-length");
    for (name, value) in &parts.headers {
        let said = name == "host" && authority.is_some_and(|a| a.eq_ignore_ascii_case(value.as_bytes()));
        if !is_hop_by_hop(name.as_str()) && !said {
            crate::http::encode::field(&mut out, name.as_str(), value.as_bytes());
        }
    }
    // What a client of this version says of trailers is said of its connection in the other.
    if parts.headers.get("te").is_some_and(|value| value == "trailers") {
        crate::http::encode::field(&mut out, "te", b"trailers");
    }
    if !bodiless && !lengthy {
        crate::http::encode::field(&mut out, "transfer-encoding", b"chunked");
    }
    // A stream carries one request; the exchange ends its pipe after the answer, and leaves what is in it.
    out.extend_from_slice(b"connection: close\r\n\r\n");
    out
}

/// The path and query; a star where there is none, or something else. HTTP/2 has no other form of a request.
///
/// Source: RFC 9113, 8.3.1. The whole URL, which HTTP/1.1 would take, and CONNECT have no place here.
fn path(parts: &::http::request::Parts) -> &str {
    let path = parts.uri.path_and_query().map(::http::uri::PathAndQuery::as_str);
    let connects = parts.method == ::http::Method::CONNECT;
    path.filter(|path| path.starts_with('/') && !connects).unwrap_or("*")
}

/// Writes head and body into the pipe. If the client breaks the body off, the pipe is left unended inside it,
/// which the exchange sees as a client that left.
async fn upload(
    head: Vec<u8>,
    mut body: RecvStream,
    writer: &mut PipeWriter,
    chunked: bool,
) -> io::Result<()> {
    writer.write_all(&head).await?;
    drop(head);
    loop {
        let Some(data) = poll_fn(|cx| body.poll_data(cx)).await else { break };
        let Ok(data) = data else {
            writer.end();
            return Ok(());
        };
        if chunked && !data.is_empty() {
            writer.write_all(chunked::size_line(data.len(), &mut [0; 18])).await?;
        }
        writer.write_all(&data).await?;
        if chunked && !data.is_empty() {
            writer.write_all(b"\r\n").await?;
        }
        // The window grows again only as the exchange takes the bytes: a slow upstream slows the client.
        drop(body.flow_control().release_capacity(data.len()));
    }
    if chunked {
        writer.write_all(chunked::LAST).await?;
    }
    Ok(())
}

/// Reads the answer out of the pipe and sends it. If it broke, the stream is reset, behind what was sent of it.
async fn download(
    reader: &mut PipeReader,
    mut respond: SendResponse<Bytes>,
    asked: Asked,
    deaf: &Cell<bool>,
    patience: Duration,
) {
    let mut buf = Buf::with_capacity(CLIENT_BUFFER_BYTES);
    let (response, framing) = loop {
        match next_head(reader, &mut buf, &mut respond, asked).await {
            // `100 Continue`, which the client asked for. If it has gone away, the next head does not come.
            Some((interim, _)) if interim.status().is_informational() => {
                drop(respond.send_informational(interim));
            }
            Some(answer) => break answer,
            None => return respond.send_reset(Reason::INTERNAL_ERROR),
        }
    };
    let ends = matches!(framing, ResponseFraming::None | ResponseFraming::Length(0));
    let Ok(mut send) = respond.send_response(response, ends) else { return };
    if !ends && let Err(broken) = send_body(reader, buf, framing, &mut send, patience).await {
        if broken == Broken::Stalled || deaf.get() {
            reader.give_up();
        }
        // A reset throws away what is still queued, and one that `h2` makes by itself says CANCEL, which some
        // clients take for a proper end.
        runtime::sleep(FLUSH).await;
        send.send_reset(Reason::INTERNAL_ERROR);
    }
}

async fn next_head(
    reader: &mut PipeReader,
    buf: &mut Buf,
    respond: &mut SendResponse<Bytes>,
    asked: Asked,
) -> Option<(::http::Response<()>, ResponseFraming)> {
    let mut scan = HeadScan::default();
    loop {
        if let Some(end) = scan.end(buf) {
            let mut slots = Slots::new();
            let head = response::parse(&buf[..end], &mut slots, asked).ok()?;
            let framing = head.framing;
            let mut answer = ::http::Response::builder().status(head.status);
            for (name, value) in head.headers.iter().filter(|(name, _)| !is_hop_by_hop(name)) {
                answer = answer.header(name, value);
            }
            buf.consume(end);
            return Some((answer.body(()).ok()?, framing));
        }
        buf.reserve(CLIENT_BUFFER_BYTES);
        let n = poll_fn(|cx| {
            if respond.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            reader.poll_read(cx, buf)
        });
        if n.await.ok()? == 0 {
            return None;
        }
    }
}

/// Sends a body to its end.
async fn send_body(
    reader: &mut PipeReader,
    mut buf: Buf,
    framing: ResponseFraming,
    send: &mut SendStream<Bytes>,
    patience: Duration,
) -> Result<(), Broken> {
    let mut decoder = Decoder::keeping_trailer();
    let mut left = match framing {
        ResponseFraming::Length(n) => n,
        _ => u64::MAX,
    };
    loop {
        let (data, finished) = if framing == ResponseFraming::Chunked {
            let step = decoder.decode(&mut buf).map_err(|_| Broken::Off)?;
            (step.data, step.finished)
        } else {
            left = left.checked_sub(buf.len() as u64).ok_or(Broken::Off)?;
            (buf.len(), left == 0)
        };
        let trailer = if finished { trailer(&decoder) } else { None };
        if let Some(trailer) = trailer {
            give(reader, send, Bytes::copy_from_slice(&buf[..data]), false, patience).await?;
            return send.send_trailers(trailer).map_err(|_| Broken::Off);
        }
        if data > 0 || finished {
            give(reader, send, Bytes::copy_from_slice(&buf[..data]), finished, patience).await?;
        }
        if finished {
            return Ok(());
        }
        buf.clear();
        buf.reserve(BULK_BUFFER_BYTES / 4);
        let n = poll_fn(|cx| {
            if send.poll_reset(cx).is_ready() {
                return Poll::Ready(Ok(0));
            }
            reader.poll_read(cx, &mut buf)
        });
        if !matches!(n.await, Ok(n) if n > 0) {
            return Err(Broken::Off);
        }
    }
}

/// The fields behind a body, if there are any.
fn trailer(body: &Decoder) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for (name, value) in body.trailer() {
        fields.insert(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    (!fields.is_empty()).then_some(fields)
}

/// Sends bytes as the client's window allows, while the exchange waits for that, too.
async fn give(
    reader: &mut PipeReader,
    send: &mut SendStream<Bytes>,
    mut bytes: Bytes,
    last: bool,
    patience: Duration,
) -> Result<(), Broken> {
    while !bytes.is_empty() {
        send.reserve_capacity(bytes.len());
        let room = poll_fn(|cx| {
            if send.poll_reset(cx).is_ready() || reader.poll_cut(cx).is_ready() {
                return Poll::Ready(None);
            }
            send.poll_capacity(cx).map(|room| room.and_then(Result::ok))
        });
        let room = runtime::within(patience, room).await.ok_or(Broken::Stalled)?.ok_or(Broken::Off)?;
        let piece = bytes.split_to(room.min(bytes.len()));
        let ends = last && bytes.is_empty();
        send.send_data(piece, ends).map_err(|_| Broken::Off)?;
        if ends {
            return Ok(());
        }
    }
    if last {
        send.send_data(Bytes::new(), true).map_err(|_| Broken::Off)?;
    }
    Ok(())
}

/// Moves what the client says into the pipe, beginning with what was read already.
async fn pump_in(reader: &mut ReadAhead, mut buf: Buf, mut pipe: PipeWriter) {
    loop {
        if pipe.write_all(&buf).await.is_err() {
            return;
        }
        buf.clear();
        buf.reserve(CLIENT_BUFFER_BYTES);
        let (read, back) = reader.read(buf).await;
        buf = back;
        if !matches!(read, Ok(n) if n > 0) {
            return;
        }
    }
}

/// Moves what the pipe holds to the client. One that takes nothing for too long is cut off.
async fn pump_out(shard: &Shard, mut pipe: PipeReader, writer: &mut Writer, writing: &Deadline) {
    let mut buf = Buf::with_capacity(BULK_BUFFER_BYTES);
    let mut gather = Gather::default();
    loop {
        let (read, back) = pipe.read(buf).await;
        let more = matches!(read, Ok(n) if n > 0);
        writing.set_writing(shard.snapshot().limits.write_idle_ms, Moment(0));
        if !more {
            writer.finish().await;
            return;
        }
        let index = gather.whole(back);
        let (written, mut back) = writer.write(gather).await;
        writing.clear();
        if written.is_err() {
            return;
        }
        buf = back.take(index);
        buf.clear();
        back.clear(drop);
        gather = back;
    }
}

/// A pipe as the `h2` crate wants its I/O.
struct PipeIo {
    reader: PipeReader,
    writer: PipeWriter,
}

impl AsyncRead for PipeIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reader.poll_read_slice(cx, into.initialize_unfilled()).map_ok(|n| into.advance(n))
    }
}

impl AsyncWrite for PipeIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.poll_write(cx, from)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.end();
        Poll::Ready(Ok(()))
    }
}
