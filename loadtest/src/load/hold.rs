//! Connections and streams that stay open, and what each costs the target in memory.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use super::args::HoldArgs;
use super::engine::{Ends, Holder, HttpVersion, Watch, is_interrupted, need_descriptors, on_event_loop};
use super::measure::Process;

/// What is held open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Connections with nothing to do.
    Idle,
    /// Streams that never end.
    Streams,
}

/// The model that gives streams which never end.
const STREAM_MODEL: &str = "mock?stall_after=2";

/// What the memory of a target was.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MemoryReport {
    pub connections: usize,
    pub resident_bytes_before: u64,
    pub resident_bytes_after: u64,
    pub bytes_per_connection: f64,
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kilobytes = |bytes: u64| bytes / 1024;
        write!(
            out,
            "{} open, {} KB resident before, {} KB after, {:.0} bytes each",
            self.connections,
            kilobytes(self.resident_bytes_before),
            kilobytes(self.resident_bytes_after),
            self.bytes_per_connection
        )
    }
}

/// Opens connections or streams, and measures the target's memory before and after.
///
/// # Errors
/// When the target cannot be reached, or an answer is wrong.
pub fn hold(args: &HoldArgs, held: Held) -> anyhow::Result<MemoryReport> {
    let process = Process::new(args.pid)?;
    need_descriptors(args.connections, Ends::One)?;
    let mut part = args.ask.part("held", if held == Held::Streams { STREAM_MODEL } else { "mock" });
    part.stream = held == Held::Streams;
    on_event_loop(args.ask.cpu, args.ask.wanted(), args.ask.timeout, async |watch: &Watch| {
        let mut holder = Holder::new(&args.url, &part, &args.ask.setup(HttpVersion::One, 0), watch)?;
        let (mut before, mut after) = (0, 0);
        // The first one is not counted: what it costs is what the target sets up once.
        for index in 0..=args.connections {
            match holder.open().await {
                // What is open is measured all the same.
                Err(_) if is_interrupted() && index > 0 => {}
                Err(_) if is_interrupted() => {
                    bail!("target {}: interrupted before its first answer", args.url.address)
                }
                opened => {
                    opened
                        .with_context(|| format!("target {}, after {index} connections", args.url.address))?;
                }
            }
            if index == 0 || index == args.connections || is_interrupted() {
                monoio::time::sleep(args.settle).await;
                (before, after) =
                    (if index == 0 { process.resident_bytes() } else { before }, process.resident_bytes());
            }
            if is_interrupted() {
                break;
            }
        }
        wait(args.hold).await;
        let connections = holder.count() - 1;
        let grown = after as f64 - before as f64;
        Ok(MemoryReport {
            connections,
            resident_bytes_before: before,
            resident_bytes_after: after,
            bytes_per_connection: grown / connections.max(1) as f64,
        })
    })
}

/// Waits for a while, or until the user has had enough.
async fn wait(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until && !is_interrupted() {
        monoio::time::sleep(Duration::from_millis(20)).await;
    }
}
