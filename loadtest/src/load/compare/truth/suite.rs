//! Measures gateway, relay and provider in turn.

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, anyhow, bail, ensure};

use super::args::TruthArgs;
use super::relay::{OWN_TIME, Relay, RelayArgs};
use super::report::{Bars, Means, Round, Truth};
use super::told::{SETTLE, Told};
use crate::load::check::OwnTime;
use crate::load::compare::bench::{Bench, Manner, load_of};
use crate::load::compare::peer::{self, Peer};
use crate::load::compare::suite::{part_of, say};
use crate::load::engine::{Load, Session, Target, Watch, is_interrupted};
use crate::load::measure::{Probes, Recorder, Tally};
use crate::load::run::measure_into;

/// Room for the exchanges of a slice beyond those that are due.
const ROOM: f64 = 1.1;

/// Measures whether a gateway tells the truth.
///
/// # Errors
/// When something cannot be started or does not say what it should, or the machine was not steady and nobody forced it.
pub fn measure_truth(args: &TruthArgs) -> anyhow::Result<Truth> {
    let own_time: OwnTime =
        args.header.parse().map_err(|wrong: String| anyhow!(wrong)).context("--header")?;
    let peer = peer::find(std::slice::from_ref(&args.peer))?.swap_remove(0);
    let bench = Bench::new(&args.bench, true)?;
    let relay = Relay::start(&relay_args(&bench)).context("the relay cannot be started")?;
    say(&format!("starting {}", peer.name));
    let running = bench.stage.start(&peer, &part_of(&peer, &peer.model, false));
    let running = running.with_context(|| format!("the gateway {}", peer.name))?;
    let load = load_of(Some(args.rate));
    let (rounds, total, means, steady) = bench.run(async |watch: &Watch| {
        let (provider, provider_target) = bench.direct()?;
        let relayed = format!("http://{}{}", relay.address, provider.base).parse()?;
        let relay_peer = Peer { name: "relay".to_owned(), ..Peer::plain() };
        let gateway = format!("http://127.0.0.1:{}{}", running.ports.plain, peer.base).parse()?;
        let bare: OwnTime = OWN_TIME.parse().map_err(|wrong: String| anyhow!(wrong))?;
        let mut turns = [
            Turn::begin(&bench, (&peer, gateway), own_time, load, watch).await?,
            Turn::begin(&bench, (&relay_peer, relayed), bare.clone(), load, watch).await?,
            Turn::begin(&bench, (&provider, provider_target), bare, load, watch).await?,
        ];
        let mut steady = bench.steady(watch).await?;
        let ask = || {
            peer.own_time_metric.as_deref().map(|metric| Told::ask(running.ports.admin, metric)).transpose()
        };
        monoio::time::sleep(SETTLE).await;
        let before = ask()?;
        let mut rounds = Vec::new();
        for round in 0..args.bench.rounds {
            say(&format!("round {} of {}", round + 1, args.bench.rounds));
            for turn in 0..turns.len() {
                // Each is the first as often as any other.
                turns[(turn + round) % 3].measure(args, load).await?;
            }
            // A round that is not whole compares nothing.
            if is_interrupted() {
                ensure!(round > 0, "interrupted in the first round: nothing was measured");
                break;
            }
            let [gateway, relay, direct] = &turns;
            rounds.push(Round::of(&gateway.probes.list, &relay.probes.list, &direct.probes.list));
            steady.look(args.bench.slice).await?;
        }
        monoio::time::sleep(SETTLE).await;
        let told = ask()?.zip(before).zip(peer.own_time_metric.as_deref());
        let histogram = told.and_then(|((after, before), metric)| after.since(&before, metric));
        let [gateway, ..] = turns;
        let means = Means { histogram, header_us: gateway.own_us / gateway.exchanges.max(1) as f64 };
        Ok((rounds, gateway.total, means, steady))
    })?;
    let baseline = bench.judge(&steady)?;
    let bars = Bars { p50_us: args.p50_bar.as_secs_f64() * 1e6, p99_percent: args.p99_bar };
    Truth::new(args, &peer.about, baseline, &rounds, &total, (bars, means))
}

/// A relay where the gateway is, on an event loop of the same kind.
fn relay_args(bench: &Bench<'_>) -> RelayArgs {
    RelayArgs {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        provider: bench.provider.address,
        cpu: Some(bench.args.peer_cpu),
        boast_us: 0,
        epoll: false,
    }
}

/// Someone who is measured.
struct Turn {
    name: String,
    /// It has to say how long it took itself.
    has_own_time: bool,
    session: Session,
    /// The exchanges of the last slice.
    probes: Probes,
    /// What it said of all its exchanges, and how many there were.
    own_us: f64,
    exchanges: u64,
    total: Tally,
}

impl Turn {
    async fn begin(
        bench: &Bench<'_>,
        (peer, target): (&Peer, Target),
        own_time: OwnTime,
        load: Load,
        watch: &Watch,
    ) -> anyhow::Result<Self> {
        let has_own_time = target.address != bench.provider.address;
        let manner = Manner { own_time: Some(Rc::new(own_time)), ..Manner::default() };
        let session = bench.session(peer, target, manner, load, watch).await?;
        let (name, probes) = (peer.name.clone(), Probes::default());
        Ok(Self { name, has_own_time, session, probes, own_us: 0.0, exchanges: 0, total: Tally::default() })
    }

    async fn measure(&mut self, args: &TruthArgs, load: Load) -> anyhow::Result<()> {
        let slice = args.bench.slice;
        let room = (args.rate * slice.as_secs_f64() * ROOM) as usize + 1;
        let measured = measure_into(Recorder::probing(room), &mut self.session, load, slice, None).await?;
        if is_interrupted() {
            return Ok(());
        }
        let mut recorder = measured.recorder;
        self.probes = recorder.take_probes();
        self.own_us += self.probes.list.iter().filter_map(|probe| probe.own_us).sum::<f64>();
        self.exchanges += self.probes.list.len() as u64;
        self.total.add(&recorder.total);
        self.check(&recorder.total)
    }

    /// What cannot be compared is an error at once, not a figure at the end.
    fn check(&self, tally: &Tally) -> anyhow::Result<()> {
        let name = &self.name;
        if let Some((failure, count)) = tally.failures.first_key_value() {
            bail!("{name}: {count} x {failure} {}", tally.complaint.as_deref().unwrap_or_default());
        }
        let Probes { list, unstamped, .. } = &self.probes;
        ensure!(
            *unstamped == 0 && !list.is_empty(),
            "{name}: {unstamped} answers without the provider's stamps (x-mock-received, x-mock-answered): \
             it does not pass on headers that it does not know"
        );
        let silent = list.iter().filter(|probe| probe.own_us.is_none()).count();
        ensure!(
            silent == 0 || !self.has_own_time,
            "{name}: {silent} of {} answers do not say how long it took (--header names the header)",
            list.len()
        );
        Ok(())
    }
}
