//! Everything that is measured of peers, in rounds in which each has its turn.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::budget::{Budget, WARMUP};
use super::comparison::Comparison;
use super::contender::Contender;
use super::contest::Contest;
use super::exhibit::{Exhibit, Section, exhibits};
use super::launch::{Running, Stage};
use super::memory::{Memory, Openings, SETTLE};
use super::peer::{Peer, part_of};
use super::verdict::Table;
use crate::load::args::CompareArgs;
use crate::load::check::Check;
use crate::load::engine::{Beat, HttpVersion, Load, Session, Setup, Target, Trust, Watch, is_interrupted};
use crate::load::measure::{Process, Recorder};
use crate::load::run::measure;
use crate::load::scenario::{Arrivals, Scenario};
use crate::mock::Mock;

/// Rounds that a table has even where there is no more time.
const ROUNDS_MIN: usize = 3;

/// Slices that a turn may take on average.
const TURN_SLICES: u32 = 2;

/// A rate that is so near to what someone can answer says nothing of its latency.
const RATE_SHARE_MAX: f64 = 0.8;

/// Someone who is measured in rounds.
struct Turn {
    contest: Contest,
    session: Session,
    process: Option<Process>,
    /// What its turns took so far: of one that is slow, its last answers take many times its slice.
    spent: Duration,
    /// Why it takes no more turns.
    lost: Option<String>,
}

impl Turn {
    async fn take(&mut self, load: Load, slice: Duration, round: usize) {
        if self.lost.is_some() || is_interrupted() {
            return;
        }
        // Whoever takes the time of the others has fewer turns.
        if self.spent > slice * TURN_SLICES * round as u32 {
            self.contest.sit_out();
            return;
        }
        let begun = Instant::now();
        match measure(&mut self.session, load, slice, self.process).await {
            // One that was cut short before its first answer.
            Ok(measured) if is_interrupted() && measured.recorder.total.answered() == 0 => {}
            Ok(measured) => self.contest.add(&measured),
            Err(why) => self.lost = Some(format!("{why:#}")),
        }
        self.spent += begun.elapsed();
    }

    fn failure(&self) -> Option<String> {
        let why = self.lost.as_ref()?;
        Some(format!("{}: after {} rounds: {why}", self.contest.name, self.contest.rounds()))
    }
}

pub struct Suite<'a> {
    pub args: &'a CompareArgs,
    pub budget: &'a Budget,
    pub stage: &'a Stage,
    pub provider: &'a Mock,
    pub contenders: &'a [Contender],
    pub base: &'a str,
    pub watch: &'a Watch,
    /// Requests per second of the provider alone, all through the run.
    pub baseline: Vec<f64>,
}

impl Suite<'_> {
    /// Puts load on each peer, so that what compiles itself as it runs has done so.
    pub async fn warm_up(&self) -> anyhow::Result<()> {
        let time = self.budget.warmup(self.args.warmup, self.contenders.len() - 1);
        for contender in self.contenders.iter().filter(|contender| contender.running.is_some()) {
            self.budget.say(&format!("warming up {}", contender.peer.name));
            for exhibit in [Exhibit::PLAIN, Exhibit { stream: true, ..Exhibit::PLAIN }] {
                let mut session = self.session(contender, exhibit)?;
                // One that gives no good answer is named where it is measured.
                if session.open().await.is_ok() {
                    session.slice(Load::Closed, time / 2, Recorder::default()).await;
                }
            }
        }
        Ok(())
    }

    pub async fn tables(&mut self) -> anyhow::Result<Vec<Table>> {
        let wanted: Vec<Exhibit> = exhibits(&self.args.rates, self.stage.has_certificate)
            .into_iter()
            .filter(|exhibit| self.args.has(exhibit.section()))
            .filter(|exhibit| self.contenders.iter().any(|it| exhibit.fits(&it.peer, it.running.is_some())))
            .collect();
        let mut tables: Vec<Table> = Vec::new();
        for (index, &exhibit) in wanted.iter().enumerate() {
            if is_interrupted() {
                break;
            }
            let title = exhibit.title();
            self.budget.say(&format!("table {} of {}: {title}", index + 1, wanted.len()));
            let weights = wanted[index..].iter().map(Exhibit::weight).sum();
            let until = self.budget.table_until(exhibit.weight(), weights, self.args.has(Section::Memory));
            let left_out = too_slow(exhibit, &tables);
            let (comparison, failed) = match self.measure(exhibit, &left_out, until).await {
                // What was measured before is worth more than what could not be begun.
                Err(_) if is_interrupted() => break,
                measured => measured.with_context(|| title.clone())?,
            };
            // Interrupted before the first answer of its first round.
            if is_interrupted() && comparison.rows.iter().all(|row| row.rounds == 0) {
                break;
            }
            let left_out = left_out.into_iter().map(|(_, why)| why).collect();
            tables.push(Table { title, exhibit, comparison, failed, left_out });
        }
        Ok(tables)
    }

    /// Measures one thing of all who can do it, in rounds; tells who could not after all.
    async fn measure(
        &mut self,
        exhibit: Exhibit,
        left_out: &[(String, String)],
        until: Option<Instant>,
    ) -> anyhow::Result<(Comparison, Vec<String>)> {
        let load = exhibit.rate.map_or(Load::Closed, |per_second| {
            Load::Open(Beat::Rate { arrivals: Arrivals::Constant, per_second })
        });
        let (mut turns, mut failed): (Vec<Turn>, Vec<String>) = (Vec::new(), Vec::new());
        for contender in self
            .contenders
            .iter()
            .filter(|contender| exhibit.fits(&contender.peer, contender.running.is_some()))
            .filter(|contender| left_out.iter().all(|(name, _)| *name != contender.peer.name))
        {
            let mut session = self.session(contender, exhibit)?;
            if let Err(why) = session.open().await {
                failed.push(format!("{}: {why:#}", contender.peer.name));
                continue;
            }
            session.slice(load, WARMUP, Recorder::default()).await;
            let contest = Contest::new(&contender.peer.name, exhibit.stream);
            turns.push(Turn {
                contest,
                session,
                process: contender.process(),
                spent: Duration::ZERO,
                lost: None,
            });
        }
        let mut steady = self.steady().await?;
        for round in 0..self.args.rounds_max() {
            let is_over = until.is_some_and(|until| Instant::now() > until);
            if is_over && (round >= ROUNDS_MIN || turns.is_empty()) {
                break;
            }
            for turn in 0..turns.len() {
                let at = (turn + round) % turns.len();
                turns[at].take(load, self.args.slice, round).await;
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
        let target = match &contender.running {
            None => format!("http://{}{}", self.provider.address, peer.base).parse()?,
            Some(running) => target(&peer.base, running, exhibit.tls, exhibit.version)?,
        };
        self.session_of(peer, target, exhibit)
    }

    fn session_of(&self, peer: &Peer, target: Target, exhibit: Exhibit) -> anyhow::Result<Session> {
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
        Session::new(target, &scenario, &self.setup(exhibit.version), self.watch)
    }

    fn setup(&self, version: HttpVersion) -> Setup<'_> {
        Setup { version, trust: Trust::Anything, seed: 0, timeout: self.args.ask.timeout }
    }
}

