//! Connections to one target that stay open, and slices of load over them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::connection::{Connection, Good};
use super::failure::Failure;
use super::pace::Pace;
use super::request::Ask;
use super::tally::Tally;
use super::target::Target;
use super::watch::{Watch, is_interrupted};

/// How long a connection waits before it tries again to be opened.
const RECONNECT_WAIT: Duration = Duration::from_millis(20);

/// How load is put on a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Each connection sends its next request when it has the answer to the one before.
    Closed,
    /// So many requests a second, whatever becomes of them; times are from when they were due.
    Rate(f64),
}

/// Connections to one target.
pub struct Session {
    target: Rc<Target>,
    request: Rc<Vec<u8>>,
    connections: Vec<Connection>,
    /// Events that every stream has.
    expected_events: Option<u64>,
}

/// One slice of load, as its connections share it.
struct Slice {
    request: Rc<Vec<u8>>,
    until: Instant,
    pace: Option<Pace>,
    expected_events: Cell<Option<u64>>,
    tally: RefCell<Tally>,
}

impl Session {
    /// Connections that are not open yet. Where the number of events is not given, the first stream sets it.
    pub fn new(
        target: Target,
        ask: &Ask,
        connections: usize,
        expected_events: Option<u64>,
        watch: &Watch,
    ) -> Self {
        let request = Rc::new(ask.write(&target));
        let target = Rc::new(target);
        let connections =
            (0..connections).map(|_| Connection::new(Rc::clone(&target), watch.add())).collect();
        Self { target, request, connections, expected_events }
    }

    /// Opens all connections, and sends one request on the first.
    ///
    /// # Errors
    /// When the target cannot be reached, or does not give a good answer.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        let address = self.target.address;
        for connection in &mut self.connections {
            if let Err(failure) = connection.open().await {
                bail!("target {address}: {failure}");
            }
        }
        let Some(first) = self.connections.first_mut() else { bail!("at least one connection is needed") };
        match first.exchange(&self.request).await {
            Ok(_) => Ok(()),
            Err(failure) if first.complaint.is_empty() => bail!("target {address}: {failure}"),
            Err(failure) => bail!("target {address}: {failure}: {}", first.complaint),
        }
    }

    /// Puts load on the target for a while; returns when the last answer has come.
    pub async fn slice(&mut self, load: Load, duration: Duration) -> Tally {
        let begun = Instant::now();
        let pace = match load {
            Load::Closed => None,
            Load::Rate(per_second) => Some(Pace::new(per_second, duration)),
        };
        let slice = Rc::new(Slice {
            request: Rc::clone(&self.request),
            until: begun + duration,
            pace,
            expected_events: Cell::new(self.expected_events),
            tally: RefCell::default(),
        });
        let senders: Vec<_> =
            self.connections.drain(..).map(|it| monoio::spawn(send(it, Rc::clone(&slice)))).collect();
        if let Some(pace) = &slice.pace
            && let Err(failed) = pace.run(is_interrupted).await
        {
            slice.tally.borrow_mut().fail(Failure::Connect(failed.kind()), "no timer for a constant rate");
        }
        for sender in senders {
            self.connections.push(sender.await);
        }
        self.expected_events = slice.expected_events.get();
        let mut tally = slice.tally.take();
        tally.elapsed = begun.elapsed();
        tally.unsent = slice.pace.as_ref().map_or(0, Pace::unsent);
        tally
    }
}

async fn send(connection: Connection, slice: Rc<Slice>) -> Connection {
    match &slice.pace {
        None => send_in_turn(connection, &slice).await,
        Some(pace) => send_when_due(connection, &slice, pace).await,
    }
}

async fn send_in_turn(mut connection: Connection, slice: &Slice) -> Connection {
    let mut now = Instant::now();
    while now < slice.until && !is_interrupted() {
        let outcome = connection.exchange(&slice.request).await;
        let begun = std::mem::replace(&mut now, Instant::now());
        slice.note(outcome, begun, now, &connection);
        if matches!(outcome, Err(Failure::Connect(_))) {
            monoio::time::sleep(RECONNECT_WAIT).await;
            now = Instant::now();
        }
    }
    connection
}

async fn send_when_due(mut connection: Connection, slice: &Slice, pace: &Pace) -> Connection {
    while let Some(due_at) = pace.next().await {
        let late = due_at.elapsed();
        let outcome = connection.exchange(&slice.request).await;
        slice.tally.borrow_mut().late.record(late);
        slice.note(outcome, due_at, Instant::now(), &connection);
        if matches!(outcome, Err(Failure::Connect(_))) {
            monoio::time::sleep(RECONNECT_WAIT).await;
        }
    }
    connection
}

impl Slice {
    fn note(&self, outcome: Result<Good, Failure>, begun: Instant, ended: Instant, connection: &Connection) {
        let mut tally = self.tally.borrow_mut();
        match outcome.and_then(|good| self.check_events(good)) {
            Ok(good) => {
                tally.latency.record(ended.saturating_duration_since(begun));
                tally.first.record(good.first_at.saturating_duration_since(begun));
                tally.events += good.events;
            }
            Err(failure) => tally.fail(failure, &connection.complaint),
        }
    }

    /// Every stream has as many events as the first one.
    fn check_events(&self, good: Good) -> Result<Good, Failure> {
        let expected = self.expected_events.get().unwrap_or(good.events);
        self.expected_events.set(Some(expected));
        if good.events == expected { Ok(good) } else { Err(Failure::Events { got: good.events, expected }) }
    }
}
