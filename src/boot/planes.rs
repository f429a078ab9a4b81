//! The threads of the process: shards, pinned one to a core, the log core, and the shards' helper.
//!
//! Invariant: the rings between two threads are made here and nowhere else; each end moves to its thread and
//! stays there.

use super::helper;
use crate::base::limits::RECORD_RING_SLOTS;
use crate::contract::chore::{self, Chores};
use crate::contract::errand::{self, Errand};
use crate::contract::link::{Link, LogLink, Order, State};
use crate::contract::meters::Meters;
use crate::contract::names::Names;
use crate::contract::record::Record;
use crate::contract::snapshot::Snapshot;
use crate::control::log as console;
use crate::logcore::{AccessLog, Command, LogCore, Source, WhenFull};
use crate::net::runtime::{self, Driver, Wanted};
use crate::net::urgency;
use crate::traffic::exchange::shard::{OnOverflow, Parts, Shard};
use crate::traffic::worker::{self, MetersPort, Orders};
use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Sets of histograms that travel between a shard and the log core.
const METER_SETS: usize = 2;

/// How long the log core may take to write what is left: longer than it tries.
const LAST_LINES: Duration = Duration::from_secs(5);

/// What the planes are started with.
pub struct Plan {
    pub shards: usize,
    pub io: Wanted,
    pub on_overflow: OnOverflow,
    pub access_log: AccessLog,
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    pub names: Arc<Names>,
    /// For each shard the sockets it accepts on, with the number of their listener.
    pub sockets: Vec<Vec<(usize, TcpListener)>>,
}

/// The running threads.
pub struct Planes {
    pub links: Vec<Arc<Link>>,
    pub log: Sender<Command>,
    pub log_link: Arc<LogLink>,
    /// The shards' errands, for control.
    pub errands: Vec<rtrb::Consumer<Arc<Errand>>>,
    shards: Vec<JoinHandle<()>>,
    log_core: JoinHandle<()>,
}

/// One shard's ends of its rings.
struct ShardEnds {
    ring: rtrb::Producer<Record>,
    meters: MetersPort,
}

fn rings(link: Arc<Link>) -> (ShardEnds, Source) {
    let (mut ring, mut records) = rtrb::RingBuffer::new(RECORD_RING_SLOTS);
    // Every page is touched now: the first requests shall not wait for the kernel to find memory.
    while ring.push(Record::BLANK).is_ok() {}
    while records.pop().is_ok() {}
    let (up, meters) = rtrb::RingBuffer::new(METER_SETS);
    let (mut meters_back, back) = rtrb::RingBuffer::new(METER_SETS);
    for _ in 1..METER_SETS {
        // The ring is new and has room for every set.
        drop(meters_back.push(Meters::touched()));
    }
    let ends = ShardEnds { ring, meters: MetersPort { up, back } };
    (ends, Source { records, meters, meters_back, link })
}

