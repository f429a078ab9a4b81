//! HTTP/2: each stream becomes an in-memory HTTP/1.1 connection, so that everything behind it exists once.
//!
//! Takes a connection on which HTTP/2 was agreed; gives streams to `connection::requests`. Framing, flow control
//! and the limits on resets, header floods and frames are the `h2` crate's.
//!
//! Between the connection's bytes and `h2`, which wants to poll them, there is a pipe, too.
//!
//! Invariant: a stream lives no longer than its exchange, and an exchange ends when its stream did.

mod answer;
mod peer;
mod stream;

use super::connection::{Unread, linger};
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::FaultKind;
use crate::base::limits::CLIENT_BUFFER_BYTES;
use crate::contract::snapshot::Limits;
use crate::net::ahead::ReadAhead;
use crate::net::deadline::{Deadline, Waiting};
use crate::net::gather::Gather;
use crate::net::pipe::{self, PipeReader, PipeWriter};
use crate::net::runtime::{self, Pulse};
use crate::net::stream::Writer;
use crate::traffic::exchange::client::Client;
use crate::traffic::exchange::shard::Shard;
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use peer::Peer;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use stream::Asking;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of one stream, and of one connection, that a client may send before they are read.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that a client reset and that are still held, before the connection is ended. Those that were served are
/// the [`Peer`]'s to count.
const RESETS_PENDING: usize = 20;
/// Heads up to so many times the limit are taken, to be refused as they are in HTTP/1.1, with words and a record. `h2`
/// refuses larger ones with a bare 431, and ends the connection for much larger ones.
const HEAD_LISTS: u32 = 2;
/// How often an idle connection is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What a connection keeps between its turns, in either direction: as much as a few heads.
const KEPT_BYTES: usize = 8 * 1024;

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// The client was told, and may still be reading, and saying what it has read.
    InOrder,
    /// The client has left, or is to go.
    AtOnce,
}

/// Serves HTTP/2 until the connection ends. What stands in the client's inbox was read from it already.
pub async fn serve(shard: Rc<Shard>, mut client: Client) {
    if converse(&shard, &mut client).await == Parting::InOrder {
        Box::pin(linger(&shard, &mut client, Unread::Much)).await;
    }
    client.deadline.cut();
}

async fn converse(shard: &Rc<Shard>, client: &mut Client) -> Parting {
    let Client { deadline, reader, writer, inbox, peer: address, .. } = client;
    let (deadline, inbox) = (&*deadline, std::mem::take(inbox));
    let writing = deadline.twin();
    let (near, far, pipe) = pipe::pair(KEPT_BYTES);
    let io = PipeIo { reader: near.0, writer: near.1 };
    let peer = Rc::new(Peer::new(*address));
    let mut inward = pin!(pump_in(reader, inbox, far.1));
    let mut outward = pin!(pump_out(shard, far.0, writer, &writing));
    let mut spoken = pin!(speak(shard, io, deadline, &peer));
    let (mut all_in, mut all_out, mut ended) = (None, false, None);
    let mut polled = |cx: &mut Context<'_>| {
        all_in = all_in.or_else(|| ready(inward.as_mut().poll(cx)));
        ended = ended.or_else(|| ready(spoken.as_mut().poll(cx)));
        all_out = all_out || outward.as_mut().poll(cx).is_ready();
        if all_out && ended.is_none() {
            // The client takes nothing any more.
            peer.deaf.set(writing.fired() == Some(Waiting::Write));
            pipe.cut();
            ended = ready(spoken.as_mut().poll(cx)).map(|_| Parting::AtOnce);
        }
        match ended {
            // What was said last leaves before the connection does.
            Some(parting) if all_out => {
                let left = all_in == Some(Parting::AtOnce);
                Poll::Ready(if left { Parting::AtOnce } else { parting })
            }
            _ => Poll::Pending,
        }
    };
    poll_fn(|cx| pipe.turn(cx, &mut polled)).await
}

