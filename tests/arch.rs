//! The rules of the house, checked on the source text: who may import whom, what is named where, how long a file is.
//!
//! A violation reads like a compiler's message: `src/traffic/policy/rate.rs:12: policy may not import route`.

#[path = "arch/dependencies.rs"]
mod dependencies;

use std::fs;
use std::path::{Path, PathBuf};

/// What the other floors and all planes stand on, lowest first.
const FLOORS: [&str; 4] = ["base", "contract", "http", "net"];
/// The data plane, in the order in which a request flows.
const ROOMS: [&str; 10] = [
    "dialect",
    "translate",
    "auth",
    "policy",
    "route",
    "provider",
    "upstream",
    "account",
    "exchange",
    "worker",
];
/// Beside the data plane; planes meet in `contract` only.
const PLANES: [&str; 2] = ["logcore", "control"];

/// Names that stand only where a rule allows them: the name, where (all others may not), and why.
const NAMED_ONLY_IN: [(&str, &[&str], &str); 4] = [
    ("monoio", &["src/net/"], "the runtime is an implementation of `net`"),
    ("io_uring", &["src/net/"], "the runtime is an implementation of `net`"),
    (
        "rustls",
        &["src/net/", "src/contract/snapshot.rs", "src/control/"],
        "control builds TLS, net speaks it",
    ),
    (
        "unsafe",
        &["src/net/", "src/traffic/dialect/json/blocks.rs"],
        "system calls are made in one room, vector instructions in one file",
    ),
];

/// Names that do not stand in the rooms where nothing may block, and the files that may have them all the same.
const NAMED_NOT_IN_SHARDS: [(&str, &[&str]); 3] =
    [("Mutex", &[]), ("RwLock", &[]), ("tokio", &["src/traffic/worker/h2.rs"])];

/// Who writes statuses of 400 and more, and why.
const NAME_STATUSES: [(&str, &str); 7] = [
    ("src/base/fault.rs", "the table of faults"),
    ("src/http/encode.rs", "reason phrases"),
    ("src/http/response.rs", "the bounds of what a status may be"),
    ("src/traffic/dialect/refusal.rs", "fields that go with a status of the table"),
    ("src/traffic/translate/failure.rs", "what an error means in each dialect"),
    ("src/traffic/exchange/failure.rs", "statuses of one provider that are another's"),
    ("src/traffic/exchange/relay.rs", "what an upstream's status means"),
];
/// Numbers in the range of statuses that are none: file, number, and what it is.
const NO_STATUSES: [(&str, &str, &str); 3] = [
    ("src/base/civil.rs", "400", "years after which the calendar repeats"),
    ("src/base/clock.rs", "400", "years of the calendar's cycle"),
    ("src/logcore/metrics.rs", "500", "bounds of a histogram in microseconds"),
];

const LINES_MAX: usize = 600;
const FORBIDDEN: [&str; 4] = ["TODO", "FIXME", "XXX", "unimplemented"];

/// Every file under `src` keeps every rule.
#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources were not found");
    let mut found = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a source file is text");
        let name = file.strip_prefix(root).expect("under the root").to_string_lossy();
        found.extend(check(&name, &text));
    }
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every violation in one file; `name` is its path from the root of the package.
fn check(name: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    check_text(name, text, &mut found);
    check_imports(name, &tokens, &mut found);
    check_names(name, &tokens, &mut found);
    check_statuses(name, &tokens, &mut found);
    found.into_iter().map(|(line, what)| format!("{name}:{line}: {what}")).collect()
}

type Found = Vec<(usize, String)>;

fn check_text(name: &str, text: &str, found: &mut Found) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        found.push((LINES_MAX + 1, format!("a file has at most {LINES_MAX} lines, not {lines}")));
    }
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| FORBIDDEN.contains(word)) {
            found.push((index + 1, format!("`{word}`: finish it, or say in a sentence what is not there")));
        }
    }
    if name.ends_with("/mod.rs") && !text.starts_with("//!") {
        found.push((1, "a mod.rs opens with what the module takes and gives (`//!`)".into()));
    }
    let head = || text.lines().take_while(|line| line.starts_with("//!"));
    if is_room_root(name) && !head().any(|line| line.contains("Invariant:")) {
        found.push((1, "a room's mod.rs names what it never breaks (`Invariant:`)".into()));
    }
}

fn is_room_root(name: &str) -> bool {
    let Some(folder) = name.strip_prefix("src/").and_then(|rest| rest.strip_suffix("/mod.rs")) else {
        return false;
    };
    let path: Vec<&str> = folder.split('/').collect();
    let depth = if path[0] == "traffic" { 2 } else { 1 };
    path.len() <= depth && (folder == "traffic" || Place::of(&path).is_some())
}

