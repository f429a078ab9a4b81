//! What the rounds of one target gave.

use super::estimate::{Slice, Slices};
use super::spread::Spread;
use crate::load::measure::{Tally, Times};
use crate::load::run::Measured;

/// A core that was taken away for so large a share of a slice makes its tail one of the machine.
const STOLEN_MAX: f64 = 0.01;

/// One slice, in figures.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub cpu: Option<f64>,
    pub event_cpu: Option<f64>,
    pub requests_per_s: f64,
    pub events_per_s: f64,
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

/// One round of a target.
struct Round {
    figures: Figures,
    times: Slice,
    is_stolen: bool,
}

/// What was measured of one target.
pub struct Contest {
    pub name: String,
    pub is_stream: bool,
    pub total: Tally,
    /// Nothing of those in which it had no turn.
    rounds: Vec<Option<Round>>,
    /// Times of the rounds in which no core was taken away.
    undisturbed: Undisturbed,
}

#[derive(Default)]
struct Undisturbed {
    latency: Times,
    first_event: Times,
}

impl Contest {
    pub fn new(name: &str, is_stream: bool) -> Self {
        let (total, undisturbed) = (Tally::default(), Undisturbed::default());
        Self { name: name.to_owned(), is_stream, total, rounds: Vec::new(), undisturbed }
    }

    /// Takes what one round measured.
    pub fn add(&mut self, measured: &Measured) {
        let tally = &measured.recorder.total;
        let is_stolen = measured.stolen.as_secs_f64() > measured.took.as_secs_f64() * STOLEN_MAX;
        let times = Slice::of(times(tally, self.is_stream));
        let figures = Figures::of(measured, self.is_stream);
        self.rounds.push(Some(Round { figures, times, is_stolen }));
        if !is_stolen {
            self.undisturbed.latency.add(&tally.owed);
            self.undisturbed.first_event.add(&tally.owed_event);
        }
        self.total.add(tally);
    }

    /// Has no turn in a round.
    pub fn sit_out(&mut self) {
        self.rounds.push(None);
    }

    /// How often it was measured.
    pub fn rounds(&self) -> usize {
        self.rounds.iter().flatten().count()
    }

    /// Rounds that are left out of latencies: those in which a core was taken away, unless they are the most.
    pub fn stolen(&self) -> usize {
        let stolen = self.rounds.iter().flatten().filter(|round| round.is_stolen).count();
        if stolen * 2 > self.rounds() { 0 } else { stolen }
    }

    pub fn latency(&self) -> &Times {
        if self.stolen() > 0 { &self.undisturbed.latency } else { &self.total.owed }
    }

    pub fn first_event(&self) -> &Times {
        if self.stolen() > 0 { &self.undisturbed.first_event } else { &self.total.owed_event }
    }

    /// Times of the rounds that count for latencies.
    pub fn slices(&self) -> Slices {
        let leaves_out = self.stolen() > 0;
        let counts = |round: &&Round| !leaves_out || !round.is_stolen;
        Slices::of(self.rounds.iter().map(|round| round.as_ref().filter(counts).map(|round| &round.times)))
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figures> {
        self.rounds.iter().flatten().map(|round| &round.figures)
    }

    /// A figure beside that of another in the same round, over the rounds.
    pub fn against(
        &self,
        other: &Self,
        figure: fn(&Figures) -> Option<f64>,
        how: fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let of = |round: &Option<Round>| figure(&round.as_ref()?.figures);
        let pairs = self.rounds.iter().zip(&other.rounds);
        let figures = pairs.filter_map(|(own, other)| Some(how(of(own)?, of(other)?)));
        Spread::of(figures.filter(|it| it.is_finite()).collect())
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
            p99: quantile_us(times, 0.99),
        }
    }
}

/// The times that tell most of a target: of streams, those to the first event.
fn times(tally: &Tally, is_stream: bool) -> &Times {
    if is_stream { &tally.owed_event } else { &tally.owed }
}

/// A quantile, if there are enough times for one of them to lie above it.
fn quantile_us(times: &Times, share: f64) -> Option<f64> {
    let above = times.count() as f64 * (1.0 - share);
    (above > 0.999).then(|| times.quantile_us(share))
}
