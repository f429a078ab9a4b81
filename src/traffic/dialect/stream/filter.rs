//! What leaves of a stream, and when.

use super::inspect::{DONE, Inspection};
use super::line::Name;
use super::null_usage;
use super::unit::{Kind, Splitter, Unit};
use super::{HideUsage, Release, StreamFacts};
use crate::base::limits::EVENT_HOLD_BYTES;
use crate::contract::endpoint::{Dialect, StreamStyle};
use crate::traffic::dialect::usage::Tally;
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Lets whole events pass and notes what they say. Under two kilobytes, no heap.
pub struct EventFilter {
    style: StreamStyle,
    hide: HideUsage,
    facts: StreamFacts,
    splitter: Splitter,
    /// An event that is too large to be held, and of which a part has left.
    passing: Option<Inspection>,
    /// Nothing leaves any more.
    over: bool,
    /// The last unit left, and an LF that still belongs to it leaves too.
    kept: bool,
    /// The last event left without the blank line that would end it.
    open: bool,
}

/// What becomes of a unit.
enum Verdict {
    Keep,
    Drop,
    /// It leaves without these of its bytes.
    Cut(Range<usize>),
}

/// What leaves in one call: gathered at the front of the buffer.
#[derive(Default)]
struct Leaving {
    bytes: usize,
    events: u32,
}

impl Leaving {
    #[inline]
    fn take(&mut self, bytes: &mut [u8], span: Range<usize>) {
        let len = span.len();
        if span.start != self.bytes {
            bytes.copy_within(span, self.bytes);
        }
        self.bytes += len;
    }
}

impl EventFilter {
    pub fn new(style: StreamStyle, hide: HideUsage) -> Self {
        Self {
            style,
            hide,
            facts: StreamFacts::default(),
            splitter: Splitter::default(),
            passing: None,
            over: false,
            kept: true,
            open: false,
        }
    }

    /// Takes the bytes that the last call kept, and new ones after them. `last` says that no more will come.
    pub fn advance(&mut self, bytes: &mut [u8], last: bool) -> Release {
        let mut leaving = Leaving::default();
        if self.splitter.take_lf(bytes) && self.kept {
            leaving.take(bytes, 0..1);
        }
        while !self.over && self.advance_once(bytes, &mut leaving) {}
        if last && !self.over {
            self.end(bytes, &mut leaving);
        }
        let keep_from = if self.over { bytes.len() } else { self.splitter.start() };
        if self.over {
            let after_cr = self.splitter.after_cr() && !last;
            self.splitter.restart(keep_from, after_cr);
        }
        self.splitter.shift(keep_from);
        self.facts.events += leaving.events;
        Release { emit: leaving.bytes, keep_from, events: leaving.events }
    }

    pub fn facts(&self) -> &StreamFacts {
        &self.facts
    }

    /// An event has left, or part of one, and its end has not: whatever is sent next must begin with a blank line.
    pub fn mid_event(&self) -> bool {
        self.passing.is_some() || self.open
    }

    /// One unit, or one piece of a large event. Says whether there may be another.
    #[inline]
    fn advance_once(&mut self, bytes: &mut [u8], leaving: &mut Leaving) -> bool {
        if self.passing.is_some() {
            return self.pass(bytes, leaving);
        }
        let start = self.splitter.start();
        if let Some(unit) = self.splitter.next(bytes) {
            self.settle(bytes, start, &unit, leaving);
            return true;
        }
        let too_large = bytes.len() - start > EVENT_HOLD_BYTES;
        if too_large {
            self.passing = Some(self.inspection());
        }
        too_large
    }

    fn settle(&mut self, bytes: &mut [u8], start: usize, unit: &Unit, leaving: &mut Leaving) {
        let verdict = match unit.kind {
            Kind::Filler => Verdict::Keep,
            Kind::Event { data } => self.judge(&bytes[start..unit.end], data, unit),
        };
        self.kept = !matches!(verdict, Verdict::Drop);
        leaving.events += u32::from(self.kept && unit.kind != Kind::Filler);
        match verdict {
            Verdict::Keep => leaving.take(bytes, start..unit.end),
            Verdict::Drop => {}
            Verdict::Cut(span) => {
                leaving.take(bytes, start..start + span.start);
                leaving.take(bytes, start + span.end..unit.end);
            }
        }
    }

