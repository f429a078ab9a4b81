//! The `models` section: the catalog of names that clients use.
//!
//! Invariant: a star in a target's name only stands where the model's own name has one.

use crate::contract::names::Names;
use crate::contract::snapshot::{Catalog, Model, Pattern, Target, Timeouts, Unsupported};
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use crate::control::config::{limits, listing};
use std::collections::HashMap;

/// Longest name sent to a provider, in bytes.
const MODEL_BYTES: usize = crate::base::limits::MODEL_NAME_BYTES;

/// What a model refers to.
pub struct Around<'a> {
    pub names: &'a Names,
    /// Declared providers and their index in the snapshot; `None` if their section is missing or wrong as a whole.
    pub providers: Option<HashMap<&'a str, u32>>,
    /// For models that have none of their own.
    pub timeouts: Timeouts,
    pub created_unix: u64,
}

pub fn compile(section: &Cursor<'_>, around: &Around<'_>, findings: &mut Findings) -> Catalog {
    let mut catalog = Catalog::default();
    for (name, cursor) in section.named() {
        let index = catalog.models.len() as u32;
        catalog.models.push(model(name, &cursor, around, findings));
        if !name.contains('*') {
            catalog.exact.insert(name.into(), index);
        } else if let Some(pattern) = Pattern::parse(name) {
            catalog.patterns.push((pattern, index));
        } else {
            cursor.complain(findings, "a model's name has at most one star");
        }
    }
    let fixed_bytes = |pattern: &Pattern| pattern.prefix.len() + pattern.suffix.len();
    catalog.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(fixed_bytes(pattern)));
    catalog
}

fn model(name: &str, cursor: &Cursor<'_>, around: &Around<'_>, findings: &mut Findings) -> Model {
    Model {
        name: around.names.intern(name),
        text: name.into(),
        targets: targets(name, cursor, around, findings),
        timeouts: cursor
            .field("timeouts")
            .map_or(around.timeouts, |own| limits::timeouts(&own, around.timeouts)),
        unsupported: match cursor.text("unsupported") {
            Some("refuse") => Unsupported::Refuse,
            _ => Unsupported::Drop,
        },
        listing: listing::render(name, cursor, around.created_unix),
        anthropic_listing: listing::render_anthropic(name, around.created_unix),
    }
}

/// The targets, best first.
fn targets(name: &str, model: &Cursor<'_>, around: &Around<'_>, findings: &mut Findings) -> Vec<Target> {
    let Some(list) = model.field("targets") else { return Vec::new() };
    if list.items().len() == 0 {
        list.complain(findings, "needs at least one target");
    }
    let mut targets: Vec<_> = list.items().filter_map(|item| target(name, &item, around, findings)).collect();
    targets.sort_by_key(|target| (target.priority, std::cmp::Reverse(target.weight)));
    targets
}

fn target(name: &str, cursor: &Cursor<'_>, around: &Around<'_>, findings: &mut Findings) -> Option<Target> {
    if let Some(message) = cursor.text("model").and_then(|model| target_fault(name, model)) {
        cursor.complain_at("model", findings, message);
    }
    let (provider, declared) = (cursor.text("provider")?, around.providers.as_ref()?);
    let Some(index) = declared.get(provider) else {
        let message = format!("{provider:?} is not declared");
        let known = declared.keys().copied();
        findings.complain_near(
            cursor.path.name("provider"),
            cursor.place("provider"),
            message,
            provider,
            known,
        );
        return None;
    };
    Some(Target {
        provider: *index,
        model: cursor.text("model")?.into(),
        weight: cursor.whole("weight").unwrap_or(1) as u32,
        priority: cursor.whole("priority").unwrap_or(1) as u32,
    })
}

/// Why a model of this name cannot be sent on by that name.
pub fn target_fault(name: &str, model: &str) -> Option<String> {
    match model {
        "*" if !name.contains('*') => {
            Some(format!("is \"*\", but {name:?} has no star that it could stand for"))
        }
        "*" => None,
        _ if model.contains('*') => Some("may be \"*\", but not hold a star among other characters".into()),
        _ if model.len() > MODEL_BYTES => Some(format!("is longer than {MODEL_BYTES} bytes")),
        _ if model.contains(char::is_control) => Some("holds control characters".into()),
        _ => None,
    }
}
