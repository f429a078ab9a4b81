//! One request to one target.

use super::pool::{Conn, Pool};
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::{HEAD_BYTES, INTERIM_HEADS};
use crate::contract::snapshot::{Addresses, Limits, Origin, Timeouts};
use crate::http::date::DateLine;
use crate::http::response::{self, Asked, ResponseFraming};
use crate::http::{HeadScan, Slots, encode};
use crate::net::ahead::Arrived;
use crate::net::connect::{ConnectError, connect};
use crate::net::deadline::{Deadlines, Waiting};
use crate::net::gather::Gather;
use crate::net::pool::BufferPool;
use crate::net::runtime;
use crate::traffic::provider::response::{Body, carry};
use crate::traffic::provider::trailer::Announced;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

/// How often a name that is being resolved is looked at.
const RESOLVE_POLL: Duration = Duration::from_millis(20);

/// An idle connection that its peer had closed says so within this time after the request was sent. Later, the
/// peer may have begun to work on it.
const STALE_WITHIN_US: u64 = 500_000;

/// What a shard needs to call upstreams.
pub struct Caller {
    pub pool: Pool,
    pub buffers: Rc<BufferPool>,
    pub deadlines: Rc<Deadlines>,
    pub date: Rc<DateLine>,
    pub connects: Cell<u64>,
    pub stale_retries: Cell<u64>,
}

/// When things happened during a call; stays readable when the call is abandoned.
#[derive(Default)]
pub struct Timings {
    /// The request was handed to the socket.
    pub sent: Cell<Moment>,
    /// The first byte of the answer was read.
    pub first_byte: Cell<Moment>,
    /// The last byte of its head was.
    pub last_read: Cell<Moment>,
}

/// A failed call: the fault for the client, the evidence for the operator.
#[derive(Debug)]
pub struct CallError {
    pub fault: Fault,
    pub detail: String,
    /// Whether the provider certainly did nothing with the request, so that another target may get it.
    pub untouched: bool,
}

/// The head of an answer; its body is still to be read from the connection.
pub struct Answer {
    pub conn: Box<Conn>,
    /// Bytes read behind the head.
    pub rest: Buf,
    pub status: u16,
    pub framing: ResponseFraming,
    pub keep_alive: bool,
    pub body: Body,
    /// What the head says of fields behind the body, if it does.
    pub announced: Option<Box<Announced>>,
    /// The head for the client as far as the provider decides it: status line and field lines.
    pub head: Buf,
}

/// An answer without its connection.
struct AnswerHead {
    rest: Buf,
    status: u16,
    framing: ResponseFraming,
    keep_alive: bool,
    body: Body,
    announced: Option<Box<Announced>>,
    head: Buf,
}

impl AnswerHead {
    fn on(self, conn: Box<Conn>) -> Answer {
        let Self { rest, status, framing, keep_alive, body, announced, head } = self;
        Answer { conn, rest, status, framing, keep_alive, body, announced, head }
    }
}

impl Caller {
    pub fn new(buffers: Rc<BufferPool>, deadlines: Rc<Deadlines>, date: Rc<DateLine>) -> Self {
        Self {
            pool: Pool::new(buffers.clone()),
            buffers,
            deadlines,
            date,
            connects: Cell::new(0),
            stale_retries: Cell::new(0),
        }
    }