/// Where a module stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Floor(usize),
    Room(usize),
    Plane(usize),
    Boot,
}

impl Place {
    /// Of a module's path below the crate's root; only a room has a place.
    fn of(path: &[&str]) -> Option<Self> {
        let among = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
        match path {
            ["traffic", room, ..] => among(&ROOMS, room).map(Place::Room),
            ["boot", ..] => Some(Place::Boot),
            [first, ..] => {
                among(&FLOORS, first).map(Place::Floor).or_else(|| among(&PLANES, first).map(Place::Plane))
            }
            [] => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Floor(at) => FLOORS[at],
            Place::Room(at) => ROOMS[at],
            Place::Plane(at) => PLANES[at],
            Place::Boot => "boot",
        }
    }

    fn may_import(self, other: Place) -> bool {
        match (self, other) {
            (Place::Boot, _) | (Place::Room(_) | Place::Plane(_), Place::Floor(_)) => true,
            (Place::Floor(here), Place::Floor(there)) | (Place::Room(here), Place::Room(there)) => {
                there <= here
            }
            _ => self == other,
        }
    }
}

fn check_imports(name: &str, tokens: &[Token<'_>], found: &mut Found) {
    let module = module_of(name);
    for Import { line, path, climbs } in paths(tokens, &module) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if name == "src/main.rs" {
            if Place::of(&path).is_some_and(|place| place != Place::Boot) {
                found.push((line, format!("main may not import {}, only boot", path.join("::"))));
            }
            continue;
        }
        let here: Vec<&str> = module.iter().map(String::as_str).collect();
        let Some(here) = Place::of(&here) else { continue };
        match Place::of(&path) {
            Some(there) if !here.may_import(there) => {
                found.push((line, format!("{} may not import {}", here.name(), there.name())));
            }
            None if here != Place::Boot
                && !climbs
                && matches!(path[..], ["*" | "traffic"] | ["traffic", "*"]) =>
            {
                found.push((line, format!("{} names the rooms that it imports one by one", here.name())));
            }
            _ => {}
        }
    }
}

/// The module that a file holds: `src/http/mod.rs` is `[http]`, `src/http/scan.rs` is `[http, scan]`.
fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

struct Import {
    line: usize,
    /// From the crate's root.
    path: Vec<String>,
    /// It was written with `super`.
    climbs: bool,
}

/// Every path that starts at the crate's root or climbs with `super`. Climbing out of a file's inline modules is
/// taken for climbing out of the file; what that leads to has no place and is not judged.
fn paths(tokens: &[Token<'_>], module: &[String]) -> Vec<Import> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
        let base = match tokens[at].text {
            // `pub(in crate::x)` and the like name where something is seen, and import nothing.
            "crate" | "ringgate" if before != "::" && before != "in" => Some(Vec::new()),
            "super" if before != "::" && before != "in" => {
                Some(module[..module.len().saturating_sub(1)].to_vec())
            }
            _ => None,
        };
        let climbs = tokens[at].text == "super";
        at += 1;
        let Some(mut base) = base else { continue };
        while text_at(tokens, at) == "::" && text_at(tokens, at + 1) == "super" {
            base.pop();
            at += 2;
        }
        // `pub(crate)`, `crate` as a macro's argument: no path.
        if text_at(tokens, at) == "::" {
            at = tree(tokens, at + 1, &Import { line: 0, path: base, climbs }, &mut all);
        }
    }
    all
}

/// Reads what stands behind the `::` of `base`, up to its end, and adds every path in it.
fn tree(tokens: &[Token<'_>], mut at: usize, base: &Import, all: &mut Vec<Import>) -> usize {
    let mut here = Import { path: base.path.clone(), ..*base };
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            at += 1;
            while !matches!(text_at(tokens, at), "}" | "") {
                at = tree(tokens, at, &here, all);
                while !matches!(text_at(tokens, at), "," | "}" | "") {
                    at += 1;
                }
                at += usize::from(text_at(tokens, at) == ",");
            }
            return at + 1;
        }
        if token.text != "self" {
            here.path.push(token.text.to_owned());
        }
        if text_at(tokens, at + 1) != "::" {
            all.push(Import { line: token.line, ..here });
            return at + 1;
        }
        at += 2;
    }
    at
}

