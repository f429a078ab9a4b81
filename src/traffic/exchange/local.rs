//! Answers that the gateway gives by itself: the catalog, as a caller may see it.

use crate::base::fault::Fault;
use crate::contract::endpoint::Dialect;
use crate::contract::snapshot::{Model, Snapshot};
use crate::traffic::auth::Caller;
use crate::traffic::dialect::json;
use crate::traffic::policy;

/// `GET /v1/models`: every entry that the caller may use, in the catalog's order.
pub fn models(snapshot: &Snapshot, caller: &Caller, dialect: Dialect) -> Vec<u8> {
    let granted = snapshot.catalog.models.iter().filter(|m| policy::grants(snapshot, caller, &m.text));
    match dialect {
        Dialect::OpenAi => {
            let mut out = br#"{"object":"list","data":["#.to_vec();
            list(granted, dialect, &mut out);
            out.extend_from_slice(b"]}");
            out
        }
        Dialect::Anthropic => {
            let mut out = br#"{"data":["#.to_vec();
            let ends = list(granted, dialect, &mut out);
            out.extend_from_slice(br#"],"has_more":false,"first_id":"#);
            name(ends.map(|(first, _)| first), &mut out);
            out.extend_from_slice(br#","last_id":"#);
            name(ends.map(|(_, last)| last), &mut out);
            out.push(b'}');
            out
        }
        Dialect::Gemini => {
            let mut out = br#"{"models":["#.to_vec();
            list(granted, dialect, &mut out);
            out.extend_from_slice(b"]}");
            out
        }
    }
}

/// `GET /v1/models/{id}`.
///
/// # Errors
/// `ModelNotFound`; also for a model that the caller may not use: it is not told which names exist.
pub fn model(snapshot: &Snapshot, caller: &Caller, dialect: Dialect, id: &str) -> Result<Vec<u8>, Fault> {
    snapshot
        .catalog
        .find(id)
        .filter(|_| policy::grants(snapshot, caller, id))
        .map(|(model, _)| {
            let mut out = vec![];
            listing(model, dialect, &mut out);
            out
        })
        .ok_or_else(|| policy::not_found(id))
}

fn listing(model: &Model, dialect: Dialect, out: &mut Vec<u8>) {
    match dialect {
        Dialect::OpenAi => out.extend_from_slice(model.listing.as_bytes()),
        Dialect::Anthropic => out.extend_from_slice(model.anthropic_listing.as_bytes()),
        Dialect::Gemini => {
            out.extend_from_slice(br#"{"name":"models/"#);
            json::escape(&model.text, |piece| out.extend_from_slice(piece));
            out.extend_from_slice(br#"","displayName":"#);
            name(Some(&model.text), out);
            out.extend_from_slice(br#","supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}"#);
        }
    }
}

/// Writes entries with commas between them; gives the names of the first and the last.
fn list<'m>(
    models: impl Iterator<Item = &'m Model>,
    dialect: Dialect,
    out: &mut Vec<u8>,
) -> Option<(&'m str, &'m str)> {
    let mut ends = None;
    for model in models {
        if ends.is_some() {
            out.push(b',');
        }
        listing(model, dialect, out);
        ends = Some((ends.map_or(&*model.text, |(first, _)| first), &*model.text));
    }
    ends
}

fn name(text: Option<&str>, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    json::escape(text, |piece| out.extend_from_slice(piece));
    out.push(b'"');
}
