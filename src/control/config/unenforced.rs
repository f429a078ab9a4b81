//! Keys of the contract that this version understands and does not act on.
//!
//! Invariant: nothing of that kind passes in silence. What someone would rely on to be safe (rates, budgets,
//! issuers) stops the configuration, unless the operator accepts it in writing.

use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use std::collections::HashMap;

const UNENFORCED: &str = "is understood but not enforced by this version";

/// Whether the operator wrote `accept_unenforced: true`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    Given,
    Missing,
}

pub fn check(root: &Cursor<'_>, groups: &HashMap<&str, u32>, findings: &mut Findings) {
    let consent =
        if root.flag("accept_unenforced") == Some(true) { Consent::Given } else { Consent::Missing };
    check_store(root, findings);
    check_audit(root, findings);
    if let Some(providers) = root.field("providers") {
        providers.named().for_each(|(_, provider)| warn_if(&provider, "load_metrics", findings));
    }
    if let Some(models) = root.field("models") {
        let other =
            |model: &Cursor<'_>| model.text("strategy").is_some_and(|strategy| strategy != "weighted");
        models.named().filter(|(_, m)| other(m)).for_each(|(_, m)| warn_if(&m, "strategy", findings));
    }
    if let Some(section) = root.field("groups") {
        for (_, group) in section.named() {
            refuse(&group, "rate", consent, findings);
            refuse(&group, "budget", consent, findings);
        }
    }
    if let Some(auth) = root.field("auth") {
        refuse(&auth, "jwt", consent, findings);
        check_jwt(&auth, groups, findings);
    }
}

fn warn_if(section: &Cursor<'_>, name: &'static str, findings: &mut Findings) {
    if section.has(name) {
        section.warn_at(name, findings, UNENFORCED);
    }
}

fn refuse(section: &Cursor<'_>, name: &'static str, consent: Consent, findings: &mut Findings) {
    match (section.has(name), consent) {
        (false, _) => {}
        (true, Consent::Given) => section.warn_at(name, findings, UNENFORCED),
        (true, Consent::Missing) => {
            let message = format!("{UNENFORCED}; to start all the same, set accept_unenforced: true");
            section.complain_at(name, findings, message);
        }
    }
}

fn check_store(root: &Cursor<'_>, findings: &mut Findings) {
    if let Some(store) = root.field("store") {
        check_scheme(&store, &["sqlite://", "postgres://", "postgresql://"], findings);
        warn_if(root, "store", findings);
    }
    let Some(coordination) = root.field("coordination") else { return };
    // `local` is what this version does.
    if coordination.secret("url").is_some_and(|url| url.expose() != b"local") {
        check_scheme(&coordination, &["local", "redis://", "rediss://"], findings);
        warn_if(root, "coordination", findings);
    }
}

fn check_scheme(section: &Cursor<'_>, schemes: &[&str], findings: &mut Findings) {
    let Some(url) = section.secret("url") else { return };
    if !schemes.iter().any(|scheme| url.expose().starts_with(scheme.as_bytes())) {
        section.complain_at("url", findings, format!("must begin with one of {}", schemes.join(", ")));
    }
}

fn check_audit(root: &Cursor<'_>, findings: &mut Findings) {
    let Some(audit) = root.field("audit") else { return };
    warn_if(&audit, "dir", findings);
    if audit.text("bodies").is_some_and(|bodies| bodies != "none") {
        warn_if(&audit, "bodies", findings);
    }
}

fn check_jwt(auth: &Cursor<'_>, groups: &HashMap<&str, u32>, findings: &mut Findings) {
    let Some(issuers) = auth.field("jwt") else { return };
    for issuer in issuers.items() {
        if issuer.text("issuer").is_some_and(|url| !url.starts_with("https://")) {
            issuer.complain_at("issuer", findings, "must begin with https://");
        }
        let Some(map) = issuer.field("group_map") else { continue };
        for (_, entry) in map.named() {
            let Some(group) = entry.as_text().filter(|group| !groups.contains_key(group)) else { continue };
            let message = format!("{group:?} is not declared");
            findings.complain_near(entry.path, entry.checked.at, message, group, groups.keys().copied());
        }
    }
}
