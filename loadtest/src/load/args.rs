//! Command lines of the load generator.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use super::check::Check;
use super::compare::Section;
use super::engine::{HttpVersion, Setup, Target, Trust};
use super::scenario::{
    self, Part, Scenario, Settings, ShapeName, catalog, duration, numbered, positive, rate, some_time,
};
use crate::runtime::Wanted;

/// What every command sends.
#[derive(Args, Clone, Debug)]
pub struct AskArgs {
    /// Key to send, as a bearer token (or x-api-key to /messages).
    #[arg(long, help_heading = "Requests")]
    pub key: Option<String>,
    /// Model to ask for; the mock provider takes settings behind it.
    #[arg(
        long,
        help = "Model to ask for; what follows a ? in it tells a mock provider how to answer",
        help_heading = "Requests"
    )]
    pub model: Option<String>,
    /// Bytes of the request body, at least; the prompt is padded [1024 unless a scenario says otherwise].
    #[arg(long, value_name = "BYTES", help_heading = "Requests")]
    pub body_bytes: Option<usize>,
    /// How long an answer may take.
    #[arg(long, default_value = "30s", value_parser = some_time, value_name = "TIME", help_heading = "Requests")]
    pub timeout: Duration,
    /// File of certificates (PEM) to trust, in place of the public authorities.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", help_heading = "Connections")]
    pub ca: Option<PathBuf>,
    /// Trust any certificate.
    #[arg(long, help_heading = "Connections")]
    pub insecure: bool,
    /// Core to run on.
    #[arg(long, value_name = "CORE", help_heading = "Generator")]
    pub cpu: Option<usize>,
    /// Use epoll, even where a ring would work.
    #[arg(long, help_heading = "Generator")]
    pub epoll: bool,
    /// Write the result as JSON to a file; without one, print it in place of the table.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", help_heading = "Output")]
    pub json: Option<PathBuf>,
}

impl AskArgs {
    /// The one kind of request that the flags describe.
    pub fn part(&self, name: &str, model: &str) -> Part {
        let mut part = Part::plain(name, self.model.as_deref().unwrap_or(model));
        part.body_bytes = self.body_bytes.unwrap_or(part.body_bytes);
        part.keys = self.key.iter().cloned().collect();
        part
    }

    pub fn wanted(&self) -> Wanted {
        if self.epoll { Wanted::Epoll } else { Wanted::Best }
    }

    pub fn trust(&self) -> Trust<'_> {
        match &self.ca {
            Some(file) => Trust::File(file),
            None if self.insecure => Trust::Anything,
            None => Trust::Public,
        }
    }

    pub fn setup(&self, version: HttpVersion, seed: u64) -> Setup<'_> {
        Setup { version, trust: self.trust(), seed, timeout: self.timeout }
    }
}

const RUN_ABOUT: &str = "Put load on one target, check every answer, and print times and costs.

What is sent comes from a scenario, or from the flags alone; flags change what a scenario says. Latency is shown twice: \
from when a request was due, as a user who did not wait for the ones before feels it, and from when it was really sent.";

/// Where clap would make a new line of `{n}`, an escape sequence without effect stands in it; none is left where help does
/// not go to a terminal.
const RUN_EXAMPLES: &str = "Examples:
  How fast is it, and what does a request cost? (closed loop; 4711 is the gateway)
    ringgate-load run --url http://127.0.0.1:8080/v1/chat/completions --key K --pid 4711
  What latency do 1,000 requests a second see, when they come at random?
    ringgate-load run --url http://127.0.0.1:8080/v1/chat/completions --shape poisson --rate 1000
  Which rate keeps the p99 under 20 ms?
    ringgate-load run --scenario knee --url http://127.0.0.1:8080/v1 --slo-p99 20ms
  Streams, recorded for a report page:
    ringgate-load run --scenario streaming --url http://127.0.0.1:8080/v1 --json a.json
    ringgate-load report a.json -o a.html
  HTTP/2 over TLS, 8 requests at a time on each of 64 connections:
    ringgate-load run --url https://gateway.example/v1/responses --http 2 --streams 8
  A hundred keys, a real model (whose answers differ):
    ringgate-load run --url URL --key 'team-{\u{1b}[mn}' --keys 100 --model gpt-5-nano --check shape";

