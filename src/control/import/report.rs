//! What an import could not carry over.
//!
//! Invariant: a line holds names of keys, never a value that could be a secret.

use crate::control::import::source::Item;
use std::fmt;

/// One thing that is not, or not the same, in the new configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Of the source, counted from 1.
    pub line: u32,
    /// Where in its structure, e.g. `model_list[1].litellm_params.rpm`.
    pub path: String,
    pub message: String,
}

/// All lines, and the name of the file that they are about.
#[derive(Debug)]
pub struct Report {
    file: String,
    pub lines: Vec<Line>,
}

impl Report {
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), lines: Vec::new() }
    }

    /// The new configuration has nothing of this.
    pub fn not_carried(&mut self, item: &Item<'_>, why: &str) {
        self.add(item, format!("not carried: {why}"));
    }

    /// An entry that the new configuration has not.
    pub fn left_out(&mut self, item: &Item<'_>, why: &str) {
        self.add(item, format!("left out: {why}"));
    }

    /// It is there, but means something else.
    pub fn changed(&mut self, item: &Item<'_>, how: &str) {
        self.add(item, format!("changed: {how}"));
    }

    /// A secret stood there, which is a variable now.
    pub fn secret(&mut self, item: &Item<'_>, variable: &str) {
        self.add(item, format!("secret: not copied; set the environment variable {variable} to it"));
    }

    fn add(&mut self, item: &Item<'_>, message: String) {
        self.lines.push(Line { line: item.line, path: item.path.clone(), message });
    }

    /// Brings the lines into the order of the source.
    pub fn sort(&mut self) {
        self.lines.sort_by_key(|line| line.line);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines
            .iter()
            .try_for_each(|line| writeln!(f, "{}:{}: {}: {}", self.file, line.line, line.path, line.message))
    }
}
