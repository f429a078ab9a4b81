//! Everything that is measured of peers, in rounds in which each has its turn.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::comparison::{Comparison, Contest, Spread};
use super::exhibit::{Exhibit, exhibits};
use super::launch::{Running, Stage};
use super::peer::{self, Peer};
use super::verdict::{Baseline, Memory, Skipped, StartUp, Table, Verdict};
use crate::load::args::CompareArgs;
use crate::load::check::Check;
use crate::load::engine::{
    Beat, Ends, Holder, HttpVersion, Load, Session, Setup, Target, Trust, Watch, is_interrupted,
    need_descriptors, on_event_loop,
};
use crate::load::measure::{Process, Recorder};
use crate::load::run::measure;
use crate::load::scenario::{Arrivals, Endpoint, Part, Scenario};
use crate::mock::{self, Mock, MockOptions};

/// What is compared with, if it is there.
const BASE: &str = "nginx";

/// The provider without anything before it.
pub(super) const DIRECT: &str = "direct";

/// How long each target has load before anything of it is measured.
pub(super) const WARMUP: Duration = Duration::from_millis(300);

/// How much the baseline may drift.
pub(super) const DRIFT_MAX: f64 = 0.10;

/// Someone who is measured.
struct Contender {
    peer: Peer,
    running: Option<Running>,
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
    let in_turns = args.connections * (peers.len() + 2);
    let open = args.open.iter().copied().max().unwrap_or(0);
    need_descriptors(open.max(in_turns), Ends::Two)?;
    let provider = start_provider(args)?;
    let stage = Stage::new(provider.address, args.peer_cpu)?;
    let (mut contenders, mut skipped, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for mut peer in peers {
        ensure!(!is_interrupted(), "interrupted before anything was measured");
        peer.headers.values_mut().for_each(|value| *value = stage.fill_header(value));
        match start(&stage, &peer, args.starts) {
            Ok((running, start)) => {
                starts.push(start);
                contenders.push(Contender { peer, running: Some(running) });
            }
            Err(why) => {
                skipped.push(Skipped { name: peer.name, why: format!("{why:#}"), install: peer.install });
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
                stage: &stage,
                provider: &provider,
                contenders: &contenders,
                base: &base,
                watch,
                baseline: Vec::new(),
            };
            suite.warm_up().await?;
            let tables = suite.tables().await?;
            let memory = suite.memory().await?;
            Ok((tables, Baseline::of(&suite.baseline, DRIFT_MAX), memory))
        })?;
    baseline.is_to_be_reported(args.force)?;
    Ok(Verdict { base, baseline, is_complete: !is_interrupted(), skipped, starts, tables, memory })
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
fn start(stage: &Stage, peer: &Peer, times: usize) -> anyhow::Result<(Running, StartUp)> {
    let part = part_of(peer, &peer.model, false);
    let mut running = stage.start(peer, &part)?;
    let mut milliseconds = vec![running.start.as_secs_f64() * 1000.0];
    for _ in 1..times {
        drop(running);
        running = stage.start(peer, &part)?;
        milliseconds.push(running.start.as_secs_f64() * 1000.0);
    }
    let start_ms = Spread::of(milliseconds).context("at least one start")?;
    std::thread::sleep(WARMUP);
    let idle_bytes = running.process.resident_bytes();
    let (name, about, tried_with) = (peer.name.clone(), peer.about.clone(), peer.tried_with.clone());
    Ok((running, StartUp { name, about, tried_with, start_ms, idle_bytes }))
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

/// Someone who is measured in rounds.
struct Turn {
    contest: Contest,
    session: Session,
    process: Option<Process>,
    /// Why it takes no more turns.
    lost: Option<String>,
}

impl Turn {
    async fn take(&mut self, load: Load, slice: Duration) {
        if self.lost.is_some() || is_interrupted() {
            return;
        }
        match measure(&mut self.session, load, slice, self.process).await {
            // One that was cut short before its first answer.
            Ok(measured) if is_interrupted() && measured.recorder.total.answered() == 0 => {}
            Ok(measured) => self.contest.add(&measured),
            Err(why) => self.lost = Some(format!("{why:#}")),
        }
    }

    fn failure(&self) -> Option<String> {
        let why = self.lost.as_ref()?;
        Some(format!("{}: after {} rounds: {why}", self.contest.name, self.contest.rounds()))
    }
}

struct Suite<'a> {
    args: &'a CompareArgs,
    stage: &'a Stage,
    provider: &'a Mock,
    contenders: &'a [Contender],
    base: &'a str,
    watch: &'a Watch,
    /// Requests per second of the provider alone, all through the run.
    baseline: Vec<f64>,
}

impl Suite<'_> {
    /// Puts load on each peer, so that what compiles itself as it runs has done so.
    async fn warm_up(&self) -> anyhow::Result<()> {
        for contender in self.contenders.iter().filter(|contender| contender.running.is_some()) {
            say(&format!("warming up {}", contender.peer.name));
            for exhibit in [Exhibit::PLAIN, Exhibit { stream: true, ..Exhibit::PLAIN }] {
                let mut session = self.session(contender, exhibit)?;
                // One that gives no good answer is named where it is measured.
                if session.open().await.is_ok() {
                    session.slice(Load::Closed, self.args.warmup / 2, Recorder::default()).await;
                }
            }
        }
        Ok(())
    }

    async fn tables(&mut self) -> anyhow::Result<Vec<Table>> {
        let mut tables = Vec::new();
        for exhibit in exhibits(&self.args.rates, self.stage.has_certificate) {
            if is_interrupted() {
                break;
            }
            if !self
                .contenders
                .iter()
                .any(|contender| exhibit.fits(&contender.peer, contender.running.is_some()))
            {
                continue;
            }
            let title = exhibit.title();
            say(&title);
            let (comparison, failed) = match self.measure(exhibit).await {
                // What was measured before is worth more than what could not be begun.
                Err(_) if is_interrupted() => break,
                measured => measured.with_context(|| title.clone())?,
            };
            // Interrupted before the first answer of its first round.
            if is_interrupted() && comparison.rows.iter().all(|row| row.rounds == 0) {
                break;
            }
            tables.push(Table { title, comparison, failed });
        }
        Ok(tables)
    }

    /// Measures one thing of all who can do it, in rounds; tells who could not after all.
    async fn measure(&mut self, exhibit: Exhibit) -> anyhow::Result<(Comparison, Vec<String>)> {
        let load = exhibit.rate.map_or(Load::Closed, |per_second| {
            Load::Open(Beat::Rate { arrivals: Arrivals::Constant, per_second })
        });
        let (mut turns, mut failed): (Vec<Turn>, Vec<String>) = (Vec::new(), Vec::new());
        for contender in self
            .contenders
            .iter()
            .filter(|contender| exhibit.fits(&contender.peer, contender.running.is_some()))
        {
            let mut session = self.session(contender, exhibit)?;
            if let Err(why) = session.open().await {
                failed.push(format!("{}: {why:#}", contender.peer.name));
                continue;
            }
            session.slice(load, WARMUP, Recorder::default()).await;
            let contest = Contest::new(&contender.peer.name, exhibit.stream);
            turns.push(Turn { contest, session, process: contender.process(), lost: None });
        }
        let mut steady = self.steady().await?;
        for round in 0..self.args.rounds {
            for turn in 0..turns.len() {
                let at = (turn + round) % turns.len();
                turns[at].take(load, self.args.slice).await;
            }
            // A slice that was cut short says nothing of the machine.
            if is_interrupted() {
                break;
            }
            let measured = measure(&mut steady, Load::Closed, self.args.slice, None).await?;
            let tally = &measured.recorder.total;
            self.baseline.push(tally.per_second(tally.good()));
        }
        failed.extend(turns.iter().filter_map(Turn::failure));
        let contests: Vec<&Contest> = turns.iter().map(|turn| &turn.contest).collect();
        Ok((Comparison::new(self.base.to_owned(), exhibit.stream, &contests), failed))
    }

    /// A closed loop on the provider alone: what the machine gives.
    async fn steady(&self) -> anyhow::Result<Session> {
        let Some(direct) = self.contenders.iter().find(|it| it.running.is_none()) else {
            bail!("no baseline")
        };
        let mut session = self.session(direct, Exhibit::PLAIN)?;
        session.open().await?;
        session.slice(Load::Closed, WARMUP, Recorder::default()).await;
        Ok(session)
    }

    fn session(&self, contender: &Contender, exhibit: Exhibit) -> anyhow::Result<Session> {
        let peer = &contender.peer;
        let model = if exhibit.stream { &peer.stream_model } else { &peer.model };
        let mut part = part_of(peer, model, exhibit.stream);
        part.events = peer.stream_events.filter(|_| exhibit.stream);
        part.body_bytes = self.args.ask.body_bytes.unwrap_or(part.body_bytes);
        let mut scenario = Scenario::plain(part);
        scenario.plan.connections = self.args.connections;
        scenario.plan.check = if peer.check == Check::Shape { peer.check } else { self.args.check };
        if exhibit.version == HttpVersion::Two {
            // As many requests at a time, over fewer connections.
            scenario.plan.streams = 8;
            scenario.plan.connections = self.args.connections.div_ceil(8);
        }
        Session::new(
            self.target(contender, exhibit.tls, exhibit.version)?,
            &scenario,
            &self.setup(exhibit.version),
            self.watch,
        )
    }

    fn setup(&self, version: HttpVersion) -> Setup<'_> {
        Setup { version, trust: Trust::Anything, seed: 0, timeout: self.args.ask.timeout }
    }

