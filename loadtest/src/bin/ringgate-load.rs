//! `ringgate-load`: puts load on model gateways and providers, checks every answer, and measures what it costs.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand};
use loadtest::load::{
    self, BystandersArgs, CompareArgs, FeaturesArgs, Held, HoldArgs, RelayArgs, ReportArgs, RunArgs,
    TruthArgs,
};
use loadtest::mock::{self, MockArgs};
use loadtest::sys;

const EXAMPLES: &str = "Begin with:
  ringgate-load mock --listen 127.0.0.1:9100                     a provider that answers
  ringgate-load scenarios                                        what can be sent
  ringgate-load run --scenario chat --url http://127.0.0.1:9100/v1 --json chat.json
  ringgate-load report chat.json -o chat.html                    look at it
`ringgate-load run --help` has more, and `ringgate-load formats` says what is in the files.";

const SCENARIO_EXAMPLES: &str = "A scenario of one's own:
  ringgate-load scenarios chat > mine.toml
  ringgate-load formats                              what each key means
  ringgate-load run --scenario ./mine.toml --url http://127.0.0.1:8080/v1";

const PEER_EXAMPLES: &str = "A peer of one's own:
  ringgate-load peers nginx > mine.toml
  ringgate-load formats                              what each key means
  ringgate-load compare --peer ./mine.toml --peer ringgate";

/// Load on model gateways and providers, with every answer checked.
///
/// Exits with 0 when all answers were good, with 1 when some were wrong, and with 2 when nothing could be measured.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<RunArgs>),
    /// List the scenarios that come with the program, or print one to begin with.
    #[command(after_help = SCENARIO_EXAMPLES)]
    Scenarios {
        /// Scenario to print.
        name: Option<String>,
    },
    /// List the peers that come with the program, or print one to begin with.
    #[command(after_help = PEER_EXAMPLES)]
    Peers {
        /// Peer to print.
        name: Option<String>,
    },
    /// Print what scenarios, peers, results and histogram logs look like.
    Formats,
    Report(ReportArgs),
    /// Open connections that stay idle (one request each), and print what each costs the target in memory.
    Idle(Box<HoldArgs>),
    /// Open streams that never end, and print what each costs the target in memory.
    Streams(Box<HoldArgs>),
    Mock(Box<MockArgs>),
    Compare(Box<CompareArgs>),
    Features(Box<FeaturesArgs>),
    Truth(Box<TruthArgs>),
    Bystanders(Box<BystandersArgs>),
    Relay(RelayArgs),
}

