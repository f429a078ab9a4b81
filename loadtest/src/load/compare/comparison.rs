//! What was measured of several targets, against each other.

use std::fmt;

use serde::Serialize;

use crate::load::measure::{Tally, Times};
use crate::load::report::{ErrorCount, Quantiles, error_counts, table};
use crate::load::run::Measured;

/// One target in the comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub target: String,
    pub rounds: usize,
    pub requests: u64,
    pub wrong: u64,
    pub unsent: u64,
    /// Of one request, over the rounds.
    pub cpu_us: Option<Spread>,
    /// Of one event, over the rounds.
    pub event_cpu_us: Option<Spread>,
    pub requests_per_s: Spread,
    pub events_per_s: Spread,
    /// What one second of CPU time answers: what a core can do that has nothing else to do.
    pub requests_per_core_s: Option<Spread>,
    pub events_per_core_s: Option<Spread>,
    pub latency_us: Quantiles,
    pub first_us: Quantiles,
    pub added_us: Added,
    /// This target's figure divided by the base's of the same round, over the rounds.
    pub ratio: Ratio,
    pub errors: Vec<ErrorCount>,
    pub complaint: Option<String>,
}

/// Latency (of streams: time to the first event) above that of the direct target, in each round. Nothing where too few
/// requests were measured to tell that quantile.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Added {
    pub p50: Option<Spread>,
    pub p90: Option<Spread>,
    pub p99: Option<Spread>,
    /// Of all rounds together: one of them seldom has enough requests.
    pub p999: Option<f64>,
}

/// A figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    pub cpu: Option<Spread>,
    pub event_cpu: Option<Spread>,
    pub requests_per_s: Option<Spread>,
    /// Of latencies; of streams, of times to the first event.
    pub p50: Option<Spread>,
    pub p99: Option<Spread>,
}

/// All targets.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub base: String,
    pub is_stream: bool,
    pub rows: Vec<Row>,
}

/// One slice, in figures.
#[derive(Clone, Copy, Debug)]
struct Figures {
    cpu: Option<f64>,
    event_cpu: Option<f64>,
    requests_per_s: f64,
    events_per_s: f64,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
}

/// What was measured of one target.
pub struct Contest {
    pub name: String,
    pub is_stream: bool,
    rounds: Vec<Figures>,
    total: Tally,
}

impl Contest {
    pub fn new(name: &str, is_stream: bool) -> Self {
        Self { name: name.to_owned(), is_stream, rounds: Vec::new(), total: Tally::default() }
    }

    /// Takes what one round measured.
    pub fn add(&mut self, measured: &Measured) {
        self.rounds.push(Figures::of(measured, self.is_stream));
        self.total.add(&measured.recorder.total);
    }

    /// A figure beside that of another in the same round, over the rounds.
    fn against(
        &self,
        other: &Self,
        figure: fn(&Figures) -> Option<f64>,
        how: fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let figures = pairs.filter_map(|(own, other)| Some(how(figure(own)?, figure(other)?)));
        Spread::of(figures.filter(|it| it.is_finite()).collect())
    }

    /// How often it was measured.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }
}

impl Figures {
    fn of(measured: &Measured, is_stream: bool) -> Self {
        let tally = &measured.recorder.total;
        let times = times(tally, is_stream);
        let each =
            |count: u64| measured.cpu.filter(|_| count > 0).map(|cpu| cpu.as_secs_f64() * 1e6 / count as f64);
        Self {
            cpu: each(tally.answered()),
            event_cpu: each(tally.events),
            requests_per_s: tally.per_second(tally.good()),
            events_per_s: tally.per_second(tally.events),
            p50: quantile_us(times, 0.5),
            p90: quantile_us(times, 0.9),
            p99: quantile_us(times, 0.99),
        }
    }
}

/// The times that tell most of a target: of streams, those to the first event.
fn times(tally: &Tally, is_stream: bool) -> &Times {
    if is_stream { &tally.first_event } else { &tally.latency }
}

/// A quantile, if there are enough times for one of them to lie above it.
fn quantile_us(times: &Times, share: f64) -> Option<f64> {
    let above = times.count() as f64 * (1.0 - share);
    (above > 0.999).then(|| times.quantile_us(share))
}

impl Comparison {
    pub fn new(base: String, is_stream: bool, contests: &[&Contest]) -> Self {
        let find = |name: &str| contests.iter().find(|it| it.name == name).copied();
        let rows = contests.iter().map(|it| Row::new(it, find(&base), find("direct"))).collect();
        Self { base, is_stream, rows }
    }

    /// Every target gave only good answers.
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(|row| row.wrong == 0 && row.unsent == 0 && row.requests > 0)
    }
}

