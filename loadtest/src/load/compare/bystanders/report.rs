//! What came out.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::BystandersArgs;
use crate::load::report::table;

/// What bystanders saw in one slice, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seen {
    pub requests: usize,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
}

/// All rounds of one shape.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub shape: &'static str,
    pub without: Vec<Seen>,
    pub with: Vec<Seen>,
    /// Beside the same bulk, when both go straight to the provider: what this measurement itself costs them. It is told,
    /// and taken off nothing.
    pub direct: Option<Seen>,
    /// The p99 with bulk by that without, round by round.
    pub ratios: Vec<f64>,
}

/// What bulk costs bystanders.
#[derive(Clone, Debug, Serialize)]
pub struct Bystanders {
    pub io: String,
    pub rate_per_s: f64,
    pub pace_mb_per_s: u32,
    pub slice_s: f64,
    /// Bystanders and their provider went first on their core.
    pub goes_first: bool,
    pub bar: f64,
    pub lines: Vec<Line>,
}

impl Seen {
    pub fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let at = |part: usize| {
            let index = (took.len() * part / 1000).min(took.len().saturating_sub(1));
            took.get(index).map_or(0.0, |time| time.as_nanos() as f64 / 1000.0)
        };
        Self { requests: took.len(), p50_us: at(500), p99_us: at(990), max_us: at(1000) }
    }
}

impl Line {
    pub fn of(shape: &'static str) -> Self {
        Self { shape, without: vec![], with: vec![], direct: None, ratios: vec![] }
    }

    pub fn add(&mut self, without: Seen, with: Seen) {
        self.ratios.push(with.p99_us / without.p99_us.max(1.0));
        self.without.push(without);
        self.with.push(with);
    }

    pub fn ratio(&self) -> f64 {
        median(self.ratios.iter().copied())
    }
}

impl Bystanders {
    pub fn new(args: &BystandersArgs, goes_first: bool, lines: Vec<Line>) -> Self {
        Self {
            io: args.io.clone(),
            rate_per_s: args.rate,
            pace_mb_per_s: args.pace,
            slice_s: args.slice.as_secs_f64(),
            goes_first,
            bar: args.bar,
            lines,
        }
    }

    /// Every shape stays under the bar.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.ratio() <= self.bar)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Bystanders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match self.pace_mb_per_s {
            0 => "at full speed".to_owned(),
            pace => format!("at {pace} MB/s"),
        };
        writeln!(
            f,
            "bystanders at {}/s beside bulk {pace}, driver {}; medians of rounds, in microseconds",
            self.rate_per_s, self.io
        )?;
        let title = [
            "shape",
            "p50 without",
            "with",
            "p99 without",
            "with",
            "direct",
            "ratio",
            "least",
            "most",
            "worst",
            "",
        ];
        let mut rows = vec![title.map(str::to_owned).to_vec()];
        for line in &self.lines {
            let of = |seen: &[Seen], what: fn(&Seen) -> f64| format!("{:.0}", median(seen.iter().map(what)));
            let ends = |start: f64, pick: fn(f64, f64) -> f64| line.ratios.iter().copied().fold(start, pick);
            rows.push(vec![
                line.shape.to_owned(),
                of(&line.without, |seen| seen.p50_us),
                of(&line.with, |seen| seen.p50_us),
                of(&line.without, |seen| seen.p99_us),
                of(&line.with, |seen| seen.p99_us),
                line.direct.map_or_else(String::new, |seen| format!("{:.0}", seen.p99_us)),
                format!("{:.2}", line.ratio()),
                format!("{:.2}", ends(f64::MAX, f64::min)),
                format!("{:.2}", ends(0.0, f64::max)),
                format!("{:.0}", line.with.iter().map(|seen| seen.max_us).fold(0.0, f64::max)),
                if line.ratio() <= self.bar { String::new() } else { format!("over {}", self.bar) },
            ]);
        }
        writeln!(f, "{}", table(&rows))?;
        if !self.goes_first {
            writeln!(
                f,
                "bystanders could not go first on their core (CAP_SYS_NICE): what they waited for it is counted"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(p99_us: f64) -> Seen {
        Seen { requests: 1, p50_us: 1.0, p99_us, max_us: p99_us }
    }

    /// Rounds are divided one by one, and the median of the ratios is held against the bar.
    #[test]
    fn rounds_are_divided_one_by_one() {
        let mut line = Line::of("body");
        for (without, with) in [(100.0, 150.0), (1000.0, 1900.0), (100.0, 900.0)] {
            line.add(seen(without), seen(with));
        }
        assert_eq!((line.ratios.clone(), line.ratio()), (vec![1.5, 1.9, 9.0], 1.9));
        let mut whole = Bystanders {
            io: "auto".to_owned(),
            rate_per_s: 1.0,
            pace_mb_per_s: 0,
            slice_s: 1.0,
            goes_first: false,
            bar: 2.0,
            lines: vec![line],
        };
        assert!(whole.is_good() && whole.to_string().contains("CAP_SYS_NICE"));
        whole.bar = 1.8;
        assert!(!whole.is_good() && whole.to_string().contains("over 1.8"), "{whole}");
    }

    /// Quantiles are of what was seen.
    #[test]
    fn quantiles() {
        let seen = Seen::of((1..=1000).rev().map(Duration::from_micros).collect());
        assert_eq!((seen.requests, seen.p50_us, seen.p99_us, seen.max_us), (1000, 501.0, 991.0, 1000.0));
        assert_eq!(Seen::of(vec![]).requests, 0);
    }
}
