//! Keys of AWS that end: of a container, of a machine, and for a token of another issuer.

use super::wire::{aws_keys, form, json, tagged};
use super::{Failure, Fetched, Place, Web};
use crate::base::secret::Secret;
use std::path::{Path, PathBuf};

/// What the keys sign.
#[derive(Clone)]
pub struct Scope {
    pub region: Box<str>,
    pub service: Box<str>,
}

/// The agent of ECS, or of EKS' pod identities.
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
pub struct Container {
    pub place: Place,
    pub scope: Scope,
    /// Shown to the agent.
    pub token: Option<Secret>,
    /// Where that is instead; read anew each time.
    pub token_file: Option<PathBuf>,
}

/// The metadata service of EC2, version 2.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
pub struct Machine {
    pub place: Place,
    pub scope: Scope,
}

/// A role for who has a token of an issuer that it trusts, Kubernetes' for instance.
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub struct WebIdentity {
    pub place: Place,
    pub scope: Scope,
    pub role_arn: Box<str>,
    pub session: Box<str>,
    /// Read anew each time: Kubernetes replaces it.
    pub token_file: PathBuf,
}

impl Container {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let token = match (&self.token_file, &self.token) {
            (Some(path), _) => Some(read(path)?),
            (None, Some(token)) => Some(String::from_utf8_lossy(token.expose()).into_owned()),
            (None, None) => None,
        };
        let mut web = Web::get(&self.place, "");
        if let Some(token) = token {
            web = web.field("authorization", token);
        }
        keys_in_json(&web.ask().await?, &self.scope)
    }
}

impl Machine {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        const LIFE: &str = "x-aws-ec2-metadata-token-ttl-seconds";
        const TOKEN: &str = "x-aws-ec2-metadata-token";
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let token = Web::put(&self.place, "/latest/api/token").field(LIFE, "60").ask().await?;
        let token = text(&token)?.trim();
        let roles = Web::get(&self.place, ROLES).field(TOKEN, token).ask().await?;
        let role = text(&roles)?.lines().next().unwrap_or_default().trim();
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if role.is_empty() || !role.bytes().all(sound) {
            return Err(Failure::Unreadable("it names no role"));
        }
        let keys = Web::get(&self.place, format!("{ROLES}{role}")).field(TOKEN, token).ask().await?;
        keys_in_json(&keys, &self.scope)
    }
}

impl WebIdentity {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let token = read(&self.token_file)?;
        let asked = form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role_arn),
            ("RoleSessionName", &self.session),
            ("WebIdentityToken", &token),
        ]);
        keys_in_xml(&Web::post(&self.place, asked).ask().await?, &self.scope)
    }
}

/// The keys in an answer of the token service.
pub fn keys_in_xml(body: &[u8], scope: &Scope) -> Result<Fetched, Failure> {
    let keys = text(body)?.split_once("<Credentials>").map_or("", |(_, keys)| keys);
    let parts = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"];
    aws_keys(parts.map(|part| tagged(keys, part)), &scope.region, &scope.service)
}

fn keys_in_json(body: &[u8], scope: &Scope) -> Result<Fetched, Failure> {
    let answer = json(body)?;
    let parts = ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"];
    aws_keys(parts.map(|part| answer[part].as_str()), &scope.region, &scope.service)
}

fn text(body: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(body).map_err(|_| Failure::Unreadable("no text"))
}

/// A token in a file. It is small, and on a file system of memory where it is Kubernetes'.
fn read(path: &Path) -> Result<String, Failure> {
    let failed = |what| Failure::File(path.to_owned(), what);
    let text = std::fs::read_to_string(path).map_err(|_| failed("cannot be read"))?;
    let token = text.trim();
    let sound = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    sound.then(|| token.to_owned()).ok_or_else(|| failed("holds no token"))
}
