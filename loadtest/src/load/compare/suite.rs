//! Starts peers, has all of them measured, and ends them.

use std::time::Instant;

use anyhow::{Context, bail, ensure};

use super::baseline::Baseline;
use super::budget::{Budget, WARMUP};
use super::contender::Contender;
use super::exhibit::Section;
use super::launch::{Running, Stage};
use super::memory;
use super::origin::{FORMAT, Origin, version};
use super::peer::{self, Peer, direct, part_of};
use super::rounds::Suite;
use super::spread::Spread;
use super::verdict::{Skipped, StartUp, Verdict};
use crate::load::args::CompareArgs;
use crate::load::engine::{Ends, Watch, is_interrupted, need_descriptors, on_event_loop};
use crate::mock::{self, Mock, MockOptions};

/// What is compared with, if it is there.
const BASE: &str = "nginx";

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
        peer.headers.values_mut().for_each(|value| *value = stage.fill_header(value));
        budget.say(&format!("starting {}", peer.name));
        if is_interrupted() {
            break;
        }
        match start(&stage, &peer, args.starts, &budget) {
            Ok((running, start)) => {
                starts.push(start);
                contenders.push(Contender { peer, running: Some(running) });
            }
            // It is not this peer that did not start.
            Err(_) if is_interrupted() => break,
            Err(why) => {
                let skip = Skipped { name: peer.name, why: format!("{why:#}"), install: peer.install };
                budget.say(&skip.to_string());
                skipped.push(skip);
            }
        }
    }
    if contenders.is_empty() {
        ensure!(!is_interrupted(), "interrupted before anything was measured");
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
            Ok((tables, Baseline::judged(&suite.baseline, args.force)?, memory))
        })?;
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
