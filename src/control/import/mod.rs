//! Configurations of other gateways, rewritten as one of this gateway.
//!
//! Takes the text of a `LiteLLM` proxy configuration. Gives a configuration as text, and a line for everything that
//! could not be carried over or means something else here.
//!
//! Reading order: `source` (their tree), `entry` (an entry of `model_list`), `vendor` (whose it is; `amazon` and `google`
//! where a cloud hosts it, with `auth` for its credentials), `catalog` (entries to models), `routing` (fallbacks and aliases), `settings`, `keys` (variables for secrets), `render`.
//!
//! Invariant: nothing is dropped in silence, and no secret of the source is in the text or in a line.

mod absent;
mod amazon;
mod auth;
mod catalog;
mod endpoint;
mod entry;
mod gateway;
mod google;
mod keys;
mod render;
mod report;
mod routing;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod vendor;

pub use report::{Line, Report};

use crate::control::config::complaint::At;
use crate::control::config::{Complaint, Source, yaml};
use source::Item;

/// A configuration for this gateway, and what it does not have of the source.
pub struct Imported {
    pub yaml: String,
    pub report: Report,
}

/// Rewrites the configuration of a `LiteLLM` proxy.
///
/// # Errors
/// The one complaint that the text is no YAML, or no mapping.
pub fn litellm(source: &Source) -> Result<Imported, Complaint> {
    let complaint = |at: At, message| Complaint {
        file: source.name().into(),
        path: String::new(),
        line: at.line as usize,
        column: at.column as usize,
        message,
        suggestion: None,
    };
    let malformed = |m: yaml::Malformed| complaint(m.at, format!("not valid YAML: {}", m.message));
    let masked = yaml::mask(&source.text).map_err(malformed)?;
    let node = yaml::parse(&masked).map_err(malformed)?;
    let root = Item::root(&node);
    if !root.is_map() {
        return Err(complaint(node.at, "expected a mapping with model_list".into()));
    }
    let mut report = Report::new(&source.name());
    let gateway = gateway(&root, &source.text, &mut report);
    report.sort();
    Ok(Imported { yaml: render::render(&gateway), report })
}

fn gateway(root: &Item<'_>, text: &str, report: &mut Report) -> gateway::Gateway {
    for (name, item) in root.entries() {
        match name {
            "model_list" => {}
            "router_settings" | "litellm_settings" | "general_settings" if item.is_map() => {}
            "environment_variables" => settings::environment(&item, report),
            _ => absent::report(name, &item, report),
        }
    }
    let entries = entry::read(root, report);
    let mut keys = keys::Keys::new(text, entries.iter().flat_map(|entry| entry.endpoint.keys()));
    let mut gateway = catalog::build(&entries, &mut keys, report);
    settings::apply(root, &mut gateway, &mut keys, report);
    routing::apply(root, &mut gateway, report);
    gateway
}