/// Starts the log core and the helper, then the shards.
///
/// # Errors
/// The access log cannot be opened, the wanted I/O driver is not allowed, or the system gives no threads.
pub fn start(plan: Plan) -> Result<Planes> {
    let driver = runtime::probe(plan.io).context(
        "io_uring is wanted (`io: uring`) but the kernel refuses it; `ringgate doctor` tells more, `io: auto` falls back to epoll",
    )?;
    let links: Vec<Arc<Link>> = (0..plan.shards).map(|_| Arc::default()).collect();
    let (ends, sources): (Vec<_>, Vec<_>) = links.iter().map(|link| rings(link.clone())).unzip();
    let (log, commands) = channel();
    let when_full = match plan.on_overflow {
        OnOverflow::Block | OnOverflow::Refuse => WhenFull::Keep,
        OnOverflow::CountAndDrop => WhenFull::Drop,
    };
    let log_core =
        LogCore::new(sources, commands, plan.names, &plan.access_log, when_full).with_context(|| {
            format!("the access log cannot be written to {} (access_log.path)", plan.access_log)
        })?;
    let log_link = log_core.link();
    // Where a control group grants less time than it has processors, others are on them, too: the system chooses better.
    let cpus = Some(runtime::allowed_cpus()).filter(|cpus| cpus.len() <= runtime::granted_cpus());
    let cpus = cpus.unwrap_or_default();
    let log_cpu = (cpus.len() > plan.shards).then(|| cpus[plan.shards]);
    let log_core = thread("logcore".into(), move || {
        pin(log_cpu);
        log_core.run();
    })?;
    let process = random()?;
    let (chores, todo): (Vec<_>, Vec<_>) =
        links.iter().map(|_| rtrb::RingBuffer::new(chore::RING_SLOTS)).unzip();
    let snapshots = plan.snapshots.clone();
    let helper = thread("helper".into(), move || {
        pin(log_cpu);
        // Where it is not allowed, chores take their turn as before: `doctor` tells of it.
        drop(urgency::wait_for_others());
        helper::run(todo, || Duration::from_millis(snapshots.load().limits.spare_memory_ms));
    })?;
    let (mut shards, mut errands) = (vec![], vec![]);
    let ends = ends.into_iter().zip(chores).zip(plan.sockets).zip(&links);
    for (index, (((ends, chores), sockets), link)) in ends.enumerate() {
        let (errand_ring, waiting) = rtrb::RingBuffer::new(errand::RING_SLOTS);
        errands.push(waiting);
        let parts = Parts {
            id: index as u16,
            shards: plan.shards as u16,
            snapshots: plan.snapshots.clone(),
            ring: ends.ring,
            errands: errand_ring,
            chores: Chores::new(chores, helper.thread().clone()),
            on_overflow: plan.on_overflow,
            process,
        };
        let orders = Orders { link: link.clone(), listeners: sockets, meters: ends.meters };
        let cpu = (cpus.len() >= plan.shards).then(|| cpus[index]);
        let io = if driver == Driver::Epoll { Wanted::Epoll } else { plan.io };
        shards.push(thread(format!("shard-{index}"), move || run_shard(cpu, io, parts, orders))?);
    }
    Ok(Planes { links, log, log_link, errands, shards, log_core })
}

/// A thread of the process.
///
/// # Errors
/// The system gives none.
pub fn thread(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(run).context(
        "the system gives no more threads (ulimit -u and -v, TasksMax= of systemd, the container's limit of processes)",
    )
}

fn run_shard(cpu: Option<usize>, io: Wanted, parts: Parts, orders: Orders) {
    pin(cpu);
    // As above.
    drop(urgency::wake_first());
    let link = orders.link.clone();
    let number = parts.id;
    // The flag says that the shard is gone, however its thread ends.
    let _ended = FailUnlessEnded(link);
    let result = runtime::block_on(io, |driver| worker::run(Rc::new(Shard::new(parts)), driver, orders));
    if let Err(error) | Ok(Err(error)) = result {
        eprintln!("ringgate: shard {number} failed: {error}");
    }
}

/// Marks a shard as failed if its thread ends without having ended its work.
struct FailUnlessEnded(Arc<Link>);

impl Drop for FailUnlessEnded {
    fn drop(&mut self) {
        if self.0.state() != State::Ended {
            self.0.set_state(State::Failed);
        }
    }
}

fn pin(cpu: Option<usize>) {
    if let Some(cpu) = cpu
        && let Err(error) = runtime::pin_to_cpu(cpu)
    {
        eprintln!("ringgate: a thread could not be pinned to processor {cpu}: {error}");
    }
}

fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(u64::from_ne_bytes(bytes))
}

impl Planes {
    /// Gives all shards an order.
    pub fn order(&self, order: Order) {
        for link in &self.links {
            link.give(order);
        }
    }

    /// Whether every shard has come at least this far.
    pub fn all(&self, state: State) -> bool {
        self.links.iter().all(|link| link.state() >= state)
    }

    /// Whether a shard died.
    pub fn failed(&self) -> bool {
        self.links.iter().any(|link| link.state() == State::Failed)
    }

    /// Whether the log core is gone: nothing that happens is recorded any more.
    pub fn log_core_ended(&self) -> bool {
        self.log_core.is_finished()
    }

    /// Waits for the shards, which were ordered to end, then has the log core write what is left. It is not waited
    /// for longer than it may take.
    pub fn join(self) {
        for shard in self.shards {
            drop(shard.join());
        }
        drop(self.log.send(Command::End));
        let until = Instant::now() + LAST_LINES;
        while !self.log_core.is_finished() {
            if Instant::now() >= until {
                console::error("the access log does not come to its end: the last lines are lost", &[]);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(self.log_core.join());
    }
}
