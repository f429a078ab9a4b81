//! Sends requests, checks every answer, and measures times and what a process costs.
//!
//! Takes command lines ([`RunArgs`], [`HoldArgs`], [`CompareArgs`], [`FeaturesArgs`], [`TruthArgs`]), gives reports that print themselves and serialise.
//! One thread, one event loop; the rooms in the order in which a request sees them, each importing only those before it:
//!
//! - `scenario`: what is sent and when, as TOML or flags;
//! - `check`: whether an answer is a good one;
//! - `measure`: times, counts, and what a process costs;
//! - `engine`: pacing and connections, HTTP/1.1 and HTTP/2, TLS;
//! - `report`: what was measured, for people, programs and browsers;
//! - `compare`: several targets against each other, and one gateway against itself.
//!
//! Invariant: only a complete and good answer counts as a request; everything else counts as a failure by its kind.

mod scenario;

mod check;

mod measure;

mod engine;

mod report;

mod compare;

mod args;
mod hold;
mod listing;
mod run;

pub use args::{AskArgs, CompareArgs, HoldArgs, NamedTarget, ReportArgs, RunArgs};
pub use compare::{
    Added, Bystanders, BystandersArgs, Comparison, FeatureCosts, FeaturesArgs, Ratio, Relay, RelayArgs, Row,
    Spread, Targets, Truth, TruthArgs, Verdict, compare, compare_peers, end_peers, measure_bystanders,
    measure_features, measure_truth, show_features,
};
pub use engine::{Target, interrupt};
pub use hold::{Held, MemoryReport, hold};
pub use listing::{FORMATS, peers, scenarios};
pub use measure::Process;
pub use report::{ErrorCount, Quantiles, Report, check_json, deliver, write_comparison, write_page};
pub use run::run;
