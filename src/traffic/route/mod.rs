//! Where a request may go: a model's targets, in the order in which they are tried.
//!
//! Takes a catalog entry and a number that spreads load; gives an ordered list.
//!
//! Invariant: every target of the lowest priority number comes before any of a higher one; among equals the
//! first is chosen by weight and the others follow.

pub mod keys;

use crate::contract::snapshot::{Model, Target};

/// Targets tried for one request at most.
pub const TARGETS_MAX: usize = 8;

/// Indexes into a model's targets, in order of trying.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    order: [u16; TARGETS_MAX],
    len: usize,
}

impl Targets {
    /// No target.
    pub const NONE: Self = Self { order: [0; TARGETS_MAX], len: 0 };

    pub fn iter<'m>(&self, model: &'m Model) -> impl Iterator<Item = &'m Target> {
        self.order[..self.len].iter().map(|index| &model.targets[*index as usize])
    }
}

/// Orders a model's targets. `spread` is any number that differs between requests.
pub fn order(model: &Model, spread: u64) -> Targets {
    let len = model.targets.len().min(TARGETS_MAX);
    let mut order = [0; TARGETS_MAX];
    for (place, index) in order.iter_mut().zip(0..len as u16) {
        *place = index;
    }
    let mut from = 0;
    while from < len {
        let level = model.targets[from].priority;
        let until = (from..len).find(|i| model.targets[*i].priority != level).unwrap_or(len);
        let weights = model.targets[from..until].iter().map(|target| target.weight);
        let chosen = from + weighted(weights, spread);
        order[from..=chosen].rotate_right(1);
        from = until;
    }
    Targets { order, len }
}

/// Index of one chosen by weight; weights of 0 are chosen only if all are 0.
fn weighted(weights: impl ExactSizeIterator<Item = u32> + Clone, spread: u64) -> usize {
    let total: u64 = weights.clone().map(u64::from).sum();
    if weights.len() < 2 || total == 0 {
        return 0;
    }
    // An odd multiplier turns a counter into well-spread high bits (Fibonacci hashing).
    let mut point = ((spread.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) * total) >> 32;
    for (index, weight) in weights.map(u64::from).enumerate() {
        if point < weight {
            return index;
        }
        point -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::NameId;
    use crate::contract::snapshot::{Timeouts, Unsupported};

    fn model(targets: &[(u32, u32)]) -> Model {
        let targets = targets
            .iter()
            .enumerate()
            .map(|(i, (weight, priority))| Target {
                provider: i as u32,
                model: "m".into(),
                weight: *weight,
                priority: *priority,
            })
            .collect();
        Model {
            name: NameId(1),
            text: "m".into(),
            targets,
            timeouts: Timeouts::default(),
            unsupported: Unsupported::Drop,
            listing: "{}".into(),
            anthropic_listing: "{}".into(),
        }
    }

    /// Shares follow the weights, priorities keep their order, and no target is lost or doubled.
    #[test]
    fn weights_and_priorities() {
        let model = model(&[(3, 1), (1, 1), (1, 2)]);
        let mut first = [0u32; 3];
        for spread in 0..40_000 {
            let order: Vec<u32> = order(&model, spread).iter(&model).map(|t| t.provider).collect();
            first[order[0] as usize] += 1;
            assert_eq!(order[2], 2);
            assert_eq!(order[0] + order[1], 1);
        }
        assert!((29_000..31_000).contains(&first[0]), "{first:?}");
    }
}
