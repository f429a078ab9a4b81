//! What came out.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::BystandersArgs;
use crate::load::report::table;

/// What bystanders saw in one slice or several, in microseconds.
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
    /// Of all rounds together.
    pub without: Seen,
    pub with: Seen,
    pub rounds: Vec<Round>,
    /// Beside the same bulk, when both go straight to the provider: what this measurement itself costs them. It is told,
    /// and taken off nothing.
    pub direct: Option<Seen>,
    /// The p99 with bulk by that without, of all rounds together. In a slice of two seconds five requests are above it, so
    /// that of one round says little.
    pub ratio: f64,
    #[serde(skip)]
    waits: [Vec<Duration>; 2],
}

/// One slice without and one with bulk.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    pub without: Seen,
    pub with: Seen,
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
    pub fn of(took: &[Duration]) -> Self {
        let mut took = took.to_vec();
        took.sort_unstable();
        let at = |part: usize| {
            let index = (took.len() * part / 1000).min(took.len().saturating_sub(1));
            took.get(index).map_or(0.0, |time| time.as_nanos() as f64 / 1000.0)
        };
        Self { requests: took.len(), p50_us: at(500), p99_us: at(990), max_us: at(1000) }
    }
}

impl Round {
    fn ratio(&self) -> f64 {
        ratio(self.without, self.with)
    }
}

fn ratio(without: Seen, with: Seen) -> f64 {
    with.p99_us / without.p99_us.max(1.0)
}

impl Line {
    pub fn of(shape: &'static str) -> Self {
        let none = Seen::of(&[]);
        Self {
            shape,
            without: none,
            with: none,
            rounds: vec![],
            direct: None,
            ratio: 0.0,
            waits: [vec![], vec![]],
        }
    }

    /// Adds what bystanders waited in a slice without and in one with bulk.
    pub fn add(&mut self, without: Vec<Duration>, with: Vec<Duration>) {
        self.rounds.push(Round { without: Seen::of(&without), with: Seen::of(&with) });
        self.waits[0].extend(without);
        self.waits[1].extend(with);
        [self.without, self.with] = [Seen::of(&self.waits[0]), Seen::of(&self.waits[1])];
        self.ratio = ratio(self.without, self.with);
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
        self.lines.iter().all(|line| line.ratio <= self.bar)
    }
}

impl fmt::Display for Bystanders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match self.pace_mb_per_s {
            0 => "at full speed".to_owned(),
            pace => format!("at {pace} MB/s"),
        };
        writeln!(
            f,
            "bystanders at {}/s beside bulk {pace}, driver {}; all rounds together, in microseconds",
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
            let ends = |start: f64, pick: fn(f64, f64) -> f64| {
                line.rounds.iter().map(Round::ratio).fold(start, pick)
            };
            rows.push(vec![
                line.shape.to_owned(),
                format!("{:.0}", line.without.p50_us),
                format!("{:.0}", line.with.p50_us),
                format!("{:.0}", line.without.p99_us),
                format!("{:.0}", line.with.p99_us),
                line.direct.map_or_else(String::new, |seen| format!("{:.0}", seen.p99_us)),
                format!("{:.2}", line.ratio),
                format!("{:.2}", ends(f64::MAX, f64::min)),
                format!("{:.2}", ends(0.0, f64::max)),
                format!("{:.0}", line.with.max_us),
                if line.ratio <= self.bar { String::new() } else { format!("over {}", self.bar) },
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

    fn waits(slow: usize, slow_us: u64) -> Vec<Duration> {
        (0..100).map(|i| Duration::from_micros(if i < slow { slow_us } else { 100 })).collect()
    }

    /// The waits of all rounds are taken together, and what one of ten saw does not decide.
    #[test]
    fn rounds_are_taken_together() {
        let mut line = Line::of("body");
        line.add(waits(1, 900), waits(5, 9000));
        assert_eq!((line.ratio, line.rounds[0].ratio()), (10.0, 10.0));
        for _ in 1..10 {
            line.add(waits(3, 500), waits(3, 950));
        }
        assert_eq!((line.without.requests, line.with.p99_us, line.without.p99_us), (1000, 950.0, 500.0));
        assert_eq!((line.ratio, line.rounds[9].ratio()), (1.9, 1.9));
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
        let seen = Seen::of(&(1..=1000).rev().map(Duration::from_micros).collect::<Vec<_>>());
        assert_eq!((seen.requests, seen.p50_us, seen.p99_us, seen.max_us), (1000, 501.0, 991.0, 1000.0));
        assert_eq!(Seen::of(&[]).requests, 0);
    }
}
