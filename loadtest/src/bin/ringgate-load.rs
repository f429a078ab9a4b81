//! `ringgate-load`: puts load on model gateways and providers, checks every answer, and measures what it costs.

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::load::{self, CompareArgs, Held, HoldArgs, RunArgs};
use loadtest::mock::{self, MockArgs};
use loadtest::sys;
use serde::Serialize;

/// Load on model gateways and providers, with every answer checked.
///
/// Exits with 0 when all answers were good, with 1 when some were wrong, and with 2 when nothing could be measured.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<RunArgs>),
    /// Open connections that stay idle (one request each), and print what each costs the target in memory.
    Idle(Box<HoldArgs>),
    /// Open streams that never end, and print what each costs the target in memory.
    Streams(Box<HoldArgs>),
    Mock(Box<MockArgs>),
    Compare(Box<CompareArgs>),
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
    if let Command::Mock(args) = command {
        return run_mock(*args);
    }
    std::thread::Builder::new().name("interrupts".to_owned()).spawn(|| {
        sys::wait_for_interrupt();
        load::interrupt();
        // Whoever insists does not want to see what was measured.
        sys::wait_for_interrupt();
        std::process::exit(130);
    })?;
    match command {
        Command::Run(args) => {
            let report = load::run(&args)?;
            print(&report, args.ask.json)?;
            Ok(report.is_good())
        }
        Command::Idle(args) => hold(&args, Held::Idle),
        Command::Streams(args) => hold(&args, Held::Streams),
        Command::Compare(args) => {
            let comparison = load::compare(&args)?;
            print(&comparison, args.ask.json)?;
            Ok(comparison.is_good())
        }
        Command::Mock(args) => run_mock(*args),
    }
}

fn hold(args: &HoldArgs, held: Held) -> anyhow::Result<bool> {
    print(&load::hold(args, held)?, args.ask.json)?;
    Ok(true)
}

/// Runs a mock until it is interrupted.
fn run_mock(args: MockArgs) -> anyhow::Result<bool> {
    sys::raise_descriptor_limit()?;
    let mock = mock::start(args.into())?;
    say(format_args!("mock provider on {} ({})", mock.base_url(), mock.driver));
    sys::wait_for_interrupt();
    mock.stop();
    Ok(true)
}

fn print(report: &(impl Display + Serialize), as_json: bool) -> anyhow::Result<()> {
    if as_json {
        say(serde_json::to_string_pretty(report)?);
    } else {
        say(report);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn say(what: impl Display) {
    println!("{what}");
}
