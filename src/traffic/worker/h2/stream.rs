//! One stream: a request in, an answer out, and between them an exchange that speaks HTTP/1.1.
//!
//! Takes a stream's head and body; gives them to `connection::requests` through a pipe, and what comes back to [`answer`].
//! All of it is one task: a piece of an answer passes in one turn.

use super::super::connection::{patience, requests};
use super::answer::{self, Answer};
use super::peer::Peer;
use crate::base::buf::Buf;
use crate::base::limits::CLIENT_BUFFER_BYTES;
use crate::http::response::Asked;
use crate::http::{chunked, encode, is_hop_by_hop};
use crate::net::deadline::Cutter;
use crate::net::pipe::{self, Pipe, PipeReader, PipeWriter};
use crate::net::runtime;
use crate::net::stream::{Protocol, Reader, Stream, Writer};
use crate::traffic::exchange::client::Client;
use crate::traffic::exchange::shard::{Counted, Shard};
use ::http::HeaderMap;
use ::http::request::Parts;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

/// What a client asks for on a stream, and where the answer goes.
pub struct Asking {
    head: Buf,
    body: RecvStream,
    /// The body's length is not told.
    chunked: bool,
    asked: Asked,
    respond: SendResponse<Bytes>,
}

impl Asking {
    /// A stream may last: nothing is kept of the request's fields, which are memory of a frame's size, but their text.
    pub fn new(request: ::http::Request<RecvStream>, respond: SendResponse<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let bodiless = body.is_end_stream();
        let lengthy = parts.headers.contains_key("content-length");
        let asked = if parts.method == ::http::Method::HEAD { Asked::Head } else { Asked::Body };
        let mut head = Buf::with_capacity(CLIENT_BUFFER_BYTES / 4);
        write_head(&parts, bodiless || lengthy, head.tail());
        Self { head, body, chunked: !bodiless && !lengthy, asked, respond }
    }
}

/// Serves a stream.
pub async fn serve(shard: Rc<Shard>, peer: Rc<Peer>, asking: Asking) {
    let _open = Counted::new(&peer.open, 1);
    let (near, far, pipe) = pipe::pair(0);
    let Asking { head, body, chunked, asked, respond } = asking;
    let patience = patience(shard.snapshot().limits.write_idle_ms);
    let answer = Answer { pipe: near.0, peer: &peer, asked, patience, buf: Buf::default() };
    let mut client = client(&shard, &peer, far, pipe.clone());
    let served = async move { requests(&shard, &mut client).await };
    let mut upload = pin!(Some(upload(head, body, near.1, chunked)));
    let mut exchange = pin!(Some(runtime::guarded(served)));
    let mut download = pin!(Some(answer::send(answer, respond)));
    let mut polled = |cx: &mut Context<'_>| {
        if peer.deaf.get() {
            // Before the end of its request's bytes is taken for a client that left.
            pipe.give_up();
        }
        advance(upload.as_mut(), cx);
        let served = advance(exchange.as_mut(), cx);
        if advance(download.as_mut(), cx) == Progress::Waits {
            return Poll::Pending;
        }
        // The exchange learns that its client is gone, if it has anything left to do.
        upload.set(None);
        if served == Progress::Over { Poll::Ready(()) } else { Poll::Pending }
    };
    poll_fn(|cx| pipe.turn(cx, &mut polled)).await;
}

#[derive(PartialEq, Eq)]
enum Progress {
    Waits,
    Over,
}

/// Polls a future up to its end, with which it and what it holds are gone.
fn advance(mut slot: Pin<&mut Option<impl Future<Output = ()>>>, cx: &mut Context<'_>) -> Progress {
    if let Some(future) = slot.as_mut().as_pin_mut()
        && future.poll(cx).is_pending()
    {
        return Progress::Waits;
    }
    slot.set(None);
    Progress::Over
}

/// The stream as the exchange sees it.
fn client(shard: &Shard, peer: &Peer, (reader, writer): (PipeReader, PipeWriter), pipe: Pipe) -> Client {
    let stream = Stream {
        reader: Reader::Pipe(reader),
        writer: Writer::Pipe(writer),
        cutter: Cutter::Pipe(pipe),
        protocol: Protocol::Http1,
    };
    let mut client = Client::new(shard, stream, peer.address);
    client.familiar = peer.familiar.shared();
    client
}

