//! An answer on its way back: decoded, read as it passes, framed anew for the client.
//!
//! Takes an `Answer` whose body is still on its connection; gives client bytes, usage, and the connection back
//! to the pool if it is clean.
//!
//! Invariant: what was read is handed on before more is read, so a slow client slows its upstream and memory
//! stays bounded; a body that broke is never given a clean end.

use super::reply::{Ending, Reply};
use super::state::{Exchange, Reading};
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::ERROR_BODY_BYTES;
use crate::contract::endpoint::StreamStyle;
use crate::contract::snapshot::{Format, Provider, Timeouts};
use crate::http::chunked::{self, Decoder};
use crate::http::response::ResponseFraming;
use crate::net::deadline::Waiting;
use crate::net::gather::FLAT_BYTES;
use crate::traffic::account::Tally;
use crate::traffic::dialect::{EventFilter, HideUsage, UsageScan, refusal};
use crate::traffic::provider::response::BodyShape;
use crate::traffic::upstream::call::Answer;
use crate::traffic::upstream::pool::Conn;

/// Room for what stands behind a chunk.
const END_BYTES: usize = 16;

/// How long a provider may take to end its body after the last event of a stream, so that its connection can be
/// used again. The client's body ends then in any case.
const TAIL_MS: u64 = 50;

/// What holds for one answer.
pub struct Passage<'s> {
    pub provider: &'s Provider,
    pub timeouts: &'s Timeouts,
    /// When the whole exchange must be over.
    pub latest: Moment,
    /// Usage was asked for by the gateway alone: the client does not see it.
    pub hide_usage: bool,
    pub style: StreamStyle,
}

/// Relays an answer to its end.
///
/// # Errors
/// What the client is to be told in place of the answer, or (when it had begun) what broke it: then the client
/// was told inside the stream, and its connection has to be cut.
pub async fn run(
    passage: &Passage<'_>,
    answer: Answer,
    reply: &mut Reply<'_>,
    exchange: &mut Exchange,
) -> Result<(), Fault> {
    match answer.status {
        401..=403 => {
            exchange.tally.explain("the provider refused the gateway's credentials");
            Err(FaultKind::UpstreamAccount.into())
        }
        400.. => {
            let failure = Box::pin(Failure::read(passage, answer, reply)).await?;
            Box::pin(failure.pass(passage, reply)).await
        }
        _ => {
            let Exchange { reading, tally, .. } = exchange;
            let mut relay = Relay::new(passage, answer, reply, reading);
            relay.run(tally).await?;
            relay.retire();
            Ok(())
        }
    }
}

/// The body of an answer, as it is framed on the upstream's connection.
struct Inbound {
    framing: Framing,
    /// The connection has bytes behind the body.
    surplus: bool,
}

enum Framing {
    Length(u64),
    Chunked(Decoder),
    UntilClose,
}

impl Inbound {
    fn new(framing: ResponseFraming) -> Self {
        let framing = match framing {
            ResponseFraming::None => Framing::Length(0),
            ResponseFraming::Length(n) => Framing::Length(n),
            ResponseFraming::Chunked => Framing::Chunked(Decoder::default()),
            ResponseFraming::UntilClose => Framing::UntilClose,
        };
        Self { framing, surplus: false }
    }

    /// Decodes what stands in `buf` behind `decoded`, in place; tells whether the body is complete.
    ///
    /// # Errors
    /// The body is malformed. What was good before the mistake is left in `buf`.
    fn decode(&mut self, buf: &mut Buf, decoded: usize) -> Result<bool, Fault> {
        let fresh = buf.len() - decoded;
        let (data, consumed, finished) = match &mut self.framing {
            Framing::Length(left) => {
                let n = (fresh as u64).min(*left);
                *left -= n;
                (n as usize, n as usize, *left == 0)
            }
            Framing::Chunked(decoder) => {
                let Ok(step) = decoder.decode(&mut buf[decoded..]) else {
                    buf.truncate(decoded + decoder.salvaged());
                    return Err(FaultKind::UpstreamMalformed.into());
                };
                (step.data, step.consumed, step.finished)
            }
            Framing::UntilClose => (fresh, fresh, false),
        };
        self.surplus = consumed < fresh;
        buf.truncate(decoded + data);
        Ok(finished)
    }

    /// Whether the end of the connection is the end of the body.
    fn ends_with_connection(&self) -> bool {
        matches!(self.framing, Framing::UntilClose)
    }
}

struct Relay<'r, 'c, 'p> {
    passage: &'r Passage<'p>,
    reply: &'r mut Reply<'c>,
    conn: Box<Conn>,
    status: u16,
    /// The beginning of the head for the client, until that is sent.
    head: Buf,
    keep_alive: bool,
    inbound: Inbound,
    reading: &'r mut Reading,
    ending: Ending,
    /// When the client's body ends although the provider's does not; 0 until the last event of a stream has left.
    tail_until: Moment,
    /// Decoded bytes that wait for the rest of their event, then bytes to be decoded.
    buf: Buf,
    held: usize,
}

