//! TLS towards clients: a listener's certificates, and whose certificates it asks for.
//!
//! Invariant: a session ticket resumes only where the same clients are trusted. A resumed session does not show
//! its certificate again, so tickets of listeners (or configurations) that trust others must not open here.

use crate::base::civil;
use crate::control::config::checked::{Cursor, FileContent};
use crate::control::config::complaint::Findings;
use crate::control::config::origins::Origins;
use crate::control::config::pem;
use crate::net::certificates::{Certificates, Taken};
use ring::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;
use webpki::{EndEntityCert, Error, KeyUsage};

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
    let certificates = certificates(tls, &origins.crypto(), findings);
    match config(certificates?, verifier?, tls, origins) {
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
    certificates: Certificates,
    verifier: Arc<dyn ClientCertVerifier>,
    tls: &Cursor<'_>,
    origins: &mut Origins,
) -> Result<ServerConfig, Blamed> {
    let mut config = ServerConfig::builder_with_provider(origins.crypto())
        .with_safe_default_protocol_versions()
        .map_err(|e| ("cert", e.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = origins.ticketer(trusted_clients(tls)).map_err(|e| ("cert", e))?;
    Ok(config)
}

/// The listener's own certificate, and the further ones. `None` after a complaint.
fn certificates(tls: &Cursor<'_>, crypto: &CryptoProvider, findings: &mut Findings) -> Option<Certificates> {
    let mut shelf = Shelf { crypto, all: Certificates::default(), paths: Vec::new() };
    let mut whole = shelf.add(tls, Rank::First, findings);
    if let Some(further) = tls.field("certificates") {
        for pair in further.items() {
            whole &= shelf.add(&pair, Rank::Further, findings);
        }
    }
    whole.then_some(shelf.all)
}

/// Whether a certificate is shown to clients that ask for no known name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    First,
    Further,
}

/// A listener's certificates while they are collected.
struct Shelf<'c> {
    crypto: &'c CryptoProvider,
    all: Certificates,
    /// Where each of them stands in the configuration.
    paths: Vec<String>,
}

impl Shelf<'_> {
    /// Adds the `cert` and `key` of a section. `false` after a complaint.
    fn add(&mut self, pair: &Cursor<'_>, rank: Rank, findings: &mut Findings) -> bool {
        let Some((cert, key)) = pair.file("cert").zip(pair.file("key")) else { return false };
        let added = self.add_files(cert, key, pair.path.to_string(), rank);
        match &added {
            Ok(None) => {}
            Ok(Some(aged)) => pair.warn_at("cert", findings, aged),
            Err((name, message)) => pair.complain_at(name, findings, message),
        }
        added.is_ok()
    }

    /// Gives what the operator should know about the certificate's dates.
    fn add_files(
        &mut self,
        cert: &FileContent,
        key: &FileContent,
        place: String,
        rank: Rank,
    ) -> Result<Option<String>, Blamed> {
        let path = cert.path.display();
        let chain = pem::certificates(cert).map_err(|e| ("cert", e))?;
        let private_key = pem::private_key(key).map_err(|e| ("key", e))?;
        let pair = CertifiedKey::from_der(chain, private_key, self.crypto);
        let pair = pair.map_err(|e| pair_fault(&e, cert, key))?;
        let leaf = pair.cert[0].clone();
        let leaf = EndEntityCert::try_from(&leaf)
            .map_err(|e| ("cert", format!("{path} holds no usable certificate: {e}")))?;
        if rank == Rank::Further && leaf.valid_dns_names().next().is_none() {
            return Err(("cert", format!("{path} is for no DNS name, so no client would be shown it")));
        }
        self.paths.push(place);
        self.all.add(pair, leaf.valid_dns_names()).map_err(|Taken { index, name }| {
            let other = &self.paths[index];
            ("cert", format!("{path} is for {name}, as {other}.cert is, with a key of the same type"))
        })?;
        Ok(age_fault(&leaf).map(|fault| format!("{path} {fault}")))
    }
}

/// What is wrong with a certificate's dates. It is shown all the same: the clients decide what they accept.
fn age_fault(leaf: &EndEntityCert<'_>) -> Option<String> {
    let date = |at: UnixTime| civil::timestamp(at.as_secs() * 1_000_000);
    let usage = KeyUsage::server_auth();
    // Without authorities it is never verified; its dates are looked at before that is noticed.
    match leaf.verify_for_usage(&[], &[], &[], UnixTime::now(), usage, None, None).err()? {
        Error::CertExpired { not_after, .. } => Some(format!("has expired on {}", date(not_after))),
        Error::CertNotValidYet { not_before, .. } => {
            Some(format!("is not valid before {}", date(not_before)))
        }
        _ => None,
    }
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
