//! What all measurements of one gateway need: a provider, a place for processes, connections, and an eye on the machine.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use super::baseline::Baseline;
use super::budget::WARMUP;
use super::launch::Stage;
use super::peer::{Peer, direct, part_of};
use crate::load::check::OwnTime;
use crate::load::engine::{
    Beat, HttpVersion, Load, Session, Setup, Target, Trust, Watch, is_interrupted, on_event_loop,
};
use crate::load::measure::Recorder;
use crate::load::run::measure;
use crate::load::scenario::{Arrivals, Scenario, positive, some_time};
use crate::mock::{self, Mock, MockOptions, Settings};
use crate::runtime::Wanted;
use crate::sys;

/// How one gateway is measured.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Times that everything is measured, in turn.
    #[arg(long, default_value_t = 20, value_parser = positive)]
    pub rounds: usize,
    /// How long each measurement takes.
    #[arg(long, default_value = "500ms", value_parser = some_time, value_name = "TIME")]
    pub slice: Duration,
    /// Connections that are kept open.
    #[arg(long, default_value_t = 64, value_parser = positive)]
    pub connections: usize,
    /// Bytes of a request body, at least; the prompt is padded.
    #[arg(long, default_value_t = 1024, value_name = "BYTES")]
    pub body_bytes: usize,
    /// Core of the gateway.
    #[arg(long, default_value_t = 0, value_name = "CORE")]
    pub peer_cpu: usize,
    /// Core of the generator and the provider; without it, wherever there is room.
    #[arg(long, value_name = "CORE")]
    pub cpu: Option<usize>,
    /// How long an answer may take.
    #[arg(long, default_value = "30s", value_parser = some_time, value_name = "TIME")]
    pub timeout: Duration,
    /// Use epoll for the generator, even where a ring would work.
    #[arg(long)]
    pub epoll: bool,
    /// Report even if the machine was not steady, with a mark.
    #[arg(long)]
    pub force: bool,
    /// Write the result as JSON to a file; without one, print it in place of the table.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

/// A provider, and a place for the processes that stand before it.
pub struct Bench<'a> {
    pub args: &'a BenchArgs,
    pub provider: Mock,
    pub stage: Stage,
}

/// How a target is spoken to.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    pub version: HttpVersion,
    pub own_time: Option<Rc<OwnTime>>,
}

impl<'a> Bench<'a> {
    /// Starts the provider; `stamps`: its answers say when they were asked for and given.
    ///
    /// # Errors
    /// When it cannot be started, or the cores are not two.
    pub fn new(args: &'a BenchArgs, stamps: bool) -> anyhow::Result<Self> {
        ensure!(
            args.cpu != Some(args.peer_cpu),
            "the generator (--cpu) and the gateway (--peer-cpu) need a core each"
        );
        // Processes that are started inherit it.
        sys::raise_descriptor_limit()?;
        let settings = Settings { stamps, ..Settings::default() };
        let options = MockOptions { cpu: args.cpu, settings, ..MockOptions::default() };
        let provider = mock::start(options).context("the mock provider")?;
        let stage = Stage::new(provider.address, args.peer_cpu)?;
        Ok(Self { args, provider, stage })
    }

    /// Runs what is to be measured on the generator's event loop.
    ///
    /// # Errors
    /// Those of `main`.
    pub fn run<T>(&self, main: impl AsyncFnOnce(&Watch) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let wanted = if self.args.epoll { Wanted::Epoll } else { Wanted::Best };
        on_event_loop(self.args.cpu, wanted, self.args.timeout, main)
    }

    /// Open and warm connections to a target.
    ///
    /// # Errors
    /// When it cannot be reached, or does not give a good answer.
    pub async fn session(
        &self,
        peer: &Peer,
        target: Target,
        manner: Manner,
        load: Load,
        watch: &Watch,
    ) -> anyhow::Result<Session> {
        let mut part = part_of(peer, &peer.model, false);
        part.body_bytes = self.args.body_bytes;
        part.own_time = manner.own_time;
        let mut scenario = Scenario::plain(part);
        scenario.plan.connections = self.args.connections;
        if manner.version == HttpVersion::Two {
            // As many requests at a time, over fewer connections.
            scenario.plan.streams = 8;
            scenario.plan.connections = self.args.connections.div_ceil(8);
        }
        let setup =
            Setup { version: manner.version, trust: Trust::Anything, seed: 0, timeout: self.args.timeout };
        let mut session = Session::new(target, &scenario, &setup, watch)?;
        session.open().await.with_context(|| peer.name.clone())?;
        session.slice(load, WARMUP, Recorder::default()).await;
        Ok(session)
    }

    /// The provider with nothing before it.
    ///
    /// # Errors
    /// When its address is none, which cannot be.
    pub fn direct(&self) -> anyhow::Result<(Peer, Target)> {
        Ok((direct(), self.provider.base_url().parse()?))
    }

    /// What the machine gives: a closed loop on the provider alone.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub async fn steady(&self, watch: &Watch) -> anyhow::Result<Steady> {
        let (peer, target) = self.direct()?;
        let session = self.session(&peer, target, Manner::default(), Load::Closed, watch).await?;
        Ok(Steady::new(session))
    }

    /// # Errors
    /// When the machine was not steady, and nobody forced it.
    pub fn judge(&self, steady: &Steady) -> anyhow::Result<Baseline> {
        steady.judge(self.args.force)
    }
}

/// Watches over the machine.
pub struct Steady {
    session: Session,
    slices: Vec<f64>,
}

impl Steady {
    /// `session`: warm connections to a provider with nothing before it.
    pub fn new(session: Session) -> Self {
        Self { session, slices: Vec::new() }
    }

    /// # Errors
    /// When it cannot be measured.
    pub async fn look(&mut self, slice: Duration) -> anyhow::Result<()> {
        let measured = measure(&mut self.session, Load::Closed, slice, None).await?;
        // A slice that was cut short says nothing of the machine.
        if !is_interrupted() {
            let tally = &measured.recorder.total;
            self.slices.push(tally.per_second(tally.good()));
        }
        Ok(())
    }

    /// # Errors
    /// When the machine was not steady, and nobody forced it.
    pub fn judge(&self, is_forced: bool) -> anyhow::Result<Baseline> {
        Baseline::judged(&self.slices, is_forced)
    }
}

/// A closed loop, or a rate.
pub fn load_of(rate: Option<f64>) -> Load {
    rate.map_or(Load::Closed, |per_second| {
        Load::Open(Beat::Rate { arrivals: Arrivals::Constant, per_second })
    })
}
