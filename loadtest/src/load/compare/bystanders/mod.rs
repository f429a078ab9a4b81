//! What bulk on a shard costs those who share it, seen from outside.
//!
//! The gateway has one shard and a core to itself. Everything else (provider, bystander, bulk client) is on another core,
//! where bystander and their provider go first (real-time, if the system allows it), and bulk last and no faster than it is
//! told to, so that a bystander never waits for a processor there. They ask at a fixed rate, and what is late counts from
//! when it was due, on the clock of the wall: nothing is taken off.
//!
//! Slices without and with bulk take turns, and in each round all shapes do. What is without is the same whatever comes next,
//! so all of it is taken together, and each shape's p99 is divided by that of all rounds; how firm the ratio is comes of drawing
//! rounds anew. One more line has nothing beside bystanders: its ratio is 1, and how far it is from it, and how wide its interval,
//! is what the machine lets anybody tell. What is waited for on the generator's own core is told beside them, by a slice in which
//! bulk and bystanders go straight to the provider.

mod bulk;
mod report;
mod suite;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::load::scenario::{duration, rate};

pub use report::Bystanders;
pub use suite::measure_bystanders;

const ABOUT: &str = "Tell what bulk costs those who share a shard with it.

Starts a gateway with one shard on a core of its own, and sends it small requests at a fixed rate, in turn without anything \
beside them and beside bulk: a body of 200 MB, 100,000 messages, deep nesting, an event line of 30 MB and an answer of 60 \
MB, passed on as they are and translated. `direct` is the p99 beside the same bulk without the gateway: what of it is the \
measurement's own, and the line `nothing` what the machine alone makes of it. Exits with 0 when the bystanders' p99 stays \
under the bar, with 1 when it does not, and with 2 when nothing could be measured.";

const EXAMPLES: &str = "Examples:
  All shapes (gateway on core 0, all else on core 1; some seven minutes):
    ringgate-load bystanders
  Two of them, with bulk at full speed:
    ringgate-load bystanders --shape body --shape event --pace 0";

/// Tell what bulk costs those who share a shard with it.
#[derive(Args, Clone, Debug)]
#[command(about = "Tell what bulk costs those who share a shard with it", long_about = ABOUT, after_help = EXAMPLES)]
pub struct BystandersArgs {
    /// Gateway to start: a program that understands `serve --config FILE` as ringgate does.
    #[arg(long, value_name = "PROGRAM", default_value = "ringgate")]
    pub gateway: String,
    /// Core of the gateway.
    #[arg(long, default_value_t = 0, value_name = "CORE")]
    pub peer_cpu: usize,
    /// Core of everything else.
    #[arg(long, default_value_t = 1, value_name = "CORE")]
    pub cpu: usize,
    /// I/O driver of the gateway: auto, uring or epoll.
    #[arg(long, default_value = "auto", value_name = "DRIVER")]
    pub io: String,
    /// Rounds; each is a slice without and one with bulk of every shape.
    #[arg(long, default_value_t = 8, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "TIME")]
    pub slice: Duration,
    /// Small requests per second.
    #[arg(long, default_value = "250", value_parser = rate, value_name = "PER_SECOND")]
    pub rate: f64,
    /// Megabytes per second that the bulk client moves at most; 0 is as fast as it can.
    #[arg(long, default_value_t = 100, value_name = "MB")]
    pub pace: u32,
    /// How many times the p99 without bulk the p99 beside it may be.
    #[arg(long, default_value_t = 2.0, value_name = "TIMES")]
    pub bar: f64,
    /// Only this shape; may be given several times.
    #[arg(long = "shape", value_name = "NAME")]
    pub shapes: Vec<String>,
    /// Write the result there as JSON; - prints it.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}
