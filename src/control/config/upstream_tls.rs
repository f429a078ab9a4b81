//! TLS towards providers: whom to believe, and what to show them.
//!
//! Invariant: a server's certificate is always verified; there is no setting that turns that off.

use crate::contract::snapshot::OriginTls;
use crate::control::config::checked::{Cursor, FileContent};
use crate::control::config::origins::Origins;
use crate::control::config::{pem, server_tls};
use ring::digest::{Context, SHA256};
use rustls::client::WantsClientCert;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use std::sync::Arc;

/// A complaint about a key of the provider.
pub type Blamed = (&'static str, String);

/// The TLS settings of a provider.
pub struct UpstreamTls<'a> {
    server_name: &'a str,
    ca: Option<&'a FileContent>,
    client: Option<(&'a FileContent, &'a FileContent)>,
}

impl<'a> UpstreamTls<'a> {
    /// Settings of a provider whose URL has this host.
    pub fn read(provider: &Cursor<'a>, host: &'a str) -> Result<Self, Blamed> {
        let client = match (provider.has("client_cert"), provider.has("client_key")) {
            (true, false) => return Err(("client_cert", "needs client_key".into())),
            (false, true) => return Err(("client_key", "needs client_cert".into())),
            _ => provider.file("client_cert").zip(provider.file("client_key")),
        };
        let server_name = provider.text("server_name").unwrap_or(host);
        Ok(Self { server_name, ca: provider.file("ca"), client })
    }

    /// Equal for equal settings, files' contents included.
    pub fn digest(&self) -> [u8; 32] {
        let (cert, key) = self.client.unzip();
        let mut context = Context::new(&SHA256);
        let mut part = |bytes: Option<&[u8]>| {
            context.update(&bytes.map_or(u64::MAX, |b| b.len() as u64).to_be_bytes());
            context.update(bytes.unwrap_or_default());
        };
        part(Some(self.server_name.as_bytes()));
        for file in [self.ca, cert, key] {
            part(file.map(|file| file.content.expose()));
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    pub fn compile(&self, crypto: &TlsGround) -> Result<OriginTls, Blamed> {
        let server_name = ServerName::try_from(self.server_name.to_owned())
            .map_err(|_| ("server_name", "is not a host name or IP address".to_owned()))?;
        let builder = trusting(self.ca, crypto)?;
        let mut config = match self.client {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = pem::certificates(cert).map_err(|e| ("client_cert", e))?;
                let private_key = pem::private_key(key).map_err(|e| ("client_key", e))?;
                let built = builder.with_client_auth_cert(chain, private_key);
                built.map_err(|e| client_blame(server_tls::pair_fault(&e, cert, key)))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(OriginTls { config: Arc::new(config), server_name })
    }
}

/// TLS towards whom the public authorities have signed for, or those in this file.
pub fn trusting(
    ca: Option<&FileContent>,
    ground: &TlsGround,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Blamed> {
    let builder = ClientConfig::builder_with_provider(ground.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| ("base_url", e.to_string()))?;
    Ok(builder.with_root_certificates(roots(ca, &ground.public_roots)?))
}

fn roots(ca: Option<&FileContent>, public: &Arc<RootCertStore>) -> Result<Arc<RootCertStore>, Blamed> {
    let Some(file) = ca else { return Ok(public.clone()) };
    let mut roots = RootCertStore::clone(public);
    pem::trust(&mut roots, file).map_err(|e| ("ca", e))?;
    Ok(Arc::new(roots))
}

/// What all upstream TLS stands on.
pub struct TlsGround {
    provider: Arc<rustls::crypto::CryptoProvider>,
    public_roots: Arc<RootCertStore>,
}

impl TlsGround {
    pub fn of(origins: &Origins) -> Self {
        Self { provider: origins.crypto(), public_roots: origins.public_roots() }
    }
}

fn client_blame((name, message): Blamed) -> Blamed {
    (if name == "cert" { "client_cert" } else { "client_key" }, message)
}
