//! What stands where in a body, and how a client is told that something else stands there.

use super::loss::invalid;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted};
use std::fmt::{self, Display};

/// The place of a value, from the body's root on.
#[derive(Clone, Copy)]
pub struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Name(&'p str),
    Index(usize),
}

impl<'p> At<'p> {
    /// A member of the root.
    pub const fn root(name: &'p str) -> Self {
        Self { parent: None, step: Step::Name(name) }
    }

    pub const fn name(&'p self, name: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Name(name) }
    }

    pub const fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// What should stand here and does not.
    pub fn wants(&self, what: &str) -> Fault {
        invalid(format!("`{self}` must be {what}."))
    }

    pub fn text<'t>(&self, item: Option<Item<'t>>) -> Result<Quoted<'t>, Fault> {
        item.and_then(|item| item.text()).ok_or_else(|| self.wants("a string"))
    }

    /// A text that may be absent or null.
    pub fn optional_text<'t>(&self, item: Option<Item<'t>>) -> Result<Option<Quoted<'t>>, Fault> {
        present(item).map(|item| self.text(Some(item))).transpose()
    }

    pub fn count(&self, item: Option<Item<'_>>) -> Result<Option<u64>, Fault> {
        let Some(item) = present(item) else { return Ok(None) };
        item.count().map(Some).ok_or_else(|| self.wants("a number that is not negative"))
    }

    pub fn flag(&self, item: Option<Item<'_>>) -> Result<Option<bool>, Fault> {
        let Some(item) = present(item) else { return Ok(None) };
        item.flag().map(Some).ok_or_else(|| self.wants("true or false"))
    }

    /// An object without names that occur twice.
    pub fn object<'t>(&self, item: Item<'t>) -> Result<Item<'t>, Fault> {
        if !item.is_object() {
            return Err(self.wants("an object"));
        }
        match repeated(item) {
            None => Ok(item),
            Some(name) => {
                let name = String::from_utf8_lossy(name.as_written()).into_owned();
                Err(invalid(format!("`{self}` has the member `{name:.64}` twice.")))
            }
        }
    }

    pub fn array<'t>(&self, item: Item<'t>) -> Result<impl Iterator<Item = Item<'t>> + use<'t>, Fault> {
        if item.kind() == Kind::Array { Ok(item.elements()) } else { Err(self.wants("an array")) }
    }
}

impl Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match (self.step, self.parent) {
            (Step::Name(name), Some(_)) => write!(f, ".{name}"),
            (Step::Name(name), None) => f.write_str(name),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}

/// The value, unless it is absent or null.
pub fn present(item: Option<Item<'_>>) -> Option<Item<'_>> {
    item.filter(|item| !item.is_null())
}

/// Objects with more members than this are not looked through for one that occurs twice: no format has such.
const LOOKED_THROUGH: usize = 64;

fn repeated(item: Item<'_>) -> Option<Quoted<'_>> {
    let mut names: Vec<Quoted<'_>> = Vec::new();
    for (name, _) in item.members().take(LOOKED_THROUGH) {
        if names.contains(&name) {
            return Some(name);
        }
        names.push(name);
    }
    None
}
