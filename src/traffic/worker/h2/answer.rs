//! The answer on a stream: read out of the exchange's HTTP/1.1, and sent as HTTP/2.
//!
//! Invariant: a stream's body is complete at the client exactly if the exchange behind it ended cleanly; in
//! every other case the stream is reset.

use super::super::connection::FLUSH;
use super::peer::Peer;
use crate::base::buf::Buf;
use crate::http::chunked::Decoder;
use crate::http::response::{self, Asked, ResponseFraming, ResponseHead};
use crate::http::{HeadScan, Slots, is_hop_by_hop};
use crate::net::pipe::PipeReader;
use crate::net::runtime;
use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::{Buf as _, Bytes};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

/// Why a body does not come to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The exchange broke it off.
    Off,
    /// The client did not want more of it, or left.
    Gone,
    /// The client took nothing of it for too long.
    Stalled,
}

/// An answer on its way.
pub struct Answer<'p> {
    pub pipe: PipeReader,
    pub peer: &'p Peer,
    pub asked: Asked,
    /// How long the client may take nothing.
    pub patience: Duration,
    /// What was read and not sent.
    pub buf: Buf,
}

/// Reads an answer out of its pipe and sends it. If it broke, the stream is reset, behind what was sent of it.
#[expect(clippy::manual_async_fn, reason = "it would hold its arguments twice")]
pub fn send(mut answer: Answer<'_>, mut respond: SendResponse<Bytes>) -> impl Future<Output = ()> {
    async move {
        let (response, framing) = loop {
            match answer.next_head(&mut respond).await {
                // `100 Continue`, which the client asked for. If it has gone away, the next head does not come.
                Some((interim, _)) if interim.status().is_informational() => {
                    drop(respond.send_informational(interim));
                }
                Some(answer) => break answer,
                None => return respond.send_reset(Reason::INTERNAL_ERROR),
            }
        };
        let ends = matches!(framing, ResponseFraming::None | ResponseFraming::Length(0));
        let Ok(mut send) = respond.send_response(response, ends) else { return answer.peer.give_up() };
        let sent = if ends { Ok(()) } else { answer.send_body(framing, &mut send).await };
        let Err(broken) = sent else { return answer.peer.wait() };
        if broken == Broken::Stalled {
            answer.pipe.give_up();
        }
        if broken == Broken::Gone {
            return answer.peer.give_up();
        }
        // A reset throws away what is still queued, and one that `h2` makes by itself says CANCEL, which some
        // clients take for a proper end.
        runtime::sleep(FLUSH).await;
        send.send_reset(Reason::INTERNAL_ERROR);
    }
}

