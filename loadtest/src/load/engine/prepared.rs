//! The requests of a scenario as bytes, written before anything is measured.

use std::rc::Rc;

use anyhow::{Context, ensure};
use bytes::Bytes;

use super::target::Target;
use super::trace::Behaviour;
use crate::chance::Chance;
use crate::load::check::{Check, Expected};
use crate::load::scenario::{Flow, Part, Scenario};

/// The version of HTTP that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    #[default]
    One,
    Two,
}

/// Bytes that all requests of a scenario may have together.
const REQUEST_BYTES_MAX: usize = 512 * 1024 * 1024;

/// One request, ready to be sent.
#[derive(Clone, Debug)]
pub enum Wire {
    One(Rc<Vec<u8>>),
    Two(Rc<(http::Request<()>, Bytes)>),
}

/// One part of a scenario.
#[derive(Debug)]
pub struct PreparedPart {
    pub index: usize,
    pub flow: Flow,
    pub behaviour: Behaviour,
    pub expected: Expected,
    /// One for each key.
    wires: Vec<Wire>,
}

/// All parts of a scenario.
#[derive(Debug)]
pub struct Prepared {
    pub parts: Vec<PreparedPart>,
    seed: u64,
    weights: u64,
}

impl Prepared {
    /// # Errors
    /// When the requests are too many and too large, or cannot be put into HTTP.
    pub fn new(
        scenario: &Scenario,
        target: &Target,
        version: HttpVersion,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let bytes: usize =
            scenario.parts.iter().map(|part| part.body_bytes.saturating_mul(part.keys.len().max(1))).sum();
        ensure!(
            bytes <= REQUEST_BYTES_MAX,
            "the requests of this scenario have {} MB (a body for each key): fewer keys or smaller bodies are needed",
            bytes >> 20
        );
        let prepare = |(index, part)| PreparedPart::new(index, part, target, version, scenario.plan.check);
        let parts = scenario.parts.iter().enumerate().map(prepare).collect::<anyhow::Result<Vec<_>>>()?;
        let weights = parts.iter().map(PreparedPart::weight).sum();
        Ok(Self { parts, seed, weights })
    }

    /// The part that the `number`th request of the plan belongs to, and the request.
    pub fn pick(&self, number: u64) -> (&PreparedPart, &Wire) {
        let mut chance = Chance::of(self.seed, number);
        let mut at = chance.below(self.weights);
        let chosen = self.parts.iter().find(|part| {
            let is_here = at < part.weight();
            at = at.saturating_sub(part.weight());
            is_here
        });
        let part = chosen.unwrap_or(&self.parts[0]);
        (part, part.wire(chance))
    }

    /// The `number`th request of one part.
    pub fn pick_of(&self, part: usize, number: u64) -> (&PreparedPart, &Wire) {
        let part = &self.parts[part];
        (part, part.wire(Chance::of(self.seed ^ part.index as u64, number)))
    }
}

impl PreparedPart {
    fn new(
        index: usize,
        part: &Part,
        target: &Target,
        version: HttpVersion,
        check: Check,
    ) -> anyhow::Result<Self> {
        let wire = |key: Option<&str>| -> anyhow::Result<Wire> {
            let draft = part.draft(target.base(), &target.path, key);
            Ok(match version {
                HttpVersion::One => Wire::One(Rc::new(draft.http1(&target.authority))),
                HttpVersion::Two => {
                    let head = draft.http2(target.scheme(), &target.authority)?;
                    Wire::Two(Rc::new((head, Bytes::from(draft.body))))
                }
            })
        };
        let wires: anyhow::Result<Vec<Wire>> = if part.keys.is_empty() {
            wire(None).map(|wire| vec![wire])
        } else {
            part.keys.iter().map(|key| wire(Some(key))).collect()
        };
        Ok(Self {
            index,
            flow: part.flow,
            behaviour: Behaviour::of(part),
            expected: Expected::new(check, part.events),
            wires: wires.with_context(|| format!("request \"{}\"", part.name))?,
        })
    }

    fn weight(&self) -> u64 {
        match self.flow {
            Flow::Weight(weight) => u64::from(weight),
            Flow::Beside(_) => 0,
        }
    }

    fn wire(&self, mut chance: Chance) -> &Wire {
        &self.wires[chance.below(self.wires.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(seed: u64) -> Prepared {
        let part = |name: &str, flow, keys: &[&str]| Part {
            flow,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..Part::plain(name, "mock")
        };
        let mut scenario = Scenario::plain(part("often", Flow::Weight(3), &["k1", "k2"]));
        scenario.parts.push(part("seldom", Flow::Weight(1), &[]));
        scenario.parts.push(part("beside", Flow::Beside(2), &[]));
        let target: Target = "http://127.0.0.1:1/v1/chat/completions".parse().expect("valid");
        Prepared::new(&scenario, &target, HttpVersion::One, seed).expect("valid")
    }

    /// Parts are sent as often as their weights say, all keys are used, and the same seed gives the same sequence.
    #[test]
    fn picks_by_weight() {
        let sequence = |prepared: &Prepared| -> Vec<usize> {
            (0..4000).map(|number| prepared.pick(number).0.index).collect()
        };
        let prepared = prepared(5);
        let picked = sequence(&prepared);
        let count = |index| picked.iter().filter(|it| **it == index).count();
        assert!((2900..3100).contains(&count(0)) && count(2) == 0, "{}", count(0));
        assert_eq!(picked, sequence(&self::prepared(5)));
        assert_ne!(picked, sequence(&self::prepared(6)));
        let texts: std::collections::BTreeSet<String> =
            (0..100).map(|number| format!("{:?}", prepared.pick_of(0, number).1)).collect();
        assert_eq!(texts.len(), 2);
    }

    /// Bodies that would not fit into memory are refused before they are written.
    #[test]
    fn refuses_what_is_too_large() {
        let keys = (0..1000).map(|number| number.to_string()).collect();
        let scenario = Scenario::plain(Part { keys, body_bytes: 1 << 20, ..Part::plain("large", "mock") });
        let target: Target = "http://127.0.0.1:1/v1/chat/completions".parse().expect("valid");
        let refused = Prepared::new(&scenario, &target, HttpVersion::One, 0);
        assert!(refused.is_err_and(|error| error.to_string().contains("fewer keys")));
    }
}
