//! Load on one target.

use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;

use super::args::RunArgs;
use super::engine::{Beat, Ends, Load, Session, Watch, is_interrupted, need_descriptors, on_event_loop};
use super::measure::{CpuTimes, Intervals, Process, Recorder, Steal};
use super::report::{Collector, Output, Report, Step, Subject};
use super::scenario::{Plan, Ramp, Scenario, Shape};
use crate::sys;

/// How often the knee is looked for between the last rate that was kept and the first that was not.
const KNEE_HALVINGS: usize = 3;

/// Measures one target.
///
/// # Errors
/// When the target or the process cannot be reached, or the first answer is wrong.
pub fn run(args: &RunArgs) -> anyhow::Result<Report> {
    let scenario = args.scenario()?;
    need_descriptors(scenario.connections(), Ends::One)?;
    let process = args.pid.map(Process::new).transpose()?;
    let output = Output {
        hlog: args.hlog.as_deref(),
        expected: (!matches!(scenario.plan.shape, Shape::Ramp(_))).then_some(scenario.plan.duration),
    };
    let (feed, collector) = Collector::start(output)?;
    let begun = SystemTime::now();
    let (load, measured) =
        on_event_loop(args.ask.cpu, args.ask.wanted(), args.ask.timeout, async |watch: &Watch| {
            let setup = args.ask.setup(args.http, args.seed);
            let mut session = Session::new(args.url.clone(), &scenario, &setup, watch)?;
            session.open().await?;
            warm_up(&mut session, &scenario.plan).await;
            ensure!(
                !is_interrupted(),
                "target {}: interrupted before anything was measured",
                args.url.address
            );
            put(&mut session, &scenario, Some(feed.begin(args.interval)), process).await
        })?;
    let collected = collector.finish()?;
    let subject = Subject { args, scenario: &scenario, begun };
    Ok(Report::new(&subject, &measured, load, collected))
}

/// What one stretch of load gave, and what it cost.
pub struct Measured {
    pub recorder: Recorder,
    /// CPU time of the target.
    pub cpu: Option<Duration>,
    pub own_cpu: Duration,
    /// How long it took, its last answers included.
    pub took: Duration,
    /// What a hypervisor took of that from one core.
    pub stolen: Duration,
}

async fn warm_up(session: &mut Session, plan: &Plan) {
    let load = match plan.shape {
        Shape::Ramp(ramp) => Load::Open(ramp.beat(ramp.from)),
        shape => load_of(shape),
    };
    session.slice(load, plan.warmup, Recorder::default()).await;
}

/// The load of a shape that has only one.
fn load_of(shape: Shape) -> Load {
    match shape {
        Shape::Open { arrivals, rate } => Load::Open(Beat::Rate { arrivals, per_second: rate }),
        Shape::Burst { size, every } => Load::Open(Beat::Burst { size, every }),
        Shape::Closed | Shape::Ramp(_) => Load::Closed,
    }
}

/// Puts a plan's load on the target; tells the steps, if it was a ramp.
async fn put(
    session: &mut Session,
    scenario: &Scenario,
    intervals: Option<Intervals>,
    process: Option<Process>,
) -> anyhow::Result<(Vec<Step>, Measured)> {
    let cost = Cost::begin(process)?;
    let mut total = Recorder::new(scenario.parts.len(), None);
    let (steps, intervals) = match scenario.plan.shape {
        Shape::Ramp(ramp) => climb(session, &ramp, &mut total, intervals).await,
        shape => {
            let recorder = Recorder::new(scenario.parts.len(), intervals);
            let mut recorder = session.slice(load_of(shape), scenario.plan.duration, recorder).await;
            total.add(&recorder);
            (Vec::new(), recorder.take_intervals())
        }
    };
    if let Some(intervals) = intervals {
        intervals.end();
    }
    Ok((steps, cost.end(total)?))
}

/// Goes through the rates of a ramp, up to the first that is not kept, and back to where it was still kept.
async fn climb(
    session: &mut Session,
    ramp: &Ramp,
    total: &mut Recorder,
    mut intervals: Option<Intervals>,
) -> (Vec<Step>, Option<Intervals>) {
    let mut search = Search::new(ramp);
    let mut steps = Vec::new();
    while let Some(rate) = search.next() {
        let recorder = Recorder::new(total.parts.len(), intervals.take());
        let mut recorder = session.slice(Load::Open(ramp.beat(rate)), ramp.hold, recorder).await;
        intervals = recorder.take_intervals();
        total.add(&recorder);
        // A rate that was not held to its end was not kept.
        if is_interrupted() {
            break;
        }
        let step = Step::new(rate, &recorder.total, ramp.slo_p99);
        search.tell(rate, step.keeps_slo);
        steps.push(step);
    }
    (steps, intervals)
}

/// Looks for the highest rate that is kept: up in steps, then by halves. A rate counts as too high when it was not kept
/// twice, as a machine has its moments.
struct Search {
    ramp: Ramp,
    kept: Option<f64>,
    broken: Option<f64>,
    next: Option<f64>,
    is_second_try: bool,
    halvings: usize,
}

