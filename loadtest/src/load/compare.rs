//! Short slices of load on several targets in turn, and how they compare.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::args::{CompareArgs, NamedTarget};
use super::comparison::{Comparison, Contest};
use super::process::Process;
use super::run::{measure, on_event_loop};
use super::session::{Load, Session};
use super::watch::{Watch, is_interrupted};

/// How long each target has load before anything is measured.
const WARMUP: Duration = Duration::from_millis(200);

/// A target with what was measured of it.
struct Contender {
    contest: Contest,
    process: Option<Process>,
    session: Session,
}

/// Measures all targets in turn, in every round.
///
/// # Errors
/// When a target or a process cannot be reached, or a first answer is wrong.
pub fn compare(args: &CompareArgs) -> anyhow::Result<Comparison> {
    let base = args.base.clone().unwrap_or_else(|| args.targets[0].name.clone());
    ensure!(args.targets.iter().any(|target| target.name == base), "no target is named \"{base}\"");
    let load = args.rate.map_or(Load::Closed, Load::Rate);
    on_event_loop(&args.ask, async |watch: &Watch| {
        let mut contenders = Vec::new();
        for named in args.targets.iter().chain(&args.direct) {
            let mut contender = Contender::new(args, named, watch).with_context(|| named.name.clone())?;
            contender.session.open().await.with_context(|| named.name.clone())?;
            contender.session.slice(load, WARMUP).await;
            contenders.push(contender);
        }
        for round in 0..args.rounds {
            for turn in 0..contenders.len() {
                // Each target is the first as often as any other.
                let index = (turn + round) % contenders.len();
                contenders[index].measure(load, args.slice).await?;
                if is_interrupted() {
                    break;
                }
            }
        }
        let contests: Vec<&Contest> = contenders.iter().map(|contender| &contender.contest).collect();
        Ok(Comparison::new(base, args.stream, &contests))
    })
}

impl Contender {
    fn new(args: &CompareArgs, named: &NamedTarget, watch: &Watch) -> anyhow::Result<Self> {
        let mut ask = args.ask.ask(args.stream, "mock");
        ask.key = named.key.clone().or(ask.key);
        ask.model = named.model.clone().unwrap_or(ask.model);
        Ok(Self {
            contest: Contest::new(&named.name, args.stream),
            process: named.pid.map(Process::new).transpose()?,
            session: Session::new(named.target.clone(), &ask, args.connections, args.events, watch),
        })
    }

    async fn measure(&mut self, load: Load, slice: Duration) -> anyhow::Result<()> {
        let measured = measure(&mut self.session, load, slice, self.process).await?;
        self.contest.add(&measured);
        Ok(())
    }
}
