//! Answers that the gateway gives by itself: the catalog, as a caller may see it.

use crate::base::fault::Fault;
use crate::contract::snapshot::Snapshot;
use crate::traffic::auth::Caller;
use crate::traffic::policy;

/// `GET /v1/models`: every entry that the caller may use, in the catalog's order.
pub fn models(snapshot: &Snapshot, caller: &Caller) -> Vec<u8> {
    let mut out = br#"{"object":"list","data":["#.to_vec();
    for model in snapshot.catalog.models.iter().filter(|m| policy::grants(snapshot, caller, &m.text)) {
        if out.last() == Some(&b'}') {
            out.push(b',');
        }
        out.extend_from_slice(model.listing.as_bytes());
    }
    out.extend_from_slice(b"]}");
    out
}

/// `GET /v1/models/{id}`.
///
/// # Errors
/// `ModelNotFound`; also for a model that the caller may not use: it is not told which names exist.
pub fn model(snapshot: &Snapshot, caller: &Caller, id: &str) -> Result<Vec<u8>, Fault> {
    snapshot
        .catalog
        .find(id)
        .filter(|_| policy::grants(snapshot, caller, id))
        .map(|(model, _)| model.listing.as_bytes().to_vec())
        .ok_or_else(|| policy::not_found(id))
}
