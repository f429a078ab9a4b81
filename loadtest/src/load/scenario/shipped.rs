//! Texts that come with the program, each under a name.

use anyhow::Context;

/// Texts of one sort, in the order in which they are listed.
pub struct Shipped {
    /// What one of them is: "scenario".
    pub sort: &'static str,
    /// Name and text of each.
    pub all: &'static [(&'static str, &'static str)],
}

impl Shipped {
    /// The text of this name.
    pub fn find(&self, name: &str) -> Option<&'static str> {
        self.all.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The same.
    ///
    /// # Errors
    /// When there is none of this name; the error tells which there are.
    pub fn text(&self, name: &str) -> anyhow::Result<&'static str> {
        let sort = self.sort;
        self.find(name).with_context(|| format!("no {sort} is named \"{name}\"; there are {}", self.names()))
    }

    /// All names, for people.
    pub fn names(&self) -> String {
        self.all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}
