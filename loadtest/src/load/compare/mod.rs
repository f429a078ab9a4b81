//! Several targets against each other, in slices that take turns, so that what the machine does hits all alike.
//!
//! Takes targets that run already ([`compare`]) or peers that it starts itself ([`compare_peers`]), gives medians with
//! their spread, and ratios to one of them. Of one gateway: what each feature costs ([`measure_features`]), whether it
//! tells the truth about its own time ([`measure_truth`]), and what bulk costs others on its shard ([`measure_bystanders`]).
//!
//! Invariant: figures are divided only by figures of the same round, and what has a margin is made of such differences.

mod baseline;
mod bench;
mod budget;
mod bystanders;
mod comparison;
mod contender;
mod contest;
mod estimate;
mod exhibit;
mod features;
mod launch;
mod margin;
mod memory;
mod origin;
pub(super) mod peer;
mod rounds;
mod show;
mod spread;
mod suite;
mod targets;
mod truth;
mod verdict;

pub use bystanders::{Bystanders, BystandersArgs, measure_bystanders};
pub use comparison::{Added, Comparison, Ratio, Row};
pub use exhibit::Section;
pub use features::{FeatureCosts, FeaturesArgs, measure_features, show_features};
pub use launch::end_peers;
pub use spread::Spread;
pub use suite::compare_peers;
pub use targets::{Targets, compare};
pub use truth::{Relay, RelayArgs, Truth, TruthArgs, measure_truth};
pub use verdict::Verdict;
