//! One request on a client's connection.

use super::attempt;
use super::client::Client;
use super::receive::{self, Intake, Planned, Refusal};
use super::reply::Reply;
use super::shard::{Counted, Shard};
use crate::base::buf::Buf;
use crate::base::fault::{Fault, FaultKind};
use crate::base::text::Text;
use crate::contract::endpoint::Endpoint;
use crate::contract::snapshot::Snapshot;
use crate::net::deadline::Waiting;
use crate::net::stream::Reader;
use crate::traffic::account::Tally;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It waits for another request, or has one already.
    KeepAlive,
    /// It is closed at once.
    Close,
    /// The client may still be sending what nobody will read: it is told the end, and given time to see it.
    Linger,
}

/// Serves the next request on a connection, from its head to its record.
pub async fn serve(shard: &Shard, client: &mut Client) -> Next {
    let snapshot = shard.snapshot();
    let Some(head) = receive::head(shard, &snapshot, client).await else {
        return Next::Close;
    };
    let _running = Counted::new(&shard.exchanges, 1);
    let framed = head.as_ref().map_or(Framed::UNREADABLE, Framed::of);
    let mut tally = shard.begin(framed.endpoint, client.peer, framed.user_agent);
    let planned = match head {
        Ok(intake) => receive::plan(shard, &snapshot, client, intake, &mut tally).await,
        Err(refusal) => Err(refusal),
    };
    // From here on the connection is read ahead, so that a client that leaves is noticed at once.
    let watching = matches!(planned, Ok(Planned::Forward(_))) && client.inbox.is_empty();
    let Client { reader, writer, deadline, inbox, .. } = client;
    let mut ahead = pin!(read_ahead(watching.then(|| (reader, shard.buffers.small()))));
    let mut arrived = None;
    let mut reply = Reply {
        writer,
        deadline,
        shard,
        limits: &snapshot.limits,
        id: tally.record.id,
        minor_version: framed.minor_version,
        head_only: framed.head_only,
        keep_alive: framed.keep_alive,
        status: 0,
        sent_bytes: 0,
    };
    let next = answer(&snapshot, planned, &mut reply, &mut tally, ahead.as_mut(), &mut arrived).await;
    tally.record.status = reply.status;
    tally.record.response_bytes = reply.sent_bytes;
    shard.close(&mut tally).await;
    if next != Next::KeepAlive {
        return next;
    }
    drop(reply);
    if watching {
        deadline.set(Waiting::KeepAlive, snapshot.limits.keep_alive_ms);
        let (read, buf) = match arrived {
            Some(arrived) => arrived,
            None => ahead.await,
        };
        deadline.clear();
        if !matches!(read, Ok(n) if n > 0) {
            return Next::Close;
        }
        *inbox = buf;
    }
    Next::KeepAlive
}

/// What the answer needs to know of the head.
struct Framed {
    endpoint: Endpoint,
    user_agent: Text<64>,
    minor_version: u8,
    head_only: bool,
    keep_alive: bool,
}

impl Framed {
    const UNREADABLE: Self = Self {
        endpoint: Endpoint::Unknown,
        user_agent: Text::EMPTY,
        minor_version: 1,
        head_only: false,
        keep_alive: false,
    };

    fn of(intake: &Intake) -> Self {
        Self {
            endpoint: intake.endpoint,
            user_agent: intake.user_agent,
            minor_version: intake.minor_version,
            head_only: intake.head_only,
            keep_alive: intake.keep_alive,
        }
    }
}

type Arrived = (io::Result<usize>, Buf);

/// The connection's next read, posted before the upstream is called.
async fn read_ahead(from: Option<(&mut Reader, Buf)>) -> Arrived {
    match from {
        Some((reader, buf)) => reader.read(buf).await,
        None => std::future::pending().await,
    }
}

/// Does what was planned. Every outcome passes through here once.
async fn answer(
    snapshot: &Snapshot,
    planned: Result<Planned, Refusal>,
    reply: &mut Reply<'_>,
    tally: &mut Tally,
    ahead: Pin<&mut impl Future<Output = Arrived>>,
    arrived: &mut Option<Arrived>,
) -> Next {
    let (outcome, allow, unread) = match planned {
        Ok(Planned::Forward(mut forward)) => {
            let outcome = watched(ahead, arrived, attempt::run(snapshot, &mut forward, reply, tally)).await;
            reply.shard.buffers.give(std::mem::take(&mut forward.forward));
            reply.shard.buffers.give_gather(std::mem::take(&mut forward.body));
            forward.permit.settle(&tally.record.usage);
            (outcome, None, false)
        }
        Ok(Planned::Local(body)) => {
            let outcome = reply.whole(200, b"content-type: application/json\r\n", &body).await;
            (outcome, None, false)
        }
        Err(refusal) => (Err(refusal.fault), refusal.allow, refusal.close),
    };
    let Err(fault) = outcome else {
        return if reply.keep_alive { Next::KeepAlive } else { Next::Linger };
    };
    tally.fail(fault.kind);
    if fault.kind == FaultKind::ClientGone || reply.status != 0 {
        return Next::Close;
    }
    reply.keep_alive &= !unread;
    if reply.refuse(&fault, allow).await.is_err() {
        return Next::Close;
    }
    if reply.keep_alive { Next::KeepAlive } else { Next::Linger }
}

/// Runs an exchange while the client is there. When it leaves, the exchange is dropped where it stands, and
/// with it its upstream connection.
async fn watched(
    mut ahead: Pin<&mut impl Future<Output = Arrived>>,
    arrived: &mut Option<Arrived>,
    exchange: impl Future<Output = Result<(), Fault>>,
) -> Result<(), Fault> {
    let mut exchange = pin!(exchange);
    poll_fn(|cx| {
        if let Poll::Ready(done) = exchange.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if arrived.is_none()
            && let Poll::Ready(next) = ahead.as_mut().poll(cx)
        {
            let gone = !matches!(next.0, Ok(n) if n > 0);
            *arrived = Some(next);
            if gone {
                return Poll::Ready(Err(FaultKind::ClientGone.into()));
            }
        }
        Poll::Pending
    })
    .await
}