impl<'r, 'c, 'p> Relay<'r, 'c, 'p> {
    fn new(
        passage: &'r Passage<'p>,
        answer: Answer,
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
    ) -> Self {
        let hide = if passage.hide_usage { HideUsage::Yes } else { HideUsage::No };
        *reading = match answer.shape {
            BodyShape::Events => Reading::Events(EventFilter::new(passage.style, hide)),
            BodyShape::Json => Reading::Json(UsageScan::new(passage.style.dialect())),
            BodyShape::Opaque => Reading::Opaque,
        };
        let ending = match (answer.framing, &*reading) {
            (ResponseFraming::None, _) if matches!(answer.status, 204 | 304) => Ending::Nothing,
            (ResponseFraming::None, _) => Ending::Length(0),
            (ResponseFraming::Length(n), Reading::Json(_) | Reading::Opaque) => Ending::Length(n),
            _ if reply.minor_version == 0 => Ending::Close,
            _ => Ending::Chunked,
        };
        Self {
            passage,
            reply,
            conn: answer.conn,
            status: answer.status,
            head: answer.head,
            keep_alive: answer.keep_alive,
            inbound: Inbound::new(answer.framing),
            reading,
            ending,
            tail_until: Moment(0),
            buf: answer.rest,
            held: 0,
        }
    }

    async fn run(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let result = self.pump(tally).await;
        if let Err(fault) = &result
            && self.reply.status != 0
            && !matches!(fault.kind, FaultKind::ClientGone | FaultKind::ClientStalled)
        {
            Box::pin(self.say_broken(fault)).await;
        }
        result
    }

    async fn pump(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let mut last = false;
        loop {
            let mut broken = None;
            if !last {
                match self.inbound.decode(&mut self.buf, self.held) {
                    Ok(complete) => last = complete,
                    // Nothing of an answer has left: a refusal tells more than its first bytes.
                    Err(fault) if self.reply.status == 0 && !self.is_stream() => return Err(fault),
                    Err(fault) => broken = Some(fault),
                }
            }
            let emit = self.read_passing(last, tally);
            let begins = self.reply.status == 0 && (emit.bytes > 0 || last || self.is_stream());
            if emit.bytes > 0 || last || begins {
                self.send(emit.bytes, last, tally).await?;
            }
            if self.failed_inside() {
                return Err(FaultKind::UpstreamStreamError.into());
            }
            if last {
                return self.check_end();
            }
            self.note_last_event();
            self.buf.consume(emit.keep_from);
            self.held = self.buf.len();
            last = match broken {
                None => self.read_more().await? == 0,
                Some(fault) => self.give_up(fault)? == 0,
            };
        }
    }

    /// After the last event of a stream the client waits for nothing but the end.
    fn note_last_event(&mut self) {
        if !self.reply.told_all && matches!(&*self.reading, Reading::Events(filter) if filter.facts().done) {
            self.reply.told_all = true;
            self.tail_until = self.reply.shard.deadlines.coarse_now().plus_ms(TAIL_MS);
        }
    }

    /// The provider's body does not end as it should. That breaks the answer unless the client has all of it.
    fn give_up(&mut self, fault: Fault) -> Result<usize, Fault> {
        self.keep_alive = false;
        if self.reply.told_all { Ok(0) } else { Err(fault) }
    }

    /// A stream's head goes ahead of its body: its first event may be long in coming.
    fn is_stream(&self) -> bool {
        matches!(&*self.reading, Reading::Events(_))
    }

    fn read_passing(&mut self, last: bool, tally: &mut Tally) -> Emit {
        let all = self.buf.len();
        match &mut *self.reading {
            Reading::Events(filter) => {
                let release = filter.advance(&mut self.buf, last);
                tally.record.events += release.events;
                Emit { bytes: release.emit, keep_from: release.keep_from }
            }
            Reading::Json(scan) => {
                let fresh = &self.buf[self.held..];
                if last {
                    scan.feed_last(fresh);
                } else {
                    scan.feed(fresh);
                }
                Emit { bytes: all, keep_from: all }
            }
            Reading::Opaque => Emit { bytes: all, keep_from: all },
        }
    }

