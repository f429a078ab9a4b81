//! Texts that nobody would write.

use super::{compile_source, lines, project_file, source};
use crate::control::config::Origins;
use proptest::prelude::*;

/// Pieces that mean something to YAML or to the compiler.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "\n",
    "\n  ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "!",
    "|\n",
    ">\n",
    "'",
    "\"",
    "#",
    "---\n",
    "...",
    "<<: ",
    "%YAML",
    "${",
    "${A}",
    "$${",
    "file:",
    "\t",
    "\r",
    "\u{feff}",
    "\u{e000}",
    "\0",
    "~",
    "*",
    "1e999",
    "-",
    "providers",
    "models",
    "keys",
    "listen",
    "tls",
    "mock",
    "https://",
];

fn reference() -> String {
    std::fs::read_to_string(project_file("gateway.yaml")).expect("the file")
}

/// Compiles, and fails the test if a complaint is more than one line or shows a variable's value.
fn survives(text: String) {
    if let Err(complaints) = compile_source(&source(text), &mut Origins::new(None)) {
        assert!(!complaints.is_empty());
        let lines = lines(&complaints);
        assert_eq!(lines.lines().count(), complaints.len(), "{lines:?}");
        assert!(!lines.contains("canary"), "{lines}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Any text compiles or is complained about; none panics.
    #[test]
    fn any_text(text in "\\PC{0,200}") {
        survives(text);
    }

    /// Any heap of meaningful pieces compiles or is complained about.
    #[test]
    fn any_pieces(picks in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        survives(picks.concat());
    }

    /// The reference with something put in or cut out compiles or is complained about.
    #[test]
    fn any_damage(at in 0_usize..6000, cut in 0_usize..40, piece in prop::sample::select(PIECES)) {
        let mut text = reference();
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + cut).min(text.len()));
        text.replace_range(start..end, piece);
        survives(text);
    }
}
