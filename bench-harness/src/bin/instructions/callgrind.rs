//! This program under valgrind: one number for each call of [`super::counted`].

use super::COUNTED;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Times that nothing is run, to know what running something costs.
pub const EMPTY_TIMES: u32 = 1000;
/// The function that is counted, as valgrind knows it: it takes one wildcard, not two.
const FUNCTION: &str = "*::counted";

/// Instructions of one run of each stage, given its name and how often it is run.
///
/// # Errors
/// There is no valgrind, it failed, or it counted something else than these stages.
pub fn count(stages: &[(&'static str, u32)]) -> io::Result<Vec<(String, u64)>> {
    let folder = std::env::temp_dir().join(format!("ringgate-instructions-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let totals = run(&folder).and_then(|()| read(&folder, stages.len() + 1));
    std::fs::remove_dir_all(&folder)?;
    let totals = totals?;
    let (empty, totals) = totals.split_first().ok_or_else(|| broken("nothing was counted"))?;
    let of_one = |total: u64, times: u32| {
        let empty = empty * u64::from(times) / u64::from(EMPTY_TIMES);
        total.saturating_sub(empty).div_ceil(u64::from(times))
    };
    Ok(stages
        .iter()
        .zip(totals)
        .map(|((name, times), total)| ((*name).to_owned(), of_one(*total, *times)))
        .collect())
}

/// Leaves one file per call of the function in `folder`, numbered from 1.
fn run(folder: &Path) -> io::Result<()> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--error-exitcode=3"])
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(format!("--toggle-collect={FUNCTION}"))
        .arg(format!("--dump-after={FUNCTION}"))
        .arg(std::env::current_exe()?)
        .env(COUNTED, "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind does not start: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(broken(&format!("valgrind: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))))
}

fn read(folder: &Path, calls: usize) -> io::Result<Vec<u64>> {
    let totals: Vec<u64> =
        (1..=calls).map(|call| total(&folder.join(format!("out.{call}")))).collect::<io::Result<_>>()?;
    if totals.contains(&0) || folder.join(format!("out.{}", calls + 1)).exists() {
        return Err(broken("valgrind did not see the stages as they are; were their symbols stripped?"));
    }
    Ok(totals)
}

fn total(path: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).ok_or_else(|| broken("a file without a total"))
}

fn broken(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}