/// Put load on one target, check every answer, and print times and costs.
#[derive(Args, Clone, Debug)]
#[command(about = "Put load on one target, and measure it", long_about = RUN_ABOUT, after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// Endpoint to send requests to.
    #[arg(
        long,
        help = "URL of an endpoint, as in http://127.0.0.1:8080/v1/chat/completions, or for a scenario of all, as in http://127.0.0.1:8080/v1"
    )]
    pub url: Target,
    /// Scenario to run: a name that `ringgate-load scenarios` lists, or a TOML file.
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<String>,
    #[command(flatten)]
    pub ask: AskArgs,
    #[command(flatten)]
    pub load: LoadArgs,
    /// Ask for streams.
    #[arg(long, conflicts_with = "scenario", help_heading = "Requests")]
    pub stream: bool,
    /// Events that each stream must have; without it, as many as the first.
    #[arg(long, value_name = "COUNT", requires = "stream", help_heading = "Requests")]
    pub events: Option<u64>,
    /// Keys to send: as many as this, with their number in place of `{n}` in --key.
    #[arg(
        long,
        help = "Keys to send: as many as this, with their number in place of {\u{1b}[mn} in --key",
        value_name = "COUNT",
        requires = "key",
        value_parser = positive,
        help_heading = "Requests"
    )]
    pub keys: Option<usize>,
    /// Version of HTTP: 1 or 2 (with TLS by agreement, without by prior knowledge).
    #[arg(long, default_value = "1", value_parser = http_version, value_name = "VERSION", help_heading = "Connections")]
    pub http: HttpVersion,
    /// What random choices follow from: arrivals, kinds of requests, keys.
    #[arg(long, default_value_t = 0, help_heading = "Generator")]
    pub seed: u64,
    /// Process whose CPU time to measure, with all its threads and descendants.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Write a histogram of each interval to a file, in the log format of HDR histograms (V2, nanoseconds).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub hlog: Option<PathBuf>,
    /// Length of an interval.
    #[arg(long, default_value = "1s", value_parser = interval, value_name = "TIME", help_heading = "Output")]
    pub interval: Duration,
}

/// How load is put on a target.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// How requests follow each other [closed, or constant if there is a rate, unless a scenario says otherwise].
    #[arg(long, value_enum)]
    pub shape: Option<ShapeName>,
    /// Requests per second, whatever becomes of them (open loop; times are from when each was due). Without it, each
    /// connection sends its next request when it has the answer to the one before (closed loop).
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Connections that are kept open [64].
    #[arg(long, value_parser = positive)]
    pub connections: Option<usize>,
    /// Requests at a time on each HTTP/2 connection [1].
    #[arg(long, value_parser = positive)]
    pub streams: Option<usize>,
    /// How long to measure [10s].
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub duration: Option<Duration>,
    /// How long to put load on the target before measuring [500ms].
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub warmup: Option<Duration>,
    /// Requests in a burst.
    #[arg(long, value_name = "COUNT")]
    pub burst: Option<u32>,
    /// From the begin of a burst to that of the next.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub every: Option<Duration>,
    /// First rate of a ramp.
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub from: Option<f64>,
    /// Last rate of a ramp.
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub to: Option<f64>,
    /// From one rate of a ramp to the next.
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub step: Option<f64>,
    /// How long a ramp holds each rate.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub hold: Option<Duration>,
    /// What the p99 must stay under for a ramp to go on.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub slo_p99: Option<Duration>,
    /// How closely answers are looked at.
    #[arg(long, value_enum)]
    pub check: Option<Check>,
}

impl LoadArgs {
    fn settings(&self) -> Settings {
        Settings {
            shape: self.shape,
            connections: self.connections,
            streams: self.streams,
            duration: self.duration,
            warmup: self.warmup,
            check: self.check,
            rate: self.rate,
            burst: self.burst,
            every: self.every,
            arrivals: None,
            from: self.from,
            to: self.to,
            step: self.step,
            hold: self.hold,
            slo_p99: self.slo_p99,
        }
    }
}

