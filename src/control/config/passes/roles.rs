//! Roles of AWS that keys assume: the block's own, and those of a file of profiles.

use super::{Ground, Meant, Trust, place_at};
use crate::control::config::checked::Cursor;
use crate::control::config::profile::Profile;
use crate::control::credentials::{Base, Role, Roles, Scope, Source};

/// Profiles that may refer one to the next.
const CHAIN_MAX: usize = 5;
const SESSION: &str = "ringgate";
const KEY_ID: &str = "aws_access_key_id";

/// Where the keys of a profile come from.
pub enum First<'t> {
    /// They stand in this profile.
    Profile(&'t str),
    Environment,
    Machine,
    Container,
    /// For the token in this file a role is given at once.
    WebIdentity {
        file: &'t str,
        role: Role,
    },
    Sso(SignOn<'t>),
}

/// What a profile says of a directory at which somebody has signed in.
#[derive(PartialEq, Eq, Debug)]
pub struct SignOn<'t> {
    pub region: &'t str,
    pub account: &'t str,
    pub role: &'t str,
    /// By what the file with the token is named.
    pub session: &'t str,
}

/// The role that the block's keys are to assume.
pub fn own(block: &Cursor<'_>, ground: &mut Ground<'_, '_>) -> Option<Role> {
    let arn = block.text("role_arn")?;
    let session = block.text("role_session_name").unwrap_or(SESSION);
    let role = role(arn, session, block.text("external_id"));
    role.map_err(|(name, message)| block.complain_at(name, ground.findings, message)).ok()
}

/// Keys that assume these roles, one after the other; as they are, if there are none.
pub fn assumed(
    first: Meant,
    roles: Vec<Role>,
    block: &Cursor<'_>,
    scope: Scope,
    ground: &mut Ground<'_, '_>,
) -> Option<Meant> {
    if roles.is_empty() {
        return Some(first);
    }
    let base = match first {
        Meant::Here(keys, _) => Base::Here(keys),
        Meant::Fetched(source) => Base::Fetched(Box::new(source)),
    };
    let place = place_at("sts_url", block, &token_service(&scope), Trust::Public, ground)?;
    Some(Meant::Fetched(Source::AwsRole(Box::new(Roles { base, roles, place, scope }))))
}

/// The address of the token service of a region.
pub fn token_service(scope: &Scope) -> String {
    let china = if scope.region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://sts.{}.amazonaws.com{china}", scope.region)
}

/// Where a profile's keys come from, and the roles that they assume, the profile's own last.
///
/// # Errors
/// What is wrong with the profiles. Holds no secret.
pub fn of_profile<'t>(text: &'t str, name: &'t str) -> Result<(First<'t>, Vec<Role>), String> {
    let (mut at, mut roles) = (name, Vec::new());
    loop {
        let profile = Profile::find(text, at).ok_or_else(|| format!("there is no profile {at:?}"))?;
        let Some(arn) = profile.value("role_arn") else {
            let first = match sign_on(text, &profile, at)? {
                Some(sign_on) => First::Sso(sign_on),
                None if profile.value("credential_process").is_some() && profile.value(KEY_ID).is_none() => {
                    return Err(format!(
                        "the profile {at:?} has a credential_process, and no process is started here"
                    ));
                }
                None => First::Profile(at),
            };
            return Ok(ended(first, roles));
        };
        if roles.len() == CHAIN_MAX {
            return Err(format!("the profile {name:?} leads over too many others"));
        }
        let session = profile.value("role_session_name").unwrap_or(SESSION);
        let made = role(arn, session, profile.value("external_id"));
        let made = made.map_err(|(key, message)| format!("{key} of the profile {at:?} {message}"))?;
        if let Some(file) = profile.value("web_identity_token_file") {
            return Ok(ended(First::WebIdentity { file, role: made }, roles));
        }
        roles.push(made);
        match (profile.value("source_profile"), profile.value("credential_source")) {
            // Its own keys assume its role.
            (Some(source), None) if source == at => return Ok(ended(First::Profile(at), roles)),
            (Some(source), None) => at = source,
            (None, Some("Environment")) => return Ok(ended(First::Environment, roles)),
            (None, Some("Ec2InstanceMetadata")) => return Ok(ended(First::Machine, roles)),
            (None, Some("EcsContainer")) => return Ok(ended(First::Container, roles)),
            _ => {
                return Err(format!(
                    "the profile {at:?} has a role_arn and needs one of source_profile, credential_source \
                     (Environment, Ec2InstanceMetadata, EcsContainer) and web_identity_token_file"
                ));
            }
        }
    }
}

/// What a profile says of a directory, in a section of its own or not.
fn sign_on<'t>(text: &'t str, profile: &Profile<'t>, name: &str) -> Result<Option<SignOn<'t>>, String> {
    let session = match profile.value("sso_session") {
        Some(session) => {
            let section = Profile::find(text, &format!("sso-session {session}"));
            let section = section.ok_or_else(|| format!("there is no [sso-session {session}]"))?;
            Some((session, section.value("sso_region")))
        }
        None => profile.value("sso_start_url").map(|address| (address, profile.value("sso_region"))),
    };
    let Some((session, region)) = session else { return Ok(None) };
    let needed = |name_of: &str, value: Option<&'t str>| {
        let plain =
            |value: &&str| value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
        value.filter(plain).ok_or_else(|| format!("the profile {name:?} needs a proper {name_of}"))
    };
    Ok(Some(SignOn {
        region: needed("sso_region", region)?,
        account: needed("sso_account_id", profile.value("sso_account_id"))?,
        role: needed("sso_role_name", profile.value("sso_role_name"))?,
        session,
    }))
}

