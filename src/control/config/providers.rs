//! The `providers` section: names to places that serve models.
//!
//! Invariant: the providers of a snapshot stand in the order of the text, so that targets find them by index.

use crate::base::secret::{KeyHash, Secret};
use crate::contract::names::Names;
use crate::contract::parameters::{Parameter, Parameters};
use crate::contract::snapshot::{Credential, Format, Origin, Provider};
use crate::control::config::base_path;
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use crate::control::config::inputs::Inputs;
use crate::control::config::origins::{Origins, Peer, Reachable};
use crate::control::config::passes::{self, Ground, Made};
use crate::control::config::upstream_tls::{Blamed, TlsGround, UpstreamTls};
use crate::control::config::url::{self, BaseUrl};
use crate::control::config::vendors::{self, Vendor};
use crate::control::credentials::Kept;
use crate::control::reach::Reach;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The `base_url` that means the mock provider inside this process.
const EMBEDDED_MOCK: &str = "mock";
/// The `anthropic-version` that every provider of the format takes.
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// Headers that the gateway writes itself: a credential cannot travel in them.
const OWN_HEADERS: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "accept",
    "accept-encoding",
    "user-agent",
];
const TLS_KEYS: [&str; 4] = ["ca", "client_cert", "client_key", "server_name"];

/// Providers and their origins; shorter than the section after a complaint.
#[derive(Default)]
pub struct Providers {
    pub list: Vec<Provider>,
    pub origins: Vec<Reachable>,
    pub passes: Vec<Kept>,
}

pub fn compile(
    section: &Cursor<'_>,
    names: &Names,
    origins: &mut Origins,
    inputs: &mut Inputs<'_>,
    findings: &mut Findings,
) -> Providers {
    let mut providers = Providers::default();
    let mut known: HashSet<u32> = HashSet::new();
    for (name, cursor) in section.named() {
        let vendor = vendor(&cursor, findings);
        let format = format(&cursor, vendor, findings);
        let credential_header = credential_header(&cursor, vendor, format, findings);
        let credentials = credentials(&cursor, &credential_header, findings);
        let pass = passes::compile(&cursor, &mut Ground { origins, inputs, findings });
        let anthropic_version = anthropic_version(&cursor, format, findings);
        let api_version = api_version(&cursor, format, findings);
        let Some((origin, url, reach)) = place(&cursor, vendor, origins, findings) else { continue };
        if let Some(doubt) = base_path::doubt(&url.path, vendor, &api_version) {
            cursor.warn_at("base_url", findings, doubt);
        }
        if known.insert(origin.id) {
            providers.origins.push(Reachable { origin: origin.clone(), reach });
        }
        let (pass, source) = pass.map(|Made { slot, source }| (slot, source)).unzip();
        if let (Some(slot), Some(source)) = (&pass, source.flatten()) {
            providers.passes.push(Kept {
                slot: slot.clone(),
                source: Arc::new(source),
                provider: name.into(),
            });
        }
        let flag = |name, inherited: Option<bool>| cursor.flag(name).or(inherited).unwrap_or(true);
        providers.list.push(Provider {
            name: names.intern(name),
            format,
            origin,
            base_path: base_path::of(format, &url.path),
            host_header: url.host_header,
            credential_header: credential_header.into(),
            credentials,
            pass,
            takes_stream_usage: flag("stream_usage", vendor.and_then(|vendor| vendor.stream_usage)),
            parameters: parameters(&cursor, vendor, format, findings),
            has_responses: flag("responses", vendor.and_then(|vendor| vendor.responses)),
            counts_input: cursor
                .flag("input_tokens")
                .or(vendor.and_then(|vendor| vendor.input_tokens))
                .unwrap_or(false),
            anthropic_version,
            api_version,
        });
    }
    providers
}

/// The version for requests that name none; empty for a format that has none.
fn anthropic_version(provider: &Cursor<'_>, format: Format, findings: &mut Findings) -> Box<str> {
    let written = provider.text("anthropic_version");
    if written.is_some_and(|version| !version.bytes().all(|b| b.is_ascii_graphic())) {
        provider.complain_at("anthropic_version", findings, "has characters that a header cannot carry");
    }
    match format {
        Format::Anthropic => written.unwrap_or(ANTHROPIC_VERSION).into(),
        // Clouds that host that format have its version in the body.
        _ => Box::default(),
    }
}

