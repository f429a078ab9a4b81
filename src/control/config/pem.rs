//! Certificates and private keys out of files that were read.
//!
//! Invariant: a failure names the file and never shows what is in it.

use crate::control::config::checked::FileContent;
use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// All certificates of a file; at least one.
pub fn certificates(file: &FileContent) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file.content.expose()).collect();
    match all {
        Ok(none) if none.is_empty() => {
            Err(format!("{} holds no certificate in PEM form", file.path.display()))
        }
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(format!("{} is not valid PEM", file.path.display())),
    }
}

/// The first private key of a file.
pub fn private_key(file: &FileContent) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(file.content.expose()).map_err(|e| match e {
        Error::NoItemsFound => format!("{} holds no private key in PEM form", file.path.display()),
        _ => format!("{} is not valid PEM", file.path.display()),
    })
}

/// Adds a file's certificates to those that are trusted.
pub fn trust(roots: &mut RootCertStore, file: &FileContent) -> Result<(), String> {
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|e| {
            format!("{} holds a certificate that cannot be trusted: {e}", file.path.display())
        })?;
    }
    Ok(())
}
