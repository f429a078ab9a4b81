//! The `auth.entra` block: an application's secret, or the machine's identity.

use super::{Ground, Meant, Trust, place, useless, word};
use crate::control::config::checked::Cursor;
use crate::control::credentials::{Client, EntraMachine, Source};

const AZURE_METADATA: &str = "http://169.254.169.254";
const ENTRA: &str = "https://login.microsoftonline.com";
const ENTRA_SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// A block for tokens of Microsoft Entra ID.
pub fn compile(block: &Cursor<'_>, ground: &mut Ground<'_, '_>) -> Option<Meant> {
    let scope = block.text("scope").unwrap_or(ENTRA_SCOPE).into();
    let client_id = block.text("client_id").map(Box::from);
    if block.flag("managed_identity") == Some(true) {
        useless(block, ["tenant", "client_secret"].into_iter(), "managed_identity", ground.findings);
        let place = place(block, AZURE_METADATA, Trust::Machine, ground)?;
        return Some(Meant::Fetched(Source::EntraManagedIdentity(EntraMachine { place, client_id, scope })));
    }
    for name in ["tenant", "client_id", "client_secret"].into_iter().filter(|name| !block.has(name)) {
        block.complain_at(name, ground.findings, "is missing (or managed_identity: true)");
    }
    let usual = format!("{ENTRA}/{}/oauth2/v2.0/token", word(block, "tenant", ground.findings)?);
    let (place, secret) = (place(block, &usual, Trust::Public, ground)?, block.secret("client_secret"));
    let client = Client { place, id: client_id?, secret: secret?.clone(), scope };
    Some(Meant::Fetched(Source::EntraClient(client)))
}
