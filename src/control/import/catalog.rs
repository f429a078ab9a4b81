//! Entries to providers and models.
//!
//! Entries with one name become the targets of one model; equal endpoints become one provider.

use crate::control::config::url;
use crate::control::import::auth::{Auth, Member};
use crate::control::import::endpoint::Endpoint;
use crate::control::import::entry::Entry;
use crate::control::import::gateway::{Gateway, Model, Provider, Target};
use crate::control::import::keys::{Key, Keys};
use crate::control::import::report::Report;
use std::net::IpAddr;

/// What entries are chosen by in the source: the first of these that the first entry has.
const SHARES: [&str; 3] = ["weight", "rpm", "tpm"];
/// What the largest weight becomes where shares are no whole numbers, not even a thousand times.
const WHOLE: f64 = 1000.0;

pub fn build(entries: &[Entry<'_>], keys: &mut Keys, report: &mut Report) -> Gateway {
    let mut gateway = Gateway::default();
    let endpoints = distinct(entries);
    for endpoint in &endpoints {
        let provider = provider(endpoint, &endpoints, &gateway.providers, keys);
        gateway.providers.push(provider);
    }
    for entry in entries {
        let provider = &gateway.providers[position(&endpoints, &entry.endpoint)];
        tell_secrets(entry, provider, report);
    }
    let mut groups: Vec<(&str, Vec<&Entry<'_>>)> = Vec::new();
    for entry in entries {
        match groups.iter_mut().find(|(name, _)| *name == entry.name) {
            Some((_, group)) => group.push(entry),
            None => groups.push((entry.name, vec![entry])),
        }
    }
    gateway.models = groups.iter().map(|(name, group)| model(name, group, &endpoints, report)).collect();
    gateway
}

/// Names the variables that stand for the secrets of an entry.
fn tell_secrets(entry: &Entry<'_>, provider: &Provider, report: &mut Report) {
    let key = entry.params.field("api_key").or_else(|| entry.params.field("litellm_credential_name"));
    if let (Key::Inline(_), Some(item)) = (&entry.endpoint.key, key) {
        report.secret(&item, provider.key_variable.as_deref().unwrap_or_default());
    }
    let (here, there) = (provider.auth.iter(), entry.endpoint.auth.iter());
    for ((_, written), (param, key)) in here.flat_map(Auth::secrets).zip(there.flat_map(Auth::secrets)) {
        if let (Key::Inline(_), Key::Variable(variable), Some(item)) =
            (key, written, entry.params.field(param))
        {
            report.secret(&item, variable);
        }
    }
}

fn distinct<'e>(entries: &'e [Entry<'_>]) -> Vec<&'e Endpoint> {
    let mut endpoints: Vec<&Endpoint> = Vec::new();
    for entry in entries {
        if !endpoints.contains(&&entry.endpoint) {
            endpoints.push(&entry.endpoint);
        }
    }
    // Names and variables that the source has itself are given before those that are made up.
    endpoints.sort_by_key(|endpoint| endpoint.keys().any(|key| matches!(key, Key::Inline(_))));
    endpoints
}

fn position(endpoints: &[&Endpoint], endpoint: &Endpoint) -> usize {
    endpoints.iter().position(|known| *known == endpoint).unwrap_or_default()
}

fn provider(endpoint: &Endpoint, all: &[&Endpoint], named: &[Provider], keys: &mut Keys) -> Provider {
    let name = name(endpoint, all, named);
    let key_variable = match &endpoint.key {
        Key::None => None,
        Key::Variable(variable) => Some(variable.clone()),
        Key::Inline(_) => Some(keys.fresh(&name, "API_KEY")),
    };
    let auth = endpoint.auth.clone().map(|mut auth| {
        for (member, value) in &mut auth.members {
            if let Member::Secret(_, key @ Key::Inline(_)) = value {
                *key = Key::Variable(keys.fresh(&name, &member.to_ascii_uppercase()));
            }
        }
        auth
    });
    let (base_url, api_version) = (endpoint.base_url.clone(), endpoint.api_version.clone());
    Provider { name, vendor: endpoint.vendor, base_url, api_version, key_variable, auth }
}

/// The vendor's name where it has one endpoint; else with what tells its address from others.
fn name(endpoint: &Endpoint, all: &[&Endpoint], named: &[Provider]) -> String {
    let stem = endpoint.stem;
    let alike = |other: &&&Endpoint| (other.stem, other.vendor) == (stem, endpoint.vendor);
    let address = || endpoint.base_url.as_deref().map(place).filter(|place| !place.is_empty());
    let place = endpoint.place.clone().or_else(address);
    let base = match place {
        // It only speaks as OpenAI does.
        Some(place) if stem == "openai" && place.starts_with(|c: char| c.is_ascii_alphabetic()) => place,
        Some(place) if place.starts_with(stem) => place,
        Some(place) if stem == "openai" || all.iter().filter(alike).count() > 1 => format!("{stem}-{place}"),
        _ => stem.to_owned(),
    };
    let numbered = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") });
    numbered.into_iter().find(|name| !named.iter().any(|p| p.name == *name)).unwrap_or_default()
}

/// What tells an address from others, in a word: a label of its host, its IP address, or its variable's name.
fn place(base_url: &str) -> String {
    if let Some((variable, _)) = base_url.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
        return variable.to_ascii_lowercase().replace('_', "-");
    }
    let Ok(url) = url::parse(base_url) else { return String::new() };
    if url.host.parse::<IpAddr>().is_ok() {
        return url.host.replace(':', "-");
    }
    url.host.split('.').find(|label| *label != "api").unwrap_or_default().to_owned()
}

fn model(name: &str, group: &[&Entry<'_>], endpoints: &[&Endpoint], report: &mut Report) -> Model {
    let last = group.iter().map(|entry| entry.order).max().unwrap_or(1);
    let target = |(entry, weight): (&&Entry<'_>, Option<u64>)| Target {
        provider: position(endpoints, &entry.endpoint),
        model: entry.upstream.clone(),
        weight: weight.unwrap_or(1),
        priority: if weight.is_some() { entry.order } else { last + 1 },
        fallback: None,
    };
    let mut model = Model {
        name: name.into(),
        targets: group.iter().zip(weights(group, report)).map(target).collect(),
        timeouts: group[0].timeouts,
        price: group[0].price,
        alias_of: None,
    };
    for entry in &group[1..] {
        if entry.timeouts != model.timeouts {
            report.changed(&entry.params, "a model has one set of timeouts here: its entries' longest ones");
            model.timeouts.first_byte = longest(model.timeouts.first_byte, entry.timeouts.first_byte);
            model.timeouts.total = longest(model.timeouts.total, entry.timeouts.total);
        }
        if entry.price != model.price {
            report.changed(&entry.params, "a model has one price here: that of its first entry");
        }
    }
    model
}

/// The longer limit; none at all is the longest.
fn longest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.max(other?))
}

/// Each entry's weight. `None`: it is chosen only where no other can be.
fn weights(group: &[&Entry<'_>], report: &mut Report) -> Vec<Option<u64>> {
    let share = |entry: &Entry<'_>, name: &str| entry.params.field(name).and_then(|item| item.number());
    let by = SHARES.into_iter().find(|name| share(group[0], name).is_some());
    for entry in group.iter().filter(|_| group.len() > 1 && by != Some("weight")) {
        if let Some(weight) = entry.params.field("weight").filter(|weight| weight.number().is_some()) {
            report.not_carried(&weight, "the first entry of this model has none, so it does not count");
        }
    }
    let given: Vec<f64> =
        group.iter().map(|entry| by.and_then(|by| share(entry, by)).unwrap_or(0.0)).collect();
    if group.len() == 1 || given.iter().all(|share| *share <= 0.0) {
        if let (Some(by), true) = (by, group.len() > 1) {
            report.changed(&group[0].params, &format!("every {by} is 0: all targets have the same share"));
        }
        return vec![Some(1); group.len()];
    }
    for (entry, _) in group.iter().zip(&given).filter(|(_, share)| **share <= 0.0) {
        let by = by.unwrap_or_default();
        report.changed(&entry.params, &format!("stands behind the others, since its {by} is 0 or absent"));
    }
    whole(&given).into_iter().map(|weight| (weight > 0).then_some(weight)).collect()
}

/// Small whole numbers in about the same proportion; 0 stays 0, and nothing else becomes 0.
fn whole(shares: &[f64]) -> Vec<u64> {
    let most = shares.iter().copied().fold(0.0, f64::max);
    let exact =
        |scale: &f64| shares.iter().all(|share| share * scale <= 1e6 && (share * scale).fract().abs() < 1e-6);
    let scale = [1.0, 10.0, 100.0, 1000.0].into_iter().find(exact).unwrap_or(WHOLE / most);
    let scaled = |share: &f64| if *share > 0.0 { ((share * scale).round() as u64).max(1) } else { 0 };
    let weights: Vec<u64> = shares.iter().map(scaled).collect();
    let divisor = weights.iter().copied().fold(0, common_divisor).max(1);
    weights.into_iter().map(|weight| weight / divisor).collect()
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::whole;

    /// Shares become small whole numbers in the same proportion.
    #[test]
    fn shares_become_weights() {
        assert_eq!(whole(&[900.0, 600.0, 300.0]), [3, 2, 1]);
        assert_eq!(whole(&[0.75, 0.25]), [3, 1]);
        assert_eq!(whole(&[0.1, 0.0, 0.3]), [1, 0, 3]);
        assert_eq!(whole(&[1.0, 3.0_f64.sqrt()]), [577, 1000]);
        assert_eq!(whole(&[1e300, 1.0]), [1000, 1]);
        assert_eq!(whole(&[1e-300, 1e-300]), [1, 1]);
    }
}
