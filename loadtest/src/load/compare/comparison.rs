//! What was measured of several targets, against each other.

use std::fmt;

use serde::Serialize;

use crate::load::measure::Tally;
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
    pub events_per_s: f64,
    pub latency_us: Quantiles,
    pub first_us: Quantiles,
    /// Latency above that of the direct target (of streams: time to the first event), of each round's medians.
    pub added_p50_us: Option<f64>,
    pub added_p90_us: Option<f64>,
    pub added_p99_us: Option<f64>,
    pub added_p999_us: Option<f64>,
    /// Medians over the rounds of this target's figure divided by the base's of the same round.
    pub ratio: Ratio,
    pub errors: Vec<ErrorCount>,
    pub complaint: Option<String>,
}

/// A figure over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    pub cpu: Option<f64>,
    pub event_cpu: Option<f64>,
    pub requests_per_s: Option<f64>,
    /// Of latencies; of streams, of times to the first event.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
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
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
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

    /// Requests per second in each round.
    pub fn throughput(&self) -> Vec<f64> {
        self.rounds.iter().map(|round| round.requests_per_s).collect()
    }
}

impl Figures {
    fn of(measured: &Measured, is_stream: bool) -> Self {
        let tally = &measured.recorder.total;
        let times = if is_stream { &tally.first_event } else { &tally.latency };
        let each =
            |count: u64| measured.cpu.filter(|_| count > 0).map(|cpu| cpu.as_secs_f64() * 1e6 / count as f64);
        Self {
            cpu: each(tally.answered()),
            event_cpu: each(tally.events),
            requests_per_s: tally.per_second(tally.good()),
            p50: times.quantile_us(0.5),
            p90: times.quantile_us(0.9),
            p99: times.quantile_us(0.99),
            p999: times.quantile_us(0.999),
        }
    }
}

impl Comparison {
    pub fn new(base: String, is_stream: bool, contests: &[&Contest]) -> Self {
        let rounds_of =
            |name: &str| contests.iter().find(|it| it.name == name).map(|it| it.rounds.as_slice());
        let base_rounds = rounds_of(&base).unwrap_or_default();
        let rows = contests.iter().map(|it| Row::new(it, base_rounds, rounds_of("direct"))).collect();
        Self { base, is_stream, rows }
    }

    /// Every target gave only good answers.
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(|row| row.wrong == 0 && row.unsent == 0 && row.requests > 0)
    }
}

impl Row {
    fn new(contest: &Contest, base: &[Figures], direct: Option<&[Figures]>) -> Self {
        let (rounds, total) = (&contest.rounds, &contest.total);
        let figures =
            |figure: fn(&Figures) -> Option<f64>| rounds.iter().filter_map(figure).collect::<Vec<f64>>();
        let against = |other: &[Figures], figure: fn(&Figures) -> Option<f64>, how: fn(f64, f64) -> f64| {
            let pairs =
                rounds.iter().zip(other).filter_map(|(own, other)| Some(how(figure(own)?, figure(other)?)));
            Spread::of(pairs.filter(|figure| figure.is_finite()).collect()).map(|spread| spread.median)
        };
        let added = |figure: fn(&Figures) -> Option<f64>| {
            direct.and_then(|direct| against(direct, figure, |own, other| own - other))
        };
        let ratio = |figure: fn(&Figures) -> Option<f64>| against(base, figure, |own, other| own / other);
        Self {
            target: contest.name.clone(),
            rounds: rounds.len(),
            requests: total.good(),
            wrong: total.failed(),
            unsent: total.unsent,
            cpu_us: Spread::of(figures(|it| it.cpu)),
            event_cpu_us: Spread::of(figures(|it| it.event_cpu)),
            requests_per_s: Spread::of(figures(|it| Some(it.requests_per_s))).unwrap_or(Spread::NOTHING),
            events_per_s: total.per_second(total.events),
            latency_us: Quantiles::of(&total.latency),
            first_us: Quantiles::of(if contest.is_stream { &total.first_event } else { &total.first_byte }),
            added_p50_us: added(|it| Some(it.p50)),
            added_p90_us: added(|it| Some(it.p90)),
            added_p99_us: added(|it| Some(it.p99)),
            added_p999_us: added(|it| Some(it.p999)),
            ratio: Ratio {
                cpu: ratio(|it| it.cpu),
                event_cpu: ratio(|it| it.event_cpu),
                requests_per_s: ratio(|it| Some(it.requests_per_s)),
                p50: ratio(|it| Some(it.p50)),
                p99: ratio(|it| Some(it.p99)),
            },
            errors: error_counts(total),
            complaint: total.complaint.clone(),
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

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.is_stream { "cpu us/event" } else { "cpu us/req" };
        let per_s = if self.is_stream { "events/s" } else { "req/s" };
        let (p50, p99) = if self.is_stream { ("1st p50 us", "1st p99 us") } else { ("p50 us", "p99 us") };
        let head = [
            "target",
            unit,
            "min",
            "x base",
            per_s,
            "x base",
            p50,
            "x base",
            p99,
            "x base",
            "added p50",
            "added p90",
            "added p99",
            "added p99.9",
            "wrong",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.rows.iter().map(|row| self.cells(row)));
        out.write_str(&table(&rows))?;
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

impl Comparison {
    fn cells(&self, row: &Row) -> Vec<String> {
        let number =
            |figure: Option<f64>, digits: usize| figure.map_or("-".to_owned(), |it| format!("{it:.digits$}"));
        let (cpu, ratio) = if self.is_stream {
            (row.event_cpu_us, row.ratio.event_cpu)
        } else {
            (row.cpu_us, row.ratio.cpu)
        };
        let per_s = if self.is_stream { row.events_per_s } else { row.requests_per_s.median };
        let times = if self.is_stream { row.first_us } else { row.latency_us };
        vec![
            row.target.clone(),
            number(cpu.map(|it| it.median), 2),
            number(cpu.map(|it| it.min), 2),
            number(ratio, 3),
            number(Some(per_s), 0),
            number(row.ratio.requests_per_s, 3),
            number(Some(times.p50), 0),
            number(row.ratio.p50, 3),
            number(Some(times.p99), 0),
            number(row.ratio.p99, 3),
            number(row.added_p50_us, 0),
            number(row.added_p90_us, 0),
            number(row.added_p99_us, 0),
            number(row.added_p999_us, 0),
            row.wrong.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
