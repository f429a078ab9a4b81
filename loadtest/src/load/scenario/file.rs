//! Scenarios as people write them: TOML in which every key is known.

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use serde::{Deserialize, Deserializer};

use super::units;
use super::{Arrivals, Endpoint, Flow, Leaves, Part, Plan, Ramp, Scenario, Shape, numbered};
use crate::load::check::Check;

/// How alike a key must be to one that exists to be taken for its misspelling.
const ALIKE_MIN: f64 = 0.75;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    load: Settings,
    request: Vec<Request>,
}

/// What may be said of the load; flags say the same.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub shape: Option<ShapeName>,
    pub connections: Option<usize>,
    pub streams: Option<usize>,
    #[serde(default, deserialize_with = "time")]
    pub duration: Option<Duration>,
    #[serde(default, deserialize_with = "time")]
    pub warmup: Option<Duration>,
    pub check: Option<Check>,
    /// Requests per second.
    pub rate: Option<f64>,
    /// Requests in a burst, and from the begin of one to that of the next.
    pub burst: Option<u32>,
    #[serde(default, deserialize_with = "time")]
    pub every: Option<Duration>,
    pub arrivals: Option<Arrivals>,
    pub from: Option<f64>,
    pub to: Option<f64>,
    pub step: Option<f64>,
    #[serde(default, deserialize_with = "time")]
    pub hold: Option<Duration>,
    #[serde(default, deserialize_with = "time")]
    pub slo_p99: Option<Duration>,
}

/// The shapes by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ShapeName {
    /// Each connection sends its next request when it has the answer to the one before.
    Closed,
    /// An open loop at a constant rate.
    Constant,
    /// An open loop whose gaps are random.
    Poisson,
    /// Many requests at once, every so often.
    Burst,
    /// One rate after the other, up to the highest that keeps the SLO.
    Ramp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: String,
    endpoint: Endpoint,
    weight: Option<u32>,
    beside: Option<usize>,
    model: Option<String>,
    #[serde(default = "default_body_bytes")]
    body_bytes: usize,
    #[serde(default)]
    suffix_bytes: usize,
    pieces: Option<usize>,
    #[serde(default)]
    stream: bool,
    key: Option<String>,
    keys: Option<usize>,
    events: Option<u64>,
    read_bytes_per_s: Option<u64>,
    leave_after_events: Option<u64>,
    #[serde(default, deserialize_with = "time")]
    leave_after: Option<Duration>,
}

fn default_body_bytes() -> usize {
    1024
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    units::duration(&text).map(Some).map_err(serde::de::Error::custom)
}

/// Reads a scenario; `name` is what it is called in reports.
///
/// # Errors
/// What is wrong and where, with the key that was probably meant.
pub fn read(name: &str, text: &str) -> anyhow::Result<Scenario> {
    let file: File = toml::from_str(text).map_err(|wrong| explain(&wrong))?;
    ensure!(!file.request.is_empty(), "a scenario needs at least one [[request]]");
    let parts = file
        .request
        .into_iter()
        .map(|request| {
            let name = request.name.clone();
            request.part().with_context(|| format!("[[request]] \"{name}\""))
        })
        .collect::<anyhow::Result<Vec<Part>>>()?;
    for (index, part) in parts.iter().enumerate() {
        ensure!(
            parts[..index].iter().all(|it| it.name != part.name),
            "two requests are named \"{}\"",
            part.name
        );
    }
    ensure!(
        parts.iter().any(|part| matches!(part.flow, Flow::Weight(1..))),
        "a scenario needs a [[request]] with a weight"
    );
    let mut plan = Plan::plain();
    file.load.apply(&mut plan).context("[load]")?;
    Ok(Scenario { name: name.to_owned(), about: file.about, plan, parts })
}