/// Whether a value begins or ends with white space, which `h2` lets pass, and which makes a request malformed.
///
/// Source: RFC 9113, 8.2.1.
pub fn is_padded(fields: &HeaderMap) -> bool {
    fields.values().any(|value| matches!(value.as_bytes(), [b' ' | b'\t', ..] | [.., b' ' | b'\t']))
}

/// The request's head as HTTP/1.1 text. What HTTP/1.1 would not take comes out as such, and is refused there: a
/// target that is no path, and hosts that differ.
fn write_head(parts: &Parts, bounded: bool, out: &mut Vec<u8>) {
    for piece in [parts.method.as_str(), " ", path(parts), " HTTP/1.1\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    if let Some(authority) = authority {
        encode::field(out, "host", authority);
    }
    for (name, value) in &parts.headers {
        let said = name == "host" && authority.is_some_and(|a| a.eq_ignore_ascii_case(value.as_bytes()));
        if !is_hop_by_hop(name.as_str()) && !said {
            encode::field(out, name.as_str(), value.as_bytes());
        }
    }
    // What a client of this version says of trailers is said of its connection in the other.
    if parts.headers.get("te").is_some_and(|value| value == "trailers") {
        encode::field(out, "te", b"trailers");
    }
    if !bounded {
        encode::field(out, "transfer-encoding", b"chunked");
    }
    // A stream carries one request; the exchange ends its pipe after the answer, and leaves what is in it.
    out.extend_from_slice(b"connection: close\r\n\r\n");
}

/// The path and query; a star where there is none, or something else. HTTP/2 has no other form of a request.
///
/// Source: RFC 9113, 8.3.1. The whole URL, which HTTP/1.1 would take, and CONNECT have no place here.
fn path(parts: &::http::request::Parts) -> &str {
    let path = parts.uri.path_and_query().map(::http::uri::PathAndQuery::as_str);
    let connects = parts.method == ::http::Method::CONNECT;
    path.filter(|path| path.starts_with('/') && !connects).unwrap_or("*")
}

/// Writes head and body into the pipe, and stays: the end of a client's bytes is the client's end. If the client breaks the
/// body off, the pipe is ended inside it, which says just that.
#[expect(clippy::manual_async_fn, reason = "it would hold its arguments twice")]
fn upload(
    mut head: Buf,
    mut body: RecvStream,
    mut pipe: PipeWriter,
    chunked: bool,
) -> impl Future<Output = ()> {
    async move {
        if pipe.write_whole(&mut head).await.is_ok()
            && write_body(&mut body, &mut pipe, chunked).await.is_ok()
        {
            pending::<()>().await;
        }
    }
}

/// # Errors
/// The client broke it off, or the exchange wants no more of it.
async fn write_body(body: &mut RecvStream, pipe: &mut PipeWriter, chunked: bool) -> io::Result<()> {
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        let data = data.map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if chunked && !data.is_empty() {
            pipe.write_all(chunked::size_line(data.len(), &mut [0; 18])).await?;
        }
        pipe.write_all(&data).await?;
        if chunked && !data.is_empty() {
            pipe.write_all(b"\r\n").await?;
        }
        // The window grows again only as the exchange takes the bytes: a slow upstream slows the client.
        drop(body.flow_control().release_capacity(data.len()));
    }
    if chunked {
        pipe.write_all(chunked::LAST).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type of a future that is never made.
    fn size_of_future<F>(_: impl FnOnce(Rc<Shard>, Rc<Peer>, Asking) -> F) -> usize {
        size_of::<F>()
    }

    /// What an open stream costs besides its exchange's pooled state stays small: with the task's own 48 bytes it fits a
    /// block of 2,048.
    #[test]
    fn a_stream_is_small() {
        let bytes = size_of_future(serve);
        assert!(bytes <= 2_000, "the future of a stream takes {bytes} bytes");
    }
}