    fn target(&self, contender: &Contender, tls: bool, version: HttpVersion) -> anyhow::Result<Target> {
        let base = &contender.peer.base;
        let Some(Running { ports, .. }) = &contender.running else {
            return format!("http://{}{base}", self.provider.address).parse();
        };
        let (scheme, port) = match (tls, version) {
            (true, _) => ("https", ports.tls),
            (false, HttpVersion::One) => ("http", ports.plain),
            (false, HttpVersion::Two) => ("http", ports.http2),
        };
        format!("{scheme}://127.0.0.1:{port}{base}").parse()
    }

    /// What open streams cost each peer.
    async fn memory(&self) -> anyhow::Result<Vec<Memory>> {
        let mut rows = Vec::new();
        for contender in self.contenders {
            let Some(running) = &contender.running else { continue };
            let before = running.process.resident_bytes();
            for open in &self.args.open {
                if is_interrupted() {
                    return Ok(rows);
                }
                say(&format!("{open} open streams of {}", contender.peer.name));
                rows.push(self.memory_of(contender, running.process, before, *open).await);
            }
        }
        Ok(rows)
    }

    async fn memory_of(&self, contender: &Contender, process: Process, before: u64, open: usize) -> Memory {
        let opened = self.open_streams(contender, open).await;
        monoio::time::sleep(WARMUP).await;
        let after = process.resident_bytes();
        let name = contender.peer.name.clone();
        Memory {
            name,
            open,
            before_bytes: before,
            after_bytes: after,
            failed: opened.err().map(|why| format!("{why:#}")),
        }
    }

    async fn open_streams(&self, contender: &Contender, open: usize) -> anyhow::Result<Holder<'_>> {
        let part = part_of(&contender.peer, &contender.peer.open_model, true);
        let setup = self.setup(HttpVersion::One);
        let target = self.target(contender, false, setup.version)?;
        let mut holder = Holder::new(&target, &part, &setup, self.watch)?;
        holder.open_many(open).await?;
        Ok(holder)
    }
}

impl Contender {
    fn process(&self) -> Option<Process> {
        self.running.as_ref().map(|running| running.process)
    }
}
