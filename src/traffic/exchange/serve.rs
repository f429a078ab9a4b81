//! One request on a client's connection.

use super::attempt;
use super::client::Client;
use super::receive::{self, Planned, Refusal};
use super::reply::Reply;
use super::shard::{Counted, Shard};
use super::state::Exchange;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::snapshot::Snapshot;
use crate::net::deadline::Deadline;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
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
    /// An answer broke whose end would be the connection's: that must not look like one.
    Reset,
}

/// Serves the next request on a connection, from its head to its record.
pub async fn serve(shard: &Shard, client: &mut Client) -> Next {
    let Some((heard, head)) = receive::head(shard, client).await else {
        return Next::Close;
    };
    // Not before the head is there: whoever waits for one must not hold an old configuration.
    let snapshot = shard.snapshot();
    let running = Counted::new(&shard.exchanges, 1);
    let mut exchange = Running::begin(shard, heard);
    exchange.tally.record.client = client.peer;
    let planned = match head {
        Ok(found) => match receive::read_head(shard, &snapshot, client, found, &mut exchange) {
            Ok(length) => {
                client.inbox.consume(length);
                shard.berths.moor(|| receive::plan(shard, &snapshot, client, &mut exchange)).await
            }
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => {
            exchange.intake.unreadable();
            Err(refusal)
        }
    };
    let mut reply = Reply::new(shard, &snapshot.limits, &mut client.writer, &client.deadline, &exchange);
    let next = shard.berths.moor(|| answer(&snapshot, planned, &mut reply, &mut exchange)).await;
    exchange.tally.record.status = reply.status;
    exchange.tally.record.response_bytes = reply.sent_bytes;
    exchange.end().await;
    drop(running);
    next
}

/// A state in use. However its exchange ends, there is one record of it.
struct Running<'s> {
    shard: &'s Shard,
    /// There until the end.
    state: Option<Box<Exchange>>,
}

impl<'s> Running<'s> {
    fn begin(shard: &'s Shard, heard: Moment) -> Self {
        let mut state = shard.states.take();
        state.begin(shard.next_id(), shard.id, heard);
        Self { shard, state: Some(state) }
    }

    /// Writes the record and gives the state back.
    async fn end(mut self) {
        self.shard.close(&mut self.tally).await;
        if let Some(state) = self.state.take() {
            self.shard.states.give(state, self.shard);
        }
    }
}

/// An exchange that was dropped before its end, by a panic or because the shard stops, is on record as failed.
impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take() {
            state.tally.fail(FaultKind::Internal);
            state.note_usage();
            self.shard.close_at_once(&mut state.tally);
            self.shard.states.give(state, self.shard);
        }
    }
}

impl Deref for Running<'_> {
    type Target = Exchange;
    fn deref(&self) -> &Exchange {
        self.state.as_deref().unwrap_or_else(|| unreachable!("taken at the end only"))
    }
}

impl DerefMut for Running<'_> {
    fn deref_mut(&mut self) -> &mut Exchange {
        self.state.as_deref_mut().unwrap_or_else(|| unreachable!("taken at the end only"))
    }
}

/// Does what was planned. Every outcome passes through here once.
async fn answer(
    snapshot: &Snapshot,
    planned: Result<Planned, Refusal>,
    reply: &mut Reply<'_>,
    exchange: &mut Exchange,
) -> Next {
    let (outcome, allow, unread) = match planned {
        Ok(Planned::Forward(permit)) => {
            let outcome = {
                let deadline = reply.deadline;
                let attempt = pin!(attempt::run(snapshot, exchange, reply));
                watched(deadline, attempt).await
            };
            exchange.note_usage();
            permit.settle(&exchange.tally.record.usage);
            (outcome.map_err(|fault| stalled(fault, reply)), None, false)
        }
        Ok(Planned::Local(body)) => {
            let outcome = Box::pin(reply.own(&body)).await;
            (outcome, None, false)
        }
        Err(refusal) => (Err(stalled(refusal.fault, reply)), refusal.allow, refusal.close),
    };
    let Err(fault) = outcome else {
        return if reply.keep_alive { Next::KeepAlive } else { Next::Linger };
    };
    if fault.kind == FaultKind::ClientGone && reply.told_all {
        return Next::Close;
    }
    let first = exchange.tally.record.fault.is_none();
    exchange.tally.fail(fault.kind);
    if fault.kind == FaultKind::UpstreamUnreadable && first {
        exchange.tally.explain(fault.message());
    }
    if fault.kind == FaultKind::ClientGone {
        return Next::Close;
    }
    if reply.status != 0 {
        return if reply.ends_with_connection { Next::Reset } else { Next::Linger };
    }
    reply.keep_alive &= !unread;
    if Box::pin(reply.refuse(&fault, allow)).await.is_err() {
        return Next::Close;
    }
    if reply.keep_alive { Next::KeepAlive } else { Next::Linger }
}

/// A client whose connection was cut because it did not read looks as if it had left.
fn stalled(fault: Fault, reply: &Reply<'_>) -> Fault {
    let cut = fault.kind == FaultKind::ClientGone && reply.has_stalled();
    if cut { FaultKind::ClientStalled.into() } else { fault }
}

/// Runs an exchange while the client is there. When it leaves, the exchange is dropped where it stands, and
/// with it its upstream connection. Nothing is read from it meanwhile, since it may have its next request here already:
/// its deadline tells when it leaves.
async fn watched(
    deadline: &Deadline,
    mut exchange: Pin<&mut impl Future<Output = Result<(), Fault>>>,
) -> Result<(), Fault> {
    poll_fn(|cx| match exchange.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => deadline.poll_left(cx).map(|()| Err(FaultKind::ClientGone.into())),
    })
    .await
}
