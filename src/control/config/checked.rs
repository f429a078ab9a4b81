//! A configuration whose keys and types are right, and the cursor that reads it.
//!
//! Invariant: what was complained about is [`Value::Wrong`] and reads as absent, so nobody complains twice.

use crate::base::secret::Secret;
use crate::control::config::complaint::{At, Findings, Path};
use crate::control::config::shape::Field;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A value and where it stands.
pub struct Checked {
    pub at: At,
    pub value: Value,
}

/// A value of the type that its key asks for.
pub enum Value {
    /// Complained about already.
    Wrong,
    Flag(bool),
    Whole(u64),
    Number(f64),
    Text(Box<str>),
    Address(SocketAddr),
    Secret(Secret),
    File(Box<FileContent>),
    Section(&'static [Field], Vec<(&'static str, Checked)>),
    /// Names are unique and in the order of the text.
    Named(Vec<(Box<str>, Checked)>),
    List(Vec<Checked>),
}

/// A file as it was read.
pub struct FileContent {
    pub path: PathBuf,
    pub content: Secret,
}

/// A value and the path that leads to it.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    pub checked: &'a Checked,
    pub path: Path<'a>,
}

impl<'a> Cursor<'a> {
    /// The value of a key of this section, if it is there and right.
    pub fn field(&self, name: &'static str) -> Option<Cursor<'_>> {
        let checked = self.entry(name)?;
        let cursor = Cursor { checked, path: self.path.name(name) };
        (!matches!(checked.value, Value::Wrong)).then_some(cursor)
    }

    /// Whether this was complained about already.
    pub fn is_wrong(&self) -> bool {
        matches!(self.checked.value, Value::Wrong)
    }

    /// Whether the key was written, right or wrong.
    pub fn has(&self, name: &'static str) -> bool {
        self.entry(name).is_some()
    }

    fn entry(&self, name: &'static str) -> Option<&'a Checked> {
        let Value::Section(fields, values) = &self.checked.value else { return None };
        debug_assert!(fields.iter().any(|field| field.name == name), "no row in the table: {name}");
        values.iter().find(|(known, _)| *known == name).map(|(_, checked)| checked)
    }

    fn value(&self, name: &'static str) -> Option<&'a Value> {
        self.entry(name).map(|checked| &checked.value)
    }

    pub fn flag(&self, name: &'static str) -> Option<bool> {
        if let Some(Value::Flag(flag)) = self.value(name) { Some(*flag) } else { None }
    }

    pub fn whole(&self, name: &'static str) -> Option<u64> {
        if let Some(Value::Whole(number)) = self.value(name) { Some(*number) } else { None }
    }

    pub fn number(&self, name: &'static str) -> Option<f64> {
        if let Some(Value::Number(number)) = self.value(name) { Some(*number) } else { None }
    }

    pub fn text(&self, name: &'static str) -> Option<&'a str> {
        if let Some(Value::Text(text)) = self.value(name) { Some(text) } else { None }
    }

    pub fn address(&self, name: &'static str) -> Option<SocketAddr> {
        if let Some(Value::Address(address)) = self.value(name) { Some(*address) } else { None }
    }

    pub fn secret(&self, name: &'static str) -> Option<&'a Secret> {
        if let Some(Value::Secret(secret)) = self.value(name) { Some(secret) } else { None }
    }

    pub fn file(&self, name: &'static str) -> Option<&'a FileContent> {
        if let Some(Value::File(file)) = self.value(name) { Some(file) } else { None }
    }

    /// The text itself, where this is one.
    pub fn as_text(&self) -> Option<&'a str> {
        if let Value::Text(text) = &self.checked.value { Some(text) } else { None }
    }

    /// The entries of a mapping from names; none if this is no such mapping.
    pub fn named(&self) -> impl ExactSizeIterator<Item = (&'a str, Cursor<'_>)> {
        let entries = if let Value::Named(entries) = &self.checked.value { entries.as_slice() } else { &[] };
        entries.iter().map(|(name, checked)| (&**name, Cursor { checked, path: self.path.name(name) }))
    }

    /// The items of a list; none if this is no list.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Cursor<'_>> {
        let items = if let Value::List(items) = &self.checked.value { items.as_slice() } else { &[] };
        items.iter().enumerate().map(|(index, checked)| Cursor { checked, path: self.path.index(index) })
    }

    /// The items of a list of texts.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let items = if let Value::List(items) = &self.checked.value { items.as_slice() } else { &[] };
        items.iter().filter_map(|item| if let Value::Text(text) = &item.value { Some(&**text) } else { None })
    }

    pub fn complain(&self, findings: &mut Findings, message: impl Into<String>) {
        findings.complain(self.path, self.checked.at, message);
    }

    /// Complains about a key of this section: at its value, or at the section if it is absent.
    pub fn complain_at(&self, name: &'static str, findings: &mut Findings, message: impl Into<String>) {
        findings.complain(self.path.name(name), self.place(name), message);
    }

    pub fn warn_at(&self, name: &'static str, findings: &mut Findings, message: impl Into<String>) {
        findings.warn(self.path.name(name), self.place(name), message);
    }

    /// Where the value of a key stands; where the section stands if it has no such key.
    pub fn place(&self, name: &'static str) -> At {
        self.entry(name).map_or(self.checked.at, |checked| checked.at)
    }
}
