//! The main thread while the gateway runs: signals, reloads, health, the operator's interface, the end.

use super::planes::{self, Plan, Planes};
use super::signals::{Ends, Signals};
use super::takeover::{self, Inherited};
use crate::contract::link::{Order, State};
use crate::contract::snapshot::Snapshot;
use crate::control::admin::{self, AdminState, MetricsText};
use crate::control::config::{Overflow, Reachable};
use crate::control::health::Health;
use crate::control::reload::{Counts, Reloader};
use crate::control::request::Request;
use crate::control::watch::FileWatch;
use crate::control::{credentials, log, media, resolve, watch};
use crate::logcore::{Command, PassReport, Reloads};
use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, oneshot};

/// How often the shards' flags are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long names may take to resolve, and credentials to come, before serving begins without them.
const RESOLVE: Duration = Duration::from_secs(3);
/// How long a successor that has the sockets is waited for, and clients served, when the process is told to end: longer than one
/// takes that lacks names and credentials ([`RESOLVE`]). No longer than half of the time for draining.
const SUCCESSOR: Duration = Duration::from_secs(5);

/// What the main thread works with.
pub struct Parts {
    pub reloader: Reloader,
    pub reachable: Vec<Reachable>,
    pub drain_timeout: Duration,
    pub on_overflow: Overflow,
    pub admin: Option<TcpListener>,
    /// The addresses that are served, with the ports that were chosen.
    pub addresses: Vec<SocketAddr>,
    /// Copies of all sockets, for a successor.
    pub offered: takeover::Sockets,
    pub inherited: Option<Inherited>,
    pub announce: fn(&[SocketAddr]),
}

/// The main thread's event loop.
///
/// # Errors
/// The system does not give it one.
pub fn runtime() -> std::io::Result<Runtime> {
    // What tokio takes signals with, and panics without.
    drop(std::os::unix::net::UnixStream::pair()?);
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Runs until the process is told to end, and ends it.
///
/// # Errors
/// What keeps it from serving.
pub fn run(runtime: Runtime, mut signals: Signals, parts: Parts, plan: Plan) -> Result<ExitCode> {
    if let Some(name) = runtime.block_on(equip(&parts.reloader, &parts.reachable, &mut signals.ends)) {
        runtime.shutdown_background();
        eprintln!("ringgate: ended by {name} before it served");
        return Ok(ExitCode::SUCCESS);
    }
    let mut planes = match planes::start(plan) {
        Ok(planes) => planes,
        Err(error) => {
            runtime.shutdown_background();
            return Err(error);
        }
    };
    let errands = std::mem::take(&mut planes.errands);
    let ended = runtime.block_on(async {
        tokio::spawn(media::serve(errands, parts.reloader.published()));
        supervise(signals, parts, &planes).await
    });
    // Lookups that hang must not hold the exit up.
    runtime.shutdown_background();
    planes.order(Order::Stop);
    planes.join();
    ended
}

/// Has providers' names resolved and credentials fetched, as far as that goes in time. Nobody is accepted before, not even from
/// a predecessor's sockets: whoever waits meanwhile is served, by that or after it. Gives the signal that ended it, if one did.
async fn equip(reloader: &Reloader, reachable: &[Reachable], ends: &mut Ends) -> Option<&'static str> {
    tokio::spawn(credentials::keep_fresh(reloader.passes()));
    let slots = reloader.passes().borrow().clone();
    let equipped = async {
        tokio::join!(
            resolve::resolve_all_once(reachable, RESOLVE),
            credentials::first_passes(&slots, RESOLVE)
        )
    };
    tokio::select! {
        _ = equipped => None,
        name = ends.recv() => Some(name),
    }
}

