//! `ringgate`: arguments in, exit code out.

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
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
        #[command(flatten)]
        configuration: Configuration,
        /// Take the ports over from the ringgate that serves them now: nothing is refused, its streams finish.
        #[arg(long)]
        take_over: bool,
    },
    /// Check a configuration: every complaint at once, exit code 1 if there is one.
    Check {
        #[command(flatten)]
        configuration: Configuration,
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

const VARIABLE: &str = "RINGGATE_CONFIG";

/// Where the configuration is.
#[derive(Args)]
struct Configuration {
    /// The configuration, YAML; absent: the file that the variable `RINGGATE_CONFIG` names. `config/gateway.yaml` shows
    /// every key.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configuration {
    /// What the command line says counts, then the variable: clap itself would take a variable for a second name.
    fn path(self, command: &str) -> Option<PathBuf> {
        let named = self.file.or(self.config).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
        // Where a variable was to be filled in and was not, nobody wants the demonstration.
        if named.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            misused(command, ErrorKind::InvalidValue, &format!("the variable {VARIABLE} is set, and empty"));
        }
        named
    }
}

/// Ends the process as clap does with a command line that it cannot take.
fn misused(command: &str, kind: ErrorKind, message: &str) -> ! {
    let mut all = Arguments::command();
    all.build();
    all.find_subcommand(command).cloned().unwrap_or(all).error(kind, message).exit()
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
  ringgate check gateway.yaml                                 # tells which variables are not set
  ringgate serve gateway.yaml";

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
        Command::Serve { configuration, take_over } => {
            boot::serve::serve(configuration.path("serve").as_deref(), take_over)
        }
        Command::Check { configuration } => {
            let Some(path) = configuration.path("check") else {
                let message = format!("no configuration is named: `ringgate check FILE`, or {VARIABLE}");
                misused("check", ErrorKind::MissingRequiredArgument, &message)
            };
            Ok(boot::serve::check(path))
        }
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
