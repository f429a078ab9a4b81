//! One HTTP request to a token endpoint, on a connection of its own.
//!
//! Invariant: redirects are not followed, an answer is of bounded size, and certificates are always verified.

use super::Failure;
use crate::contract::pass::AwsKeys;
use crate::control::config::url::BaseUrl;
use crate::control::reach::Reach;
use crate::http::sigv4::{self, SigningKeys};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Largest answer.
const ANSWER_BYTES: usize = 64 * 1024;

/// Where a token endpoint is.
pub struct Place {
    pub url: BaseUrl,
    pub reach: Reach,
    /// For `https://`.
    pub tls: Arc<ClientConfig>,
}

/// A request in the making.
pub struct Web<'p> {
    place: &'p Place,
    method: Method,
    /// Behind the URL's own path.
    path: String,
    fields: Vec<(&'static str, String)>,
    body: String,
}

impl<'p> Web<'p> {
    pub fn get(place: &'p Place, path: impl Into<String>) -> Self {
        Self { place, method: Method::GET, path: path.into(), fields: vec![], body: String::new() }
    }

    pub fn put(place: &'p Place, path: &str) -> Self {
        Self { method: Method::PUT, ..Self::get(place, path) }
    }

    /// Sends a form.
    pub fn post(place: &'p Place, form: String) -> Self {
        let post = Self { method: Method::POST, body: form, ..Self::get(place, "") };
        post.field("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends JSON.
    pub fn post_json(place: &'p Place, path: &str, json: String) -> Self {
        let post = Self { method: Method::POST, body: json, ..Self::get(place, path) };
        post.field("content-type", "application/json")
    }

    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Signs what is said so far for AWS.
    #[must_use]
    pub fn signed(mut self, keys: &AwsKeys, unix_seconds: u64) -> Self {
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target(), self.place.url.host_header);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let (mut lines, body) = (vec![], sigv4::hashed([self.body.as_bytes()].into_iter()));
        SigningKeys::default().sign(head.as_bytes(), &body, (0, keys), unix_seconds, &mut lines);
        let lines = String::from_utf8_lossy(&lines);
        for name in ["x-amz-date", "x-amz-security-token", "authorization"] {
            let value = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let Some(value) = value {
                self = self.field(name, value);
            }
        }
        self
    }

    /// Path and query, as the request's first line has them.
    fn target(&self) -> String {
        let target = format!("{}{}", self.place.url.path, self.path);
        if target.starts_with('/') { target } else { format!("/{target}") }
    }

    /// The body of the answer, if that is a success.
    ///
    /// # Errors
    /// There was none.
    pub async fn ask(self) -> Result<Bytes, Failure> {
        let read = |answer: Response<Incoming>| async {
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|_| Failure::Unreadable("it breaks off or is too large"))?.to_bytes();
            if status.is_success() {
                return Ok(body);
            }
            Err(Failure::Refused { status: status.as_u16(), code: super::wire::code(&body) })
        };
        self.ask_and(read).await?
    }

    /// What `read` makes of the answer, whatever it is.
    ///
    /// # Errors
    /// There was none.
    pub async fn ask_and<R: Future>(
        self,
        read: impl FnOnce(Response<Incoming>) -> R,
    ) -> Result<R::Output, Failure> {
        let stream = connect(self.place).await?;
        if !self.place.url.https {
            return self.over(stream, read).await;
        }
        let name = ServerName::try_from(self.place.url.host.to_string())
            .map_err(|_| Failure::Unreachable("the host has no name that a certificate could have".into()))?;
        let secured = TlsConnector::from(self.place.tls.clone()).connect(name, stream).await;
        self.over(secured.map_err(|error| Failure::Unreachable(error.to_string()))?, read).await
    }

    async fn over<R: Future>(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        read: impl FnOnce(Response<Incoming>) -> R,
    ) -> Result<R::Output, Failure> {
        let broken = |error: hyper::Error| Failure::Unreachable(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = self.request()?;
        let asked = async move {
            let answer = sender.send_request(request).await.map_err(broken)?;
            Ok(read(answer).await)
        };
        // However the connection ends, the request knows.
        let driven = async {
            drop(connection.await);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = asked => answer,
            () = driven => Err(Failure::Late),
        }
    }

    fn request(self) -> Result<Request<Full<Bytes>>, Failure> {
        let (url, target) = (&self.place.url, self.target());
        let mut request = Request::builder().method(self.method).uri(target).header(HOST, &*url.host_header);
        request = request.header("user-agent", "ringgate");
        for (name, value) in self.fields {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body.into()));
        request.map_err(|_| Failure::Unreadable("what it asks to be shown cannot be sent"))
    }
}

async fn connect(place: &Place) -> Result<TcpStream, Failure> {
    let found = tokio::net::lookup_host((&*place.url.host, place.url.port)).await;
    let found = found.map_err(|error| Failure::Unresolved(error.to_string()))?;
    let mut failure = Failure::Unresolved("it has no address".into());
    for address in found {
        match connect_to(address, place.reach).await {
            Ok(stream) => return Ok(stream),
            Err(other) => failure = other,
        }
    }
    Err(failure)
}

async fn connect_to(address: SocketAddr, reach: Reach) -> Result<TcpStream, Failure> {
    if let Some(reason) = reach.refusal(address.ip()) {
        return Err(Failure::Unresolved(format!("it leads to {reason}")));
    }
    TcpStream::connect(address).await.map_err(|error| Failure::Unreachable(error.to_string()))
}
