//! Keys of a role that other keys may assume, and of one that it may assume in turn.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use super::aws::{Scope, keys_in_xml};
use super::wire::form;
use super::{Failure, Fetched, Place, Source, Web};
use crate::base::clock;
use crate::base::secret::Secret;
use crate::contract::pass::{AwsKeys, Shown};

/// Where the first keys come from.
pub enum Base {
    Here(AwsKeys),
    Fetched(Box<Source>),
}

/// A role to assume.
pub struct Role {
    pub arn: Box<str>,
    /// What the account's log is to call whoever does.
    pub session: Box<str>,
    /// What the role's owner wants to be told.
    pub external_id: Option<Box<str>>,
}

/// Roles that are assumed one after the other, the last of which signs.
pub struct Roles {
    pub base: Base,
    pub roles: Vec<Role>,
    /// The token service.
    pub place: Place,
    pub scope: Scope,
}

impl Roles {
    /// # Errors
    /// The first keys are not to be had, or a role may not be assumed by those before it.
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let mut fetched = match &self.base {
            Base::Here(keys) => self.assume(keys, self.roles.first()).await?,
            Base::Fetched(source) => {
                let fetched = Box::pin(source.fetch()).await?;
                self.assume(signing(&fetched)?, self.roles.first()).await?
            }
        };
        for role in self.roles.iter().skip(1) {
            fetched = self.assume(signing(&fetched)?, Some(role)).await?;
        }
        Ok(fetched)
    }

    async fn assume(&self, keys: &AwsKeys, role: Option<&Role>) -> Result<Fetched, Failure> {
        let role = role.ok_or(Failure::Unreadable("it names no role"))?;
        let mut asked = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &*role.arn),
            ("RoleSessionName", &*role.session),
        ];
        if let Some(id) = &role.external_id {
            asked.push(("ExternalId", id));
        }
        let keys = AwsKeys {
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: keys.secret_access_key.clone(),
            session_token: keys.session_token.clone(),
            region: self.scope.region.clone(),
            service: "sts".into(),
        };
        let answer = Web::post(&self.place, form(&asked)).signed(&keys, clock::unix_seconds()).ask().await?;
        keys_in_xml(&answer, &self.scope)
    }

    /// What tells these roles from others, beyond what the configuration says: a file of profiles does, too.
    pub fn parts(&self) -> Vec<&[u8]> {
        let keys = match &self.base {
            Base::Here(keys) => Some(keys),
            Base::Fetched(_) => None,
        };
        let secrets = keys.into_iter().flat_map(|keys| {
            [Some(&keys.access_key_id), Some(&keys.secret_access_key), keys.session_token.as_ref()]
        });
        let roles = self.roles.iter().flat_map(|role| {
            [
                role.arn.as_bytes(),
                role.session.as_bytes(),
                role.external_id.as_deref().unwrap_or("").as_bytes(),
            ]
        });
        let fetched = match &self.base {
            Base::Fetched(source) => source.parts(),
            Base::Here(_) => vec![],
        };
        let secrets =
            fetched.into_iter().chain(secrets.map(|secret| secret.map_or(&b""[..], Secret::expose)));
        secrets.chain(roles).collect()
    }
}

fn signing(fetched: &Fetched) -> Result<&AwsKeys, Failure> {
    match &fetched.shown {
        Shown::Signature(keys) => Ok(keys),
        Shown::Token(_) => Err(Failure::Unreadable("it is no key of AWS")),
    }
}
