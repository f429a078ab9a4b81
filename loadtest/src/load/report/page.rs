//! A page of several runs that needs nothing outside itself.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::load::args::ReportArgs;

/// The page, with a place for the runs.
const PAGE: &str = include_str!("page.html");
const PLACE: &str = ">RUNS<";

/// Versions of the format of runs that the page can draw.
const FORMAT: u64 = 1;

/// Writes a page of the runs that are named.
///
/// # Errors
/// When a run cannot be read or is none, or the page cannot be written.
pub fn write_page(args: &ReportArgs) -> anyhow::Result<()> {
    let runs = args.runs.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<Value>>>()?;
    let page = page(&runs)?;
    fs::write(&args.output, page).with_context(|| format!("cannot write {}", args.output.display()))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let mut run: Value = serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))?;
    ensure!(
        run["format"] == FORMAT && run["intervals"].is_array(),
        "{name} is no run: it must come from `ringgate-load run --json {name}`"
    );
    run["name"] = path.file_stem().map_or("run".into(), |stem| stem.to_string_lossy()).into();
    Ok(run)
}

fn page(runs: &[Value]) -> anyhow::Result<String> {
    // Inside a script, only this could end it.
    let json = serde_json::to_string(runs)?.replace('<', "\\u003c");
    Ok(PAGE.replacen(PLACE, &format!(">{json}<"), 1))
}
