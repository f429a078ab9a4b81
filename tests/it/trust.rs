//! Whom the gateway believes and who believes it: authorities and certificates of both sides, and sessions that resume.

use crate::harness::{
    Authority, Gateway, Io, KEY, PATIENCE, Scripted, Setup, Tunnel, mock, on_both_drivers, post, until,
};
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// A provider for `name` behind TLS, which answers so many requests on each connection; it wants certificates of `clients`
/// where there are any. How each handshake went is told.
fn provider(
    authority: &Authority,
    name: &str,
    clients: Option<&Authority>,
    requests: usize,
) -> (Scripted, Arc<Mutex<Vec<HandshakeKind>>>) {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(crypto.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        Some(clients) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), crypto);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = authority.sign(name);
    let config = Arc::new(builder.with_single_cert(chain, key).expect("a pair"));
    let kinds = Arc::new(Mutex::new(vec![]));
    let seen = kinds.clone();
    let provider = Scripted::start(move |_, peer| {
        let session = ServerConnection::new(config.clone()).expect("a session");
        let mut tls = StreamOwned::new(session, peer.stream);
        for _ in 0..requests {
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") {
                let mut buffer = [0; 1024];
                match tls.read(&mut buffer) {
                    Ok(read) if read > 0 => asked.extend_from_slice(&buffer[..read]),
                    _ => return,
                }
            }
            if let Some(kind) = tls.conn.handshake_kind() {
                seen.lock().expect("no panic").push(kind);
            }
            drop(tls.write_all(ANSWER));
        }
        tls.conn.send_close_notify();
        drop(tls.flush());
    });
    (provider, kinds)
}

fn behind(io: Io, provider: &Scripted, more: &str) -> Gateway {
    let base = format!("https://localhost:{}/v1", provider.address.port());
    let setup = Setup::of(io, "http://127.0.0.1:9/v1").provider("secure", &base, more);
    Gateway::start(&setup.model("s", "{provider: secure, model: x}", ""))
}

