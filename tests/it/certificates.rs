//! Which certificate a client is shown, before and after a reload.

use crate::harness::{Gateway, Io, KEY, PATIENCE, Setup, fresh_dir, on_both_drivers, until};
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

pub const BOTH: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];

const RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256];
/// On file, because none can be made here.
const RSA_KEY: &str = include_str!("fixtures/test-only-rsa-2048.key");

/// Takes every certificate whose key is of one of these types; what it signs is checked.
#[derive(Debug)]
struct Anyone(&'static [SignatureScheme], Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.1.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.1.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.to_vec()
    }
}

/// Connects and asks for a name; an IP address is no name, and nothing is asked for.
pub fn connect(
    gateway: &Gateway,
    name: &str,
    schemes: &'static [SignatureScheme],
    version: &'static SupportedProtocolVersion,
) -> Result<Tls, std::io::Error> {
    let stream = TcpStream::connect(gateway.address).expect("the gateway accepts connections");
    shake_hands(stream, name, schemes, version)
}

fn shake_hands(
    stream: TcpStream,
    name: &str,
    schemes: &'static [SignatureScheme],
    version: &'static SupportedProtocolVersion,
) -> Result<Tls, std::io::Error> {
    let crypto = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(crypto.clone())
        .with_protocol_versions(&[version])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(schemes, crypto)))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let mut tls = StreamOwned::new(session, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

fn leaf(tls: &Tls) -> CertificateDer<'static> {
    tls.conn.peer_certificates().expect("a handshake")[0].clone().into_owned()
}

/// Asks for the list of models on a connection that stays.
fn serves(tls: &mut Tls) -> bool {
    tls.write_all(format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").as_bytes())
        .expect("the connection is open");
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        let mut buffer = [0; 4096];
        let read = tls.read(&mut buffer).expect("an answer");
        assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..read]);
    }
    text.starts_with(b"HTTP/1.1 200 ")
}

/// Writes `{stem}.pem` and `{stem}.key`: a new certificate for these names.
fn write(
    dir: &Path,
    stem: &str,
    names: &[&str],
    kind: &'static SignatureAlgorithm,
) -> CertificateDer<'static> {
    let key = if kind == &PKCS_RSA_SHA256 { KeyPair::from_pem(RSA_KEY) } else { KeyPair::generate_for(kind) };
    let key = key.expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let cert = CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
    // The key first: a reload between the two finds a pair that does not fit, and keeps what it has.
    std::fs::write(dir.join(format!("{stem}.key")), key.serialize_pem()).expect("a file can be written");
    std::fs::write(dir.join(format!("{stem}.pem")), cert.pem()).expect("a file can be written");
    cert.der().clone()
}

fn start(io: Io, dir: &Path, first: &str, further: &[&str]) -> Gateway {
    let pair = |stem: &str| {
        let dir = dir.display();
        format!("cert: \"{dir}/{stem}.pem\", key: \"{dir}/{stem}.key\"")
    };
    let further: String = further.iter().map(|stem| format!("{{{}}}, ", pair(stem))).collect();
    let listen =
        format!("[{{address: \"127.0.0.1:0\", tls: {{{}, certificates: [{further}]}}}}]", pair(first));
    let setup = Setup::of(io, "http://127.0.0.1:9/v1").with("listen", &listen);
    Gateway::start(&setup.with("limits", "{head_ms: 0, keep_alive_ms: 0}"))
}

/// A client is shown the certificate for the name that it asks for, of the key type that it takes, or the first one.
#[test]
fn names_choose_certificates() {
    let (ec, ed) = (&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519);
    on_both_drivers(|io| {
        let dir = fresh_dir();
        let first = write(&dir, "first", &["first.example"], ec);
        let wild = write(&dir, "wild", &["*.b.example", "B.example"], ec);
        let exact = write(&dir, "exact", &["x.b.example"], ec);
        let other = write(&dir, "other", &["x.b.example"], ed);
        let rsa = write(&dir, "rsa", &["x.b.example"], &PKCS_RSA_SHA256);
        let gateway = start(io, &dir, "first", &["wild", "exact", "other", "rsa"]);
        for version in [&TLS12, &TLS13] {
            for (name, schemes, expected) in [
                ("first.example", BOTH, &first),
                ("b.example", BOTH, &wild),
                ("A.B.example", BOTH, &wild),
                ("x.b.example", BOTH, &exact),
                ("x.b.example", &BOTH[1..], &other),
                ("x.b.example", RSA, &rsa),
                ("y.x.b.example", BOTH, &first),
                ("unknown.example", BOTH, &first),
                ("127.0.0.1", BOTH, &first),
            ] {
                let mut tls = connect(&gateway, name, schemes, version).expect("a handshake");
                assert_eq!(&leaf(&tls), expected, "{name} {schemes:?} {version:?}");
                assert!(serves(&mut tls));
            }
            assert!(connect(&gateway, "b.example", &BOTH[1..], version).is_err(), "no key of that type");
        }
        until("the handshakes that failed", || {
            let refused = gateway.metric("gateway_connections_refused_total{reason=\"handshake\"}");
            (refused == 2).then_some(())
        });
    });
}

/// Where heads have no limit in time, handshakes have none: one that begins after many others were served is served.
#[test]
fn handshakes_may_take_their_time() {
    on_both_drivers(|io| {
        let dir = fresh_dir();
        write(&dir, "first", &["first.example"], &PKCS_ECDSA_P256_SHA256);
        let gateway = start(io, &dir, "first", &[]);
        let slow = TcpStream::connect(gateway.address).expect("the gateway accepts connections");
        for _ in 0..30 {
            assert!(serves(&mut connect(&gateway, "first.example", BOTH, &TLS13).expect("a handshake")));
        }
        assert!(serves(&mut shake_hands(slow, "first.example", BOTH, &TLS13).expect("a handshake")));
    });
}

/// Certificates that are replaced are shown from then on; connections that are open stay, and hold nothing old.
#[test]
fn certificates_are_replaced_in_place() {
    on_both_drivers(|io| {
        let dir = fresh_dir();
        let kind = &PKCS_ECDSA_P256_SHA256;
        let first = write(&dir, "first", &["first.example"], kind);
        let second = write(&dir, "second", &["second.example"], kind);
        let gateway = start(io, &dir, "first", &["second"]);
        let shown = |name| leaf(&connect(&gateway, name, BOTH, &TLS13).expect("a handshake"));
        let mut kept = ["first.example", "second.example"].map(|name| {
            let mut tls = connect(&gateway, name, BOTH, &TLS13).expect("a handshake");
            assert!(serves(&mut tls));
            tls
        });
        assert_eq!(kept.each_ref().map(leaf), [first.clone(), second]);

        let renewed = write(&dir, "second", &["second.example", "third.example"], kind);
        until("the new certificate", || (shown("second.example") == renewed).then_some(()));
        assert_eq!((shown("third.example"), shown("first.example")), (renewed.clone(), first));
        until("the end of the old configuration", || {
            (gateway.metric("gateway_snapshots_live") == 1).then_some(())
        });
        assert!(kept.iter_mut().all(serves));

        std::fs::write(dir.join("second.pem"), "no certificate").expect("a file can be written");
        until("a refusal", || {
            gateway
                .stderr()
                .contains("certificates[0].cert: ")
                .then(|| assert_eq!(shown("third.example"), renewed))
        });
        assert!(kept.iter_mut().all(serves));
    });
}
