//! The operator's HTTP interface: health, metrics, reload.
//!
//! Takes a listener and the state of the process; answers until it is told to stop.
//!
//! Invariant: nothing here changes the process but `POST /-/reload`, which only this machine may ask for.

mod door;

use crate::control::config::Complaint;
use crate::control::health::Health;
use crate::control::request::{Published, Request};
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use door::{Door, Peer};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Gives the metrics as text.
pub type MetricsText = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// What the interface tells about.
#[derive(Clone)]
pub struct AdminState {
    pub health: Arc<Health>,
    /// Prometheus text format 0.0.4.
    pub metrics: MetricsText,
    pub reload: mpsc::Sender<Request>,
}

/// Serves until `stop` is ready; accepts nobody more once it is told to leave, and answers who is there.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    listener: std::net::TcpListener,
    state: AdminState,
    leaves: Arc<Notify>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = Door::new(tokio::net::TcpListener::from_std(listener)?, leaves);
    let service = router(state).into_make_service_with_connect_info::<Peer>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

/// The paths.
pub fn router(state: AdminState) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/-/reload", post(reload))
        .fallback(async || {
            refusal(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is nothing at this path, but at /healthz, /readyz, /metrics and /-/reload.",
            )
        })
        .method_not_allowed_fallback(async || {
            refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not take this method.",
            )
        })
        .with_state(state)
}

async fn healthz(State(state): State<AdminState>) -> Response {
    verdict(state.health.alive())
}

async fn readyz(State(state): State<AdminState>) -> Response {
    match (state.health.ready(), state.health.log_trouble()) {
        (Ok(()), Some(trouble)) => format!("ok; {trouble}\n").into_response(),
        (ready, _) => verdict(ready),
    }
}

fn verdict(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n").into_response(),
    }
}

async fn metrics(State(state): State<AdminState>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.metrics)().await).into_response()
}

async fn reload(
    State(state): State<AdminState>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Response {
    // A browser names the page that asks: none has business here, not even one on this machine.
    if !peer.ip().to_canonical().is_loopback() || headers.contains_key(ORIGIN) {
        return refusal(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Only this machine's operator may ask for a reload.",
        );
    }
    let (request, answer) = Request::asked();
    if state.reload.send(request).await.is_err() {
        return unavailable();
    }
    match answer.await {
        Ok(Ok(published)) => answer_json(StatusCode::OK, &published_json(&published)),
        Ok(Err(complaints)) => answer_json(StatusCode::UNPROCESSABLE_ENTITY, &complaints_json(&complaints)),
        Err(_) => unavailable(),
    }
}

fn unavailable() -> Response {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The process no longer reloads: it stops.")
}

fn published_json(published: &Published) -> Value {
    let warnings: Vec<Value> = published.warnings.iter().map(complaint_json).collect();
    json!({"version": published.version, "warnings": warnings, "after_restart": published.after_restart})
}

fn complaints_json(complaints: &[Complaint]) -> Value {
    let all: Vec<Value> = complaints.iter().map(complaint_json).collect();
    let message = "The configuration is refused; the old one stays.";
    json!({"error": {"code": "configuration_refused", "message": message}, "complaints": all})
}

fn complaint_json(complaint: &Complaint) -> Value {
    json!({
        "file": &*complaint.file,
        "path": complaint.path,
        "line": complaint.line,
        "column": complaint.column,
        "message": complaint.message,
        "suggestion": complaint.suggestion,
        "text": complaint.to_string(),
    })
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    answer_json(status, &json!({"error": {"code": code, "message": message}}))
}

fn answer_json(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

#[cfg(test)]
mod tests;
