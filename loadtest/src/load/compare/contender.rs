//! Someone who is measured: a peer that runs, or the provider alone.

use super::launch::Running;
use super::memory::Openings;
use super::peer::Peer;
use crate::load::engine::HttpVersion;
use crate::load::measure::Process;

/// Someone who is measured.
pub struct Contender {
    pub peer: Peer,
    pub running: Option<Running>,
}

impl Contender {
    /// What it can open of all that is to be.
    pub fn openings<'a>(&'a self, all: &'a [Openings]) -> impl Iterator<Item = Openings> + 'a {
        let can = |version| version == HttpVersion::One || self.peer.plain_http2;
        all.iter().copied().filter(move |it| self.running.is_some() && can(it.version))
    }

    pub fn process(&self) -> Option<Process> {
        self.running.as_ref().map(|running| running.process)
    }
}
