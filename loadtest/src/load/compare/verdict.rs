//! What came out of a comparison of peers.

use std::fmt;

use anyhow::ensure;
use serde::Serialize;

use super::comparison::{Comparison, Spread};
use crate::load::report::table;

/// Everything that was measured of peers.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Whom the others are compared with.
    pub base: String,
    pub baseline: Baseline,
    /// Nobody interrupted it.
    pub is_complete: bool,
    pub skipped: Vec<Skipped>,
    pub starts: Vec<StartUp>,
    pub tables: Vec<Table>,
    pub memory: Vec<Memory>,
}

/// The provider alone, all through the run: what the machine gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Baseline {
    pub requests_per_s: Spread,
    /// Between the medians of the run's thirds, as a share of the smallest.
    pub drift: f64,
    pub is_unsteady: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    pub name: String,
    pub why: String,
    pub install: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct StartUp {
    pub name: String,
    pub about: String,
    /// What its file was tried with; it may be another version that ran.
    pub tried_with: String,
    /// To the first good answer.
    pub start_ms: Spread,
    pub idle_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Table {
    pub title: String,
    pub comparison: Comparison,
    /// Who was to be in it, and gave no good first answer.
    pub failed: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    pub name: String,
    pub open: usize,
    /// Before the first of its streams was opened.
    pub before_bytes: u64,
    pub after_bytes: u64,
    /// Why not all could be opened.
    pub failed: Option<String>,
}

impl Baseline {
    /// Of the slices of a run, in their order.
    pub fn of(slices: &[f64], drift_max: f64) -> Self {
        let third = slices.len().div_ceil(3).max(1);
        let medians = slices.chunks(third).filter_map(|third| Spread::of(third.to_vec())).map(|it| it.median);
        let medians = Spread::of(medians.collect());
        let drift = medians.map_or(0.0, |it| it.max / it.min - 1.0);
        let nothing = Spread { median: 0.0, min: 0.0, max: 0.0 };
        let requests_per_s = Spread::of(slices.to_vec()).unwrap_or(nothing);
        // What is no number is no steadiness either.
        Self { requests_per_s, drift, is_unsteady: !drift.is_finite() || drift > drift_max }
    }

    /// Whether figures of this run are worth anything, or somebody wants them all the same.
    ///
    /// # Errors
    /// When the machine was not steady and nobody forces it.
    pub fn is_to_be_reported(&self, is_forced: bool) -> anyhow::Result<()> {
        ensure!(
            !self.is_unsteady || is_forced,
            "{self}: the machine was not steady, so nothing is reported (--force does it all the same, with a mark)"
        );
        Ok(())
    }
}

impl Verdict {
    /// Every answer was good, and everything was measured.
    pub fn is_good(&self) -> bool {
        self.is_complete
            && self.tables.iter().all(|table| table.failed.is_empty() && table.comparison.is_good())
            && self.memory.iter().all(|row| row.failed.is_none())
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { median, min, max } = self.requests_per_s;
        let drift = self.drift * 100.0;
        write!(
            out,
            "the provider alone answered {median:.0}/s ({min:.0} to {max:.0}) and drifted by {drift:.0} %"
        )
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, why, install } = self;
        write!(out, "skipped {name}: {why}")?;
        if install.is_empty() { Ok(()) } else { write!(out, " ({install})") }
    }
}

/// What stands above figures of a run that somebody ended before its time.
pub const INTERRUPTED: &str = "!! INTERRUPTED: this is what was measured until then";

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_complete {
            writeln!(out, "{INTERRUPTED}")?;
        }
        if self.baseline.is_unsteady {
            writeln!(out, "!! NOT STEADY, reported by force: {}\n", self.baseline)?;
        } else {
            writeln!(out, "baseline: {}\n", self.baseline)?;
        }
        for StartUp { name, about, tried_with, .. } in &self.starts {
            write!(out, "{name}: {about}")?;
            let tried =
                if tried_with.is_empty() { String::new() } else { format!(" (tried with {tried_with})") };
            writeln!(out, "{tried}")?;
        }
        writeln!(out)?;
        for Table { title, comparison, failed } in &self.tables {
            writeln!(out, "{title}\n{comparison}")?;
            for failed in failed {
                writeln!(out, "{failed}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "start and memory\n{}", table(&self.memory_rows()))?;
        for row in &self.memory {
            if let Some(why) = &row.failed {
                writeln!(out, "{} with {} open streams: {why}", row.name, row.open)?;
            }
        }
        for skipped in &self.skipped {
            writeln!(out, "{skipped}")?;
        }
        write!(out, "ratios are to {}", self.base)
    }
}

impl Verdict {
    fn memory_rows(&self) -> Vec<Vec<String>> {
        let mut counts: Vec<usize> = self.memory.iter().map(|row| row.open).collect();
        counts.sort_unstable();
        counts.dedup();
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1_048_576.0);
        let each = |row: &Memory| {
            let grown = row.after_bytes as f64 - row.before_bytes as f64;
            format!("{:.1}", grown / 1024.0 / row.open as f64)
        };
        let mut head = vec!["target".to_owned(), "first answer ms".to_owned(), "idle MB".to_owned()];
        head.extend(counts.iter().flat_map(|count| [format!("MB with {count}"), "KB each".to_owned()]));
        let mut rows = vec![head];
        for start in &self.starts {
            let mut row =
                vec![start.name.clone(), format!("{:.0}", start.start_ms), megabytes(start.idle_bytes)];
            row.extend(counts.iter().flat_map(|count| {
                let found = self.memory.iter().find(|it| it.name == start.name && it.open == *count);
                let found = found.filter(|it| it.failed.is_none());
                found.map_or(["-".to_owned(), "-".to_owned()], |it| [megabytes(it.after_bytes), each(it)])
            }));
            rows.push(row);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise within a run is no drift; a machine that becomes slower is.
    #[test]
    fn drift_is_told_from_noise() {
        let noisy = [100.0, 130.0, 70.0, 101.0, 60.0, 140.0, 99.0, 150.0, 98.0];
        assert!(!Baseline::of(&noisy, 0.1).is_unsteady);
        let slower = [100.0, 101.0, 99.0, 95.0, 94.0, 96.0, 85.0, 86.0, 84.0];
        let baseline = Baseline::of(&slower, 0.1);
        assert!(baseline.is_unsteady && baseline.to_string().contains("drifted by 18 %"), "{baseline}");
        let refused = baseline.is_to_be_reported(false).expect_err("it was not steady").to_string();
        assert!(refused.contains("drifted by 18 %") && refused.contains("nothing is reported"), "{refused}");
        assert!(baseline.is_to_be_reported(true).is_ok());
        assert!(Baseline::of(&noisy, 0.1).is_to_be_reported(false).is_ok());
        assert!(Baseline::of(&[0.0, 0.0, 0.0], 0.1).is_unsteady, "nothing was answered");
        assert!(!Baseline::of(&[], 0.1).is_unsteady);
    }
}
