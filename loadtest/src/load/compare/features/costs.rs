//! What came out: CPU time per request with each feature, and the difference that it makes.

use std::fmt;

use anyhow::Context;
use serde::Serialize;

use super::file::Feature;
use crate::load::compare::baseline::Baseline;
use crate::load::compare::margin::Margin;
use crate::load::compare::origin::Origin;
use crate::load::compare::spread::Spread;
use crate::load::compare::verdict::{INTERRUPTED, Skipped};
use crate::load::measure::Tally;
use crate::load::report::{ErrorCount, error_counts, table};
use crate::load::run::Measured;

/// One gateway as it is measured.
pub struct Cost {
    name: String,
    about: String,
    /// Whom its figures are compared with.
    over: Option<String>,
    /// CPU time per request of each round, in microseconds.
    rounds: Vec<f64>,
    total: Tally,
}

/// One row of the result.
#[derive(Clone, Debug, Serialize)]
pub struct Costed {
    pub name: String,
    pub about: String,
    pub over: Option<String>,
    pub rounds: usize,
    /// CPU time of a request, over the rounds.
    pub cpu_us: Spread,
    /// What it costs more than what it is compared with; differences of the same rounds.
    pub cost_us: Option<Margin>,
    /// The same of the cheapest round of each: what disturbs a machine only ever adds, but these are of different rounds.
    pub cost_of_min_us: Option<f64>,
    pub requests: u64,
    pub requests_per_s: f64,
    pub wrong: u64,
    pub unsent: u64,
    pub errors: Vec<ErrorCount>,
    pub complaint: Option<String>,
}

/// A feature that is always on.
#[derive(Clone, Debug, Serialize)]
pub struct Fixed {
    pub name: String,
    pub about: String,
    pub always_on: String,
}

/// All features.
#[derive(Clone, Debug, Serialize)]
pub struct FeatureCosts {
    /// Version of this format.
    pub format: u32,
    #[serde(flatten)]
    pub origin: Origin,
    pub baseline: Baseline,
    /// Nobody interrupted it.
    pub is_complete: bool,
    pub rows: Vec<Costed>,
    pub fixed: Vec<Fixed>,
    pub skipped: Vec<Skipped>,
}

impl Cost {
    pub fn new(name: &str, about: &str, over: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            over: over.map(str::to_owned),
            rounds: Vec::new(),
            total: Tally::default(),
        }
    }

    /// Takes what one round measured.
    pub fn add(&mut self, measured: &Measured) {
        let tally = &measured.recorder.total;
        let cpu_us = measured.cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64() * 1e6);
        self.rounds.push(cpu_us / tally.answered() as f64);
        self.total.add(tally);
    }
}

impl Costed {
    /// # Errors
    /// When nothing was measured.
    pub fn new(cost: &Cost, all: &[Cost]) -> anyhow::Result<Self> {
        let Cost { name, about, over, rounds, total } = cost;
        let base = over.as_ref().and_then(|over| all.iter().find(|other| other.name == *over));
        let differences =
            |base: &Cost| rounds.iter().zip(&base.rounds).map(|(own, base)| own - base).collect();
        Ok(Self {
            name: name.clone(),
            about: about.clone(),
            over: over.clone(),
            rounds: rounds.len(),
            cpu_us: Spread::of(rounds.clone()).with_context(|| format!("nothing was measured of {name}"))?,
            cost_us: base.and_then(|base| Margin::of(differences(base))),
            cost_of_min_us: base.and_then(|base| Some(least(rounds)? - least(&base.rounds)?)),
            requests: total.good(),
            requests_per_s: total.per_second(total.good()),
            wrong: total.failed(),
            unsent: total.unsent,
            errors: error_counts(total),
            complaint: total.complaint.clone(),
        })
    }

