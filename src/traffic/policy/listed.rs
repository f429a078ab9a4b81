//! What a caller sees of the catalog: every name, or pattern, that it may ask for.
//!
//! Invariant: what is listed is granted, and what is granted is listed, itself or within a pattern.

use super::group;
use crate::contract::snapshot::{Grants, Model, Pattern, Snapshot};
use crate::traffic::auth::Caller;
use std::borrow::Cow;

/// A name or a pattern, and the entry behind it.
pub type Entry<'s> = (Cow<'s, str>, &'s Model);

/// The entries that a caller may use, in the catalog's order. Of a pattern that it may use in part those parts are
/// listed, as is every name of one that its group grants by itself: the first alphabetically, then the patterns.
pub fn listed<'s>(snapshot: &'s Snapshot, caller: &Caller) -> Vec<Entry<'s>> {
    let models = &snapshot.catalog.models;
    let Some(grants) = group(snapshot, caller).map(|group| &group.models).filter(|all| !all.everything)
    else {
        return models.iter().map(|model| (Cow::from(&*model.text), model)).collect();
    };
    let mut named = named(snapshot, grants);
    let mut entries = vec![];
    for (index, model) in (0..).zip(models) {
        let whole = grants.allows(&model.text);
        if whole {
            entries.push((Cow::from(&*model.text), model));
        }
        while let Some((_, name)) = named.next_if(|(of, _)| *of == index) {
            entries.push((Cow::from(name), model));
        }
        if let (false, Some(pattern)) = (whole, Pattern::parse(&model.text)) {
            let parts = grants.patterns.iter().filter_map(|granted| pattern.meet(granted));
            entries.extend(parts.map(|part| (Cow::from(part), model)));
        }
    }
    entries
}

/// The names that are granted by themselves and stand in the catalog as a pattern only, in the order of these patterns.
fn named<'s>(
    snapshot: &'s Snapshot,
    grants: &'s Grants,
) -> std::iter::Peekable<impl Iterator<Item = (u32, &'s str)>> {
    let of_pattern = |name: &'s str| {
        snapshot.catalog.find_index(name).filter(|(_, star)| !star.is_empty()).map(|(index, _)| (index, name))
    };
    let mut named: Vec<_> = grants.exact.iter().filter_map(|name| of_pattern(name)).collect();
    named.sort_unstable();
    named.into_iter().peekable()
}
