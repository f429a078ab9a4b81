//! What came out.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::BystandersArgs;
use crate::load::compare::estimate::{self, Ratio, Slice, Slices};
use crate::load::report::table;

/// What bystanders saw in one slice or several, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seen {
    pub requests: usize,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
}

/// What bystanders saw beside one shape, or beside nothing.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub shape: &'static str,
    /// Of all rounds together.
    pub seen: Seen,
    pub rounds: Vec<Seen>,
    /// Beside the same bulk, when both go straight to the provider: what this measurement itself costs them. It is told,
    /// and taken off nothing.
    pub direct: Option<Seen>,
    /// Its p99 by that of all slices without bulk.
    pub ratio: Option<Ratio>,
    #[serde(skip)]
    waits: Vec<Vec<Duration>>,
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
    /// All slices of the rounds that had nothing beside them.
    pub without: Line,
    /// The first has nothing beside it either.
    pub lines: Vec<Line>,
}

/// The line that has nothing beside bystanders.
pub const NOTHING: &str = "nothing";

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

impl Line {
    fn of(shape: &'static str) -> Self {
        let (seen, rounds, waits) = (Seen::of(&[]), vec![], vec![]);
        Self { shape, seen, rounds, direct: None, ratio: None, waits }
    }

    /// Adds what bystanders waited in one round.
    fn add(&mut self, waits: Vec<Duration>) {
        self.rounds.push(Seen::of(&waits));
        self.waits.push(waits);
        self.seen = Seen::of(&self.waits.concat());
    }

    fn slices(&self) -> Slices {
        let us = |wait: &Duration| wait.as_nanos() as f64 / 1000.0;
        let rounds: Vec<Slice> = self.waits.iter().map(|waits| Slice::exact(waits.iter().map(us))).collect();
        Slices::of(rounds.iter().map(Some)).even_of_few()
    }

    /// What is to be said of its ratio.
    fn verdict(&self, bar: f64) -> String {
        match self.ratio {
            Some(ratio) if self.is_control() || ratio.times <= bar => String::new(),
            Some(ratio) if ratio.low > bar => format!("over {bar}"),
            Some(_) => format!("over {bar} or not: too few, or the machine is too restless"),
            None => String::new(),
        }
    }

    fn is_control(&self) -> bool {
        self.shape == NOTHING
    }
}

impl Bystanders {
    pub fn new(args: &BystandersArgs, goes_first: bool, shapes: impl Iterator<Item = &'static str>) -> Self {
        Self {
            io: args.io.clone(),
            rate_per_s: args.rate,
            pace_mb_per_s: args.pace,
            slice_s: args.slice.as_secs_f64(),
            goes_first,
            bar: args.bar,
            without: Line::of("without"),
            lines: std::iter::once(NOTHING).chain(shapes).map(Line::of).collect(),
        }
    }

    /// Adds a round: of each line what bystanders waited just before, with nothing beside them, and then.
    pub fn add(&mut self, round: Vec<(Vec<Duration>, Vec<Duration>)>) {
        let mut without = vec![];
        for (line, (before, beside)) in self.lines.iter_mut().zip(round) {
            line.add(beside);
            without.extend(before);
        }
        self.without.add(without);
        let base = self.without.slices();
        for line in &mut self.lines {
            line.ratio = estimate::ratio(&line.slices(), &base, 0.99);
        }
    }

    /// Every shape stays under the bar.
    pub fn is_good(&self) -> bool {
        let mut shapes = self.lines.iter().filter(|line| !line.is_control());
        shapes.all(|line| line.ratio.is_some_and(|ratio| ratio.times <= self.bar))
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
        let title = ["beside", "requests", "p50", "p99", "worst", "direct p99", "ratio", "95 %", ""];
        let mut rows = vec![title.map(str::to_owned).to_vec()];
        for line in std::iter::once(&self.without).chain(&self.lines) {
            let seen = line.seen;
            rows.push(vec![
                line.shape.to_owned(),
                seen.requests.to_string(),
                format!("{:.0}", seen.p50_us),
                format!("{:.0}", seen.p99_us),
                format!("{:.0}", seen.max_us),
                line.direct.map_or_else(String::new, |seen| format!("{:.0}", seen.p99_us)),
                line.ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.times)),
                line.ratio.map_or_else(String::new, |ratio| format!("{:.2} to {:.2}", ratio.low, ratio.high)),
                line.verdict(self.bar),
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

    fn measured(bar: f64, rounds: &[[Vec<Duration>; 4]]) -> Bystanders {
        let mut all = Bystanders {
            io: "auto".to_owned(),
            rate_per_s: 1.0,
            pace_mb_per_s: 0,
            slice_s: 1.0,
            goes_first: false,
            bar,
            without: Line::of("without"),
            lines: [NOTHING, "body"].map(Line::of).to_vec(),
        };
        for [before, nothing, between, body] in rounds.iter().cloned() {
            all.add(vec![(before, nothing), (between, body)]);
        }
        all
    }

    /// The waits of all rounds are taken together, and what one of ten saw does not decide.
    #[test]
    fn rounds_are_taken_together() {
        let restless = [waits(3, 500), waits(3, 500), waits(3, 500), waits(5, 9000)];
        let calm = [waits(3, 500), waits(3, 500), waits(3, 500), waits(3, 950)];
        let rounds: Vec<_> = std::iter::once(restless).chain(std::iter::repeat_n(calm, 19)).collect();
        let all = measured(2.0, &rounds);
        let (control, body) = (&all.lines[0], &all.lines[1]);
        assert_eq!((all.without.seen.requests, body.seen.requests), (4000, 2000));
        assert_eq!(
            (body.rounds[0].p99_us, body.seen.p99_us, all.without.seen.p99_us),
            (9000.0, 950.0, 500.0)
        );
        assert_eq!((control.ratio.map(|it| it.times), body.ratio.map(|it| it.times)), (Some(1.0), Some(1.9)));
        assert!(all.is_good() && all.to_string().contains("CAP_SYS_NICE"), "{all}");
        let strict = measured(1.8, &rounds);
        assert!(!strict.is_good() && strict.to_string().contains("over 1.8\n"), "{strict}");
    }

    /// What half of the rounds saw is neither kept nor missed for sure, and that is said.
    #[test]
    fn what_is_not_sure_is_said() {
        let good = [waits(3, 500), waits(3, 500), waits(3, 500), waits(3, 600)];
        let bad = [waits(3, 500), waits(3, 500), waits(3, 500), waits(9, 5000)];
        let all = measured(2.0, &[good.clone(), bad, good]);
        assert!(!all.is_good() && all.to_string().contains("over 2 or not"), "{all}");
    }

    /// Quantiles are of what was seen.
    #[test]
    fn quantiles() {
        let seen = Seen::of(&(1..=1000).rev().map(Duration::from_micros).collect::<Vec<_>>());
        assert_eq!((seen.requests, seen.p50_us, seen.p99_us, seen.max_us), (1000, 501.0, 991.0, 1000.0));
        assert_eq!(Seen::of(&[]).requests, 0);
    }
}
