//! Access by model for the models that a body names beside `model`.
//!
//! Invariant: nothing is copied or looked at where a body names none; for a caller who may have all that there is nobody
//! looked whether it does.

use super::aside::LARGE_BYTES;
use super::outbound;
use super::state::Exchange;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::snapshot::Snapshot;
use crate::traffic::dialect::beside::{self, NAMES, Place, Unclear};
use crate::traffic::policy;

/// Whether the caller may have all models of a provider (by its index) that the request's body names.
///
/// # Errors
/// `ModelNotGranted`.
pub fn allowed(snapshot: &Snapshot, exchange: &Exchange, provider: u32) -> Result<(), Fault> {
    let places = exchange.ask.as_ref().map_or(&[][..], |ask| &ask.beside);
    if places.is_empty() { Ok(()) } else { each(snapshot, exchange, places, provider) }
}

#[cold]
fn each(snapshot: &Snapshot, exchange: &Exchange, places: &[Place], provider: u32) -> Result<(), Fault> {
    let bytes: u64 = places.iter().map(|place| place.span.end - place.span.start).sum();
    if places.len() > NAMES || bytes > LARGE_BYTES {
        return Err(unclear(Unclear::TooMany));
    }
    let (caller, mut names) = (exchange.intake.caller?, vec![]);
    for place in places {
        let text = outbound::part(&exchange.course.body, &place.span);
        beside::names(&text, place.named, &mut names).map_err(unclear)?;
    }
    names.iter().try_for_each(|name| policy::reach(snapshot, &caller, provider, name))
}

fn unclear(why: Unclear) -> Fault {
    let what = match why {
        Unclear::TooMany => format!("names more than {NAMES} models, or in more than {LARGE_BYTES} bytes"),
        Unclear::Shape => "names models in a way that this gateway does not know".to_owned(),
    };
    let message = format!(
        "This API key's group may not use every model, and the body {what} (`models`, `fallbacks`, a tool's `model`): \
         it cannot be told whether it may use these."
    );
    Fault::told(FaultKind::ModelNotGranted, message)
}
