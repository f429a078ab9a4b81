//! Answers that the gateway gives by itself: the catalog, as a caller may see it.

use crate::base::fault::Fault;
use crate::contract::endpoint::Dialect;
use crate::contract::snapshot::{Model, Snapshot};
use crate::traffic::auth::Caller;
use crate::traffic::dialect::json;
use crate::traffic::policy;

/// `GET /v1/models`: every name and pattern that the caller may use, in the catalog's order.
pub fn models(snapshot: &Snapshot, caller: &Caller, dialect: Dialect) -> Vec<u8> {
    let granted = &policy::listed(snapshot, caller);
    match dialect {
        Dialect::OpenAi => {
            let mut out = br#"{"object":"list","data":["#.to_vec();
            list(granted, dialect, &mut out);
            out.extend_from_slice(b"]}");
            out
        }
        Dialect::Anthropic => {
            let mut out = br#"{"data":["#.to_vec();
            list(granted, dialect, &mut out);
            out.extend_from_slice(br#"],"has_more":false,"first_id":"#);
            name(granted.first().map(|(name, _)| &**name), &mut out);
            out.extend_from_slice(br#","last_id":"#);
            name(granted.last().map(|(name, _)| &**name), &mut out);
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

/// `GET /v1/models/{id}`: the entry, by the name that was asked for.
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
            listing(model, id, dialect, &mut out);
            out
        })
        .ok_or_else(|| policy::not_found(id))
}

/// An entry under this name: its own, or one that it stands for as a pattern.
fn listing(model: &Model, id: &str, dialect: Dialect, out: &mut Vec<u8>) {
    match dialect {
        Dialect::OpenAi => renamed(&model.listing, &[r#"{"id":"#], model, id, out),
        Dialect::Anthropic => {
            let before = [r#"{"type":"model","id":"#, r#","display_name":"#];
            renamed(&model.anthropic_listing, &before, model, id, out);
        }
        Dialect::Gemini => {
            out.extend_from_slice(br#"{"name":"models/"#);
            json::escape(id, |piece| out.extend_from_slice(piece));
            out.extend_from_slice(br#"","displayName":"#);
            name(Some(id), out);
            out.extend_from_slice(br#","supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}"#);
        }
    }
}

/// Writes a rendered entry with another name in it, which stands behind each of these texts.
fn renamed(entry: &str, before: &[&str], model: &Model, id: &str, out: &mut Vec<u8>) {
    let mut known = vec![];
    name(Some(&model.text), &mut known);
    let mut rest = entry.as_bytes();
    for text in before {
        let Some(behind) = rest.strip_prefix(text.as_bytes()).and_then(|rest| rest.strip_prefix(&*known))
        else {
            debug_assert!(false, "an entry has its members in another order");
            break;
        };
        out.extend_from_slice(text.as_bytes());
        name(Some(id), out);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// Writes entries with commas between them.
fn list(entries: &[policy::Entry<'_>], dialect: Dialect, out: &mut Vec<u8>) {
    for (index, (id, model)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        listing(model, id, dialect, out);
    }
}

fn name(text: Option<&str>, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    json::escape(text, |piece| out.extend_from_slice(piece));
    out.push(b'"');
}
