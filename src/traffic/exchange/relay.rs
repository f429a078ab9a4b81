//! An answer on its way back: decoded, read as it passes, framed anew for the client.
//!
//! Takes an `Answer` whose body is still on its connection; gives client bytes, usage, and the connection back
//! to the pool if it is clean.
//!
//! Invariant: what was read is handed on before more is read, so a slow client slows its upstream and memory
//! stays bounded; a body that broke is never given a clean end.

use super::crossing::{self, Crossed};
use super::early::{self, Early};
use super::failure::{Failure, clean_redirect, scrub};
use super::inbound::{Inbound, cut_off};
use super::passage::Passage;
use super::reading::Packed;
use super::reply::{Ending, Reply, overhead};
use super::state::{Exchange, Reading};
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::{Dialect, StreamStyle};
use crate::contract::snapshot::Format;
use crate::http::coding::Coding;
use crate::http::response::ResponseFraming;
use crate::http::{chunked, encode};
use crate::net::deadline::Waiting;
use crate::net::gather::FLAT_BYTES;
use crate::traffic::account::Tally;
use crate::traffic::dialect::stream::Place;
use crate::traffic::dialect::{ElementScan, EventFilter, HideUsage, UsageScan, refusal};
use crate::traffic::provider::response::{self, BodyShape};
use crate::traffic::route::keys::Verdict;
use crate::traffic::translate::{Crossing, Form};
use crate::traffic::upstream::call::Answer;
use crate::traffic::upstream::pool::Conn;

/// Room for what stands behind a chunk.
const END_BYTES: usize = 16;

/// How long a provider may take to end its body after the last event of a stream, so that its connection can be
/// used again. The client's body ends then in any case.
const TAIL_MS: u64 = 50;

/// Relays an answer to its end.
///
/// # Errors
/// What the client is to be told in place of the answer, or (when it had begun) what broke it: then the client
/// was told inside the stream, and its connection has to be cut.
pub async fn run(
    passage: &Passage<'_>,
    mut answer: Answer,
    crossed: Option<Crossed>,
    reply: &mut Reply<'_>,
    exchange: &mut Exchange,
) -> Result<(), Fault> {
    let sealed = answer.body.sealed();
    let unread = sealed.filter(|coding| passage.crossing.is_some() || !reply.takes.takes(*coding));
    if let Some(coding) = sealed {
        exchange.tally.explain(&format!("compressed without being asked for ({}): not read", coding.name()));
    }
    match answer.status {
        status if refuses_key(passage.provider.format, status) => {
            exchange.tally.explain("the provider refused the gateway's credentials");
            Err(FaultKind::UpstreamAccount.into())
        }
        400.. => {
            let failure = Box::pin(Failure::read(passage, answer, reply)).await?;
            let tally = &mut exchange.tally;
            tally.last_event = Moment::now();
            let speech = early::speech(passage.style);
            let unreadable = unread.map(|_| Crossing { client: speech, provider: speech });
            let told = match passage.crossing.or(unreadable) {
                None => Box::pin(failure.pass(passage, reply, tally)).await,
                Some(crossing) => Box::pin(failure.cross(crossing, reply, tally)).await,
            };
            tally.record.overhead_out_us = Moment::now().micros_since(tally.last_event) as u32;
            if matches!(&told, Err(fault) if fault.kind == FaultKind::UpstreamAccount) {
                passage.rest(Verdict::Refused, None, reply.shard);
            }
            told
        }
        _ => {
            if let Some(coding) = unread {
                return Err(unreadable(coding));
            }
            clean_redirect(&mut answer, passage.provider);
            let Exchange { reading, tally, .. } = exchange;
            let mut relay = match crossed {
                None => Relay::new(passage, answer, reply, reading),
                Some(crossed) => Relay::across(passage, answer, crossed, reply, reading),
            };
            relay.run(tally).await?;
            if relay.reading.has_failed() {
                // The client has been told by the answer itself.
                tally.fail(FaultKind::UpstreamStreamError);
            }
            relay.retire();
            Ok(())
        }
    }
}

/// An answer in a coding that neither the gateway nor the client reads.
fn unreadable(coding: Coding) -> Fault {
    let message =
        format!("The provider's answer is compressed ({}), which nobody asked it for.", coding.name());
    Fault::told(FaultKind::UpstreamUnreadable, message)
}

