//! What is wrong with a configuration, and where.
//!
//! Invariant: a complaint never holds the value of a secret or of an environment variable, only their names.

use std::fmt;
use std::sync::Arc;

/// Searching for the nearest name costs time in proportion to all names: so many searches are made, no more.
const SUGGESTIONS: usize = 100;

/// Something that is wrong with a configuration. Its `Display` is one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The configuration file's name as the operator gave it.
    pub file: Arc<str>,
    /// Where in the structure, e.g. `models.code-assistant.targets[0].provider`; empty for the file as a whole.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    pub message: String,
    /// What the operator may have meant.
    pub suggestion: Option<String>,
}

/// Something that is accepted, but that the operator should know about.
pub type Warning = Complaint;

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean {suggestion:?}?)"),
            None => Ok(()),
        }
    }
}

/// A place in the text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: u32,
    pub column: u32,
}

impl At {
    pub const START: At = At { line: 1, column: 1 };
}

/// A place in the structure, as a chain on the stack: nothing is allocated until somebody complains.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    above: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    pub const ROOT: Path<'static> = Path { above: None, step: Step::Root };

    pub fn name(&'a self, name: &'a str) -> Path<'a> {
        Path { above: Some(self), step: Step::Name(name) }
    }

    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { above: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Name(name) => {
                if self.above.is_some_and(|above| !matches!(above.step, Step::Root)) {
                    f.write_str(".")?;
                }
                let plain = |c: char| c.is_alphanumeric() || "-_/*:@".contains(c);
                if !name.is_empty() && name.chars().all(plain) {
                    f.write_str(name)
                } else {
                    write!(f, "{name:?}")
                }
            }
        }
    }
}

/// Everything that was found so far.
pub struct Findings {
    file: Arc<str>,
    complaints: Vec<Complaint>,
    warnings: Vec<Warning>,
    searches: usize,
}

impl Findings {
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), complaints: Vec::new(), warnings: Vec::new(), searches: 0 }
    }

    pub fn complain(&mut self, path: Path<'_>, at: At, message: impl Into<String>) {
        let complaint = self.finding(path, at, message.into());
        self.complaints.push(complaint);
    }

    /// Complains about `wrong`, and offers the nearest of the `known` names, if any is near.
    pub fn complain_near<'k>(
        &mut self,
        path: Path<'_>,
        at: At,
        message: impl Into<String>,
        wrong: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let mut complaint = self.finding(path, at, message.into());
        self.searches += 1;
        if self.searches <= SUGGESTIONS {
            complaint.suggestion = nearest(wrong, known).map(str::to_owned);
        }
        self.complaints.push(complaint);
    }

    pub fn warn(&mut self, path: Path<'_>, at: At, message: impl Into<String>) {
        let warning = self.finding(path, at, message.into());
        self.warnings.push(warning);
    }

    fn finding(&self, path: Path<'_>, at: At, message: String) -> Complaint {
        let (line, column) = (at.line as usize, at.column as usize);
        Complaint { file: self.file.clone(), path: path.to_string(), line, column, message, suggestion: None }
    }

    /// The warnings if there is nothing to complain about, else the complaints; in the order of the text.
    pub fn verdict(mut self) -> Result<Vec<Warning>, Vec<Complaint>> {
        let in_text = |c: &Complaint| (c.line, c.column);
        self.complaints.sort_by_key(in_text);
        self.warnings.sort_by_key(in_text);
        if self.complaints.is_empty() { Ok(self.warnings) } else { Err(self.complaints) }
    }
}

/// The known name that is nearest to `wrong`, if at most a third of it has to change.
fn nearest<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let wrong_chars = wrong.chars().count();
    known
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= wrong_chars.max(name.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A complaint reads as one line: file, place, path, what is wrong, what may have been meant.
    #[test]
    fn complaints_read_as_one_line() {
        let mut findings = Findings::new("gateway.yaml");
        let (models, list) = (Path::ROOT.name("models"), "targets");
        let model = models.name("gpt-4.1");
        let targets = model.name(list);
        let target = targets.index(0);
        let known = ["claude", "openai"].into_iter();
        findings.complain_near(
            target.name("provider"),
            At { line: 14, column: 27 },
            "is off",
            "opnai",
            known,
        );
        let complaints = findings.verdict().expect_err("one complaint");
        assert_eq!(
            complaints[0].to_string(),
            "gateway.yaml:14:27: models.\"gpt-4.1\".targets[0].provider: is off (did you mean \"openai\"?)"
        );
    }

    /// A suggestion is only made when it is close.
    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(nearest("formt", ["format", "region"].into_iter()), Some("format"));
        assert_eq!(nearest("zzz", ["format", "region"].into_iter()), None);
        assert_eq!(nearest("ab", ["cd"].into_iter()), None);
    }
}