/// Those whom a table before showed to be too slow for its rate, and the words for it.
fn too_slow(exhibit: Exhibit, before: &[Table]) -> Vec<(String, String)> {
    let Some(rate) = exhibit.rate else { return Vec::new() };
    let same = |table: &&Table| table.exhibit == Exhibit { rate: None, ..exhibit };
    let Some(table) = before.iter().find(same) else { return Vec::new() };
    let rows = table.comparison.rows.iter().filter(|row| row.rounds > 0);
    let slow = rows.filter(|row| rate > row.requests_per_s.median * RATE_SHARE_MAX);
    slow.map(|row| {
        let most = row.requests_per_s.median;
        (row.target.clone(), format!("{}: left out, it answers {most:.0} per second at most", row.target))
    })
    .collect()
}

impl Suite<'_> {
    /// What open streams cost each peer.
    pub async fn memory(&self, openings: &[Openings]) -> anyhow::Result<Vec<Memory>> {
        let mut rows = Vec::new();
        let mut left = self.contenders.iter().map(|it| it.openings(openings).count()).sum::<usize>();
        for version in [HttpVersion::One, HttpVersion::Two] {
            for contender in self.contenders {
                let mine: Vec<Openings> =
                    contender.openings(openings).filter(|it| it.version == version).collect();
                // Streams that were open before would leave their memory to these.
                let fresh = match version {
                    HttpVersion::Two if !mine.is_empty() => Some(self.fresh(contender).await?),
                    HttpVersion::One | HttpVersion::Two => None,
                };
                let Some(running) = fresh.as_ref().or(contender.running.as_ref()) else { continue };
                let before = running.process.resident_bytes();
                for openings in mine {
                    if is_interrupted() {
                        return Ok(rows);
                    }
                    let target = target(&contender.peer.base, running, false, version)?;
                    let until = self.budget.memory_until(left);
                    left -= 1;
                    let setup = self.setup(version);
                    let process = (running.process, before);
                    let measured = Memory::measure(
                        &contender.peer,
                        &target,
                        process,
                        openings,
                        &setup,
                        (self.watch, until),
                    );
                    let row = measured.await?;
                    self.budget.say(&format!("memory of {} with {}", row.name, row.column()));
                    rows.push(row);
                    monoio::time::sleep(SETTLE).await;
                }
            }
        }
        Ok(rows)
    }

    /// Another process of a peer, a little warm.
    async fn fresh(&self, contender: &Contender) -> anyhow::Result<Running> {
        let peer = &contender.peer;
        let running = self.stage.start(peer, &part_of(peer, &peer.model, false))?;
        let exhibit = Exhibit { stream: true, version: HttpVersion::Two, ..Exhibit::PLAIN };
        let mut session =
            self.session_of(peer, target(&peer.base, &running, false, exhibit.version)?, exhibit)?;
        // One that gives no good answer is named where it is measured.
        if session.open().await.is_ok() {
            session.slice(Load::Closed, WARMUP, Recorder::default()).await;
        }
        drop(session);
        monoio::time::sleep(SETTLE).await;
        Ok(running)
    }
}

/// Where a peer that runs is to be asked.
fn target(base: &str, running: &Running, tls: bool, version: HttpVersion) -> anyhow::Result<Target> {
    let ports = running.ports;
    let (scheme, port) = match (tls, version) {
        (true, _) => ("https", ports.tls),
        (false, HttpVersion::One) => ("http", ports.plain),
        (false, HttpVersion::Two) => ("http", ports.http2),
    };
    format!("{scheme}://127.0.0.1:{port}{base}").parse()
}
