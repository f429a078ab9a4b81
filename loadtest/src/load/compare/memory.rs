//! What open streams cost each peer in memory.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::budget::WARMUP;
use super::peer::{Peer, part_of};
use crate::load::engine::{
    Ends, Herd, Holder, HttpVersion, NO_TIME, Setup, Target, Watch, descriptors_allow,
};
use crate::load::measure::Process;

/// What so many open streams of one peer were.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    pub name: String,
    /// Version of HTTP between client and peer: 1 or 2.
    pub http: u8,
    /// Streams that were to be opened, and those that were.
    pub wanted: usize,
    pub open: usize,
    /// Before the first stream of this process over this version was opened.
    pub before_bytes: u64,
    pub after_bytes: u64,
    /// Why not all could be opened.
    pub failed: Option<String>,
}

/// So many streams, over a version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Openings {
    pub version: HttpVersion,
    pub count: usize,
}

/// What can be opened here of what was asked for, and why it is less where it is.
pub struct Plan {
    pub openings: Vec<Openings>,
    pub note: Option<String>,
}

impl Plan {
    /// `kept`: connections that peers keep to the provider when nobody uses them.
    ///
    /// # Errors
    /// When the system does not say how many descriptors there may be.
    pub fn of(counts: &[usize], kept: usize) -> anyhow::Result<Self> {
        let (most, limit) = descriptors_allow(Ends::Two)?;
        // In hundreds: what is left over is no reason to take it.
        Ok(Self::within(counts, most.saturating_sub(kept / 2) / 100 * 100, limit))
    }

    fn within(counts: &[usize], most: usize, limit: u64) -> Self {
        let mut plan = Self { openings: Vec::new(), note: None };
        for &count in counts {
            plan.add(HttpVersion::One, count.min(most));
        }
        if let Some(&refused) = counts.iter().filter(|count| **count > most).max() {
            plan.note = Some(format!(
                "over HTTP/1.1 {most} streams in place of {refused}: a gateway has two connections for each, and a process may \
                 have {limit} descriptors (ulimit -Hn); over HTTP/2 a hundred streams share one towards the client"
            ));
        }
        // There, the provider's connections alone are as many as the streams.
        for &count in counts {
            plan.add(HttpVersion::Two, count.min(most.saturating_mul(2) - most / 10));
        }
        plan
    }

    fn add(&mut self, version: HttpVersion, count: usize) {
        let opening = Openings { version, count };
        if count > 0 && !self.openings.contains(&opening) {
            self.openings.push(opening);
        }
    }
}

impl Memory {
    /// Opens streams, looks how large the process is with them, and closes them.
    pub async fn measure(
        peer: &Peer,
        target: &Target,
        (process, before_bytes): (Process, u64),
        openings: Openings,
        setup: &Setup<'_>,
        (watch, until): (&Watch, Option<Instant>),
    ) -> anyhow::Result<Self> {
        let part = part_of(peer, &peer.open_model, true);
        let setup = Setup { version: openings.version, ..*setup };
        let (open, failed, after_bytes) = match openings.version {
            HttpVersion::One => {
                let mut holder = Holder::new(target, &part, &setup, watch)?;
                let failed = holder.open_many(openings.count, until).await;
                monoio::time::sleep(WARMUP).await;
                (holder.count(), failed, process.resident_bytes())
            }
            HttpVersion::Two => {
                let mut herd = Herd::new(target, &part, &setup, watch)?;
                let failed = herd.open_many(openings.count, until).await;
                monoio::time::sleep(WARMUP).await;
                (herd.count(), failed, process.resident_bytes())
            }
        };
        let http = if openings.version == HttpVersion::One { 1 } else { 2 };
        let name = peer.name.clone();
        Ok(Self { name, http, wanted: openings.count, open, before_bytes, after_bytes, failed })
    }

    /// All are open, or there was only no more time for the rest.
    pub fn is_good(&self) -> bool {
        self.failed.as_deref().is_none_or(|why| why == NO_TIME && self.open > 0)
    }

    pub fn column(&self) -> String {
        let version = if self.http == 1 { "HTTP/1.1" } else { "HTTP/2" };
        format!("{} {version}", self.wanted)
    }

    /// Memory of the process, and of each stream.
    pub fn cells(&self) -> [String; 2] {
        if self.open == 0 {
            return ["-".to_owned(), "-".to_owned()];
        }
        let grown = self.after_bytes as f64 - self.before_bytes as f64;
        let mark = if self.open < self.wanted { "*" } else { "" };
        [
            format!("{:.1}{mark}", self.after_bytes as f64 / 1_048_576.0),
            format!("{:.1}", grown / 1024.0 / self.open as f64),
        ]
    }
}

/// How long the connections of one measurement take to be gone in a peer.
pub const SETTLE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    /// What does not fit over HTTP/1.1 is measured with as many as fit, which is said, and over HTTP/2 with all.
    #[test]
    fn streams_fit() {
        let plan = Plan::within(&[1_000, 10_000], 9_900, 20_000);
        let of = |version: HttpVersion| -> Vec<usize> {
            plan.openings.iter().filter(|it| it.version == version).map(|it| it.count).collect()
        };
        assert_eq!(of(HttpVersion::One), [1_000, 9_900]);
        assert_eq!(of(HttpVersion::Two), [1_000, 10_000]);
        let note = plan.note.expect("one was too many");
        assert!(note.contains("9900") && note.contains("10000") && note.contains("20000"), "{note}");
        assert!(Plan::within(&[100], 9_900, 20_000).note.is_none());
    }
}