    /// Sends `request` to `origin` and reads the head of the answer. `latest` bounds the whole exchange.
    ///
    /// # Errors
    /// Each way to fail has its own [`FaultKind`].
    pub async fn call(
        &self,
        origin: &Arc<Origin>,
        request: &mut Gather,
        timeouts: &Timeouts,
        latest: Moment,
        limits: &Limits,
        timings: &Timings,
    ) -> Result<Answer, CallError> {
        let mut idle = self.pool.take(origin, self.deadlines.coarse_now(), limits);
        loop {
            let mut conn = match idle.take() {
                Some(conn) => conn,
                // Boxed: a handshake's state is large, and most requests find a connection.
                None => Box::pin(self.connect(origin, timeouts)).await?,
            };
            match self.exchange(&mut conn, request, timeouts, latest, timings).await {
                Ok(head) => return Ok(head.on(conn)),
                // Once, because the next connection is a new one.
                Err(Unanswered::Stale) => self.stale_retries.set(self.stale_retries.get() + 1),
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        }
    }

    async fn connect(&self, origin: &Arc<Origin>, timeouts: &Timeouts) -> Result<Box<Conn>, CallError> {
        let fail = |kind: FaultKind, detail: String| {
            origin.wants_resolving.store(true, Ordering::Relaxed);
            CallError { fault: kind.into(), detail, untouched: true }
        };
        let limit = match timeouts.connect_ms {
            0 => Duration::from_hours(1),
            ms => Duration::from_millis(ms),
        };
        let addresses = resolved(origin, limit)
            .await
            .map_err(|reason| fail(FaultKind::UpstreamDns, format!("{}: {reason}", origin.host)))?;
        self.connects.set(self.connects.get() + 1);
        match connect(&addresses, origin.tls.as_ref(), limit).await {
            Ok((stream, peer)) => Ok(Box::new(Conn::new(stream, peer, origin.clone(), &self.deadlines))),
            Err(error) => {
                let mut detail = format!("{}:{} {addresses:?}: ", origin.host, origin.port);
                let (kind, reason) = match error {
                    ConnectError::Refused(e) => (FaultKind::UpstreamConnect, e.to_string()),
                    ConnectError::Exhausted(e) => {
                        // Those that rest hold what the next request needs.
                        self.pool.clear();
                        (FaultKind::Overloaded, e.to_string())
                    }
                    ConnectError::Timeout => (FaultKind::UpstreamConnectTime, format!("{limit:?} passed")),
                    ConnectError::Tls(e) => (FaultKind::UpstreamTls, e.to_string()),
                };
                detail.push_str(&reason);
                Err(fail(kind, detail))
            }
        }
    }

    /// Writes the request and reads until the head of the answer is complete.
    async fn exchange(
        &self,
        conn: &mut Conn,
        request: &mut Gather,
        timeouts: &Timeouts,
        latest: Moment,
        timings: &Timings,
    ) -> Result<AnswerHead, Unanswered> {
        conn.deadline.set_before(Waiting::FirstByte, timeouts.first_byte_ms, latest);
        let written = Cell::new(Written::No);
        let sending = Sending { request, sent: &timings.sent, written: &written };
        if !conn.reader.has_begun() {
            conn.reader.begin(self.buffers.small());
        }
        let (read, mut rest) = send_and_receive(conn, sending).await;
        let now = Moment::now();
        timings.first_byte.set(now);
        timings.last_read.set(now);
        if timings.sent.get() == Moment(0) {
            // The answer came before the request was taken.
            timings.sent.set(now);
        }
        if !matches!(read, Ok(n) if n > 0) {
            self.buffers.give(rest);
            let waited = now.micros_since(timings.sent.get());
            return Err(no_answer(conn, read, request, waited));
        }
        let mut scan = HeadScan::default();
        let mut head = self.buffers.small();
        let mut interim = 0;
        loop {
            match next_head(&rest, &mut scan, &self.date, &mut head) {
                Head::Final { length, status, framing, keep_alive, body, announced } => {
                    rest.consume(length);
                    conn.deadline.set_before(Waiting::Total, 0, latest);
                    // A peer that did not get the whole request would take the next one for the rest of it.
                    let keep_alive = keep_alive && written.get() == Written::Whole;
                    return Ok(AnswerHead { rest, status, framing, keep_alive, body, announced, head });
                }
                Head::Interim { length } if interim < INTERIM_HEADS => {
                    rest.consume(length);
                    scan = HeadScan::default();
                    interim += 1;
                    continue;
                }
                Head::Interim { .. } => return Err(malformed("too many interim answers")),
                Head::Wrong(reason) => return Err(malformed(&reason)),
                Head::Partial => {}
            }
            rest.reserve(1);
            let (read, back) = conn.reader.read(rest).await;
            timings.last_read.set(Moment::now());
            rest = back;
            match read {
                Ok(n) if n > 0 => {}
                _ if conn.deadline.fired().is_some() => return Err(no_answer(conn, read, request, u64::MAX)),
                _ => return Err(malformed("the connection ended inside the answer's head")),
            }
        }
    }
}

/// The origin's addresses. A name that control has not looked up yet is waited for.
async fn resolved(origin: &Origin, limit: Duration) -> Result<Vec<SocketAddr>, Box<str>> {
    let mut waited = Duration::ZERO;
    loop {
        match &**origin.addresses.load() {
            Addresses::Known { addresses, .. } if !addresses.is_empty() => return Ok(addresses.clone()),
            Addresses::Known { .. } => return Err("the name has no address".into()),
            Addresses::Failed(reason) => return Err(reason.clone()),
            Addresses::Unknown if waited >= limit => return Err("the name was not resolved in time".into()),
            Addresses::Unknown => {}
        }
        origin.wants_resolving.store(true, Ordering::Relaxed);
        runtime::sleep(RESOLVE_POLL).await;
        waited += RESOLVE_POLL;
    }
}

/// Why a connection gave no head.
enum Unanswered {
    /// It had been idle and gave nothing at all: its peer had closed it.
    Stale,
    Failed(CallError),
}

fn malformed(reason: &str) -> Unanswered {
    Unanswered::Failed(CallError {
        fault: FaultKind::UpstreamMalformed.into(),
        detail: reason.into(),
        untouched: false,
    })
}

/// `waited_us`: since the request was sent.
fn no_answer(conn: &Conn, read: io::Result<usize>, request: &Gather, waited_us: u64) -> Unanswered {
    let kind = match conn.deadline.fired() {
        Some(Waiting::Total) => FaultKind::UpstreamTotal,
        Some(Waiting::Stop) => FaultKind::ShuttingDown,
        Some(_) => FaultKind::UpstreamFirstByte,
        // A request whose write did not come back cannot be sent again, and one that was worked on must not.
        None if conn.reused && !request.is_empty() && waited_us < STALE_WITHIN_US => {
            return Unanswered::Stale;
        }
        None => FaultKind::UpstreamReset,
    };
    let detail = match read {
        Ok(_) => "closed without an answer".into(),
        Err(error) => error.to_string(),
    };
    Unanswered::Failed(CallError { fault: kind.into(), detail, untouched: false })
}

/// A request on its way: goes back where it came from once it is written.
struct Sending<'r> {
    request: &'r mut Gather,
    sent: &'r Cell<Moment>,
    written: &'r Cell<Written>,
}

