//! What came out of a comparison of peers.

use std::fmt;

use anyhow::ensure;
use serde::Serialize;

use super::comparison::{Comparison, Spread};
use super::exhibit::Exhibit;
use super::memory::Memory;
use super::origin::Origin;
use super::show::WIDTH;
use crate::load::report::blocks;

/// Everything that was measured of peers.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Version of this format.
    pub format: u32,
    #[serde(flatten)]
    pub origin: Origin,
    /// How long it took.
    pub seconds: f64,
    /// Whom the others are compared with.
    pub base: String,
    pub baseline: Baseline,
    /// Nobody interrupted it.
    pub is_complete: bool,
    pub skipped: Vec<Skipped>,
    pub starts: Vec<StartUp>,
    pub tables: Vec<Table>,
    pub memory: Vec<Memory>,
    /// Why there are fewer open streams than were asked for.
    pub memory_note: Option<String>,
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
    /// What it says of itself.
    pub version: Option<String>,
    /// How often it was started.
    pub starts: usize,
    /// To the first good answer.
    pub start_ms: Spread,
    pub idle_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Table {
    pub title: String,
    #[serde(skip)]
    pub exhibit: Exhibit,
    pub comparison: Comparison,
    /// Who was to be in it, and gave no good first answer.
    pub failed: Vec<String>,
    /// Who is too slow for its rate.
    pub left_out: Vec<String>,
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
            && self.memory.iter().all(Memory::is_good)
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
        self.origin.fmt(out)?;
        writeln!(out, "it took {:.0} s\n", self.seconds)?;
        for StartUp { name, about, tried_with, version, .. } in &self.starts {
            let tried = Some(tried_with).filter(|it| !it.is_empty()).map(|it| format!("tried with {it}"));
            let version = version.clone().or(tried).map(|version| format!(" ({version})"));
            writeln!(out, "{name}: {about}{}", version.unwrap_or_default())?;
        }
        writeln!(out)?;
        for Table { title, comparison, failed, left_out, .. } in &self.tables {
            writeln!(out, "{title}\n{comparison}")?;
            for failed in failed.iter().chain(left_out) {
                writeln!(out, "{failed}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "start, memory, and memory with so many open streams\n{}", self.memory_table())?;
        if let Some(note) = &self.memory_note {
            writeln!(out, "{note}")?;
        }
        for row in &self.memory {
            if let Some(why) = &row.failed {
                writeln!(out, "* {}, {}: {} were opened: {why}", row.name, row.column(), row.open)?;
            }
        }
        for skipped in &self.skipped {
            writeln!(out, "{skipped}")?;
        }
        write!(out, "ratios are to {}", self.base)
    }
}

impl Verdict {
    fn memory_table(&self) -> String {
        let names: Vec<String> = std::iter::once("target".to_owned())
            .chain(self.starts.iter().map(|it| it.name.clone()))
            .collect();
        let column = |head: &str, cell: &dyn Fn(&StartUp) -> String| -> Vec<String> {
            std::iter::once(head.to_owned()).chain(self.starts.iter().map(cell)).collect()
        };
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1_048_576.0);
        let mut groups = vec![vec![
            column("first answer ms", &|start| format!("{:.0}", start.start_ms)),
            column("starts", &|start| start.starts.to_string()),
            column("idle MB", &|start| megabytes(start.idle_bytes)),
        ]];
        let mut heads: Vec<String> = Vec::new();
        self.memory.iter().map(Memory::column).for_each(|head| {
            if !heads.contains(&head) {
                heads.push(head);
            }
        });
        for head in heads {
            let cells = |start: &StartUp| {
                let found = self.memory.iter().find(|it| it.name == start.name && it.column() == head);
                found.map_or(["-", "-"].map(str::to_owned), Memory::cells)
            };
            groups.push(vec![
                column(&format!("{head} MB"), &|start| cells(start)[0].clone()),
                column("KB each", &|start| cells(start)[1].clone()),
            ]);
        }
        blocks(&names, &groups, WIDTH)
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
