//! One exchange with all that is known of its time: by this client's clock, by the provider's stamps, by the target's own
//! word. All clocks are the machine's monotonic one, so that moments of different processes can be subtracted.

use std::time::Instant;

use super::marks::Marks;
use crate::sys;

/// One good exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// From here to the provider and back, without the time that the provider had it.
    pub outside_us: f64,
    /// How long the target says that it took.
    pub own_us: Option<f64>,
    /// When the request was sent, and when the first byte of its answer was here, on the machine's monotonic clock.
    pub sent_ns: u64,
    pub first_byte_ns: u64,
}

impl Probe {
    /// What was seen less what the target says, if it says anything.
    pub fn left_over_us(&self) -> Option<f64> {
        self.own_us.map(|own_us| self.outside_us - own_us)
    }
}

/// The exchanges of a slice.
#[derive(Debug)]
pub struct Probes {
    pub list: Vec<Probe>,
    /// Good exchanges whose answers had no stamps of a provider.
    pub unstamped: u64,
    count_max: usize,
    /// One moment, as the two ways to read the clock say it.
    anchor: (Instant, u64),
}

impl Default for Probes {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Probes {
    pub fn new(count_max: usize) -> Self {
        Self { list: Vec::with_capacity(count_max), unstamped: 0, count_max, anchor: anchor() }
    }

    pub fn note(&mut self, marks: &Marks) {
        match self.probe(marks) {
            None => self.unstamped += 1,
            Some(probe) if self.list.len() < self.count_max => self.list.push(probe),
            Some(_) => {}
        }
    }

    fn probe(&self, marks: &Marks) -> Option<Probe> {
        let (sent_ns, first_byte_ns) = (self.ns(marks.sent_at), self.ns(marks.first_byte_at?));
        let there = marks.stamps.received_ns?.checked_sub(sent_ns)?;
        let back = first_byte_ns.checked_sub(marks.stamps.answered_ns?)?;
        let own_us = marks.stamps.own_ns.map(|own| own as f64 / 1000.0);
        Some(Probe { outside_us: (there + back) as f64 / 1000.0, own_us, sent_ns, first_byte_ns })
    }

    fn ns(&self, moment: Instant) -> u64 {
        let (instant, ns) = self.anchor;
        let since = moment.saturating_duration_since(instant).as_nanos() as u64;
        let before = instant.saturating_duration_since(moment).as_nanos() as u64;
        (ns + since).saturating_sub(before)
    }
}

/// One moment by both clocks. Whoever loses the core between two looks at them would take all others for wrong, so that the
/// looks that were nearest to each other count.
fn anchor() -> (Instant, u64) {
    let look = || {
        let before = sys::monotonic_ns();
        let instant = Instant::now();
        let between = sys::monotonic_ns() - before;
        (between, (instant, before + between / 2))
    };
    let looks = (0..8).map(|_| look());
    looks.min_by_key(|(between, _)| *between).map_or_else(|| look().1, |(_, anchor)| anchor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::check::Stamps;

    /// The time outside is the way there and the way back; answers without stamps, or with ones that cannot be, are counted.
    #[test]
    fn both_ways_without_the_provider() {
        let mut probes = Probes::new(10);
        let (sent, base) = probes.anchor;
        let mut marks = Marks::begin(sent, sent, sent + Duration::from_micros(900));
        probes.note(&marks);
        marks.first_byte_at = Some(sent + Duration::from_micros(500));
        marks.stamps = Stamps {
            received_ns: Some(base + 70_000),
            answered_ns: Some(base + 400_000),
            own_ns: Some(12_000),
        };
        probes.note(&marks);
        marks.stamps.received_ns = Some(base - 1);
        probes.note(&marks);
        let (sent_ns, first_byte_ns) = (base, base + 500_000);
        assert_eq!(probes.list, [Probe { outside_us: 170.0, own_us: Some(12.0), sent_ns, first_byte_ns }]);
        assert_eq!(probes.list[0].left_over_us(), Some(158.0));
        assert_eq!(probes.unstamped, 2);
    }

    /// No more are kept than there is room for.
    #[test]
    fn is_bounded() {
        let mut probes = Probes::new(1);
        let (sent, base) = probes.anchor;
        let mut marks = Marks::begin(sent, sent, sent);
        marks.first_byte_at = Some(sent + Duration::from_nanos(2));
        marks.stamps = Stamps { received_ns: Some(base), answered_ns: Some(base + 1), own_ns: None };
        probes.note(&marks);
        probes.note(&marks);
        assert_eq!((probes.list.len(), probes.unstamped), (1, 0));
    }
}
