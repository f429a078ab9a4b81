//! Servers that answer as a test wants: over plain TCP, TLS or HTTP/2.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};

/// What the `n`th request is answered with, as bytes of HTTP/1.1.
pub type Answers = fn(usize) -> String;

/// An answer with a length.
pub fn whole(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A stream with a length.
pub fn stream(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Serves over TCP until the test is over.
pub fn plain(answers: Answers) -> SocketAddr {
    serve(move |connection, count| answer(connection, answers, &count))
}

/// Serves over TCP, and ends connections that have been idle for so long.
pub fn impatient(answers: Answers, idle: Duration) -> SocketAddr {
    serve(move |connection, count| {
        connection.set_read_timeout(Some(idle)).expect("a timeout");
        answer(connection, answers, &count);
    })
}

/// Serves over TLS; the certificate is for 127.0.0.1, and stands in the file.
pub fn tls(answers: Answers, folder: &str) -> (SocketAddr, PathBuf) {
    let (config, file) = certified(folder, &[]);
    let address = serve(move |connection, count| {
        let session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
        answer(rustls::StreamOwned::new(session, connection), answers, &count);
    });
    (address, file)
}

/// A server's half of TLS that agrees on one of these protocols, and the file that its certificate stands in.
fn certified(folder: &str, protocols: &[&str]) -> (Arc<rustls::ServerConfig>, PathBuf) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let file = std::env::temp_dir().join(format!("ringgate-load-{folder}-{}.pem", std::process::id()));
    std::fs::write(&file, signed.cert.pem()).expect("a file");
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(signed.cert.der().to_vec())], key)
        .expect("a certificate");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    (Arc::new(config), file)
}

fn serve(work: impl Fn(TcpStream, Arc<AtomicUsize>) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("an address");
    let count = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (work, count) = (work.clone(), Arc::clone(&count));
            std::thread::spawn(move || work(connection.expect("a connection"), count));
        }
    });
    address
}

/// Answers one request after the other until the client leaves.
fn answer(mut connection: impl Read + Write, answers: Answers, count: &AtomicUsize) {
    let (mut input, mut buffer) = (Vec::new(), vec![0; 65536]);
    loop {
        let text = String::from_utf8_lossy(&input).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            length.is_some_and(|length| length.parse() == Ok(body.len()))
        });
        if whole {
            input.clear();
            let answer = answers(count.fetch_add(1, Relaxed));
            if connection.write_all(answer.as_bytes()).and_then(|()| connection.flush()).is_err() {
                return;
            }
        }
        match connection.read(&mut buffer) {
            Ok(read @ 1..) => input.extend_from_slice(&buffer[..read]),
            Ok(_) | Err(_) => return,
        }
    }
}

/// Serves HTTP/2 by prior knowledge: a chat stream of so many events, or resets every so many requests.
pub fn http2(events: usize, resets_every: usize) -> SocketAddr {
    serve_async(move |connection| http2_connection(connection, events, resets_every))
}

/// Serves HTTP/2 over TLS, where a client agrees to it: chat streams of so many events. The certificate is for 127.0.0.1.
pub fn http2_tls(events: usize, folder: &str) -> (SocketAddr, PathBuf) {
    let (config, file) = certified(folder, &["h2"]);
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let address = serve_async(move |connection| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust the certificate is no failure of this server.
            let Ok(connection) = acceptor.accept(connection).await else { return };
            assert_eq!(connection.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            http2_connection(connection, events, usize::MAX).await;
        }
    });
    (address, file)
}

/// Serves each connection in a task of its own until the test is over.
fn serve_async<W: Future<Output = ()> + 'static>(
    work: impl Fn(tokio::net::TcpStream) -> W + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    listener.set_nonblocking(true).expect("nonblocking");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                tokio::task::spawn_local(work(connection));
            }
        });
    });
    address
}

async fn http2_connection(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    events: usize,
    resets_every: usize,
) {
    let mut connection = h2::server::handshake(connection).await.expect("a handshake");
    let mut count = 0;
    while let Some(Ok((mut request, mut respond))) = connection.accept().await {
        count += 1;
        let resets = count % resets_every == 0;
        tokio::task::spawn_local(async move {
            while let Some(Ok(bytes)) = request.body_mut().data().await {
                request.body_mut().flow_control().release_capacity(bytes.len()).expect("capacity");
            }
            if resets {
                respond.send_reset(h2::Reason::INTERNAL_ERROR);
                return;
            }
            let head = http::Response::builder()
                .header("content-type", "text/event-stream")
                .body(())
                .expect("a head");
            let mut sending = respond.send_response(head, false).expect("a stream");
            for number in 1..events {
                let event = format!("data: {{\"id\":\"x{}\",\"number\":{number}}}\n\n", std::process::id());
                sending.send_data(Bytes::from(event), false).expect("an event");
            }
            sending.send_data(Bytes::from_static(b"data: [DONE]\n\n"), true).expect("the end");
        });
    }
}
