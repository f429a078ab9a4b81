//! Whether a caller may have what it asks for, and what that costs it beforehand.
//!
//! Takes `Caller` and `Ask`; gives a `Permit` or a refusal. Model access is decided here. Rates and budgets
//! have their place here (`admit` reserves, `Permit::settle` gives back), and nothing to reserve yet.
//!
//! Invariant: every `Permit` is settled exactly once, whatever becomes of the exchange.

use crate::base::fault::{Fault, FaultKind};
use crate::contract::record::Usage;
use crate::contract::snapshot::{Group, Snapshot};
use crate::traffic::auth::Caller;

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
        return Err(FaultKind::ModelNotGranted.into());
    }
    Ok(Permit { settled: false })
}
