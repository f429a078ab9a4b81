//! TLS over a connection: a session of rustls, which does no input or output, between the socket and plain bytes.
//!
//! Invariant: the session is borrowed only between two operations of the socket, never across one.

use std::cell::RefCell;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use monoio::buf::{IoBufMut, SliceMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, OwnedReadHalf, OwnedWriteHalf};
use monoio::net::TcpStream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Ciphertext that one read can take.
const CIPHER_BYTES: usize = 32 * 1024;

type Session = Rc<RefCell<ClientConnection>>;

/// Which certificates are trusted.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// Those of public authorities.
    Public,
    /// Those of the authorities in a file.
    File(&'a Path),
    /// Any: for a server of one's own.
    Anything,
}

/// What connections are opened with.
///
/// # Errors
/// When the file has no certificates.
pub fn config(trust: Trust<'_>, is_http2: bool) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut config = match trust {
        Trust::Anything => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            .with_no_client_auth(),
        Trust::Public => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::File(path) => builder.with_root_certificates(roots_of(path)?).with_no_client_auth(),
    };
    config.alpn_protocols = vec![if is_http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Arc::new(config))
}

fn roots_of(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("cannot read the certificates in {}", path.display()))?;
    for certificate in certificates {
        roots.add(certificate?).with_context(|| format!("a certificate in {}", path.display()))?;
    }
    anyhow::ensure!(!roots.is_empty(), "there is no certificate in {}", path.display());
    Ok(roots)
}

/// Trusts every certificate, but not a handshake that its key did not sign.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Decrypts.
pub struct TlsReader {
    tcp: OwnedReadHalf<TcpStream>,
    session: Session,
    cipher: Vec<u8>,
    /// Where in the ciphertext the session stands.
    taken: usize,
}

/// Encrypts.
pub struct TlsWriter {
    tcp: OwnedWriteHalf<TcpStream>,
    session: Session,
    cipher: Vec<u8>,
}

/// Shakes hands.
///
/// # Errors
/// When the server's certificate is not trusted, or it speaks no TLS.
pub async fn connect(
    config: Arc<ClientConfig>,
    host: &str,
    tcp: (OwnedReadHalf<TcpStream>, OwnedWriteHalf<TcpStream>),
) -> io::Result<(TlsReader, TlsWriter)> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
    session.set_buffer_limit(None);
    let session = Rc::new(RefCell::new(session));
    let mut reader = TlsReader {
        tcp: tcp.0,
        session: Rc::clone(&session),
        cipher: Vec::with_capacity(CIPHER_BYTES),
        taken: 0,
    };
    let mut writer = TlsWriter { tcp: tcp.1, session, cipher: Vec::new() };
    loop {
        writer.flush().await?;
        if !writer.session.borrow().is_handshaking() {
            return Ok((reader, writer));
        }
        if let Err(failed) = reader.feed().await {
            // The alert says what is wrong; the server may not wait for it.
            drop(writer.flush().await);
            return Err(failed);
        }
    }
}

/// What TLS has against a server, with what can be done about it.
fn explain(wrong: rustls::Error) -> io::Error {
    match wrong {
        rustls::Error::InvalidCertificate(_) => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{wrong} (--ca FILE trusts those in a file, --insecure any)"),
        ),
        rustls::Error::InvalidMessage(_) => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{wrong} (what answers there may speak no TLS: then the URL begins with http://)"),
        ),
        wrong => io::Error::new(io::ErrorKind::InvalidData, wrong),
    }
}

impl TlsReader {
    /// Reads behind what the buffer holds; 0 at the end.
    pub async fn read(&mut self, mut input: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        loop {
            match self.plaintext(&mut input) {
                Err(none) if none.kind() == io::ErrorKind::WouldBlock => {}
                result => return (result, input),
            }
            if let Err(failed) = self.feed().await {
                return (Err(failed), input);
            }
        }
    }

    /// Moves what has been decrypted.
    fn plaintext(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        let mut session = self.session.borrow_mut();
        let mut reader = session.reader();
        let mut moved = 0;
        loop {
            match reader.fill_buf() {
                Ok([]) => return Ok(moved),
                Ok(bytes) => {
                    let count = bytes.len();
                    input.extend_from_slice(bytes);
                    reader.consume(count);
                    moved += count;
                }
                Err(_) if moved > 0 => return Ok(moved),
                Err(none) => return Err(none),
            }
        }
    }

    /// Gives the session what the socket has.
    async fn feed(&mut self) -> io::Result<()> {
        if self.taken == self.cipher.len() {
            let mut cipher = std::mem::take(&mut self.cipher);
            cipher.clear();
            let end = cipher.capacity();
            let (read, slice): (io::Result<usize>, SliceMut<Vec<u8>>) =
                self.tcp.read(cipher.slice_mut(0..end)).await;
            self.cipher = slice.into_inner();
            self.taken = 0;
            read?;
        }
        let mut session = self.session.borrow_mut();
        let taken = session.read_tls(&mut &self.cipher[self.taken..])?;
        self.taken += taken;
        session.process_new_packets().map_err(explain)?;
        if taken == 0 && session.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl TlsWriter {
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.session.borrow_mut().writer().write_all(bytes)?;
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut cipher = std::mem::take(&mut self.cipher);
        cipher.clear();
        {
            let mut session = self.session.borrow_mut();
            while session.wants_write() {
                session.write_tls(&mut cipher)?;
            }
        }
        if cipher.is_empty() {
            self.cipher = cipher;
            return Ok(());
        }
        let (written, cipher) = self.tcp.write_all(cipher).await;
        self.cipher = cipher;
        written.map(drop)
    }
}