fn ready<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
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
async fn speak(shard: &Rc<Shard>, io: PipeIo, deadline: &Deadline, peer: &Rc<Peer>) -> Parting {
    let builder = settings(&shard.snapshot().limits);
    deadline.set(Waiting::Handshake, shard.snapshot().limits.head_ms);
    let connection = builder.handshake(io).await;
    deadline.clear();
    match connection {
        Ok(connection) => streams(shard, connection, deadline, peer).await,
        Err(_) => Parting::AtOnce,
    }
}

fn settings(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(HEAD_LISTS * limits.head_bytes as u32)
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
    peer: &Rc<Peer>,
) -> Parting {
    let mut idle_since = shard.deadlines.coarse_now();
    let (mut ending, mut leaving) = (false, false);
    let mut look = Pulse::idle();
    look.begin(LOOK);
    loop {
        let accepted = poll_fn(|cx| match connection.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => look.poll(cx).map(|()| None),
        });
        match accepted.await {
            // The connection ends once this is said.
            Some(Some(Ok(_))) if peer.is_restless(shard.snapshot().limits.h2_streams) => {
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                continue;
            }
            Some(Some(Ok((request, mut respond)))) if stream::is_padded(request.headers()) => {
                respond.send_reset(Reason::PROTOCOL_ERROR);
                continue;
            }
            Some(Some(Ok((request, respond)))) => {
                if std::mem::take(&mut leaving) {
                    // It crossed the farewell on its way.
                    deadline.clear();
                }
                runtime::spawn(stream::serve(shard.clone(), peer.clone(), Asking::new(request, respond)));
                continue;
            }
            Some(None) if ending => return Parting::InOrder,
            Some(Some(Err(_)) | None) => return Parting::AtOnce,
            None => look.begin(LOOK),
        }
        peer.forgive();
        let now = shard.deadlines.coarse_now();
        if peer.open.get() > 0 {
            idle_since = now;
        }
        let keep_alive_ms = shard.snapshot().limits.keep_alive_ms;
        let idle = keep_alive_ms != 0 && now.micros_since(idle_since) > keep_alive_ms * 1000;
        if !ending && (idle || shard.draining.get()) {
            ending = true;
            connection.graceful_shutdown();
        }
        // A peer that was told the end, and has nothing left to wait for, is not waited for long.
        if ending && peer.open.get() == 0 && !leaving {
            leaving = true;
            deadline.set(Waiting::KeepAlive, shard.snapshot().limits.head_ms);
        }
    }
}

/// Moves what the client says into the pipe, beginning with what was read already, until it says no more or nobody listens.
async fn pump_in(reader: &mut ReadAhead, mut buf: Buf, mut pipe: PipeWriter) -> Parting {
    while pipe.write_whole(&mut buf).await.is_ok() {
        buf.reserve(CLIENT_BUFFER_BYTES);
        let (read, back) = reader.read(buf).await;
        buf = back;
        if !matches!(read, Ok(n) if n > 0) {
            return Parting::AtOnce;
        }
    }
    Parting::InOrder
}

/// Moves what the pipe holds to the client. One that takes nothing for too long is cut off.
async fn pump_out(shard: &Shard, mut pipe: PipeReader, writer: &mut Writer, writing: &Deadline) {
    let mut gather = Gather::default();
    loop {
        let read = poll_fn(|_| pipe.poll_all()).await.unwrap_or_default();
        writing.set_writing(shard.snapshot().limits.write_idle_ms, Moment(0));
        if read.is_empty() {
            writer.finish().await;
            return;
        }
        let index = gather.whole(read);
        let (written, mut back) = writer.write(gather).await;
        writing.clear();
        if written.is_err() {
            return;
        }
        pipe.give_back(back.take(index));
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
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What is not initialised yet is left so: clearing all of it each time costs more than a request.
        self.reader.poll_take(into.remaining(), |bytes| into.put_slice(bytes)).map_ok(drop)
    }
}

impl AsyncWrite for PipeIo {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.poll_write(from)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.end();
        Poll::Ready(Ok(()))
    }
}
