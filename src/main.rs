//! `ringgate`: arguments in, exit code out.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use ringgate::boot;
use ringgate::boot::import::Strictness;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One API to every AI model: an inference gateway with access control, exact records and no noticeable latency.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve. Without a configuration: a demonstration with a mock provider and one key, on 127.0.0.1.
    ///
    /// SIGTERM, SIGINT and SIGQUIT: refuse new connections, finish what runs, exit with 0; a second one ends at once.
    /// To a process that a successor has taken over from, the first one says nothing new.
    /// SIGHUP: reload the configuration, and open the access log anew where it was moved away. SIGUSR1: the latter alone.
    Serve {
        /// The configuration, YAML. `config/gateway.yaml` shows every key.
        #[arg(long, short, value_name = "FILE", env = "RINGGATE_CONFIG")]
        config: Option<PathBuf>,
        /// Take the ports over from the ringgate that serves them now: nothing is refused, its streams finish.
        #[arg(long)]
        take_over: bool,
    },
    /// Check a configuration: every complaint at once, exit code 1 if there is one.
    Check {
        #[arg(long, short, value_name = "FILE", env = "RINGGATE_CONFIG")]
        config: PathBuf,
    },
    /// Run a mock model provider that answers in every format, with streams, settable delays and faults.
    Mock(Box<loadtest::mock::MockArgs>),
    /// Print the JSON schema of the configuration, for editors.
    Schema,
    /// Rewrite another gateway's configuration as one of this gateway.
    #[command(subcommand)]
    Import(Import),
    /// Tell what this machine gives a gateway: I/O driver, limits, what to change.
    Doctor,
}

#[derive(Subcommand)]
enum Import {
    /// Rewrite the configuration of a LiteLLM proxy.
    ///
    /// The new configuration goes to standard output or FILE. What it does not have, or has with another meaning, goes
    /// to standard error: a line each, with its place in the source. Secrets are not copied: `os.environ/NAME` becomes
    /// `${NAME}`, and what stands in the source itself becomes a variable that a line tells of.
    ///
    /// Exit code: 0; with --strict 1 if there is any such line; 2 if the source cannot be read.
    #[command(after_help = IMPORT_EXAMPLE)]
    Litellm {
        /// The source, usually config.yaml.
        #[arg(value_name = "CONFIG")]
        source: PathBuf,
        /// Exit with 1 if anything is not carried over, or changed.
        #[arg(long)]
        strict: bool,
        /// Where the new configuration goes; absent: standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

const IMPORT_EXAMPLE: &str = "\
Example:
  ringgate import litellm config.yaml --output gateway.yaml   # read the lines that it prints
  ringgate check --config gateway.yaml                        # tells which variables are not set
  ringgate serve --config gateway.yaml";

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ringgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "what these commands print is their result")]
fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve { config, take_over } => boot::serve::serve(config.as_deref(), take_over),
        Command::Check { config } => Ok(boot::serve::check(config)),
        Command::Mock(arguments) => {
            let mock = loadtest::mock::start((*arguments).into()).context("the mock provider")?;
            println!("ringgate: mock provider on {}", mock.base_url());
            mock.wait();
            Ok(ExitCode::SUCCESS)
        }
        Command::Schema => {
            println!("{}", boot::serve::schema()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Import(Import::Litellm { source, strict, output }) => {
            let strictness = if strict { Strictness::Strict } else { Strictness::Lenient };
            boot::import::litellm(source, output.as_deref(), strictness)
        }
        Command::Doctor => {
            print!("{}", boot::doctor::report());
            Ok(ExitCode::SUCCESS)
        }
    }
}
