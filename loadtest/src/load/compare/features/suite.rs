//! Starts the gateway once for each feature, and measures all of them in turn.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::args::FeaturesArgs;
use super::costs::{Cost, Costed, FeatureCosts, Fixed};
use super::file::{Feature, Features, Transport, Variant};
use crate::load::compare::bench::{Bench, Manner, load_of};
use crate::load::compare::budget::say;
use crate::load::compare::launch::Running;
use crate::load::compare::origin::FORMAT;
use crate::load::compare::origin::Origin;
use crate::load::compare::peer::part_of;
use crate::load::compare::verdict::Skipped;
use crate::load::engine::{HttpVersion, Load, Session, Target, Watch, is_interrupted};
use crate::load::run::measure_settled;

/// Names of what is no feature.
pub const LEAN: &str = "lean";
pub const LEAN_AGAIN: &str = "lean-again";
pub const ALL: &str = "all-together";

/// How long a gateway has after a slice for what it still writes: longer than a log core sleeps.
const SETTLE: Duration = Duration::from_millis(60);

/// A gateway that runs.
struct Contender {
    variant: Variant,
    running: Running,
    cost: Cost,
}

/// Measures what each feature costs.
///
/// # Errors
/// When the list is wrong, a gateway does not start, or the machine was not steady and nobody forced it.
pub fn measure_features(args: &FeaturesArgs) -> anyhow::Result<FeatureCosts> {
    let mut features = Features::read(args.file.as_deref())?;
    features.keep(&args.only)?;
    let (origin, bench) = (Origin::now(), Bench::new(&args.bench, false)?);
    let (mut contenders, skipped) = start_all(&features, &bench)?;
    let load = load_of(args.rate);
    let steady = bench.run(async |watch: &Watch| {
        let mut sessions = Vec::new();
        for contender in &contenders {
            sessions.push(contender.session(&bench, load, watch).await?);
        }
        let mut steady = bench.steady(watch).await?;
        for round in 0..args.bench.rounds {
            say(&format!("round {} of {}", round + 1, args.bench.rounds));
            let mut measured = Vec::new();
            for turn in 0..contenders.len() {
                // Each is the first as often as any other.
                let at = (turn + round) % contenders.len();
                let (process, session) = (contenders[at].running.process, &mut sessions[at]);
                measured.push((at, measure_settled(session, load, args.bench.slice, process, SETTLE).await?));
            }
            // A round that is not whole has no base for its differences.
            if is_interrupted() {
                ensure!(round > 0, "interrupted in the first round: nothing was measured");
                break;
            }
            for (at, measured) in &measured {
                contenders[*at].cost.add(measured);
            }
            steady.look(args.bench.slice).await?;
        }
        Ok(steady)
    })?;
    let baseline = bench.judge(&steady)?;
    let costs: Vec<Cost> = contenders.into_iter().map(|contender| contender.cost).collect();
    let rows = costs.iter().map(|cost| Costed::new(cost, &costs)).collect::<anyhow::Result<_>>()?;
    let fixed = features.list.iter().filter_map(Fixed::of).collect();
    Ok(FeatureCosts {
        format: FORMAT,
        origin,
        baseline,
        is_complete: !is_interrupted(),
        rows,
        fixed,
        skipped,
    })
}

fn start_all(features: &Features, bench: &Bench<'_>) -> anyhow::Result<(Vec<Contender>, Vec<Skipped>)> {
    let (mut contenders, mut skipped) = (Vec::new(), Vec::new());
    let lean = "nothing that can be switched off";
    contenders.push(Contender::start(features.lean(LEAN)?, Cost::new(LEAN, lean, None), bench)?);
    let again = Cost::new(LEAN_AGAIN, "a second process without any difference", Some(LEAN));
    contenders.push(Contender::start(features.lean(LEAN_AGAIN)?, again, bench)?);
    for feature in features.list.iter().filter(|feature| feature.is_switchable()) {
        if feature.transport.is_some() && !bench.stage.has_certificate {
            skipped.push(no_certificate(feature));
            continue;
        }
        let cost = Cost::new(&feature.name, &feature.about, Some(feature.on.as_deref().unwrap_or(LEAN)));
        contenders.push(Contender::start(features.with(feature)?, cost, bench)?);
    }
    let all = Cost::new(ALL, "all of them, but for those with a transport of their own", Some(LEAN));
    contenders.push(Contender::start(features.with_all(ALL)?, all, bench)?);
    Ok((contenders, skipped))
}

fn no_certificate(feature: &Feature) -> Skipped {
    Skipped {
        name: feature.name.clone(),
        why: "its certificate could not be made".to_owned(),
        install: "the program openssl is needed".to_owned(),
    }
}

impl Contender {
    fn start(variant: Variant, cost: Cost, bench: &Bench<'_>) -> anyhow::Result<Self> {
        say(&format!("starting {}", variant.peer.name));
        let part = part_of(&variant.peer, &variant.peer.model, false);
        let started = bench.stage.start(&variant.peer, &part);
        let running = started.with_context(|| format!("the gateway for \"{}\"", variant.peer.name))?;
        Ok(Self { variant, running, cost })
    }

    async fn session(&self, bench: &Bench<'_>, load: Load, watch: &Watch) -> anyhow::Result<Session> {
        let version = match self.variant.transport {
            Some(Transport::Http2) => HttpVersion::Two,
            Some(Transport::Tls) | None => HttpVersion::One,
        };
        let manner = Manner { version, own_time: None };
        bench.session(&self.variant.peer, self.target()?, manner, load, watch).await
    }

    fn target(&self) -> anyhow::Result<Target> {
        let base = &self.variant.peer.base;
        match self.variant.transport {
            None => format!("http://127.0.0.1:{}{base}", self.running.ports.plain).parse(),
            Some(_) => format!("https://127.0.0.1:{}{base}", self.running.ports.tls).parse(),
        }
    }
}