/// What it knows of a request's parameters: what it says, or its vendor does.
fn parameters(
    provider: &Cursor<'_>,
    vendor: Option<&Vendor>,
    format: Format,
    findings: &mut Findings,
) -> Parameters {
    let Some(list) = provider.field("parameters") else {
        return vendor
            .filter(|_| format == Format::OpenAi)
            .map_or(Parameters::NONE, |vendor| vendor.parameters);
    };
    if format != Format::OpenAi {
        provider.complain_at("parameters", findings, "is for format openai only");
    }
    list.texts().filter_map(Parameter::named).collect()
}

/// The version of the API in Azure's older URLs; empty for all others.
fn api_version(provider: &Cursor<'_>, format: Format, findings: &mut Findings) -> Box<str> {
    let Some(version) = provider.text("api_version") else { return Box::default() };
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if version.is_empty() || !version.bytes().all(sound) {
        provider.complain_at("api_version", findings, "has characters that no version has");
    } else if format != Format::OpenAi {
        provider.complain_at("api_version", findings, "is for format openai only");
    }
    version.into()
}

/// Whose provider it is. `None` if it does not say, or after a complaint.
fn vendor(provider: &Cursor<'_>, findings: &mut Findings) -> Option<&'static Vendor> {
    let name = provider.text("vendor")?;
    let Some(vendor) = vendors::find(name) else {
        let message = format!("{name:?} is not a known vendor");
        let (path, at) = (provider.path.name("vendor"), provider.place("vendor"));
        findings.complain_near(path, at, message, name, vendors::names());
        return None;
    };
    // With an address of its own it may be anything, a proxy that holds the key for instance.
    let bare = !["api_key", "api_keys", "auth", "base_url"].into_iter().any(|name| provider.has(name));
    if let Some(variable) = vendor.key_variable.as_deref().filter(|_| bare) {
        let message = format!("{name} wants a key, and api_key is absent (${{{variable}}}?)");
        provider.warn_at("vendor", findings, message);
    }
    Some(vendor)
}

/// The format of this name, if this version can talk to a provider that has it.
fn served(format: &str) -> Option<Format> {
    Format::ALL.into_iter().find(|served| served.name() == format)
}

/// The provider's format, or its vendor's; any after a complaint.
fn format(provider: &Cursor<'_>, vendor: Option<&Vendor>, findings: &mut Findings) -> Format {
    let inherited = || vendor.map(|vendor| &*vendor.format);
    let Some(format) = provider.text("format").or_else(inherited) else {
        complain_missing(provider, vendor, "format", findings);
        return Format::OpenAi;
    };
    served(format).unwrap_or_else(|| {
        let place = if provider.has("format") { "format" } else { "vendor" };
        provider.complain_at(place, findings, format!("format `{format}` is not served by this version"));
        Format::OpenAi
    })
}

/// Complains about a key that neither the provider has nor its vendor, unless one of them is known to be wrong.
fn complain_missing(
    provider: &Cursor<'_>,
    vendor: Option<&Vendor>,
    name: &'static str,
    findings: &mut Findings,
) {
    if provider.has(name) || (provider.has("vendor") && vendor.is_none()) {
        return;
    }
    match vendor.and_then(|vendor| vendor.base_url_form.as_deref()) {
        Some(form) => provider.complain_at(name, findings, format!("is missing: it looks like {form}")),
        None => provider.complain_at(name, findings, "is missing"),
    }
}

/// The provider's origin, and the URL that leads there. `None` after a complaint.
fn place(
    provider: &Cursor<'_>,
    vendor: Option<&Vendor>,
    origins: &mut Origins,
    findings: &mut Findings,
) -> Option<(Arc<Origin>, BaseUrl, Reach)> {
    let inherited = || vendor.and_then(|vendor| vendor.base_url.as_deref());
    let Some(text) = provider.text("base_url").or_else(inherited) else {
        complain_missing(provider, vendor, "base_url", findings);
        return None;
    };
    let anywhere = provider.flag("allow_link_local") == Some(true);
    let reach = if anywhere { Reach::Anywhere } else { Reach::Guarded };
    let found = base_url(text, origins)
        .and_then(|url| guarded(url, reach))
        .map_err(|message| ("base_url", message))
        .and_then(|url| origin(provider, &url, reach, origins).map(|origin| (origin, url, reach)));
    found.map_err(|(name, message)| provider.complain_at(name, findings, message)).ok()
}

fn base_url(text: &str, origins: &Origins) -> Result<BaseUrl, String> {
    if text != EMBEDDED_MOCK {
        return url::parse(text);
    }
    let address = origins.embedded_mock.ok_or("is `mock`, but no mock provider runs in this process")?;
    url::parse(&format!("http://{address}/v1"))
}

/// Refuses an address literal that the provider may not have.
fn guarded(url: BaseUrl, reach: Reach) -> Result<BaseUrl, String> {
    let literal: Option<IpAddr> = url.host.parse().ok();
    match literal.and_then(|ip| reach.refusal(ip)) {
        Some(reason) => Err(format!("leads to {reason}; if that is meant, set allow_link_local: true")),
        None => Ok(url),
    }
}

fn origin(
    provider: &Cursor<'_>,
    url: &BaseUrl,
    reach: Reach,
    origins: &mut Origins,
) -> Result<Arc<Origin>, Blamed> {
    let peer = |tls| Peer { host: url.host.clone(), port: url.port, reach, tls };
    if url.https {
        let tls = UpstreamTls::read(provider, &url.host)?;
        let ground = TlsGround::of(origins);
        return origins.origin(peer(Some(tls.digest())), || tls.compile(&ground).map(Some));
    }
    match TLS_KEYS.into_iter().find(|name| provider.has(name)) {
        Some(name) => Err((name, "is of no use: base_url is not https://".into())),
        None => origins.origin(peer(None), || Ok(None)),
    }
}

/// Name of the header that carries the key.
fn credential_header(
    provider: &Cursor<'_>,
    vendor: Option<&Vendor>,
    format: Format,
    findings: &mut Findings,
) -> String {
    let inherited = || vendor.and_then(|vendor| vendor.header.as_deref());
    let usual = match format {
        Format::OpenAi
        | Format::Responses
        | Format::Ollama
        | Format::Cohere
        | Format::Bedrock
        | Format::BedrockAnthropic
        | Format::VertexAnthropic => "authorization",
        Format::Anthropic => "x-api-key",
        Format::Gemini => "x-goog-api-key",
    };
    let header = provider.text("header").or_else(inherited).unwrap_or(usual).to_ascii_lowercase();
    if let Some(message) = header_fault(&header) {
        provider.complain_at("header", findings, message);
    }
    header
}

/// The keys, each with its share.
fn credentials(provider: &Cursor<'_>, header: &str, findings: &mut Findings) -> Vec<Credential> {
    let mut all: Vec<_> = credential(provider, "api_key", header, findings).into_iter().collect();
    let Some(list) = provider.field("api_keys") else { return all };
    if provider.has("api_key") {
        provider.complain_at("api_keys", findings, "stands beside api_key: give one of them");
    }
    for item in list.items() {
        let known = credential(&item, "key", header, findings);
        let Some(mut credential) = known else { continue };
        credential.weight = item.whole("weight").unwrap_or(1) as u32;
        if all.iter().any(|other: &Credential| other.id == credential.id) {
            item.complain_at("key", findings, "stands in the list twice");
        }
        all.push(credential);
    }
    all
}

fn credential(
    holder: &Cursor<'_>,
    name: &'static str,
    header: &str,
    findings: &mut Findings,
) -> Option<Credential> {
    let key = holder.secret(name)?;
    if !key.expose().iter().all(u8::is_ascii_graphic) {
        let message = "has characters that a header cannot carry (spaces, line ends)";
        holder.complain_at(name, findings, message);
    }
    let prefix: &[u8] = if header == "authorization" { b"Bearer " } else { b"" };
    let hash = KeyHash::of(key.expose());
    Some(Credential {
        id: hash.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first)),
        weight: 1,
        value: Secret::new([prefix, key.expose()].concat()),
        key: key.clone(),
    })
}

fn header_fault(name: &str) -> Option<&'static str> {
    // Source: RFC 9110 section 5.6.2, `token`.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match name {
        _ if !name.bytes().all(token) => Some("is not the name of a header"),
        _ if OWN_HEADERS.contains(&name) => Some("is a header that the gateway writes itself"),
        _ => None,
    }
}
