//! Certificates, and what outlives them.

use super::{Compiled, compile_source, project_file, sound};
use crate::control::config::{Complaint, Origins, Source};
use crate::control::scratch::Scratch;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};
use std::sync::Arc;

fn compile(scratch: &Scratch, text: &str, origins: &mut Origins) -> Result<Compiled, Vec<Complaint>> {
    compile_source(&Source { path: Some(scratch.path.join("gateway.yaml")), text: text.into() }, origins)
}

/// A new authority's certificate, and a certificate for `localhost` with its key, all PEM.
fn certificates() -> (String, String, String) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".into()]).expect("parameters");
    let leaf = leaf.signed_by(&key, &Issuer::new(params, ca_key)).expect("a certificate");
    (ca.pem(), leaf.pem(), key.serialize_pem())
}

const LISTEN: &str = "
listen: [{address: 127.0.0.1:0, tls: {cert: cert.pem, key: key.pem}}]
providers: {p: {format: openai, base_url: http://p}}
models: {m: {targets: [{provider: p, model: x}]}}
";

fn server(compiled: &Compiled) -> Arc<ServerConfig> {
    compiled.snapshot.listeners[0].tls.clone().expect("TLS")
}

fn client(ca: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(ca.as_bytes()).expect("PEM")).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

/// Shakes hands in memory and tells how.
fn shake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Result<HandshakeKind, rustls::Error> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(client.clone(), name)?;
    let mut server = ServerConnection::new(server.clone())?;
    for _ in 0..8 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("memory");
        server.read_tls(&mut wire.as_slice()).expect("memory");
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).expect("memory");
        client.read_tls(&mut wire.as_slice()).expect("memory");
        client.process_new_packets()?;
    }
    assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));
    Ok(server.handshake_kind().expect("a complete handshake"))
}

/// A listener serves its certificate, and sessions resume over reloads.
#[test]
fn sessions_resume_over_reloads() {
    let scratch = Scratch::new();
    let (ca, cert, key) = certificates();
    scratch.write("cert.pem", &cert);
    scratch.write("key.pem", &key);
    let mut origins = Origins::new(None);
    let compiled = sound(compile(&scratch, LISTEN, &mut origins));
    let client = client(&ca);
    assert_eq!(shake(&client, &server(&compiled)), Ok(HandshakeKind::Full));
    let again = sound(compile(&scratch, LISTEN, &mut origins));
    assert_eq!(shake(&client, &server(&again)), Ok(HandshakeKind::Resumed));
    assert_eq!(again.files, [scratch.path.join("cert.pem"), scratch.path.join("key.pem")]);
}

/// A session of a listener that trusts everybody does not resume on one that asks for certificates.
#[test]
fn sessions_do_not_resume_where_others_are_trusted() {
    let scratch = Scratch::new();
    let (ca, cert, key) = certificates();
    scratch.write("ca.pem", &ca);
    scratch.write("cert.pem", &cert);
    scratch.write("key.pem", &key);
    let mut origins = Origins::new(None);
    let open = sound(compile(&scratch, LISTEN, &mut origins));
    let client = client(&ca);
    assert_eq!(shake(&client, &server(&open)), Ok(HandshakeKind::Full));
    let required = LISTEN.replace("key.pem}", "key.pem, client_ca: ca.pem}");
    let closed = sound(compile(&scratch, &required, &mut origins));
    assert!(shake(&client, &server(&closed)).is_err(), "the client has no certificate");
    let optional = LISTEN.replace("key.pem}", "key.pem, client_ca: ca.pem, client_auth: optional}");
    let asking = sound(compile(&scratch, &optional, &mut origins));
    assert_eq!(shake(&client, &server(&asking)), Ok(HandshakeKind::Full));
}

/// Files that hold no certificate or key, or such that do not belong together, are named.
#[test]
fn wrong_files() {
    let scratch = Scratch::new();
    let (_, cert, key) = certificates();
    let (_, _, other_key) = certificates();
    let complaint = |cert: &str, key: &str| {
        scratch.write("cert.pem", cert);
        scratch.write("key.pem", key);
        let complaints = compile(&scratch, LISTEN, &mut Origins::new(None)).err().expect("complaints");
        assert_eq!(complaints.len(), 1);
        complaints[0].to_string().replace(scratch.path.to_str().expect("UTF-8"), "DIR")
    };
    let (at_cert, at_key) =
        ("DIR/gateway.yaml:2:45: listen[0].tls.cert: ", "DIR/gateway.yaml:2:60: listen[0].tls.key: ");
    let not_its = format!("{at_key}the key in DIR/key.pem does not belong to DIR/cert.pem");
    assert_eq!(complaint(&cert, &other_key), not_its);
    assert_eq!(complaint(&key, &key), format!("{at_cert}DIR/cert.pem holds no certificate in PEM form"));
    assert_eq!(complaint(&cert, &cert), format!("{at_key}DIR/key.pem holds no private key in PEM form"));
    assert_eq!(complaint(&cert, ""), format!("{at_key}DIR/key.pem holds no private key in PEM form"));
    let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
    assert_eq!(complaint(broken, &key), format!("{at_cert}DIR/cert.pem is not valid PEM"));
    let no_certificate = broken.replace("%%%", "AAAA");
    assert!(complaint(&no_certificate, &key).starts_with(at_cert));
}

/// An upstream's TLS sessions outlive reloads until one of its files has another content.
#[test]
fn upstream_origins_depend_on_file_contents() {
    let scratch = Scratch::new();
    let (ca, cert, key) = certificates();
    scratch.write("ca.pem", &ca);
    scratch.write("cert.pem", &cert);
    scratch.write("key.pem", &key);
    let text = "
providers: {p: {format: openai, base_url: https://p, ca: ca.pem, client_cert: cert.pem, client_key: key.pem}}
models: {m: {targets: [{provider: p, model: x}]}}
";
    let mut origins = Origins::new(None);
    let mut origin = || {
        let compiled = sound(compile(&scratch, text, &mut origins));
        compiled.snapshot.providers[0].origin.clone()
    };
    let (first, second) = (origin(), origin());
    assert!(Arc::ptr_eq(&first, &second));
    scratch.write("ca.pem", &certificates().0);
    assert!(!Arc::ptr_eq(&first, &origin()));
}

/// The reference compiles with every setting turned on, its example files being there.
#[test]
fn the_reference_with_everything_on() {
    let scratch = Scratch::new();
    let (ca, cert, key) = certificates();
    for (name, content) in [
        ("cert.pem", &cert),
        ("key.pem", &key),
        ("client-ca.pem", &ca),
        ("ca.pem", &ca),
        ("private.key", &key),
    ] {
        scratch.write(name, content);
    }
    scratch.write("private.key", "sk-canary-0123456789\n");
    let text = std::fs::read_to_string(project_file("gateway.yaml")).expect("the file");
    let text: String = text.lines().map(|line| line.replacen("#:", "", 1) + "\n").collect();
    let compiled = sound(compile(&scratch, &text, &mut Origins::new(None)));
    let paths: Vec<_> = compiled.warnings.iter().map(|warning| warning.path.as_str()).collect();
    let expected = ["audit.dir", "store", "providers.gpus.load_metrics"];
    let dangerous = ["groups.engineering.rate", "groups.interns.budget", "auth.jwt"];
    assert_eq!(paths, [expected, dangerous].concat());
    assert!(compiled.files.iter().all(|file| file.starts_with(&scratch.path)));
}
