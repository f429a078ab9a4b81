//! The entries of `model_list`, one by one.

use crate::control::config::{check, models};
use crate::control::import::absent;
use crate::control::import::endpoint::Endpoint;
use crate::control::import::gateway::{Price, Timeouts};
use crate::control::import::report::Report;
use crate::control::import::source::Item;
use crate::control::import::vendor::{self, Found};

/// One deployment of a model.
pub struct Entry<'t> {
    /// The name that clients use; several entries may have the same.
    pub name: &'t str,
    pub params: Item<'t>,
    pub endpoint: Endpoint,
    /// The provider's name for the model; `*`: what the star of `name` stands for.
    pub upstream: String,
    pub order: u64,
    pub timeouts: Timeouts,
    pub price: Price,
}

const PARAMS: &[&str] = &[
    "model",
    "api_base",
    "base_url",
    "api_key",
    "litellm_credential_name",
    "api_version",
    "custom_llm_provider",
    "timeout",
    "stream_timeout",
    "weight",
    "order",
];
/// Of `litellm_params` and `model_info` alike: USD per token.
const COSTS: &[&str] = &[
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
];
/// What a priority means in both gateways, and does not.
pub const LATER: &str = "a later target is tried only where no connection to an earlier one came about, not after an error that was answered";
/// The configuration's own bound on a price.
const USD_PER_MILLION_MAX: f64 = 1_000_000.0;
/// The configuration's own bound on a time.
const MILLISECONDS_MAX: f64 = 30.0 * 86_400_000.0;
/// Fallbacks stand behind it, and fit below the configuration's own bound.
const PRIORITY_MAX: f64 = 1000.0;

/// Every entry that can be served. Of the others the report tells.
pub fn read<'t>(root: &Item<'t>, report: &mut Report) -> Vec<Entry<'t>> {
    let Some(list) = root.field("model_list") else { return Vec::new() };
    if list.items().is_empty() && !list.is_off() {
        report.not_carried(&list, "it is not a list");
    }
    list.items().iter().filter_map(|item| entry(item, report)).collect()
}

fn entry<'t>(item: &Item<'t>, report: &mut Report) -> Option<Entry<'t>> {
    let (Some(name), Some(params)) = (item.field("model_name"), item.field("litellm_params")) else {
        report.left_out(item, "it needs model_name and litellm_params");
        return None;
    };
    let Some(model) = params.field("model") else {
        report.left_out(&params, "it needs a model");
        return None;
    };
    let found = served_name(&name).and_then(|name| {
        let Found { endpoint, upstream, params: read } = vendor::endpoint(&params, &model, report)?;
        Ok((name, endpoint, target(name, upstream)?, read))
    });
    let (name, endpoint, upstream, read) = found.map_err(|why| report.left_out(&model, &why)).ok()?;
    for (key, item) in item.entries() {
        match key {
            "model_name" => {}
            "litellm_params" => absent::report_others(&item, &[PARAMS, COSTS, read], report),
            "model_info" if item.is_map() => absent::report_others(&item, &[COSTS], report),
            _ => absent::report(key, &item, report),
        }
    }
    if let Some(weight) = params.field("weight").filter(|weight| weight.number().is_none()) {
        report.not_carried(&weight, "it is not a number");
    }
    let info = item.field("model_info");
    Some(Entry {
        name,
        endpoint,
        upstream,
        order: params.field("order").map_or(1, |item| order(&item, report)),
        timeouts: timeouts(&params, report),
        price: price(&params, info.as_ref(), report),
        params,
    })
}

fn served_name<'t>(name: &Item<'t>) -> Result<&'t str, String> {
    let text = name.text().ok_or("its model_name is not a text")?;
    if text.matches('*').count() > 1 {
        return Err("a name has at most one star here".into());
    }
    check::name_fault(text).map_or(Ok(text), Err)
}

/// The provider's name for the model, in this gateway's words.
fn target(name: &str, upstream: String) -> Result<String, String> {
    if upstream.contains('*') && upstream != "*" {
        return Err("only what the star of a name stands for can be sent, nothing around it".into());
    }
    match models::target_fault(name, &upstream) {
        Some(fault) => Err(format!("the provider's name for it {fault}")),
        None if upstream.trim().is_empty() => Err("it names no model".into()),
        None => Ok(upstream),
    }
}

fn order(item: &Item<'_>, report: &mut Report) -> u64 {
    let order = item.number().filter(|order| order.fract() == 0.0 && *order <= PRIORITY_MAX);
    match order {
        None => report.not_carried(item, "a priority is a whole number up to 1000"),
        Some(order) if order > 1.0 => report.changed(item, LATER),
        Some(_) => {}
    }
    order.map_or(1, |order| order as u64)
}

/// The time limits of a section, which the source gives in seconds.
pub fn timeouts(section: &Item<'_>, report: &mut Report) -> Timeouts {
    let first_byte = section.field("stream_timeout").and_then(|item| milliseconds(&item, report));
    if let Some(item) = section.field("stream_timeout").filter(|_| first_byte.is_some()) {
        report.changed(
            &item,
            "is first_byte_ms here: the wait for the first byte, of streams and other answers",
        );
    }
    Timeouts { first_byte, total: section.field("timeout").and_then(|item| milliseconds(&item, report)) }
}

pub fn milliseconds(seconds: &Item<'_>, report: &mut Report) -> Option<u64> {
    let milliseconds = seconds.number().map(|seconds| (seconds * 1000.0).round());
    let sound = milliseconds.filter(|ms| (1.0..=MILLISECONDS_MAX).contains(ms));
    if sound.is_none() {
        report.not_carried(seconds, "it is not a number of seconds, up to 30 days");
    }
    sound.map(|ms| ms as u64)
}

fn price(params: &Item<'_>, info: Option<&Item<'_>>, report: &mut Report) -> Price {
    let mut usd_per_million = |name| {
        let item = params.field(name).or_else(|| info.and_then(|info| info.field(name)))?;
        let price = item.number().map(|usd| usd * 1e6).filter(|usd| *usd <= USD_PER_MILLION_MAX);
        if price.is_none() {
            report.not_carried(&item, "it is not a price for a token");
        }
        price
    };
    let [input, output, cached_input, cache_write] =
        [COSTS[0], COSTS[1], COSTS[2], COSTS[3]].map(&mut usd_per_million);
    Price { input, output, cached_input, cache_write }
}
