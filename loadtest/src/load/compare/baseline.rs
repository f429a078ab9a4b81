//! The provider alone, between everything else: what the machine gave, and whether it gave that all the time.

use std::fmt;

use anyhow::ensure;
use serde::Serialize;

use super::spread::Spread;

/// How much the baseline may drift.
const DRIFT_MAX: f64 = 0.10;

/// The provider alone, all through the run: what the machine gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Baseline {
    pub requests_per_s: Spread,
    /// Between the medians of the run's thirds, as a share of the smallest.
    pub drift: f64,
    pub is_unsteady: bool,
}

impl Baseline {
    /// Of the slices of a run, in their order, if figures of it are worth anything, or somebody wants them all the same. There is
    /// no other way to have one, and no result without one.
    ///
    /// # Errors
    /// When the machine was not steady and nobody forces it.
    pub fn judged(slices: &[f64], is_forced: bool) -> anyhow::Result<Self> {
        let baseline = Self::of(slices);
        ensure!(
            !baseline.is_unsteady || is_forced,
            "{baseline}: the machine was not steady, so nothing is reported (--force does it all the same, with a mark)"
        );
        Ok(baseline)
    }

    /// As it stands above figures, with a mark if they are there by force.
    pub fn told(&self) -> String {
        let mark = if self.is_unsteady { "!! NOT STEADY, reported by force" } else { "baseline" };
        format!("{mark}: {self}")
    }

    fn of(slices: &[f64]) -> Self {
        let third = slices.len().div_ceil(3).max(1);
        let medians = slices.chunks(third).filter_map(|third| Spread::of(third.to_vec())).map(|it| it.median);
        let medians = Spread::of(medians.collect());
        let drift = medians.map_or(0.0, |it| it.max / it.min - 1.0);
        let requests_per_s = Spread::of(slices.to_vec()).unwrap_or(Spread::NOTHING);
        // What is no number is no steadiness either.
        Self { requests_per_s, drift, is_unsteady: !drift.is_finite() || drift > DRIFT_MAX }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { median, min, max } = self.requests_per_s;
        if self.requests_per_s == Spread::NOTHING && !self.is_unsteady {
            return out.write_str("the provider alone was not measured");
        }
        let drift = self.drift * 100.0;
        write!(
            out,
            "the provider alone answered {median:.0}/s ({min:.0} to {max:.0}) and drifted by {drift:.0} %"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise within a run is no drift; a machine that becomes slower is, and then there is nothing without force.
    #[test]
    fn drift_is_told_from_noise() {
        let noisy = [100.0, 130.0, 70.0, 101.0, 60.0, 140.0, 99.0, 150.0, 98.0];
        assert!(!Baseline::judged(&noisy, false).expect("it was steady").is_unsteady);
        let slower = [100.0, 101.0, 99.0, 95.0, 94.0, 96.0, 85.0, 86.0, 84.0];
        let refused = Baseline::judged(&slower, false).expect_err("it was not steady").to_string();
        assert!(refused.contains("drifted by 18 %") && refused.contains("nothing is reported"), "{refused}");
        assert!(Baseline::judged(&slower, true).expect("by force").is_unsteady);
        let faster: Vec<f64> = slower.iter().rev().copied().collect();
        assert!(Baseline::judged(&faster, false).is_err());
        let barely = [100.0, 100.0, 100.0, 105.0, 105.0, 105.0, 109.9, 109.9, 109.9];
        assert!(
            Baseline::judged(&barely, false).is_ok()
                && Baseline::judged(&[100.0, 105.0, 110.1], false).is_err()
        );
        assert!(Baseline::judged(&[0.0, 0.0, 0.0], false).is_err(), "nothing was answered");
        assert!(Baseline::judged(&[], false).is_ok());
    }
}
