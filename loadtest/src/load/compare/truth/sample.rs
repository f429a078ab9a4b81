//! The exchanges of all rounds, and figures of them.

use super::disturbed::Disturbed;
use crate::load::compare::estimate::{Slice, Slices, quantile};
use crate::load::measure::Probe;

/// Own times come in whole units, each of two parts cut down or up: by so much one may be more than was seen.
const ROUNDING_US: f64 = 2.0;

/// Of a witness' exchange so many times as much as usual is left over when the machine is disturbed.
const DISTURBED: f64 = 2.0;

/// What is taken of an exchange, if it has that.
pub type Figure = fn(&Probe) -> Option<f64>;

/// Somebody's exchanges in a slice, and those of the witness who was asked in turn with him.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    pub probes: Vec<Probe>,
    pub witness: Vec<Probe>,
}

/// One round, exchange by exchange.
#[derive(Clone, Debug, Default)]
pub struct Round {
    pub gateway: Beside,
    pub relay: Beside,
    /// Of some rounds only.
    pub direct: Option<Beside>,
}

/// All rounds, and whose witness is said to have been kept waiting.
pub struct Sample<'a> {
    rounds: &'a [Round],
    limit_us: f64,
    beside_ns: u64,
}

#[expect(clippy::unnecessary_wraps, reason = "a figure, as others that not every exchange has")]
pub fn seen(probe: &Probe) -> Option<f64> {
    Some(probe.outside_us)
}

pub fn own(probe: &Probe) -> Option<f64> {
    probe.own_us
}

/// Seen less own, of the very same exchange.
pub fn left_over(probe: &Probe) -> Option<f64> {
    probe.left_over_us()
}

impl<'a> Sample<'a> {
    /// `beside_ns`: how near to what the witness felt an exchange may not have been.
    pub fn new(rounds: &'a [Round], beside_ns: u64) -> Self {
        let witness = |round: &'a Round| Some(Slice::exact(round.relay.witness.iter().filter_map(left_over)));
        let usual = quantile(&slices(rounds, witness), 0.5);
        Self { rounds, limit_us: usual.map_or(f64::INFINITY, |usual| usual.us * DISTURBED), beside_ns }
    }

    pub fn gateway(&self, figure: Figure) -> Slices {
        self.undisturbed(|round| Some(&round.gateway), figure)
    }

    pub fn relay(&self, figure: Figure) -> Slices {
        self.undisturbed(|round| Some(&round.relay), figure)
    }

    pub fn direct(&self, figure: Figure) -> Slices {
        self.undisturbed(|round| round.direct.as_ref(), figure)
    }

    /// With those of disturbed moments.
    pub fn all_of_gateway(&self, figure: Figure) -> Slices {
        slices(self.rounds, |round| Some(Slice::exact(round.gateway.probes.iter().filter_map(figure))))
    }

    /// With those of disturbed moments.
    pub fn all_of_relay(&self, figure: Figure) -> Slices {
        slices(self.rounds, |round| Some(Slice::exact(round.relay.probes.iter().filter_map(figure))))
    }

    /// How many of the gateway's exchanges there are, and their mean own time.
    pub fn own_of_all(&self) -> (u64, f64) {
        let own = || self.of_gateway().filter_map(own);
        let count = own().count();
        (count as u64, own().sum::<f64>() / count.max(1) as f64)
    }

    /// The share of the gateway's and the relay's exchanges that is left out.
    pub fn left_out(&self) -> f64 {
        let (mut met, mut all) = (0, 0);
        for beside in self.rounds.iter().flat_map(|round| [&round.gateway, &round.relay]) {
            let disturbed = self.disturbed(beside);
            met += beside.probes.iter().filter(|probe| disturbed.met(probe)).count();
            all += beside.probes.len();
        }
        met as f64 / all.max(1) as f64
    }

    /// Exchanges of which the gateway says that it took longer than they did.
    pub fn impossible(&self) -> usize {
        let is_impossible = |probe: &&Probe| probe.left_over_us().is_some_and(|us| us < -ROUNDING_US);
        self.of_gateway().filter(is_impossible).count()
    }