impl Search {
    fn new(ramp: &Ramp) -> Self {
        let next = Some(ramp.from);
        Self { ramp: *ramp, kept: None, broken: None, next, is_second_try: false, halvings: 0 }
    }

    fn next(&self) -> Option<f64> {
        self.next
    }

    fn tell(&mut self, rate: f64, is_kept: bool) {
        if !is_kept && !self.is_second_try {
            self.is_second_try = true;
            return;
        }
        self.is_second_try = false;
        if is_kept {
            self.kept = Some(rate);
        } else {
            self.broken = Some(rate);
        }
        self.next = match (self.kept, self.broken) {
            (_, None) if rate >= self.ramp.to => None,
            (_, None) => Some((rate + self.ramp.step).min(self.ramp.to)),
            (None, Some(_)) => None,
            (Some(_), Some(_)) if self.halvings == KNEE_HALVINGS => None,
            (Some(kept), Some(broken)) => {
                self.halvings += 1;
                Some(f64::midpoint(kept, broken).round())
            }
        };
    }
}

impl Ramp {
    fn beat(&self, per_second: f64) -> Beat {
        Beat::Rate { arrivals: self.arrivals, per_second }
    }
}

/// Measures one slice of load, over connections that are open when it begins.
///
/// # Errors
/// When the process is gone.
pub async fn measure(
    session: &mut Session,
    load: Load,
    duration: Duration,
    process: Option<Process>,
) -> anyhow::Result<Measured> {
    measure_into(Recorder::default(), session, load, duration, process).await
}

/// Measures one slice of load with a recorder that may keep more than others do.
///
/// # Errors
/// When the process is gone.
pub async fn measure_into(
    recorder: Recorder,
    session: &mut Session,
    load: Load,
    duration: Duration,
    process: Option<Process>,
) -> anyhow::Result<Measured> {
    session.refresh().await;
    let cost = Cost::begin(process)?;
    let recorder = session.slice(load, duration, recorder).await;
    cost.end(recorder)
}

/// Measures one slice of load and what the process still does for it while `settle` passes: what is written behind the
/// answers, as logs are, belongs to their cost.
///
/// # Errors
/// When the process is gone.
pub async fn measure_settled(
    session: &mut Session,
    load: Load,
    duration: Duration,
    process: Process,
    settle: Duration,
) -> anyhow::Result<Measured> {
    session.refresh().await;
    let cost = Cost::begin(Some(process))?;
    let recorder = session.slice(load, duration, Recorder::default()).await;
    monoio::time::sleep(settle).await;
    cost.end(recorder)
}

/// CPU time at the begin of what is measured.
struct Cost {
    begun: Instant,
    process: Option<Process>,
    cpu: Option<CpuTimes>,
    own_cpu: Duration,
    steal: Steal,
}

impl Cost {
    fn begin(process: Option<Process>) -> anyhow::Result<Self> {
        let cpu = process.map(Process::cpu).transpose()?;
        let steal = Steal::now();
        Ok(Self { begun: Instant::now(), process, cpu, own_cpu: sys::thread_cpu()?, steal })
    }

    fn end(self, recorder: Recorder) -> anyhow::Result<Measured> {
        let own_cpu = sys::thread_cpu()?.saturating_sub(self.own_cpu);
        let after = self.process.map(Process::cpu).transpose()?;
        let cpu = after.zip(self.cpu).map(|(after, before)| after.since(&before));
        let (took, stolen) = (self.begun.elapsed(), Steal::now().since(&self.steal));
        Ok(Measured { recorder, cpu, own_cpu, took, stolen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::scenario::Arrivals;

    /// The rates that a search goes through when everything up to `knee` is kept, and what it finds.
    fn search(from: f64, to: f64, step: f64, knee: f64) -> (Vec<f64>, Option<f64>) {
        let (hold, slo_p99) = (Duration::ZERO, Duration::ZERO);
        let mut search = Search::new(&Ramp { arrivals: Arrivals::Constant, from, to, step, hold, slo_p99 });
        let mut rates = Vec::new();
        while let Some(rate) = search.next() {
            rates.push(rate);
            search.tell(rate, rate <= knee);
        }
        (rates, search.kept)
    }

    /// A search goes up in steps, tries what breaks once more, and closes in by halves.
    #[test]
    fn searches_for_the_knee() {
        let (rates, kept) = search(100.0, 1000.0, 100.0, 360.0);
        assert_eq!(rates, [100.0, 200.0, 300.0, 400.0, 400.0, 350.0, 375.0, 375.0, 363.0, 363.0]);
        assert_eq!(kept, Some(350.0));
        assert_eq!(search(100.0, 250.0, 100.0, 1e9), (vec![100.0, 200.0, 250.0], Some(250.0)));
        assert_eq!(search(100.0, 250.0, 100.0, 1.0), (vec![100.0, 100.0], None));
    }
}
