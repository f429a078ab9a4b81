//! A quantile of many slices less that of others, and how firm the difference is.

use serde::Serialize;

use crate::chance::Chance;
use crate::load::measure::Times;

/// How often rounds are drawn anew, and which share of what they give lies within the interval.
const RESAMPLES: usize = 300;
const CERTAINTY: f64 = 0.95;

/// A quantile of all rounds, or a difference of two, and the range in which it lies with 95 % certainty: where it lay when
/// rounds were drawn anew from those that there are (bootstrap).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub us: f64,
    pub low: f64,
    pub high: f64,
}

/// The times of slices, one of each round.
#[derive(Clone, Debug, Default)]
pub struct Slices {
    /// Time in microseconds, how often, and in which round; the longest first.
    times: Vec<(f64, u64, usize)>,
    /// How many there are of each round.
    counts: Vec<u64>,
    /// A quantile is told even where it is the longest time of all.
    tells_of_few: bool,
}

impl Slices {
    /// Of rounds in their order; one of nothing is left out.
    pub fn of<'a>(rounds: impl Iterator<Item = Option<&'a Slice>>) -> Self {
        let mut slices = Self::default();
        for (round, slice) in rounds.enumerate() {
            let slice = slice.map_or(&[][..], |slice| &slice.0);
            slices.counts.push(slice.iter().map(|(_, count)| count).sum());
            slices.times.extend(slice.iter().map(|(us, count)| (*us, *count, round)));
        }
        slices.times.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        slices
    }

    /// The same, whose quantiles are told of however few there are.
    #[must_use]
    pub fn even_of_few(self) -> Self {
        Self { tells_of_few: true, ..self }
    }

    /// The smallest time that so large a share does not exceed, when each round counts so often.
    fn quantile(&self, share: f64, weights: &[u64]) -> Option<f64> {
        let total: u64 = self.counts.iter().zip(weights).map(|(count, weight)| count * weight).sum();
        let mut above = total as f64 * (1.0 - share);
        // One of them must lie above it.
        if above < 0.999 && !self.tells_of_few {
            return None;
        }
        for (us, count, round) in &self.times {
            above -= (count * weights.get(*round).copied().unwrap_or(0)) as f64;
            if above < 0.0 {
                return Some(*us);
            }
        }
        None
    }
}

/// The times of one slice.
#[derive(Clone, Debug, Default)]
pub struct Slice(Vec<(f64, u64)>);

impl Slice {
    pub fn of(times: &Times) -> Self {
        let recorded = times.histogram().iter_recorded();
        Self(
            recorded
                .map(|step| (step.value_iterated_to() as f64 / 1000.0, step.count_since_last_iteration()))
                .collect(),
        )
    }

    /// Of figures in microseconds, each by itself; they may be negative.
    pub fn exact(figures: impl Iterator<Item = f64>) -> Self {
        Self(figures.map(|us| (us, 1)).collect())
    }
}

/// A quantile of some; nothing where too few requests tell it.
pub fn quantile(own: &Slices, share: f64) -> Option<Estimate> {
    estimate(own.counts.len(), |weights| own.quantile(share, weights))
}

/// How much more a quantile of some is than that of others who were measured in the same rounds; nothing where too few
/// requests tell it.
pub fn difference(own: &Slices, other: &Slices, share: f64) -> Option<Estimate> {
    let rounds = own.counts.len().min(other.counts.len());
    estimate(rounds, |weights| Some(own.quantile(share, weights)? - other.quantile(share, weights)?))
}

/// How many times another quantile one is, and the range in which that lies with 95 % certainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    pub times: f64,
    pub low: f64,
    pub high: f64,
}

/// How many times that of others who were measured in the same rounds a quantile of some is; nothing where too few requests
/// tell it.
pub fn ratio(own: &Slices, other: &Slices, share: f64) -> Option<Ratio> {
    let rounds = own.counts.len().min(other.counts.len());
    let times = |weights: &[u64]| {
        let other = other.quantile(share, weights).filter(|us| *us > 0.0)?;
        Some(own.quantile(share, weights)? / other)
    };
    let Estimate { us: times, low, high } = estimate(rounds, times)?;
    Some(Ratio { times, low, high })
}

