//! LOG PLANE, on a thread of its own: drains the rings of all shards.
//!
//! Takes `Record`s and `Meters`; gives the access log and the metrics text.
//!
//! Invariant: shards are never woken and never wait for this thread, except by the overflow policy; a record
//! that was taken off its ring is in the log or in a counter of lost lines.

mod lines;
mod metrics;
mod names;
mod sink;

use crate::base::clock::Moment;
use crate::contract::link::Link;
use crate::contract::meters::Meters;
use crate::contract::names::Names;
use crate::contract::record::Record;
use metrics::Metrics;
use names::NameCache;
use sink::Sink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Time between two looks at the rings. A full ring takes far longer to fill.
const POLL: Duration = Duration::from_millis(5);

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    File(PathBuf),
    None,
}

/// One shard's rings, as this end holds them.
pub struct Source {
    pub records: rtrb::Consumer<Record>,
    pub meters: rtrb::Consumer<Box<Meters>>,
    pub meters_back: rtrb::Producer<Box<Meters>>,
    pub link: Arc<Link>,
}

/// What control asks of the log core.
pub enum Command {
    /// The metrics text, handed to the function on this thread.
    Metrics(Box<dyn FnOnce(String) + Send>),
    Reloads(Reloads),
    /// Drain everything once more and end.
    End,
}

/// What became of configurations since the start.
#[derive(Clone, Copy, Default, Debug)]
pub struct Reloads {
    pub accepted: u64,
    pub refused: u64,
    /// Version of the one that serves.
    pub version: u64,
    /// Those in memory: the one that serves, and older ones that something still runs with.
    pub snapshots: u64,
}

/// The log core's state.
pub struct LogCore {
    sources: Vec<Source>,
    commands: Receiver<Command>,
    names: NameCache,
    metrics: Metrics,
    sink: Sink,
    lines: Vec<u8>,
}

impl LogCore {
    /// # Errors
    /// The access log cannot be opened.
    pub fn new(
        sources: Vec<Source>,
        commands: Receiver<Command>,
        names: Arc<Names>,
        log: &AccessLog,
    ) -> std::io::Result<Self> {
        Ok(Self {
            sources,
            commands,
            names: NameCache::new(names),
            metrics: Metrics::default(),
            sink: Sink::open(log)?,
            lines: Vec::with_capacity(64 * 1024),
        })
    }

    /// Runs until told to end.
    pub fn run(mut self) {
        let mut looked = Moment::now();
        loop {
            self.drain();
            match self.commands.recv_timeout(POLL) {
                Ok(Command::Metrics(reply)) => {
                    let text = self.metrics.text(&mut self.names, &self.sources, self.sink.lost_lines());
                    reply(text);
                }
                Ok(Command::Reloads(reloads)) => self.metrics.reloads = reloads,
                Ok(Command::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Moment::now();
            if now.micros_since(looked) > 1_000_000 {
                looked = now;
                self.sink.follow_rotation();
            }
        }
        self.drain();
    }

    /// Takes everything that waits in the rings.
    fn drain(&mut self) {
        for source in &mut self.sources {
            while let Ok(record) = source.records.pop() {
                self.metrics.count(&record);
                if self.sink.is_wanted() {
                    lines::write(&mut self.lines, &record, &mut self.names);
                }
                if self.lines.len() > 48 * 1024 {
                    self.sink.write(&mut self.lines);
                }
            }
            while let Ok(mut meters) = source.meters.pop() {
                self.metrics.merge(&meters);
                meters.clear();
                // There are as many places as sets.
                drop(source.meters_back.push(meters));
            }
        }
        self.sink.write(&mut self.lines);
    }
}
