//! A request is shown a provider's pass: the last thing that is done to it, since a signature is of all the rest.
//!
//! Invariant: what holds a pass goes no further than this request's head.

use super::outbound;
use super::shard::Shard;
use super::state::Course;
use crate::base::clock::unix_seconds;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::pass::{PassSlot, Shown};
use crate::http::sigv4;

/// Adds the pass to the request that is laid out; gives its number.
///
/// # Errors
/// There is none at the moment.
pub fn show(course: &mut Course, slot: &PassSlot, shard: &Shard) -> Result<u64, Fault> {
    let gather = &mut course.body;
    let pass = slot.pass();
    let pass = pass.as_ref().ok_or(FaultKind::CredentialMissing)?;
    match &pass.shown {
        Shown::Token(token) => {
            outbound::add_fields(gather, &[b"authorization: Bearer ", token.expose(), b"\r\n"]);
        }
        Shown::Signature(keys) => {
            let mut fields = shard.buffers.small();
            let mut pieces = gather.slices();
            let head = pieces.next().ok_or(FaultKind::Internal)?;
            let body = course.hash.take().unwrap_or_else(|| sigv4::hashed(pieces));
            shard.signing.sign(head, &body, (pass.number, keys), unix_seconds(), fields.tail());
            outbound::add_fields(gather, &[&fields]);
            shard.buffers.give(fields);
        }
    }
    Ok(pass.number)
}