fn main() -> ExitCode {
    match try_main(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringgate-load: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all answers were good.
fn try_main(command: Command) -> anyhow::Result<bool> {
    sys::hold_interrupts()?;
    // Before anything is opened or started: peers inherit it.
    sys::raise_descriptor_limit()?;
    // What serves until it is interrupted waits for that itself.
    if !matches!(command, Command::Mock(_) | Command::Relay(_)) {
        std::thread::Builder::new().name("interrupts".to_owned()).spawn(end_when_interrupted)?;
    }
    load::check_json(command.json())?;
    load::check_json(command.page())?;
    match command {
        Command::Run(args) => {
            let report = load::run(&args)?;
            load::deliver(&report, args.ask.json.as_deref())?;
            match &report.log_failed {
                Some(why) => Err(anyhow!("the histogram log is not whole: {why}")),
                None => Ok(report.is_good()),
            }
        }
        Command::Scenarios { name } => print(&load::scenarios(name.as_deref())?),
        Command::Peers { name } => print(&load::peers(name.as_deref())?),
        Command::Formats => print(load::FORMATS),
        Command::Report(args) => load::write_page(&args).map(|()| true),
        Command::Idle(args) => hold(&args, Held::Idle),
        Command::Streams(args) => hold(&args, Held::Streams),
        Command::Compare(args) if !args.peers.is_empty() => {
            let verdict = load::compare_peers(&args)?;
            load::deliver(&verdict, args.ask.json.as_deref())?;
            if let Some(page) = &args.page {
                load::write_comparison(&verdict, page)?;
            }
            Ok(verdict.is_good())
        }
        Command::Compare(args) => {
            let comparison = load::compare(&args)?;
            load::deliver(&comparison, args.ask.json.as_deref())?;
            Ok(comparison.is_good())
        }
        Command::Features(args) => features(&args),
        Command::Truth(args) => {
            let truth = load::measure_truth(&args)?;
            load::deliver(&truth, args.bench.json.as_deref())?;
            Ok(truth.is_good())
        }
        Command::Bystanders(args) => {
            let bystanders = load::measure_bystanders(&args)?;
            load::deliver(&bystanders, args.json.as_deref())?;
            Ok(bystanders.is_good())
        }
        Command::Mock(args) => run_mock(*args),
        Command::Relay(args) => run_relay(&args),
    }
}

impl Command {
    /// Where its result is to be written.
    fn json(&self) -> Option<&Path> {
        match self {
            Self::Run(args) => args.ask.json.as_deref(),
            Self::Idle(args) | Self::Streams(args) => args.ask.json.as_deref(),
            Self::Compare(args) => args.ask.json.as_deref(),
            Self::Features(args) => args.bench.json.as_deref(),
            Self::Truth(args) => args.bench.json.as_deref(),
            Self::Bystanders(args) => args.json.as_deref(),
            // They measure nothing.
            Self::Scenarios { .. }
            | Self::Peers { .. }
            | Self::Formats
            | Self::Report(_)
            | Self::Mock(_)
            | Self::Relay(_) => None,
        }
    }
}

impl Command {
    /// Where a page of it is to be written.
    fn page(&self) -> Option<&Path> {
        match self {
            Self::Compare(args) => args.page.as_deref(),
            Self::Report(args) => Some(&args.output),
            Self::Run(_)
            | Self::Scenarios { .. }
            | Self::Peers { .. }
            | Self::Formats
            | Self::Idle(_)
            | Self::Streams(_)
            | Self::Mock(_)
            | Self::Features(_)
            | Self::Truth(_)
            | Self::Bystanders(_)
            | Self::Relay(_) => None,
        }
    }
}

fn end_when_interrupted() {
    sys::wait_for_interrupt();
    load::interrupt();
    // Whoever insists does not want to see what was measured.
    sys::wait_for_interrupt();
    load::end_peers();
    std::process::exit(130);
}

fn print(text: &str) -> anyhow::Result<bool> {
    write!(std::io::stdout(), "{text}").context("cannot print")?;
    Ok(true)
}

fn features(args: &FeaturesArgs) -> anyhow::Result<bool> {
    if args.show {
        return print(load::show_features());
    }
    let costs = load::measure_features(args)?;
    load::deliver(&costs, args.bench.json.as_deref())?;
    Ok(costs.is_good())
}

fn hold(args: &HoldArgs, held: Held) -> anyhow::Result<bool> {
    load::deliver(&load::hold(args, held)?, args.ask.json.as_deref())?;
    Ok(true)
}

/// Runs a mock until it is interrupted.
fn run_mock(args: MockArgs) -> anyhow::Result<bool> {
    let mock = mock::start(args.into())?;
    writeln!(std::io::stdout(), "mock provider on {} ({})", mock.base_url(), mock.driver)?;
    sys::wait_for_interrupt();
    mock.stop();
    Ok(true)
}

/// Runs a relay until it is interrupted.
fn run_relay(args: &RelayArgs) -> anyhow::Result<bool> {
    sys::raise_descriptor_limit()?;
    let relay = load::Relay::start(args)?;
    writeln!(std::io::stdout(), "relay on {} to {}", relay.address, args.provider)?;
    sys::wait_for_interrupt();
    Ok(true)
}
