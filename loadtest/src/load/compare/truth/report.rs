//! What came out: what the gateway says, what was seen, and whether they agree.

use std::fmt;

use anyhow::Context;
use serde::Serialize;

use super::args::TruthArgs;
use super::by_metrics::{Apart, ByMetrics, Headers};
use super::judged::{Bars, Judged};
use super::sample::{Round, Sample, left_over, own, seen};
use super::told::Histogram;
use crate::load::compare::baseline::Baseline;
use crate::load::compare::estimate::{Estimate, Slices, difference, quantile};
use crate::load::compare::origin::FORMAT;
use crate::load::compare::origin::Origin;
use crate::load::compare::verdict::INTERRUPTED;
use crate::load::engine::is_interrupted;
use crate::load::measure::Tally;
use crate::load::report::table;

/// A figure at both quantiles.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line {
    pub p50_us: Estimate,
    pub p99_us: Estimate,
}

/// Whether the gateway tells the truth.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// Version of this format.
    pub format: u32,
    #[serde(flatten)]
    pub origin: Origin,
    pub gateway: String,
    pub about: String,
    pub header: String,
    pub rate_per_s: f64,
    pub rounds: usize,
    pub requests: u64,
    pub unsent: u64,
    pub baseline: Baseline,
    /// Nobody interrupted it.
    pub is_complete: bool,
    pub bars: Bars,
    /// What the gateway says of itself.
    pub own: Line,
    /// There and back, without the provider's time.
    pub seen: Line,
    pub seen_relay: Line,
    pub seen_direct: Line,
    /// What a user would measure: seen through the gateway, less seen without it.
    pub added: Line,
    pub relay_own: Line,
    /// Seen less own, of each exchange.
    pub left_over: Line,
    /// The same of the relay.
    pub transport: Line,
    /// Left over less transport: what the gateway keeps quiet about, or (negative) claims too much.
    pub difference: Line,
    /// The same with the exchanges that are left out of all other lines.
    pub difference_all: Line,
    /// The share of exchanges that is left out, since the machine kept everybody waiting.
    pub left_out: f64,
    /// Exchanges of which it says that it took longer than they did.
    pub impossible: usize,
    pub p50: Judged,
    pub p99: Judged,
    /// If it has such metrics.
    pub by_metrics: Option<ByMetrics>,
}

impl Line {
    fn of(slices: &Slices) -> anyhow::Result<Self> {
        Self::at(|share| quantile(slices, share))
    }

    /// The quantile of some less that of others, who had their turns beside them.
    fn between(slices: &Slices, others: &Slices) -> anyhow::Result<Self> {
        Self::at(|share| difference(slices, others, share))
    }

    fn at(figure: impl Fn(f64) -> Option<Estimate>) -> anyhow::Result<Self> {
        let figures = figure(0.5).zip(figure(0.99));
        let (p50_us, p99_us) = figures.context("nothing was measured")?;
        Ok(Self { p50_us, p99_us })
    }
}

impl Truth {
    /// # Errors
    /// When nothing was measured.
    pub fn new(
        args: &TruthArgs,
        about: &str,
        baseline: Baseline,
        rounds: &[Round],
        total: &Tally,
        (bars, histogram): (Bars, Option<Histogram>),
    ) -> anyhow::Result<Self> {
        // Who is asked as far from what the witness felt as one request is from the next was not disturbed by it.
        let sample = Sample::new(rounds, (1e9 / args.rate) as u64);
        let (through, direct) = (sample.gateway(seen), sample.direct(seen));
        let (left, transport) = (sample.gateway(left_over), sample.relay(left_over));
        let added = Line::between(&through, &direct)?;
        let difference = Line::between(&left, &transport)?;
        let difference_all =
            Line::between(&sample.all_of_gateway(left_over), &sample.all_of_relay(left_over))?;
        let all_own = Line::of(&sample.all_of_gateway(own))?;
        // Where it adds next to nothing, a share of that would be less than can be measured.
        let p99_bar_us = (added.p99_us.us * bars.p99_percent / 100.0).max(bars.p50_us);
        Ok(Self {
            format: FORMAT,
            origin: Origin::now(),
            gateway: args.peer.clone(),
            about: about.to_owned(),
            header: args.header.clone(),
            rate_per_s: args.rate,
            rounds: rounds.len(),
            requests: total.good(),
            unsent: total.unsent,
            baseline,
            is_complete: !is_interrupted(),
            bars,
            own: Line::of(&sample.gateway(own))?,
            seen: Line::of(&through)?,
            seen_relay: Line::of(&sample.relay(seen))?,
            seen_direct: Line::of(&direct)?,
            added,
            relay_own: Line::of(&sample.relay(own))?,
            left_over: Line::of(&left)?,
            transport: Line::of(&transport)?,
            difference,
            difference_all,
            left_out: sample.left_out(),
            impossible: sample.impossible(),
            p50: Judged::of(&difference.p50_us, bars.p50_us, rounds.len()),
            p99: Judged::of(&difference.p99_us, p99_bar_us, rounds.len()),
            by_metrics: histogram.map(|histogram| {
                let (count, mean_us) = sample.own_of_all();
                let (p50_us, p99_us) = (all_own.p50_us.us, all_own.p99_us.us);
                let headers = Headers { count, mean_us, p50_us, p99_us };
                let apart = Apart { p50_us: bars.p50_us, p99_us: p99_bar_us };
                ByMetrics::new(histogram, headers, p50_us + difference.p50_us.us, apart)
            }),
        })
    }

