//! Names behind `NameId`s: append-only, shared by control (which adds) and the log core (which reads).
//!
//! Invariant: an id never changes its name. Shards carry ids and never come here.

use crate::base::ids::NameId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The process's table of names.
#[derive(Default)]
pub struct Names(RwLock<Table>);

#[derive(Default)]
struct Table {
    texts: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
}

impl Names {
    /// The id of `name`, new or known. The empty name is [`NameId::NONE`].
    pub fn intern(&self, name: &str) -> NameId {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.texts.is_empty() {
            let none: Arc<str> = Arc::from("");
            table.texts.push(none.clone());
            table.ids.insert(none, NameId::NONE);
        }
        if let Some(id) = table.ids.get(name) {
            return *id;
        }
        let id = NameId(table.texts.len() as u32);
        let text: Arc<str> = Arc::from(name);
        table.texts.push(text.clone());
        table.ids.insert(text, id);
        id
    }

    /// The name behind an id; empty for an id that this table did not give.
    pub fn text(&self, id: NameId) -> Arc<str> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.texts.get(id.0 as usize).cloned().unwrap_or_else(|| Arc::from(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interning twice gives the same id, and the empty name is `NONE`.
    #[test]
    fn ids_are_stable() {
        let names = Names::default();
        let a = names.intern("a");
        assert_eq!(names.intern(""), NameId::NONE);
        assert_eq!(names.intern("a"), a);
        assert_eq!(&*names.text(a), "a");
        assert_eq!(&*names.text(NameId(99)), "");
    }
}
