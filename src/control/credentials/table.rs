//! The slots of the process, over reloads.
//!
//! Invariant: equal settings have the same slot for as long as some snapshot refers to it, so that what was fetched
//! stays; when none does, its secrets are gone.

use crate::contract::pass::PassSlot;
use ring::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

#[derive(Default)]
pub struct Table {
    slots: HashMap<[u8; 32], Weak<PassSlot>>,
    made: u64,
}

impl Table {
    /// The slot of these settings, known or new; `fill` is called with a new one.
    pub fn slot(
        &mut self,
        identity: [u8; 32],
        source: &'static str,
        fill: impl FnOnce(&PassSlot),
    ) -> Arc<PassSlot> {
        self.slots.retain(|_, slot| slot.strong_count() > 0);
        if let Some(slot) = self.slots.get(&identity).and_then(Weak::upgrade) {
            return slot;
        }
        self.made += 1;
        let slot = Arc::new(PassSlot::new(self.made, source));
        fill(&slot);
        self.slots.insert(identity, Arc::downgrade(&slot));
        slot
    }
}

/// What tells settings from others: all their parts, none of which can be taken for two.
pub fn identity<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut identity = [0; 32];
    identity.copy_from_slice(context.finish().as_ref());
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal settings share a slot while it is in use; a slot that nobody has is forgotten.
    #[test]
    fn slots_are_shared_while_used() {
        let mut table = Table::default();
        let [one, other] = [identity([&b"ab"[..], b"c"]), identity([&b"a"[..], b"bc"])];
        assert_ne!(one, other);
        let first = table.slot(one, "x", |_| {});
        assert!(Arc::ptr_eq(&first, &table.slot(one, "x", |_| unreachable!("it is known"))));
        let second = table.slot(other, "x", |_| {});
        assert_ne!(first.id, second.id);
        let id = first.id;
        drop(first);
        assert_ne!(table.slot(one, "x", |_| {}).id, id);
    }
}