fn check_names(name: &str, tokens: &[Token<'_>], found: &mut Found) {
    let allowed = |places: &[&str]| places.iter().any(|place| name.starts_with(place));
    let in_shard = name.starts_with("src/traffic/") || name.starts_with("src/net/");
    for (at, token) in tokens.iter().enumerate() {
        for (what, places, why) in NAMED_ONLY_IN {
            if token.text == what && !allowed(places) {
                found.push((token.line, format!("`{what}` may not stand here: {why}")));
            }
        }
        if !in_shard {
            continue;
        }
        for (what, places) in NAMED_NOT_IN_SHARDS {
            let is_import = what != "tokio" || text_at(tokens, at + 1) == "::";
            if token.text == what && is_import && !allowed(places) {
                found.push((
                    token.line,
                    format!("`{what}` may not stand here: nothing on a shard blocks or locks"),
                ));
            }
        }
        let next: Vec<_> = (at..at + 3).map(|at| text_at(tokens, at)).collect();
        if next == ["thread", "::", "sleep"] {
            found.push((
                token.line,
                "`thread::sleep` may not stand here: nothing on a shard blocks or locks".into(),
            ));
        }
        if next[..2] == ["tokio", "::"] && allowed(NAMED_NOT_IN_SHARDS[2].1) && next[2] != "io" {
            found.push((token.line, "only `tokio::io` may stand here: the traits that `h2` wants".into()));
        }
    }
}

fn check_statuses(name: &str, tokens: &[Token<'_>], found: &mut Found) {
    let is_free = NAME_STATUSES.iter().any(|(file, _)| *file == name)
        || name.starts_with("src/control/")
        || name.contains("/tests");
    if is_free {
        return;
    }
    for token in tokens.iter().filter(|token| !token.in_tests) {
        // 512 is no status that anybody gives, and many other things.
        let is_status = token.text.parse::<u16>().is_ok_and(|n| (400..600).contains(&n) && n != 512);
        let is_known = NO_STATUSES.iter().any(|(file, number, _)| (*file, *number) == (name, token.text));
        if is_status && !is_known {
            found.push((
                token.line,
                format!("status {} may not stand here: name a row of base::fault", token.text),
            ));
        }
    }
}

struct Token<'t> {
    line: usize,
    text: &'t str,
    /// Inside a `#[cfg(test)]` module.
    in_tests: bool,
}

fn text_at<'t>(tokens: &[Token<'t>], at: usize) -> &'t str {
    tokens.get(at).map_or("", |token| token.text)
}

/// Words, numbers, `::` and single characters; no comments, and nothing of strings and characters.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = skipped(rest)
            .unwrap_or_else(|| if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) });
        let (token, after) = rest.split_at(length);
        if skipped(rest).is_none() && !first.is_whitespace() {
            tokens.push(Token { line, text: token, in_tests: false });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    mark_tests(&mut tokens);
    tokens
}

/// Length of the comment, string or character at the front, if there is one.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    let unprefixed = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - unprefixed.len();
    let raw = unprefixed.strip_prefix('r').map(|raw| (raw, raw.len() - raw.trim_start_matches('#').len()));
    if let Some((raw, hashes)) = raw.filter(|(raw, hashes)| prefix <= 1 && raw[*hashes..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = &raw[hashes + 1..];
        let length = body.find(&end).map_or(body.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + length);
    }
    if prefix <= 1 && unprefixed.starts_with('"') {
        return Some(prefix + quoted(unprefixed, '"'));
    }
    // A character, and no lifetime: something stands between two quotes.
    let mut inside = unprefixed.strip_prefix('\'').filter(|_| prefix <= 1)?.chars();
    let is_character = inside.next()? == '\\' || inside.next() == Some('\'');
    is_character.then(|| prefix + quoted(unprefixed, '\''))
}