fn ask() -> Vec<u8> {
    post("/v1/chat/completions", r#"{"model":"s","messages":[]}"#)
}

/// A provider is believed if one of its operator's authorities signed for the name that it is expected under; in every other
/// case it never sees the request, nor the key.
#[test]
fn providers_are_believed_by_their_authority() {
    on_both_drivers(|io| {
        let (authority, other) = (Authority::new(), Authority::new());
        let (named, _) = provider(&authority, "localhost", None, 100);
        let gateway = behind(io, &named, &format!("ca: \"{}\"", authority.file()));
        let mut client = gateway.client();
        for _ in 0..3 {
            assert_eq!(client.ask(&ask()).text(), "{}");
        }
        assert_eq!(named.accepted(), 1, "connections within TLS are kept, too");
        for more in [String::new(), format!("ca: \"{}\"", other.file())] {
            let gateway = behind(io, &named, &more);
            let answer = gateway.client().ask(&ask());
            answer.refused(502, "upstream_tls");
            assert_eq!(answer.json()["error"]["ringgate"]["blame"], "upstream");
        }

        let (hidden, kinds) = provider(&authority, "models.example", None, 100);
        let ca = format!("ca: \"{}\"", authority.file());
        behind(io, &hidden, &ca).client().ask(&ask()).refused(502, "upstream_tls");
        assert!(kinds.lock().expect("no panic").is_empty(), "it was not asked");
        let gateway = behind(io, &hidden, &format!("{ca}, server_name: models.example"));
        assert_eq!(gateway.client().ask(&ask()).text(), "{}");
    });
}

/// A provider that wants to see a certificate is shown the configured one, and refuses a gateway without one or with one
/// that somebody else signed.
#[test]
fn providers_see_the_gateways_certificate() {
    on_both_drivers(|io| {
        let (authority, clients, other) = (Authority::new(), Authority::new(), Authority::new());
        clients.sign("gateway");
        other.sign("gateway");
        let (demanding, _) = provider(&authority, "localhost", Some(&clients), 100);
        let ca = format!("ca: \"{}\"", authority.file());
        let showing = |of: &Authority| {
            let (cert, key) = (of.path("gateway.pem"), of.path("gateway.key"));
            format!("{ca}, client_cert: \"{cert}\", client_key: \"{key}\"")
        };
        let gateway = behind(io, &demanding, &showing(&clients));
        for _ in 0..2 {
            assert_eq!(gateway.client().ask(&ask()).text(), "{}");
        }
        for more in [ca.clone(), showing(&other)] {
            let answer = behind(io, &demanding, &more).client().ask(&ask());
            assert_eq!(answer.status, 502, "{}", answer.text());
            let code = answer.json()["error"]["code"].clone();
            assert!(code == "upstream_tls" || code == "upstream_reset", "{code}");
        }
    });
}

/// A new connection to a provider goes on with the session of the one before, after a reload too.
#[test]
fn sessions_with_providers_resume() {
    on_both_drivers(|io| {
        let authority = Authority::new();
        let (brief, kinds) = provider(&authority, "localhost", None, 1);
        let gateway = behind(io, &brief, &format!("ca: \"{}\"", authority.file()));
        let ask = || assert_eq!(gateway.client().ask(&ask()).text(), "{}");
        (0..3).for_each(|_| ask());
        let version = gateway.metric("gateway_config_version");
        gateway.signal(Signal::HUP);
        until("the reload", || (gateway.metric("gateway_config_version") > version).then_some(()));
        (0..2).for_each(|_| ask());
        let kinds = kinds.lock().expect("no panic").clone();
        let full = kinds.iter().filter(|kind| **kind != HandshakeKind::Resumed).count();
        assert_eq!((kinds.len(), full), (5, 1), "{kinds:?}");
    });
}

/// A gateway that believes clients of this authority, or asks them for nothing.
pub fn listening(
    io: Io,
    server: &Authority,
    clients: Option<&Authority>,
    more: &str,
    shards: u16,
) -> Gateway {
    server.sign("localhost");
    let trusted = clients.map(|clients| format!(", client_ca: \"{}\"{more}", clients.file()));
    let tls = format!(
        "{{cert: \"{}\", key: \"{}\"{}}}",
        server.path("localhost.pem"),
        server.path("localhost.key"),
        trusted.unwrap_or_default()
    );
    let setup = Setup::of(io, "http://127.0.0.1:9/v1").shards(shards);
    Gateway::start(&setup.with("listen", &format!("[{{address: \"127.0.0.1:0\", tls: {tls}}}]")))
}

/// What a client believes and shows, and the sessions that it remembers.
pub fn client_of(
    server: &Authority,
    shown: Option<&Authority>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(server.roots());
    Arc::new(match shown {
        Some(authority) => {
            let (chain, key) = authority.sign("client");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
        None => builder.with_no_client_auth(),
    })
}

/// Asks for the list of models on a new connection; how its handshake went, or none if it was refused.
pub fn greeted(gateway: &Gateway, config: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    greeted_at(gateway.address, config)
}

/// The same at this address.
pub fn greeted_at(address: std::net::SocketAddr, config: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(config.clone(), name).expect("a session");
    let tcp = TcpStream::connect(address).expect("the gateway accepts connections");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let mut tls = StreamOwned::new(session, tcp);
    let request =
        format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\nconnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    tls.read_to_string(&mut text).ok()?;
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    tls.conn.handshake_kind()
}

/// Clients are asked for certificates as the configuration says: where they are required, only who shows a good one is
/// served; where they are optional, who shows none is, and who shows a bad one is not.
#[test]
fn clients_are_believed_by_their_authority() {
    on_both_drivers(|io| {
        let (server, clients, other) = (Authority::new(), Authority::new(), Authority::new());
        for (more, without) in
            [("", false), (", client_auth: required", false), (", client_auth: optional", true)]
        {
            let gateway = listening(io, &server, Some(&clients), more, 1);
            for version in [&TLS12, &TLS13] {
                let served = |shown| greeted(&gateway, &client_of(&server, shown, version)).is_some();
                assert!(served(Some(&clients)), "a good one, {more} {version:?}");
                assert_eq!(served(None), without, "none, {more} {version:?}");
                assert!(!served(Some(&other)), "a stranger's, {more} {version:?}");
            }
        }
    });
}

/// A client's session resumes on every shard, after a reload, and where it showed a certificate; a changed authority ends
/// that.
#[test]
fn sessions_of_clients_resume() {
    on_both_drivers(|io| {
        let (server, clients, other) = (Authority::new(), Authority::new(), Authority::new());
        for trusted in [None, Some(&clients)] {
            let gateway = listening(io, &server, trusted, "", 4);
            for version in [&TLS12, &TLS13] {
                let client = client_of(&server, trusted, version);
                assert_ne!(greeted(&gateway, &client), Some(HandshakeKind::Resumed));
                let resumes = |what: &str| {
                    for number in 0..8 {
                        let kind = greeted(&gateway, &client);
                        assert_eq!(kind, Some(HandshakeKind::Resumed), "{what} {version:?} {number}");
                    }
                };
                resumes("at once");
                let live = gateway.metric("gateway_config_version");
                gateway.signal(Signal::HUP);
                until("the reload", || (gateway.metric("gateway_config_version") > live).then_some(()));
                resumes("after a reload");
            }
        }
        let gateway = listening(io, &server, Some(&clients), "", 1);
        let client = client_of(&server, Some(&clients), &TLS13);
        assert!(greeted(&gateway, &client).is_some());
        std::fs::copy(other.file(), clients.file()).expect("a file can be replaced");
        until("the other authority", || greeted(&gateway, &client).is_none().then_some(()));
    });
}

/// Streams of HTTP/2 within TLS go on over a change of certificates, as does their connection; whoever comes then is shown
/// the new one, and sessions of before resume.
#[test]
fn streams_outlive_certificates() {
    on_both_drivers(|io| {
        let mock = mock();
        let server = Authority::new();
        server.sign("localhost");
        let tls = format!(
            "{{cert: \"{}\", key: \"{}\"}}",
            server.path("localhost.pem"),
            server.path("localhost.key")
        );
        let setup = Setup::of(io, &mock.base_url());
        let gateway =
            Gateway::start(&setup.with("listen", &format!("[{{address: \"127.0.0.1:0\", tls: {tls}}}]")));
        let tunnel = Tunnel::to(gateway.address, &server.root, b"h2");
        let address = tunnel.address;
        let reading = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(streamed(address))
        });
        until("the request at the provider", || (mock.stats().requests == 1).then_some(()));
        let version = gateway.metric("gateway_config_version");
        server.sign("localhost");
        until("the new certificate", || (gateway.metric("gateway_config_version") > version).then_some(()));
        let texts = reading.join().expect("no panic");
        for text in texts {
            assert!(text.ends_with("data: [DONE]\n\n"), "{}", &text[text.len().saturating_sub(300)..]);
        }
    });
}

/// A slow stream, and another one on the same connection when that is over.
async fn streamed(address: std::net::SocketAddr) -> [String; 2] {
    let tcp = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (mut client, connection) = h2::client::handshake(tcp).await.expect("a handshake");
    tokio::spawn(connection);
    let mut texts = [String::new(), String::new()];
    for (text, chunks) in texts.iter_mut().zip(["chunks=100&gap_ms=20", "chunks=3"]) {
        let request = http::Request::post("https://g/v1/chat/completions")
            .header("x-api-key", KEY)
            .header("content-type", "application/json");
        let (answer, mut body) =
            client.send_request(request.body(()).expect("a request"), false).expect("a stream");
        let asked = format!(r#"{{"model":"m/mock?{chunks}","messages":[],"stream":true}}"#);
        body.send_data(asked.into(), true).expect("room for a body");
        let mut body = answer.await.expect("an answer").into_body();
        while let Some(data) = body.data().await {
            let data = data.expect("the stream goes on");
            body.flow_control().release_capacity(data.len()).expect("it was given");
            text.push_str(&String::from_utf8_lossy(&data));
        }
    }
    texts
}
