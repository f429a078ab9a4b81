//! The interface over a real socket.

use super::door::CONNECTIONS_MAX;
use super::*;
use crate::control::request::Outcome;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A served interface.
struct Admin {
    address: SocketAddr,
    health: Arc<Health>,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Serves; reloads are answered with `outcome`.
fn admin(outcome: impl Fn() -> Option<Outcome> + Send + 'static) -> Admin {
    let (reload, mut requests) = mpsc::channel::<Request>(1);
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            let (Some(reply), Some(outcome)) = (request.reply, outcome()) else { return };
            assert!(reply.send(outcome).is_ok());
        }
    });
    let health = Arc::new(Health::expecting(1, crate::control::config::Overflow::Block));
    let metrics: MetricsText = Arc::new(|| Box::pin(async { "ringgate_up 1\n".to_owned() }));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let state = AdminState { health: health.clone(), metrics, reload };
    let server = tokio::spawn(serve(listener, state, Arc::default(), async { drop(stopped.await) }));
    Admin { address, health, stop, server }
}

impl Admin {
    /// Status and whole answer.
    async fn ask(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let request =
            format!("{request}\r\nconnection: close\r\n\r\n").replacen("\r\n", " HTTP/1.1\r\nhost: x\r\n", 1);
        stream.write_all(request.as_bytes()).await.expect("a request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    }
}

fn published() -> Admin {
    admin(|| Some(Ok(Published { version: 7, warnings: Vec::new(), after_restart: vec!["shards"] })))
}

/// Health and readiness follow the state of the process, with the reason as text.
#[tokio::test]
async fn health() {
    let admin = published();
    assert_eq!(admin.ask("GET /healthz").await.0, 200);
    let (status, answer) = admin.ask("GET /readyz").await;
    assert!(status == 503 && answer.ends_with("0 of 1 shards listen\n"), "{answer}");
    admin.health.shards_listening.store(1, Relaxed);
    assert_eq!(admin.ask("GET /readyz").await.0, 200);
    admin.health.failed.store(true, Relaxed);
    assert_eq!(admin.ask("HEAD /healthz").await.0, 503);
}

/// Metrics are what the source gives, in Prometheus' text format.
#[tokio::test]
async fn metrics_are_text() {
    let (status, answer) = published().ask("GET /metrics").await;
    assert!(status == 200 && answer.ends_with("\r\n\r\nringgate_up 1\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
}

/// A reload answers with what came of it; complaints are all told.
#[tokio::test]
async fn reloads() {
    let (status, answer) = published().ask("POST /-/reload").await;
    assert!(
        status == 200 && answer.contains(r#""version":7"#) && answer.contains(r#"["shards"]"#),
        "{answer}"
    );
    let complaint = Complaint {
        file: "gateway.yaml".into(),
        path: "shards".into(),
        line: 2,
        column: 9,
        message: "is wrong".into(),
        suggestion: None,
    };
    let (status, answer) = admin(move || Some(Err(vec![complaint.clone()]))).ask("POST /-/reload").await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains(r#""text":"gateway.yaml:2:9: shards: is wrong""#), "{answer}");
    assert_eq!(admin(|| None).ask("POST /-/reload").await.0, 503);
}

/// A web page cannot ask for a reload through its reader's browser.
#[tokio::test]
async fn browsers_are_refused() {
    assert_eq!(published().ask("POST /-/reload\r\norigin: http://evil.example").await.0, 403);
}

/// What is not there is refused as JSON.
#[tokio::test]
async fn refusals_are_json() {
    let admin = published();
    for (request, status, code) in [
        ("GET /", 404, "not_found"),
        ("GET /healthz/", 404, "not_found"),
        ("GET /-/reload", 405, "method_not_allowed"),
        ("POST /metrics", 405, "method_not_allowed"),
    ] {
        let (got, answer) = admin.ask(request).await;
        assert!(got == status && answer.contains(&format!(r#""code":"{code}""#)), "{request}: {answer}");
        assert!(answer.contains("content-type: application/json\r\n"), "{request}: {answer}");
    }
}

/// It stops when it is told to.
/// However many connections are left open in the middle of a head, who asks is answered, and the oldest of them have ended.
#[tokio::test]
async fn idlers_give_way() {
    let admin = published();
    let mut idlers = Vec::new();
    for _ in 0..CONNECTIONS_MAX * 3 {
        let mut idler = TcpStream::connect(admin.address).await.expect("a connection");
        idler.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n").await.expect("a part of a head is sent");
        idlers.push(idler);
        assert_eq!(admin.ask("GET /healthz").await.0, 200);
    }
    let mut newest = idlers.pop().expect("the last one");
    let mut answer = [0; 12];
    newest.write_all(b"\r\n").await.expect("the rest of a head");
    newest.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    for idler in idlers.iter_mut().take(CONNECTIONS_MAX) {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let ended = tokio::time::timeout(Duration::from_secs(5), idler.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it is still open");
    }
}

#[tokio::test]
async fn it_stops() {
    let admin = published();
    assert_eq!(admin.ask("GET /healthz").await.0, 200);
    admin.stop.send(()).expect("it is told");
    assert!(admin.server.await.expect("no panic").is_ok());
}
