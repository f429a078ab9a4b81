//! What came out: what the gateway says, what was seen, and whether they agree.

use std::fmt;

use anyhow::Context;
use serde::Serialize;

use super::args::TruthArgs;
use super::sample::{Pair, Sample};
use super::told::Histogram;
use crate::load::compare::margin::Margin;
use crate::load::compare::origin::Origin;
use crate::load::compare::suite::FORMAT;
use crate::load::compare::verdict::{Baseline, INTERRUPTED};
use crate::load::engine::is_interrupted;
use crate::load::measure::{Probe, Tally};
use crate::load::report::table;

/// Own times come in whole units, each of two parts cut down or up: by so much one may be more than was seen.
const ROUNDING_US: f64 = 2.0;

/// How far off the gateway may be.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bars {
    pub p50_us: f64,
    /// Of the latency that it adds at the p99; the bar is never lower than that of the p50.
    pub p99_percent: f64,
}

/// One round, as quantiles.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Of all ways: there and back, without the provider's time.
    seen: Pair,
    relay: Pair,
    direct: Pair,
    own: Pair,
    relay_own: Pair,
    left_over: Pair,
    transport: Pair,
    /// Exchanges of which the gateway says that it took longer than they did.
    impossible: usize,
}

/// A figure at both quantiles.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line {
    pub p50_us: Margin,
    pub p99_us: Margin,
}

/// What the gateway says in its metrics, and of the same exchanges in their headers.
pub struct Means {
    pub histogram: Option<Histogram>,
    pub header_us: f64,
}

/// The histogram of the gateway's metrics against its headers and against what was seen.
#[derive(Clone, Debug, Serialize)]
pub struct ByMetrics {
    #[serde(flatten)]
    pub histogram: Histogram,
    /// The mean of the headers.
    pub header_mean_us: f64,
    /// Its own time as it is seen from outside, at the p50: what it says and what it does not.
    pub seen_own_p50_us: f64,
    /// Both are where the histogram says, but for the bar of the p50.
    pub is_within: bool,
}

impl ByMetrics {
    fn new(histogram: Histogram, header_mean_us: f64, seen_own_p50_us: f64, bar_us: f64) -> Self {
        let is_within = (histogram.mean_us - header_mean_us).abs() <= bar_us
            && histogram.p50_us.has(seen_own_p50_us, bar_us);
        Self { histogram, header_mean_us, seen_own_p50_us, is_within }
    }
}

/// Whether a bar was kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    pub bar_us: f64,
    pub is_within: bool,
    /// The bar lies within the margin: another run may say otherwise.
    pub is_unsure: bool,
    /// If so: how many rounds it would take to tell, as far as can be said.
    pub rounds_needed: Option<usize>,
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
    /// Exchanges of which it says that it took longer than they did.
    pub impossible: usize,
    pub p50: Judged,
    pub p99: Judged,
    /// If it has such metrics.
    pub by_metrics: Option<ByMetrics>,
}

impl Round {
    pub fn of(gateway: &[Probe], relay: &[Probe], direct: &[Probe]) -> Self {
        let is_impossible =
            |probe: &&Probe| probe.own_us.is_some_and(|own| own > probe.outside_us + ROUNDING_US);
        Self {
            seen: Sample::outside(gateway).pair(),
            relay: Sample::outside(relay).pair(),
            direct: Sample::outside(direct).pair(),
            own: Sample::own(gateway).pair(),
            relay_own: Sample::own(relay).pair(),
            left_over: Sample::left_over(gateway).pair(),
            transport: Sample::left_over(relay).pair(),
            impossible: gateway.iter().filter(is_impossible).count(),
        }
    }
}

impl Line {
    fn of(rounds: &[Round], figure: impl Fn(&Round) -> Pair) -> anyhow::Result<Self> {
        let margin = |of: fn(Pair) -> f64| Margin::of(rounds.iter().map(|round| of(figure(round))).collect());
        let lines = margin(|pair| pair.p50).zip(margin(|pair| pair.p99));
        let (p50_us, p99_us) = lines.context("nothing was measured")?;
        Ok(Self { p50_us, p99_us })
    }
}

