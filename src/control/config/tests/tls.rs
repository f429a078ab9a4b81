//! Certificates, and what outlives them.

use super::{Compiled, compile_source, project_file, sound};
use crate::control::config::{Complaint, Origins, Source};
use crate::control::scratch::Scratch;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    SignatureAlgorithm, date_time_ymd,
};
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

/// The years of a certificate that clients accept.
const GOOD: (i32, i32) = (2000, 2400);

/// A certificate for these names, with a new key of this type, both PEM.
fn certificate_for(names: &[&str], kind: &'static SignatureAlgorithm, years: (i32, i32)) -> (String, String) {
    let key = KeyPair::generate_for(kind).expect("a key");
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("parameters");
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

/// Compiles a listener whose further certificates these are; the first is for `localhost`.
fn with_further(pairs: &[(String, String)]) -> (Result<Compiled, Vec<Complaint>>, String) {
    let scratch = Scratch::new();
    let (_, cert, key) = certificates();
    scratch.write("cert.pem", &cert);
    scratch.write("key.pem", &key);
    let mut further = String::new();
    for (index, (cert, key)) in pairs.iter().enumerate() {
        scratch.write(&format!("cert{index}.pem"), cert);
        scratch.write(&format!("key{index}.pem"), key);
        further += &format!("{{cert: cert{index}.pem, key: key{index}.pem}}, ");
    }
    let text = LISTEN.replace("key.pem}", &format!("key.pem, certificates: [{further}]}}"));
    let result = compile(&scratch, &text, &mut Origins::new(None));
    (result, scratch.path.to_str().expect("UTF-8").to_owned())
}

/// Two certificates for one name, with keys of one type, and one that nobody would be shown are complaints; so is
/// a key that is not the certificate's. Keys of two types are not.
#[test]
fn further_certificates_are_for_further_names() {
    let (ec, ed) = (&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519);
    let of = |names: &[&str], kind| certificate_for(names, kind, GOOD);
    let good =
        [of(&["a.example", "*.a.example"], ec), of(&["A.example", "localhost"], ed), of(&["b.example"], ec)];
    let (result, _) = with_further(&good.each_ref().map(|(cert, key)| (cert.clone(), key.clone())));
    assert_eq!(sound(result).files.len(), 8);

    let complaint = |pairs: &[(String, String)]| {
        let (result, dir) = with_further(pairs);
        let complaints = result.err().expect("complaints");
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        let text = complaints[0].to_string().replace(&dir, "DIR");
        text.split_once(": ").expect("a place").1.to_owned()
    };
    let listen = "listen[0].tls";
    assert_eq!(
        complaint(&[of(&["b.example"], ec), of(&["*.c.example", "LOCALHOST"], ec)]),
        format!(
            "{listen}.certificates[1].cert: DIR/cert1.pem is for localhost, as {listen}.cert is, with a key of the same type"
        )
    );
    assert_eq!(
        complaint(&[of(&["*.c.example"], ed), of(&["*.C.example"], ed)]),
        format!(
            "{listen}.certificates[1].cert: DIR/cert1.pem is for *.c.example, as {listen}.certificates[0].cert is, with a key of the same type"
        )
    );
    assert_eq!(
        complaint(&[of(&["10.0.0.1"], ec)]),
        format!(
            "{listen}.certificates[0].cert: DIR/cert0.pem is for no DNS name, so no client would be shown it"
        )
    );
    assert_eq!(
        complaint(&[(of(&["b.example"], ec).0, of(&["b.example"], ec).1)]),
        format!("{listen}.certificates[0].key: the key in DIR/key0.pem does not belong to DIR/cert0.pem")
    );
}

/// A certificate outside of its dates is served, and told; so it is with the first as with the others.
#[test]
fn dates_are_told() {
    let scratch = Scratch::new();
    let ec = &PKCS_ECDSA_P256_SHA256;
    let warnings = |years| {
        let (cert, key) = certificate_for(&["localhost"], ec, years);
        scratch.write("cert.pem", &cert);
        scratch.write("key.pem", &key);
        let compiled = sound(compile(&scratch, LISTEN, &mut Origins::new(None)));
        let texts = compiled.warnings.iter().map(|w| format!("{}: {}", w.path, w.message));
        texts.collect::<String>().replace(scratch.path.to_str().expect("UTF-8"), "DIR")
    };
    assert_eq!(
        warnings((2020, 2021)),
        "listen[0].tls.cert: DIR/cert.pem has expired on 2021-01-01T00:00:00.000Z"
    );
    assert_eq!(
        warnings((2400, 2401)),
        "listen[0].tls.cert: DIR/cert.pem is not valid before 2400-01-01T00:00:00.000Z"
    );
    let (result, _) = with_further(&[certificate_for(&["old.example"], ec, (2020, 2021))]);
    let paths: Vec<_> = sound(result).warnings.into_iter().map(|warning| warning.path).collect();
    assert_eq!(paths, ["listen[0].tls.certificates[0].cert"]);
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
    let (cert, key) = certificate_for(&["*.example.com"], &PKCS_ECDSA_P256_SHA256, GOOD);
    scratch.write("example-cert.pem", &cert);
    scratch.write("example-key.pem", &key);
    scratch.write("private.key", "sk-canary-0123456789\n");
    scratch.write("aws-credentials", "[team]\naws_access_key_id = A\naws_secret_access_key = S\n");
    scratch.write("service-account.json", &super::passes::account());
    let text = std::fs::read_to_string(project_file("gateway.yaml")).expect("the file");
    let text: String = text.lines().map(|line| line.replacen("#:", "", 1) + "\n").collect();
    let compiled = sound(compile(&scratch, &text, &mut Origins::new(None)));
    let paths: Vec<_> = compiled.warnings.iter().map(|warning| warning.path.as_str()).collect();
    let expected = ["audit.dir", "store", "providers.gpus.load_metrics"];
    let dangerous = ["groups.engineering.rate", "groups.interns.budget", "auth.jwt"];
    assert_eq!(paths, [expected, dangerous].concat());
    assert!(compiled.files.iter().all(|file| file.starts_with(&scratch.path)));
}
