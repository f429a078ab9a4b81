//! The command line.

use std::path::PathBuf;

use clap::Args;

use crate::load::compare::bench::BenchArgs;
use crate::load::scenario::rate;

const ABOUT: &str = "Tell what each feature of the gateway costs in CPU time per request.

Starts the same gateway several times, each with one feature switched on, and once with all of them, puts the same load on \
each in turn, and prints microseconds of CPU per request: user and system time of the whole process tree, what is written \
behind the answers included, divided by its requests. The cost of a feature is the difference to the gateway without it, \
taken within each round; its margin holds the true median with 95 % certainty. A cost whose margin holds zero was not seen. \
Where other programs run, the difference of the cheapest rounds (by min) is the steadier figure. \
The leanest gateway runs twice: what its second copy costs is how much two processes differ for no reason at all.";

const EXAMPLES: &str = "Examples:
  All features, about five minutes (gateway on core 0, generator and provider on core 1):
    ringgate-load features --cpu 1
  Two of them, more firmly:
    ringgate-load features --cpu 1 --only keys,access-log --rounds 60
  At 1,000 requests a second in place of as many as can be:
    ringgate-load features --cpu 1 --rate 1000 --slice 1s
  Features of one's own; what the file looks like is said in the one that comes with the program:
    ringgate-load features --show > my.toml
    ringgate-load features --cpu 1 --file my.toml";

/// Tell what each feature of the gateway costs in CPU time per request.
#[derive(Args, Clone, Debug)]
#[command(about = "Tell what each feature of the gateway costs", long_about = ABOUT, after_help = EXAMPLES)]
pub struct FeaturesArgs {
    /// List of features (TOML), in place of the one that comes with the program.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print the list of features that comes with the program, and do nothing else.
    #[arg(long)]
    pub show: bool,
    /// Features to measure, and what they stand on; without it, all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Requests per second; without it, as many as the gateway answers (closed loop).
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    #[command(flatten)]
    pub bench: BenchArgs,
}
