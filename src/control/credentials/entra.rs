//! Tokens of Microsoft Entra ID: for an application's secret, and of the machine that this runs on.

use super::wire::{form, token};
use super::{Failure, Fetched, Place, Web};
use crate::base::secret::Secret;

/// An application that has a secret.
/// Source: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
pub struct Client {
    pub place: Place,
    pub id: Box<str>,
    pub secret: Secret,
    pub scope: Box<str>,
}

impl Client {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let secret = String::from_utf8_lossy(self.secret.expose());
        let asked = form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &self.id),
            ("client_secret", &secret),
            ("scope", &self.scope),
        ]);
        token(&Web::post(&self.place, asked).ask().await?)
    }
}

/// A machine of Azure, which has an identity.
/// Source: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
pub struct Machine {
    pub place: Place,
    /// Which of the machine's identities, if it has several.
    pub client_id: Option<Box<str>>,
    pub scope: Box<str>,
}

impl Machine {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        // What is a scope elsewhere is a resource here.
        let resource = self.scope.strip_suffix("/.default").unwrap_or(&self.scope);
        let mut query = vec![("api-version", "2018-02-01"), ("resource", resource)];
        query.extend(self.client_id.as_deref().map(|id| ("client_id", id)));
        let path = format!("/metadata/identity/oauth2/token?{}", form(&query));
        token(&Web::get(&self.place, path).field("metadata", "true").ask().await?)
    }
}
