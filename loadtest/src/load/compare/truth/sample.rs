//! Times of many exchanges, and their quantiles.

use crate::load::measure::Probe;

/// Times in microseconds, in order.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

/// The two quantiles that a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub p50: f64,
    pub p99: f64,
}

impl Sample {
    pub fn new(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    pub fn outside(probes: &[Probe]) -> Self {
        Self::new(probes.iter().map(|probe| probe.outside_us).collect())
    }

    pub fn own(probes: &[Probe]) -> Self {
        Self::new(probes.iter().filter_map(|probe| probe.own_us).collect())
    }

    /// What was seen less the target's own time, exchange by exchange.
    pub fn left_over(probes: &[Probe]) -> Self {
        Self::new(probes.iter().filter_map(|probe| Some(probe.outside_us - probe.own_us?)).collect())
    }

    /// No number where nothing was measured.
    pub fn pair(&self) -> Pair {
        Pair { p50: self.quantile(0.5), p99: self.quantile(0.99) }
    }

    fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }
}

impl std::ops::Sub for Pair {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { p50: self.p50 - other.p50, p99: self.p99 - other.p99 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quantile is the smallest time that so large a share does not exceed; of nothing there is none.
    #[test]
    fn quantiles() {
        let sample = Sample::new((1..=100).rev().map(f64::from).collect());
        assert_eq!(sample.pair(), Pair { p50: 50.0, p99: 99.0 });
        assert!(Sample::default().pair().p50.is_nan());
    }

    /// What is left over is known only of exchanges that say their own time.
    #[test]
    fn left_over() {
        let probes =
            [Probe { outside_us: 30.0, own_us: Some(12.0) }, Probe { outside_us: 40.0, own_us: None }];
        assert_eq!(Sample::left_over(&probes).0, [18.0]);
        assert_eq!(Sample::outside(&probes).0, [30.0, 40.0]);
    }
}
