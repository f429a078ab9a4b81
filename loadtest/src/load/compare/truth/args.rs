//! The command line.

use std::time::Duration;

use clap::Args;

use crate::load::compare::bench::BenchArgs;
use crate::load::scenario::{duration, rate};

const ABOUT: &str = "Tell whether the gateway tells the truth about its own time.

Sends requests through the gateway, through a bare relay in its place (on the same core), and to the provider directly, in \
turn and at the same rate, each beside a second relay, which witnesses when the machine keeps everybody waiting. Of each \
exchange it is known how long the request was on its way to the provider and the answer on its way back, since the \
provider stamps its answers; and how long the gateway says it took, since that is in a header. What is left of that without the relay's own time is what the kernel and the scheduler take, which no gateway can see. The \
gateway tells the truth if as much is left without its own.

Exits with 0 when p50 and p99 are within the bars, with 1 when they are not, and with 2 when nothing could be measured.";

const EXAMPLES: &str = "Examples:
  The gateway at 1,000 requests a second (gateway on core 0, generator and provider on core 1):
    ringgate-load truth --cpu 1
  On a machine with other work, before which it goes:
    chrt -f 10 ringgate-load truth --cpu 1 --slice 250ms --rounds 40
  Near what it can do:
    ringgate-load truth --cpu 1 --rate 10000 --rounds 30
  Another gateway, or another header; the header's name ends with its unit (-ns, -us, -ms):
    ringgate-load truth --cpu 1 --peer litellm --header x-litellm-overhead-duration-ms";

/// Tell whether the gateway tells the truth about its own time.
#[derive(Args, Clone, Debug)]
#[command(about = "Tell whether the gateway tells the truth about its own time", long_about = ABOUT, after_help = EXAMPLES)]
pub struct TruthArgs {
    /// Gateway to start: a peer that comes with the program (as in compare), or a TOML file.
    #[arg(long, value_name = "NAME|FILE", default_value = "ringgate")]
    pub peer: String,
    /// Header in which it says how long it took itself; its name ends with the unit.
    #[arg(long, value_name = "NAME", default_value = "x-ringgate-overhead-us")]
    pub header: String,
    /// Requests per second.
    #[arg(long, default_value = "1000", value_parser = rate, value_name = "PER_SECOND")]
    pub rate: f64,
    /// How far off the gateway's p50 may be.
    #[arg(long, default_value = "5us", value_parser = duration, value_name = "TIME")]
    pub p50_bar: Duration,
    /// How far off the gateway's p99 may be, in percent of the latency that it adds at the p99; never less than the p50's bar.
    #[arg(long, default_value_t = 10.0, value_name = "PERCENT")]
    pub p99_bar: f64,
    #[command(flatten)]
    pub bench: BenchArgs,
}
