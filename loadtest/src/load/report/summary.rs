//! A result as text, and where results go.

use std::fmt::{self, Display};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::result::{ErrorCount, PartReport, Quantiles, Report, Step};
use super::table::table;

/// From this share of its core on, the generator may be what was measured.
const GENERATOR_BUSY: f64 = 0.95;

impl Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, scenario, shape, http, connections, seconds, .. } = self;
        writeln!(
            out,
            "target     {target} ({scenario}: {shape}, {connections} connections, {http}, {seconds:.1} s)"
        )?;
        let (requests, per_s, wrong) = (self.requests, self.requests_per_s, self.wrong);
        write!(out, "requests   {requests} good, {per_s:.0}/s, {wrong} wrong")?;
        if self.left > 0 {
            write!(out, ", {} left on purpose", self.left)?;
        }
        writeln!(out)?;
        if self.events > 0 {
            writeln!(out, "events     {}, {:.0}/s", self.events, self.events_per_s)?;
        }
        write!(out, "\n{}\n\n", table(&self.times()))?;
        if !self.parts.is_empty() {
            write!(out, "{}\n\n", table(&self.part_rows()))?;
        }
        if !self.steps.is_empty() {
            write!(out, "{}\n\n", table(&self.step_rows()))?;
            match self.knee_per_s {
                Some(knee) => writeln!(out, "knee       {knee:.0}/s is the highest rate that kept the SLO")?,
                None => writeln!(out, "knee       no rate kept the SLO")?,
            }
            if self.is_held_shortly {
                writeln!(
                    out,
                    "           each was held for less than twice the SLO: too much of it may not show"
                )?;
            }
        }
        self.costs(out)?;
        self.errors(out)
    }
}

fn microseconds(quantiles: &Quantiles) -> [String; 6] {
    let Quantiles { p50, p90, p99, p999, max, mean } = quantiles;
    [p50, p90, p99, p999, max, mean].map(|time| format!("{time:.0}"))
}

/// The same of answers of which there may have been none.
fn microseconds_of(count: u64, quantiles: &Quantiles) -> [String; 6] {
    if count > 0 { microseconds(quantiles) } else { std::array::from_fn(|_| "-".to_owned()) }
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(cells).collect()
}

impl Report {
    fn times(&self) -> Vec<Vec<String>> {
        let head = ["p50", "p90", "p99", "p99.9", "max", "mean"].map(str::to_owned);
        let mut rows = vec![row("us", head)];
        let mut add = |name: &str, quantiles: Option<&Quantiles>| {
            rows.extend(quantiles.map(|quantiles| row(name, microseconds_of(self.requests, quantiles))));
        };
        if self.is_open_loop {
            add("latency, from when it was due", Some(&self.latency_us));
            add("latency, from when it was sent", Some(&self.service_us));
        } else {
            add("latency", Some(&self.latency_us));
        }
        add("to the first byte", Some(&self.first_byte_us));
        add("to the first event", self.first_event_us.as_ref());
        add("between events", self.gap_us.as_ref());
        rows.extend(self.late_us.as_ref().map(|quantiles| row("sent late by", microseconds(quantiles))));
        rows
    }

    fn part_rows(&self) -> Vec<Vec<String>> {
        let head = ["good", "wrong", "left", "p50 us", "p90 us", "p99 us", "p99.9 us", "first byte p50"];
        let mut rows = vec![row("part", head.map(str::to_owned))];
        rows.extend(self.parts.iter().map(|part| {
            let PartReport { name, requests, wrong, left, latency_us, first_byte_us, .. } = part;
            let [p50, p90, p99, p999, ..] = microseconds_of(*requests, latency_us);
            let [first, ..] = microseconds_of(*requests, first_byte_us);
            row(name, [requests.to_string(), wrong.to_string(), left.to_string(), p50, p90, p99, p999, first])
        }));
        rows
    }

    fn step_rows(&self) -> Vec<Vec<String>> {
        let head = ["answered/s", "p50 us", "p99 us", "max us", "wrong", "unsent", "SLO"];
        let mut rows = vec![row("rate/s", head.map(str::to_owned))];
        rows.extend(self.steps.iter().map(|step| {
            let Step { rate_per_s, requests_per_s, latency_us, wrong, unsent, keeps_slo } = step;
            let [p50, _, p99, _, max, _] = microseconds_of((*requests_per_s > 0.0).into(), latency_us);
            let slo = if *keeps_slo { "kept" } else { "broken" };
            let counts = [wrong.to_string(), unsent.to_string(), slo.to_owned()];
            row(
                &format!("{rate_per_s:.0}"),
                [format!("{requests_per_s:.0}"), p50, p99, max].into_iter().chain(counts),
            )
        }));
        rows
    }

    fn costs(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        let (own, busy) = (self.generator_cpu_us_per_request, self.generator_busy * 100.0);
        write!(out, "generator  {own:.2} us/request, {busy:.0} % of its core")?;
        if self.generator_busy > GENERATOR_BUSY {
            write!(out, ": it may be the bottleneck")?;
        }
        Ok(())
    }

    fn errors(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ErrorCount { error, count, .. } in &self.errors {
            write!(out, "\nerror      {count} x {error}")?;
        }
        for part in &self.parts {
            for ErrorCount { error, count, .. } in &part.errors {
                write!(out, "\n  in {}: {count} x {error}", part.name)?;
            }
        }
        match &self.complaint {
            Some(complaint) => write!(out, "\nfor one    {complaint}"),
            None => Ok(()),
        }
    }
}

/// Prints a result, or gives it as JSON to whatever was asked for. What cannot be written is printed all the same.
///
/// # Errors
/// When the file cannot be written.
pub fn deliver(report: &(impl Display + Serialize), json: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = json else { return print(&report.to_string()) };
    if path == Path::new("-") {
        return print(&serde_json::to_string_pretty(report)?);
    }
    let json = serde_json::to_string(report)?;
    let written = fs::write(path, json).with_context(|| format!("cannot write {}", path.display()));
    print(&report.to_string())?;
    written
}

/// Looks whether a result can be written where it is wanted, before anything is measured for it.
///
/// # Errors
/// When it cannot.
pub fn check_json(json: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = json.filter(|path| *path != Path::new("-")) else { return Ok(()) };
    let is_there = path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path).map(drop);
    // What is measured may fail, and then there is no result.
    let checked = if is_there { opened } else { opened.and_then(|()| fs::remove_file(path)) };
    checked.with_context(|| format!("cannot write {}", path.display()))
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").context("cannot print")
}
