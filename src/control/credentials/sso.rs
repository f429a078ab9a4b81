//! Keys of AWS for somebody who has signed in at its directory (`aws sso login`), by the token that this left in a file.
//!
//! Source: <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>

use super::aws::Scope;
use super::session::Session;
use super::wire::{escape, fetched, json, secret};
use super::{Failure, Fetched, Place, Web};
use crate::base::clock;
use crate::contract::pass::{AwsKeys, Shown};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;
use std::fmt::Write as _;

/// A role that somebody who has signed in may take.
pub struct SignOn {
    pub place: Place,
    pub scope: Scope,
    pub account: Box<str>,
    pub role: Box<str>,
    pub session: Session,
}

/// The name of the file in which AWS's tools keep a session's token: of its name, or of its address where it has none.
pub fn token_file_name(session: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, session.as_bytes());
    let mut name = String::with_capacity(45);
    for byte in hash.as_ref() {
        _ = write!(name, "{byte:02x}");
    }
    name + ".json"
}

impl SignOn {
    /// # Errors
    /// Nobody has signed in of late, or the role is not for them.
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let token = self.session.token().await?;
        let token = String::from_utf8_lossy(token.expose()).into_owned();
        let mut path = String::from("/federation/credentials?role_name=");
        escape(&self.role, &mut path);
        path.push_str("&account_id=");
        escape(&self.account, &mut path);
        let answer = Web::get(&self.place, path).field("x-amz-sso_bearer_token", token).ask().await?;
        self.keys(&json(&answer)?["roleCredentials"])
    }

    /// The end is told in milliseconds here.
    fn keys(&self, keys: &Value) -> Result<Fetched, Failure> {
        let part = |name: &str| secret(keys[name].as_str());
        let absent = Failure::Unreadable("it has no accessKeyId, secretAccessKey and sessionToken");
        let (Some(access_key_id), Some(secret_access_key), Some(token)) =
            (part("accessKeyId"), part("secretAccessKey"), part("sessionToken"))
        else {
            return Err(absent);
        };
        let ends = keys["expiration"].as_u64().ok_or(Failure::Unreadable("it does not say when it ends"))?;
        let Scope { region, service } = self.scope.clone();
        let session_token = Some(token);
        let keys = AwsKeys { access_key_id, secret_access_key, session_token, region, service };
        fetched(Shown::Signature(keys), ends / 1000, clock::unix_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of files are those that AWS's tools look for.
    #[test]
    fn names_of_files() {
        assert_eq!(token_file_name("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d.json");
    }
}
