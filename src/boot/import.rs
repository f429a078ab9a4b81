//! `ringgate import`: another gateway's configuration as one of this gateway.

use crate::control::config::Source;
use crate::control::import;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The source cannot be read, or is no configuration.
const UNREADABLE: u8 = 2;

/// What a line of the report means for the exit code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    Lenient,
    /// Any line is a failure.
    Strict,
}

/// Writes the new configuration to a file or standard output, and the report to standard error.
///
/// # Errors
/// The output cannot be written.
pub fn litellm(source: PathBuf, output: Option<&Path>, strictness: Strictness) -> Result<ExitCode> {
    let imported = match Source::read(source).and_then(|source| import::litellm(&source)) {
        Ok(imported) => imported,
        Err(complaint) => {
            eprintln!("{complaint}");
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    match output {
        Some(path) => std::fs::write(path, &imported.yaml)
            .with_context(|| format!("{} cannot be written", path.display()))?,
        None => print(&imported.yaml)?,
    }
    eprint!("{}", imported.report);
    let lossless = imported.report.lines.is_empty();
    Ok(if strictness == Strictness::Lenient || lossless { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(text: &str) -> Result<()> {
    use std::io::Write;
    std::io::stdout().lock().write_all(text.as_bytes()).context("standard output cannot be written")
}
