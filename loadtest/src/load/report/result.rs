//! The result of one run, as a value that serialises.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::collector::Collected;
use super::series::{Curve, IntervalRow};
use crate::load::args::RunArgs;
use crate::load::engine::HttpVersion;
use crate::load::measure::{Tally, Times};
use crate::load::run::Measured;
use crate::load::scenario::{Arrivals, Scenario, Shape};

/// Quantiles of a time, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    pub mean: f64,
}

/// This program and its version.
pub const GENERATOR: &str = concat!("ringgate-load ", env!("CARGO_PKG_VERSION"));

/// What is measured, as a report says it.
pub struct Subject<'a> {
    pub args: &'a RunArgs,
    pub scenario: &'a Scenario,
    pub begun: SystemTime,
}

/// What was measured of one target.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    pub generator: String,
    /// Seconds since 1970.
    pub begun_s: u64,
    pub machine: String,
    pub target: String,
    pub scenario: String,
    pub about: String,
    pub shape: String,
    pub http: String,
    pub connections: usize,
    pub seed: u64,
    pub seconds: f64,
    pub requests: u64,
    pub requests_per_s: f64,
    pub wrong: u64,
    pub left: u64,
    /// In an open loop: requests that were due, and never sent.
    pub unsent: u64,
    /// Latencies are from when a request was due; in a closed loop that is when it was sent.
    pub is_open_loop: bool,
    pub latency_us: Quantiles,
    /// From when a request was really sent.
    pub service_us: Quantiles,
    pub first_byte_us: Quantiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_event_us: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_us: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_us: Option<Quantiles>,
    pub events: u64,
    pub events_per_s: f64,
    pub body_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_request: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_event: Option<f64>,
    pub generator_cpu_us_per_request: f64,
    /// Share of its core that the generator used; near 1 it is what was measured.
    pub generator_busy: f64,
    pub errors: Vec<ErrorCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Of a ramp: what waits for its turn at the end of a step has not waited for much longer than is allowed.
    #[serde(skip)]
    pub is_held_shortly: bool,
    /// Of a ramp: the highest rate that kept the SLO.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knee_per_s: Option<f64>,
    pub latency_curve: Curve,
    pub service_curve: Curve,
    pub intervals: Vec<IntervalRow>,
    /// Why the histogram log is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_failed: Option<String>,
}

/// One kind of request in a run with several.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    pub name: String,
    pub requests: u64,
    pub wrong: u64,
    pub left: u64,
    pub events: u64,
    pub latency_us: Quantiles,
    pub service_us: Quantiles,
    pub first_byte_us: Quantiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_us: Option<Quantiles>,
    pub errors: Vec<ErrorCount>,
}

/// One rate of a ramp.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub rate_per_s: f64,
    pub requests_per_s: f64,
    pub latency_us: Quantiles,
    pub wrong: u64,
    pub unsent: u64,
    pub keeps_slo: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorCount {
    /// The same word for all errors of a kind.
    pub kind: &'static str,
    pub error: String,
    pub count: u64,
}

impl Quantiles {
    pub fn of(times: &Times) -> Self {
        let at = |share| times.quantile_us(share);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: times.max_us(),
            mean: times.mean_us(),
        }
    }

    /// Nothing where nothing was recorded.
    pub fn of_some(times: &Times) -> Option<Self> {
        (times.count() > 0).then(|| Self::of(times))
    }
}

impl Step {
    /// What a slice at a rate gave, and whether that keeps the SLO: all that were due were answered, rightly and, from when
    /// each was due, fast enough.
    pub fn new(rate_per_s: f64, tally: &Tally, slo_p99: Duration) -> Self {
        let latency_us = Quantiles::of(&tally.latency);
        let requests_per_s = tally.per_second(tally.good());
        let is_fast = latency_us.p99 < slo_p99.as_secs_f64() * 1e6;
        let is_whole = tally.answered() > 0 && tally.failed() == 0 && tally.unsent == 0;
        Self {
            rate_per_s,
            requests_per_s,
            latency_us,
            wrong: tally.failed(),
            unsent: tally.unsent,
            keeps_slo: is_fast && is_whole,
        }
    }
}

impl PartReport {
    fn new(name: &str, tally: &Tally) -> Self {
        Self {
            name: name.to_owned(),
            requests: tally.good(),
            wrong: tally.failed(),
            left: tally.left,
            events: tally.events,
            latency_us: Quantiles::of(&tally.latency),
            service_us: Quantiles::of(&tally.service),
            first_byte_us: Quantiles::of(&tally.first_byte),
            gap_us: Quantiles::of_some(&tally.gap),
            errors: error_counts(tally),
        }
    }
}