    /// Most events say nothing that matters, which two searches show.
    #[inline]
    fn judge(&mut self, event: &[u8], data: usize, unit: &Unit) -> Verdict {
        if self.is_google() {
            return self.look(event, unit.name, false);
        }
        if self.is_marked(&event[data..]) {
            self.facts.done = true;
            self.over = true;
            return Verdict::Keep;
        }
        let chunks = self.style == StreamStyle::OpenAiChunks;
        let usage = USAGE.find(event);
        let error = ERROR.find(event).is_some();
        if usage.is_none() && !error && (chunks || unit.name != Name::None) {
            self.note_name(unit.name);
            return Verdict::Keep;
        }
        // An event that would have passed in pieces stays as it is even if it came in one.
        let hide = chunks && self.hide == HideUsage::Yes && unit.size <= EVENT_HOLD_BYTES;
        if let Some(at) = usage
            && chunks
            && !error
            && unit.lines == 1
            && let Some(cut) = null_usage::cut(event, at)
        {
            return if hide { Verdict::Cut(cut) } else { Verdict::Keep };
        }
        self.look(event, unit.name, hide)
    }

    /// The long way: the event's data is read.
    fn look(&mut self, event: &[u8], name: Name, hide: bool) -> Verdict {
        let mut inspection = self.inspection();
        inspection.feed(event);
        self.note(&inspection, name);
        if !hide || self.over || !inspection.is_complete() {
            return Verdict::Keep;
        }
        match inspection.seen.report {
            Some(report) if !report.is_object => Verdict::Cut(report.span),
            Some(_) if inspection.seen.no_choices => Verdict::Drop,
            // What stands beside an answer's text is there without being asked for.
            Some(_) | None => Verdict::Keep,
        }
    }

    fn note(&mut self, inspection: &Inspection, name: Name) {
        self.note_usage(inspection);
        self.facts.finished |= inspection.gives_reason();
        if self.style != StreamStyle::OpenAiChunks {
            self.note_name(inspection.seen.name);
        }
        self.note_name(name);
        if inspection.seen.error {
            self.fail();
        }
    }

    fn note_usage(&mut self, inspection: &Inspection) {
        if let Some(usage) = inspection.seen.tally.usage {
            self.facts.usage = Some(usage);
        }
    }

    fn note_name(&mut self, name: Name) {
        if name.is_error() {
            self.fail();
        }
        self.facts.done |= name.is_end(self.style);
    }

    /// Whether `[DONE]` ends such a stream. Anthropic's say so by an event, and Google's not at all.
    const fn has_mark(&self) -> bool {
        matches!(self.style.dialect(), Dialect::OpenAi)
    }

    fn is_marked(&self, data: &[u8]) -> bool {
        self.has_mark() && data.starts_with(DONE)
    }

    /// Nearly every event of Google's reports usage.
    const fn is_google(&self) -> bool {
        matches!(self.style.dialect(), Dialect::Gemini)
    }

    fn inspection(&self) -> Inspection {
        Inspection::new(Tally::upon(self.style.dialect(), self.facts.usage))
    }

    fn fail(&mut self) {
        self.facts.error = true;
        self.over = true;
    }

    /// The next piece of an event that is too large to be held.
    fn pass(&mut self, bytes: &mut [u8], leaving: &mut Leaving) -> bool {
        let Some(mut inspection) = self.passing.take() else { return false };
        let start = self.splitter.start();
        let Some(len) = inspection.feed(&bytes[start..]) else {
            leaving.take(bytes, start..bytes.len());
            self.splitter.restart(bytes.len(), false);
            self.passing = Some(inspection);
            return false;
        };
        leaving.take(bytes, start..start + len);
        self.splitter.restart(start + len, inspection.after_cr());
        self.kept = true;
        if inspection.has_data {
            leaving.events += 1;
            self.note(&inspection, inspection.name);
            let done = self.has_mark() && inspection.is_done();
            self.facts.done |= done;
            self.over |= done;
        }
        true
    }

    /// The stream is over. An unfinished event is no event, unless nothing but its blank line is missing: some servers and
    /// proxies leave out the last one, and clients are to see what they would see without the gateway.
    fn end(&mut self, bytes: &mut [u8], leaving: &mut Leaving) {
        if let Some(inspection) = self.passing.take() {
            self.end_large(&inspection, leaving);
            self.passing = Some(inspection);
            self.over = true;
            return;
        }
        let start = self.splitter.start();
        let unit = self.splitter.rest(bytes);
        if let Kind::Event { data } = unit.kind
            && (self.is_marked(&bytes[start + data..]) || self.is_whole(&bytes[start..]))
        {
            self.settle(bytes, start, &unit, leaving);
            self.open = self.kept && !self.over;
        }
        self.over = true;
    }

    fn end_large(&mut self, inspection: &Inspection, leaving: &mut Leaving) {
        if inspection.is_complete() {
            self.note(inspection, inspection.name);
            leaving.events += 1;
        } else {
            self.note_usage(inspection);
        }
    }

    fn is_whole(&self, event: &[u8]) -> bool {
        let mut inspection = self.inspection();
        inspection.feed(event);
        inspection.is_complete()
    }
}
