//! Where figures come from: program, source, machine and command line.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::launch::program;
use crate::load::report::{GENERATOR, machine};

/// Version of the format of what comparisons, features and the truth give.
pub const FORMAT: u32 = 1;

/// How long a program may take to say its version.
const VERSION_WAIT: Duration = Duration::from_secs(5);

/// What was run, of what, where and when.
#[derive(Clone, Debug, Serialize)]
pub struct Origin {
    pub generator: String,
    /// Of the source that this program was built in, with `-dirty` behind it if that was changed since; nothing where it does
    /// not lie in one.
    pub commit: Option<String>,
    pub machine: String,
    pub begun_s: u64,
    pub command: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generator, commit, machine, command, .. } = self;
        let commit = commit.as_deref().unwrap_or("no commit is known");
        writeln!(out, "{generator} ({commit}) on {machine}\n{command}")
    }
}

impl Origin {
    pub fn now() -> Self {
        let program = std::env::current_exe().ok();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            generator: GENERATOR.to_owned(),
            commit: program.as_deref().and_then(Path::parent).and_then(commit),
            machine: machine(),
            begun_s: since.as_secs(),
            command: command_line(),
        }
    }
}

fn commit(folder: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["describe", "--always", "--dirty", "--exclude", "*"]);
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(text).filter(|text| output.status.success() && !text.is_empty())
}

/// What a program says of its version: the first line with a number in it, without colours.
pub fn version(command: &[String]) -> Option<String> {
    let mut asked = Command::new(program(command.first()?)?);
    asked.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = asked.spawn().ok()?;
    let begun = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if begun.elapsed() > VERSION_WAIT {
            // It has nothing to say then.
            drop(child.kill());
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    first_version(&String::from_utf8_lossy(&said))
}

fn first_version(said: &str) -> Option<String> {
    let has_number = |line: &&str| line.contains(|letter: char| letter.is_ascii_digit());
    said.lines().map(str::trim).filter(|line| !line.contains('\u{1b}')).find(has_number).map(str::to_owned)
}

/// As it was typed, but for the folder of the program.
fn command_line() -> String {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name =
        Path::new(&program).file_name().map_or(program.clone(), |name| name.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a log before the version are not it, nor are lines without a number.
    #[test]
    fn finds_versions() {
        let said = "\u{1b}[2m2026-01-01\u{1b}[0m started\nhello\n onwards 1.2.0 \nother 7";
        assert_eq!(first_version(said).as_deref(), Some("onwards 1.2.0"));
        assert_eq!(first_version("nothing"), None);
        let command = ["sh", "-c", "echo v 3 >&2"].map(str::to_owned);
        assert_eq!(version(&command).as_deref(), Some("v 3"));
        assert_eq!(version(&["no-such-program-anywhere".to_owned()]), None);
    }
}
