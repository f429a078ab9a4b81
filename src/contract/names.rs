//! Names behind `NameId`s: append-only, shared by control (which adds) and the log core (which reads).
//!
//! Invariant: an id never changes its name. Shards carry ids and never come here.

use crate::base::ids::NameId;
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The process's table of names.
pub struct Names {
    ids: DashMap<Arc<str>, NameId>,
    texts: DashMap<NameId, Arc<str>>,
    next: AtomicU32,
}

impl Default for Names {
    fn default() -> Self {
        let none: Arc<str> = Arc::from("");
        Self {
            ids: DashMap::from_iter([(none.clone(), NameId::NONE)]),
            texts: DashMap::from_iter([(NameId::NONE, none)]),
            next: AtomicU32::new(NameId::NONE.0 + 1),
        }
    }
}

impl Names {
    /// The id of `name`, new or known. The empty name is [`NameId::NONE`].
    pub fn intern(&self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let text: Arc<str> = Arc::from(name);
        let id = *self
            .ids
            .entry(text.clone())
            .or_insert_with(|| NameId(self.next.fetch_add(1, Ordering::Relaxed)));
        self.texts.insert(id, text);
        id
    }

    /// The name behind an id; empty for an id that this table did not give.
    pub fn text(&self, id: NameId) -> Arc<str> {
        self.texts.get(&id).map_or_else(|| Arc::from(""), |text| text.clone())
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