    /// Reads on; 0 is the end of a body that ends with its connection.
    async fn read_more(&mut self) -> Result<usize, Fault> {
        let mut buf = std::mem::take(&mut self.buf);
        if buf.room() < buf.capacity() / 4 {
            buf = self.roomier(buf);
        }
        let (patience, latest) = if self.reply.told_all {
            (TAIL_MS, self.tail_until)
        } else {
            (self.passage.timeouts.idle_ms, self.passage.latest)
        };
        self.conn.deadline.set_before(Waiting::More, patience, latest);
        let (read, back) = self.conn.reader.read(buf).await;
        self.buf = back;
        match read {
            Ok(n) if n > 0 => {
                // While the client takes its time, the provider's does not run.
                self.conn.deadline.set_before(Waiting::Total, 0, self.passage.latest);
                Ok(n)
            }
            Ok(_) if self.conn.deadline.fired().is_none() && self.inbound.ends_with_connection() => Ok(0),
            _ => self.give_up(cut_off(&self.conn)),
        }
    }

    /// A bulk buffer with the same bytes, for answers that fill the small one.
    fn roomier(&self, mut buf: Buf) -> Buf {
        let pool = &self.reply.shard.buffers;
        if buf.len() >= crate::base::limits::BULK_BUFFER_BYTES / 2 {
            buf.reserve(crate::base::limits::BULK_BUFFER_BYTES);
            return buf;
        }
        let mut bulk = pool.bulk();
        bulk.extend(&buf);
        pool.give(buf);
        bulk
    }

    /// Sends the first `emit` bytes of the buffer, the head before them if it is still to be sent, and the end
    /// of the body behind them if they are the last.
    async fn send(&mut self, emit: usize, last: bool, tally: &mut Tally) -> Result<(), Fault> {
        let first = self.reply.status == 0;
        let mut out = if first { self.finish_head(tally) } else { self.reply.shard.buffers.small() };
        let framed = self.ending == Ending::Chunked;
        if framed && emit > 0 {
            out.extend(chunked::size_line(emit, &mut [0; 18]));
        }
        let mut gather = self.reply.shard.buffers.gather();
        let short = out.len() + emit <= FLAT_BYTES && out.room() >= emit + END_BYTES;
        let body = if short {
            out.extend(&self.buf[..emit]);
            self.end(out.tail(), emit, last);
            gather.whole(out);
            None
        } else {
            let front = out.len();
            self.end(out.tail(), emit, last);
            let back = out.len();
            let (out, body) = (gather.hold(out), gather.hold(std::mem::take(&mut self.buf)));
            gather.piece(out, 0..front);
            gather.piece(body, 0..emit);
            gather.piece(out, front..back);
            Some(body)
        };
        let mut gather = self.reply.write(gather, self.passage.latest).await?;
        if let Some(body) = body {
            self.buf = gather.take(body);
        }
        self.reply.shard.buffers.give_gather(gather);
        self.clock(first, emit, last, tally);
        Ok(())
    }

    /// What stands behind `emit` bytes of the body.
    fn end(&self, out: &mut Vec<u8>, emit: usize, last: bool) {
        if self.ending != Ending::Chunked {
            return;
        }
        if emit > 0 {
            out.extend_from_slice(b"\r\n");
        }
        if last && !self.failed_inside() && self.check_end().is_ok() {
            out.extend_from_slice(chunked::LAST);
        }
    }