    fn cells(&self) -> Vec<String> {
        let Spread { median, min, .. } = self.cpu_us;
        let (cost, seen) = match &self.cost_us {
            None => ("-".to_owned(), ""),
            Some(cost) if cost.has_zero() => (cost.to_string(), "not seen"),
            Some(cost) => (cost.to_string(), "yes"),
        };
        vec![
            self.name.clone(),
            format!("{median:.2}"),
            format!("{min:.2}"),
            self.over.clone().unwrap_or_else(|| "-".to_owned()),
            cost,
            seen.to_owned(),
            self.cost_of_min_us.map_or_else(|| "-".to_owned(), |cost| format!("{cost:+.2}")),
            format!("{:.0}", self.requests_per_s),
            self.wrong.to_string(),
        ]
    }
}

/// The cheapest round.
fn least(rounds: &[f64]) -> Option<f64> {
    Spread::of(rounds.to_vec()).map(|spread| spread.min)
}

impl Fixed {
    pub fn of(feature: &Feature) -> Option<Self> {
        let always_on = feature.always_on.clone()?;
        Some(Self { name: feature.name.clone(), about: feature.about.clone(), always_on })
    }
}

impl FeatureCosts {
    /// Every answer was good, and all that was wanted was sent.
    pub fn is_good(&self) -> bool {
        self.is_complete && self.rows.iter().all(|row| row.wrong == 0 && row.unsent == 0 && row.requests > 0)
    }
}

impl fmt::Display for FeatureCosts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_complete {
            writeln!(out, "{INTERRUPTED}")?;
        }
        self.origin.fmt(out)?;
        writeln!(out, "{}\n", self.baseline.told())?;
        let head =
            ["with", "cpu us/req", "min", "over", "cost us (95 %)", "seen", "by min", "req/s", "wrong"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.rows.iter().map(Costed::cells));
        writeln!(out, "{}", table(&rows))?;
        for Fixed { name, always_on, .. } in &self.fixed {
            writeln!(out, "{name}: always on ({always_on}); its cost is in every row")?;
        }
        for skipped in &self.skipped {
            writeln!(out, "{skipped}")?;
        }
        for row in &self.rows {
            for ErrorCount { error, count, .. } in &row.errors {
                writeln!(out, "{}: {count} x {error}", row.name)?;
            }
            if let Some(complaint) = &row.complaint {
                writeln!(out, "{}: {complaint}", row.name)?;
            }
            if row.unsent > 0 {
                writeln!(out, "{}: {} requests were never sent", row.name, row.unsent)?;
            }
        }
        writeln!(out)?;
        for row in &self.rows {
            writeln!(out, "{}: {}", row.name, row.about)?;
        }
        let rounds = self.rows.first().map_or(0, |row| row.rounds);
        write!(
            out,
            "{rounds} rounds; a cost is the median of the rounds' differences, with its margin; by min: the difference of \
             the cheapest rounds"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(name: &str, over: Option<&str>, rounds: &[f64]) -> Cost {
        Cost { rounds: rounds.to_vec(), ..Cost::new(name, "about", over) }
    }

    /// A cost is what a round has more than the same round of what is below it, however the machine changes.
    #[test]
    fn costs_are_differences_of_rounds() {
        let all = [
            cost("lean", None, &[10.0, 20.0, 30.0]),
            cost("keys", Some("lean"), &[11.0, 21.0, 31.0]),
            cost("access", Some("keys"), &[11.5, 20.5, 31.5]),
        ];
        let rows: Vec<Costed> = all.iter().map(|one| Costed::new(one, &all).expect("measured")).collect();
        assert_eq!(rows[0].cost_us, None);
        assert_eq!(rows[1].cost_us, Some(Margin { median: 1.0, low: 1.0, high: 1.0 }));
        assert_eq!(rows[2].cost_of_min_us, Some(0.5));
        assert_eq!(rows[2].cost_us, Some(Margin { median: 0.5, low: -0.5, high: 0.5 }));
        assert_eq!((rows[1].cells()[5].as_str(), rows[2].cells()[5].as_str()), ("yes", "not seen"));
        assert!(Costed::new(&cost("none", None, &[]), &all).is_err());
    }
}
