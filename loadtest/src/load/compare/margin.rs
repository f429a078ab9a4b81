//! A figure that was measured again and again, and how firm it is.

use std::fmt;

use serde::Serialize;

use super::spread::Spread;

/// How many standard deviations of a count hold 95 of 100 cases.
const DEVIATIONS: f64 = 1.96;

/// The median of a figure over the rounds, and the range in which the true median lies with 95 % certainty, whatever the
/// distribution (by the ranks that a fair coin would reach); with few rounds it is the whole range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Margin {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Margin {
    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.retain(|figure| figure.is_finite());
        figures.sort_by(f64::total_cmp);
        let median = Spread::of(figures.clone())?.median;
        let count = figures.len();
        let cut = ((count as f64 - DEVIATIONS * (count as f64).sqrt()) / 2.0).max(0.0) as usize;
        Some(Self { median, low: figures[cut], high: figures[count - 1 - cut] })
    }

    /// Nothing may well be the truth.
    pub fn has_zero(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, low, high } = self;
        write!(out, "{median:+.2} ({low:+.2} to {high:+.2})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With few rounds the margin is all of them; with many the outliers are cut off on both sides.
    #[test]
    fn margins() {
        let few = Margin::of(vec![3.0, -1.0, 2.0]).expect("figures");
        assert_eq!((few.median, few.low, few.high), (2.0, -1.0, 3.0));
        assert!(few.has_zero());
        let many = Margin::of((0..100).map(f64::from).collect()).expect("figures");
        assert_eq!((many.median, many.low, many.high), (49.5, 40.0, 59.0));
        assert!(!many.has_zero());
        assert_eq!(Margin::of(vec![f64::NAN]), None);
        assert_eq!(few.to_string(), "+2.00 (-1.00 to +3.00)");
    }
}
