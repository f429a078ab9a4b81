//! What is sent, how it is sent, and what comes back: a workload as a value.
//!
//! Takes TOML ([`read`], and the scenarios that come with the program in [`catalog`]) or the flags of a command, gives a
//! [`Scenario`] and the bytes of its requests ([`request::Draft`]). Does no input or output but reading the file.
//!
//! Invariant: the same scenario and the same seed give the same requests in the same order.

pub mod catalog;
mod file;
mod request;
pub mod shipped;
mod units;

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use super::check::{Check, OwnTime};

pub use file::{Settings, ShapeName, explain, read};
pub use units::{duration, positive, rate, some_time};

/// A workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    /// One line for people.
    pub about: String,
    pub plan: Plan,
    pub parts: Vec<Part>,
}

/// How load is put on a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub shape: Shape,
    pub connections: usize,
    /// Requests at a time on each HTTP/2 connection.
    pub streams: usize,
    pub duration: Duration,
    pub warmup: Duration,
    pub check: Check,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Each connection sends its next request when it has the answer to the one before.
    Closed,
    /// So many requests a second, whatever becomes of them.
    Open { arrivals: Arrivals, rate: f64 },
    /// So many requests at once, every so often.
    Burst { size: u32, every: Duration },
    /// An open loop at one rate after the other.
    Ramp(Ramp),
}

/// The gaps between requests of an open loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// All alike.
    #[default]
    Constant,
    /// Exponentially distributed, as of many clients that know nothing of each other.
    Poisson,
}

/// Rates to go through, in search of the highest that the target takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    pub arrivals: Arrivals,
    pub from: f64,
    pub to: f64,
    pub step: f64,
    /// How long each rate is held.
    pub hold: Duration,
    /// What the latency's p99 must stay under; it is from when each request was due.
    pub slo_p99: Duration,
}

/// One kind of request.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub name: String,
    pub flow: Flow,
    /// Nothing where the URL itself names it.
    pub endpoint: Option<Endpoint>,
    pub model: String,
    /// Bytes of the request body, at least; the prompt is padded.
    pub body_bytes: usize,
    /// Bytes of text behind the cursor, of a code completion.
    pub suffix_bytes: usize,
    /// Messages that the prompt is spread over, or inputs to embed.
    pub pieces: usize,
    pub stream: bool,
    /// Headers beside those that every request has.
    pub headers: Vec<(String, String)>,
    /// Keys to send; requests take any of them. No key is sent if there is none.
    pub keys: Vec<String>,
    /// Events that each stream must have.
    pub events: Option<u64>,
    /// How fast the answer is read at most.
    pub read_bytes_per_s: Option<u64>,
    pub leaves: Option<Leaves>,
    /// The header in which the target says how long it took itself: then this is noted, and what a mock's stamps say.
    pub own_time: Option<Rc<OwnTime>>,
}

/// How often a part is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// This share of the plan's requests, against the other parts' weights.
    Weight(u32),
    /// Beside the plan, in a closed loop on so many connections of its own.
    Beside(usize),
}

/// When a client goes away in the middle of an answer, with a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    AfterEvents(u64),
    After(Duration),
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    Chat,
    Completions,
    Responses,
    Embeddings,
    Messages,
}

impl Endpoint {
    pub const ALL: [Self; 5] =
        [Self::Chat, Self::Completions, Self::Responses, Self::Embeddings, Self::Messages];

    /// What stands behind the base of a URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Responses => "/responses",
            Self::Embeddings => "/embeddings",
            Self::Messages => "/messages",
        }
    }

    /// The endpoint that a path ends with.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| path.ends_with(endpoint.path()))
    }
}

impl Plan {
    /// The load of a plain run.
    pub fn plain() -> Self {
        Self {
            shape: Shape::Closed,
            connections: 64,
            streams: 1,
            duration: Duration::from_secs(10),
            warmup: Duration::from_millis(500),
            check: Check::Exact,
        }
    }
}

impl Part {
    /// A request of 1 KB to whatever the URL names.
    pub fn plain(name: &str, model: &str) -> Self {
        Self {
            name: name.to_owned(),
            flow: Flow::Weight(1),
            endpoint: None,
            model: model.to_owned(),
            body_bytes: 1024,
            suffix_bytes: 0,
            pieces: 1,
            stream: false,
            headers: Vec::new(),
            keys: Vec::new(),
            events: None,
            read_bytes_per_s: None,
            leaves: None,
            own_time: None,
        }
    }

    /// Asks for another model by name. What follows a `?` tells a mock provider how to answer, and stays unless the new
    /// name brings its own.
    pub fn rename(&mut self, name: &str) {
        match self.model.split_once('?') {
            Some((_, settings)) if !name.contains('?') => self.model = format!("{name}?{settings}"),
            _ => name.clone_into(&mut self.model),
        }
    }
}

impl Scenario {
    /// One kind of request in a closed loop.
    pub fn plain(part: Part) -> Self {
        Self { name: part.name.clone(), about: String::new(), plan: Plan::plain(), parts: vec![part] }
    }

    /// Connections that are open at a time.
    pub fn connections(&self) -> usize {
        let beside = self.parts.iter().map(|part| match part.flow {
            Flow::Beside(connections) => connections,
            Flow::Weight(_) => 0,
        });
        self.plan.connections + beside.sum::<usize>()
    }
}

/// `pattern` with each number from 0 in place of `{n}`; the pattern itself if there is none in it.
pub fn numbered(pattern: &str, count: usize) -> Vec<String> {
    if pattern.contains("{n}") {
        (0..count).map(|number| pattern.replace("{n}", &number.to_string())).collect()
    } else {
        vec![pattern.to_owned()]
    }
}
