//! The `groups` section: which catalog names a group's keys may use.
//!
//! Invariant: an exact grant names something that a client can ask for.

use crate::contract::names::Names;
use crate::contract::snapshot::{Catalog, Grants, Group, Pattern};
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;

/// `catalog` is `None` if the section of models is missing or wrong as a whole.
pub fn compile(
    section: &Cursor<'_>,
    names: &Names,
    catalog: Option<&Catalog>,
    findings: &mut Findings,
) -> Vec<Group> {
    let group = |(name, cursor): (&str, Cursor<'_>)| {
        let mut grants = Grants::default();
        let models = cursor.field("models");
        for item in models.iter().flat_map(Cursor::items) {
            grant(&item, &mut grants, catalog, findings);
        }
        Group { name: names.intern(name), models: grants }
    };
    section.named().map(group).collect()
}

fn grant(item: &Cursor<'_>, grants: &mut Grants, catalog: Option<&Catalog>, findings: &mut Findings) {
    let Some(text) = item.as_text() else { return };
    match (text, Pattern::parse(text)) {
        ("*", _) => grants.everything = true,
        (_, Some(pattern)) => grants.patterns.push(pattern),
        (_, None) if text.contains('*') => item.complain(findings, "a pattern has one star"),
        (_, None) => {
            if let Some(catalog) = catalog.filter(|catalog| catalog.find(text).is_none()) {
                let known = catalog.models.iter().map(|model| &*model.text);
                let message = format!("{text:?} is not in the catalog");
                findings.complain_near(item.path, item.checked.at, message, text, known);
            }
            grants.exact.insert(text.into());
        }
    }
}
