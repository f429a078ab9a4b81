//! The `auth.aws` block: whose keys sign, and for where.

use super::{Ground, Meant, Trust, place, useless, word};
use crate::base::secret::Secret;
use crate::contract::pass::AwsKeys;
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use crate::control::config::inputs::Inputs;
use crate::control::config::profile::Profile;
use crate::control::config::shape::Presence;
use crate::control::credentials::{AwsMachine, Container, Scope, Source, WebIdentity};
use std::path::{Display, PathBuf};

/// The sources that a key means something to.
const OF_USE: [(&str, &[&str]); 10] = [
    ("access_key_id", &["static"]),
    ("secret_access_key", &["static"]),
    ("session_token", &["static"]),
    ("profile", &["profile"]),
    ("profile_file", &["profile"]),
    ("role_arn", &["web_identity"]),
    ("role_session_name", &["web_identity"]),
    ("token_file", &["web_identity", "container"]),
    ("token_url", &["web_identity", "container", "imds"]),
    ("ca", &["web_identity", "container", "imds"]),
];
const ECS_AGENT: &str = "http://169.254.170.2";
const AWS_METADATA: &str = "http://169.254.169.254";

/// A block that signs.
pub fn compile(block: &Cursor<'_>, ground: &mut Ground<'_, '_>) -> Option<Meant> {
    // Any region and service after a complaint.
    let region = word(block, "region", ground.findings).unwrap_or("us-east-1").into();
    let service = word(block, "service", ground.findings);
    let scope = Scope { region, service: service.unwrap_or("bedrock").into() };
    let source = block.text("source")?;
    let others = OF_USE.iter().filter(|(_, sources)| !sources.contains(&source)).map(|(key, _)| *key);
    useless(block, others, &format!("source: {source}"), ground.findings);
    match source {
        "static" => {
            let [id, key] = own_pair(block, ground.findings);
            let token = block.secret("session_token").cloned();
            Some(Meant::Here(keys_of(id?, key?, token, scope), "aws_static"))
        }
        "env" => environment(block, scope, ground),
        "profile" => profile(block, scope, ground),
        "container" => container(block, scope, ground).map(Source::AwsContainer).map(Meant::Fetched),
        "imds" => {
            let place = place(block, AWS_METADATA, Trust::Machine, ground)?;
            Some(Meant::Fetched(Source::AwsImds(AwsMachine { place, scope })))
        }
        _ => web_identity(block, scope, ground).map(Source::AwsWebIdentity).map(Meant::Fetched),
    }
}

/// The id and the key that stand in the block.
fn own_pair(block: &Cursor<'_>, findings: &mut Findings) -> [Option<Secret>; 2] {
    for name in ["access_key_id", "secret_access_key", "session_token"] {
        if block.secret(name).is_some_and(|secret| !is_graphic(secret.expose())) {
            block.complain_at(name, findings, UNSHOWABLE);
        }
    }
    ["access_key_id", "secret_access_key"].map(|name| needed(block, name, findings).cloned())
}

const UNSHOWABLE: &str = "has characters that a header cannot carry (spaces, line ends)";

fn is_graphic(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}

/// A secret that has to be there.
fn needed<'c>(block: &Cursor<'c>, name: &'static str, findings: &mut Findings) -> Option<&'c Secret> {
    if !block.has(name) {
        block.complain_at(name, findings, "is missing");
    }
    block.secret(name)
}

fn keys_of(id: Secret, key: Secret, token: Option<Secret>, scope: Scope) -> AwsKeys {
    let Scope { region, service } = scope;
    AwsKeys { access_key_id: id, secret_access_key: key, session_token: token, region, service }
}

fn environment(block: &Cursor<'_>, scope: Scope, ground: &mut Ground<'_, '_>) -> Option<Meant> {
    let mut variable = |name: &str, presence| {
        let value = ground.inputs.given(name);
        let fault = match &value {
            None if presence == Presence::Required => "is not set",
            Some(value) if !is_graphic(value.as_bytes()) => UNSHOWABLE,
            _ => return value.map(Secret::new),
        };
        block.complain_at("source", ground.findings, format!("is env, and {name} {fault}"));
        None
    };
    let id = variable("AWS_ACCESS_KEY_ID", Presence::Required);
    let key = variable("AWS_SECRET_ACCESS_KEY", Presence::Required);
    let token = variable("AWS_SESSION_TOKEN", Presence::Default(""));
    Some(Meant::Here(keys_of(id?, key?, token, scope), "aws_env"))
}