/// How much of a request the socket took.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    No,
    Whole,
}

/// Writes the request and reads the first bytes of the answer, at the same time: a provider may answer before
/// it has read everything, and then stop reading.
async fn send_and_receive(conn: &mut Conn, sending: Sending<'_>) -> Arrived {
    let Conn { reader, writer, .. } = conn;
    let mut write = pin!(writer.write(std::mem::take(sending.request)));
    let mut early = None;
    poll_fn(|cx: &mut Context<'_>| {
        if let Poll::Ready((result, request)) = write.as_mut().poll(cx) {
            sending.sent.set(Moment::now());
            *sending.request = request;
            if result.is_ok() {
                sending.written.set(Written::Whole);
            }
            return Poll::Ready(());
        }
        if early.is_none()
            && let Poll::Ready(done) = reader.poll_arrived(cx)
        {
            let answered = matches!(done.0, Ok(n) if n > 0) && !begins_interim(&done.1);
            early = Some(done);
            if answered {
                return Poll::Ready(());
            }
        }
        // Without an answer the connection is broken: the write ends soon, and gives the request back.
        Poll::Pending
    })
    .await;
    match early {
        Some(done) => done,
        // A failed write does not matter: the answer may have come before, and if it did not the read fails too.
        None => reader.arrived().await,
    }
}

/// Whether these first bytes may be those of an interim answer, after which the request goes on.
fn begins_interim(bytes: &[u8]) -> bool {
    bytes.get(9).is_none_or(|digit| *digit == b'1')
}

enum Head {
    Partial,
    Interim {
        length: usize,
    },
    Final {
        length: usize,
        status: u16,
        framing: ResponseFraming,
        keep_alive: bool,
        body: Body,
        announced: Option<Box<Announced>>,
    },
    Wrong(Box<str>),
}

/// Reads a head at the front of `bytes`; a final one is written to `out` as the client is to see it.
fn next_head(bytes: &[u8], scan: &mut HeadScan, now: &DateLine, out: &mut Buf) -> Head {
    if !response::looks_like_response(bytes) {
        return Head::Wrong("not an HTTP/1 answer".into());
    }
    let Some(length) = scan.end(bytes) else {
        return if bytes.len() > HEAD_BYTES {
            Head::Wrong("the answer's head is too large".into())
        } else {
            Head::Partial
        };
    };
    let mut slots = Slots::new();
    match response::parse(&bytes[..length], &mut slots, Asked::Body) {
        Ok(head) if (100..200).contains(&head.status) => Head::Interim { length },
        Ok(head) => {
            encode::status_line(out.tail(), head.status);
            let body = carry(&head.headers, now, out.tail());
            let announced = body.announces.then(|| Box::new(Announced::by(&head.headers)));
            let (status, framing, keep_alive) = (head.status, head.framing, head.keep_alive);
            Head::Final { length, status, framing, keep_alive, body, announced }
        }
        Err(error) => Head::Wrong(error.to_string().into()),
    }
}
