//! What came out of a comparison of peers.

use std::fmt;

use serde::Serialize;

use super::baseline::Baseline;
use super::comparison::Comparison;
use super::exhibit::Exhibit;
use super::memory::Memory;
use super::origin::Origin;
use super::show::WIDTH;
use super::spread::Spread;
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

impl Verdict {
    /// Every answer was good, and everything was measured.
    pub fn is_good(&self) -> bool {
        self.is_complete
            && self.tables.iter().all(|table| table.failed.is_empty() && table.comparison.is_good())
            && self.memory.iter().all(Memory::is_good)
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
        writeln!(out, "{}\n", self.baseline.told())?;
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