impl Report {
    pub fn new(subject: &Subject<'_>, measured: &Measured, steps: Vec<Step>, collected: Collected) -> Self {
        let Subject { args, scenario, begun } = subject;
        let (tally, cpu) = (&measured.recorder.total, measured.cpu);
        let each = |cpu: Duration, count: u64| cpu.as_secs_f64() * 1e6 / count.max(1) as f64;
        let is_open_loop = scenario.plan.shape != Shape::Closed;
        let kept = steps.iter().filter(|step| step.keeps_slo).map(|step| step.rate_per_s);
        let names = scenario.parts.iter().map(|part| &part.name);
        Self {
            format: 1,
            generator: GENERATOR.to_owned(),
            begun_s: begun.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            machine: machine(),
            target: args.url.to_string(),
            scenario: scenario.name.clone(),
            about: scenario.about.clone(),
            shape: describe(scenario.plan.shape),
            http: describe_http(args, scenario.plan.streams),
            connections: scenario.plan.connections,
            seed: args.seed,
            seconds: tally.elapsed.as_secs_f64(),
            requests: tally.good(),
            requests_per_s: tally.per_second(tally.good()),
            wrong: tally.failed(),
            left: tally.left,
            unsent: tally.unsent,
            is_open_loop,
            latency_us: Quantiles::of(&tally.latency),
            service_us: Quantiles::of(&tally.service),
            first_byte_us: Quantiles::of(&tally.first_byte),
            first_event_us: Quantiles::of_some(&tally.first_event),
            gap_us: Quantiles::of_some(&tally.gap),
            late_us: is_open_loop.then(|| Quantiles::of(&tally.late)),
            events: tally.events,
            events_per_s: tally.per_second(tally.events),
            body_bytes: tally.bytes,
            cpu_us_per_request: cpu.map(|cpu| each(cpu, tally.answered())),
            cpu_us_per_event: cpu.filter(|_| tally.events > 0).map(|cpu| each(cpu, tally.events)),
            generator_cpu_us_per_request: each(measured.own_cpu, tally.answered()),
            generator_busy: measured.own_cpu.as_secs_f64() / measured.took.as_secs_f64().max(0.001),
            errors: error_counts(tally),
            complaint: tally.complaint.clone(),
            parts: names
                .zip(&measured.recorder.parts)
                .map(|(name, part)| PartReport::new(name, part))
                .collect(),
            is_held_shortly: matches!(scenario.plan.shape, Shape::Ramp(ramp) if ramp.hold < 2 * ramp.slo_p99),
            knee_per_s: kept.max_by(f64::total_cmp),
            steps,
            latency_curve: Curve::of(&tally.latency),
            service_curve: Curve::of(&tally.service),
            intervals: collected.rows,
            log_failed: collected.log_failed,
        }
    }

    /// All answers were good, and there were some. Of a ramp, the steps that were too much do not count.
    pub fn is_good(&self) -> bool {
        let is_ramp = !self.steps.is_empty();
        let all_sent = self.unsent == 0 || is_ramp;
        self.wrong == 0
            && all_sent
            && self.requests + self.left > 0
            && (!is_ramp || self.knee_per_s.is_some())
    }
}

/// What was wrong, each kind with its count.
pub fn error_counts(tally: &Tally) -> Vec<ErrorCount> {
    let count = |(failure, count): (&crate::load::check::Failure, &u64)| ErrorCount {
        kind: failure.kind(),
        error: failure.to_string(),
        count: *count,
    };
    tally.failures.iter().map(count).collect()
}

fn describe(shape: Shape) -> String {
    match shape {
        Shape::Closed => "closed loop".to_owned(),
        Shape::Open { arrivals: Arrivals::Constant, rate } => format!("constant {rate}/s"),
        Shape::Open { arrivals: Arrivals::Poisson, rate } => format!("Poisson {rate}/s"),
        Shape::Burst { size, every } => format!("bursts of {size} every {every:?}"),
        Shape::Ramp(ramp) => format!(
            "ramp from {}/s to {}/s in steps of {}/s, each for {:?}, p99 under {:?}",
            ramp.from, ramp.to, ramp.step, ramp.hold, ramp.slo_p99
        ),
    }
}

fn describe_http(args: &RunArgs, streams: usize) -> String {
    let tls = if args.url.is_tls { " over TLS" } else { "" };
    match args.http {
        HttpVersion::One => format!("HTTP/1.1{tls}"),
        HttpVersion::Two => format!("HTTP/2{tls}, {streams} at a time"),
    }
}

/// Processor and kernel, as far as the system says.
pub fn machine() -> String {
    let line = |path: &str, prefix: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(prefix)).unwrap_or_default();
        found.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = line("/proc/cpuinfo", "model name");
    format!("{cores} x {processor}, Linux {}", line("/proc/sys/kernel/osrelease", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::check::Failure;

    fn keeps(latency_ms: u64, change: impl FnOnce(&mut Tally)) -> bool {
        let mut tally = Tally { elapsed: Duration::from_secs(9), ..Tally::default() };
        tally.latency.record(Duration::from_millis(latency_ms));
        change(&mut tally);
        Step::new(100.0, &tally, Duration::from_millis(20)).keeps_slo
    }

    /// A rate is kept by answers that are right and in time, each counted from when it was due, however long the last one
    /// is waited for.
    #[test]
    fn what_keeps_an_slo() {
        assert!(keeps(19, |_| {}));
        assert!(!keeps(21, |_| {}));
        assert!(!keeps(19, |tally| tally.fail(Failure::NoEnd, "")));
        assert!(!keeps(19, |tally| tally.unsent = 1));
        assert!(!keeps(0, |tally| tally.latency.clear()), "nothing was answered");
    }
}
