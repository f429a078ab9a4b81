//! Starts peers, has all of them measured, and ends them.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::budget::Budget;
use super::comparison::Spread;
use super::exhibit::Section;
use super::launch::{Running, Stage};
use super::memory::{self, Openings};
use super::origin::{Origin, version};
use super::peer::{self, Peer};
use super::rounds::Suite;
use super::verdict::{Baseline, Skipped, StartUp, Verdict};
use crate::load::args::CompareArgs;
use crate::load::engine::{Ends, HttpVersion, Watch, is_interrupted, need_descriptors, on_event_loop};
use crate::load::measure::Process;
use crate::load::scenario::{Endpoint, Part};
use crate::mock::{self, Mock, MockOptions};

/// Version of the format of a comparison.
pub(super) const FORMAT: u32 = 1;

/// What is compared with, if it is there.
const BASE: &str = "nginx";

/// The provider without anything before it.
pub(super) const DIRECT: &str = "direct";

/// How long each target has load before anything of it is measured.
pub(super) const WARMUP: Duration = Duration::from_millis(300);

/// How much the baseline may drift.
pub(super) const DRIFT_MAX: f64 = 0.10;

/// Someone who is measured.
pub(super) struct Contender {
    pub peer: Peer,
    pub running: Option<Running>,
}

/// Starts the peers, measures all of them in turn, and ends them.
///
/// # Errors
/// When nothing can be compared, or the machine was not steady and nobody forced it.
pub fn compare_peers(args: &CompareArgs) -> anyhow::Result<Verdict> {
    let peers = peer::find(&args.peers)?;
    ensure!(
        args.ask.cpu != Some(args.peer_cpu),
        "the generator (--cpu) and the peers (--peer-cpu) need a core each"
    );
    // The provider shares this process. Peers inherit the limit, and need as many.
    need_descriptors(args.connections * (peers.len() + 2), Ends::Two)?;
    let (budget, origin) = (Budget::new(args.budget), Origin::now());
    let plan = memory::Plan::of(
        if args.has(Section::Memory) { &args.open } else { &[] },
        args.connections * peers.len(),
    )?;
    let provider = start_provider(args)?;
    let stage = Stage::new(provider.address, args.peer_cpu)?;
    let (mut contenders, mut skipped, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for mut peer in peers {
        ensure!(!is_interrupted(), "interrupted before anything was measured");
        peer.headers.values_mut().for_each(|value| *value = stage.fill_header(value));
        budget.say(&format!("starting {}", peer.name));
        match start(&stage, &peer, args.starts, &budget) {
            Ok((running, start)) => {
                starts.push(start);
                contenders.push(Contender { peer, running: Some(running) });
            }
            Err(why) => {
                let skip = Skipped { name: peer.name, why: format!("{why:#}"), install: peer.install };
                budget.say(&skip.to_string());
                skipped.push(skip);
            }
        }
    }
    if contenders.is_empty() {
        bail!(
            "no peer could be started:\n{}",
            skipped.iter().map(Skipped::to_string).collect::<Vec<_>>().join("\n")
        );
    }
    let base = base(args, &contenders)?;
    contenders.push(Contender { peer: direct(), running: None });
    let (tables, baseline, memory) =
        on_event_loop(args.ask.cpu, args.ask.wanted(), args.ask.timeout, async |watch: &Watch| {
            let mut suite = Suite {
                args,
                budget: &budget,
                stage: &stage,
                provider: &provider,
                contenders: &contenders,
                base: &base,
                watch,
                baseline: Vec::new(),
            };
            suite.warm_up().await?;
            let tables = suite.tables().await?;
            let memory = suite.memory(&plan.openings).await?;
            Ok((tables, Baseline::of(&suite.baseline, DRIFT_MAX), memory))
        })?;
    baseline.is_to_be_reported(args.force)?;
    Ok(Verdict {
        format: FORMAT,
        origin,
        seconds: budget.elapsed().as_secs_f64(),
        base,
        baseline,
        is_complete: !is_interrupted(),
        skipped,
        starts,
        tables,
        memory,
        memory_note: plan.note,
    })
}

/// Whom the others are compared with: who was asked for, else nginx, else the first.
fn base(args: &CompareArgs, contenders: &[Contender]) -> anyhow::Result<String> {
    let wanted = args.base.as_deref();
    let found = contenders.iter().find(|it| it.peer.name == wanted.unwrap_or(BASE));
    match (found, wanted) {
        (Some(contender), _) => Ok(contender.peer.name.clone()),
        (None, Some(wanted)) => bail!("no peer that could be started is named \"{wanted}\""),
        (None, None) => Ok(contenders[0].peer.name.clone()),
    }
}

fn start_provider(args: &CompareArgs) -> anyhow::Result<Mock> {
    mock::start(MockOptions { cpu: args.ask.cpu, ..MockOptions::default() }).context("the mock provider")
}

/// Starts a peer as often as asked for; the last one stays.
fn start(stage: &Stage, peer: &Peer, times: usize, budget: &Budget) -> anyhow::Result<(Running, StartUp)> {
    let part = part_of(peer, &peer.model, false);
    let begun = Instant::now();
    let mut running = stage.start(peer, &part)?;
    let mut milliseconds = vec![running.start.as_secs_f64() * 1000.0];
    for _ in 1..times {
        if !budget.allows_start(begun.elapsed()) {
            break;
        }
        drop(running);
        running = stage.start(peer, &part)?;
        milliseconds.push(running.start.as_secs_f64() * 1000.0);
    }
    let starts = milliseconds.len();
    let start_ms = Spread::of(milliseconds).context("at least one start")?;
    std::thread::sleep(WARMUP);
    let idle_bytes = running.process.resident_bytes();
    let (name, about, tried_with) = (peer.name.clone(), peer.about.clone(), peer.tried_with.clone());
    let version = version(&peer.version);
    Ok((running, StartUp { name, about, tried_with, version, starts, start_ms, idle_bytes }))
}

/// The provider, as if it were a peer.
pub(super) fn direct() -> Peer {
    Peer { name: DIRECT.to_owned(), ..Peer::plain() }
}

pub(super) fn part_of(peer: &Peer, model: &str, stream: bool) -> Part {
    let mut part = Part::plain(&peer.name, model);
    part.endpoint = Some(Endpoint::Chat);
    part.stream = stream;
    part.keys = peer.key.iter().cloned().collect();
    part.headers = peer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    part
}

/// Tells whoever looks what is being measured.
pub(super) fn say(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("ringgate-load: {what}");
    }
}

impl Contender {
    /// What it can open of all that is to be.
    pub fn openings<'a>(&'a self, all: &'a [Openings]) -> impl Iterator<Item = Openings> + 'a {
        let can = |version| version == HttpVersion::One || self.peer.plain_http2;
        all.iter().copied().filter(move |it| self.running.is_some() && can(it.version))
    }

    pub fn process(&self) -> Option<Process> {
        self.running.as_ref().map(|running| running.process)
    }
}