impl RunArgs {
    /// The scenario that is named, or the one that the flags describe.
    ///
    /// # Errors
    /// When there is no such scenario, or the flags do not fit it.
    pub fn scenario(&self) -> anyhow::Result<Scenario> {
        if let (Some(key), Some(2..)) = (&self.ask.key, self.keys) {
            ensure!(
                key.contains("{n}"),
                "--keys needs {{n}} in --key, as in team-{{n}}: \"{key}\" is one key"
            );
        }
        let mut scenario = match &self.scenario {
            Some(name) => self.change(catalog::find(name)?),
            None => self.plain(),
        };
        self.load.settings().apply(&mut scenario.plan)?;
        Ok(scenario)
    }

    fn plain(&self) -> Scenario {
        let mut part = self.ask.part("requests", "mock");
        part.stream = self.stream;
        part.events = self.events;
        part.keys = self.ask.key.iter().flat_map(|key| numbered(key, self.keys.unwrap_or(1))).collect();
        scenario::Scenario::plain(part)
    }

    fn change(&self, mut scenario: Scenario) -> Scenario {
        for part in &mut scenario.parts {
            if let Some(model) = &self.ask.model {
                part.rename(model);
            }
            if let Some(key) = &self.ask.key {
                part.keys = numbered(key, self.keys.unwrap_or(part.keys.len().max(1)));
            }
            part.body_bytes = self.ask.body_bytes.unwrap_or(part.body_bytes);
        }
        scenario
    }
}

const HOLD_EXAMPLES: &str = "Examples (4711 is the gateway's process):
  ringgate-load idle --url http://127.0.0.1:8080/v1/chat/completions --pid 4711 --connections 8000
  ringgate-load streams --url http://127.0.0.1:8080/v1/chat/completions --pid 4711 --key K --connections 1000
What streams that never end need is a provider of which they are asked: ringgate-load mock. `compare --parts memory` starts
everything itself, and measures over HTTP/2 as well.";

/// Open connections that stay (one request each), and print what each costs the target in memory.
#[derive(Args, Clone, Debug)]
#[command(after_help = HOLD_EXAMPLES)]
pub struct HoldArgs {
    /// Endpoint to send requests to.
    #[arg(long, help = "URL of the endpoint, as in http://127.0.0.1:8080/v1/chat/completions")]
    pub url: Target,
    #[command(flatten)]
    pub ask: AskArgs,
    /// Connections to open.
    #[arg(long, default_value_t = 1000, value_parser = positive)]
    pub connections: usize,
    /// Process whose memory to measure, with its descendants.
    #[arg(long)]
    pub pid: u32,
    /// How long to wait before each measurement.
    #[arg(long, default_value = "500ms", value_parser = duration, value_name = "TIME")]
    pub settle: Duration,
    /// How long to keep everything open after the measurement.
    #[arg(long, default_value = "0s", value_parser = duration, value_name = "TIME")]
    pub hold: Duration,
}

const REPORT_EXAMPLES: &str = "Examples:
  ringgate-load run --scenario chat --url http://127.0.0.1:8080/v1 --json gateway.json
  ringgate-load run --scenario chat --url http://127.0.0.1:8090/v1 --json nginx.json
  ringgate-load report gateway.json nginx.json -o both.html
  ringgate-load report compare.json -o compare.html";

/// Draw one page of several runs, or of one comparison of peers: it needs no network, and can be sent as it is.
#[derive(Args, Clone, Debug)]
#[command(after_help = REPORT_EXAMPLES)]
pub struct ReportArgs {
    /// What `run --json FILE` wrote; of several runs, each is drawn beside the others. Or what `compare --peer … --json FILE`
    /// wrote, alone.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Page to write.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
}

