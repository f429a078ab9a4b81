//! Says what was measured, for people and for programs.

use std::fmt::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::tally::{Tally, Times};

/// Quantiles of a time, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// What was measured of one target.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub target: String,
    pub seconds: f64,
    pub requests: u64,
    pub requests_per_s: f64,
    pub wrong: u64,
    pub latency_us: Quantiles,
    /// To the first event of a stream, or to the first byte of a body.
    pub first_us: Quantiles,
    pub events: u64,
    pub events_per_s: f64,
    /// At a constant rate: how late requests were sent, and how many never were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_us: Option<Quantiles>,
    pub unsent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_request: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_event: Option<f64>,
    pub generator_cpu_us_per_request: f64,
    pub errors: Vec<ErrorCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ErrorCount {
    pub error: String,
    pub count: u64,
}

impl Quantiles {
    pub fn of(times: &Times) -> Self {
        let at = |share| times.quantile_us(share);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: times.max_us() }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        write!(out, "p50 {p50:.0}  p90 {p90:.0}  p99 {p99:.0}  p99.9 {p999:.0}  max {max:.0} us")
    }
}

impl Report {
    /// `cpu` is what the target used meanwhile, `own_cpu` what this generator did.
    pub fn new(target: &str, tally: &Tally, cpu: Option<Duration>, own_cpu: Duration) -> Self {
        let each = |cpu: Duration, count: u64| cpu.as_secs_f64() * 1e6 / count.max(1) as f64;
        let answered = tally.good() + tally.failed();
        Self {
            target: target.to_owned(),
            seconds: tally.elapsed.as_secs_f64(),
            requests: tally.good(),
            requests_per_s: tally.per_second(tally.good()),
            wrong: tally.failed(),
            latency_us: Quantiles::of(&tally.latency),
            first_us: Quantiles::of(&tally.first),
            events: tally.events,
            events_per_s: tally.per_second(tally.events),
            late_us: (tally.late.count() > 0).then(|| Quantiles::of(&tally.late)),
            unsent: tally.unsent,
            cpu_us_per_request: cpu.map(|cpu| each(cpu, answered)),
            cpu_us_per_event: cpu.filter(|_| tally.events > 0).map(|cpu| each(cpu, tally.events)),
            generator_cpu_us_per_request: each(own_cpu, answered),
            errors: tally
                .failures
                .iter()
                .map(|(failure, count)| ErrorCount { error: failure.to_string(), count: *count })
                .collect(),
            complaint: tally.complaint.clone(),
        }
    }

    /// All answers were good, and there were some.
    pub fn is_good(&self) -> bool {
        self.wrong == 0 && self.unsent == 0 && self.requests > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "target     {} ({:.1} s)", self.target, self.seconds)?;
        writeln!(
            out,
            "requests   {} good, {:.0}/s, {} wrong",
            self.requests, self.requests_per_s, self.wrong
        )?;
        writeln!(out, "latency    {}", self.latency_us)?;
        if self.events > 0 {
            writeln!(out, "1st event  {}", self.first_us)?;
            writeln!(out, "events     {}, {:.0}/s", self.events, self.events_per_s)?;
        } else {
            writeln!(out, "1st byte   {}", self.first_us)?;
        }
        if let Some(late) = self.late_us {
            writeln!(out, "sent late  {late}")?;
        }
        if self.unsent > 0 {
            writeln!(out, "unsent     {}: the target did not keep up with the rate", self.unsent)?;
        }
        if let Some(cpu) = self.cpu_us_per_request {
            write!(out, "cpu        {cpu:.2} us/request")?;
            if let Some(cpu) = self.cpu_us_per_event {
                write!(out, ", {cpu:.2} us/event")?;
            }
            writeln!(out)?;
        }
        write!(out, "generator  {:.2} us/request", self.generator_cpu_us_per_request)?;
        for ErrorCount { error, count } in &self.errors {
            write!(out, "\nerror      {count} x {error}")?;
        }
        if let Some(complaint) = &self.complaint {
            write!(out, "\nfor one    {complaint}")?;
        }
        Ok(())
    }
}

/// Rows of text in columns, the first to the left and the others to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let written = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns are as wide as their widest cell.
    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".to_owned(), "x".to_owned()], vec!["long".to_owned(), "12".to_owned()]];
        assert_eq!(table(&rows), "a      x\nlong  12");
    }
}
