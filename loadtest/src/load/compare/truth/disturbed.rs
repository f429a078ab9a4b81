//! Moments in which the machine kept everybody waiting, as a witness felt them.

use crate::load::measure::Probe;

/// Spans of time, in order, none of which touches another; nanoseconds of the machine's monotonic clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disturbed(Vec<(u64, u64)>);

impl Disturbed {
    /// The witness' exchanges of which more than this was left over, and so much time before and behind each.
    pub fn felt_by(witness: &[Probe], limit_us: f64, beside_ns: u64) -> Self {
        let felt = witness.iter().filter(|probe| probe.left_over_us().is_some_and(|us| us > limit_us));
        let mut spans: Vec<_> = felt
            .map(|probe| {
                (probe.sent_ns.saturating_sub(beside_ns), probe.first_byte_ns.saturating_add(beside_ns))
            })
            .collect();
        spans.sort_unstable();
        let mut disturbed = Self::default();
        for (from, to) in spans {
            match disturbed.0.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => disturbed.0.push((from, to)),
            }
        }
        disturbed
    }

    /// Whether an exchange ran in such a moment, if only for a part.
    pub fn met(&self, probe: &Probe) -> bool {
        let first = self.0.partition_point(|(_, to)| *to < probe.sent_ns);
        self.0.get(first).is_some_and(|(from, _)| *from <= probe.first_byte_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(sent_ns: u64, first_byte_ns: u64) -> Probe {
        let outside_us = (first_byte_ns - sent_ns) as f64 / 1000.0;
        Probe { outside_us, own_us: Some(0.0), sent_ns, first_byte_ns }
    }

    /// What touches a moment, or what stands beside it, ran in it; spans that overlap are one, and quick exchanges make none.
    #[test]
    fn spans() {
        let witness =
            [probe(50_000, 58_000), probe(10_000, 20_000), probe(15_000, 30_000), probe(40_000, 41_000)];
        let disturbed = Disturbed::felt_by(&witness, 5.0, 1_000);
        assert_eq!(disturbed, Disturbed(vec![(9_000, 31_000), (49_000, 59_000)]));
        for (sent, first_byte, met) in [
            (0, 8_999, false),
            (0, 9_000, true),
            (12_000, 13_000, true),
            (31_000, 32_000, true),
            (31_001, 48_999, false),
            (31_001, 90_000, true),
            (59_001, 90_000, false),
        ] {
            assert_eq!(disturbed.met(&probe(sent, first_byte)), met, "{sent} to {first_byte}");
        }
        assert_eq!(Disturbed::felt_by(&witness, 50.0, 1_000), Disturbed::default());
    }
}
