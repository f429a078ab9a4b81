//! The sections of settings, as far as anything here corresponds to them.

use crate::contract::snapshot::Limits;
use crate::control::import::absent;
use crate::control::import::entry;
use crate::control::import::gateway::Gateway;
use crate::control::import::keys::{self, Keys};
use crate::control::import::report::Report;
use crate::control::import::source::Item;

/// What `routing` carries.
const ROUTING: &[&str] = &["fallbacks", "default_fallbacks", "model_group_alias"];
const ROUTER: &[&str] = &["routing_strategy", "timeout", "stream_timeout"];
const LITELLM: &[&str] = &["request_timeout"];
const GENERAL: &[&str] = &["master_key", "max_request_size_mb"];

const OVERRIDDEN: &str = "router_settings has another one, which counts";

pub fn apply(root: &Item<'_>, gateway: &mut Gateway, keys: &mut Keys, report: &mut Report) {
    let router = root.field("router_settings");
    if let Some(router) = &router {
        absent::report_others(router, &[ROUTER, ROUTING], report);
        gateway.timeouts = entry::timeouts(router, report);
        strategy(router, report);
    }
    if let Some(litellm) = root.field("litellm_settings") {
        absent::report_others(&litellm, &[LITELLM, ROUTING], report);
        for name in ROUTING {
            if let (Some(_), Some(item)) = (router.as_ref().and_then(|r| r.field(name)), litellm.field(name))
            {
                report.not_carried(&item, OVERRIDDEN);
            }
        }
        match (litellm.field("request_timeout"), gateway.timeouts.total) {
            (Some(item), None) => gateway.timeouts.total = entry::milliseconds(&item, report),
            (Some(item), Some(_)) => report.not_carried(&item, OVERRIDDEN),
            (None, _) => {}
        }
    }
    if let Some(general) = root.field("general_settings") {
        absent::report_others(&general, &[GENERAL], report);
        gateway.body_bytes = general.field("max_request_size_mb").and_then(|item| mebibytes(&item, report));
        gateway.key_variable = general.field("master_key").map(|item| master_key(&item, keys, report));
    }
}

fn strategy(router: &Item<'_>, report: &mut Report) {
    let chosen = router.field("routing_strategy");
    if let Some(item) = chosen.filter(|item| item.text() != Some("simple-shuffle")) {
        report.not_carried(&item, "targets are chosen by weight and priority alone in this version");
    }
}

fn mebibytes(item: &Item<'_>, report: &mut Report) -> Option<u64> {
    let most = Limits::default().buffered_bytes as f64;
    let bytes = item.number().map(|mebibytes| (mebibytes * 1_048_576.0).round());
    let sound = bytes.filter(|bytes| (1.0..=most).contains(bytes));
    if sound.is_none() {
        report.not_carried(item, "it is not a size up to 1024");
    }
    sound.map(|bytes| bytes as u64)
}

fn master_key(item: &Item<'_>, keys: &mut Keys, report: &mut Report) -> String {
    if let Some(variable) = item.text().and_then(keys::variable) {
        return variable.into();
    }
    let variable = keys.fresh("LITELLM", "MASTER_KEY");
    report.secret(item, &variable);
    variable
}

/// Variables that the source sets for itself.
pub fn environment(section: &Item<'_>, report: &mut Report) {
    for (_, item) in section.entries() {
        report.not_carried(
            &item,
            "set it in the gateway's own environment, if the new configuration refers to it",
        );
    }
}
