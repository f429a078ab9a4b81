//! Whose model an entry names, and where it is.
//!
//! Takes `litellm_params`; gives an `Endpoint` and the name that the provider knows the model by.

use crate::control::config::{url, vendors};
use crate::control::import::keys::{self, Key};
use crate::control::import::report::Report;
use crate::control::import::source::Item;
use crate::control::reach::Reach;
use std::net::IpAddr;

/// Where an entry's requests go.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `None`: it speaks `OpenAI`'s format, and has an address.
    pub vendor: Option<&'static str>,
    /// As it is to be written; `None`: the vendor's own.
    pub base_url: Option<String>,
    pub key: Key,
    /// What its provider is called, if nothing better is found.
    pub stem: &'static str,
}

/// What a provider of the source is here.
#[derive(Clone, Copy)]
enum Route {
    Vendor(&'static str),
    /// Spoken to natively there, in `OpenAI`'s words here.
    Translated(&'static str),
    /// Speaks `OpenAI`'s format at an address of the operator's own.
    Own(&'static str),
}

/// Names that are not those of this gateway's vendors, and what they are.
const ROUTES: &[(&str, Route)] = &[
    ("anthropic", Route::Translated("anthropic")),
    ("azure_text", Route::Vendor("azure")),
    ("cohere", Route::Translated("cohere")),
    ("cohere_chat", Route::Translated("cohere")),
    ("custom_openai", Route::Own("openai-compatible")),
    ("fireworks_ai", Route::Vendor("fireworks")),
    ("gemini", Route::Translated("google")),
    ("hosted_vllm", Route::Vendor("vllm")),
    ("litellm_proxy", Route::Own("litellm")),
    ("llamafile", Route::Own("llamafile")),
    ("lm_studio", Route::Own("lm-studio")),
    ("nvidia_nim", Route::Vendor("nvidia")),
    ("ollama", Route::Translated("ollama")),
    ("ollama_chat", Route::Translated("ollama")),
    ("openai_like", Route::Own("openai-compatible")),
    ("text-completion-openai", Route::Vendor("openai")),
    ("together_ai", Route::Vendor("together")),
    ("xinference", Route::Own("xinference")),
];

/// Variables that `LiteLLM` looks for by itself, where they are not those of the vendor table.
const VARIABLES: &[(&str, &str)] = &[("azure", "AZURE_API_KEY"), ("nvidia", "NVIDIA_NIM_API_KEY")];
/// What names without a provider begin with.
const BARE: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("omni-moderation", "openai"),
    ("dall-e", "openai"),
    ("whisper", "openai"),
    ("tts-", "openai"),
    ("ft:gpt-", "openai"),
    ("claude-", "anthropic"),
];
const OLLAMA: &str = "asked by Ollama's OpenAI-compatible /v1, where num_ctx cannot be set";

/// The endpoint of an entry, and its model's name there.
///
/// # Errors
/// Why the entry has to be left out.
pub fn endpoint(
    params: &Item<'_>,
    model: &Item<'_>,
    report: &mut Report,
) -> Result<(Endpoint, String), String> {
    let text = model.text().ok_or("the model is not a text")?;
    if text.starts_with("os.environ/") {
        return Err("whose model it is stands in the environment, which is not looked at".into());
    }
    let (provider, name) = split(params, text)?;
    let route = route(provider)?;
    let given = params.field("api_base").or_else(|| params.field("base_url"));
    let (vendor, base_url) = match given {
        Some(item) => at(route, &item, report)?,
        None => at_home(route, name, model, report)?,
    };
    let stem = match route {
        Route::Vendor(name) | Route::Translated(name) | Route::Own(name) => name,
    };
    if let Some(item) = params.field("api_version") {
        report.not_carried(&item, "v1 addresses take none");
    }
    let key = key(params, stem);
    Ok((Endpoint { vendor, base_url, key, stem }, upstream(stem, name)))
}

type Place = (Option<&'static str>, Option<String>);

/// Where the vendor itself is.
fn at_home(route: Route, name: &str, model: &Item<'_>, report: &mut Report) -> Result<Place, String> {
    match route {
        Route::Translated("anthropic") => Ok((Some("anthropic"), None)),
        Route::Translated("ollama") => {
            report.changed(model, OLLAMA);
            Ok((Some("ollama"), Some("http://localhost:11434/v1".into())))
        }
        Route::Translated("cohere") if name.starts_with("rerank") => {
            Err("Cohere's OpenAI-compatible endpoint does not rerank".into())
        }
        Route::Translated(vendor) => {
            report.changed(model, &format!("goes to the OpenAI-compatible endpoint of {vendor}"));
            Ok((Some(vendor), None))
        }
        Route::Vendor(vendor) if vendors::find(vendor).is_some_and(|row| row.base_url.is_some()) => {
            Ok((Some(vendor), None))
        }
        Route::Vendor(_) | Route::Own(_) => Err("it has no address without api_base".into()),
    }
}

/// At the address that the source gives.
fn at(route: Route, item: &Item<'_>, report: &mut Report) -> Result<Place, String> {
    let given = address(item)?;
    match route {
        Route::Translated("anthropic") => {
            let base = given.trim_end_matches("/v1/messages").trim_end_matches("/v1");
            Ok((Some("anthropic"), Some(checked(base.into())?)))
        }
        Route::Translated("ollama") => {
            report.changed(item, OLLAMA);
            Ok((Some("ollama"), Some(checked(ending(&given, "/v1"))?)))
        }
        Route::Translated(_) => Err("its own format is not served by this version".into()),
        Route::Vendor("azure") => {
            report.changed(item, "asked by Azure's v1 addresses: the deployment is the model's name there");
            Ok((Some("azure"), Some(checked(format!("{}/openai/v1", resource(&given)))?)))
        }
        Route::Vendor("huggingface") => {
            Ok((Some("tgi"), Some(checked(ending(given.trim_end_matches("/chat/completions"), "/v1"))?)))
        }
        Route::Vendor("openai") => {
            let own = vendors::find("openai").and_then(|openai| openai.base_url.as_deref());
            let vendor = (own == Some(&*given)).then_some("openai");
            Ok((vendor, vendor.is_none().then(|| checked(given)).transpose()?))
        }
        Route::Vendor(vendor) => Ok((Some(vendor), Some(checked(given)?))),
        Route::Own(_) => Ok((None, Some(checked(given)?))),
    }
}

/// An Azure address without what `LiteLLM`, or somebody before it, put behind the resource.
fn resource(address: &str) -> &str {
    let Some((_, rest)) = address.split_once("://") else { return address };
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    path.find("/openai").map_or(address, |at| &address[..address.len() - path.len() + at])
}

/// The text of an address, with `${NAME}` for a reference.
fn address(item: &Item<'_>) -> Result<String, String> {
    let text = item.text().ok_or("its address is not a text")?;
    match keys::variable(text) {
        Some(name) => Ok(format!("${{{name}}}")),
        None if text.contains("${") => Err("its address holds a `${`".into()),
        None => Ok(text.trim_end_matches('/').into()),
    }
}

/// An address that a provider may have, as far as it does not stand in the environment.
fn checked(address: String) -> Result<String, String> {
    if address.starts_with("${") {
        return Ok(address);
    }
    let url = url::parse(&address).map_err(|fault| format!("its address {fault}"))?;
    let literal: Option<IpAddr> = url.host.parse().ok();
    match literal.and_then(|ip| Reach::Guarded.refusal(ip)) {
        Some(reason) => Err(format!("its address leads to {reason}")),
        None => Ok(address),
    }
}

fn ending(address: &str, end: &str) -> String {
    format!("{}{end}", address.trim_end_matches(end))
}

fn key(params: &Item<'_>, stem: &'static str) -> Key {
    // The credential's own name tells it from others; its key stands in a section or a database.
    let stated = params.field("api_key").or_else(|| params.field("litellm_credential_name"));
    if let Some(text) = stated.as_ref().and_then(Item::text) {
        return Key::read(text);
    }
    let special = VARIABLES.iter().find(|(vendor, _)| *vendor == stem).map(|(_, variable)| *variable);
    let usual = || vendors::find(stem).and_then(|vendor| vendor.key_variable.as_deref());
    special.or_else(usual).map_or(Key::None, |variable| Key::Variable(variable.into()))
}

/// The provider's name in the source, and the rest.
fn split<'t>(params: &Item<'t>, model: &'t str) -> Result<(&'t str, &'t str), String> {
    if let Some(provider) = params.field("custom_llm_provider").and_then(|item| item.text()) {
        let rest = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/'));
        return Ok((provider, rest.unwrap_or(model)));
    }
    if let Some((provider, name)) = model.split_once('/') {
        return Ok((provider, name));
    }
    let bare = BARE.iter().find(|(start, _)| model.starts_with(start));
    bare.map(|(_, provider)| (*provider, model)).ok_or_else(|| "it does not say whose model it is".into())
}

fn route(provider: &str) -> Result<Route, String> {
    if let Some((_, route)) = ROUTES.iter().find(|(name, _)| *name == provider) {
        return Ok(*route);
    }
    let vendor = vendors::find(provider).map(|vendor| Route::Vendor(&vendor.name));
    vendor.ok_or_else(|| "this version serves no such provider".into())
}

/// What the provider calls the model.
fn upstream(vendor: &str, name: &str) -> String {
    match vendor {
        // A short name stands for one of the public models.
        "fireworks" if name != "*" && !name.contains(['/', '#']) => {
            format!("accounts/fireworks/models/{name}")
        }
        // provider/organisation/model there, organisation/model:provider here.
        "huggingface" if name.split('/').count() == 3 => match name.split_once('/') {
            Some((provider, model)) => format!("{model}:{provider}"),
            None => name.into(),
        },
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::resource;

    /// Of an Azure address the resource stays, and what may stand before it, whatever its name is.
    #[test]
    fn resources() {
        for (address, expected) in [
            ("https://openai-eu.openai.azure.com", "https://openai-eu.openai.azure.com"),
            ("https://r.openai.azure.com/openai/deployments/x", "https://r.openai.azure.com"),
            ("https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com"),
            ("https://apim.example/azure/openai", "https://apim.example/azure"),
            ("${AZURE_BASE}", "${AZURE_BASE}"),
        ] {
            assert_eq!(resource(address), expected);
        }
    }
}