impl Answer<'_> {
    /// The next head, whose text is taken off what was read.
    async fn next_head(
        &mut self,
        respond: &mut SendResponse<Bytes>,
    ) -> Option<(Response<()>, ResponseFraming)> {
        let mut scan = HeadScan::default();
        loop {
            if let Some(end) = scan.end(&self.buf) {
                let text = Bytes::copy_from_slice(&self.buf[..end]);
                self.buf.consume(end);
                let mut slots = Slots::new();
                let head = response::parse(&text, &mut slots, self.asked).ok()?;
                return Some((told(&head, &text, self.peer)?, head.framing));
            }
            let more = poll_fn(|cx| match self.pipe.poll_all() {
                Poll::Pending if respond.poll_reset(cx).is_ready() => {
                    self.peer.give_up();
                    Poll::Ready(None)
                }
                read => read.map(Result::ok),
            });
            let more = more.await.filter(|more| !more.is_empty())?;
            if self.buf.is_empty() {
                self.buf = more;
            } else {
                self.buf.extend(&more);
            }
        }
    }

    /// Sends a body to its end.
    async fn send_body(
        &mut self,
        framing: ResponseFraming,
        send: &mut SendStream<Bytes>,
    ) -> Result<(), Broken> {
        let mut decoder = Decoder::keeping_trailer();
        let mut left = match framing {
            ResponseFraming::Length(n) => n,
            _ => u64::MAX,
        };
        loop {
            let finished = if framing == ResponseFraming::Chunked {
                let step = decoder.decode(&mut self.buf).map_err(|_| Broken::Off)?;
                self.buf.truncate(step.data);
                step.finished
            } else {
                left = left.checked_sub(self.buf.len() as u64).ok_or(Broken::Off)?;
                left == 0
            };
            let trailer = if finished { trailer(&decoder) } else { None };
            let ends = finished && trailer.is_none();
            if !self.buf.is_empty() || ends {
                self.give(send, ends).await?;
            }
            match trailer {
                Some(trailer) => return send.send_trailers(trailer).map_err(|_| Broken::Gone),
                None if finished => return Ok(()),
                None => self.buf = self.more(send).await?,
            }
        }
    }

    /// Waits for more of a body. Nothing is kept for it meanwhile.
    async fn more(&mut self, send: &mut SendStream<Bytes>) -> Result<Buf, Broken> {
        poll_fn(|cx| match self.pipe.poll_all() {
            Poll::Ready(Ok(more)) if !more.is_empty() => Poll::Ready(Ok(more)),
            Poll::Ready(_) => Poll::Ready(Err(Broken::Off)),
            Poll::Pending if send.poll_reset(cx).is_ready() => Poll::Ready(Err(Broken::Gone)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Sends what was read as the client's window allows, while the exchange waits for that, too.
    async fn give(&mut self, send: &mut SendStream<Bytes>, last: bool) -> Result<(), Broken> {
        let (memory, start) = std::mem::take(&mut self.buf).into_vec();
        let mut bytes = Bytes::from(memory);
        bytes.advance(start);
        while !bytes.is_empty() {
            send.reserve_capacity(bytes.len());
            let room = match send.capacity() {
                0 => self.wait_for_room(send).await?,
                room => room,
            };
            let piece = bytes.split_to(room.min(bytes.len()));
            let ends = last && bytes.is_empty();
            send.send_data(piece, ends).map_err(|_| Broken::Gone)?;
            if ends {
                return Ok(());
            }
        }
        if last {
            send.send_data(bytes, true).map_err(|_| Broken::Gone)?;
        }
        Ok(())
    }

    async fn wait_for_room(&mut self, send: &mut SendStream<Bytes>) -> Result<usize, Broken> {
        let room = poll_fn(|cx| {
            if send.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(Broken::Gone));
            }
            if self.pipe.poll_cut().is_ready() {
                return Poll::Ready(Err(Broken::Off));
            }
            send.poll_capacity(cx).map(|room| room.and_then(Result::ok).ok_or(Broken::Gone))
        });
        runtime::within(self.patience, room).await.unwrap_or(Err(Broken::Stalled))
    }
}

/// A head, as `h2` wants it; `text` is what it was read from.
fn told(head: &ResponseHead<'_>, text: &Bytes, peer: &Peer) -> Option<Response<()>> {
    let told = peer.told.get();
    peer.told.set(told.saturating_add(1));
    let mut fields = HeaderMap::with_capacity(head.headers.len());
    for (name, value) in head.headers.iter().filter(|(name, _)| !is_hop_by_hop(name) || *name == "trailer") {
        let name = field(name)?;
        let mut value = HeaderValue::from_maybe_shared(text.slice_ref(value)).ok()?;
        value.set_sensitive(told >= INDEXED && name != CONTENT_TYPE);
        fields.append(name, value);
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).ok()?;
    *response.headers_mut() = fields;
    Some(response)
}

/// Answers of a connection whose fields are put into the table that both ends have. What is the same in all is there then,
/// and what differs by its name; more numbers and times would only push that out, and be looked through each time.
const INDEXED: u8 = 4;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const UPSTREAM_ID: HeaderName = HeaderName::from_static("x-ringgate-upstream-request-id");
const OVERHEAD: HeaderName = HeaderName::from_static("x-ringgate-overhead-us");

/// A field's name. Those of every answer need not be read.
fn field(name: &str) -> Option<HeaderName> {
    Some(match name {
        "content-type" => CONTENT_TYPE,
        "content-length" => CONTENT_LENGTH,
        "date" => DATE,
        "x-request-id" => X_REQUEST_ID,
        "request-id" => REQUEST_ID,
        "x-ringgate-upstream-request-id" => UPSTREAM_ID,
        "x-ringgate-overhead-us" => OVERHEAD,
        other => HeaderName::from_bytes(other.as_bytes()).ok()?,
    })
}

/// The fields behind a body, if there are any.
fn trailer(body: &Decoder) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for (name, value) in body.trailer() {
        fields.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    (!fields.is_empty()).then_some(fields)
}
