//! Measures gateway, relay and provider in turn.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use super::args::TruthArgs;
use super::judged::Bars;
use super::relay::{OWN_TIME, Relay, RelayArgs};
use super::report::Truth;
use super::sample::{Beside, Round};
use super::told::{SETTLE, Told};
use crate::load::check::OwnTime;
use crate::load::compare::bench::{Bench, Manner, load_of};
use crate::load::compare::budget::say;
use crate::load::compare::peer::part_of;
use crate::load::compare::peer::{self, Peer};
use crate::load::engine::{Load, Session, Target, Watch, is_interrupted};
use crate::load::measure::{Probes, Recorder, Tally};

/// How often the machine is looked at, and the provider asked directly, in rounds.
const LOOK_EVERY: usize = 4;

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
    let relay = || Relay::start(&relay_args(&bench)).context("the relay cannot be started");
    let relays = [relay()?, relay()?];
    say(&format!("starting {}", peer.name));
    let running = bench.stage.start(&peer, &part_of(&peer, &peer.model, false));
    let running = running.with_context(|| format!("the gateway {}", peer.name))?;
    let load = load_of(Some(args.rate));
    let (rounds, total, histogram, steady) = bench.run(async |watch: &Watch| {
        let (provider, provider_target) = bench.direct()?;
        let relayed = |relay: &Relay| format!("http://{}{}", relay.address, provider.base).parse();
        let relay_peer = Peer { name: "relay".to_owned(), ..Peer::plain() };
        let gateway = format!("http://127.0.0.1:{}{}", running.ports.plain, peer.base).parse()?;
        let bare: OwnTime = OWN_TIME.parse().map_err(|wrong: String| anyhow!(wrong))?;
        let mut gateway = Turn::begin(&bench, (&peer, gateway), own_time, load, watch).await?;
        let target = (&relay_peer, relayed(&relays[0])?);
        let mut relay = Turn::begin(&bench, target, bare.clone(), load, watch).await?;
        let target = (&relay_peer, relayed(&relays[1])?);
        let mut witness = Turn::begin(&bench, target, bare.clone(), load, watch).await?;
        let mut direct = Turn::begin(&bench, (&provider, provider_target), bare, load, watch).await?;
        let mut steady = bench.steady(watch).await?;
        let ask = || {
            peer.own_time_metric.as_deref().map(|metric| Told::ask(running.ports.admin, metric)).transpose()
        };
        monoio::time::sleep(SETTLE).await;
        let before = ask()?;
        let mut rounds = Vec::new();
        for round in 0..args.bench.rounds {
            say(&format!("round {} of {}", round + 1, args.bench.rounds));
            let looks = round.is_multiple_of(LOOK_EVERY);
            if looks {
                steady.look(args.bench.slice).await?;
            }
            let mut measured = Round::default();
            // Each is the first as often as the other.
            for turn in 0..2 {
                if turn == round % 2 {
                    measured.gateway = gateway.measure_beside(&mut witness, args, load).await?;
                } else {
                    measured.relay = relay.measure_beside(&mut witness, args, load).await?;
                }
            }
            if looks {
                measured.direct = Some(direct.measure_beside(&mut witness, args, load).await?);
            }
            // A round that is not whole compares nothing.
            if is_interrupted() {
                ensure!(round > 0, "interrupted in the first round: nothing was measured");
                break;
            }
            rounds.push(measured);
        }
        monoio::time::sleep(SETTLE).await;
        let told = ask()?.zip(before).zip(peer.own_time_metric.as_deref());
        let histogram = told.and_then(|((after, before), metric)| after.since(&before, metric));
        Ok((rounds, gateway.total, histogram, steady))
    })?;
    let baseline = bench.judge(&steady)?;
    let bars = Bars { p50_us: args.p50_bar.as_secs_f64() * 1e6, p99_percent: args.p99_bar };
    Truth::new(args, &peer.about, baseline, &rounds, &total, (bars, histogram))
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
        Ok(Self { name, has_own_time, session, probes, total: Tally::default() })
    }

    /// A slice of load, with the witness in turn, request by request: half of the time between two requests behind. What disturbs
    /// the machine for some milliseconds then meets both.
    async fn measure_beside(
        &mut self,
        witness: &mut Self,
        args: &TruthArgs,
        load: Load,
    ) -> anyhow::Result<Beside> {
        self.session.refresh().await;
        witness.session.refresh().await;
        let begun = Instant::now();
        let half = Duration::from_secs_f64(0.5 / args.rate);
        let own = self.slice(begun, args, load);
        let (own, other) = monoio::join!(own, witness.slice(begun + half, args, load));
        self.take(own)?;
        witness.take(other)?;
        let [probes, witness] = [self, witness].map(|turn| std::mem::take(&mut turn.probes.list));
        Ok(Beside { probes, witness })
    }

    /// A slice of load that begins at a moment.
    async fn slice(&mut self, from: Instant, args: &TruthArgs, load: Load) -> Recorder {
        let slice = args.bench.slice;
        let room = (args.rate * slice.as_secs_f64() * ROOM) as usize + 1;
        self.session.slice_from(from, load, slice, Recorder::probing(room)).await
    }

    /// Keeps what a slice showed.
    fn take(&mut self, mut recorder: Recorder) -> anyhow::Result<()> {
        if is_interrupted() {
            return Ok(());
        }
        self.probes = recorder.take_probes();
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