/// A complaint of the TOML reader, with the key that was probably meant.
pub fn explain(wrong: &toml::de::Error) -> anyhow::Error {
    let text = wrong.to_string();
    let mut names = wrong.message().split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| wrong.message().starts_with("unknown "));
    let nearest = unknown.and_then(|unknown| {
        names
            .map(|known| (strsim::jaro_winkler(unknown, known), known))
            .filter(|(alike, _)| *alike >= ALIKE_MIN)
            .max_by(|one, other| one.0.total_cmp(&other.0))
    });
    match nearest {
        Some((_, known)) => anyhow!("{}\ndid you mean `{known}`?", text.trim_end()),
        None => anyhow!("{}", text.trim_end()),
    }
}

impl Settings {
    /// Changes what is said in a plan.
    ///
    /// # Errors
    /// When what is said does not go together.
    pub fn apply(&self, plan: &mut Plan) -> anyhow::Result<()> {
        let positive = |name: &str, number: Option<f64>| match number {
            Some(number) if !(0.001..=1e7).contains(&number) => {
                bail!("{name} must be from 0.001 to 10000000, not {number}")
            }
            number => Ok(number),
        };
        for (name, number) in [("rate", self.rate), ("from", self.from), ("to", self.to), ("step", self.step)]
        {
            positive(name, number)?;
        }
        for (name, count) in [("connections", self.connections), ("streams", self.streams)] {
            ensure!(
                count.is_none_or(|count| (1..=1_000_000).contains(&count)),
                "{name} must be from 1 to 1000000"
            );
        }
        for (name, time) in [("duration", self.duration), ("hold", self.hold)] {
            ensure!(time.is_none_or(|time| time >= units::TIME_MIN), "{name} must be 1ms at least");
        }
        plan.connections = self.connections.unwrap_or(plan.connections);
        plan.streams = self.streams.unwrap_or(plan.streams);
        plan.duration = self.duration.unwrap_or(plan.duration);
        plan.warmup = self.warmup.unwrap_or(plan.warmup);
        plan.check = self.check.unwrap_or(plan.check);
        plan.shape = self.shape(plan.shape)?;
        self.refuse_what_has_no_effect(plan.shape)
    }

    /// The shape that is named, or that was there, with the numbers that are given.
    fn shape(&self, before: Shape) -> anyhow::Result<Shape> {
        let name = self.shape.unwrap_or(match before {
            Shape::Closed if self.rate.is_some() => ShapeName::Constant,
            Shape::Closed => ShapeName::Closed,
            Shape::Open { arrivals: Arrivals::Constant, .. } => ShapeName::Constant,
            Shape::Open { arrivals: Arrivals::Poisson, .. } => ShapeName::Poisson,
            Shape::Burst { .. } => ShapeName::Burst,
            Shape::Ramp(_) => ShapeName::Ramp,
        });
        let rate_before = match before {
            Shape::Open { rate, .. } => Some(rate),
            _ => None,
        };
        let rate = || self.rate.or(rate_before).context("a constant or Poisson load needs `rate`");
        Ok(match name {
            ShapeName::Closed => Shape::Closed,
            ShapeName::Constant => Shape::Open { arrivals: Arrivals::Constant, rate: rate()? },
            ShapeName::Poisson => Shape::Open { arrivals: Arrivals::Poisson, rate: rate()? },
            ShapeName::Burst => self.burst(before)?,
            ShapeName::Ramp => Shape::Ramp(self.ramp(before)?),
        })
    }

    fn burst(&self, before: Shape) -> anyhow::Result<Shape> {
        let (size_before, every_before) = match before {
            Shape::Burst { size, every } => (Some(size), Some(every)),
            _ => (None, None),
        };
        let size = self.burst.or(size_before).context("bursts need `burst`, the requests in each")?;
        let every = self.every.or(every_before).context("bursts need `every`, the time between them")?;
        ensure!(size > 0 && every >= Duration::from_millis(1), "a burst needs a request and a millisecond");
        Ok(Shape::Burst { size, every })
    }

