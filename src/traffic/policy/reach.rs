//! Whether a caller may have a model by its provider's name for it, where a body names one beside its own.
//!
//! Invariant: nothing is reached so that could not be had by asking for it as `model`.

use super::group;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::snapshot::{Catalog, Grants, Model, Pattern, Snapshot, Target};
use crate::traffic::auth::Caller;

/// Whether all that the provider has is the caller's to choose from, so that nobody needs to look at names.
pub fn is_free(snapshot: &Snapshot, caller: &Caller) -> bool {
    group(snapshot, caller).is_none_or(|group| group.models.everything)
}

/// Decides about a model that is named in a provider's own words (`provider` is its index).
///
/// # Errors
/// `ModelNotGranted`: no model that the group may use is this one of the provider's.
pub fn reach(snapshot: &Snapshot, caller: &Caller, provider: u32, name: &str) -> Result<(), Fault> {
    let Some(group) = group(snapshot, caller).filter(|group| !group.models.everything) else { return Ok(()) };
    if reaches(&snapshot.catalog, &group.models, provider, name) { Ok(()) } else { Err(out_of_reach(name)) }
}

fn reaches(catalog: &Catalog, grants: &Grants, provider: u32, name: &str) -> bool {
    catalog.models.iter().any(|model| {
        let mut targets = model.targets.iter().filter(|target| target.provider == provider);
        targets.any(|target| leads(catalog, grants, model, target, name))
    })
}

/// Whether a name of the catalog that is granted leads to a provider's `name`.
fn leads(catalog: &Catalog, grants: &Grants, model: &Model, target: &Target, name: &str) -> bool {
    match Pattern::parse(&model.text) {
        None => *target.model == *name && grants.allows(&model.text),
        // The pattern's star is the name, where no other entry has what that makes.
        Some(pattern) if &*target.model == "*" => {
            let asked = [&pattern.prefix, name, &pattern.suffix].concat();
            let found = catalog.find(&asked).is_some_and(|(found, _)| std::ptr::eq(found, model));
            found && grants.allows(&asked)
        }
        // All that the pattern has is this one.
        Some(pattern) => *target.model == *name && any_of(grants, &pattern),
    }
}

/// Whether any name that the pattern has is granted.
fn any_of(grants: &Grants, pattern: &Pattern) -> bool {
    grants.exact.iter().any(|name| pattern.star(name).is_some())
        || grants.patterns.iter().any(|granted| pattern.meet(granted).is_some())
}

fn out_of_reach(name: &str) -> Fault {
    let name = super::repeated(name);
    let message = format!(
        "This API key's group may not use the model `{name}`, which the body names beside `model`. What is named there \
         goes to the provider as it is, and must be its name for a model that the group may use."
    );
    Fault::told(FaultKind::ModelNotGranted, message)
}

#[cfg(test)]
mod tests;
