//! Whose model an entry names, and where it is.
//!
//! Takes `litellm_params`; gives an `Endpoint` and the name that the provider knows the model by.

use crate::control::config::vendors;
use crate::control::import::auth::{Auth, stated};
use crate::control::import::endpoint::{Endpoint, checked};
use crate::control::import::keys::{self, Key};
use crate::control::import::report::Report;
use crate::control::import::source::Item;
use crate::control::import::{amazon, google};

/// What a provider of the source is here.
#[derive(Clone, Copy)]
enum Route {
    Vendor(&'static str),
    /// Spoken to in its own format, there and here: the vendor, and what a provider of it is called.
    Native(&'static str, &'static str),
    /// Speaks `OpenAI`'s format at an address of the operator's own.
    Own(&'static str),
}

/// Names that are not those of this gateway's vendors, and what they are.
const ROUTES: &[(&str, Route)] = &[
    ("anthropic", Route::Native("anthropic", "anthropic")),
    ("azure_text", Route::Vendor("azure")),
    ("cohere", Route::Native("cohere-native", "cohere")),
    ("cohere_chat", Route::Native("cohere-native", "cohere")),
    ("custom_openai", Route::Own("openai-compatible")),
    ("fireworks_ai", Route::Vendor("fireworks")),
    ("gemini", Route::Native("gemini", "gemini")),
    ("hosted_vllm", Route::Vendor("vllm")),
    ("litellm_proxy", Route::Own("litellm")),
    ("llamafile", Route::Own("llamafile")),
    ("lm_studio", Route::Own("lm-studio")),
    ("nvidia_nim", Route::Vendor("nvidia")),
    ("ollama", Route::Native("ollama-native", "ollama")),
    ("ollama_chat", Route::Native("ollama-native", "ollama")),
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
/// Where Ollama is if nobody says it.
const OLLAMA: &str = "http://localhost:11434";
/// What is read of an entry at Azure, besides what every entry may have.
const ENTRA: &[&str] = &["client_id", "client_secret", "tenant_id"];
/// What people put behind an address that is not a part of it.
const ENDS: [(&str, &[&str]); 4] = [
    ("anthropic", &["/v1/messages", "/v1"]),
    ("cohere-native", &["/chat", "/embed", "/rerank", "/v1", "/v2"]),
    ("gemini", &["/models"]),
    ("ollama-native", &["/api/chat", "/api/generate", "/api", "/v1"]),
];

/// Where an entry leads.
pub struct Found {
    pub endpoint: Endpoint,
    /// The provider's name for the model.
    pub upstream: String,
    /// What was read, besides what every entry may have.
    pub params: &'static [&'static str],
}

/// The endpoint of an entry, and its model's name there.
///
/// # Errors
/// Why the entry has to be left out.
pub fn endpoint(params: &Item<'_>, model: &Item<'_>, report: &mut Report) -> Result<Found, String> {
    let text = model.text().ok_or("the model is not a text")?;
    if text.starts_with("os.environ/") {
        return Err("whose model it is stands in the environment, which is not looked at".into());
    }
    let (provider, name) = split(params, text)?;
    let cloud = match provider {
        "bedrock" | "bedrock_converse" => {
            Some((amazon::endpoint(params, model, name, report)?, amazon::PARAMS))
        }
        "vertex_ai" | "vertex_ai_beta" => {
            Some((google::endpoint(params, model, name, report)?, google::PARAMS))
        }
        _ => None,
    };
    if let Some(((endpoint, upstream), read)) = cloud {
        for name in ["api_key", "litellm_credential_name", "api_version"] {
            if let Some(item) = params.field(name).filter(|_| name != "api_key" || endpoint.key == Key::None)
            {
                report.not_carried(&item, "it is not looked at for models of this cloud");
            }
        }
        return Ok(Found { endpoint, upstream, params: read });
    }
    let route = route(provider)?;
    let given = params.field("api_base").or_else(|| params.field("base_url"));
    let place = match given {
        Some(item) => at(route, &item)?,
        None => at_home(route)?,
    };
    let stem = match route {
        Route::Vendor(name) | Route::Native(_, name) | Route::Own(name) => name,
    };
    if provider == "ollama" && !name.contains("embed") {
        report.changed(model, "asked by /api/chat, and not by /api/generate");
    }
    let endpoint =
        Endpoint { vendor: place.0, base_url: place.1, key: key(params, stem), stem, ..Endpoint::default() };
    if stem == "azure" {
        return Ok(Found {
            endpoint: azure(endpoint, params, report)?,
            upstream: name.into(),
            params: ENTRA,
        });
    }
    if let Some(item) = params.field("api_version") {
        report.not_carried(&item, "it is a matter of Azure's older URLs alone");
    }
    Ok(Found { endpoint, upstream: upstream(stem, name), params: &[] })
}

type Place = (Option<&'static str>, Option<String>);

/// Where the vendor itself is.
fn at_home(route: Route) -> Result<Place, String> {
    match route {
        Route::Native("ollama-native", _) => Ok((Some("ollama-native"), Some(OLLAMA.into()))),
        Route::Native(vendor, _) => Ok((Some(vendor), None)),
        Route::Vendor(vendor) if vendors::find(vendor).is_some_and(|row| row.base_url.is_some()) => {
            Ok((Some(vendor), None))
        }
        Route::Vendor(_) | Route::Own(_) => Err("it has no address without api_base".into()),
    }
}

/// At the address that the source gives.
fn at(route: Route, item: &Item<'_>) -> Result<Place, String> {
    let given = address(item)?;
    match route {
        Route::Native(vendor, _) => {
            let ends = ENDS.iter().find(|(known, _)| *known == vendor).map_or(&[][..], |(_, ends)| ends);
            let base = ends.iter().fold(&*given, |base, end| base.strip_suffix(end).unwrap_or(base));
            Ok((Some(vendor), Some(checked(base.into())?)))
        }
        Route::Vendor("azure") => Ok((Some("azure"), Some(checked(resource(&given).into())?))),
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

/// Azure by its older URLs where a version is stated, by its v1 addresses where none is; with an application's token where
/// there is one.
fn azure(mut endpoint: Endpoint, params: &Item<'_>, report: &mut Report) -> Result<Endpoint, String> {
    let version =
        stated(params, "api_version")?.filter(|version| !["v1", "latest", "preview"].contains(&&**version));
    let resource = endpoint.base_url.take().unwrap_or_default();
    if version.is_none()
        && let Some(item) = params.field("api_base").or_else(|| params.field("base_url"))
    {
        report.changed(&item, "asked by Azure's v1 addresses: the deployment is the model's name there");
    }
    let behind = if version.is_some() { "openai" } else { "openai/v1" };
    endpoint.base_url = Some(format!("{resource}/{behind}"));
    endpoint.api_version = version;
    let stated_ones: Vec<Item<'_>> = ENTRA.iter().filter_map(|name| params.field(name)).collect();
    let keyed = ["api_key", "litellm_credential_name"].iter().any(|name| params.field(name).is_some());
    if !keyed && stated_ones.len() == ENTRA.len() {
        let text = |name| stated(params, name).map(Option::unwrap_or_default);
        let auth =
            Auth::new("entra").text("tenant", text("tenant_id")?).text("client_id", text("client_id")?);
        endpoint.auth = Some(auth.secret("client_secret", params, "client_secret"));
        endpoint.key = Key::None;
        return Ok(endpoint);
    }
    for item in stated_ones {
        report.not_carried(&item, "of an application all three are needed, and no key beside them");
    }
    Ok(endpoint)
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
