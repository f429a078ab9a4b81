//! A page of several runs that needs nothing outside itself.

use std::fs;
use std::path::{Path, PathBuf};

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
    let mut runs = args.runs.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<Value>>>()?;
    tell_apart(&mut runs, &args.runs);
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

/// Runs that would have the same name get those of their files, and a number where even those are the same.
fn tell_apart(runs: &mut [Value], paths: &[PathBuf]) {
    let names: Vec<Value> = runs.iter().map(|run| run["name"].clone()).collect();
    let is_alone = |name: &Value| names.iter().filter(|other| *other == name).count() == 1;
    for (index, run) in runs.iter_mut().enumerate().filter(|(index, _)| !is_alone(&names[*index])) {
        let before = paths[..index].iter().filter(|path| **path == paths[index]).count();
        let number = if before == 0 { String::new() } else { format!(" ({})", before + 1) };
        run["name"] = format!("{}{number}", paths[index].with_extension("").display()).into();
    }
}

fn page(runs: &[Value]) -> anyhow::Result<String> {
    // Inside a script, only this could end it.
    let json = serde_json::to_string(runs)?.replace('<', "\\u003c");
    Ok(PAGE.replacen(PLACE, &format!(">{json}<"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of the same name, as those of two folders have, are told apart; the others keep theirs.
    #[test]
    fn names_are_told_apart() {
        let paths = ["a/chat.json", "b/chat.json", "b/chat.json", "c/other.json"].map(PathBuf::from);
        let mut runs = ["chat", "chat", "chat", "other"].map(|name| serde_json::json!({"name": name}));
        tell_apart(&mut runs, &paths);
        let names: Vec<_> = runs.iter().filter_map(|run| run["name"].as_str()).collect();
        assert_eq!(names, ["a/chat", "b/chat", "b/chat (2)", "other"]);
    }
}
