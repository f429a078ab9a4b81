//! The `auth.aws` block: whose keys sign, and for where.

use super::roles::{self, First};
use super::{Ground, Meant, Trust, place, useless, word};
use crate::base::secret::Secret;
use crate::contract::pass::AwsKeys;
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use crate::control::config::inputs::Inputs;
use crate::control::config::profile::Profile;
use crate::control::config::shape::Presence;
use crate::control::credentials::{
    AwsMachine, Container, Role, Scope, Session, SignOn, Source, WebIdentity, token_file_name,
};
use std::path::{Display, PathBuf};

/// The sources that a key means something to.
const OF_USE: [(&str, &[&str]); 7] = [
    ("access_key_id", &["static"]),
    ("secret_access_key", &["static"]),
    ("session_token", &["static"]),
    ("profile", &["profile"]),
    ("profile_file", &["profile"]),
    ("token_file", &["web_identity", "container"]),
    ("token_url", &["web_identity", "container", "imds", "profile"]),
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
    let assumes = source != "web_identity" && block.has("role_arn");
    let others = OF_USE.iter().filter(|(_, sources)| !sources.contains(&source)).map(|(key, _)| *key);
    let of_roles = [
        ("role_session_name", assumes || source == "web_identity"),
        ("external_id", assumes),
        ("sts_url", assumes || source == "profile"),
        ("ca", assumes || !matches!(source, "static" | "env")),
    ];
    let without = of_roles.iter().filter(|(_, of_use)| !of_use).map(|(key, _)| *key);
    useless(block, others.chain(without), &format!("source: {source}"), ground.findings);
    if source == "web_identity" {
        return web_identity(block, scope, ground).map(Source::AwsWebIdentity).map(Meant::Fetched);
    }
    let (first, mut roles) = match source {
        "profile" => profile(block, &scope, ground)?,
        source => (keys(source, block, scope.clone(), ground)?, vec![]),
    };
    let own = roles::own(block, ground);
    if assumes && own.is_none() {
        return None;
    }
    roles.extend(own);
    roles::assumed(first, roles, block, scope, ground)
}

