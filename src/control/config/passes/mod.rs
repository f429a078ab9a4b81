//! A provider's `auth` block: credentials that are fetched and renewed, or that sign.
//!
//! Invariant: what needs nobody's answer (keys from the configuration, the environment, a file) is in its slot when the
//! configuration is; whatever else is wrong is known before somebody is asked.

mod aws;
mod entra;
mod google;
mod roles;

use crate::base::secret::Secret;
use crate::contract::pass::{AwsKeys, PassSlot, Shown};
use crate::control::config::checked::{Checked, Cursor, Value};
use crate::control::config::complaint::Findings;
use crate::control::config::inputs::Inputs;
use crate::control::config::origins::Origins;
use crate::control::config::upstream_tls::{TlsGround, trusting};
use crate::control::config::url::{self, BaseUrl};
use crate::control::credentials::{Place, Source, identity};
use crate::control::reach::Reach;
use std::net::IpAddr;
use std::sync::Arc;

const WAYS: [&str; 3] = ["aws", "google", "entra"];

/// What a block is compiled with.
pub struct Ground<'g, 'v> {
    pub origins: &'g mut Origins,
    pub inputs: &'g mut Inputs<'v>,
    pub findings: &'g mut Findings,
}

/// A slot, and where its passes come from, if they have to be fetched.
pub struct Made {
    pub slot: Arc<PassSlot>,
    pub source: Option<Source>,
}

/// What a block means.
enum Meant {
    /// Keys that are here already, and where they were.
    Here(AwsKeys, &'static str),
    Fetched(Source),
}

/// The slot of a provider that has an `auth` block. `None` without one, or after a complaint.
pub fn compile(provider: &Cursor<'_>, ground: &mut Ground<'_, '_>) -> Option<Made> {
    let auth = provider.field("auth")?;
    for name in ["api_key", "api_keys", "header"].into_iter().filter(|name| provider.has(name)) {
        provider.complain_at(name, ground.findings, "stands beside auth: give one of them");
    }
    let mut ways = WAYS.into_iter().filter(|way| auth.has(way));
    let (Some(way), None) = (ways.next(), ways.next()) else {
        auth.complain(ground.findings, format!("needs one of {}", WAYS.join(", ")));
        return None;
    };
    let block = auth.field(way)?;
    let meant = match way {
        "aws" => aws::compile(&block, ground),
        "google" => google::compile(&block, ground),
        _ => entra::compile(&block, ground),
    }?;
    let mut parts = Vec::new();
    collect(auth.checked, &mut parts);
    let table = &mut ground.origins.passes;
    Some(match meant {
        Meant::Here(keys, name) => {
            parts.extend([keys.access_key_id.expose(), keys.secret_access_key.expose()]);
            parts.extend(keys.session_token.as_ref().map(Secret::expose));
            let (identity, shown) = (identity(parts), Shown::Signature(keys));
            Made { slot: table.slot(identity, name, |slot| slot.publish(shown, None)), source: None }
        }
        Meant::Fetched(source) => {
            parts.extend(source.parts());
            Made { slot: table.slot(identity(parts), source.name(), |_| {}), source: Some(source) }
        }
    })
}

/// All that a block says, files and variables replaced by what is in them.
fn collect<'c>(checked: &'c Checked, parts: &mut Vec<&'c [u8]>) {
    match &checked.value {
        Value::Text(text) => parts.push(text.as_bytes()),
        Value::Secret(secret) => parts.push(secret.expose()),
        Value::File(file) => parts.push(file.content.expose()),
        Value::Flag(flag) => parts.push(if *flag { b"true" } else { b"false" }),
        Value::Section(_, entries) => {
            for (name, entry) in entries {
                parts.push(name.as_bytes());
                collect(entry, parts);
            }
        }
        // No key of the block is of another kind.
        Value::Wrong
        | Value::Whole(_)
        | Value::Number(_)
        | Value::Address(_)
        | Value::Named(_)
        | Value::List(_) => {}
    }
}

/// A text that may become part of a host's name, a path or a signature.
fn word<'c>(block: &Cursor<'c>, name: &'static str, findings: &mut Findings) -> Option<&'c str> {
    let text = block.text(name)?;
    let sound = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if !sound {
        block.complain_at(name, findings, "has characters other than letters, digits, `-`, `.` and `_`");
    }
    sound.then_some(text)
}

/// Complains about keys that mean nothing beside another one.
fn useless(
    block: &Cursor<'_>,
    names: impl Iterator<Item = &'static str>,
    beside: &str,
    findings: &mut Findings,
) {
    for name in names.filter(|name| block.has(name)) {
        block.complain_at(name, findings, format!("is of no use with {beside}"));
    }
}

/// Who answers at a token endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The machine's own metadata service or agent: it is asked nothing that is secret, at an address that providers
    /// may not have.
    Machine,
    /// A service that is shown a secret.
    Public,
}

/// `token_url`, or the usual place.
fn place(block: &Cursor<'_>, usual: &str, trust: Trust, ground: &mut Ground<'_, '_>) -> Option<Place> {
    place_at("token_url", block, usual, trust, ground)
}

/// The same for another key.
fn place_at(
    key: &'static str,
    block: &Cursor<'_>,
    usual: &str,
    trust: Trust,
    ground: &mut Ground<'_, '_>,
) -> Option<Place> {
    if block.has(key) && block.text(key).is_none() {
        return None;
    }
    let reach = match trust {
        Trust::Machine => Reach::Anywhere,
        Trust::Public => Reach::Guarded,
    };
    let url = url::parse(block.text(key).unwrap_or(usual)).and_then(|url| trusted(url, trust, reach));
    let url = url.map_err(|message| block.complain_at(key, ground.findings, message)).ok()?;
    if block.has("ca") && !url.https && key == "token_url" {
        block.complain_at("ca", ground.findings, "is of no use: the token's URL is not https://");
    }
    let tls = trusting(block.file("ca"), &TlsGround::of(ground.origins));
    let tls = tls.map_err(|(name, message)| block.complain_at(name, ground.findings, message)).ok()?;
    let mut tls = tls.with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Place { url, reach, tls: Arc::new(tls) })
}

fn trusted(url: BaseUrl, trust: Trust, reach: Reach) -> Result<BaseUrl, String> {
    let literal: Option<IpAddr> = url.host.parse().ok();
    if let Some(reason) = literal.and_then(|ip| reach.refusal(ip)) {
        return Err(format!("leads to {reason}"));
    }
    let is_here = &*url.host == "localhost" || literal.is_some_and(|ip| ip.is_loopback());
    if trust == Trust::Public && !url.https && !is_here {
        return Err("must begin with https://: a secret is sent there".into());
    }
    Ok(url)
}