/// Whether a provider says by this status that it does not take the key that it was shown.
fn refuses_key(format: Format, status: u16) -> bool {
    matches!(status, 401..=403) || (format == Format::Cohere && status == 498)
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
    /// What a translation made of them.
    outbox: Buf,
}

impl<'r, 'c, 'p> Relay<'r, 'c, 'p> {
    fn new(
        passage: &'r Passage<'p>,
        mut answer: Answer,
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
    ) -> Self {
        let hide = if passage.hide_usage { HideUsage::Yes } else { HideUsage::No };
        let body = answer.body;
        let elements = passage.style.dialect() == Dialect::Gemini && body.shape == BodyShape::Json;
        // What is looked at answer by answer leaves as what it is; anything else as it came, to who can read it.
        let is_array = passage.style == StreamStyle::GeminiArray;
        let packed =
            body.is_gzip() && reply.takes.takes(Coding::Gzip) && body.shape != BodyShape::Events && !is_array;
        if packed {
            encode::field(answer.head.tail(), "content-encoding", b"gzip");
        }
        *reading = match body.shape {
            BodyShape::Json if elements && !packed => Reading::Elements(ElementScan::new()),
            BodyShape::Events => Reading::Events(EventFilter::new(passage.style, hide)),
            BodyShape::Json if packed => Reading::Packed(Box::new(Packed::new(passage.style.dialect()))),
            BodyShape::Json => Reading::Json(UsageScan::new(passage.style.dialect())),
            BodyShape::Lines | BodyShape::Frames | BodyShape::Opaque => Reading::Opaque,
        };
        let ending = match (answer.framing, &*reading) {
            (ResponseFraming::None, _) if matches!(answer.status, 204 | 304) => Ending::Nothing,
            (ResponseFraming::None, _) => Ending::Length(0),
            _ if body.is_gzip() && !packed => Ending::unknown(reply),
            (
                ResponseFraming::Length(n),
                Reading::Json(_) | Reading::Packed(_) | Reading::Elements(_) | Reading::Opaque,
            ) => Ending::Length(n),
            _ => Ending::unknown(reply),
        };
        Self::with(passage, answer, body.is_gzip() && !packed, reply, reading, ending)
    }

    /// For an answer that is translated.
    fn across(
        passage: &'r Passage<'p>,
        mut answer: Answer,
        mut crossed: Crossed,
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
    ) -> Self {
        match answer.body.shape {
            BodyShape::Events | BodyShape::Lines | BodyShape::Frames => {
                crossed.translation.read_as(Form::Stream);
            }
            BodyShape::Json => crossed.translation.read_as(Form::Whole),
            BodyShape::Opaque => crossed.translation.read_as_it_looks(),
        }
        crossing::head(&mut answer, &crossed, passage.style, &reply.shard.buffers);
        *reading = Reading::Translated(crossed.translation);
        let (gunzip, ending) = (answer.body.is_gzip(), Ending::unknown(reply));
        Self::with(passage, answer, gunzip, reply, reading, ending)
    }

