//! What was counted against what was counted before. Pure.

use std::fmt::Write as _;

/// By how much of a hundred a stage may grow without a word.
pub const TOLERANCE_PERCENT: u64 = 10;

/// What the baseline says of itself.
const HEAD: &str = "\
# Instructions of one run of each pure stage, as valgrind counts them in the profile `counted` on x86-64 with AVX2.
# Written by `cargo run --profile counted -p bench-harness --bin instructions -- --write`; a change that makes a stage
# more than 10 % longer has its new number here, and says why.
";
/// What stands before the compiler's version in a baseline.
const COMPILER: &str = "# Compiler: ";

#[derive(Debug, PartialEq)]
pub struct Row {
    pub stage: String,
    pub now: Option<u64>,
    pub baseline: Option<u64>,
}

impl Row {
    /// The part by which the stage grew.
    fn change(&self) -> Option<f64> {
        let (now, baseline) = (self.now? as f64, self.baseline? as f64);
        Some(now / baseline.max(1.0) - 1.0)
    }

    fn complaint(&self) -> Option<String> {
        let stage = &self.stage;
        match (self.now, self.baseline, self.change()) {
            (Some(now), Some(baseline), Some(change)) if now * 100 > baseline * (100 + TOLERANCE_PERCENT) => {
                Some(format!(
                    "{stage} takes {now} instructions, {:.1} % more than {baseline}",
                    change * 100.0
                ))
            }
            (Some(_), None, _) => Some(format!("{stage} is not in the baseline")),
            (None, Some(_), _) => Some(format!("{stage} is in the baseline, and is no stage")),
            _ => None,
        }
    }
}

/// A baseline's lines.
///
/// # Errors
/// The first line that is none.
pub fn parse(text: &str) -> Result<Vec<(String, u64)>, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            let (name, count) =
                line.split_once(" = ").ok_or_else(|| format!("baseline.toml:{at}: no `name = count`"))?;
            let count = count.parse().map_err(|_| format!("baseline.toml:{at}: \"{count}\" is no count"))?;
            Ok((name.to_owned(), count))
        })
        .collect()
}

/// A baseline of these counts.
pub fn text(counts: &[(String, u64)], compiler: &str) -> String {
    let lines = counts.iter().map(|(name, count)| format!("{name} = {count}\n"));
    [HEAD.to_owned(), format!("{COMPILER}{compiler}\n")].into_iter().chain(lines).collect()
}

/// The compiler of a baseline.
pub fn compiler(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix(COMPILER)).unwrap_or("unknown")
}

/// Every stage that was counted, in order, and then those that are only in the baseline.
pub fn rows(now: &[(String, u64)], baseline: &[(String, u64)]) -> Vec<Row> {
    let find = |counts: &[(String, u64)], name: &str| {
        counts.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    };
    let gone = baseline.iter().filter(|(name, _)| find(now, name).is_none());
    now.iter()
        .chain(gone)
        .map(|(stage, _)| Row {
            stage: stage.clone(),
            now: find(now, stage),
            baseline: find(baseline, stage),
        })
        .collect()
}

pub fn table(rows: &[Row]) -> String {
    let mut table = format!("{:<28} {:>10} {:>10} {:>9}\n", "stage", "now", "baseline", "change");
    let number = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    for row in rows {
        let change = row.change().map_or("-".to_owned(), |change| format!("{:+.1} %", change * 100.0));
        let (now, baseline) = (number(row.now), number(row.baseline));
        writeln!(table, "{:<28} {now:>10} {baseline:>10} {change:>9}", row.stage)
            .expect("a string takes all");
    }
    table
}

/// What has to be said before this is taken.
pub fn complaints(rows: &[Row]) -> Vec<String> {
    rows.iter().filter_map(Row::complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    /// A stage may grow by a tenth and shrink by any part; one that is in one list only is told.
    #[test]
    fn growth_beyond_the_tolerance_is_told() {
        let baseline =
            counts(&[("same", 1000), ("tenth", 1000), ("more", 1000), ("less", 1000), ("gone", 1)]);
        let now = counts(&[("same", 1000), ("tenth", 1100), ("more", 1101), ("less", 1), ("new", 1)]);
        let told = complaints(&rows(&now, &baseline));
        assert_eq!(
            told,
            [
                "more takes 1101 instructions, 10.1 % more than 1000",
                "new is not in the baseline",
                "gone is in the baseline, and is no stage",
            ]
        );
        assert_eq!(complaints(&rows(&baseline, &baseline)), Vec::<String>::new());
    }

    /// The table has every stage with both counts and the change.
    #[test]
    fn the_table_shows_all() {
        let table = table(&rows(&counts(&[("a", 110), ("b", 5)]), &counts(&[("a", 100)])));
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1..], [vec!["a", "110", "100", "+10.0", "%"], vec!["b", "5", "-", "-"]]);
    }

    /// What is written is read again, and a broken line is told with its number.
    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let written = counts(&[("head", 1234), ("scan", 5)]);
        let text = text(&written, "rustc 1.95.0");
        assert_eq!((parse(&text), compiler(&text)), (Ok(written), "rustc 1.95.0"));
        assert_eq!(parse("# x\nhead: 1"), Err("baseline.toml:2: no `name = count`".to_owned()));
        assert_eq!(parse("head = x"), Err("baseline.toml:1: \"x\" is no count".to_owned()));
    }
}
