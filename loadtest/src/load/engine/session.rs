//! Connections to one target that stay open, and slices of load over them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::connection::Connection;
use super::h2::{Shared, Stream};
use super::lane::Lane;
use super::pace::{Due, Pace};
use super::prepared::{HttpVersion, Prepared, PreparedPart, Wire};
use super::schedule::{Beat, Schedule};
use super::target::Target;
use super::tls::{self, Trust};
use super::trace::{Behaviour, Trace};
use super::transport::Route;
use super::watch::{Watch, is_interrupted};
use crate::load::check::Failure;
use crate::load::measure::{Ended, Recorder};
use crate::load::scenario::{Flow, Scenario};

/// How long a connection waits before it tries again to be opened.
const RECONNECT_WAIT: Duration = Duration::from_millis(20);

/// How long a connection may take to be opened at most.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long connections are trusted to stay open without a request: many servers end theirs after 5 seconds (Node's,
/// uvicorn), and one that ends just then takes a request with it.
const REST_MAX: Duration = Duration::from_secs(4);

/// The kernel's buffer of a slow reader: a large one would read in its place.
const SLOW_RECEIVE_BYTES: usize = 16 * 1024;

/// How connections are made.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    pub version: HttpVersion,
    pub trust: Trust<'a>,
    pub seed: u64,
    pub timeout: Duration,
}

impl Setup<'_> {
    /// How long a connection may take to be opened: less than an answer, which may be long.
    pub fn connect_wait(&self) -> Duration {
        self.timeout.min(CONNECT_WAIT_MAX)
    }
}

/// How load is put on a target in one slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Each connection sends its next request when it has the answer to the one before.
    Closed,
    /// Requests are due on time, whatever becomes of those before; times are from when they were due.
    Open(Beat),
}

/// Connections to one target.
pub struct Session {
    target: Target,
    prepared: Rc<Prepared>,
    /// Lanes of the plan, and those of parts beside it.
    lanes: Vec<Lane>,
    beside: Vec<(usize, Lane)>,
    seed: u64,
    slices: u64,
    /// When the last slice ended.
    rests_since: Option<Instant>,
}

/// One slice of load, as its lanes share it.
struct Slice {
    prepared: Rc<Prepared>,
    until: Instant,
    pace: Option<Pace>,
    /// When the last request of an open loop was sent.
    last_sent: Cell<Instant>,
    /// The number of the next request, which says what it is; what was sent before the slice, or beside it, changes none.
    numbers: Cell<u64>,
    numbers_beside: Cell<u64>,
    recorder: RefCell<Recorder>,
}

impl Session {
    /// Connections that are not open yet.
    ///
    /// # Errors
    /// When the requests cannot be written, or the certificates not read.
    pub fn new(
        target: Target,
        scenario: &Scenario,
        setup: &Setup<'_>,
        watch: &Watch,
    ) -> anyhow::Result<Self> {
        let tls = target.is_tls.then(|| tls::config(setup.trust, setup.version == HttpVersion::Two));
        let route = Rc::new(Route {
            target: target.clone(),
            tls: tls.transpose()?,
            receive_bytes: None,
            connect_wait: setup.connect_wait(),
        });
        let slow = Rc::new(Route { receive_bytes: Some(SLOW_RECEIVE_BYTES), ..(*route).clone() });
        let prepared = Rc::new(Prepared::new(scenario, &target, setup.version, setup.seed)?);
        let streams = scenario.plan.streams;
        let lanes = lanes(&route, scenario.plan.connections, streams, setup, watch);
        let beside = prepared.parts.iter().flat_map(|part| {
            let Flow::Beside(connections) = part.flow else { return Vec::new() };
            let route = if part.behaviour.read_bytes_per_s.is_some() { &slow } else { &route };
            lanes_beside(part, route, connections, setup, watch)
        });
        let beside = beside.collect();
        let seed = setup.seed;
        Ok(Self { target, prepared, lanes, beside, seed, slices: 0, rests_since: None })
    }