    fn with(
        passage: &'r Passage<'p>,
        answer: Answer,
        gunzip: bool,
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
        ending: Ending,
    ) -> Self {
        Self {
            passage,
            reply,
            conn: answer.conn,
            status: answer.status,
            head: answer.head,
            keep_alive: answer.keep_alive,
            inbound: Inbound::new(answer.framing, gunzip),
            reading,
            ending,
            tail_until: Moment(0),
            buf: answer.rest,
            held: 0,
            outbox: Buf::default(),
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
            let (emit, wrong) = self.read_passing(last, tally);
            let begun = self.reply.status != 0;
            // Before an answer has begun its client can still be told properly what went wrong.
            match wrong {
                Some(fault) if !begun => return Err(fault),
                None if !begun && self.reading.has_failed() => {
                    let passing = self.buf.get(..emit.bytes).unwrap_or_default();
                    let early = early::instead(self.reading, self.passage, passing);
                    let early =
                        early.inspect_err(|_| self.passage.rest(Verdict::Refused, None, self.reply.shard));
                    if let Some(early) = early? {
                        return Box::pin(self.refuse(early, tally)).await;
                    }
                    if !self.is_passing() {
                        return Err(early::complaint(self.reading, self.passage));
                    }
                }
                _ => {}
            }
            let begins = !begun && (emit.bytes > 0 || last || self.is_passing());
            if emit.bytes > 0 || last || begins {
                self.send(emit.bytes, last && wrong.is_none(), tally).await?;
            }
            if self.reading.is_broken() {
                return Err(FaultKind::UpstreamStreamError.into());
            }
            if let Some(fault) = wrong {
                return Err(fault);
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
            if self.reply.status == 0 {
                // Until something can leave it is the provider that is waited for.
                tally.last_event = Moment::now();
            }
        }
    }

    /// After the last event of a stream the client waits for nothing but the end.
    fn note_last_event(&mut self) {
        if self.reading.has_ended(self.passage.style) && !self.reply.told_all {
            self.reply.told_all = true;
            self.tail_until = self.reply.shard.deadlines.coarse_now().plus_ms(TAIL_MS);
        }
    }

    /// The provider's body does not end as it should. That breaks the answer unless the client has all of it.
    fn give_up(&mut self, fault: Fault) -> Result<usize, Fault> {
        self.keep_alive = false;
        if self.reply.told_all { Ok(0) } else { Err(fault) }
    }

    fn is_stream(&self) -> bool {
        self.reading.is_stream(self.passage.style)
    }

    /// Tells the client by a status what the provider said at the beginning of its answer.
    async fn refuse(&mut self, early: Early, tally: &mut Tally) -> Result<(), Fault> {
        // Whatever follows on this connection belongs to the answer.
        self.keep_alive = false;
        let hint_ms = response::retry_after_ms(&self.head).or(early.retry_ms);
        self.passage.rest(Verdict::of(early.status), hint_ms, self.reply.shard);
        let mut fields = early::fields(&self.head, early.retry_ms);
        overhead(tally, &mut fields);
        let told = self.reply.whole(early.status, &fields, &early.body).await;
        tally.record.overhead_out_us = Moment::now().micros_since(tally.last_event) as u32;
        told
    }

    /// The head of a stream that passes as it is goes ahead of its body: its first event may be long in coming.
    fn is_passing(&self) -> bool {
        matches!(&*self.reading, Reading::Events(_))
    }

    /// What may leave of the bytes at hand, and what is wrong with those behind them.
    fn read_passing(&mut self, last: bool, tally: &mut Tally) -> (Emit, Option<Fault>) {
        let all = self.buf.len();
        let emit = match &mut *self.reading {
            Reading::Events(filter) => {
                let release = filter.advance(&mut self.buf, last);
                tally.record.events += release.events;
                if filter.facts().error {
                    // It is the last that leaves.
                    Emit::all(scrub(&mut self.buf, release.emit, self.passage.provider))
                } else {
                    Emit { bytes: release.emit, keep_from: release.keep_from }
                }
            }
            Reading::Json(scan) => {
                let fresh = &self.buf[self.held..];
                if last {
                    scan.feed_last(fresh);
                } else {
                    scan.feed(fresh);
                }
                Emit::all(all)
            }
            Reading::Packed(packed) => {
                packed.feed(&self.buf[self.held..]);
                Emit::all(all)
            }
            Reading::Elements(scan) => {
                let answers = scan.feed(&self.buf[self.held..]);
                if self.passage.style == StreamStyle::GeminiArray {
                    tally.record.events += answers;
                }
                let failed = scan.has_failed() && !matches!(self.ending, Ending::Length(_));
                Emit::all(if failed { scrub(&mut self.buf, all, self.passage.provider) } else { all })
            }
            Reading::Opaque => Emit::all(all),
            Reading::Translated(translation) => {
                if self.outbox.capacity() == 0 {
                    self.outbox = self.reply.shard.buffers.small();
                }
                self.outbox.clear();
                let passed = translation.advance(&self.buf, last, self.outbox.tail());
                if translation.has_failed() {
                    let all = self.outbox.len();
                    scrub(&mut self.outbox, all, self.passage.provider);
                }
                if self.reply.status == 0 && translation.form() == Form::Whole {
                    self.ending = Ending::Length(self.outbox.len() as u64);
                }
                let bytes = self.outbox.len();
                match passed {
                    Ok(passed) => {
                        tally.record.events += passed.events;
                        Emit { bytes, keep_from: passed.consumed }
                    }
                    Err(fault) => return (Emit { bytes, keep_from: all }, Some(fault)),
                }
            }
        };
        (emit, None)
    }

    /// Where the bytes that leave stand.
    fn leaving(&mut self) -> &mut Buf {
        match &*self.reading {
            Reading::Translated(_) => &mut self.outbox,
            Reading::Events(_)
            | Reading::Json(_)
            | Reading::Packed(_)
            | Reading::Elements(_)
            | Reading::Opaque => &mut self.buf,
        }
    }

    /// Reads on; 0 is the end of a body that ends with its connection.
    async fn read_more(&mut self) -> Result<usize, Fault> {
        if self.inbound.has_more() {
            return Ok(1);
        }
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
            Ok(_) if self.conn.deadline.fired().is_none() && self.inbound.end(&mut self.buf)? => Ok(0),
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
            out.extend(&self.leaving()[..emit]);
            self.end(out.tail(), emit, last);
            gather.whole(out);
            None
        } else {
            let front = out.len();
            self.end(out.tail(), emit, last);
            let back = out.len();
            let (out, body) = (gather.hold(out), gather.hold(std::mem::take(self.leaving())));
            gather.piece(out, 0..front);
            gather.piece(body, 0..emit);
            gather.piece(out, front..back);
            Some(body)
        };
        let mut gather = self.reply.write(gather, self.passage.latest).await?;
        if let Some(body) = body {
            *self.leaving() = gather.take(body);
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
        if last && !self.reading.is_broken() && self.check_end().is_ok() {
            out.extend_from_slice(chunked::LAST);
        }
    }

    fn finish_head(&mut self, tally: &Tally) -> Buf {
        let mut head = std::mem::take(&mut self.head);
        let out = head.tail();
        if let Reading::Translated(translation) = &mut *self.reading {
            let unplaced = translation.unplaced();
            if !unplaced.is_empty() {
                encode::field(out, "x-ringgate-dropped", unplaced.as_bytes());
            }
        }
        self.reply.rest_of_head(out, self.status, self.ending);
        overhead(tally, out);
        out.extend_from_slice(b"\r\n");
        head
    }

    /// Notes the time of the way back, the gap between events, and the end.
    fn clock(&self, first: bool, emit: usize, last: bool, tally: &mut Tally) {
        let event = self.is_stream() && emit > 0;
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

    /// Whether the body that ended was whole. Only its events tell that of a stream whose framing does not, and of one
    /// in a dialect of which every whole answer has an event that says so.
    fn check_end(&self) -> Result<(), Fault> {
        let always_told = match self.passage.style {
            StreamStyle::AnthropicEvents | StreamStyle::GeminiEvents | StreamStyle::GeminiArray => {
                self.ending != Ending::Nothing
            }
            StreamStyle::OpenAiChunks | StreamStyle::OpenAiEvents => false,
        };
        let always_told = always_told || self.inbound.ends_with_connection();
        if self.reading.is_whole(self.passage.style, always_told) {
            Ok(())
        } else {
            Err(FaultKind::UpstreamTruncated.into())
        }
    }

    /// Tells the client inside its stream that the stream broke. The connection is cut afterwards.
    async fn say_broken(&mut self, fault: &Fault) {
        self.reply.keep_alive = false;
        if !self.is_stream() || self.reading.has_failed() {
            return;
        }
        let mut event = match &*self.reading {
            Reading::Events(filter) if filter.mid_event() => b"\n\n".to_vec(),
            Reading::Elements(scan) => match scan.place() {
                Place::Answer => b",".to_vec(),
                Place::Opening | Place::Comma => vec![],
                // Nothing that is added could be understood.
                Place::Nothing | Place::Inside | Place::End | Place::Broken => return,
            },
            Reading::Translated(_) if self.passage.style == StreamStyle::GeminiArray => b",".to_vec(),
            _ => vec![],
        };
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
        shard.buffers.give(self.outbox);
        if self.keep_alive && !self.inbound.surplus && !self.inbound.ends_with_connection() {
            shard.upstreams.pool.give(self.conn, shard.deadlines.coarse_now(), self.reply.limits);
        }
    }
}

struct Emit {
    bytes: usize,
    keep_from: usize,
}

impl Emit {
    fn all(bytes: usize) -> Self {
        Self { bytes, keep_from: bytes }
    }
}
