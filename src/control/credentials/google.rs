//! Tokens of Google: for a service account's key, and of the machine that this runs on.

use super::wire::{base64url, form, token};
use super::{Failure, Fetched, Place, Web};
use crate::base::clock;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

/// How long a token is asked for, in seconds: the longest that there is.
const LIFE: u64 = 3600;

/// A service account.
/// Source: <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>
pub struct Account {
    pub place: Place,
    pub email: Box<str>,
    pub scope: Box<str>,
    /// Who the assertion is for: the token endpoint as the key names it.
    pub audience: Box<str>,
    pub key: SigningKey,
}

/// A service account's private key.
pub struct SigningKey {
    pair: RsaKeyPair,
    id: Box<str>,
}

impl SigningKey {
    /// From PKCS #8 in DER. `None`: it is no RSA key of 2048 to 8192 bits.
    pub fn new(der: &[u8], id: &str) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der).ok().map(|pair| Self { pair, id: id.into() })
    }

    /// A signed statement. Source: RFC 7515, RFC 7523.
    fn assertion(&self, claims: &serde_json::Value) -> Result<String, Failure> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": &*self.id});
        let part = |value: &serde_json::Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        let done = self.pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature);
        done.map_err(|_| Failure::Unsigned)?;
        Ok(format!("{signed}.{}", base64url(&signature)))
    }
}

impl Account {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let now = clock::unix_seconds();
        let claims = json!({
            "iss": &*self.email,
            "scope": &*self.scope,
            "aud": &*self.audience,
            "iat": now,
            "exp": now + LIFE,
        });
        let assertion = self.key.assertion(&claims)?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let asked = form(&[("grant_type", grant), ("assertion", &assertion)]);
        token(&Web::post(&self.place, asked).ask().await?)
    }
}

/// The metadata server of Compute Engine and Kubernetes Engine.
/// Source: <https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>
pub struct Machine {
    pub place: Place,
    /// `default`, or an account's address.
    pub account: Box<str>,
    pub scope: Box<str>,
}

impl Machine {
    pub async fn fetch(&self) -> Result<Fetched, Failure> {
        let mut path = String::from("/computeMetadata/v1/instance/service-accounts/");
        super::wire::escape(&self.account, &mut path);
        path = format!("{path}/token?{}", form(&[("scopes", &self.scope)]));
        token(&Web::get(&self.place, path).field("metadata-flavor", "Google").ask().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::pki_types::pem::PemObject as _;

    /// An assertion has three parts, the last of which signs the others; short keys and other keys are refused.
    #[test]
    fn assertions() {
        let pem = include_str!("../../../tests/it/fixtures/test-only-rsa-2048.key");
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("PKCS #8");
        let key = SigningKey::new(der.secret_pkcs8_der(), "k").expect("an RSA key");
        let assertion = key.assertion(&json!({"iss": "a"})).expect("signed");
        let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
        assert!(signed.starts_with(&format!("{}.", base64url(br#"{"alg":"RS256","kid":"k","typ":"JWT"}"#))));
        let public = key.pair.public_key().as_ref().to_vec();
        // The signature's digits decoded by the definition of the alphabet.
        let mut bits = 0u32;
        let (mut count, mut bytes) = (0, vec![]);
        for digit in signature.bytes() {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let value = alphabet.iter().position(|known| *known == digit).expect("a digit") as u32;
            bits = bits << 6 | value;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        let verified =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(signed.as_bytes(), &bytes);
        assert!(verified.is_ok());
        assert!(SigningKey::new(b"no key", "k").is_none());
    }
}
