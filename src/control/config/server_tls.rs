//! TLS towards clients: a listener's certificate, and whose certificates it asks for.
//!
//! Invariant: a session ticket resumes only where the same clients are trusted. A resumed session does not show
//! its certificate again, so tickets of listeners (or configurations) that trust others must not open here.

use crate::control::config::checked::{Cursor, FileContent};
use crate::control::config::complaint::Findings;
use crate::control::config::origins::Origins;
use crate::control::config::pem;
use ring::digest::{SHA256, digest};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

/// Protocols that a client may choose from, best first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The `tls` section of a listener. `None` after a complaint.
pub fn compile(
    tls: &Cursor<'_>,
    origins: &mut Origins,
    findings: &mut Findings,
) -> Option<Arc<ServerConfig>> {
    if tls.has("client_auth") && !tls.has("client_ca") {
        tls.complain_at("client_auth", findings, "needs client_ca");
    }
    let verifier = verifier(tls, origins, findings);
    let (cert, key) = (tls.file("cert")?, tls.file("key")?);
    match config(cert, key, verifier?, tls, origins) {
        Ok(config) => Some(Arc::new(config)),
        Err((name, message)) => {
            tls.complain_at(name, findings, message);
            None
        }
    }
}

/// A complaint about a key of the section.
type Blamed = (&'static str, String);

fn config(
    cert: &FileContent,
    key: &FileContent,
    verifier: Arc<dyn ClientCertVerifier>,
    tls: &Cursor<'_>,
    origins: &mut Origins,
) -> Result<ServerConfig, Blamed> {
    let chain = pem::certificates(cert).map_err(|e| ("cert", e))?;
    let private_key = pem::private_key(key).map_err(|e| ("key", e))?;
    let mut config = ServerConfig::builder_with_provider(origins.crypto())
        .with_safe_default_protocol_versions()
        .map_err(|e| ("cert", e.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, private_key)
        .map_err(|e| pair_fault(&e, cert, key))?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = origins.ticketer(trusted_clients(tls)).map_err(|e| ("cert", e))?;
    Ok(config)
}

/// What is wrong with a certificate and its key.
pub fn pair_fault(e: &rustls::Error, cert: &FileContent, key: &FileContent) -> Blamed {
    let (cert, key) = (cert.path.display(), key.path.display());
    match e {
        rustls::Error::InconsistentKeys(_) => ("key", format!("the key in {key} does not belong to {cert}")),
        rustls::Error::InvalidCertificate(_) => ("cert", format!("{cert} holds no usable certificate: {e}")),
        _ => ("key", format!("{key} holds no usable key: {e}")),
    }
}

fn verifier(
    tls: &Cursor<'_>,
    origins: &Origins,
    findings: &mut Findings,
) -> Option<Arc<dyn ClientCertVerifier>> {
    if !tls.has("client_ca") {
        return Some(WebPkiClientVerifier::no_client_auth());
    }
    let file = tls.file("client_ca")?;
    let mut roots = RootCertStore::empty();
    let built = pem::trust(&mut roots, file).and_then(|()| {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), origins.crypto());
        let optional = tls.text("client_auth") == Some("optional");
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        builder.build().map_err(|e| e.to_string())
    });
    built.map_err(|message| tls.complain_at("client_ca", findings, message)).ok()
}

/// What a listener trusts, as a number: equal for listeners between which sessions may be resumed.
fn trusted_clients(tls: &Cursor<'_>) -> [u8; 32] {
    let mut text = tls.text("client_auth").unwrap_or("required").as_bytes().to_vec();
    match tls.file("client_ca") {
        Some(file) => text.extend(file.content.expose()),
        None => text.clear(),
    }
    let mut number = [0; 32];
    number.copy_from_slice(digest(&SHA256, &text).as_ref());
    number
}
