//! What leaves for the client: the head, then the body, framed anew.

use super::Relay;
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::Fault;
use crate::http::{chunked, encode};
use crate::net::gather::FLAT_BYTES;
use crate::traffic::account::Tally;
use crate::traffic::exchange::reply::{DROPPED, Ending, overhead};
use crate::traffic::exchange::state::Reading;
use crate::traffic::translate::Form;

/// Room for what stands behind a chunk.
const END_BYTES: usize = 16;

impl Relay<'_, '_, '_> {
    /// Sends the first `emit` bytes of the buffer, the head before them if it is still to be sent, and the end
    /// of the body behind them if they are the last.
    pub(super) async fn send(&mut self, emit: usize, last: bool, tally: &mut Tally) -> Result<(), Fault> {
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
            self.end(out.tail(), emit, last, tally);
            gather.whole(out);
            None
        } else {
            let front = out.len();
            self.end(out.tail(), emit, last, tally);
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
    fn end(&mut self, out: &mut Vec<u8>, emit: usize, last: bool, tally: &mut Tally) {
        if self.ending != Ending::Chunked {
            return;
        }
        if emit > 0 {
            out.extend_from_slice(b"\r\n");
        }
        if last && !self.reading.is_broken() && self.check_end().is_ok() {
            let lost = self.note_lost(tally);
            if self.reply.trailers {
                self.last_chunk(out, &lost);
            } else {
                out.extend_from_slice(chunked::LAST);
            }
        }
    }

    /// Notes what of a stream had no place, which its head could not say.
    pub(super) fn note_lost(&mut self, tally: &mut Tally) -> String {
        let Reading::Translated(translation) = &mut *self.reading else { return String::new() };
        let lost = translation.lost();
        tally.lose(&lost);
        lost
    }

    fn finish_head(&mut self, tally: &mut Tally) -> Buf {
        let mut head = std::mem::take(&mut self.head);
        let out = head.tail();
        if let Reading::Translated(translation) = &mut *self.reading {
            let unplaced = translation.unplaced();
            if !unplaced.is_empty() {
                encode::field(out, DROPPED, unplaced.as_bytes());
                tally.lose(&unplaced);
            }
            if translation.form() == Form::Stream && self.reply.trailers && self.ending == Ending::Chunked {
                encode::field(out, "trailer", DROPPED.as_bytes());
            }
        }
        self.reply.rest_of_head(out, self.status, self.ending);
        overhead(tally, out);
        out.extend_from_slice(b"\r\n");
        head
    }

    /// Notes the time of the first write, the gap between events, and the end.
    fn clock(&self, first: bool, emit: usize, last: bool, tally: &mut Tally) {
        let event = self.is_stream() && emit > 0;
        if !(first || event) {
            return;
        }
        let now = Moment::now();
        let since = now.micros_since(tally.last_event);
        let mut meters = self.reply.shard.book.meters.borrow_mut();
        if first {
            meters.client_write.record(since.saturating_sub(u64::from(tally.record.overhead_out_us)));
        } else {
            meters.gap.record(since);
        }
        tally.last_event = now;
        if last {
            tally.ended = now;
        }
    }

    /// Where the bytes that leave stand.
    pub(super) fn leaving(&mut self) -> &mut Buf {
        match &*self.reading {
            Reading::Translated(_) => &mut self.outbox,
            Reading::Events(_)
            | Reading::Json(_)
            | Reading::Packed(_)
            | Reading::Elements(_)
            | Reading::Opaque => &mut self.buf,
        }
    }
}
