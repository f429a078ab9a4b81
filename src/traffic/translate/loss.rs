//! What a request loses on its way into another format.
//!
//! Hints are named and dropped: without them the answer is the same. Parameters are dropped or refused, as the
//! model's operator wants it. Content is never dropped: a model that does not see all of a message answers another
//! question.

use crate::base::fault::{Fault, FaultKind};
use crate::contract::snapshot::Unsupported;
use crate::traffic::dialect::json::{Item, Kind};
use crate::traffic::translate::prompt::{Part, Prompt};

/// Names of what was lost, longest that is told.
const NAME_BYTES: usize = 48;
const TOLD_BYTES: usize = 512;

/// What was lost, by name.
#[derive(Default)]
pub struct Losses {
    unsupported: Unsupported,
    names: String,
    parameters: bool,
    /// Members of the request that are not lost: the provider knows them by these names.
    known: &'static [&'static str],
}

impl Losses {
    pub fn new(unsupported: Unsupported) -> Self {
        Self { unsupported, ..Self::default() }
    }

    /// The same for a provider that knows members by these names, which no other format has.
    #[must_use]
    pub fn knowing(self, known: &'static [&'static str]) -> Self {
        Self { known, ..self }
    }

    /// The answer is the same without it.
    pub fn hint(&mut self, name: &str) {
        if self.names.len() > TOLD_BYTES || self.names.split(',').any(|known| known == name) {
            return;
        }
        self.names.reserve(1 + name.len().min(NAME_BYTES));
        if !self.names.is_empty() {
            self.names.push(',');
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '[' | ']');
        if name.len() <= NAME_BYTES && name.bytes().all(|byte| is_plain(char::from(byte))) {
            self.names.push_str(name);
        } else {
            let plain = |c: char| if is_plain(c) { c } else { '?' };
            self.names.extend(name.chars().take(NAME_BYTES).map(plain));
        }
    }

    /// The same, for a name as the client wrote it.
    pub fn foreign_hint(&mut self, name: &[u8]) {
        if !self.knows(name) {
            self.hint(&String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES)]));
        }
    }

    fn knows(&self, name: &[u8]) -> bool {
        self.known.iter().any(|known| known.as_bytes() == name)
    }

    /// The answer may be another one without it.
    pub fn parameter(&mut self, name: &str) {
        self.parameters = true;
        self.hint(name);
    }

    /// The same, for a name as the client wrote it.
    pub fn foreign_parameter(&mut self, name: &[u8]) {
        if self.knows(name) {
            return;
        }
        self.parameter(&String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES)]));
    }

    /// Names the members of an object that nobody reads, but those that say no.
    pub fn unread(&mut self, holder: &str, item: Item<'_>, read: &[&str]) {
        for (name, value) in item.entries() {
            if !read.iter().any(|known| known.as_bytes() == &*name) {
                self.unread_member(holder, &name, value);
            }
        }
    }

    /// Names a member that nobody reads, unless it says no.
    pub fn unread_member(&mut self, holder: &str, name: &[u8], value: Item<'_>) {
        if !(value.is_null() || value.flag() == Some(false) || is_empty(value)) {
            self.hint(&format!("{holder}{}", String::from_utf8_lossy(name)));
        }
    }

    /// Names thoughts of the history that the provider does not get back: they mean something to another one only.
    pub fn thoughts(&mut self, prompt: &Prompt<'_>, taken: impl Fn(&Part<'_>) -> bool) {
        let mut parts = prompt.turns.iter().flat_map(|turn| &turn.parts);
        if parts.any(|part| part.content.is_thought() && !taken(part)) {
            self.hint("messages[].thinking");
        }
    }

    /// The names, separated by commas; empty if nothing was lost.
    ///
    /// # Errors
    /// Parameters were lost that may not be.
    pub fn told(self) -> Result<String, Fault> {
        if self.parameters && self.unsupported == Unsupported::Refuse {
            let names = &self.names;
            let fault = untranslatable(format!("The model's provider does not take: {names}."));
            return Err(if names.contains(',') { fault } else { fault.about(&**names) });
        }
        Ok(self.names)
    }
}

fn is_empty(value: Item<'_>) -> bool {
    value.kind() == Kind::Array && value.elements().next().is_none()
}

/// A request that makes sense, but not to this provider.
pub fn untranslatable(message: impl Into<Box<str>>) -> Fault {
    Fault::told(FaultKind::Untranslatable, message)
}

/// A request that is wrong in its own dialect.
pub fn invalid(message: impl Into<Box<str>>) -> Fault {
    Fault::told(FaultKind::InvalidRequest, message)
}