    /// The gateway is within both bars, and all requests were sent.
    pub fn is_good(&self) -> bool {
        self.is_complete
            && self.p50.is_within
            && self.p99.is_within
            && self.unsent == 0
            && self.by_metrics.as_ref().is_none_or(|it| it.is_within)
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_complete {
            writeln!(out, "{INTERRUPTED}")?;
        }
        self.origin.fmt(out)?;
        writeln!(out, "{}", self.baseline.told())?;
        let Self { gateway, requests, rate_per_s, rounds, header, .. } = self;
        writeln!(out, "{gateway}: {requests} requests at {rate_per_s}/s in {rounds} rounds, {header}\n")?;
        let row = |name: &str, line: &Line| {
            let cell = |it: &Estimate| format!("{:.1} ({:.1} to {:.1})", it.us, it.low, it.high);
            vec![name.to_owned(), cell(&line.p50_us), cell(&line.p99_us)]
        };
        let judged = ["bar: difference at most".to_owned(), self.p50.words(), self.p99.words()];
        let rows = [
            ["us", "p50 (95 %)", "p99 (95 %)"].map(str::to_owned).to_vec(),
            row("seen through the gateway", &self.seen),
            row("seen through a bare relay in its place", &self.seen_relay),
            row("seen without either", &self.seen_direct),
            row("added by the gateway (with - without)", &self.added),
            row("own time, as the gateway says", &self.own),
            row("own time of the relay", &self.relay_own),
            row("left over by the gateway (seen - own)", &self.left_over),
            row("left over by the relay: the transport", &self.transport),
            row("difference (gateway - relay)", &self.difference),
            judged.to_vec(),
            row("difference with disturbed moments", &self.difference_all),
        ];
        writeln!(out, "{}\n", table(&rows))?;
        writeln!(
            out,
            "seen: there and back by the provider's stamps, without the time that it had the request itself"
        )?;
        writeln!(
            out,
            "difference: time that the gateway does not tell; negative: that it claims though it was not its own"
        )?;
        writeln!(
            out,
            "disturbed: {:.1} % of the exchanges are left out of all other lines, as a second relay beside them had to wait",
            self.left_out * 100.0
        )?;
        let Bars { p50_us, p99_percent } = self.bars;
        write!(out, "bars: {p50_us:.1} us at p50, {p99_percent} % of the added latency at p99")?;
        for (name, judged) in [("p50", &self.p50), ("p99", &self.p99)] {
            if let Some(rounds) = judged.rounds_needed {
                write!(
                    out,
                    "\nthe {name} cannot be told for sure from {} rounds as noisy as these: about {rounds} would tell (--rounds)",
                    self.rounds
                )?;
            }
        }
        if let Some(by_metrics) = &self.by_metrics {
            write!(out, "\n{by_metrics}")?;
        }
        if self.impossible > 0 {
            write!(
                out,
                "\n{} exchanges took less time than the gateway says it took itself",
                self.impossible
            )?;
        }
        if self.unsent > 0 {
            write!(
                out,
                "\n{} requests were never sent: the gateway did not keep up with the rate",
                self.unsent
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compare::truth::sample::Beside;
    use crate::load::measure::Probe;

    fn probes(own: f64, quiet: f64, transport: f64) -> Vec<Probe> {
        // Transport has a tail, so that its p99 is not its p50.
        let jitter = |at: u64| if at.is_multiple_of(20) { 50.0 } else { (at % 7) as f64 };
        let probe = |at: u64| {
            let (outside_us, sent_ns) = (own + quiet + transport + jitter(at), at * 1_000_000);
            Probe {
                outside_us,
                own_us: Some(own),
                sent_ns,
                first_byte_ns: sent_ns + outside_us as u64 * 1_000,
            }
        };
        (0..2000).map(probe).collect()
    }

    fn difference(quiet: f64) -> (Line, usize) {
        let relay = probes(1.0, 0.0, 60.0);
        let beside = |probes| Beside { probes, witness: relay.clone() };
        let gateway = beside(probes(15.0, quiet, 60.0));
        let round = Round { gateway, relay: beside(relay.clone()), direct: None };
        let rounds = vec![round; 9];
        let sample = Sample::new(&rounds, 0);
        let line = Line::between(&sample.gateway(left_over), &sample.relay(left_over)).expect("measured");
        (line, sample.impossible())
    }

    /// A gateway that says what it took has no difference; what it keeps quiet about is found at both quantiles.
    #[test]
    fn finds_what_is_not_told() {
        let (honest, impossible) = difference(0.0);
        assert!(honest.p50_us.us.abs() < 0.01 && honest.p99_us.us.abs() < 0.01, "{honest:?}");
        assert_eq!(impossible, 0);
        let (quiet, _) = difference(8.0);
        assert!((quiet.p50_us.us - 8.0).abs() < 0.01 && (quiet.p99_us.us - 8.0).abs() < 0.01);
        let (boasting, impossible) = difference(-70.0);
        assert!(boasting.p50_us.us < -69.0 && impossible > 0, "{boasting:?}");
    }
}