const COMPARE_EXAMPLES: &str = "Examples:
  Start what is installed, and measure all of it in a quarter of an hour (peers on core 0, generator and provider on core 1):
    ringgate-load compare --peer all --base nginx --cpu 1 --budget 15m --json compare.json --page compare.html
  Nothing but latencies, or nothing but memory:
    ringgate-load compare --peer ringgate --peer nginx --cpu 1 --parts rates --rates 5000 --rounds 40 --slice 250ms
    ringgate-load compare --peer ringgate --peer nginx --cpu 1 --parts memory --open 1000,10000
  Two peers, in a hurry:
    ringgate-load compare --peer ringgate --peer nginx --cpu 1 --rounds 3 --open 1000
  Targets that run already:
    ringgate-load compare --target a=http://127.0.0.1:8080/v1/chat/completions,pid=4711 \\
                          --target b=http://127.0.0.1:8090/v1/chat/completions,pid=4712 --key K";

/// Put short slices of load on several targets in turn, so that what the machine does hits all alike, and compare them:
/// targets that run, or peers that are started for it.
#[derive(Args, Clone, Debug)]
#[command(after_help = COMPARE_EXAMPLES)]
pub struct CompareArgs {
    /// A target; repeat it for each. The process to measure, key and model are its own, as in
    /// ringgate=URL,pid=4711,key=k.
    #[arg(long = "target", value_name = "NAME=URL[,pid=PID][,key=KEY][,model=MODEL]")]
    pub targets: Vec<NamedTarget>,
    /// A peer to start and to measure; repeat it for each, or say `all`. It is one that comes with the program
    /// (`ringgate-load peers`), or a TOML file. One that is not installed is skipped.
    #[arg(long = "peer", value_name = "NAME|FILE|all", conflicts_with_all = ["targets", "direct", "rate", "stream", "events", "key", "model"], help_heading = "Peers")]
    pub peers: Vec<String>,
    /// Core of the peers; the provider shares the generator's.
    #[arg(long, default_value_t = 0, value_name = "CORE", help_heading = "Peers")]
    pub peer_cpu: usize,
    /// Rates at which added latency is measured.
    #[arg(long, default_value = "200,1000,5000", value_delimiter = ',', value_parser = rate, value_name = "RATES", help_heading = "Peers")]
    pub rates: Vec<f64>,
    /// Open streams with which memory is measured, over HTTP/1.1 and, where a peer has it, HTTP/2 without TLS. Over HTTP/1.1
    /// each needs two descriptors in this process and in each peer, and there are fewer where so many are not allowed.
    #[arg(long, default_value = "1000,10000", value_delimiter = ',', value_parser = positive, value_name = "COUNTS", help_heading = "Peers")]
    pub open: Vec<usize>,
    /// Times that each peer is started, for its start-up.
    #[arg(long, default_value_t = 3, value_parser = positive, help_heading = "Peers")]
    pub starts: usize,
    /// How long each peer has load before anything of it is measured, whole answers and streams in halves: what compiles
    /// itself as it runs is slow at first.
    #[arg(long, default_value = "20s", value_parser = duration, value_name = "TIME", help_heading = "Peers")]
    pub warmup: Duration,
    /// What to measure of peers; without it, all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS", help_heading = "Peers")]
    pub parts: Vec<Section>,
    /// How long everything may take, as in 15m: there are as many rounds as fit, and warming up and memory are cut to their
    /// share; with --rounds, that many at most.
    #[arg(long, value_parser = some_time, value_name = "TIME", help_heading = "Peers")]
    pub budget: Option<Duration>,
    /// Draw a page of the result, too.
    #[arg(long, value_name = "FILE", requires = "peers", help_heading = "Output")]
    pub page: Option<PathBuf>,
    /// Report even if the machine was not steady, with a mark.
    #[arg(long)]
    pub force: bool,
    /// Name of the target that the others are compared with; the first one if it is not given.
    #[arg(long, value_name = "NAME")]
    pub base: Option<String>,
    /// What the targets send their requests to: the latency that each adds to it is printed.
    #[arg(long, value_name = "URL[,key=KEY][,model=MODEL]", requires = "rate", value_parser = direct)]
    pub direct: Option<NamedTarget>,
    #[command(flatten)]
    pub ask: AskArgs,
    /// Times that each target is measured [10, or as many as fit into --budget].
    #[arg(long, value_parser = positive)]
    pub rounds: Option<usize>,
    /// How long each measurement takes.
    #[arg(long, default_value = "500ms", value_parser = some_time, value_name = "TIME")]
    pub slice: Duration,
    /// Connections to each target that are kept open.
    #[arg(long, default_value_t = 64, value_parser = positive)]
    pub connections: usize,
    /// Requests per second in each slice (open loop); without it, as many as the target answers (closed loop).
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Ask for streams.
    #[arg(long)]
    pub stream: bool,
    /// Events that each stream must have; without it, as many as the first of its target.
    #[arg(long, value_name = "COUNT", requires = "stream")]
    pub events: Option<u64>,
    /// How closely answers are looked at.
    #[arg(long, value_enum, default_value_t = Check::Exact)]
    pub check: Check,
}

