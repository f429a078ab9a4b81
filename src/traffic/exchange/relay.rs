//! An answer on its way back: decoded, read as it passes, framed anew for the client.
//!
//! Takes an `Answer` whose body is still on its connection; gives client bytes, usage, and the connection back
//! to the pool if it is clean.
//!
//! Invariant: what was read is handed on before more is read, so a slow client slows its upstream and memory
//! stays bounded; a body that broke is never given a clean end.

mod begin;
mod end;
mod read;
mod send;
mod trailer;

use super::aside;
use super::crossing::Crossed;
use super::early::{self, Early};
use super::failure::{Failure, clean_redirect};
use super::inbound::{Inbound, cut_off};
use super::passage::Passage;
use super::reply::{DROPPED, Ending, Reply, overhead};
use super::state::{Exchange, Reading};
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::{BODY_SEGMENT_BYTES, BULK_BUFFER_BYTES, TRANSLATED_ANSWER_BYTES};
use crate::contract::snapshot::Format;
use crate::http::coding::Coding;
use crate::http::encode;
use crate::net::deadline::Waiting;
use crate::traffic::account::Tally;
use crate::traffic::dialect::Opening;
use crate::traffic::provider::response;
use crate::traffic::provider::trailer::Announced;
use crate::traffic::route::keys::Verdict;
use crate::traffic::translate::Crossing;
use crate::traffic::upstream::call::Answer;
use crate::traffic::upstream::pool::Conn;

/// How long a provider may take to end its body after the last event of a stream, so that its connection can be
/// used again. The client's body ends then in any case.
const TAIL_MS: u64 = 50;
/// The same of one that has announced fields behind it to a client that reads them.
const TRAILER_MS: u64 = 1000;

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
            let Exchange { reading, tally, course, .. } = exchange;
            let mut relay = match crossed {
                None => {
                    tally.lose(course.dropped);
                    if !course.dropped.is_empty() {
                        encode::field(answer.head.tail(), DROPPED, course.dropped.as_bytes());
                    }
                    Relay::new(passage, answer, reply, reading)
                }
                Some(crossed) => {
                    tally.lose(crossed.dropped());
                    Relay::across(passage, answer, crossed, reply, reading)
                }
            };
            relay.run(tally).await?;
            if relay.reading.has_failed() || relay.opening == Opening::Error {
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
    /// What the head said of fields behind the body.
    announced: Option<Box<Announced>>,
    reading: &'r mut Reading,
    ending: Ending,
    /// What a whole answer that passes begins with.
    opening: Opening,
    /// When the client's body ends although the provider's does not; 0 until the last event of a stream has left.
    tail_until: Moment,
    /// Decoded bytes that wait for the rest of their event, then bytes to be decoded.
    buf: Buf,
    held: usize,
    /// What a translation made of them.
    outbox: Buf,
}

impl Relay<'_, '_, '_> {
    async fn run(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let result = self.pump(tally).await;
        self.note_lost(tally);
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
            let (emit, wrong) = if self.is_heavy(last) {
                Box::pin(self.read_aside(last, tally)).await
            } else {
                self.read_passing(last, tally)
            };
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

    /// After the last event of a stream the client waits for nothing but the end, or for all bytes that it was promised.
    fn note_last_event(&mut self) {
        let promised = self.reply.status != 0 && matches!(self.ending, Ending::Length(_));
        if self.reading.has_ended(self.passage.style) && !self.reply.told_all && !promised {
            self.reply.told_all = true;
            self.tail_until = self.reply.shard.deadlines.coarse_now().plus_ms(self.tail_ms());
        }
    }

    fn tail_ms(&self) -> u64 {
        if self.awaits_fields() { TRAILER_MS } else { TAIL_MS }
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
        self.reply.whole(early.status, &fields, &early.body).await
    }

    /// The head of a stream that passes as it is goes ahead of its body: its first event may be long in coming.
    fn is_passing(&self) -> bool {
        matches!(&*self.reading, Reading::Events(_))
    }

    /// Reads on; 0 is the end of a body that ends with its connection.
    async fn read_more(&mut self) -> Result<usize, Fault> {
        if self.inbound.has_more() {
            return Ok(1);
        }
        let mut buf = std::mem::take(&mut self.buf);
        if buf.room() < buf.capacity() / 4 {
            buf = self.roomier(buf).await?;
        }
        let (patience, latest) = if self.reply.told_all {
            (self.tail_ms(), self.tail_until)
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

    /// A larger buffer with the same bytes, for answers that fill the small one: of what is gathered as large as all of it,
    /// if that is known.
    async fn roomier(&self, mut buf: Buf) -> Result<Buf, Fault> {
        let pool = &self.reply.shard.buffers;
        let left = self.inbound.left().filter(|_| self.is_gathering());
        let left = left.map(|left| left.min(TRANSLATED_ANSWER_BYTES as u64) as usize);
        if left.is_some_and(|left| buf.room() > left) {
            return Ok(buf);
        }
        if buf.len() as u64 >= aside::LARGE_BYTES {
            return Box::pin(aside::grown(buf, self.reply.shard)).await;
        }
        let needed = match left {
            Some(left) => buf.len() + left + 1,
            None if buf.len() < BULK_BUFFER_BYTES / 2 => BULK_BUFFER_BYTES,
            None if buf.capacity() - buf.len() >= BULK_BUFFER_BYTES => {
                // Its bytes move to the front.
                buf.reserve(BULK_BUFFER_BYTES);
                return Ok(buf);
            }
            // Not by growing where it is: the allocator would put it into huge pages.
            None => BODY_SEGMENT_BYTES.max(2 * buf.len()),
        };
        // A large one that somebody has filled before costs no pages.
        let used = if needed as u64 >= aside::LARGE_BYTES {
            Box::pin(aside::used(needed, self.reply.shard)).await?
        } else {
            None
        };
        let mut larger = used.unwrap_or_else(|| pool.of(needed));
        larger.extend(&buf);
        pool.give(buf);
        Ok(larger)
    }

    fn is_gathering(&self) -> bool {
        matches!(&*self.reading, Reading::Translated(translation) if translation.is_gathering(false))
    }

    /// Gives back what can be used again.
    fn retire(self) {
        let shard = self.reply.shard;
        aside::give(self.buf, shard);
        aside::give(self.outbox, shard);
        if self.keep_alive && !self.inbound.surplus && !self.inbound.ends_with_connection() {
            shard.upstreams.pool.give(self.conn, shard.deadlines.coarse_now(), self.reply.limits);
        }
    }
}
