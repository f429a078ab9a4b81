//! A catalog entry as `GET /v1/models` shows it, in either dialect.
//!
//! Invariant: the first four members are those of `OpenAI`'s or Anthropic's model object; all else is under
//! `ringgate`.

use crate::base::civil;
use crate::control::config::checked::Cursor;
use serde::Serialize;

#[derive(Serialize)]
struct Listing<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    ringgate: Metadata<'a>,
}

#[derive(Serialize)]
struct AnthropicListing<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    /// RFC 3339
    created_at: String,
}

#[derive(Serialize)]
struct Metadata<'a> {
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<Quality<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sla: Option<Sla>,
    targets: usize,
}

#[derive(Serialize)]
struct Quality<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elo: Option<f64>,
}

/// USD per million tokens.
#[derive(Serialize)]
struct Price {
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<f64>,
}

#[derive(Serialize)]
struct Sla {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_ms: Option<u64>,
}

/// The entry as one complete JSON object.
pub fn render(name: &str, model: &Cursor<'_>, created_unix: u64) -> Box<str> {
    let targets = model.field("targets");
    let first = targets.as_ref().and_then(|list| list.items().next()?.text("provider"));
    let listing = Listing {
        id: name,
        object: "model",
        created: created_unix,
        owned_by: first.unwrap_or("ringgate"),
        ringgate: metadata(model, targets.map_or(0, |list| list.items().len())),
    };
    json(&listing)
}

/// The entry for clients of Anthropic's dialect.
pub fn render_anthropic(name: &str, created_unix: u64) -> Box<str> {
    let created_at = civil::timestamp(created_unix.saturating_mul(1_000_000));
    json(&AnthropicListing { r#type: "model", id: name, display_name: name, created_at })
}

fn json(listing: &impl Serialize) -> Box<str> {
    serde_json::to_string(listing).unwrap_or_else(|_| "{}".into()).into()
}

fn metadata<'a>(model: &'a Cursor<'a>, targets: usize) -> Metadata<'a> {
    Metadata {
        tags: model.field("tags").map_or_else(Vec::new, |tags| tags.texts().collect()),
        quality: model.field("quality").map(|q| Quality { tier: q.text("tier"), elo: q.number("elo") }),
        price: model.field("price").map(|p| Price {
            input: p.number("input"),
            output: p.number("output"),
            cached_input: p.number("cached_input"),
            cache_write: p.number("cache_write"),
        }),
        sla: model.field("sla").map(|s| Sla { ttft_ms: s.whole("ttft_ms") }),
        targets,
    }
}
