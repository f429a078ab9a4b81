//! Reading an answer as it passes: what of the bytes at hand may leave, and as what.

use super::Relay;
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::ERROR_BODY_BYTES;
use crate::contract::endpoint::StreamStyle;
use crate::http::gzip::{self, NotGzip};
use crate::net::stock;
use crate::traffic::account::Tally;
use crate::traffic::dialect::Opening;
use crate::traffic::exchange::aside;
use crate::traffic::exchange::early;
use crate::traffic::exchange::failure::{mask, scrub, scrubbed};
use crate::traffic::exchange::reply::Ending;
use crate::traffic::exchange::state::Reading;
use crate::traffic::route::keys::Verdict;
use crate::traffic::translate::{Form, Passed};

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
                return self.pass_whole(last);
            }
            Reading::Packed(packed) => {
                self.opening = packed.feed(&self.buf[self.held..], last);
                return self.pass_packed(last);
            }
            Reading::Elements(_) => return self.read_elements(last, tally),
            Reading::Opaque => Emit::all(all),
            Reading::Translated(translation) => {
                if self.outbox.capacity() == 0 {
                    self.outbox = self.reply.shard.buffers.small();
                }
                self.outbox.clear();
                let passed = translation.advance(&self.buf, last, self.outbox.tail());
                return self.translated(passed, tally);
            }
        };
        (emit, None)
    }

    /// The same of answers in an array. An error among them leaves as a whole, without a key that it may repeat, and as the
    /// last, but for the bracket behind it.
    fn read_elements(&mut self, last: bool, tally: &mut Tally) -> (Emit, Option<Fault>) {
        let Reading::Elements(scan) = &mut *self.reading else { return (Emit::all(0), None) };
        let answers = scan.feed(&self.buf[self.held..]);
        if self.passage.style == StreamStyle::GeminiArray {
            tally.record.events += answers;
        }
        if !scan.is_array() {
            return self.pass_whole(last);
        }
        let all = self.buf.len();
        if scan.has_failed() {
            let behind = scan.surplus();
            self.buf.truncate(all - behind);
            let has_length = matches!(self.ending, Ending::Length(_));
            if has_length {
                _ = mask(&mut self.buf, self.passage.provider);
            } else {
                scrub(&mut self.buf, all - behind, self.passage.provider);
            }
            // A length that was told is not exceeded.
            if behind > 0 || !has_length {
                self.buf.extend(b"]");
            }
            return (Emit::all(self.buf.len()), None);
        }
        // What passed of an answer before these bytes did so because it is none.
        let open = scan.open().and_then(|open| all.checked_sub(open));
        match open.filter(|start| Opening::of(&self.buf[*start..], last) != Opening::Answer) {
            None => (Emit::all(all), None),
            Some(start) if all - start < ERROR_BODY_BYTES => (Emit::all(start), None),
            Some(start) => (Emit::all(start), Some(FaultKind::UpstreamStreamError.into())),
        }
    }

    /// What a translation made of the bytes at hand.
    fn translated(&mut self, passed: Result<Passed, Fault>, tally: &mut Tally) -> (Emit, Option<Fault>) {
        if let Reading::Translated(translation) = &*self.reading {
            if translation.has_failed() {
                let all = self.outbox.len();
                scrub(&mut self.outbox, all, self.passage.provider);
            }
            if self.reply.status == 0 && translation.form() == Form::Whole {
                self.ending = Ending::Length(self.outbox.len() as u64);
            }
        }
        let bytes = self.outbox.len();
        match passed {
            Ok(passed) => {
                tally.record.events += passed.events;
                (Emit { bytes, keep_from: passed.consumed }, None)
            }
            Err(fault) => (Emit { bytes, keep_from: self.buf.len() }, Some(fault)),
        }
    }

    /// Whether it takes long to read what there is.
    pub(super) fn is_heavy(&self, last: bool) -> bool {
        self.buf.len() as u64 >= aside::LARGE_BYTES
            && matches!(&*self.reading, Reading::Translated(translation) if !translation.is_gathering(last))
    }

    /// Has the helper read it, while the shard serves others.
    pub(super) async fn read_aside(&mut self, last: bool, tally: &mut Tally) -> (Emit, Option<Fault>) {
        let Reading::Translated(mut translation) = std::mem::replace(self.reading, Reading::Opaque) else {
            return (Emit::all(0), Some(FaultKind::Internal.into()));
        };
        let (buf, mut outbox) = (std::mem::take(&mut self.buf), std::mem::take(&mut self.outbox));
        let work = move || {
            outbox.clear();
            if outbox.capacity() < buf.len() {
                outbox = stock::take(buf.len() + buf.len() / 8);
            }
            let passed = translation.advance(&buf, last, outbox.tail());
            (translation, buf, outbox, passed)
        };
        match aside::done(self.reply.shard, work).await {
            Ok((translation, buf, outbox, passed)) => {
                *self.reading = Reading::Translated(translation);
                (self.buf, self.outbox) = (buf, outbox);
                self.translated(passed, tally)
            }
            Err(fault) => (Emit::all(0), Some(fault)),
        }
    }

    /// What may leave of a whole answer. One that is an error is said without the provider's keys, which may stand in any
    /// two pieces of it; what is no error is only looked at where it begins.
    fn pass_whole(&mut self, last: bool) -> (Emit, Option<Fault>) {
        if self.opening == Opening::Unclear {
            self.opening = Opening::of(&self.buf, last);
        }
        let all = self.buf.len();
        let bytes = match self.opening {
            Opening::Answer => all,
            // White space keeps a connection busy until there is something to say.
            Opening::Unclear if self.buf.trim_ascii().is_empty() => all,
            Opening::Unclear => 0,
            Opening::Error if self.may_wait(last) => 0,
            Opening::Error => {
                if last && early::is_of_account(self.passage.style, &self.buf) {
                    self.passage.rest(Verdict::Refused, None, self.reply.shard);
                    return (Emit::all(0), Some(FaultKind::UpstreamAccount.into()));
                }
                let wait = mask(&mut self.buf, self.passage.provider);
                if last { all } else { all.saturating_sub(wait) }
            }
        };
        (Emit::all(bytes), None)
    }

    /// Whether all of an error can be waited for: it may be the gateway's own affair.
    fn may_wait(&self, last: bool) -> bool {
        !last && self.reply.status == 0 && self.buf.len() < ERROR_BODY_BYTES
    }

    /// The same of a compressed one.
    fn pass_packed(&mut self, last: bool) -> (Emit, Option<Fault>) {
        let all = self.buf.len();
        match self.opening {
            Opening::Unclear | Opening::Error if self.may_wait(last) => (Emit::all(0), None),
            Opening::Error if self.reply.status == 0 => match self.unpacked() {
                Ok(bytes) => (Emit::all(bytes), None),
                Err(fault) => (Emit::all(0), Some(fault)),
            },
            Opening::Answer | Opening::Unclear | Opening::Error => (Emit::all(all), None),
        }
    }

    /// Compresses an error anew, if it repeats a key; gives its length.
    fn unpacked(&mut self) -> Result<usize, Fault> {
        let plain = gzip::unzipped(&self.buf).map_err(|NotGzip| FaultKind::UpstreamMalformed)?;
        if early::is_of_account(self.passage.style, &plain) {
            self.passage.rest(Verdict::Refused, None, self.reply.shard);
            return Err(FaultKind::UpstreamAccount.into());
        }
        let clean = scrubbed(&plain, self.passage.provider);
        if clean != plain {
            let packed = gzip::zipped(&clean).ok_or(FaultKind::Internal)?;
            self.buf.clear();
            self.buf.extend(&packed);
            if let Ending::Length(_) = self.ending {
                self.ending = Ending::Length(packed.len() as u64);
            }
        }
        Ok(self.buf.len())
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