/// A figure of rounds that count so often each.
fn estimate(rounds: usize, figure: impl Fn(&[u64]) -> Option<f64>) -> Option<Estimate> {
    let us = figure(&vec![1; rounds])?;
    let mut chance = Chance::new(rounds as u64);
    let mut drawn = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let mut weights = vec![0; rounds];
        (0..rounds).for_each(|_| weights[chance.below(rounds as u64) as usize] += 1);
        drawn.extend(figure(&weights));
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let cut = (drawn.len() as f64 * (1.0 - CERTAINTY) / 2.0) as usize;
    let (low, high) = (*drawn.get(cut)?, *drawn.get(drawn.len() - 1 - cut)?);
    Some(Estimate { us, low: low.min(us), high: high.max(us) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Us = fn(u64) -> u64;

    fn slices(rounds: &[Us]) -> Slices {
        let slice = |us: Us| {
            let mut times = Times::default();
            (0..1000).for_each(|at| times.record(Duration::from_micros(us(at))));
            Slice::of(&times)
        };
        let made: Vec<Slice> = rounds.iter().map(|us| slice(*us)).collect();
        Slices::of(made.iter().map(Some))
    }

    fn calm(at: u64) -> u64 {
        100 + at % 7
    }

    fn tailed(at: u64) -> u64 {
        if at.is_multiple_of(50) { 900 } else { calm(at) }
    }

    fn stalled(at: u64) -> u64 {
        if at.is_multiple_of(8) { 9_000 } else { calm(at) }
    }

    /// What is added alike to every request is found at every quantile, whatever tail there is, and the interval holds it.
    #[test]
    fn finds_what_is_added() {
        let (direct, own) = (slices(&[tailed as Us; 8]), slices(&[(|at| tailed(at) + 40) as Us; 8]));
        for share in [0.5, 0.9, 0.99, 0.999] {
            let found = difference(&own, &direct, share).expect("enough");
            assert!((39.0..41.5).contains(&found.us), "{share}: {found:?}");
            assert!(
                found.low <= found.us && found.us <= found.high && found.high - found.low < 3.0,
                "{found:?}"
            );
        }
    }

    /// What is twice as long is, at every quantile and in every drawing; there is no ratio to nothing.
    #[test]
    fn finds_ratios() {
        let (once, twice) = (slices(&[tailed as Us; 8]), slices(&[(|at| 2 * tailed(at)) as Us; 8]));
        for share in [0.5, 0.99] {
            let found = ratio(&twice, &once, share).expect("enough");
            assert!((1.98..2.02).contains(&found.low) && (1.98..2.02).contains(&found.high), "{found:?}");
        }
        let none = Slices::of([Some(&Slice::exact([0.0; 9].into_iter()))].into_iter()).even_of_few();
        assert_eq!(ratio(&twice, &none, 0.5), None);
    }

    /// One round in eight whose tail is a stall makes the interval of the p99 wide, and that of the p50 not.
    #[test]
    fn a_stall_is_told_by_the_interval() {
        let own = slices(&[calm, calm, calm, stalled, calm, calm, calm, calm]);
        let direct = slices(&[calm as Us; 8]);
        let p99 = difference(&own, &direct, 0.99).expect("enough");
        assert!(p99.high > 8_000.0 && p99.low < 10.0, "{p99:?}");
        let p50 = difference(&own, &direct, 0.5).expect("enough");
        assert!(p50.high < 5.0 && p50.low > -5.0, "{p50:?}");
    }

    /// What too few requests tell is not told, and rounds that were left out count for nothing.
    #[test]
    fn too_few_tell_nothing() {
        let one = slices(&[calm as Us]);
        assert!(difference(&one, &one, 0.99).is_some() && difference(&one, &one, 0.9999).is_none());
        assert_eq!(difference(&Slices::of([None].into_iter()), &one, 0.5), None);
        let few = Slices::of([Some(&Slice::exact([3.0, 9.0, 4.0].into_iter()))].into_iter());
        assert_eq!(quantile(&few, 0.99), None);
        let few = few.even_of_few();
        assert_eq!(quantile(&few, 0.99).map(|it| it.us), Some(9.0));
        assert_eq!(quantile(&few, 0.5).map(|it| it.us), Some(4.0));
        assert_eq!(quantile(&Slices::default().even_of_few(), 0.5), None);
    }
}