    fn finish_head(&mut self, tally: &Tally) -> Buf {
        let back = Moment::now().micros_since(tally.last_event);
        let overhead = u64::from(tally.record.overhead_in_us) + back;
        let mut head = std::mem::take(&mut self.head);
        let out = head.tail();
        self.reply.rest_of_head(out, self.status, self.ending);
        out.extend_from_slice(b"x-ringgate-overhead-us: ");
        out.extend_from_slice(itoa::Buffer::new().format(overhead).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        head
    }

    /// Notes the time of the way back, the gap between events, and the end.
    fn clock(&self, first: bool, emit: usize, last: bool, tally: &mut Tally) {
        let streams = matches!(&*self.reading, Reading::Events(_));
        let event = streams && emit > 0;
        if !(first || event) {
            return;
        }
        let now = Moment::now();
        let since = now.micros_since(tally.last_event);
        if first {
            tally.record.overhead_out_us = since as u32;
        } else {
            self.reply.shard.book.meters.borrow_mut().gap.record(since);
        }
        tally.last_event = now;
        if last {
            tally.ended = now;
        }
    }

    fn failed_inside(&self) -> bool {
        matches!(&*self.reading, Reading::Events(filter) if filter.facts().error)
    }

    /// Whether the body that ended was whole. Only its last event tells that of a stream whose framing does not, and
    /// of a message of Anthropic's, which always has one.
    fn check_end(&self) -> Result<(), Fault> {
        let told_by_last_event = self.inbound.ends_with_connection()
            || (self.passage.style == StreamStyle::AnthropicEvents && self.ending != Ending::Nothing);
        match &*self.reading {
            Reading::Events(filter) if told_by_last_event && !filter.facts().done => {
                Err(FaultKind::UpstreamTruncated.into())
            }
            Reading::Events(_) | Reading::Json(_) | Reading::Opaque => Ok(()),
        }
    }

    /// Tells the client inside its stream that the stream broke. The connection is cut afterwards.
    async fn say_broken(&mut self, fault: &Fault) {
        self.reply.keep_alive = false;
        let Reading::Events(filter) = &*self.reading else { return };
        if filter.facts().error {
            return;
        }
        let mut event = Vec::new();
        if filter.mid_event() {
            event.extend_from_slice(b"\n\n");
        }
        let id = self.reply.id.text();
        refusal::stream_event(
            self.passage.style,
            fault,
            std::str::from_utf8(&id).unwrap_or_default(),
            &mut event,
        );
        let mut out = self.reply.shard.buffers.small();
        match self.ending {
            Ending::Chunked => {
                out.extend(chunked::size_line(event.len(), &mut [0; 18]));
                out.extend(&event);
                out.extend(b"\r\n");
            }
            Ending::Close => out.extend(&event),
            Ending::Nothing | Ending::Length(_) => return,
        }
        let mut gather = self.reply.shard.buffers.gather();
        gather.whole(out);
        // If the client is gone too, there is nobody left to tell.
        drop(self.reply.write(gather, Moment(0)).await);
    }

    /// Gives back what can be used again.
    fn retire(self) {
        let shard = self.reply.shard;
        shard.buffers.give(self.buf);
        if self.keep_alive && !self.inbound.surplus && !self.inbound.ends_with_connection() {
            shard.upstreams.pool.give(self.conn, shard.deadlines.coarse_now(), self.reply.limits);
        }
    }
}

/// Why an answer ended early.
fn cut_off(conn: &Conn) -> Fault {
    match conn.deadline.fired() {
        Some(Waiting::Total) => FaultKind::UpstreamTotal.into(),
        Some(_) => FaultKind::UpstreamIdle.into(),
        None => FaultKind::UpstreamTruncated.into(),
    }
}

struct Emit {
    bytes: usize,
    keep_from: usize,
}

/// A provider's error answer, read whole, so that it can be cleaned before it is passed on.
struct Failure {
    status: u16,
    /// Status line and fields.
    head: Buf,
    body: Vec<u8>,
}

impl Failure {
    async fn read(passage: &Passage<'_>, mut answer: Answer, reply: &mut Reply<'_>) -> Result<Self, Fault> {
        let mut inbound = Inbound::new(answer.framing);
        let mut buf = answer.rest;
        let mut decoded = 0;
        while !inbound.decode(&mut buf, decoded)? {
            decoded = buf.len();
            if decoded > ERROR_BODY_BYTES {
                return Err(Fault::told(
                    FaultKind::UpstreamMalformed,
                    "The provider's error message is too large.",
                ));
            }
            buf.reserve(1024);
            answer.conn.deadline.set_before(Waiting::More, passage.timeouts.idle_ms, passage.latest);
            let (read, back) = answer.conn.reader.read(buf).await;
            buf = back;
            match read {
                Ok(n) if n > 0 => {}
                Ok(_) if inbound.ends_with_connection() && answer.conn.deadline.fired().is_none() => break,
                _ => return Err(cut_off(&answer.conn)),
            }
        }
        let body = scrubbed(&buf, passage.provider);
        let shard = reply.shard;
        shard.buffers.give(buf);
        if answer.keep_alive && !inbound.surplus && !inbound.ends_with_connection() {
            shard.upstreams.pool.give(answer.conn, shard.deadlines.coarse_now(), reply.limits);
        }
        Ok(Self { status: told(passage.provider.format, answer.status), head: answer.head, body })
    }

    async fn pass(self, passage: &Passage<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
        let line_end = memchr::memchr(b'\n', &self.head).map_or(self.head.len(), |at| at + 1);
        let fields = scrubbed(&self.head[line_end..], passage.provider);
        reply.whole(self.status, &fields, &self.body).await
    }
}

/// The status that a client is told for a provider's. Anthropic's own 529 says what 503 says, which everybody
/// between here and there knows, too; its body stays.
const fn told(format: Format, status: u16) -> u16 {
    match (format, status) {
        (Format::Anthropic, 529) => 503,
        (Format::OpenAi | Format::Anthropic, status) => status,
    }
}

/// The bytes without the provider's credential, should they repeat it.
fn scrubbed(bytes: &[u8], provider: &Provider) -> Vec<u8> {
    let Some(key) = provider.api_key.as_ref().filter(|key| !key.expose().is_empty()) else {
        return bytes.to_vec();
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, key.expose()) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"[redacted]");
        rest = &rest[at + key.expose().len()..];
    }
    out.extend_from_slice(rest);
    out
}
