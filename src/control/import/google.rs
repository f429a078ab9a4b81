//! Models at Vertex AI: in which format they are asked, where, and with whose tokens.

use crate::control::import::auth::{Auth, Member, as_place, fits_host, reference, stated};
use crate::control::import::endpoint::{Endpoint, checked};
use crate::control::import::keys::{self, Key};
use crate::control::import::report::Report;
use crate::control::import::source::Item;
use std::path::Path;

/// What is read of an entry, besides what every entry may have.
pub const PARAMS: &[&str] = &[
    "vertex_credentials",
    "vertex_location",
    "vertex_project",
    "vertex_ai_credentials",
    "vertex_ai_location",
    "vertex_ai_project",
];
const LOCATION: &str = "us-central1";

/// The endpoint of an entry, and its model's name there.
///
/// # Errors
/// Why the entry has to be left out.
pub fn endpoint(
    params: &Item<'_>,
    model: &Item<'_>,
    name: &str,
    report: &mut Report,
) -> Result<(Endpoint, String), String> {
    let name = name.strip_prefix("gemini/").unwrap_or(name);
    let (vendor, stem, behind) = family(name, model, report)?;
    let location = location(params, model, report)?;
    let base_url = match either(params, ["api_base", "base_url"])? {
        Some(address) => checked(address.trim_end_matches('/').into())?,
        None => format!("{}/{behind}", project(params, &location, model, report)?),
    };
    let endpoint = Endpoint {
        vendor,
        base_url: Some(base_url),
        auth: Some(tokens(params, model, report)?),
        key: Key::None,
        stem,
        place: Some(as_place(&location)),
        ..Endpoint::default()
    };
    Ok((endpoint, name.to_owned()))
}

/// The vendor that speaks as the model is asked, a name for the provider, and the end of its address.
fn family(
    name: &str,
    model: &Item<'_>,
    report: &mut Report,
) -> Result<(Option<&'static str>, &'static str, &'static str), String> {
    if name.starts_with("claude-") {
        return Ok((Some("vertex-anthropic"), "vertex-anthropic", "publishers/anthropic"));
    }
    if name == "*" {
        report.changed(model, "leads to Google's models alone: others need entries of their own");
    }
    if name == "*" || (name.starts_with("gemini-") && !name.contains("embedding")) {
        return Ok((Some("vertex"), "vertex", "publishers/google"));
    }
    // Of other makers: maker/model.
    if name.contains('/') && !name.starts_with("openai/") || name.starts_with("openai/gpt-oss") {
        return Ok((None, "vertex-openai", "endpoints/openapi"));
    }
    Err("of Vertex AI this version asks Gemini, Claude, and what its OpenAI-compatible endpoint has".into())
}

fn either(params: &Item<'_>, names: [&str; 2]) -> Result<Option<String>, String> {
    Ok(stated(params, names[0])?.or(stated(params, names[1])?))
}

fn location(params: &Item<'_>, model: &Item<'_>, report: &mut Report) -> Result<String, String> {
    let Some(location) = either(params, ["vertex_location", "vertex_ai_location"])? else {
        report.changed(model, "its location is us-central1, whatever VERTEXAI_LOCATION says");
        return Ok(LOCATION.to_owned());
    };
    if reference(&location).is_some() {
        report.changed(model, "of the location global the address is https://aiplatform.googleapis.com/…");
    } else if !fits_host(&location) {
        return Err("its location is not the name of one".into());
    }
    Ok(location)
}

/// The address up to a project's location.
fn project(
    params: &Item<'_>,
    location: &str,
    model: &Item<'_>,
    report: &mut Report,
) -> Result<String, String> {
    let project = either(params, ["vertex_project", "vertex_ai_project"])?.unwrap_or_else(|| {
        report.changed(model, "its project is what VERTEXAI_PROJECT says, whatever the credentials say");
        "${VERTEXAI_PROJECT}".to_owned()
    });
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if reference(&project).is_none() && (project.is_empty() || !project.bytes().all(plain)) {
        return Err("its project is not the name of one".into());
    }
    let host = match location {
        "global" => "aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("aiplatform.{location}.rep.googleapis.com"),
        _ => format!("{location}-aiplatform.googleapis.com"),
    };
    Ok(format!("https://{host}/v1/projects/{project}/locations/{location}"))
}

/// Whose tokens are shown: those of a service account whose key is stated, or the machine's own.
fn tokens(params: &Item<'_>, model: &Item<'_>, report: &mut Report) -> Result<Auth, String> {
    const PATH: &str =
        "the variable must hold the JSON of the key; for a file write service_account: file:/path";
    let auth = Auth::new("google");
    let found = ["vertex_credentials", "vertex_ai_credentials"]
        .into_iter()
        .find_map(|name| Some((name, params.field(name)?)));
    let Some((name, item)) = found else {
        let how = "its tokens are those of the machine's metadata server; for a key's file write auth.google.service_account";
        report.changed(model, how);
        return Ok(auth.with("metadata", Member::Flag));
    };
    // Whatever else it is could be a secret.
    let is_path = |text: &str| {
        let json = Path::new(text).extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        (json || text.starts_with('/')) && !text.contains(|c: char| c.is_whitespace() || "{}\"".contains(c))
    };
    match item.text() {
        // A mapping is the key itself.
        None => Ok(auth.with("service_account", Member::Secret(name, Key::read(&item.flat())))),
        Some(text) if keys::variable(text).is_some() => {
            report.changed(&item, PATH);
            Ok(auth.text("service_account", stated(params, name)?.unwrap_or_default()))
        }
        Some(text) if is_path(text) => {
            if !text.starts_with('/') {
                report.changed(&item, "the file is looked for beside the new configuration");
            }
            Ok(auth.text("service_account", format!("file:{}", stated(params, name)?.unwrap_or_default())))
        }
        Some(text) => Ok(auth.with("service_account", Member::Secret(name, Key::read(text)))),
    }
}