fn profile(block: &Cursor<'_>, scope: Scope, ground: &mut Ground<'_, '_>) -> Option<Meant> {
    let name = block.text("profile").map(str::to_owned).or_else(|| ground.inputs.given("AWS_PROFILE"));
    let found = profile_file(block, ground.inputs)?.and_then(|(path, content)| {
        profile_keys(&path.display(), &content, name.as_deref().unwrap_or("default"))
    });
    match found {
        Ok([Some(id), Some(key), token]) => Some(Meant::Here(keys_of(id, key, token, scope), "aws_profile")),
        Ok(_) => None,
        Err(message) => {
            block.complain_at("profile_file", ground.findings, message);
            None
        }
    }
}

/// The file of profiles, or why there is none. `None` after a complaint.
fn profile_file(block: &Cursor<'_>, inputs: &mut Inputs<'_>) -> Option<Result<(PathBuf, Secret), String>> {
    if block.has("profile_file") {
        return block.file("profile_file").map(|file| Ok((file.path.clone(), file.content.clone())));
    }
    let usual = inputs
        .given("AWS_SHARED_CREDENTIALS_FILE")
        .or_else(|| Some(format!("{}/.aws/credentials", inputs.given("HOME")?)));
    let none = "is absent, and neither AWS_SHARED_CREDENTIALS_FILE nor HOME is set";
    Some(usual.ok_or_else(|| none.into()).and_then(|path| inputs.file(&path)))
}

/// Id, key and token of a profile; the first two are there.
fn profile_keys(path: &Display<'_>, content: &Secret, name: &str) -> Result<[Option<Secret>; 3], String> {
    let text = std::str::from_utf8(content.expose()).map_err(|_| format!("{path} is not UTF-8"))?;
    let profile = Profile::find(text, name).ok_or_else(|| format!("{path} has no profile {name:?}"))?;
    let read = |key: &str, presence| match profile.value(key) {
        None if presence == Presence::Required => Err(format!("the profile {name:?} in {path} has no {key}")),
        Some(value) if !is_graphic(value.as_bytes()) => {
            Err(format!("{key} of {name:?} in {path} {UNSHOWABLE}"))
        }
        value => Ok(value.map(Secret::new)),
    };
    Ok([
        read("aws_access_key_id", Presence::Required)?,
        read("aws_secret_access_key", Presence::Required)?,
        read("aws_session_token", Presence::Default(""))?,
    ])
}

fn container(block: &Cursor<'_>, scope: Scope, ground: &mut Ground<'_, '_>) -> Option<Container> {
    let relative = ground.inputs.given("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let full = ground.inputs.given("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let Some(usual) = relative
        .map(|path| format!("{ECS_AGENT}{path}"))
        .or(full)
        .or_else(|| block.has("token_url").then(String::new))
    else {
        let message = "is absent, and neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor _FULL_URI is set";
        block.complain_at("token_url", ground.findings, message);
        return None;
    };
    let file = block.text("token_file").map(str::to_owned);
    let file = file.or_else(|| ground.inputs.given("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
    Some(Container {
        place: place(block, &usual, Trust::Machine, ground)?,
        scope,
        token: ground.inputs.given("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        token_file: file.map(|path| ground.inputs.path(&path)),
    })
}

fn web_identity(block: &Cursor<'_>, scope: Scope, ground: &mut Ground<'_, '_>) -> Option<WebIdentity> {
    let mut told = |name: &'static str, variable: &str| {
        let value = block.text(name).map(str::to_owned).or_else(|| ground.inputs.given(variable));
        if value.is_none() {
            let message = format!("is absent, and {variable} is not set");
            block.complain_at(name, ground.findings, message);
        }
        value
    };
    let (role, file) = (told("role_arn", "AWS_ROLE_ARN"), told("token_file", "AWS_WEB_IDENTITY_TOKEN_FILE"));
    let session = block.text("role_session_name").map(str::to_owned);
    let session = session.or_else(|| ground.inputs.given("AWS_ROLE_SESSION_NAME"));
    let china = if scope.region.starts_with("cn-") { ".cn" } else { "" };
    let usual = format!("https://sts.{}.amazonaws.com{china}", scope.region);
    let place = place(block, &usual, Trust::Public, ground);
    Some(WebIdentity {
        place: place?,
        scope,
        role_arn: role?.into(),
        session: session.unwrap_or_else(|| "ringgate".into()).into(),
        token_file: ground.inputs.path(&file?),
    })
}
