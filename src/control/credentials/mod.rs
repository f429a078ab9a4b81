//! Providers' credentials that end: where they come from, and how they are kept fresh.
//!
//! Takes settings that `config` compiled; asks token endpoints, metadata servers and files; leaves passes in the
//! slots that a snapshot's providers refer to.
//!
//! Invariant: all of this happens off the request path; a source that does not answer holds nobody up, and no text
//! that it gave reaches a log.

mod aws;
mod entra;
mod google;
mod keeper;
mod role;
mod session;
mod sso;
mod table;
mod web;
mod wire;

pub use aws::{Container, Machine as AwsMachine, Scope, WebIdentity};
pub use entra::{Client, Machine as EntraMachine};
pub use google::{Account, Machine as GoogleMachine, SigningKey};
pub use keeper::{first_passes, keep_fresh};
pub use role::{Base, Role, Roles};
pub use session::Session;
pub use sso::{SignOn, token_file_name};
pub use table::{Table, identity};
pub use web::{Place, Web};

use crate::contract::pass::{PassSlot, Shown};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A slot that is to be kept filled.
#[derive(Clone)]
pub struct Kept {
    pub slot: Arc<PassSlot>,
    pub source: Arc<Source>,
    /// A provider that it is for, for messages.
    pub provider: Box<str>,
}

/// Where passes come from that have to be fetched.
pub enum Source {
    AwsContainer(Container),
    AwsImds(AwsMachine),
    AwsWebIdentity(WebIdentity),
    AwsRole(Box<Roles>),
    AwsSso(Box<SignOn>),
    GoogleServiceAccount(Box<Account>),
    GoogleMetadata(GoogleMachine),
    EntraClient(Client),
    EntraManagedIdentity(EntraMachine),
}

impl Source {
    /// Asks for a pass.
    ///
    /// # Errors
    /// There is none to be had now.
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        match self {
            Source::AwsContainer(container) => container.fetch().await,
            Source::AwsImds(machine) => machine.fetch().await,
            Source::AwsWebIdentity(identity) => identity.fetch().await,
            Source::AwsRole(roles) => roles.fetch().await,
            Source::AwsSso(sign_on) => sign_on.fetch().await,
            Source::GoogleServiceAccount(account) => account.fetch().await,
            Source::GoogleMetadata(machine) => machine.fetch().await,
            Source::EntraClient(client) => client.fetch().await,
            Source::EntraManagedIdentity(machine) => machine.fetch().await,
        }
    }

    /// What tells it from others, beyond what the configuration says.
    pub fn parts(&self) -> Vec<&[u8]> {
        match self {
            Source::AwsRole(roles) => roles.parts(),
            // A file of profiles names these.
            Source::AwsSso(sign_on) => vec![sign_on.account.as_bytes(), sign_on.role.as_bytes()],
            Source::AwsWebIdentity(identity) => {
                vec![identity.role_arn.as_bytes(), identity.session.as_bytes()]
            }
            _ => vec![],
        }
    }

    /// As metrics and messages name it.
    pub const fn name(&self) -> &'static str {
        match self {
            Source::AwsContainer(_) => "aws_container",
            Source::AwsImds(_) => "aws_imds",
            Source::AwsWebIdentity(_) => "aws_web_identity",
            Source::AwsRole(_) => "aws_role",
            Source::AwsSso(_) => "aws_sso",
            Source::GoogleServiceAccount(_) => "google_service_account",
            Source::GoogleMetadata(_) => "google_metadata",
            Source::EntraClient(_) => "entra_client",
            Source::EntraManagedIdentity(_) => "entra_managed_identity",
        }
    }
}

/// A pass that was fetched.
pub struct Fetched {
    pub shown: Shown,
    /// Seconds since 1970.
    pub expires_unix: u64,
}

/// Why no pass was fetched. Its `Display` is for people and holds nothing that the other side wrote but a short code.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The host's name leads nowhere that may be asked.
    Unresolved(String),
    /// No connection, or one that broke.
    Unreachable(String),
    /// The answer did not come in time.
    Late,
    /// It was refused.
    Refused { status: u16, code: Option<Box<str>> },
    /// The answer is not what it should be.
    Unreadable(&'static str),
    /// A file that has to be shown cannot be read.
    File(PathBuf, &'static str),
    /// The key does not sign.
    Unsigned,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unresolved(why) => write!(f, "the host cannot be resolved: {why}"),
            Failure::Unreachable(why) => write!(f, "no connection: {why}"),
            Failure::Late => f.write_str("no answer in time"),
            Failure::Refused { status, code: Some(code) } => write!(f, "refused with {status}: {code}"),
            Failure::Refused { status, code: None } => write!(f, "refused with {status}"),
            Failure::Unreadable(what) => write!(f, "the answer is not usable: {what}"),
            Failure::File(path, what) => write!(f, "{} {what}", path.display()),
            Failure::Unsigned => f.write_str("the private key does not sign"),
        }
    }
}
