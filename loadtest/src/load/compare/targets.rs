//! Targets that run already.
//!
//! Whatever they are, the machine is the same one: a provider of our own, which nobody stands before, has a turn in each round,
//! and tells whether the machine was.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use super::baseline::Baseline;
use super::bench::Steady;
use super::comparison::Comparison;
use super::contest::Contest;
use super::peer::{direct, part_of};
use crate::load::args::{CompareArgs, NamedTarget};
use crate::load::engine::{
    Beat, Ends, HttpVersion, Load, Session, Watch, is_interrupted, need_descriptors, on_event_loop,
};
use crate::load::measure::{Process, Recorder};
use crate::load::run::measure;
use crate::load::scenario::{Arrivals, Scenario};
use crate::mock::{self, Mock, MockOptions};

/// How long each target has load before anything is measured.
const WARMUP: Duration = Duration::from_millis(200);

/// A target with what was measured of it.
struct Contender {
    contest: Contest,
    process: Option<Process>,
    session: Session,
}

/// What was measured of targets that run, and of the machine meanwhile.
#[derive(Clone, Debug, Serialize)]
pub struct Targets {
    pub baseline: Baseline,
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Deref for Targets {
    type Target = Comparison;
    fn deref(&self) -> &Comparison {
        &self.comparison
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n\n{}", self.baseline.told(), self.comparison)
    }
}

/// Measures all targets in turn, in every round.
///
/// # Errors
/// When a target or a process cannot be reached, a first answer is wrong, or the machine was not steady and nobody forced it.
pub fn compare(args: &CompareArgs) -> anyhow::Result<Targets> {
    let Some(first) = args.targets.first() else {
        bail!(
            "nothing to compare: --peer NAME starts one (`ringgate-load peers` lists them), --target NAME=URL takes one that runs"
        );
    };
    let base = args.base.clone().unwrap_or_else(|| first.name.clone());
    ensure!(args.targets.iter().any(|target| target.name == base), "no target is named \"{base}\"");
    // One more is the direct target, and two are the ends of the connections to our provider.
    need_descriptors(args.connections * (args.targets.len() + 3), Ends::One)?;
    let provider = mock::start(MockOptions { cpu: args.ask.cpu, ..MockOptions::default() })
        .context("the mock provider")?;
    let rate = |per_second| Load::Open(Beat::Rate { arrivals: Arrivals::Constant, per_second });
    let load = args.rate.map_or(Load::Closed, rate);
    on_event_loop(args.ask.cpu, args.ask.wanted(), args.ask.timeout, async |watch: &Watch| {
        let mut contenders = Vec::new();
        for named in args.targets.iter().chain(&args.direct) {
            let mut contender = Contender::new(args, named, watch).with_context(|| named.name.clone())?;
            contender.session.open().await.with_context(|| named.name.clone())?;
            contender.session.slice(load, WARMUP, Recorder::default()).await;
            contenders.push(contender);
        }
        let mut steady = steady(args, &provider, watch).await?;
        'rounds: for round in 0..args.rounds_max() {
            for turn in 0..contenders.len() {
                // Each target is the first as often as any other.
                let index = (turn + round) % contenders.len();
                contenders[index].measure(load, args.slice).await?;
                if is_interrupted() {
                    break 'rounds;
                }
            }
            steady.look(args.slice).await?;
        }
        let contests: Vec<&Contest> = contenders.iter().map(|contender| &contender.contest).collect();
        let comparison = Comparison::new(base, args.stream, &contests);
        Ok(Targets { baseline: steady.judge(args.force)?, comparison })
    })
}

/// Warm connections to our provider.
async fn steady(args: &CompareArgs, provider: &Mock, watch: &Watch) -> anyhow::Result<Steady> {
    let peer = direct();
    let mut scenario = Scenario::plain(part_of(&peer, &peer.model, false));
    scenario.plan.connections = args.connections;
    let setup = args.ask.setup(HttpVersion::One, 0);
    let mut session = Session::new(provider.base_url().parse()?, &scenario, &setup, watch)?;
    session.open().await.context("the mock provider")?;
    session.slice(Load::Closed, WARMUP, Recorder::default()).await;
    Ok(Steady::new(session))
}

impl Contender {
    fn new(args: &CompareArgs, named: &NamedTarget, watch: &Watch) -> anyhow::Result<Self> {
        let mut part = args.ask.part(&named.name, "mock");
        part.keys = named.key.iter().chain(&args.ask.key).take(1).cloned().collect();
        part.model = named.model.clone().unwrap_or(part.model);
        part.stream = args.stream;
        part.events = args.events;
        let mut scenario = Scenario::plain(part);
        scenario.plan.connections = args.connections;
        scenario.plan.check = args.check;
        let setup = args.ask.setup(HttpVersion::One, 0);
        Ok(Self {
            contest: Contest::new(&named.name, args.stream),
            process: named.pid.map(Process::new).transpose()?,
            session: Session::new(named.target.clone(), &scenario, &setup, watch)?,
        })
    }

    async fn measure(&mut self, load: Load, slice: Duration) -> anyhow::Result<()> {
        let measured = measure(&mut self.session, load, slice, self.process).await?;
        // One that was cut short before its first answer has no figures.
        if !is_interrupted() || measured.recorder.total.answered() > 0 {
            self.contest.add(&measured);
        }
        Ok(())
    }
}