/// The role that is nearest to the keys is assumed first.
fn ended(first: First<'_>, mut roles: Vec<Role>) -> (First<'_>, Vec<Role>) {
    roles.reverse();
    (first, roles)
}

fn role(arn: &str, session: &str, external_id: Option<&str>) -> Result<Role, (&'static str, &'static str)> {
    let sound = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    if !arn.starts_with("arn:") || !sound(arn, b":/+=,.@_-") {
        return Err(("role_arn", "is no ARN of a role"));
    }
    if !sound(session, b"+=,.@_-") || !(2..=64).contains(&session.len()) {
        return Err(("role_session_name", "must be 2 to 64 letters, digits and `+=,.@_-`"));
    }
    if external_id.is_some_and(|id| !sound(id, b"+=,.@:/_-")) {
        return Err(("external_id", "has characters other than letters, digits and `+=,.@:/_-`"));
    }
    Ok(Role { arn: arn.into(), session: session.into(), external_id: external_id.map(Box::from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\naws_access_key_id=AK\naws_secret_access_key=SK\n\
        [profile one]\nrole_arn=arn:aws:iam::1:role/one\nsource_profile=default\nexternal_id=x:1\n\
        [profile two]\nrole_arn=arn:aws:iam::2:role/two\nsource_profile=one\nrole_session_name=second\n\
        [self]\nrole_arn=arn:aws:iam::3:role/self\nsource_profile=self\naws_access_key_id=AS\n\
        [machine]\nrole_arn=arn:aws:iam::4:role/m\ncredential_source=Ec2InstanceMetadata\n\
        [a]\nrole_arn=arn:aws:iam::5:role/a\nsource_profile=b\n[b]\nrole_arn=arn:aws:iam::5:role/b\nsource_profile=a\n\
        [lost]\nrole_arn=arn:aws:iam::6:role/l\nsource_profile=nowhere\n\
        [none]\nrole_arn=arn:aws:iam::7:role/n\n[process]\ncredential_process=canary\n[bad]\nrole_arn=canary\nsource_profile=default\n\
        [web]\nrole_arn=arn:aws:iam::8:role/w\nweb_identity_token_file=/t\n\
        [profile signed]\nsso_session=team\nsso_account_id=12\nsso_role_name=Reader\n\
        [sso-session team]\nsso_region=eu-west-1\nsso_start_url=https://d.example/start\n\
        [old]\nsso_start_url=https://d.example/start\nsso_region=r\nsso_account_id=12\nsso_role_name=Reader\n\
        [half]\nsso_session=team\nsso_account_id=12\n[unnamed]\nsso_session=nowhere\n";

    fn read(name: &str) -> Result<(String, Vec<String>), String> {
        let (first, roles) = of_profile(FILE, name)?;
        let first = match first {
            First::Profile(name) => name,
            First::Environment => "(environment)",
            First::Machine => "(machine)",
            First::Container => "(container)",
            First::WebIdentity { file, role } => return Ok((format!("{file} {}", role.arn), vec![])),
            First::Sso(found) => return Ok((format!("{found:?}"), vec![])),
        };
        let told = |role: &Role| format!("{} {} {:?}", role.arn, role.session, role.external_id.as_deref());
        Ok((first.to_owned(), roles.iter().map(told).collect()))
    }

    /// Profiles lead to keys, and to roles in the order in which they are assumed.
    #[test]
    fn chains() {
        let one = "arn:aws:iam::1:role/one ringgate Some(\"x:1\")".to_owned();
        let two = "arn:aws:iam::2:role/two second None".to_owned();
        assert_eq!(read("default"), Ok(("default".into(), vec![])));
        assert_eq!(read("one"), Ok(("default".into(), vec![one.clone()])));
        assert_eq!(read("two"), Ok(("default".into(), vec![one, two])));
        assert_eq!(read("self").map(|(first, roles)| (first, roles.len())), Ok(("self".into(), 1)));
        assert_eq!(read("web"), Ok(("/t arn:aws:iam::8:role/w".into(), vec![])));
        let signed = |region, session| {
            let found = SignOn { region, account: "12", role: "Reader", session };
            Ok((format!("{found:?}"), vec![]))
        };
        assert_eq!(read("signed"), signed("eu-west-1", "team"));
        assert_eq!(read("old"), signed("r", "https://d.example/start"));
        assert_eq!(read("machine").map(|(first, roles)| (first, roles.len())), Ok(("(machine)".into(), 1)));
    }

    /// Chains that lead nowhere, or in a circle, are told; what is no role is not repeated.
    #[test]
    fn broken_chains() {
        for (name, words) in [
            ("a", "too many others"),
            ("lost", "no profile \"nowhere\""),
            ("none", "needs one of source_profile"),
            ("half", "needs a proper sso_role_name"),
            ("unnamed", "no [sso-session nowhere]"),
            ("process", "no process is started"),
            ("bad", "is no ARN"),
            ("absent", "no profile \"absent\""),
        ] {
            let message = read(name).expect_err(name);
            assert!(message.contains(words) && !message.contains("canary"), "{message}");
        }
    }
}