impl Row {
    fn new(contest: &Contest, base: Option<&Contest>, direct: Option<&Contest>) -> Self {
        let total = &contest.total;
        let over = |figure: fn(&Figures) -> Option<f64>| {
            Spread::of(contest.rounds.iter().filter_map(figure).collect())
        };
        Self {
            target: contest.name.clone(),
            rounds: contest.rounds.len(),
            requests: total.good(),
            wrong: total.failed(),
            unsent: total.unsent,
            cpu_us: over(|it| it.cpu),
            event_cpu_us: over(|it| it.event_cpu),
            requests_per_s: over(|it| Some(it.requests_per_s)).unwrap_or(Spread::NOTHING),
            events_per_s: over(|it| Some(it.events_per_s)).unwrap_or(Spread::NOTHING),
            requests_per_core_s: over(|it| it.cpu.map(|cpu| 1e6 / cpu)),
            events_per_core_s: over(|it| it.event_cpu.map(|cpu| 1e6 / cpu)),
            latency_us: Quantiles::of(&total.latency),
            first_us: Quantiles::of(if contest.is_stream { &total.first_event } else { &total.first_byte }),
            added_us: direct.map(|direct| Added::new(contest, direct)).unwrap_or_default(),
            ratio: Ratio::new(contest, base),
            errors: error_counts(total),
            complaint: total.complaint.clone(),
        }
    }
}

impl Added {
    fn new(contest: &Contest, direct: &Contest) -> Self {
        let over = |figure| contest.against(direct, figure, |own, direct| own - direct);
        let whole = |contest: &Contest| quantile_us(times(&contest.total, contest.is_stream), 0.999);
        Self {
            p50: over(|it| it.p50),
            p90: over(|it| it.p90),
            p99: over(|it| it.p99),
            p999: whole(contest).zip(whole(direct)).map(|(own, direct)| own - direct),
        }
    }
}

impl Ratio {
    fn new(contest: &Contest, base: Option<&Contest>) -> Self {
        let over = |figure| base.and_then(|base| contest.against(base, figure, |own, base| own / base));
        Self {
            cpu: over(|it| it.cpu),
            event_cpu: over(|it| it.event_cpu),
            requests_per_s: over(|it| Some(it.requests_per_s)),
            p50: over(|it| it.p50),
            p99: over(|it| it.p99),
        }
    }
}

impl Spread {
    const NOTHING: Self = Self { median: 0.0, min: 0.0, max: 0.0 };

    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = if figures.len().is_multiple_of(2) {
            f64::midpoint(figures[middle - 1], figures[middle])
        } else {
            figures[middle]
        };
        Some(Self { median, min, max })
    }
}

/// The median, and between which figures it lies.
impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = out.precision().unwrap_or(0);
        let Self { median, min, max } = self;
        write!(out, "{median:.digits$} ({min:.digits$}..{max:.digits$})")
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![self.head()];
        rows.extend(self.rows.iter().map(|row| self.cells(row)));
        out.write_str(&table(&without_empty_columns(&rows)))?;
        for row in &self.rows {
            for ErrorCount { error, count, .. } in &row.errors {
                write!(out, "\n{}: {count} x {error}", row.target)?;
            }
            if let Some(complaint) = &row.complaint {
                write!(out, "\n{}: {complaint}", row.target)?;
            }
            if row.unsent > 0 {
                write!(
                    out,
                    "\n{}: {} requests were never sent: it did not keep up with the rate",
                    row.target, row.unsent
                )?;
            }
        }
        Ok(())
    }
}

/// What stands where there is no figure.
const NOTHING: &str = "-";

