//! A host that speaks TLS, and the authority that vouches for it.

use super::{Scripted, fresh_dir};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

/// What a host named localhost with a certificate of its own speaks TLS with, and the file in which that stands.
pub fn self_signed() -> (Arc<ServerConfig>, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    let authority = fresh_dir().join("ca.pem");
    std::fs::write(&authority, made.cert.pem()).expect("a file can be written");
    (Arc::new(config), authority)
}

/// A host named localhost with a certificate of its own, and the file in which that stands. A request that ends with `end`
/// is answered with these bytes, and its connection closed.
pub fn over_tls(end: &'static [u8], answer: Vec<u8>) -> (Scripted, PathBuf) {
    let (config, authority) = self_signed();
    let host = Scripted::start(move |_, peer| {
        let session = ServerConnection::new(config.clone()).expect("a session");
        let mut tls = StreamOwned::new(session, peer.stream);
        let mut seen = Vec::new();
        while !seen.ends_with(end) {
            let mut buffer = [0; 1024];
            match tls.read(&mut buffer) {
                Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        // One that does not trust the certificate does not wait for it.
        drop(tls.write_all(&answer));
    });
    (host, authority)
}
