//! Reading an answer as it passes: what of the bytes at hand may leave, and as what.

use super::Relay;
use crate::base::fault::Fault;
use crate::contract::endpoint::StreamStyle;
use crate::traffic::account::Tally;
use crate::traffic::exchange::failure::scrub;
use crate::traffic::exchange::reply::Ending;
use crate::traffic::exchange::state::Reading;
use crate::traffic::translate::Form;

impl Relay<'_, '_, '_> {
    /// What may leave of the bytes at hand, and what is wrong with those behind them.
    pub(super) fn read_passing(&mut self, last: bool, tally: &mut Tally) -> (Emit, Option<Fault>) {
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
}

/// What leaves of the bytes at hand, and from where on they are kept for the next.
pub(super) struct Emit {
    pub bytes: usize,
    pub keep_from: usize,
}

impl Emit {
    fn all(bytes: usize) -> Self {
        Self { bytes, keep_from: bytes }
    }
}