    /// Opens all connections, and sends one request on the first.
    ///
    /// # Errors
    /// When the target cannot be reached, or does not give a good answer.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        let address = self.target.address;
        for lane in self.lanes.iter_mut().chain(self.beside.iter_mut().map(|(_, lane)| lane)) {
            if let Err(failure) = lane.open().await {
                match lane.complaint() {
                    _ if is_interrupted() => bail!("target {address}: interrupted before its first answer"),
                    "" => bail!("target {address}: {failure}"),
                    complaint => bail!("target {address}: {failure}: {complaint}"),
                }
            }
        }
        let Some(first) = self.lanes.first_mut() else { bail!("at least one connection is needed") };
        let (part, wire) = self.prepared.pick(0);
        let recorder = RefCell::new(Recorder::default());
        let mut trace = Trace::begin(&recorder, part.index, None);
        match first.exchange(wire, &Behaviour::default(), &mut trace).await {
            Ok(_) => Ok(()),
            Err(_) if is_interrupted() => bail!("target {address}: interrupted before its first answer"),
            Err(failure) if first.complaint().is_empty() => bail!("target {address}: {failure}"),
            Err(failure) => bail!("target {address}: {failure}: {}", first.complaint()),
        }
    }

    /// Opens connections again that the server has ended since the last slice, or is about to. A server that takes none
    /// shows that in the next.
    pub async fn refresh(&mut self) {
        if self.rests_since.is_some_and(|since| since.elapsed() > REST_MAX) {
            self.lanes.iter_mut().for_each(Lane::close);
        }
        for lane in &mut self.lanes {
            if lane.refresh().await.is_err() {
                return;
            }
        }
    }

    /// Puts load on the target for a while; returns when the last answer has come.
    pub async fn slice(&mut self, load: Load, duration: Duration, recorder: Recorder) -> Recorder {
        self.slice_from(Instant::now(), load, duration, recorder).await
    }

    /// The same with an open loop that counts from a moment, which may be ahead: to the microsecond, so that several sessions can
    /// be asked in turn. A closed one begins at once.
    pub async fn slice_from(
        &mut self,
        begun: Instant,
        load: Load,
        duration: Duration,
        recorder: Recorder,
    ) -> Recorder {
        self.slices += 1;
        let pace = match load {
            Load::Closed => None,
            Load::Open(beat) => Some(Pace::new(Schedule::new(beat, duration, self.seed ^ self.slices << 32))),
        };
        let slice = Rc::new(Slice {
            prepared: Rc::clone(&self.prepared),
            until: begun + duration,
            pace,
            last_sent: Cell::new(begun),
            numbers: Cell::new(self.slices << 32),
            numbers_beside: Cell::new(self.slices << 32),
            recorder: RefCell::new(recorder),
        });
        let senders: Vec<_> =
            self.lanes.drain(..).map(|lane| monoio::spawn(send(lane, Rc::clone(&slice)))).collect();
        let beside: Vec<_> = self
            .beside
            .drain(..)
            .map(|(part, lane)| monoio::spawn(send_beside(part, lane, Rc::clone(&slice))))
            .collect();
        if let Some(pace) = &slice.pace
            && let Err(failed) = pace.run(begun, is_interrupted).await
        {
            slice.recorder.borrow_mut().total.fail(Failure::Connect(failed.kind()), "no timer for a rate");
        }
        for sender in senders {
            self.lanes.push(sender.await);
        }
        // What runs beside the plan may end later, and is no reason to divide by more time.
        let elapsed = slice.sending(begun, duration).unwrap_or_else(|| begun.elapsed());
        for sender in beside {
            self.beside.push(sender.await);
        }
        self.rests_since = Some(Instant::now());
        let mut recorder = slice.recorder.take();
        recorder.end(elapsed, slice.pace.as_ref().map_or(0, Pace::unsent));
        recorder
    }
}

fn lanes(
    route: &Rc<Route>,
    connections: usize,
    streams: usize,
    setup: &Setup<'_>,
    watch: &Watch,
) -> Vec<Lane> {
    let lanes_of_one = |_| match setup.version {
        HttpVersion::One => vec![Lane::One(Connection::new(Rc::clone(route), watch.add()))],
        HttpVersion::Two => {
            let shared = Shared::new(Rc::clone(route), watch.add());
            (0..streams).map(|_| Lane::Two(Stream::new(Rc::clone(&shared), setup.timeout))).collect()
        }
    };
    (0..connections).flat_map(lanes_of_one).collect()
}

fn lanes_beside(
    part: &PreparedPart,
    route: &Rc<Route>,
    connections: usize,
    setup: &Setup<'_>,
    watch: &Watch,
) -> Vec<(usize, Lane)> {
    lanes(route, connections, 1, setup, watch).into_iter().map(|lane| (part.index, lane)).collect()
}

async fn send(mut lane: Lane, slice: Rc<Slice>) -> Lane {
    match &slice.pace {
        None => {
            while slice.goes_on() {
                let (part, wire) = slice.prepared.pick(Slice::number(&slice.numbers));
                slice.exchange(&mut lane, part, wire, None).await;
            }
        }
        Some(pace) => {
            while let Some(due) = pace.next().await {
                let (part, wire) = slice.prepared.pick(Slice::number(&slice.numbers));
                slice.exchange(&mut lane, part, wire, Some(due)).await;
            }
        }
    }
    lane
}

async fn send_beside(part: usize, mut lane: Lane, slice: Rc<Slice>) -> (usize, Lane) {
    while slice.goes_on() {
        let (prepared, wire) = slice.prepared.pick_of(part, Slice::number(&slice.numbers_beside));
        slice.exchange(&mut lane, prepared, wire, None).await;
    }
    (part, lane)
}

impl Slice {
    /// The time in which requests of an open loop were sent. That the last answers of streams take long makes no rate lower,
    /// and requests that were sent too late make none higher.
    fn sending(&self, begun: Instant, duration: Duration) -> Option<Duration> {
        let over_since = self.pace.as_ref()?.over_since()?;
        let planned = if is_interrupted() { over_since - begun } else { duration };
        Some(planned.max(self.last_sent.get() - begun))
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until && !is_interrupted()
    }

    fn number(numbers: &Cell<u64>) -> u64 {
        numbers.replace(numbers.get() + 1)
    }

    async fn exchange(&self, lane: &mut Lane, part: &PreparedPart, wire: &Wire, due: Option<Due>) {
        let mut trace = Trace::begin(&self.recorder, part.index, due);
        if due.is_some() {
            self.last_sent.set(trace.marks.sent_at);
        }
        let outcome = lane.exchange(wire, &part.behaviour, &mut trace).await;
        let ended = outcome.and_then(|ended| match ended {
            Ended::Good(content) => part.expected.judge(&content).map(|()| ended),
            Ended::Left => Ok(ended),
        });
        self.recorder.borrow_mut().note(part.index, trace.end(), ended, lane.complaint());
        if matches!(outcome, Err(Failure::Connect(_))) {
            monoio::time::sleep(RECONNECT_WAIT).await;
        }
    }
}
