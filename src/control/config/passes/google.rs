//! The `auth.google` block: a service account's key, or the machine's metadata server.

use super::{Ground, Meant, Trust, place, useless};
use crate::base::secret::Secret;
use crate::control::config::checked::Cursor;
use crate::control::credentials::{Account, GoogleMachine, SigningKey, Source};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

const GOOGLE_METADATA: &str = "http://metadata.google.internal";
const GOOGLE_TOKENS: &str = "https://oauth2.googleapis.com/token";
const GOOGLE_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A block for tokens of Google Cloud.
pub fn compile(block: &Cursor<'_>, ground: &mut Ground<'_, '_>) -> Option<Meant> {
    let scope = block.text("scope").unwrap_or(GOOGLE_SCOPE);
    match (block.has("service_account"), block.flag("metadata") == Some(true)) {
        (true, false) => {
            useless(block, ["account"].into_iter(), "service_account", ground.findings);
            let account = account(block, block.secret("service_account")?, scope, ground)?;
            Some(Meant::Fetched(Source::GoogleServiceAccount(Box::new(account))))
        }
        (false, true) => {
            let place = place(block, GOOGLE_METADATA, Trust::Machine, ground)?;
            let account = block.text("account").unwrap_or("default").into();
            Some(Meant::Fetched(Source::GoogleMetadata(GoogleMachine {
                place,
                account,
                scope: scope.into(),
            })))
        }
        _ => {
            block.complain(ground.findings, "needs either service_account or metadata: true");
            None
        }
    }
}

/// The account that the JSON of its key describes.
fn account(block: &Cursor<'_>, json: &Secret, scope: &str, ground: &mut Ground<'_, '_>) -> Option<Account> {
    let mut complain = |message: &str| {
        block.complain_at("service_account", ground.findings, message);
        None
    };
    let Ok(file) = serde_json::from_slice::<serde_json::Value>(json.expose()) else {
        return complain("is not the JSON of a service account's key (for a file: file:/path)");
    };
    let text = |name: &str| file[name].as_str().filter(|text| !text.is_empty());
    let (Some(email), Some(pem)) = (text("client_email"), text("private_key")) else {
        return complain("is not a service account's key: it has no client_email and private_key");
    };
    let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => {
            SigningKey::new(der.secret_pkcs8_der(), text("private_key_id").unwrap_or_default())
        }
        _ => None,
    };
    let Some(key) = key else { return complain("has a private_key that is no RSA key in PKCS #8") };
    let usual = text("token_uri").unwrap_or(GOOGLE_TOKENS);
    let place = place(block, usual, Trust::Public, ground)?;
    Some(Account { place, email: email.into(), scope: scope.into(), audience: usual.into(), key })
}