/// Length of what stands between two quotes, with them.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Marks everything in modules that stand behind `#[cfg(test)]`.
fn mark_tests(tokens: &mut [Token<'_>]) {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut at = 0;
    while at < tokens.len() {
        if !(0..ATTRIBUTE.len()).all(|index| text_at(tokens, at + index) == ATTRIBUTE[index]) {
            at += 1;
            continue;
        }
        let mut depth = 0;
        while let Some(token) = tokens.get_mut(at) {
            token.in_tests = true;
            at += 1;
            match token.text {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
}

/// Each rule finds what breaks it, in the spellings that imports have, and says where.
#[test]
fn rules_find_what_breaks_them() {
    for (name, text, expected) in [
        (
            "src/traffic/policy/rate.rs",
            "\n\nuse crate::traffic::route::order;",
            "3: policy may not import route",
        ),
        (
            "src/traffic/policy/rate.rs",
            "use crate::{base::ids, traffic::{auth, route}};",
            "1: policy may not import route",
        ),
        ("src/traffic/auth/mod.rs", "//! Invariant: x\nuse super::route;", "2: auth may not import route"),
        (
            "src/traffic/auth/key.rs",
            "fn f() { super::super::worker::run() }",
            "1: auth may not import worker",
        ),
        (
            "src/traffic/worker/mod.rs",
            "//! Invariant: x\nuse crate::control::log;",
            "2: worker may not import control",
        ),
        ("src/logcore/sink.rs", "use crate::control::log;", "1: logcore may not import control"),
        ("src/control/log.rs", "fn f() -> crate::traffic::auth::Caller {}", "1: control may not import auth"),
        ("src/base/ids.rs", "use crate::contract::names;", "1: base may not import contract"),
        ("src/http/scan.rs", "use crate::boot;", "1: http may not import boot"),
        ("src/http/scan.rs", "use crate::*;", "1: http names the rooms that it imports one by one"),
        ("src/main.rs", "use ringgate::control;", "1: main may not import control, only boot"),
        (
            "src/traffic/auth/key.rs",
            "use crate::traffic;",
            "1: auth names the rooms that it imports one by one",
        ),
        ("src/traffic/worker/mod.rs", "//! Invariant: x\nuse monoio::net;", "2: `monoio` may not stand here"),
        ("src/traffic/auth/key.rs", "type C = rustls::ServerConfig;", "1: `rustls` may not stand here"),
        ("src/boot/pin.rs", "unsafe fn f() {}", "1: `unsafe` may not stand here"),
        ("src/net/pool.rs", "use std::sync::Mutex;", "1: `Mutex` may not stand here"),
        (
            "src/traffic/auth/key.rs",
            "fn f() { std::thread::sleep(t) }",
            "1: `thread::sleep` may not stand here",
        ),
        ("src/traffic/auth/key.rs", "use tokio::io::AsyncRead;", "1: `tokio` may not stand here"),
        ("src/traffic/worker/h2.rs", "use tokio::sync::Mutex;", "1: only `tokio::io` may stand here"),
        ("src/traffic/exchange/serve.rs", "reply.whole(404, b\"\")", "1: status 404 may not stand here"),
        ("src/base/ids.rs", "// a\n// FIXME", "2: `FIXME`"),
        ("src/traffic/auth/key/mod.rs", "use crate::base::ids;", "1: a mod.rs opens with"),
        ("src/traffic/auth/mod.rs", "//! Who calls.\n", "1: a room's mod.rs names"),
    ] {
        let found = check(name, text);
        assert!(
            found.iter().any(|line| line.starts_with(&format!("{name}:{expected}"))),
            "{name}: {text:?} gave {found:?}"
        );
    }
    let long = "\n".repeat(LINES_MAX + 1);
    assert_eq!(check("src/base/ids.rs", &long).len(), 1);
}

/// What is allowed passes: rooms to the left, words in comments and strings, statuses in tests.
#[test]
fn rules_let_what_is_allowed_pass() {
    for (name, text) in [
        (
            "src/traffic/policy/rate.rs",
            "use crate::traffic::auth::Caller; use crate::base::{fault::Fault, ids};",
        ),
        (
            "src/traffic/policy/rate.rs",
            "use super::Permit; pub(crate) fn f() {} pub(in crate::traffic) fn g() {}",
        ),
        ("src/boot/serve.rs", "use crate::{control, logcore, traffic::worker};"),
        ("src/control/tls.rs", "use crate::net::runtime; use rustls::ServerConfig;"),
        ("src/main.rs", "use ringgate::boot;"),
        ("src/traffic/worker/h2.rs", "use tokio::io::{AsyncRead, AsyncWrite};"),
        (
            "src/traffic/auth/key.rs",
            "// no Mutex, no unsafe\n/* monoio */ const S: &str = \"unsafe \\\" monoio\";",
        ),
        (
            "src/traffic/auth/key.rs",
            "const R: &[u8] = br#\"\" crate::control::x\"#; fn f<'a>(c: &'a u8) -> bool { *c == b'\\'' }",
        ),
        ("src/traffic/auth/key.rs", "#[cfg(test)]\nmod tests { fn f() { assert_eq!(s, 404); } }"),
        ("src/traffic/exchange/relay.rs", "match status { 401..=403 => {} }"),
        ("src/traffic/auth/key.rs", "const BYTES: usize = 512; const MORE: usize = 4000;"),
    ] {
        assert_eq!(check(name, text), Vec::<String>::new(), "{name}: {text:?}");
    }
    // What follows a test module is judged again.
    let text = "#[cfg(test)]\nmod tests { const A: u16 = 404; }\nconst B: u16 = 500;";
    assert_eq!(check("src/traffic/auth/key.rs", text).len(), 1);
}