    fn of_gateway(&self) -> impl Iterator<Item = &'a Probe> {
        self.rounds.iter().flat_map(|round| &round.gateway.probes)
    }

    /// All, where the machine was disturbed all the time: a figure that is wide is better than none.
    fn undisturbed(&self, whose: impl Fn(&'a Round) -> Option<&'a Beside>, figure: Figure) -> Slices {
        let kept = slices(self.rounds, |round| {
            let beside = whose(round)?;
            let disturbed = self.disturbed(beside);
            let kept = beside.probes.iter().filter(|probe| !disturbed.met(probe));
            Some(Slice::exact(kept.filter_map(figure)))
        });
        if quantile(&kept, 0.5).is_some() {
            return kept;
        }
        slices(self.rounds, |round| Some(Slice::exact(whose(round)?.probes.iter().filter_map(figure))))
    }

    fn disturbed(&self, beside: &Beside) -> Disturbed {
        Disturbed::felt_by(&beside.witness, self.limit_us, self.beside_ns)
    }
}

fn slices<'a>(rounds: &'a [Round], slice: impl Fn(&'a Round) -> Option<Slice>) -> Slices {
    let slices: Vec<Option<Slice>> = rounds.iter().map(slice).collect();
    Slices::of(slices.iter().map(Option::as_ref)).even_of_few()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(sent_us: u64, outside_us: f64, own_us: Option<f64>) -> Probe {
        let sent_ns = sent_us * 1_000;
        Probe { outside_us, own_us, sent_ns, first_byte_ns: sent_ns + (outside_us * 1_000.0) as u64 }
    }

    fn median(slices: &Slices) -> Option<f64> {
        quantile(slices, 0.5).map(|it| it.us)
    }

    /// What is left over is subtracted exchange by exchange, and only of those that say their own time; one that says more than
    /// was seen, by more than its unit, is counted.
    #[test]
    fn left_over_by_exchange() {
        let probes = vec![
            probe(0, 30.0, Some(12.0)),
            probe(1_000, 40.0, None),
            probe(2_000, 90.0, Some(70.0)),
            probe(3_000, 5.0, Some(9.0)),
        ];
        let gateway = Beside { probes, witness: Vec::new() };
        let rounds = [Round { gateway, ..Round::default() }];
        let sample = Sample::new(&rounds, 0);
        assert_eq!(median(&sample.gateway(left_over)), Some(18.0));
        assert_eq!(median(&sample.gateway(own)), Some(12.0));
        assert_eq!(median(&sample.relay(own)), None);
        assert_eq!((sample.impossible(), sample.left_out(), sample.own_of_all().0), (1, 0.0, 3));
    }

    /// Where all of it was disturbed, all is told.
    #[test]
    fn nothing_but_disturbed_moments() {
        let beside = |outside_us| {
            let probes: Vec<Probe> = (0..20).map(|k| probe(k * 1_000, outside_us, Some(0.0))).collect();
            Beside { witness: probes.clone(), probes }
        };
        let rounds = [Round { gateway: beside(900.0), relay: beside(100.0), direct: None }, Round::default()];
        let sample = Sample::new(&rounds, 1_000_000);
        assert_eq!(median(&sample.gateway(seen)), Some(900.0));
        assert_eq!((median(&sample.relay(seen)), sample.left_out()), (Some(100.0), 0.5));
    }

    /// What ran while the witness was kept waiting, or next to that, is left out, whoever it was; who was slow by himself stays.
    #[test]
    fn disturbed_moments_are_left_out() {
        let at = |offset: u64, slow: &[u64]| {
            let exchange = |k: u64| {
                let outside_us = if slow.contains(&k) { 5_000.0 } else { 100.0 };
                probe(k * 1_000 + offset, outside_us, Some(0.0))
            };
            (0..200).map(exchange).collect::<Vec<_>>()
        };
        let beside = |probes: Vec<Probe>, felt: &[u64]| Beside { probes, witness: at(500, felt) };
        let rounds = [Round {
            gateway: beside(at(0, &[50, 51, 120, 121, 122]), &[50, 51]),
            relay: beside(at(0, &[70, 71, 72]), &[70, 71, 72]),
            direct: Some(beside(at(0, &[9]), &[8])),
        }];
        let sample = Sample::new(&rounds, 1_000_000);
        let slowest = |slices: &Slices| quantile(slices, 0.99).map(|it| it.us);
        assert_eq!(slowest(&sample.gateway(seen)), Some(5_000.0), "its own stall");
        assert_eq!(slowest(&sample.relay(seen)), Some(100.0));
        assert_eq!(slowest(&sample.all_of_relay(seen)), Some(5_000.0));
        assert_eq!(slowest(&sample.direct(seen)), Some(100.0));
        assert!((0.03..0.08).contains(&sample.left_out()), "{}", sample.left_out());
    }
}
