//! What is depended on: under which licences, for which reasons, and what may not get into the product.
//!
//! `cargo deny` knows more (`.ci/run deny`), and takes minutes to build; this takes a second and is always run.

use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Measured beside the gateway, and not to be a part of it, not even through another crate.
const NOT_IN_THE_PRODUCT: [&str; 4] = ["criterion", "monoio-compat", "monoio-http", "simd-json"];

/// Every crate that is built has a licence that `.deny.toml` allows.
#[test]
fn licences_are_allowed() {
    let rules = read(".deny.toml");
    let allowed = allowed(&rules);
    assert!(allowed.contains("MIT") && allowed.len() > 5, "the list was not found");
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "the crates were not found");
    let denied: Vec<String> = packages
        .iter()
        .filter(|package| !satisfied(text(&package["license"]), &allowed))
        .map(|package| ["name", "version", "license"].map(|key| text(&package[key])).join(" "))
        .collect();
    assert!(denied.is_empty(), "not allowed by .deny.toml:\n{}", denied.join("\n"));
}

/// Every crate that a `Cargo.toml` of ours names has a row with a reason in ARCHITECTURE.md, and no row is left over.
#[test]
fn every_dependency_has_a_reason() {
    let metadata = metadata();
    let dependencies = members(&metadata).filter_map(|package| package["dependencies"].as_array()).flatten();
    let mut named: BTreeSet<_> =
        dependencies.map(|dependency| text(&dependency["name"]).to_owned()).collect();
    // That members need the gateway is no decision.
    named.remove("ringgate");
    let page = read("ARCHITECTURE.md");
    let told = rows(&page);
    let of = |what: &str, left: &BTreeSet<String>, right: &BTreeSet<String>| {
        let missing: Vec<_> = left.difference(right).cloned().collect();
        assert!(missing.is_empty(), "{what}: {}", missing.join(", "));
    };
    of("without a row in ARCHITECTURE.md's table of dependencies", &named, &told);
    of("in ARCHITECTURE.md's table of dependencies, and in no Cargo.toml", &told, &named);
}

/// What is only measured is not reached from the product.
#[test]
fn yardsticks_stay_out_of_the_product() {
    let metadata = metadata();
    let product = members(&metadata).find(|package| package["name"] == "ringgate").expect("it is a member");
    let nodes: HashMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("a graph")
        .iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let (mut reached, mut todo) = (BTreeSet::new(), vec![text(&product["id"])]);
    while let Some(id) = todo.pop() {
        if reached.insert(id) {
            let next = nodes[id]["deps"].as_array().expect("edges").iter().filter(|edge| is_built_in(edge));
            todo.extend(next.map(|edge| text(&edge["pkg"])));
        }
    }
    assert!(reached.len() > 50, "the graph was not followed");
    let name = |id: &str| id.rsplit_once(['/', '#']).map_or(String::new(), |(_, name)| name.to_owned());
    let found: Vec<_> = reached
        .into_iter()
        .map(name)
        .filter(|name| {
            NOT_IN_THE_PRODUCT.iter().any(|crate_name| name.split('@').next() == Some(*crate_name))
        })
        .collect();
    assert!(found.is_empty(), "the gateway depends on {found:?}");
}

/// Whether an edge is more than a test's.
fn is_built_in(edge: &Value) -> bool {
    edge["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("it is there")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What cargo knows, of what is built for Linux: it has that here already, and asks nobody.
fn metadata() -> Value {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", &target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    // Only what comes from no registry is ours.
    metadata["packages"].as_array().expect("packages").iter().filter(|package| package["source"].is_null())
}

/// The strings of `allow` in the rules.
fn allowed(rules: &str) -> BTreeSet<&str> {
    let list = rules.split_once("\nallow = [").map_or("", |(_, rest)| rest.split("\n]").next().unwrap_or(""));
    list.lines().filter_map(|line| line.split('"').nth(1)).collect()
}

/// The crates of a page's table of dependencies: the names in the first cells of rows that say why.
fn rows(page: &str) -> BTreeSet<String> {
    let section = page.split_once("\n## Dependencies").map_or("", |(_, rest)| rest);
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.len() == 4 && cells[0] != "crate" && cells[3].len() > 10)
        .flat_map(|cells| cells[0].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .map(|name| name.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

/// Whether a licence expression holds if these licences are given. `/` is an old way to write `OR`.
fn satisfied(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    any(&mut words, allowed) == Some(true) && words.next().is_none()
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

/// `None` where there is no expression.
fn any(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut holds = all(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        holds |= all(words, allowed)?;
    }
    Some(holds)
}

fn all(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut holds = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        holds &= one(words, allowed)?;
    }
    Some(holds)
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> Option<bool> {
    match words.next()? {
        "(" => {
            let holds = any(words, allowed)?;
            words.next_if_eq(&")").map(|_| holds)
        }
        licence if words.next_if_eq(&"WITH").is_some() => {
            let whole = format!("{licence} WITH {}", words.next()?);
            Some(allowed.contains(&*whole))
        }
        licence => Some(allowed.contains(licence)),
    }
}

/// Expressions are read as SPDX means them, and what is no licence is not allowed.
#[test]
fn expressions() {
    let allowed = allowed("x\nallow = [\n    \"MIT\",\n    \"ISC\", # \"no\"\n    \"A WITH E\",\n]\n\"BSD\"");
    for holds in ["MIT", "GPL OR MIT", "GPL/MIT", "MIT AND ISC", "(MIT OR GPL) AND ISC", "A WITH E OR GPL"] {
        assert!(satisfied(holds, &allowed), "{holds}");
    }
    for fails in [
        "",
        "GPL",
        "BSD",
        "MIT AND GPL",
        "GPL OR MIT AND BSD",
        "MIT OR (GPL",
        "MIT)",
        "A",
        "MIT WITH E",
        "OR MIT",
    ] {
        assert!(!satisfied(fails, &allowed), "{fails}");
    }
}

/// A row counts with its reason, for every crate that it names.
#[test]
fn rows_are_read() {
    let page = "| a | b | c | of another table |\n\n## Dependencies\n\n| crate | for | licence | why this one |\n|---|---|---|---|\n\
        | x, y (0.6) | use | MIT | because it is so |\n| z | use | MIT | |\n";
    assert_eq!(rows(page).into_iter().collect::<Vec<_>>(), ["x", "y"]);
}