    fn ramp(&self, before: Shape) -> anyhow::Result<Ramp> {
        let before = match before {
            Shape::Ramp(ramp) => Some(ramp),
            _ => None,
        };
        let from = self.from.or(before.map(|it| it.from)).context("a ramp needs `from`, its first rate")?;
        let ramp = Ramp {
            arrivals: self.arrivals.or(before.map(|it| it.arrivals)).unwrap_or_default(),
            from,
            to: self.to.or(before.map(|it| it.to)).context("a ramp needs `to`, its last rate")?,
            step: self.step.or(before.map(|it| it.step)).unwrap_or(from),
            hold: self.hold.or(before.map(|it| it.hold)).unwrap_or(Duration::from_secs(5)),
            slo_p99: self.slo_p99.or(before.map(|it| it.slo_p99)).context("a ramp needs `slo_p99`")?,
        };
        ensure!(ramp.to >= ramp.from, "`to` must not be less than `from`");
        Ok(ramp)
    }

    /// A key that does nothing is a misunderstanding.
    fn refuse_what_has_no_effect(&self, shape: Shape) -> anyhow::Result<()> {
        let (open, burst, ramp) = (
            matches!(shape, Shape::Open { .. }),
            matches!(shape, Shape::Burst { .. }),
            matches!(shape, Shape::Ramp(_)),
        );
        for (name, is_set, has_effect, needed) in [
            ("rate", self.rate.is_some(), open, "constant or poisson"),
            ("burst", self.burst.is_some(), burst, "burst"),
            ("every", self.every.is_some(), burst, "burst"),
            ("from", self.from.is_some(), ramp, "ramp"),
            ("to", self.to.is_some(), ramp, "ramp"),
            ("step", self.step.is_some(), ramp, "ramp"),
            ("hold", self.hold.is_some(), ramp, "ramp"),
            ("slo_p99", self.slo_p99.is_some(), ramp, "ramp"),
            ("arrivals", self.arrivals.is_some(), ramp, "ramp"),
            ("duration", self.duration.is_some(), !ramp, "not ramp, which holds each rate for `hold`"),
        ] {
            ensure!(!is_set || has_effect, "`{name}` has no effect here: the shape must be {needed}");
        }
        Ok(())
    }
}

