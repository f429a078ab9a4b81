//! The tree of a foreign configuration, read as loosely as its own program reads it.
//!
//! Invariant: of equal keys the last one counts, as in Python; `null` reads as absent.

use crate::control::config::complaint::Path;
use crate::control::config::yaml::{Body, Node};

/// A value and where it stands.
#[derive(Clone)]
pub struct Item<'t> {
    /// Of its key, or of the value where it has none.
    pub line: u32,
    pub path: String,
    body: &'t Body<'t>,
}

impl<'t> Item<'t> {
    pub fn root(node: &'t Node<'t>) -> Self {
        Self { line: node.at.line, path: String::new(), body: &node.body }
    }

    pub fn is_map(&self) -> bool {
        matches!(self.body, Body::Map(_))
    }

    /// The entries of a mapping in the order of the text; none if this is no mapping.
    pub fn entries(&self) -> Vec<(&'t str, Item<'t>)> {
        let Body::Map(entries) = self.body else { return Vec::new() };
        let mut last: Vec<(&'t str, Item<'t>)> = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let item = Item { line: key.at.line, path: self.below(&key.text), body: &node.body };
            match last.iter_mut().find(|(name, _)| *name == key.text) {
                Some(known) => known.1 = item,
                None => last.push((&key.text, item)),
            }
        }
        last.retain(|(_, item)| !item.is_null());
        last
    }

    pub fn field(&self, name: &str) -> Option<Item<'t>> {
        self.entries().into_iter().find(|(known, _)| *known == name).map(|(_, item)| item)
    }

    /// The items of a list; none if this is no list.
    pub fn items(&self) -> Vec<Item<'t>> {
        let Body::List(nodes) = self.body else { return Vec::new() };
        let item = |(index, node): (usize, &'t Node<'t>)| Item {
            line: node.at.line,
            path: format!("{}[{index}]", self.path),
            body: &node.body,
        };
        nodes.iter().enumerate().map(item).collect()
    }

    /// A scalar as it is written.
    pub fn text(&self) -> Option<&'t str> {
        if let Body::Scalar { text, .. } = self.body { Some(text) } else { None }
    }

    /// Every scalar of it and where it stands, for telling it from others.
    pub fn flat(&self) -> String {
        let below = self.entries().into_iter().map(|(_, item)| item).chain(self.items());
        let own = self.text().map_or(String::new(), |text| format!("{}={text}\n", self.path));
        below.fold(own, |all, item| all + &item.flat())
    }

    /// A number of at least 0.
    pub fn number(&self) -> Option<f64> {
        // Python reads 1_000 as a number, too.
        let number: f64 = self.text()?.replace('_', "").parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    }

    /// Whether this asks for nothing: `false`, or an empty list or mapping.
    pub fn is_off(&self) -> bool {
        match self.body {
            Body::Scalar { text, plain } => *plain && matches!(&**text, "false" | "False" | "FALSE"),
            Body::List(items) => items.is_empty(),
            Body::Map(entries) => entries.is_empty(),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.body, Body::Scalar { text, plain: true }
            if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    fn below(&self, name: &str) -> String {
        let name = Path::ROOT.name(name).to_string();
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }
}
