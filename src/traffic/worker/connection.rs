//! A client's connection, from its first byte to its end.

use super::h2;
use crate::base::limits::BODY_BYTES;
use crate::contract::snapshot::{Limits, Snapshot};
use crate::http::{Preface, h2_preface};
use crate::net::deadline::Waiting;
use crate::net::listen::Accepted;
use crate::net::runtime;
use crate::net::stream::{Protocol, Stream};
use crate::traffic::exchange::client::Client;
use crate::traffic::exchange::serve::{Next, serve as serve_request};
use crate::traffic::exchange::shard::{Counted, Shard};
use std::rc::Rc;
use std::time::Duration;

/// Bytes that a lingering connection may still send (as many as the largest body that is taken by default), how
/// long that may take, and how long it may send nothing, before it is closed anyway.
const LINGER_BYTES: u64 = BODY_BYTES;
const LINGER_MS: u64 = 5_000;
const LINGER_IDLE_MS: u64 = 1_000;

/// Serves a connection that listener `index` accepted. `arriving` is held until the connection is counted.
pub async fn serve<A>(shard: Rc<Shard>, accepted: Accepted, index: usize, arriving: A) {
    let _open = Counted::new(&shard.connections, 1);
    drop(arriving);
    let snapshot = shard.snapshot();
    if shard.connections.get() > snapshot.limits.connections {
        shard.connections_refused.set(shard.connections_refused.get() + 1);
        return;
    }
    let peer = accepted.peer;
    // Boxed: a handshake's state is large, and gone afterwards.
    let Some(stream) = Box::pin(greet(accepted, &snapshot, index)).await else {
        shard.connections_refused.set(shard.connections_refused.get() + 1);
        return;
    };
    let protocol = stream.protocol;
    let mut client = Client::new(&shard, stream, Some(peer));
    let preface = match protocol {
        Protocol::Http2 => Preface::Yes,
        Protocol::Http1 => {
            client.deadline.set(Waiting::First, snapshot.limits.keep_alive_ms);
            Preface::No
        }
        Protocol::Unknown => Box::pin(first_words(&shard, &mut client, &snapshot.limits)).await,
    };
    match preface {
        Preface::Yes => Box::pin(h2::serve(shard.clone(), client, snapshot)).await,
        Preface::No | Preface::Maybe => {
            drop(snapshot);
            requests(&shard, &mut client).await;
        }
    }
}

/// Makes TLS where the listener has it.
async fn greet(accepted: Accepted, snapshot: &Snapshot, index: usize) -> Option<Stream> {
    let Some(config) = snapshot.listeners.get(index).and_then(|listener| listener.tls.clone()) else {
        return Some(accepted.plain());
    };
    let patience = Duration::from_millis(snapshot.limits.head_ms.max(1));
    runtime::within(patience, accepted.secure(config)).await?.ok()
}

/// Reads until it is clear which version of HTTP is spoken. `Maybe`: the connection ended before.
async fn first_words(shard: &Shard, client: &mut Client, limits: &Limits) -> Preface {
    client.deadline.set(Waiting::First, limits.keep_alive_ms);
    client.inbox = shard.buffers.small();
    loop {
        let (read, inbox) = client.reader.read(std::mem::take(&mut client.inbox)).await;
        client.inbox = inbox;
        if !matches!(read, Ok(n) if n > 0) {
            return Preface::Maybe;
        }
        match h2_preface(&client.inbox) {
            Preface::Maybe => client.deadline.set(Waiting::Head, limits.head_ms),
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
            Next::Close => break,
            Next::Linger => {
                Box::pin(linger(shard, client)).await;
                break;
            }
        }
    }
    shard.buffers.give(std::mem::take(&mut client.inbox));
}

/// Says that nothing more will come, and reads on a little: closing at once would reset the connection, and
/// the client could lose the answer that it has not read yet, or never come to reading it. A shard that drains
/// cuts it short.
async fn linger(shard: &Shard, client: &mut Client) {
    client.deadline.set(Waiting::Linger, LINGER_IDLE_MS);
    client.writer.finish().await;
    let until = shard.deadlines.coarse_now().plus_ms(LINGER_MS);
    let mut seen = 0;
    let mut buf = shard.buffers.small();
    while seen < LINGER_BYTES && shard.deadlines.coarse_now() < until {
        buf.clear();
        client.deadline.set(Waiting::Linger, LINGER_IDLE_MS);
        let (read, back) = client.reader.read(buf).await;
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
    fn size_of_future<F>(_: impl FnOnce(Rc<Shard>, Accepted) -> F) -> usize {
        size_of::<F>()
    }

    /// What an idle connection costs besides its read buffer stays small: states of exchanges are pooled, and
    /// their futures hold references.
    #[test]
    fn a_connection_is_small() {
        let bytes = size_of_future(|shard, accepted| serve(shard, accepted, 0, ()));
        assert!(bytes <= 3 * 1024 + 768, "the future of a connection takes {bytes} bytes");
    }
}
