//! A page of several runs, or of one comparison, that needs nothing outside itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::load::args::ReportArgs;

/// The page, with a place for the runs.
const PAGE: &str = include_str!("page.html");
const PLACE: &str = ">RUNS<";

/// The page of a comparison, with a place for it, and one for the style that both share.
const COMPARISON: &str = include_str!("comparison.html");
const STYLE_PLACE: &str = "STYLE";

/// What the scripts of both begin with, and the place for it.
const SHARED: &str = include_str!("shared.js");
const SHARED_PLACE: &str = "SHARED\n";

/// Versions of the format of runs that the page can draw.
const FORMAT: u64 = 1;

/// Writes a page of the runs that are named.
///
/// # Errors
/// When a run cannot be read or is none, or the page cannot be written.
pub fn write_page(args: &ReportArgs) -> anyhow::Result<()> {
    if let [path] = &args.runs[..]
        && let Some(verdict) = read_comparison(path)?
    {
        return write_comparison(&verdict, &args.output);
    }
    let mut runs = args.runs.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<Value>>>()?;
    tell_apart(&mut runs, &args.runs);
    let page = fill(PAGE, &runs)?;
    fs::write(&args.output, page).with_context(|| format!("cannot write {}", args.output.display()))
}

/// The result of a comparison of peers, if that is what the file holds.
fn read_comparison(path: &Path) -> anyhow::Result<Option<Value>> {
    let value = read_json(path)?;
    let is_comparison = value["format"] == FORMAT && value["tables"].is_array() && value["starts"].is_array();
    Ok(is_comparison.then_some(value))
}

/// Writes a page of a comparison of peers.
///
/// # Errors
/// When it cannot be written.
pub fn write_comparison(verdict: &impl Serialize, output: &Path) -> anyhow::Result<()> {
    let style = PAGE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let (style, _) = style.context("the page has a style")?;
    let page = fill(&COMPARISON.replacen(STYLE_PLACE, style, 1), verdict)?;
    fs::write(output, page).with_context(|| format!("cannot write {}", output.display()))
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let mut run = read_json(path)?;
    ensure!(
        run["format"] != FORMAT || !run["tables"].is_array(),
        "{name} is a comparison, which has a page of its own: give it alone"
    );
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

fn fill(page: &str, data: &impl Serialize) -> anyhow::Result<String> {
    // Inside a script, only this could end it.
    let json = serde_json::to_string(data)?.replace('<', "\\u003c");
    // The data last: whatever stands in them is no place.
    Ok(page.replacen(SHARED_PLACE, SHARED, 1).replacen(PLACE, &format!(">{json}<"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both pages have the script that they share once, and no place that nobody filled; the data are as they were, even
    /// where they look like a place.
    #[test]
    fn pages_are_filled() {
        for page in [PAGE, COMPARISON] {
            let filled = fill(page, &serde_json::json!(["SHARED\n", ">RUNS<"])).expect("JSON");
            assert_eq!(filled.matches("prefers-color-scheme").count(), 1);
            assert_eq!(filled.matches("begin(draw);").count(), 1);
            assert!(filled.contains(r#">["SHARED\n",">RUNS\u003c"]<"#) && !filled.contains(SHARED_PLACE));
        }
    }

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
