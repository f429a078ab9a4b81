//! Whether a difference is within its bar, and whether that is for sure.

use serde::Serialize;

use crate::load::compare::estimate::Estimate;

/// How far off the gateway may be.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bars {
    pub p50_us: f64,
    /// Of the latency that it adds at the p99; the bar is never lower than that of the p50.
    pub p99_percent: f64,
}

/// Whether a bar was kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    pub bar_us: f64,
    pub is_within: bool,
    /// The bar lies within the margin: another run may say otherwise.
    pub is_unsure: bool,
    /// If so: how many rounds it would take to tell, as far as can be said.
    pub rounds_needed: Option<usize>,
}

impl Judged {
    pub fn of(difference: &Estimate, bar_us: f64, rounds: usize) -> Self {
        let is_within = |figure: f64| figure.abs() <= bar_us;
        let Estimate { us, low, high } = *difference;
        let all_alike = if is_within(us) {
            is_within(low) && is_within(high)
        } else {
            // Both ends beyond the same bar.
            low > bar_us || high < -bar_us
        };
        let is_unsure = !all_alike;
        // A margin is as wide as one divided by the root of the rounds.
        let (reach, room) = ((high - us).max(us - low), (bar_us - us.abs()).abs().max(bar_us / 20.0));
        let needed = (rounds as f64 * (reach / room).powi(2)).ceil();
        let rounds_needed = is_unsure.then_some((needed.min(1e6) as usize).max(rounds + 1));
        Self { bar_us, is_within: is_within(us), is_unsure, rounds_needed }
    }

    pub fn words(self) -> String {
        let words = if self.is_within { "within" } else { "NOT WITHIN" };
        let unsure = if self.is_unsure { ", not for sure" } else { "" };
        format!("{words} {:.1}{unsure}", self.bar_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bar is kept or missed by the figure; whether for sure, the margin says.
    #[test]
    fn bars() {
        let judged = |us, low, high| {
            let judged = Judged::of(&Estimate { us, low, high }, 5.0, 20);
            (judged.is_within, judged.is_unsure)
        };
        assert_eq!(judged(2.0, -1.0, 4.0), (true, false));
        assert_eq!(judged(2.0, -1.0, 6.0), (true, true));
        assert_eq!(judged(7.0, 6.0, 9.0), (false, false));
        assert_eq!(judged(-7.0, -9.0, -4.0), (false, true));
        assert_eq!(judged(-7.0, -9.0, -6.0), (false, false));
        assert_eq!(judged(7.0, -9.0, 9.0), (false, true));
    }

    /// Where a bar lies within the margin, it is said how many rounds would tell: four times as many for half the width.
    #[test]
    fn rounds_that_would_tell() {
        let needed = |us, low, high| Judged::of(&Estimate { us, low, high }, 5.0, 20).rounds_needed;
        assert_eq!(needed(2.0, -1.0, 4.0), None);
        assert_eq!(needed(1.0, -7.0, 9.0), Some(80));
        assert_eq!(needed(7.0, 3.0, 11.0), Some(80));
        assert_eq!(needed(5.0, -95.0, 105.0), Some(1_000_000));
    }
}
