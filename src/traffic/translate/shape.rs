//! What stands where in a body, and how a client is told that something else stands there.

use super::loss::{invalid, untranslatable};
use super::prompt::{Content, Part, Parts};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted};
use std::borrow::Cow;
use std::fmt::{self, Display};

/// Words for how far a model is to think, in any format.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Members of a body among which none may occur twice: no format has more.
pub const LOOKED_THROUGH: usize = 64;

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
    #[cold]
    pub fn wants(&self, what: &str) -> Fault {
        self.invalid(format_args!("must be {what}."))
    }

    /// What stands here is wrong in its own dialect.
    #[cold]
    pub fn invalid(&self, what: impl Display) -> Fault {
        invalid(format!("`{self}` {what}")).about(self.to_string())
    }

    /// What stands here makes sense, but not to the model's provider.
    #[cold]
    pub fn untranslatable(&self, what: impl Display) -> Fault {
        untranslatable(format!("`{self}` {what}")).about(self.to_string())
    }

    /// A member of the object here stands there more than once.
    #[cold]
    pub fn twice(&self, name: &str) -> Fault {
        invalid(format!("`{self}` has the member `{name:.64}` twice.")).about(format!("{self}.{name:.64}"))
    }

    #[inline]
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

    /// How far a model is to think.
    pub fn effort<'t>(&self, item: Option<Item<'t>>) -> Result<Option<Quoted<'t>>, Fault> {
        let effort = self.optional_text(item)?;
        if effort.as_ref().is_none_or(|effort| EFFORTS.iter().any(|known| effort.is(known))) {
            return Ok(effort);
        }
        Err(self.wants(&format!("one of {}", EFFORTS.join(", "))))
    }

    pub fn flag(&self, item: Option<Item<'_>>) -> Result<Option<bool>, Fault> {
        let Some(item) = present(item) else { return Ok(None) };
        item.flag().map(Some).ok_or_else(|| self.wants("true or false"))
    }

    /// The members of an object, those that are null left out.
    pub fn fields<'t, const N: usize>(
        &self,
        item: Option<Item<'t>>,
        names: [&str; N],
    ) -> Result<[Option<Item<'t>>; N], Fault> {
        let item = item.filter(Item::is_object).ok_or_else(|| self.wants("an object"))?;
        item.fields(names).map_err(|twice| self.twice(names[twice]))
    }

    /// Names and values of an object.
    pub fn entries<'t>(
        &self,
        item: Item<'t>,
    ) -> Result<impl Iterator<Item = (Cow<'t, [u8]>, Item<'t>)> + use<'t>, Fault> {
        if item.is_object() { Ok(item.entries()) } else { Err(self.wants("an object")) }
    }

    /// Puts a member's value where nothing may be yet. It may be `null`.
    #[inline]
    pub fn put<'t>(&self, place: &mut Option<Item<'t>>, name: &[u8], value: Item<'t>) -> Result<(), Fault> {
        if place.replace(value).is_none() {
            return Ok(());
        }
        Err(self.twice(&String::from_utf8_lossy(name)))
    }

    /// An object, no member of which stands there twice.
    pub fn object<'t>(&self, item: Item<'t>) -> Result<Item<'t>, Fault> {
        if !item.is_object() {
            return Err(self.wants("an object"));
        }
        match repeated(item) {
            None => Ok(item),
            Some(name) => Err(self.twice(&name)),
        }
    }

    /// All members of the root, none of them twice.
    pub fn root_members(body: Item<'_>) -> Result<impl Iterator<Item = (Cow<'_, [u8]>, Item<'_>)>, Fault> {
        if !body.is_object() {
            return Err(invalid("The request's body must be an object."));
        }
        if let Some(name) = repeated(body) {
            return Err(
                invalid(format!("The member `{name:.64}` stands there twice.")).about(format!("{name:.64}"))
            );
        }
        Ok(body.entries().filter(|(_, value)| !value.is_null()))
    }

    /// A message's content: one text, or an array of what `part` reads, if that is anything.
    pub fn content<'t>(
        &self,
        item: Item<'t>,
        mut part: impl FnMut(At<'_>, Item<'t>) -> Result<Option<Part<'t>>, Fault>,
    ) -> Result<Parts<'t>, Fault> {
        if let Some(text) = item.text() {
            return Ok(Part::of(Content::Text(text)).into());
        }
        if item.kind() != Kind::Array {
            return Err(self.wants("a string or an array of its parts"));
        }
        let parts = item.elements().enumerate();
        let read = parts.filter_map(|(index, item)| part(self.index(index), item).transpose());
        Ok(read.collect::<Result<Vec<_>, _>>()?.into())
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

/// The first name that two members have.
fn repeated(item: Item<'_>) -> Option<String> {
    let mut names: Vec<Cow<'_, [u8]>> = Vec::with_capacity(16);
    for (name, _) in item.entries().take(LOOKED_THROUGH) {
        if names.contains(&name) {
            return Some(String::from_utf8_lossy(&name).into_owned());
        }
        names.push(name);
    }
    None
}
