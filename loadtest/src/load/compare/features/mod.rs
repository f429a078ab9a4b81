//! What each feature of one gateway costs: the same binary, started once with each feature, measured in turn.
//!
//! Takes a list of features as TOML ([`file`]), gives CPU time per request with each of them, and by how much that is more
//! than without.
//!
//! Invariant: a cost with a margin is made of differences of two figures of the same round.

mod args;
mod costs;
mod file;
mod suite;

pub use args::FeaturesArgs;
pub use costs::FeatureCosts;
pub use suite::measure_features;

/// The list of features that comes with the program.
pub fn show_features() -> &'static str {
    file::BUILT_IN
}
