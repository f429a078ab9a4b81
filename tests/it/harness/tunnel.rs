//! TLS that a test does not see: a plain address whose connections reach the gateway over TLS.

use super::Authority;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot::{Sender, channel};
use tokio_rustls::TlsConnector;

/// Lives as long as it is held.
pub struct Tunnel {
    pub address: SocketAddr,
    /// Its end is the tunnel's.
    _held: Sender<()>,
}

impl Tunnel {
    /// To `gateway`, whose certificate `root` signed, asking for this protocol.
    pub fn to(gateway: SocketAddr, root: &CertificateDer<'static>, protocol: &[u8]) -> Self {
        Self::showing(None, gateway, root, protocol)
    }

    /// The same with a certificate that this authority signed for the client.
    pub fn showing(
        clients: Option<&Authority>,
        gateway: SocketAddr,
        root: &CertificateDer<'static>,
        protocol: &[u8],
    ) -> Self {
        let connector = TlsConnector::from(Arc::new(trusting(clients, root, protocol)));
        let (held, mut released) = channel::<()>();
        let (address, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                address.send(listener.local_addr().expect("bound")).expect("the test waits");
                loop {
                    tokio::select! {
                        _ = &mut released => return,
                        plain = listener.accept() => {
                            let (plain, _) = plain.expect("a connection");
                            tokio::spawn(carry(plain, gateway, connector.clone()));
                        }
                    }
                }
            });
        });
        Self { address: told.recv().expect("an address"), _held: held }
    }
}

/// Ends of either side are passed on; so is a failure, as an end.
async fn carry(mut plain: TcpStream, gateway: SocketAddr, connector: TlsConnector) {
    let secured = async {
        let tcp = TcpStream::connect(gateway).await?;
        tcp.set_nodelay(true)?;
        connector.connect(ServerName::try_from("localhost").expect("a name"), tcp).await
    };
    if let Ok(mut tls) = secured.await {
        drop(copy_bidirectional(&mut plain, &mut tls).await);
    }
}

fn trusting(clients: Option<&Authority>, root: &CertificateDer<'static>, protocol: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a good certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots);
    let mut config = match clients.map(|clients| clients.sign("client")) {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("a pair"),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}
