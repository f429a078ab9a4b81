//! A figure that was measured in several rounds.

use std::fmt;

use serde::Serialize;

/// A figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub const NOTHING: Self = Self { median: 0.0, min: 0.0, max: 0.0 };

    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = if figures.len().is_multiple_of(2) {
            f64::midpoint(figures[middle - 1], figures[middle])
        } else {
            figures[middle]
        };
        Some(Self { median, min, max })
    }
}

/// The median, and between which figures it lies.
impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = out.precision().unwrap_or(0);
        let Self { median, min, max } = self;
        write!(out, "{median:.digits$} ({min:.digits$}..{max:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The median lies in the middle, and between the two in the middle of an even number.
    #[test]
    fn medians() {
        assert_eq!(
            Spread::of(vec![3.0, 1.0, 2.0]).map(|it| (it.median, it.min, it.max)),
            Some((2.0, 1.0, 3.0))
        );
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).map(|it| it.median), Some(2.5));
        assert!(Spread::of(Vec::new()).is_none());
    }
}
