//! Whoever signs certificates, and files with what was signed.

use super::fresh_dir;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;

/// An authority of a test's own, in a directory of its own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub root: CertificateDer<'static>,
    pub dir: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a certificate");
        let dir = fresh_dir();
        std::fs::write(dir.join("ca.pem"), root.pem()).expect("a file can be written");
        Self { root: root.der().clone(), issuer: Issuer::new(params, key), dir }
    }

    /// The file in which its own certificate stands.
    pub fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// A file of its directory.
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Who believes it.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a good certificate");
        roots
    }

    /// A certificate for `name`, in `{name}.pem` and `{name}.key`.
    pub fn sign(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        // The key first: a reload between the two finds a pair that does not fit, and keeps what it has.
        std::fs::write(self.dir.join(format!("{name}.key")), key.serialize_pem()).expect("a file");
        std::fs::write(self.dir.join(format!("{name}.pem")), made.pem()).expect("a file");
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
        (vec![made.der().clone()], key)
    }
}