impl Comparison {
    fn head(&self) -> Vec<String> {
        let (what, each, of) = if self.is_stream { ("events", "event", "1st ") } else { ("req", "req", "") };
        let ratio = format!("x {}", self.base);
        let mut head = vec!["target".to_owned(), format!("cpu us/{each}"), ratio.clone()];
        head.extend([format!("{what}/s"), ratio.clone(), format!("{what}/s of a core")]);
        head.extend([format!("{of}p50 us"), ratio.clone(), format!("{of}p99 us"), ratio]);
        head.extend(["p50", "p90", "p99", "p99.9"].map(|quantile| format!("added {of}{quantile}")));
        head.push("wrong".to_owned());
        head
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let spread = |figure: Option<Spread>, digits: usize| {
            figure.map_or(NOTHING.to_owned(), |it| format!("{it:.digits$}"))
        };
        let median = |figure: Option<Spread>, digits: usize| {
            figure.map_or(NOTHING.to_owned(), |it| format!("{:.digits$}", it.median))
        };
        let (cpu, ratio, per_s, per_core_s, times) = if self.is_stream {
            (row.event_cpu_us, row.ratio.event_cpu, row.events_per_s, row.events_per_core_s, row.first_us)
        } else {
            (row.cpu_us, row.ratio.cpu, row.requests_per_s, row.requests_per_core_s, row.latency_us)
        };
        vec![
            row.target.clone(),
            spread(cpu, 2),
            spread(ratio, 3),
            spread(Some(per_s), 0),
            median(row.ratio.requests_per_s, 3),
            median(per_core_s, 0),
            format!("{:.0}", times.p50),
            median(row.ratio.p50, 2),
            format!("{:.0}", times.p99),
            median(row.ratio.p99, 2),
            spread(row.added_us.p50, 0),
            spread(row.added_us.p90, 0),
            spread(row.added_us.p99, 0),
            row.added_us.p999.map_or(NOTHING.to_owned(), |it| format!("{it:.0}")),
            row.wrong.to_string(),
        ]
    }
}

/// Rows without the columns that have no figure below their head.
fn without_empty_columns(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let has_figures = |column: usize| rows.iter().skip(1).any(|row| row[column] != NOTHING);
    let keep = |row: &Vec<String>| {
        row.iter()
            .enumerate()
            .filter(|(column, _)| has_figures(*column))
            .map(|(_, cell)| cell.clone())
            .collect()
    };
    rows.iter().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::measure::Recorder;

    /// The median lies in the middle, and between the two in the middle of an even number.
    #[test]
    fn medians() {
        assert_eq!(
            Spread::of(vec![3.0, 1.0, 2.0]).map(|it| (it.median, it.min, it.max)),
            Some((2.0, 1.0, 3.0))
        );
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).map(|it| it.median), Some(2.5));
        assert!(Spread::of(Vec::new()).is_none());
    }

    /// A contest with one round for each list of times, in microseconds.
    fn contest(name: &str, rounds: &[Vec<u64>]) -> Contest {
        let mut contest = Contest::new(name, false);
        for times in rounds {
            let mut tally = Tally { elapsed: Duration::from_secs(1), ..Tally::default() };
            for us in times {
                tally.latency.record(Duration::from_micros(*us));
            }
            let cpu = Some(Duration::from_micros(times.iter().sum()));
            let mut recorder = Recorder::default();
            recorder.total = tally;
            contest.add(&Measured { recorder, cpu, own_cpu: Duration::ZERO, took: Duration::ZERO });
        }
        contest
    }

    /// Figures are compared with those of the same round, with their spread; a core does what its time is enough for.
    #[test]
    fn compares_round_by_round() {
        let (base, other) =
            (contest("a", &[vec![100; 10], vec![200; 10]]), contest("b", &[vec![200; 10], vec![600; 10]]));
        let comparison = Comparison::new("a".to_owned(), false, &[&base, &other]);
        let row = &comparison.rows[1];
        assert_eq!(row.ratio.cpu, Some(Spread { median: 2.5, min: 2.0, max: 3.0 }));
        assert_eq!(row.cpu_us, Some(Spread { median: 400.0, min: 200.0, max: 600.0 }));
        assert_eq!(row.requests_per_core_s.map(|it| it.max), Some(5000.0));
        let text = comparison.to_string();
        assert!(text.contains("400.00 (200.00..600.00)") && text.contains("x a"), "{text}");
        assert!(!text.contains("added"), "nothing is direct: {text}");
    }

    /// A quantile that too few requests tell is left out; that of all rounds together may be told all the same.
    #[test]
    fn leaves_out_what_too_few_requests_tell() {
        let (direct, other) = (
            contest("direct", &[vec![100; 50], vec![100; 950]]),
            contest("b", &[vec![300; 50], vec![300; 950]]),
        );
        let added = Comparison::new("b".to_owned(), false, &[&other, &direct]).rows[0].added_us;
        let near = |figure: f64| (199.0..201.0).contains(&figure);
        assert!(added.p90.is_some_and(|it| near(it.min) && near(it.max)));
        assert!(added.p99.is_some_and(|it| near(it.median)) && added.p999.is_some_and(near), "{added:?}");
        let few = [vec![100; 99]];
        let comparison =
            Comparison::new("b".to_owned(), false, &[&contest("b", &few), &contest("direct", &few)]);
        let added = comparison.rows[0].added_us;
        assert!(added.p90.is_some() && added.p99.is_none() && added.p999.is_none(), "{added:?}");
        assert!(!comparison.to_string().contains("added p99"), "{comparison}");
    }
}