impl Request {
    fn part(self) -> anyhow::Result<Part> {
        let flow = match (self.weight, self.beside) {
            (Some(_), Some(_)) => bail!("`weight` and `beside` exclude each other"),
            (_, Some(connections)) => Flow::Beside(connections.clamp(1, 1_000_000)),
            (weight, None) => Flow::Weight(weight.unwrap_or(1)),
        };
        let leaves = match (self.leave_after_events, self.leave_after) {
            (Some(_), Some(_)) => bail!("`leave_after` and `leave_after_events` exclude each other"),
            (Some(_), None) if !self.stream => bail!("`leave_after_events` needs `stream = true`"),
            (Some(events), None) => Some(Leaves::AfterEvents(events.max(1))),
            (None, after) => after.map(Leaves::After),
        };
        ensure!(self.events.is_none() || self.stream, "`events` needs `stream = true`");
        ensure!(self.read_bytes_per_s != Some(0), "`read_bytes_per_s` must be at least 1");
        ensure!(
            self.suffix_bytes == 0 || self.endpoint == Endpoint::Completions,
            "`suffix_bytes` is for the endpoint completions"
        );
        let keys = match (self.key, self.keys) {
            (None, None) => Vec::new(),
            (None, Some(_)) => bail!("`keys` needs `key`, a pattern such as \"tenant-{{n}}\""),
            (Some(key), keys) => {
                ensure!(
                    keys.is_none() || key.contains("{n}"),
                    "`key` needs {{n}} in it where there are several"
                );
                numbered(&key, keys.unwrap_or(1).max(1))
            }
        };
        Ok(Part {
            name: self.name,
            flow,
            endpoint: Some(self.endpoint),
            model: self.model.unwrap_or_else(|| "mock".to_owned()),
            body_bytes: self.body_bytes,
            suffix_bytes: self.suffix_bytes,
            pieces: self.pieces.unwrap_or(1).max(1),
            stream: self.stream,
            headers: Vec::new(),
            keys,
            events: self.events,
            read_bytes_per_s: self.read_bytes_per_s,
            leaves,
            own_time: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "[[request]]\nname = \"a\"\nendpoint = \"chat\"\n";

    fn scenario(load: &str, request: &str) -> anyhow::Result<Scenario> {
        read("test", &format!("about = \"x\"\n[load]\n{load}\n{REQUEST}{request}"))
    }

    /// What is written becomes the plan, and what is not written has its usual value.
    #[test]
    fn reads_what_is_written() {
        let ramp = "shape = \"ramp\"\nfrom = 10\nto = 100\nhold = \"2s\"\nslo_p99 = \"20ms\"\narrivals = \"poisson\"";
        let scenario = scenario(ramp, "key = \"k-{n}\"\nkeys = 3\nstream = true\nleave_after_events = 2")
            .expect("valid");
        let Shape::Ramp(ramp) = scenario.plan.shape else { unreachable!("a ramp") };
        assert_eq!((ramp.step, ramp.hold, ramp.arrivals), (10.0, Duration::from_secs(2), Arrivals::Poisson));
        assert_eq!(scenario.parts[0].keys, ["k-0", "k-1", "k-2"]);
        assert_eq!(scenario.parts[0].leaves, Some(Leaves::AfterEvents(2)));
        assert_eq!(scenario.plan.connections, 64);
    }

    /// What is wrong is refused with the place or the key, and with what was probably meant.
    #[test]
    fn refuses_what_is_wrong() {
        for (load, request, words) in [
            ("conections = 3", "", &["line 3", "conections", "did you mean `connections`?"][..]),
            ("", "wieght = 3", &["line 7", "did you mean `weight`?"]),
            ("", "qqqq = 3", &["unknown field `qqqq`"]),
            ("shape = \"cloesd\"", "", &["did you mean `closed`?"]),
            ("shape = \"constant\"", "", &["[load]", "`rate`"]),
            ("shape = \"burst\"\nburst = 10", "", &["`every`"]),
            ("shape = \"closed\"\nrate = 3", "", &["`rate` has no effect"]),
            ("shape = \"ramp\"\nfrom = 10\nto = 5\nslo_p99 = \"1s\"", "", &["`to` must not be less"]),
            ("duration = \"3 weeks\"", "", &["line 3", "no time such as"]),
            ("rate = -1", "", &["rate must be from"]),
            ("", "weight = 1\nbeside = 1", &["\"a\"", "exclude each other"]),
            ("", "beside = 1", &["needs a [[request]] with a weight"]),
            ("", "leave_after_events = 1", &["needs `stream = true`"]),
            ("", "suffix_bytes = 1", &["completions"]),
            ("", "keys = 3", &["needs `key`"]),
        ] {
            let refused = format!("{:#}", scenario(load, request).expect_err(load));
            for word in words {
                assert!(refused.contains(word), "{load:?} {request:?}: {refused}");
            }
        }
        let twice = format!("about = \"x\"\n[load]\n{REQUEST}{REQUEST}");
        assert!(read("test", &twice).is_err_and(|refused| refused.to_string().contains("two requests")));
    }

    /// Flags change a scenario's numbers, and its shape only when they name one.
    #[test]
    fn flags_change_a_plan() {
        let mut plan = scenario("shape = \"poisson\"\nrate = 10", "").expect("valid").plan;
        Settings { rate: Some(50.0), ..Settings::default() }.apply(&mut plan).expect("valid");
        assert_eq!(plan.shape, Shape::Open { arrivals: Arrivals::Poisson, rate: 50.0 });
        Settings { shape: Some(ShapeName::Closed), ..Settings::default() }.apply(&mut plan).expect("valid");
        assert_eq!(plan.shape, Shape::Closed);
        Settings { rate: Some(5.0), ..Settings::default() }.apply(&mut plan).expect("valid");
        assert_eq!(plan.shape, Shape::Open { arrivals: Arrivals::Constant, rate: 5.0 });
    }
}
