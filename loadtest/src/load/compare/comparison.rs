//! What was measured of several targets, against each other.

use serde::Serialize;

use super::contest::{Contest, Figures};
use super::estimate::{Estimate, difference};
use super::spread::Spread;
use crate::load::report::{ErrorCount, Quantiles, error_counts};

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
    /// Of what is the target's doing: from when a request was due, or from when it was sent where a connection was free and
    /// only the generator was late.
    pub latency_us: Quantiles,
    pub first_us: Quantiles,
    /// How late requests were sent.
    pub late_us: Quantiles,
    /// Rounds in which a core was taken away; they count for no latency, unless they are the most.
    pub stolen: usize,
    pub added_us: Added,
    /// This target's figure divided by the base's of the same round, over the rounds.
    pub ratio: Ratio,
    pub errors: Vec<ErrorCount>,
    pub complaint: Option<String>,
}

/// Latency (of streams: time to the first event) above that of the direct target: the quantile of all rounds, less that of the
/// same rounds. Nothing where too few requests were measured to tell that quantile.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Added {
    pub p50: Option<Estimate>,
    pub p90: Option<Estimate>,
    pub p99: Option<Estimate>,
    pub p999: Option<Estimate>,
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
        let over =
            |figure: fn(&Figures) -> Option<f64>| Spread::of(contest.figures().filter_map(figure).collect());
        Self {
            target: contest.name.clone(),
            rounds: contest.rounds(),
            requests: total.good(),
            wrong: total.failed(),
            unsent: total.unsent,
            cpu_us: over(|it| it.cpu),
            event_cpu_us: over(|it| it.event_cpu),
            requests_per_s: over(|it| Some(it.requests_per_s)).unwrap_or(Spread::NOTHING),
            events_per_s: over(|it| Some(it.events_per_s)).unwrap_or(Spread::NOTHING),
            requests_per_core_s: over(|it| it.cpu.map(|cpu| 1e6 / cpu)),
            events_per_core_s: over(|it| it.event_cpu.map(|cpu| 1e6 / cpu)),
            latency_us: Quantiles::of(contest.latency()),
            first_us: Quantiles::of(if contest.is_stream {
                contest.first_event()
            } else {
                &total.first_byte
            }),
            late_us: Quantiles::of(&total.late),
            stolen: contest.stolen(),
            added_us: direct.map(|direct| Added::new(contest, direct)).unwrap_or_default(),
            ratio: Ratio::new(contest, base),
            errors: error_counts(total),
            complaint: total.complaint.clone(),
        }
    }
}

impl Added {
    fn new(contest: &Contest, direct: &Contest) -> Self {
        // Nothing is added to itself.
        if contest.name == direct.name {
            return Self::default();
        }
        let (own, direct) = (contest.slices(), direct.slices());
        let at = |share| difference(&own, &direct, share);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::measure::{Recorder, Tally};
    use crate::load::run::Measured;

    /// A round with these times in microseconds, and with what was stolen meanwhile.
    fn round(times: &[u64], stolen: Duration) -> Measured {
        let mut tally = Tally { elapsed: Duration::from_secs(1), ..Tally::default() };
        for us in times {
            for of in [&mut tally.latency, &mut tally.owed, &mut tally.late] {
                of.record(Duration::from_micros(*us));
            }
        }
        let mut recorder = Recorder::default();
        recorder.total = tally;
        let cpu = Some(Duration::from_micros(times.iter().sum()));
        Measured { recorder, cpu, own_cpu: Duration::ZERO, took: Duration::from_secs(1), stolen }
    }

    /// A contest with one round for each list of times.
    fn contest(name: &str, rounds: &[Vec<u64>]) -> Contest {
        let mut contest = Contest::new(name, false);
        for times in rounds {
            contest.add(&round(times, Duration::ZERO));
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
        let near = |it: Estimate| [it.us, it.low, it.high].iter().all(|us| (199.0..201.0).contains(us));
        assert!([added.p50, added.p90, added.p99].iter().all(|it| it.is_some_and(near)), "{added:?}");
        assert!(added.p999.is_some_and(near), "{added:?}");
        let few = [vec![100; 99]];
        let comparison =
            Comparison::new("b".to_owned(), false, &[&contest("b", &few), &contest("direct", &few)]);
        let added = comparison.rows[0].added_us;
        assert!(added.p90.is_some() && added.p99.is_none() && added.p999.is_none(), "{added:?}");
        assert!(!comparison.to_string().contains("added p99"), "{comparison}");
    }

    /// A round in which a core was taken away is in no latency, but in everything else; where most are like that, all count.
    #[test]
    fn stolen_rounds_are_left_out() {
        let calm = round(&[100; 500], Duration::ZERO);
        let stolen = round(&[9_000; 500], Duration::from_millis(20));
        let of = |name: &str, rounds: &[&Measured]| {
            let mut contest = Contest::new(name, false);
            for round in rounds {
                contest.add(round);
            }
            contest
        };
        let direct = of("direct", &[&calm; 4]);
        let row = |contest: &Contest| {
            Comparison::new("a".to_owned(), false, &[contest, &direct]).rows.swap_remove(0)
        };
        let few = row(&of("a", &[&calm, &stolen, &calm, &calm]));
        assert_eq!((few.rounds, few.stolen, few.requests), (4, 1, 2000));
        assert!(
            few.latency_us.p99 < 101.0 && few.added_us.p99.is_some_and(|it| it.us.abs() < 1.0),
            "{few:?}"
        );
        let most = row(&of("a", &[&stolen, &stolen, &calm, &stolen]));
        assert!(most.stolen == 0 && most.latency_us.p50 > 8_900.0, "{most:?}");
    }

    /// Every line fits: what does not stands in a block of its own.
    #[test]
    fn tables_are_narrow() {
        let wide =
            |name: &str, us: u64| contest(name, &[vec![us; 1000], vec![us * 3; 1000], vec![us * 2; 1000]]);
        let contests = [wide("ringgate", 11_234), wide("nginx", 12_345), wide("direct", 4_321)];
        let contests: Vec<&Contest> = contests.iter().collect();
        let text = Comparison::new("nginx".to_owned(), false, &contests).to_string();
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= 100), "{text}");
        let golden = include_str!("../../../tests/golden/comparison.txt");
        assert_eq!(text.trim_end(), golden.trim_end(), "\n{text}");
    }
}