impl Judged {
    fn of(difference: &Margin, bar_us: f64, rounds: usize) -> Self {
        let is_within = |figure: f64| figure.abs() <= bar_us;
        let Margin { median, low, high } = *difference;
        let all_alike = if is_within(median) {
            is_within(low) && is_within(high)
        } else {
            // Both ends beyond the same bar.
            low > bar_us || high < -bar_us
        };
        let is_unsure = !all_alike;
        // A margin is as wide as one divided by the root of the rounds.
        let (reach, room) =
            ((high - median).max(median - low), (bar_us - median.abs()).abs().max(bar_us / 20.0));
        let needed = (rounds as f64 * (reach / room).powi(2)).ceil();
        let rounds_needed = is_unsure.then_some((needed.min(1e6) as usize).max(rounds + 1));
        Self { bar_us, is_within: is_within(median), is_unsure, rounds_needed }
    }

    fn words(self) -> String {
        let words = if self.is_within { "within" } else { "NOT WITHIN" };
        let unsure = if self.is_unsure { ", not for sure" } else { "" };
        format!("{words} {:.1}{unsure}", self.bar_us)
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
        (bars, means): (Bars, Means),
    ) -> anyhow::Result<Self> {
        let line = |figure: fn(&Round) -> Pair| Line::of(rounds, figure);
        let added = line(|round| round.seen - round.direct)?;
        let own = line(|round| round.own)?;
        let difference = line(|round| round.left_over - round.transport)?;
        // Where it adds next to nothing, a share of that would be less than can be measured.
        let p99_bar_us = (added.p99_us.median * bars.p99_percent / 100.0).max(bars.p50_us);
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
            own,
            seen: line(|round| round.seen)?,
            seen_relay: line(|round| round.relay)?,
            seen_direct: line(|round| round.direct)?,
            added,
            relay_own: line(|round| round.relay_own)?,
            left_over: line(|round| round.left_over)?,
            transport: line(|round| round.transport)?,
            difference,
            impossible: rounds.iter().map(|round| round.impossible).sum(),
            p50: Judged::of(&difference.p50_us, bars.p50_us, rounds.len()),
            p99: Judged::of(&difference.p99_us, p99_bar_us, rounds.len()),
            by_metrics: means.histogram.map(|histogram| {
                let seen = own.p50_us.median + difference.p50_us.median;
                ByMetrics::new(histogram, means.header_us, seen, bars.p50_us)
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
        let mark = if self.baseline.is_unsteady { "!! NOT STEADY, reported by force" } else { "baseline" };
        self.origin.fmt(out)?;
        writeln!(out, "{mark}: {}", self.baseline)?;
        let Self { gateway, requests, rate_per_s, rounds, header, .. } = self;
        writeln!(out, "{gateway}: {requests} requests at {rate_per_s}/s in {rounds} rounds, {header}\n")?;
        let row = |name: &str, line: &Line| {
            let cell =
                |margin: &Margin| format!("{:.1} ({:.1} to {:.1})", margin.median, margin.low, margin.high);
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
        let Bars { p50_us, p99_percent } = self.bars;
        write!(out, "bars: {p50_us:.1} us at p50, {p99_percent} % of the added latency at p99")?;
        for (quantile, judged) in [("p50", &self.p50), ("p99", &self.p99)] {
            if let Some(rounds) = judged.rounds_needed {
                write!(
                    out,
                    "\nthe {quantile} cannot be told for sure from {} rounds as noisy as these: about {rounds} would tell (--rounds)",
                    self.rounds
                )?;
            }
        }
        if let Some(ByMetrics { histogram, header_mean_us, seen_own_p50_us, is_within }) = &self.by_metrics {
            let verdict = if *is_within { "agrees" } else { "DOES NOT AGREE" };
            write!(
                out,
                "\n{} of its metrics {verdict}: {} exchanges, mean {:.1} us (headers {header_mean_us:.1}), p50 {} us \
                 (from outside {seen_own_p50_us:.1}), p99 {} us",
                histogram.metric, histogram.count, histogram.mean_us, histogram.p50_us, histogram.p99_us
            )?;
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
    use crate::load::compare::truth::told::Range;

    fn probes(own: f64, quiet: f64, transport: f64) -> Vec<Probe> {
        // Transport has a tail, so that its p99 is not its p50.
        let jitter = |at: usize| if at.is_multiple_of(20) { 100.0 } else { (at % 7) as f64 };
        let probe = |at| Probe { outside_us: own + quiet + transport + jitter(at), own_us: Some(own) };
        (0..2000).map(probe).collect()
    }

    fn difference(quiet: f64) -> (Line, usize) {
        let (relay, direct) = (probes(1.0, 0.0, 60.0), probes(0.0, 0.0, 30.0));
        let rounds: Vec<Round> =
            (0..9).map(|_| Round::of(&probes(15.0, quiet, 60.0), &relay, &direct)).collect();
        let line = Line::of(&rounds, |round| round.left_over - round.transport).expect("measured");
        (line, rounds.iter().map(|round| round.impossible).sum())
    }

    /// A gateway that says what it took has no difference; what it keeps quiet about is found at both quantiles.
    #[test]
    fn finds_what_is_not_told() {
        let (honest, impossible) = difference(0.0);
        assert!(honest.p50_us.median.abs() < 0.01 && honest.p99_us.median.abs() < 0.01, "{honest:?}");
        assert_eq!(impossible, 0);
        let (quiet, _) = difference(8.0);
        assert!((quiet.p50_us.median - 8.0).abs() < 0.01 && (quiet.p99_us.median - 8.0).abs() < 0.01);
        let (boasting, impossible) = difference(-70.0);
        assert!(boasting.p50_us.median < -69.0 && impossible > 0, "{boasting:?}");
    }

    /// A bar is kept or missed by the median; whether for sure, the margin says.
    #[test]
    fn bars() {
        let judged = |median, low, high| {
            let judged = Judged::of(&Margin { median, low, high }, 5.0, 20);
            (judged.is_within, judged.is_unsure)
        };
        assert_eq!(judged(2.0, -1.0, 4.0), (true, false));
        assert_eq!(judged(2.0, -1.0, 6.0), (true, true));
        assert_eq!(judged(7.0, 6.0, 9.0), (false, false));
        assert_eq!(judged(-7.0, -9.0, -4.0), (false, true));
        assert_eq!(judged(-7.0, -9.0, -6.0), (false, false));
        assert_eq!(judged(7.0, -9.0, 9.0), (false, true));
    }

    /// Where a bar lies within the margin, it is said how many rounds would tell: four times as many for half the width.
    #[test]
    fn rounds_that_would_tell() {
        let needed = |median, low, high| Judged::of(&Margin { median, low, high }, 5.0, 20).rounds_needed;
        assert_eq!(needed(2.0, -1.0, 4.0), None);
        assert_eq!(needed(1.0, -7.0, 9.0), Some(80));
        assert_eq!(needed(7.0, 3.0, 11.0), Some(80));
        assert_eq!(needed(5.0, -95.0, 105.0), Some(1_000_000));
    }

    /// A histogram that counts something else is found out by its mean or by its bucket.
    #[test]
    fn metrics_are_judged() {
        let histogram = |mean_us, from, to| Histogram {
            metric: "x".to_owned(),
            count: 9,
            mean_us,
            p50_us: Range { from, to: Some(to) },
            p99_us: Range { from, to: None },
        };
        let is_within = |histogram| ByMetrics::new(histogram, 12.0, 13.0, 5.0).is_within;
        assert!(is_within(histogram(14.0, 10.0, 20.0)) && is_within(histogram(14.0, 5.0, 10.0)));
        assert!(!is_within(histogram(30.0, 10.0, 20.0)) && !is_within(histogram(12.0, 20.0, 50.0)));
    }
}
