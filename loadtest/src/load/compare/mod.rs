//! Several targets against each other, in slices that take turns, so that what the machine does hits all alike.
//!
//! Takes targets that run already ([`compare`]) or peers that it starts itself ([`compare_peers`]), gives medians with
//! their spread, and ratios to one of them.
//!
//! Invariant: figures are divided only by figures of the same round.

mod comparison;
mod launch;
mod peer;
mod suite;
mod targets;
mod verdict;

pub use comparison::{Added, Comparison, Ratio, Row, Spread};
pub use launch::end_peers;
pub use suite::compare_peers;
pub use targets::compare;
pub use verdict::Verdict;
