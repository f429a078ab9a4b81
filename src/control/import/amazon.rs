//! Models at Amazon Bedrock: in which format they are asked, where, and with whose keys.

use crate::control::import::auth::{Auth, as_place, fits_host, stated};
use crate::control::import::endpoint::{Endpoint, checked};
use crate::control::import::keys::Key;
use crate::control::import::report::Report;
use crate::control::import::source::Item;

/// What is read of an entry, besides what every entry may have.
pub const PARAMS: &[&str] = &[
    "aws_access_key_id",
    "aws_bedrock_runtime_endpoint",
    "aws_external_id",
    "aws_profile_name",
    "aws_region_name",
    "aws_role_name",
    "aws_secret_access_key",
    "aws_session_name",
    "aws_session_token",
    "aws_sts_endpoint",
    "aws_web_identity_token",
    "model_id",
];
/// Where `LiteLLM` looks for a region that nobody states.
const REGION: &str = "${AWS_REGION_NAME}";
/// What may stand before a model's id, and says how it is asked.
const WAYS: [&str; 3] = ["converse/", "converse_like/", "invoke/"];
/// What is asked in formats of its own.
const OTHERS: [&str; 5] = ["agent/", "agentcore/", "async_invoke/", "mantle/", "openai/"];

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
    if OTHERS.iter().any(|start| name.starts_with(start)) {
        return Err("only converse and invoke are asked of Bedrock".into());
    }
    let way = WAYS.iter().find(|way| name.starts_with(*way));
    let name = way.map_or(name, |way| &name[way.len()..]);
    let (named_region, name) = split_region(name);
    // What stands before an ARN tells the form of the prompt, which is the provider's own matter here.
    let name = name.find("arn:").map_or(name, |at| &name[at..]);
    if name.contains("embed") {
        return Err("embeddings of Bedrock are not served by this version".into());
    }
    let vendor = match way {
        Some(&"invoke/") if name.contains("claude") => "bedrock-anthropic",
        Some(&"invoke/") => {
            report.changed(model, "asked by converse: invoke is for Claude alone here");
            "bedrock"
        }
        _ => "bedrock",
    };
    let upstream = stated(params, "model_id")?.unwrap_or_else(|| name.to_owned());
    let region = region(params, named_region, &upstream, model, report)?;
    let base_url = base_url(params, &region)?;
    let (key, auth) = credentials(params, &region, model, report)?;
    let endpoint = Endpoint {
        vendor: Some(vendor),
        base_url: Some(base_url),
        key,
        auth,
        stem: vendor,
        place: Some(as_place(&region)),
        ..Endpoint::default()
    };
    Ok((endpoint, upstream))
}

/// The region that stands before a model's id, if one does, and the id.
fn split_region(name: &str) -> (Option<&str>, &str) {
    let is_region = |text: &str| {
        let words: Vec<&str> = text.split('-').collect();
        let letters = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        words.len() >= 3
            && words[..words.len() - 1].iter().all(letters)
            && words[words.len() - 1].bytes().all(|byte| byte.is_ascii_digit())
    };
    match name.split_once('/') {
        Some((region, rest)) if is_region(region) => (Some(region), rest),
        _ => (None, name),
    }
}

fn region(
    params: &Item<'_>,
    named: Option<&str>,
    upstream: &str,
    model: &Item<'_>,
    report: &mut Report,
) -> Result<String, String> {
    // arn:aws:bedrock:REGION:ACCOUNT:…
    let in_arn = upstream.starts_with("arn:").then(|| upstream.split(':').nth(3)).flatten();
    let found = match (stated(params, "aws_region_name")?, named.or(in_arn)) {
        (Some(region), _) => region,
        (None, Some(region)) => region.to_owned(),
        (None, None) => {
            report.changed(model, "its region is what AWS_REGION_NAME says, without which there is none");
            REGION.to_owned()
        }
    };
    if fits_host(&found) { Ok(found) } else { Err("its region is not the name of one".into()) }
}

fn base_url(params: &Item<'_>, region: &str) -> Result<String, String> {
    for name in ["aws_bedrock_runtime_endpoint", "api_base", "base_url"] {
        if let Some(address) = stated(params, name)? {
            return checked(address.trim_end_matches('/').into());
        }
    }
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    Ok(format!("https://bedrock-runtime.{region}.amazonaws.com{china}"))
}

