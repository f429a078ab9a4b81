//! `loadtest/README.md` names every key of what is read and written, and nothing that is none.

use std::collections::BTreeSet;

use clap::Parser;
use loadtest::load::{self, FORMATS, RunArgs};
use loadtest::mock::{MockOptions, start};
use serde_json::Value;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: RunArgs,
}

/// The names in the first column of the table whose head begins like this.
fn documented(head: &str) -> BTreeSet<String> {
    let table = FORMATS.lines().skip_while(|line| !line.starts_with(&format!("| {head} "))).skip(2);
    let first = table.map_while(|line| line.strip_prefix("| ")?.split(" |").next());
    let names: BTreeSet<String> =
        first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    assert!(!names.is_empty(), "no table \"{head}\"");
    names
}

/// The paths of all members of a value: `a`, `a.b`, `a[].b`. Those below a name of `leaves` have no names of their own.
fn paths(value: &Value, leaves: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect("", value, leaves, &mut found);
    found
}

fn collect(path: &str, value: &Value, leaves: &[&str], found: &mut BTreeSet<String>) {
    let is_leaf = leaves.iter().any(|leaf| path.ends_with(leaf));
    match value {
        Value::Object(members) if !is_leaf => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, member, leaves, found);
            }
        }
        Value::Array(items) if !is_leaf && items.iter().any(Value::is_object) => {
            for item in items {
                collect(&format!("{path}[]"), item, leaves, found);
            }
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

fn run(line: &str) -> Value {
    let mock = start(MockOptions::default()).expect("start");
    let line = format!("test --url {} --pid {} {line}", mock.base_url(), std::process::id());
    let args = Cli::parse_from(line.split_whitespace()).args;
    serde_json::to_value(load::run(&args).expect("a report")).expect("JSON")
}

/// Every name in the result of a run is documented, and every documented name is in one: of several kinds of requests, of
/// streams, of a ramp, and with errors.
#[test]
fn results_of_runs() {
    let leaves = ["_us", "parts[].errors", "heat", "quantiles", "log_failed"];
    let mut found = BTreeSet::from(["log_failed".to_owned()]);
    for line in [
        "--scenario disconnects --shape constant --rate 50 --duration 400ms --warmup 0ms",
        "--scenario knee --from 20 --to 20 --hold 100ms --slo-p99 1m --warmup 0ms",
        "--scenario chat --connections 1 --duration 300ms --warmup 0ms --model mock?skip=2&fault=status:503",
        "--scenario tenants --shape closed --connections 4 --duration 300ms --model mock?chunks=5",
    ] {
        let mut run = run(line);
        // Empty lists have no members.
        run.as_object_mut().expect("an object").retain(|_, member| *member != serde_json::json!([]));
        found.extend(paths(&run, &leaves));
    }
    assert_eq!(found, documented("run"));
}

/// Every key that a scenario or a peer may have is documented, and no other: a wrong one is answered with all that there are.
#[test]
fn keys() {
    let file = std::env::temp_dir().join(format!("ringgate-load-keys-{}.toml", std::process::id()));
    let expected = |text: &str, command: &[&str]| -> BTreeSet<String> {
        std::fs::write(&file, text).expect("a file");
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
        let output = program.args(command).arg(&file).output().expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, names) = err.split_once("expected one of ").unwrap_or_else(|| unreachable!("{err}"));
        names.lines().next().expect("a line").split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let scenario = ["run", "--url", "http://127.0.0.1:1/v1", "--scenario"];
    assert_eq!(expected("about = \"x\"\n[load]\nqqqq = 1\n", &scenario), documented("in `[load]`"));
    let request = "about = \"x\"\n[load]\n[[request]]\nqqqq = 1\n";
    assert_eq!(expected(request, &scenario), documented("in `[[request]]`"));
    let peers: BTreeSet<String> = documented_of("## Peers");
    assert_eq!(expected("qqqq = 1\n", &["compare", "--peer"]), peers);
    std::fs::remove_file(file).expect("it was there");
}

/// The names in the first column of the first table below a heading.
fn documented_of(heading: &str) -> BTreeSet<String> {
    let (_, rest) = FORMATS.split_once(heading).expect("a heading");
    let table = rest.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let first = table.map_while(|line| line.strip_prefix("| ")?.split(" |").next());
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Every name of a result is in the table with this head, and the other way round, but for those that are not in every result.
pub fn check(head: &str, result: &Value, leaves: &[&str], not_always: &[&str]) {
    let mut found = paths(result, leaves);
    found.extend(not_always.iter().map(|it| (*it).to_owned()));
    assert_eq!(found, documented(head));
}

/// The same of a comparison's rows, memory and starts.
pub fn check_comparison(verdict: &Value) {
    let leaves = [
        "_us",
        "_ms",
        "_per_s",
        "_core_s",
        "rows[].errors",
        "_note",
        ".p50",
        ".p90",
        ".p99",
        ".p999",
        ".cpu",
        ".event_cpu",
    ];
    let found = paths(verdict, &leaves);
    let row = "tables[].comparison.rows[]";
    let known: BTreeSet<String> =
        documented("comparison").iter().map(|name| name.replace('…', row)).collect();
    // The latencies that are added have figures below them.
    let known: BTreeSet<String> = known
        .into_iter()
        .flat_map(
            |name| if name.contains("added_us.") { vec![format!("{row}.added_us")] } else { vec![name] },
        )
        .collect();
    assert_eq!(found, known);
}
