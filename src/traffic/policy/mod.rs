//! Whether a caller may have what it asks for, and what that costs it beforehand.
//!
//! Takes `Caller` and `Ask`; gives a `Permit` or a refusal. Model access is decided here. Rates and budgets
//! have their place here (`admit` reserves, `Permit::settle` gives back), and nothing to reserve yet.
//!
//! Invariant: every `Permit` is settled exactly once, whatever becomes of the exchange.

mod listed;
mod reach;

pub use listed::{Entry, listed};
pub use reach::{is_free, reach};

use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::REPEATED_BYTES;
use crate::contract::record::Usage;
use crate::contract::snapshot::{Group, Snapshot};
use crate::traffic::auth::Caller;
use std::borrow::Cow;

/// The right to one exchange. Losing it without [`Permit::settle`] is a bug, and fails a debug assertion.
#[must_use = "a permit has to be settled"]
#[derive(Debug)]
pub struct Permit {
    settled: bool,
}

impl Permit {
    /// Ends the exchange: what was reserved and not used flows back.
    pub fn settle(mut self, _used: &Usage) {
        self.settled = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        debug_assert!(self.settled || std::thread::panicking(), "a permit was lost");
    }
}

/// The group whose rules hold for this caller; none where no key is required.
pub fn group<'s>(snapshot: &'s Snapshot, caller: &Caller) -> Option<&'s Group> {
    caller.group.map(|index| &snapshot.groups[index as usize])
}

/// Whether the caller may see and use a name of the catalog.
pub fn grants(snapshot: &Snapshot, caller: &Caller, asked: &str) -> bool {
    group(snapshot, caller).is_none_or(|group| group.models.allows(asked))
}

/// Decides about one request for the model `asked`.
///
/// # Errors
/// `ModelNotGranted`.
pub fn admit(snapshot: &Snapshot, caller: &Caller, asked: &str) -> Result<Permit, Fault> {
    if !grants(snapshot, caller, asked) {
        return Err(not_granted(asked));
    }
    Ok(Permit { settled: false })
}

fn not_granted(asked: &str) -> Fault {
    let name = repeated(asked);
    let message = format!(
        "This API key's group may not use the model `{name}`. `GET /v1/models` lists what it may use."
    );
    Fault::told(FaultKind::ModelNotGranted, message).about("model")
}

/// What is said of a name that is not in the catalog, or that the caller is not to know of.
pub fn not_found(asked: &str) -> Fault {
    let name = repeated(asked);
    let message = format!(
        "The model `{name}` does not exist in this gateway's catalog. `GET /v1/models` lists what there is."
    );
    Fault::told(FaultKind::ModelNotFound, message)
}

/// As much of a name as a message may repeat, with a mark where there is more: it was not cut when it was looked up.
fn repeated(name: &str) -> Cow<'_, str> {
    match &name[..name.floor_char_boundary(REPEATED_BYTES)] {
        whole if whole.len() == name.len() => whole.into(),
        part => format!("{part}…").into(),
    }
}
