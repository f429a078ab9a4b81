//! Names that were looked up once: the shared table is locked only for a name not seen before.

use super::escape;
use crate::base::ids::NameId;
use crate::contract::names::Names;
use std::sync::Arc;

/// The log core's own copy of the names it met.
pub struct NameCache {
    shared: Arc<Names>,
    known: Vec<Option<Known>>,
}

struct Known {
    plain: Arc<str>,
    json: Box<[u8]>,
}

impl NameCache {
    pub fn new(shared: Arc<Names>) -> Self {
        Self { shared, known: vec![] }
    }

    /// The name behind an id.
    pub fn text(&mut self, id: NameId) -> &str {
        &self.known(id).plain
    }

    /// The same as it stands inside a JSON string.
    pub fn json(&mut self, id: NameId) -> &[u8] {
        &self.known(id).json
    }

    fn known(&mut self, id: NameId) -> &Known {
        let index = id.0 as usize;
        if self.known.len() <= index {
            self.known.resize_with(index + 1, || None);
        }
        self.known[index].get_or_insert_with(|| {
            let (plain, mut json) = (self.shared.text(id), vec![]);
            escape::write(&mut json, &plain);
            Known { plain, json: json.into() }
        })
    }
}