/// A fixed key, or what signs.
fn credentials(
    params: &Item<'_>,
    region: &str,
    model: &Item<'_>,
    report: &mut Report,
) -> Result<(Key, Option<Auth>), String> {
    let given = |name: &str| params.field(name).is_some();
    let mut used: &[&str] = &[];
    let found = if let Some(text) = params.field("api_key").as_ref().and_then(Item::text) {
        (Key::read(text), None)
    } else if given("aws_role_name") && given("aws_web_identity_token") {
        used = &["aws_role_name", "aws_web_identity_token", "aws_session_name", "aws_sts_endpoint"];
        (Key::None, Some(role(params, region, report)?))
    } else if given("aws_access_key_id") && given("aws_secret_access_key") {
        used = &["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
        let keys = signed("static", region)
            .secret("access_key_id", params, "aws_access_key_id")
            .secret("secret_access_key", params, "aws_secret_access_key")
            .secret("session_token", params, "aws_session_token");
        (Key::None, Some(keys))
    } else if let Some(profile) = stated(params, "aws_profile_name")? {
        used = &["aws_profile_name"];
        (Key::None, Some(signed("profile", region).text("profile", profile)))
    } else {
        let how = "its keys are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a profile, ECS, EKS or EC2 write \
                   auth.aws.source";
        report.changed(model, how);
        (Key::None, Some(signed("env", region)))
    };
    let (found, of_role) = match found {
        (key, Some(auth)) if given("aws_role_name") && !used.contains(&"aws_role_name") => {
            ((key, Some(assumed(auth, params)?)), &ASSUMED[..])
        }
        found => (found, &[][..]),
    };
    let elsewhere = ["aws_region_name", "aws_bedrock_runtime_endpoint", "model_id"];
    for name in PARAMS
        .iter()
        .filter(|name| !used.contains(name) && !of_role.contains(name) && !elsewhere.contains(name))
    {
        if let Some(item) = params.field(name) {
            report.not_carried(&item, "it is of no use with the entry's other credentials");
        }
    }
    Ok(found)
}

fn signed(source: &str, region: &str) -> Auth {
    Auth::new("aws").text("region", region).text("source", source)
}

/// What is said of a role that keys assume.
const ASSUMED: [&str; 4] = ["aws_role_name", "aws_session_name", "aws_external_id", "aws_sts_endpoint"];

/// Keys that assume a role before they sign.
fn assumed(mut auth: Auth, params: &Item<'_>) -> Result<Auth, String> {
    let names = [("role_arn", ASSUMED[0]), ("role_session_name", ASSUMED[1]), ("external_id", ASSUMED[2])];
    for (name, param) in names {
        if let Some(text) = stated(params, param)? {
            auth = auth.text(name, text);
        }
    }
    if let Some(address) = stated(params, ASSUMED[3])? {
        auth = auth.text("sts_url", checked(address)?);
    }
    Ok(auth)
}

/// A role for a token in a file.
fn role(params: &Item<'_>, region: &str, report: &mut Report) -> Result<Auth, String> {
    let Some(item) = params.field("aws_web_identity_token") else { return Err("it has no token".into()) };
    if params.field("aws_external_id").is_some() {
        return Err("a role with an external id cannot be taken".into());
    }
    let mut auth = signed("web_identity", region);
    for (name, param) in [("role_arn", "aws_role_name"), ("role_session_name", "aws_session_name")] {
        if let Some(text) = stated(params, param)? {
            auth = auth.text(name, text);
        }
    }
    let token = item.text().unwrap_or_default();
    match token.strip_prefix("oidc/file/").unwrap_or(token) {
        file if file.starts_with('/') => auth = auth.text("token_file", file),
        _ => report.changed(&item, "the token is read from the file that AWS_WEB_IDENTITY_TOKEN_FILE names"),
    }
    if let Some(address) = stated(params, "aws_sts_endpoint")? {
        auth = auth.text("token_url", checked(address)?);
    }
    Ok(auth)
}

#[cfg(test)]
mod tests {
    use super::split_region;

    /// A region is told from other words before a name.
    #[test]
    fn regions_are_known() {
        for (name, expected) in [
            ("us-east-1/anthropic.claude-v2", (Some("us-east-1"), "anthropic.claude-v2")),
            ("us-gov-west-1/x", (Some("us-gov-west-1"), "x")),
            ("llama/arn:aws:x", (None, "llama/arn:aws:x")),
            ("us.anthropic.claude-v2:1", (None, "us.anthropic.claude-v2:1")),
            ("eu-west/x", (None, "eu-west/x")),
        ] {
            assert_eq!(split_region(name), expected);
        }
    }
}