async fn supervise(signals: Signals, parts: Parts, planes: &Planes) -> Result<ExitCode> {
    let Parts {
        mut reloader,
        drain_timeout,
        on_overflow,
        admin,
        addresses,
        offered,
        inherited,
        announce,
        ..
    } = parts;
    let Signals { mut ends, others } = signals;
    tokio::spawn(resolve::keep_fresh(reloader.resolve()));
    let (requests, queue) = mpsc::channel(16);
    start_watching(&mut reloader, &requests);
    tokio::spawn(others.heed(requests.clone(), planes.log.clone()));
    let (counts, published) = (reloader.counts(), reloader.published());
    tokio::spawn(reloader.run(queue));

    let health = Arc::new(Health::expecting(planes.links.len() as u32, on_overflow));
    let (admin_leaves, admin_ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    if !all_listen(planes, &health).await {
        return Ok(ExitCode::FAILURE);
    }
    // Not before: a predecessor's socket is asked already.
    let interface = admin.map(|socket| {
        let state = AdminState {
            health: health.clone(),
            metrics: metrics(planes.log.clone(), counts.clone(), published),
            reload: requests.clone(),
        };
        let (leaves, stop) = (admin_leaves.clone(), admin_ended.clone());
        let address = socket.local_addr();
        (address, tokio::spawn(admin::serve(socket, state, leaves, async move { stop.notified().await })))
    });
    if let Some(inherited) = inherited {
        inherited.ready().context("the predecessor")?;
        offered.heed_newcomers();
    }
    let taken = Arc::new(Notify::new());
    let (notify, leave) = (taken.clone(), admin_leaves);
    let first = *addresses.first().context("there is no listener")?;
    let offer = takeover::offer(first, offered, move || {
        notify.notify_one();
        // The interface's socket is the successor's, too: who asks there asks about that.
        leave.notify_one();
    })?;
    // Whoever reads this may want to succeed it.
    announce(&addresses);
    if let Some((Ok(address), _)) = &interface {
        eprintln!("ringgate: admin on {address}");
    }
    let patience = SUCCESSOR.min(drain_timeout / 2);
    let succession = Succession { taken: &taken, offer: &offer, patience };
    let (end, since) = wait_for_end(planes, &health, succession, &mut ends).await;
    // Who still asks here about a process that was succeeded asks about its successor.
    health.draining.store(end != End::Succeeded, Relaxed);
    offer.withdraw();
    drain(planes, &health, (since + drain_timeout, drain_timeout), &mut ends, end).await;
    admin_ended.notify_one();
    Ok(if end == End::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Why the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// A signal said so.
    Ordered,
    /// A successor has taken over.
    Succeeded,
    /// A part of it is gone.
    Failed,
}

fn start_watching(reloader: &mut Reloader, requests: &mpsc::Sender<Request>) {
    let changed = Arc::new(Notify::new());
    match FileWatch::new(changed.clone()) {
        Ok(files) => {
            reloader.follow_with(files);
            tokio::spawn(watch::files(changed, requests.clone()));
        }
        Err(error) => log::warn(
            "configuration files are not watched: reload by SIGHUP or POST /-/reload",
            &[("reason", &error)],
        ),
    }
}

/// Asks the log core for its text; it answers within a few milliseconds.
fn metrics(log: Sender<Command>, counts: Arc<Counts>, published: Arc<ArcSwap<Snapshot>>) -> MetricsText {
    Arc::new(move || {
        let (log, counts) = (log.clone(), counts.clone());
        let passes = Command::Passes(passes(&published.load()));
        Box::pin(async move {
            let (reply, text) = oneshot::channel();
            let reloads = Command::Reloads(Reloads {
                accepted: counts.published.load(Relaxed),
                refused: counts.refused.load(Relaxed),
                version: counts.version.load(Relaxed),
                snapshots: 1 + counts.retired.load(Relaxed),
            });
            // If the log core is gone, so is the sender of the reply, and the text is empty.
            drop(log.send(reloads));
            drop(log.send(passes));
            drop(log.send(Command::Metrics(Box::new(move |text| drop(reply.send(text))))));
            text.await.unwrap_or_default()
        })
    })
}

/// How the credentials are that have slots.
fn passes(snapshot: &Snapshot) -> Vec<PassReport> {
    let slots =
        snapshot.providers.iter().filter_map(|provider| Some((provider.name, provider.pass.as_ref()?)));
    slots.map(|(provider, slot)| PassReport { provider, source: slot.source, state: slot.state() }).collect()
}

/// Waits until every shard listens. `false`: one failed before.
async fn all_listen(planes: &Planes, health: &Health) -> bool {
    while !planes.all(State::Listening) {
        tokio::time::sleep(LOOK).await;
    }
    note_health(planes, health);
    !planes.failed()
}

fn note_health(planes: &Planes, health: &Health) {
    let listening = planes.links.iter().filter(|link| link.state() == State::Listening).count();
    health.shards_listening.store(listening as u32, Relaxed);
    health.failed.store(planes.failed() || planes.log_core_ended(), Relaxed);
    health.log_stalled.store(planes.log_link.is_stalled(), Relaxed);
}

/// What is known of a successor.
struct Succession<'a> {
    /// Told when it has taken over.
    taken: &'a Notify,
    offer: &'a takeover::Offer,
    /// How long one is waited for that has said nothing yet.
    patience: Duration,
}

/// Waits for a signal, a successor, or the failure of a shard or of the log core; gives since when the process is to end. Told
/// to end while a successor is about to serve, it serves on until then: clients would have to wait for that one.
async fn wait_for_end(
    planes: &Planes,
    health: &Health,
    succession: Succession<'_>,
    ends: &mut Ends,
) -> (End, Instant) {
    let Succession { taken, offer, patience } = succession;
    let mut look = tokio::time::interval(LOOK * 10);
    let mut ordered: Option<(&'static str, Instant)> = None;
    loop {
        let (end, reason) = tokio::select! {
            name = ends.recv() => {
                if ordered.is_none() && offer.has_successor() {
                    ordered = Some((name, Instant::now()));
                    log::info("a successor is about to serve: clients are served until then", &[("reason", &name)]);
                    continue;
                }
                (End::Ordered, name)
            }
            () = taken.notified() => (End::Succeeded, "a successor has taken over"),
            _ = look.tick() => {
                note_health(planes, health);
                if has_failed(planes) {
                    return (End::Failed, Instant::now());
                }
                let over = |since: &Instant| !offer.has_successor() || since.elapsed() >= patience;
                match ordered.filter(|(_, since)| over(since)) {
                    Some((name, _)) => (End::Ordered, name),
                    None => continue,
                }
            }
        };
        log::info("draining: no new connections, running requests finish", &[("reason", &reason)]);
        return (end, ordered.map_or_else(Instant::now, |(_, since)| since));
    }
}

/// Whether a part of the process is gone, which is told.
fn has_failed(planes: &Planes) -> bool {
    if planes.failed() {
        log::error("a shard has failed: the process ends", &[]);
    } else if planes.log_core_ended() {
        log::error("the log core has failed, requests cannot be recorded: the process ends", &[]);
    } else {
        return false;
    }
    true
}

/// Lets the shards finish. A second signal, or the end of the time for draining, ends them at once. Where a successor was the
/// reason, the first signal asks for what is done already: supervisors send it to every process that they replace.
async fn drain(planes: &Planes, health: &Health, until: (Instant, Duration), ends: &mut Ends, end: End) {
    planes.order(Order::Drain);
    let (until, timeout) = until;
    let enough = if end == End::Failed { ends.heard + 1 } else { 2 };
    while !planes.all(State::Ended) {
        note_health(planes, health);
        if ends.heard >= enough {
            log::warn("a second signal: connections are cut", &[]);
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            name = ends.recv() => {
                log::info("draining already; a second signal cuts connections", &[("reason", &name)]);
            }
        }
        if planes.log_core_ended() {
            // Nobody makes room for the records that exchanges may wait to write.
            return;
        }
        if Instant::now() >= until {
            log::warn(
                "the drain timeout has passed: connections are cut",
                &[("timeout", &format!("{timeout:?}"))],
            );
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::names::Names;
    use crate::control::config::{self, Origins, Source};
    use crate::logcore::AccessLog;
    use crate::net::runtime::Wanted;
    use crate::traffic::exchange::shard::OnOverflow;
    use tokio::signal::unix::SignalKind;

    /// A log core that dies ends the process with an error, as a shard does: nothing would be recorded any more.
    #[tokio::test]
    async fn a_dead_log_core_ends_the_process() {
        let text = "providers: {up: {format: openai, base_url: \"http://127.0.0.1:9/v1\"}}\n\
                    models: {m: {targets: [{provider: up, model: m}]}}\n";
        let source = Source { path: None, text: text.into() };
        let names = Arc::new(Names::default());
        let mut origins = Origins::new(None);
        let compiled = config::compile(&source, &names, &mut origins, 1).expect("a valid configuration");
        let reloader = Reloader::new(source, compiled, names.clone(), origins);
        let planes = planes::start(Plan {
            shards: 0,
            io: Wanted::Epoll,
            on_overflow: OnOverflow::Block,
            access_log: AccessLog::None,
            snapshots: reloader.published(),
            names,
            sockets: vec![],
        })
        .expect("the planes start");
        let health = Health::expecting(0, Overflow::Block);
        let unused = [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()];
        let mut ends = Ends::of(unused).expect("handlers");
        let taken = Notify::new();
        let address = "127.0.0.1:1".parse().expect("an address");
        let offer = takeover::offer(address, takeover::Sockets::default(), || {}).expect("a thread");
        let succession = Succession { taken: &taken, offer: &offer, patience: Duration::ZERO };
        let mut ended = Box::pin(wait_for_end(&planes, &health, succession, &mut ends));
        assert!(tokio::time::timeout(LOOK * 30, &mut ended).await.is_err(), "while it runs, all is well");
        let last = Command::Metrics(Box::new(|_| std::panic::panic_any("the log core fails")));
        planes.log.send(last).expect("it runs");
        let (end, _) = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it is noticed");
        assert_eq!(end, End::Failed);
        assert!(health.alive().is_err());
        planes.join();
    }
}