/// What a source of keys that stand by themselves means.
fn keys(source: &str, block: &Cursor<'_>, scope: Scope, ground: &mut Ground<'_, '_>) -> Option<Meant> {
    match source {
        "static" => {
            let [id, key] = own_pair(block, ground.findings);
            let token = block.secret("session_token").cloned();
            Some(Meant::Here(keys_of(id?, key?, token, scope), "aws_static"))
        }
        "env" => environment(block, scope, ground),
        "container" => container(block, scope, ground).map(Source::AwsContainer).map(Meant::Fetched),
        _ => {
            let place = place(block, AWS_METADATA, Trust::Machine, ground)?;
            Some(Meant::Fetched(Source::AwsImds(AwsMachine { place, scope })))
        }
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

/// The keys that a profile leads to, and the roles that they are to assume.
fn profile(block: &Cursor<'_>, scope: &Scope, ground: &mut Ground<'_, '_>) -> Option<(Meant, Vec<Role>)> {
    let name = block.text("profile").map(str::to_owned).or_else(|| ground.inputs.given("AWS_PROFILE"));
    let name = name.as_deref().unwrap_or("default");
    let file = profile_file(block, ground.inputs)?;
    let mut complain = |message: String| block.complain_at("profile_file", ground.findings, message);
    let (path, content) = file.map_err(&mut complain).ok()?;
    let path = path.display();
    let Ok(text) = std::str::from_utf8(content.expose()) else {
        complain(format!("{path} is not UTF-8"));
        return None;
    };
    let led = roles::of_profile(text, name).map_err(|message| complain(format!("{path}: {message}")));
    let (first, roles) = led.ok()?;
    let source = match first {
        First::Profile(name) => {
            let found = profile_keys(&path, text, name).map_err(complain).ok()?;
            let [Some(id), Some(key), token] = found else { return None };
            return Some((Meant::Here(keys_of(id, key, token, scope.clone()), "aws_profile"), roles));
        }
        First::WebIdentity { file, role } => {
            let place = place(block, &roles::token_service(scope), Trust::Public, ground)?;
            let token_file = ground.inputs.path(file);
            let Role { arn, session, .. } = role;
            let identity = WebIdentity { place, scope: scope.clone(), role_arn: arn, session, token_file };
            return Some((Meant::Fetched(Source::AwsWebIdentity(identity)), roles));
        }
        First::Sso(found) => {
            let sign_on = sign_on(&found, block, scope, ground)?;
            return Some((Meant::Fetched(Source::AwsSso(Box::new(sign_on))), roles));
        }
        First::Environment => "env",
        First::Machine => "imds",
        First::Container => "container",
    };
    Some((keys(source, block, scope.clone(), ground)?, roles))
}

/// Whoever has signed in at the directory of a profile.
fn sign_on(
    found: &roles::SignOn<'_>,
    block: &Cursor<'_>,
    scope: &Scope,
    ground: &mut Ground<'_, '_>,
) -> Option<SignOn> {
    let Some(home) = ground.inputs.given("HOME") else {
        block.complain_at("profile", ground.findings, "has signed in somewhere, and HOME is not set");
        return None;
    };
    let china = if found.region.starts_with("cn-") { ".cn" } else { "" };
    let usual = |service: &str| format!("https://{service}.{}.amazonaws.com{china}", found.region);
    let file = format!("{home}/.aws/sso/cache/{}", token_file_name(found.session));
    Some(SignOn {
        place: place(block, &usual("portal.sso"), Trust::Public, ground)?,
        scope: scope.clone(),
        account: found.account.into(),
        role: found.role.into(),
        session: Session::new(
            place(block, &usual("oidc"), Trust::Public, ground)?,
            ground.inputs.path(&file),
        ),
    })
}

/// The file of profiles, or why there is none. `None` after a complaint.
fn profile_file(block: &Cursor<'_>, inputs: &mut Inputs<'_>) -> Option<Result<(PathBuf, Secret), String>> {
    if block.has("profile_file") {
        return block.file("profile_file").map(|file| Ok((file.path.clone(), file.content.clone())));
    }
    let home = inputs.given("HOME");
    let below = |name: &str| home.as_ref().map(|home| format!("{home}/.aws/{name}"));
    let usual = inputs.given("AWS_SHARED_CREDENTIALS_FILE").or_else(|| below("credentials"));
    let none = "is absent, and neither AWS_SHARED_CREDENTIALS_FILE nor HOME is set";
    // Roles stand in the other file as a rule. What both say is as the one with the keys has it.
    let other = inputs.given("AWS_CONFIG_FILE").or_else(|| below("config"));
    let other = other.filter(|path| inputs.path(path).is_file()).and_then(|path| inputs.file(&path).ok());
    // Who signs in somewhere has no file with keys.
    let missing = usual.as_ref().is_some_and(|path| !inputs.path(path).is_file());
    if let Some(alone) = other.clone().filter(|_| missing) {
        return Some(Ok(alone));
    }
    Some(usual.ok_or_else(|| none.into()).and_then(|path| inputs.file(&path)).map(|(path, content)| {
        let other = other.map_or(Secret::new(""), |(_, content)| content);
        (path, Secret::new([other.expose(), b"\n", content.expose()].concat()))
    }))
}

/// Id, key and token of a profile; the first two are there.
fn profile_keys(path: &Display<'_>, text: &str, name: &str) -> Result<[Option<Secret>; 3], String> {
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
    let usual = roles::token_service(&scope);
    let place = place(block, &usual, Trust::Public, ground);
    Some(WebIdentity {
        place: place?,
        scope,
        role_arn: role?.into(),
        session: session.unwrap_or_else(|| "ringgate".into()).into(),
        token_file: ground.inputs.path(&file?),
    })
}
