//! TLS and HTTP/2 on the client's side.

use crate::harness::{End, Gateway, Io, KEY, Setup, mock, on_both_drivers, post, until};
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A gateway with a certificate of its own, and who signed it.
pub fn secured(setup: Setup) -> (Gateway, CertificateDer<'static>) {
    secured_by(setup, |_| String::new())
}

/// The same with more settings, which may name the certificate's file.
fn secured_by(setup: Setup, more: impl Fn(&Path) -> String) -> (Gateway, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let dir = crate::harness::fresh_dir();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| dir.join(name));
    std::fs::write(&cert, made.cert.pem()).expect("a file can be written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file can be written");
    let listen = format!(
        "[{{address: \"127.0.0.1:0\", tls: {{cert: \"{}\", key: \"{}\"{}}}}}]",
        cert.display(),
        key.display(),
        more(&cert)
    );
    (Gateway::start(&setup.with("listen", &listen)), made.cert.der().clone())
}

pub fn connect(gateway: &Gateway, root: &CertificateDer<'static>) -> Tls {
    let mut tls = unshaken(gateway, root, b"http/1.1");
    tls.conn.complete_io(&mut tls.sock).expect("a handshake");
    tls
}

/// A connection before its handshake, which will ask for this protocol.
pub fn unshaken(gateway: &Gateway, root: &CertificateDer<'static>, protocol: &[u8]) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a good certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let stream = TcpStream::connect(gateway.address).expect("the gateway accepts connections");
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a timeout can be set");
    StreamOwned::new(session, stream)
}

/// Requests and streams pass over TLS as they do without.
#[test]
fn tls_serves_requests() {
    on_both_drivers(|io| {
        let mock = mock();
        let (gateway, root) = secured(Setup::of(io, &mock.base_url()));
        let mut tls = connect(&gateway, &root);
        for _ in 0..3 {
            tls.write_all(&post("/v1/chat/completions", r#"{"model":"m/mock?chunks=30","stream":true}"#))
                .expect("sent");
            let mut text = Vec::new();
            while !text.ends_with(b"data: [DONE]\n\n\r\n0\r\n\r\n") {
                let mut buffer = [0; 4096];
                let read = tls.read(&mut buffer).expect("the stream goes on");
                text.extend_from_slice(&buffer[..read]);
            }
            assert!(text.starts_with(b"HTTP/1.1 200 "));
        }
        drop(tls);
        assert_eq!(gateway.records(3).len(), 3);
    });
}

/// Who is refused during the handshake is told why, in the words of TLS.
#[test]
fn refused_handshakes_end_with_an_alert() {
    on_both_drivers(|io| {
        let setup = || Setup::of(io, "http://127.0.0.1:9/v1");
        let (gateway, root) = secured(setup());
        alerted(unshaken(&gateway, &root, b"gopher"), AlertDescription::NoApplicationProtocol);
        let (gateway, root) = secured_by(setup(), |cert| format!(", client_ca: \"{}\"", cert.display()));
        alerted(unshaken(&gateway, &root, b"http/1.1"), AlertDescription::CertificateRequired);
    });
}

/// Asserts that the connection comes to no more than this alert.
#[track_caller]
fn alerted(mut tls: Tls, description: AlertDescription) {
    let error = tls.read(&mut [0; 16]).expect_err("nothing is served");
    assert_eq!(
        error.into_inner().expect("TLS's own").to_string(),
        Error::AlertReceived(description).to_string()
    );
}

/// A client that says nothing, before or after its handshake, is not waited for for ever.
#[test]
fn silence_has_an_end() {
    on_both_drivers(|io| {
        let setup =
            Setup::of(io, "http://127.0.0.1:9/v1").with("limits", "{head_ms: 300, keep_alive_ms: 300}");
        let (gateway, root) = secured(setup);
        assert!(matches!(gateway.client().drain(), End::Closed | End::Reset), "no handshake");
        let mut tls = connect(&gateway, &root);
        let began = Instant::now();
        assert!(!tls.read(&mut [0; 16]).is_ok_and(|read| read > 0), "no request");
        assert!(began.elapsed() < Duration::from_secs(10));
        let mut plain = gateway.client();
        plain.try_send(format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").as_bytes());
        plain.drain();
        assert!(!plain.rest.starts_with(b"HTTP"), "plain text where TLS is wanted");
    });
}

/// A stream over HTTP/2 finishes although the gateway was told to end, and the exit is orderly.
#[test]
fn streams_of_http2_finish_before_the_end() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let address = gateway.address;
        let reading = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(stream_over_http2(address))
        });
        until("the request at the provider", || (mock.stats().requests == 1).then_some(()));
        gateway.signal(Signal::TERM);
        until("readiness to flip", || (gateway.admin("GET", "/readyz").status == 503).then_some(()));
        let text = reading.join().expect("no panic");
        assert!(text.ends_with("data: [DONE]\n\n"), "{}", &text[text.len().saturating_sub(300)..]);
        assert_eq!(gateway.wait().code(), Some(0));
        let record = gateway.only_record(1);
        assert_eq!((&record["status"], &record["fault"]), (&200.into(), &serde_json::Value::Null));
    });
}

async fn stream_over_http2(address: std::net::SocketAddr) -> String {
    let tcp = tokio::net::TcpStream::connect(address).await.expect("the gateway accepts connections");
    let (mut client, connection) = h2::client::handshake(tcp).await.expect("a handshake");
    tokio::spawn(connection);
    let request = http::Request::post("http://g/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(())
        .expect("a request");
    let (answer, mut body) = client.send_request(request, false).expect("a stream");
    let asked = r#"{"model":"m/mock?chunks=150&gap_ms=10","stream":true}"#;
    body.send_data(asked.into(), true).expect("room for a body");
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                eprintln!("the stream broke: {error}: {}", text.len());
                break;
            }
        };
        body.flow_control().release_capacity(data.len()).expect("it was given");
        text.extend_from_slice(&data);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// An HTTP/2 client that is slow with its body is told so, or at least let go.
#[test]
fn slow_bodies_over_http2_end() {
    let gateway =
        Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1").with("limits", "{body_idle_ms: 300}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let tcp =
            tokio::net::TcpStream::connect(gateway.address).await.expect("the gateway accepts connections");
        let (mut client, connection) = h2::client::handshake(tcp).await.expect("a handshake");
        tokio::spawn(connection);
        let request = http::Request::post("http://g/v1/chat/completions")
            .header("x-api-key", KEY)
            .header("content-type", "application/json")
            .body(())
            .expect("a request");
        let (answer, _body) = client.send_request(request, false).expect("a stream");
        let ended = tokio::time::timeout(crate::harness::PATIENCE, answer).await.expect("an end");
        if let Ok(answer) = ended {
            assert_eq!(answer.status(), 408);
        }
    });
    assert_eq!(gateway.only_record(1)["fault"], "body_timeout");
}
