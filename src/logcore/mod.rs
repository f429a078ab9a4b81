//! LOG PLANE, on a thread of its own: drains the rings of all shards.
//!
//! Takes `Record`s and `Meters`; gives the access log and the metrics text.
//!
//! Invariant: shards are never woken and never wait for this thread, except by the overflow policy; a record
//! that was taken off its ring is in the log or in a counter of lost lines; this thread waits for no disk and for nobody
//! who reads the log, so that it can always be asked.

mod disk;
mod escape;
mod file;
mod lines;
mod metrics;
mod names;
mod sink;

use crate::base::clock::{Moment, unix_micros};
use crate::base::ids::NameId;
use crate::contract::link::{Link, LogLink};
use crate::contract::meters::Meters;
use crate::contract::names::Names;
use crate::contract::pass::PassState;
use crate::contract::record::Record;
use metrics::{LogState, Metrics};
use names::NameCache;
use sink::Sink;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Shortest time between two looks at the rings. A full ring takes far longer to fill.
const POLL: Duration = Duration::from_millis(5);

/// Longest time: waking up costs as much as dozens of records do.
const POLL_IDLE: Duration = Duration::from_millis(40);

/// Records that a look should find. Where a shard has to share its core with this thread, its requests wait for as long
/// as these take, and no longer.
const BATCH: u32 = 16;

/// How long the last lines are tried to be written when the process ends.
const LAST_US: u64 = 2_000_000;

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    File(PathBuf),
    None,
}

impl fmt::Display for AccessLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessLog::Stdout => out.write_str("standard output"),
            AccessLog::File(path) => path.display().fmt(out),
            AccessLog::None => out.write_str("none"),
        }
    }
}

/// What becomes of records when the access log takes no more (`audit.on_overflow`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// They stay in the rings, for whose room shards wait or refuse requests.
    Keep,
    /// They are counted as lost.
    Drop,
}

/// How long to wait for the next look, after a look that found so many records.
fn next_pause(pause: Duration, taken: usize) -> Duration {
    let taken = u32::try_from(taken).unwrap_or(u32::MAX).max(BATCH / 2);
    (pause * BATCH / taken).clamp(POLL, POLL_IDLE)
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
    Passes(Vec<PassReport>),
    /// Open the access log anew if its file was moved away: who has moved it may pack it up at once.
    Reopen,
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

/// How a provider's credentials are, where they are fetched or sign.
#[derive(Clone, Copy, Debug)]
pub struct PassReport {
    pub provider: NameId,
    pub source: &'static str,
    pub state: PassState,
}

/// The log core's state.
pub struct LogCore {
    sources: Vec<Source>,
    commands: Receiver<Command>,
    names: NameCache,
    metrics: Metrics,
    sink: Sink,
    link: Arc<LogLink>,
    when_full: WhenFull,
}

impl LogCore {
    /// # Errors
    /// The access log cannot be opened.
    pub fn new(
        sources: Vec<Source>,
        commands: Receiver<Command>,
        names: Arc<Names>,
        log: &AccessLog,
        when_full: WhenFull,
    ) -> std::io::Result<Self> {
        Ok(Self {
            sources,
            commands,
            names: NameCache::new(names),
            metrics: Metrics::default(),
            sink: Sink::open(log, when_full)?,
            link: Arc::default(),
            when_full,
        })
    }

    /// What control looks at while this runs.
    pub fn link(&self) -> Arc<LogLink> {
        self.link.clone()
    }

    /// Runs until told to end.
    pub fn run(mut self) {
        let (mut looked, mut pause) = (Moment::now(), POLL);
        loop {
            let now = Moment::now();
            let taken = self.drain(now);
            pause = next_pause(pause, taken);
            self.link.set_stalled(self.sink.is_stalled(now));
            match self.commands.recv_timeout(pause) {
                Ok(Command::Metrics(reply)) => {
                    let log =
                        LogState { lost_lines: self.sink.lost_lines(), stalled: self.link.is_stalled() };
                    reply(self.metrics.text(&mut self.names, &self.sources, &log));
                }
                Ok(Command::Reloads(reloads)) => self.metrics.reloads = reloads,
                Ok(Command::Reopen) => self.sink.follow_rotation(),
                Ok(Command::Passes(passes)) => self.metrics.passes = passes,
                Ok(Command::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if now.micros_since(looked) > 1_000_000 {
                looked = now;
                self.sink.follow_rotation();
            }
        }
        self.end();
    }

    /// Takes what waits in the rings, as long as the log takes it. Gives the number of records.
    fn drain(&mut self, now: Moment) -> usize {
        let mut taken = 0;
        // Asked anew each time: the wall clock may have been set.
        let booted_unix_us = unix_micros().saturating_sub(Moment::now().0);
        for source in &mut self.sources {
            let waiting = source.records.slots();
            // There are as many as the ring has just said.
            let Ok(chunk) = source.records.read_chunk(waiting) else { continue };
            let (front, back) = chunk.as_slices();
            let mut read = 0;
            for record in front.iter().chain(back) {
                if self.when_full == WhenFull::Keep && self.sink.is_full() {
                    break;
                }
                read += 1;
                self.metrics.count(record);
                if let Some(lines) = self.sink.tail() {
                    lines::write(lines, record, booted_unix_us, &mut self.names);
                }
                if self.sink.is_full() {
                    self.sink.write(now);
                }
            }
            chunk.commit(read);
            taken += read;
            while let Ok(mut meters) = source.meters.pop() {
                self.metrics.merge(&meters);
                meters.clear();
                // There are as many places as sets.
                drop(source.meters_back.push(meters));
            }
        }
        self.sink.write(now);
        taken
    }

    /// Writes what is left. What is not taken in time is lost, and told.
    fn end(&mut self) {
        let began = Moment::now();
        loop {
            let now = Moment::now();
            self.drain(now);
            let done = self.sink.is_empty() && self.sources.iter().all(|source| source.records.is_empty());
            if done || now.micros_since(began) >= LAST_US {
                break;
            }
            std::thread::sleep(POLL);
        }
        let before = self.sink.lost_lines();
        self.sink.drop_waiting();
        let left: usize = self.sources.iter().map(|source| source.records.slots()).sum();
        let lost = self.sink.lost_lines() - before + self.sink.lines_under_way() + left as u64;
        if lost > 0 {
            eprintln!("ringgate: the access log took no more: the last {lost} lines are lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At any rate, looks come to find about as many records as they should, or are as rare or as frequent as they may.
    #[test]
    fn looks_follow_the_rate() {
        for (per_second, settled_ms) in
            [(0, 40.0), (100, 40.0), (1_000, 16.0), (3_000, 5.3), (5_000, 5.0), (90_000, 5.0)]
        {
            let mut pause = POLL;
            for _ in 0..100 {
                let found = pause.as_secs_f64() * f64::from(per_second);
                pause = next_pause(pause, found.round() as usize);
            }
            let off = (pause.as_secs_f64() * 1000.0 / settled_ms - 1.0_f64).abs();
            assert!(off < 0.1, "{per_second} a second: {pause:?}");
        }
        assert_eq!(next_pause(POLL_IDLE, usize::MAX), POLL);
    }
}
