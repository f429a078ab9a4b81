//! Segments of large bodies that wait for the next one, with the memory behind them.
//!
//! Memory that is fetched from the system and given back for each body costs a shard more than the body's bytes: each page
//! is found, cleared and counted, and a hypervisor may have to find it, too. So what a body leaves is kept for those that
//! follow, and what none of them needed for a while is given back, little by little: what is more than one large body has
//! after seconds, the rest later.
//!
//! Invariant: at most [`KEPT`] are here; what was in nobody's hands for two periods is gone but for [`KEPT_LONGER`], and
//! that is gone when nobody needed it for twice the time that is given.

use super::pages;
use crate::base::buf::Buf;
use crate::base::limits::{BODY_BYTES, BODY_SEGMENT_BYTES, BUFFERED_BYTES};
use std::collections::VecDeque;

/// As many as bodies may be made of at a time.
const KEPT: usize = BUFFERED_BYTES as usize / BODY_SEGMENT_BYTES;

/// As many as the largest body has that is usual.
const KEPT_LONGER: usize = BODY_BYTES as usize / BODY_SEGMENT_BYTES;

/// Sweeps in which nobody needs a segment before it is given back: four seconds.
const PERIOD_SWEEPS: u32 = 200;
const PERIOD_MS: u64 = 4_000;

/// How much is given back at a time, which takes up to a quarter of a millisecond.
const FREED_BYTES: usize = 1 << 20;

/// How many are looked at for one that fits: they differ in size where several kinds of bodies pass.
const LOOKED_AT: usize = 8;

/// One shard's spare segments.
#[derive(Default)]
pub(super) struct Spare {
    /// Last used, last in the row.
    row: VecDeque<Buf>,
    /// The fewest that were spare in this period: so many nobody needed.
    least: usize,
    /// The same over the periods for which a body's memory is kept.
    least_longer: usize,
    /// What is to be given back of those that nobody needed in the period before, or in all of them.
    excess: usize,
    sweeps: u32,
    periods: u64,
}

impl Spare {
    /// One of this size, if there is any: the one that was used last, since the processor may still know it.
    pub(super) fn take(&mut self, fits: impl Fn(usize) -> bool) -> Option<Buf> {
        let near = self.row.iter().rev().take(LOOKED_AT).position(|spare| fits(spare.capacity()))?;
        let spare = self.row.swap_remove_back(self.row.len() - 1 - near)?;
        self.least = self.least.min(self.row.len());
        Some(spare)
    }

    /// Keeps one, or frees it where there are too many.
    pub(super) fn give(&mut self, buf: Buf) {
        if self.row.len() < KEPT {
            self.row.push_back(buf);
        }
    }

    /// Gives back some of what nobody needed, of one body's memory not before so many milliseconds. Called at every sweep.
    pub(super) fn free(&mut self, kept_ms: u64) {
        self.sweeps += 1;
        if self.sweeps >= PERIOD_SWEEPS {
            self.end_period(kept_ms);
        }
        let mut freed = 0;
        self.excess = self.excess.min(self.row.len());
        while freed < FREED_BYTES && self.excess > 0 {
            let Some(mut oldest) = self.row.pop_front() else { return };
            freed += oldest.capacity();
            self.excess -= 1;
            self.least = self.least.saturating_sub(1);
            self.least_longer = self.least_longer.saturating_sub(1);
            pages::give_back(&mut oldest);
        }
    }

    fn end_period(&mut self, kept_ms: u64) {
        self.sweeps = 0;
        self.periods += 1;
        self.least_longer = self.least_longer.min(self.least);
        self.excess = self.least.saturating_sub(KEPT_LONGER);
        if self.periods >= kept_ms.div_ceil(PERIOD_MS) {
            self.periods = 0;
            self.excess = self.excess.max(self.least_longer);
            self.least_longer = self.row.len();
        }
        self.least = self.row.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(segments: usize) -> Spare {
        let mut spare = Spare::default();
        (0..segments).for_each(|_| spare.give(Buf::with_capacity(BODY_SEGMENT_BYTES)));
        spare
    }

    fn periods(spare: &mut Spare, number: u32) {
        (0..number * PERIOD_SWEEPS).for_each(|_| spare.free(PERIOD_MS));
    }

    /// One body's memory outlasts the rest by the time that is given.
    #[test]
    fn a_body_is_kept_longer() {
        let mut spare = filled(KEPT_LONGER + 40);
        let mut after = |periods: u64| {
            (0..periods * u64::from(PERIOD_SWEEPS)).for_each(|_| spare.free(3 * PERIOD_MS));
            spare.row.len()
        };
        assert_eq!(after(3), KEPT_LONGER, "more than that goes after a period without any need");
        assert_eq!(after(2), KEPT_LONGER);
        assert_eq!(after(3), 0);
    }

    /// What bodies need again and again stays, and what they do not need is given back.
    #[test]
    fn what_is_needed_stays() {
        let mut spare = filled(40);
        for _ in 0..4 {
            let body: Vec<_> = (0..30).filter_map(|_| spare.take(|_| true)).collect();
            assert_eq!(body.len(), 30);
            for segment in body {
                spare.give(segment);
            }
            periods(&mut spare, 1);
        }
        assert_eq!(spare.row.len(), 30);
    }

    /// After a whole period without any body all is given back, a little at every sweep.
    #[test]
    fn nothing_is_kept_for_ever() {
        let mut spare = filled(40);
        periods(&mut spare, 2);
        assert_eq!(spare.row.len(), 36, "the first of them");
        spare.free(PERIOD_MS);
        assert_eq!(spare.row.len(), 32);
        periods(&mut spare, 1);
        assert_eq!(spare.row.len(), 0);
    }

    /// One that is too small is left for others.
    #[test]
    fn sizes_are_asked_for() {
        let mut spare = filled(1);
        spare.give(Buf::with_capacity(100));
        assert!(spare.take(|bytes| bytes > BODY_SEGMENT_BYTES).is_none());
        assert_eq!(
            spare.take(|bytes| bytes >= BODY_SEGMENT_BYTES).map(|buf| buf.capacity()),
            Some(BODY_SEGMENT_BYTES)
        );
        assert_eq!(spare.take(|bytes| bytes < BODY_SEGMENT_BYTES).map(|buf| buf.capacity()), Some(100));
        assert!(spare.take(|_| true).is_none());
    }
}
