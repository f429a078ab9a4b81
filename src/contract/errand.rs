//! What shards ask control to fetch: images and documents that a request names by URL, for a provider that takes bytes.
//!
//! A shard puts an errand on its ring and looks now and then whether it is settled; control looks at the rings now and
//! then, too. Both looks cost nothing beside a fetch, and nobody wakes anybody.
//!
//! Invariant: an errand is settled once, and given up when nobody waits for it any more.

use crate::contract::snapshot::Fetching;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often both sides look.
pub const LOOK: Duration = Duration::from_millis(20);
/// Errands of one shard that control has not taken up yet.
pub const RING_SLOTS: usize = 256;

/// What something has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    Image,
    Document,
}

impl Sort {
    pub const fn name(self) -> &'static str {
        match self {
            Sort::Image => "image",
            Sort::Document => "document",
        }
    }
}

/// Something to fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    pub url: Box<str>,
    pub sort: Sort,
}

/// Something that was fetched.
#[derive(PartialEq, Eq, Debug)]
pub struct Fetched {
    pub want: Want,
    /// What its bytes are, whatever its server says.
    pub media: &'static str,
    /// The bytes in base64, ready to stand in a request.
    pub base64: Box<[u8]>,
}

/// Something that could not be fetched.
#[derive(PartialEq, Eq, Debug)]
pub struct Missed {
    pub want: Want,
    pub why: Why,
}

/// Why something was not fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    /// For whoever asked. Tells nothing of the operator's network.
    pub public: Box<str>,
    /// For the operator.
    pub detail: Option<Box<str>>,
}

impl Why {
    pub fn told(public: impl Into<Box<str>>) -> Self {
        Self { public: public.into(), detail: None }
    }

    #[must_use]
    pub fn because(self, detail: impl Into<Box<str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

pub type Outcome = Result<Vec<Fetched>, Missed>;

/// All that one request wants.
pub struct Errand {
    pub wants: Vec<Want>,
    pub rules: Arc<Fetching>,
    outcome: OnceLock<Outcome>,
    given_up: AtomicBool,
}

impl Errand {
    pub fn new(wants: Vec<Want>, rules: Arc<Fetching>) -> Self {
        Self { wants, rules, outcome: OnceLock::new(), given_up: AtomicBool::new(false) }
    }

    /// What came of it, when that is known.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    pub fn settle(&self, outcome: Outcome) {
        // Nobody else settles it.
        drop(self.outcome.set(outcome));
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Relaxed)
    }
}

/// An errand that somebody waits for: dropped, it is given up.
pub struct Awaited(pub Arc<Errand>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.given_up.store(true, Relaxed);
    }
}

/// What was fetched for one request.
#[derive(Default)]
pub struct Shelf(Vec<Awaited>);

impl Shelf {
    /// Adds an errand that was settled well.
    pub fn add(&mut self, errand: Awaited) {
        self.0.push(errand);
    }

    pub fn find(&self, url: &[u8], sort: Sort) -> Option<&Fetched> {
        let settled = self.0.iter().filter_map(|errand| errand.0.outcome()?.as_ref().ok());
        settled.flatten().find(|one| one.want.sort == sort && one.want.url.as_bytes() == url)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