/// Rounds, unless somebody says otherwise.
const ROUNDS: usize = 10;

impl CompareArgs {
    pub fn has(&self, section: Section) -> bool {
        self.parts.is_empty() || self.parts.contains(&section)
    }

    /// Rounds that there are at most.
    pub fn rounds_max(&self) -> usize {
        self.rounds.unwrap_or(if self.budget.is_some() { usize::MAX } else { ROUNDS })
    }
}

/// One of several targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTarget {
    pub name: String,
    pub target: Target,
    pub pid: Option<u32>,
    pub key: Option<String>,
    pub model: Option<String>,
}

impl std::str::FromStr for NamedTarget {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, rest) = text.split_once('=').filter(|(name, _)| !name.contains('/')).unwrap_or(("", text));
        anyhow::ensure!(
            !name.is_empty(),
            "\"{text}\" must begin with a name, as in a=http://127.0.0.1:8080/v1/responses"
        );
        named(name, rest)
    }
}

fn direct(text: &str) -> anyhow::Result<NamedTarget> {
    named("direct", text)
}

fn named(name: &str, text: &str) -> anyhow::Result<NamedTarget> {
    let mut parts = text.split(',');
    let target = parts.next().unwrap_or_default().parse()?;
    let mut named = NamedTarget { name: name.to_owned(), target, pid: None, key: None, model: None };
    for part in parts {
        match part.split_once('=').unwrap_or(("pid", part)) {
            ("pid", pid) => {
                let pid = pid.parse().map_err(|_| anyhow::anyhow!("\"{pid}\" is no process id"))?;
                named.pid = Some(pid);
            }
            ("key", key) => named.key = Some(key.to_owned()),
            ("model", model) => named.model = Some(model.to_owned()),
            (other, _) => anyhow::bail!("\"{other}\" is none of pid, key and model"),
        }
    }
    Ok(named)
}

fn http_version(text: &str) -> Result<HttpVersion, String> {
    match text {
        "1" | "1.1" => Ok(HttpVersion::One),
        "2" => Ok(HttpVersion::Two),
        _ => Err(format!("\"{text}\" is neither 1 nor 2")),
    }
}

/// An interval must hold something.
fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_millis(10) => Err("an interval needs 10ms at least".to_owned()),
        interval => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target has a name and a URL, and may have a process, a key and a model of its own.
    #[test]
    fn reads_targets() {
        let target: NamedTarget =
            "a=http://127.0.0.1:1/v1?x=1,12,key=k,model=m?stall".parse().expect("valid");
        assert_eq!((target.name.as_str(), target.pid, target.key.as_deref()), ("a", Some(12), Some("k")));
        assert_eq!((target.model.as_deref(), target.target.path.as_str()), (Some("m?stall"), "/v1?x=1"));
        for wrong in [
            "http://127.0.0.1:1/v1?x=1",
            "a=nowhere",
            "a=http://127.0.0.1:1/v1,x",
            "a=http://127.0.0.1:1/v1,y=1",
        ] {
            assert!(wrong.parse::<NamedTarget>().is_err(), "{wrong}");
        }
    }
}
