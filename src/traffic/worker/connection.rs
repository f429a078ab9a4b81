//! A client's connection, from its first byte to its end.

use super::crowd::Place;
use super::h2;
use crate::base::buf::Buf;
use crate::base::fault::FaultKind;
use crate::base::limits::BODY_BYTES;
use crate::contract::meters::Unserved;
use crate::http::{Preface, h2_preface};
use crate::net::deadline::Waiting;
use crate::net::gather::Gather;
use crate::net::listen::Accepted;
use crate::net::runtime;
use crate::net::stream::{Protocol, Stream};
use crate::traffic::exchange::client::Client;
use crate::traffic::exchange::reply::unheard;
use crate::traffic::exchange::serve::{Next, serve as serve_request};
use crate::traffic::exchange::shard::Shard;
use std::rc::Rc;
use std::time::Duration;

/// Bytes that a lingering connection may still send (as many as the largest body that is taken by default), how
/// long that may take, and how long it may send nothing, before it is closed anyway.
const LINGER_BYTES: u64 = BODY_BYTES;
const LINGER_MS: u64 = 5_000;
const LINGER_IDLE_MS: u64 = 1_000;
/// How long the first words of a client that is turned away are waited for, to tell it in the HTTP that it speaks.
const GREETING: Duration = Duration::from_millis(20);

/// Time for the last bytes of a broken answer to leave before its connection, or stream, is reset.
pub const FLUSH: Duration = Duration::from_millis(20);

/// Serves a connection that listener `index` accepted, and holds its place.
pub async fn serve(shard: Rc<Shard>, accepted: Accepted, index: usize, place: Place) {
    let _place = place;
    let peer = accepted.peer;
    // Boxed: a handshake's state is large, and gone afterwards.
    let Some(stream) = Box::pin(greet(&shard, accepted, index)).await else {
        shard.count_unserved(Unserved::Handshake);
        return;
    };
    let protocol = stream.protocol;
    let mut client = Client::new(&shard, stream, Some(peer));
    let preface = match protocol {
        Protocol::Http2 => Preface::Yes,
        Protocol::Http1 => {
            client.deadline.set(Waiting::First, shard.snapshot().limits.keep_alive_ms);
            Preface::No
        }
        Protocol::Unknown => Box::pin(first_words(&shard, &mut client)).await,
    };
    match preface {
        Preface::Yes => Box::pin(h2::serve(shard.clone(), client)).await,
        Preface::No | Preface::Maybe => requests(&shard, &mut client).await,
    }
}

/// Tells a client of plain HTTP why it is not served, even if it has not asked, and ends its connection.
pub async fn turn_away(shard: &Shard, accepted: Accepted, why: Unserved) {
    let kind = match why {
        Unserved::ConnectionsPerClient => FaultKind::TooManyConnections,
        Unserved::Connections | Unserved::Handshake | Unserved::Descriptors => FaultKind::Overloaded,
    };
    let peer = accepted.peer;
    let mut client = Client::new(shard, accepted.plain(), Some(peer));
    client.reader.begin(shard.buffers.small());
    // A read that is not waited for any longer stays begun: lingering goes on with it.
    let first = match runtime::within(GREETING, client.reader.arrived()).await {
        Some((Ok(_), words)) => words,
        Some((Err(_), _)) | None => Buf::default(),
    };
    let mut gather = Gather::default();
    gather.whole(match h2_preface(&first) {
        Preface::Yes => h2::farewell(kind),
        Preface::No | Preface::Maybe => unheard(kind, shard),
    });
    shard.buffers.give(first);
    // The socket is new and takes it at once.
    if client.writer.write(gather).await.0.is_ok() {
        linger(shard, &mut client, Unread::Little).await;
    }
}

/// Makes TLS where the listener has it.
async fn greet(shard: &Shard, accepted: Accepted, index: usize) -> Option<Stream> {
    let (config, longest_ms) = {
        let snapshot = shard.snapshot();
        let config = snapshot.listeners.get(index).and_then(|listener| listener.tls.clone());
        (config, snapshot.limits.head_ms)
    };
    let Some(config) = config else { return Some(accepted.plain()) };
    let deadline = accepted.deadline(&shard.deadlines);
    deadline.set(Waiting::Handshake, longest_ms);
    accepted.secure(config).await.ok()
}

