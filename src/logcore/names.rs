//! Names that were looked up once: the shared table is locked only for a name not seen before.

use crate::base::ids::NameId;
use crate::contract::names::Names;
use std::sync::Arc;

/// The log core's own copy of the names it met.
pub struct NameCache {
    shared: Arc<Names>,
    known: Vec<Option<Arc<str>>>,
}

impl NameCache {
    pub fn new(shared: Arc<Names>) -> Self {
        Self { shared, known: vec![] }
    }

    /// The name behind an id.
    pub fn text(&mut self, id: NameId) -> &str {
        let index = id.0 as usize;
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
        }
        self.known[index].get_or_insert_with(|| self.shared.text(id))
    }
}
