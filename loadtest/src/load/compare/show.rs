//! A comparison, as people read it: narrow enough for a terminal, a mail and a document.

use std::fmt;

use super::comparison::{Comparison, Row};
use super::estimate::Estimate;
use super::spread::Spread;
use crate::load::report::{ErrorCount, blocks};

/// Characters that lines of tables may have.
pub const WIDTH: usize = 100;

/// What stands where there is no figure.
const NOTHING: &str = "-";

/// What a column says of a row.
type Cell = Box<dyn Fn(&Row) -> Option<String>>;

/// A column with its head, and the group that it stands in.
struct Column {
    group: usize,
    head: String,
    cell: Cell,
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let mut groups: Vec<Vec<Vec<String>>> = Vec::new();
        for column in &columns {
            let cells: Vec<Option<String>> = self.rows.iter().map(|row| (column.cell)(row)).collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| NOTHING.to_owned()));
            let whole = std::iter::once(column.head.clone()).chain(cells).collect();
            groups.resize_with(groups.len().max(column.group + 1), Vec::new);
            groups[column.group].push(whole);
        }
        let names: Vec<String> = std::iter::once("target")
            .chain(self.rows.iter().map(|row| row.target.as_str()))
            .map(str::to_owned)
            .collect();
        out.write_str(&blocks(&names, &groups, WIDTH))?;
        self.rows.iter().try_for_each(|row| notes(row, out))
    }
}

impl Comparison {
    fn columns(&self) -> Vec<Column> {
        let (what, each, of) = if self.is_stream { ("events", "event", "1st ") } else { ("req", "req", "") };
        let (x, stream) = (format!("x {}", self.base), self.is_stream);
        let mut columns: Vec<Column> = Vec::new();
        let mut add = |group: usize, head: &str, cell: Cell| {
            columns.push(Column { group, head: head.to_owned(), cell });
        };
        let pick = move |of_stream, other| if stream { of_stream } else { other };
        add(0, &format!("CPU us/{each}"), Box::new(move |row| spread(pick(row.event_cpu_us, row.cpu_us), 2)));
        add(0, &x, Box::new(move |row| spread(pick(row.ratio.event_cpu, row.ratio.cpu), 3)));
        add(
            0,
            &format!("{what}/s of a core"),
            Box::new(move |row| median(pick(row.events_per_core_s, row.requests_per_core_s), 0)),
        );
        add(0, "wrong", Box::new(|row| Some(row.wrong.to_string())));
        add(
            1,
            &format!("{what}/s"),
            Box::new(move |row| spread(pick(Some(row.events_per_s), Some(row.requests_per_s)), 0)),
        );
        add(1, &x, Box::new(|row| median(row.ratio.requests_per_s, 3)));
        let times = move |row: &Row| if stream { row.first_us } else { row.latency_us };
        add(2, &format!("{of}p50 us"), Box::new(move |row| Some(format!("{:.0}", times(row).p50))));
        add(2, &x, Box::new(|row| median(row.ratio.p50, 2)));
        add(2, &format!("{of}p99 us"), Box::new(move |row| Some(format!("{:.0}", times(row).p99))));
        add(2, &x, Box::new(|row| median(row.ratio.p99, 2)));
        add(
            2,
            "late p99",
            Box::new(|row| (row.late_us.p99 > 0.0).then(|| format!("{:.0}", row.late_us.p99))),
        );
        add(3, &format!("added {of}p50 us"), Box::new(|row| row.added_us.p50.map(estimate)));
        add(3, &format!("added {of}p90"), Box::new(|row| row.added_us.p90.map(estimate)));
        add(3, &format!("added {of}p99"), Box::new(|row| row.added_us.p99.map(estimate)));
        add(3, &format!("added {of}p99.9"), Box::new(|row| row.added_us.p999.map(estimate)));
        columns
    }
}

fn spread(figure: Option<Spread>, digits: usize) -> Option<String> {
    figure.map(|it| format!("{it:.digits$}"))
}

fn median(figure: Option<Spread>, digits: usize) -> Option<String> {
    figure.map(|it| format!("{:.digits$}", it.median))
}

fn estimate(Estimate { us, low, high }: Estimate) -> String {
    format!("{us:.0} ({low:.0}..{high:.0})")
}

fn notes(row: &Row, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let target = &row.target;
    for ErrorCount { error, count, .. } in &row.errors {
        write!(out, "\n{target}: {count} x {error}")?;
    }
    if let Some(complaint) = &row.complaint {
        write!(out, "\n{target}: {complaint}")?;
    }
    if row.unsent > 0 {
        write!(out, "\n{target}: {} requests were never sent: it did not keep up with the rate", row.unsent)?;
    }
    if row.stolen > 0 {
        let (stolen, rounds) = (row.stolen, row.rounds);
        write!(
            out,
            "\n{target}: {stolen} of {rounds} rounds are in no latency: a core was taken away in them"
        )?;
    }
    Ok(())
}