/// A limit in time as a setting tells it, where 0 is none.
pub fn patience(ms: u64) -> Duration {
    if ms == 0 { Duration::MAX } else { Duration::from_millis(ms) }
}

/// Reads until it is clear which version of HTTP is spoken. `Maybe`: the connection ended before.
async fn first_words(shard: &Shard, client: &mut Client) -> Preface {
    client.deadline.set(Waiting::First, shard.snapshot().limits.keep_alive_ms);
    client.inbox = shard.buffers.small();
    loop {
        let (read, inbox) = client.reader.read(std::mem::take(&mut client.inbox)).await;
        client.inbox = inbox;
        if !matches!(read, Ok(n) if n > 0) {
            return Preface::Maybe;
        }
        match h2_preface(&client.inbox) {
            Preface::Maybe => client.deadline.set(Waiting::Head, shard.snapshot().limits.head_ms),
            known => {
                client.deadline.clear();
                return known;
            }
        }
    }
}

/// Serves HTTP/1.1 requests until the connection ends.
pub async fn requests(shard: &Shard, client: &mut Client) {
    loop {
        match serve_request(shard, client).await {
            Next::KeepAlive if client.inbox.is_empty() => {
                client.deadline.set(Waiting::KeepAlive, shard.snapshot().limits.keep_alive_ms);
            }
            Next::KeepAlive => {}
            Next::Close => {
                if matches!(client.deadline.fired(), Some(Waiting::First | Waiting::KeepAlive)) {
                    Box::pin(part(client)).await;
                }
                break;
            }
            Next::Linger if !client.writer.may_be_overtaken() => break,
            Next::Linger => {
                Box::pin(linger(shard, client, Unread::Little)).await;
                break;
            }
            Next::Reset => {
                // What the reset overtakes is lost, and with it the reason.
                runtime::sleep(FLUSH).await;
                client.writer.reset();
                break;
            }
        }
    }
    shard.buffers.give(std::mem::take(&mut client.inbox));
}

/// Says that nothing more will come, which one that takes nothing is not waited for to hear: within TLS an end without a word
/// looks like an accident.
async fn part(client: &mut Client) {
    client.deadline.set(Waiting::Linger, LINGER_IDLE_MS);
    client.writer.finish().await;
}

/// What a client whose connection ends may still have to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// One answer, which fits into what the kernel holds.
    Little,
    /// Answers of many streams.
    Much,
}

/// Says that nothing more will come, and reads on a little: closing at once would reset the connection, and
/// the client could lose the answer that it has not read yet, or never come to reading it. One that has little to read, and
/// goes on sending, does not hold a shard up that drains.
pub async fn linger(shard: &Shard, client: &mut Client, unread: Unread) {
    part(client).await;
    let mut until = shard.deadlines.coarse_now().plus_ms(LINGER_MS);
    let mut seen = 0;
    let mut buf = shard.buffers.small();
    while seen < LINGER_BYTES && shard.deadlines.coarse_now() < until {
        if unread == Unread::Little && shard.draining.get() {
            until = until.min(shard.deadlines.coarse_now().plus_ms(LINGER_IDLE_MS));
        }
        buf.clear();
        client.deadline.set(Waiting::Linger, LINGER_IDLE_MS);
        if !client.reader.has_begun() {
            client.reader.begin(std::mem::take(&mut buf));
        }
        let (read, back) = client.reader.arrived().await;
        buf = back;
        match read {
            Ok(n) if n > 0 => seen += n as u64,
            _ => break,
        }
    }
    shard.buffers.give(buf);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type of a future that is never made.
    fn size_of_future<F>(_: impl FnOnce(Rc<Shard>, Accepted, Place) -> F) -> usize {
        size_of::<F>()
    }

    /// What an idle connection costs besides its read buffer stays small: states of exchanges and their futures are
    /// pooled. With the task's own 48 bytes it fits a block of 1,792.
    #[test]
    fn a_connection_is_small() {
        let bytes = size_of_future(|shard, accepted, place| serve(shard, accepted, 0, place));
        assert!(bytes <= 1_744, "the future of a connection takes {bytes} bytes");
    }
}
