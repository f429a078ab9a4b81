//! Why an answer of a provider is not read: in words that name what is wrong with it, and nothing of what it says.

use crate::base::fault::{Fault, FaultKind};
use crate::traffic::dialect::json::JsonFault;
use std::fmt::Display;

/// It has not the form of its API.
#[cold]
pub fn odd(what: impl Display) -> Fault {
    let message = format!("The provider's answer does not have the form of its API: {what}.");
    Fault::told(FaultKind::UpstreamUnreadable, message)
}

/// This member must be there, and be what it is in the API.
#[cold]
pub fn lacks(member: &str) -> Fault {
    odd(format_args!("`{member}` is absent, or has another type"))
}

/// An event that must not come there.
#[cold]
pub fn misplaced(event: &str) -> Fault {
    odd(format_args!("`{event}` comes where none may"))
}

/// An answer, or an event of one.
#[cold]
pub fn no_json(fault: JsonFault) -> Fault {
    odd(fault.message())
}
