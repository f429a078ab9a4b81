//! A provider's `auth` block in the making, and values that may stand in the environment.

use crate::control::import::keys::{self, Key};
use crate::control::import::source::Item;

/// Which kind of credentials, and the members of the block in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    pub kind: &'static str,
    pub members: Vec<(&'static str, Member)>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Member {
    /// As it is to be written: with `${NAME}` where the source refers to the environment.
    Text(String),
    Flag,
    /// A secret, and the parameter of the source that has it.
    Secret(&'static str, Key),
}

impl Auth {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, members: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, member: Member) -> Self {
        self.members.push((name, member));
        self
    }

    #[must_use]
    pub fn text(self, name: &'static str, text: impl Into<String>) -> Self {
        self.with(name, Member::Text(text.into()))
    }

    /// A secret that a parameter states, if it does.
    #[must_use]
    pub fn secret(self, name: &'static str, params: &Item<'_>, param: &'static str) -> Self {
        match params.field(param).as_ref().and_then(Item::text) {
            Some(text) => self.with(name, Member::Secret(param, Key::read(text))),
            None => self,
        }
    }

    /// Its secrets, each with the parameter that has it.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &Key)> {
        self.members.iter().filter_map(|(_, member)| match member {
            Member::Secret(param, key) => Some((*param, key)),
            Member::Text(_) | Member::Flag => None,
        })
    }
}

/// The text of a parameter, with `${NAME}` for a reference to the environment.
///
/// # Errors
/// Why it cannot be written.
pub fn stated(params: &Item<'_>, name: &str) -> Result<Option<String>, String> {
    let Some(item) = params.field(name) else { return Ok(None) };
    let text = item.text().ok_or_else(|| format!("its {name} is not a text"))?;
    match keys::variable(text) {
        Some(variable) => Ok(Some(format!("${{{variable}}}"))),
        None if text.contains("${") => Err(format!("its {name} holds a `${{`")),
        None => Ok(Some(text.into())),
    }
}

/// The variable that a written value refers to.
pub fn reference(written: &str) -> Option<&str> {
    written.strip_prefix("${")?.strip_suffix('}')
}

/// Whether a value can be a part of a host's name: it is a reference, or a label.
pub fn fits_host(written: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = !written.is_empty() && written.bytes().all(plain);
    reference(written).is_some() || label && !written.starts_with('-') && !written.ends_with('-')
}

/// A value, or the variable that it refers to, as a part of a provider's name.
pub fn as_place(written: &str) -> String {
    reference(written).unwrap_or(written).to_ascii_lowercase().replace('_', "-")
}
