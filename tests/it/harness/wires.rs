//! One request over every wire there is: HTTP/1.1 and HTTP/2, each with TLS and without.

use super::{Answer, Authority, Client, Gateway, Setup, Tunnel, message};
use bytes::Bytes;
use std::net::SocketAddr;

/// What is between a client and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http1,
    Http2,
    Http1OverTls,
    Http2OverTls,
}

impl Wire {
    pub const ALL: [Wire; 4] = [Wire::Http1, Wire::Http2, Wire::Http1OverTls, Wire::Http2OverTls];

    pub fn is_http2(self) -> bool {
        matches!(self, Wire::Http2 | Wire::Http2OverTls)
    }
}

/// How a body is framed: with its length told, or without, which is by chunks or by frames alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    Open,
}

/// A request that is not written down yet.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub fields: Vec<(&'a str, &'a str)>,
    pub body: Option<&'a [u8]>,
}

/// A gateway that listens with TLS and without, and the tunnels to it.
pub struct Wired {
    pub gateway: Gateway,
    /// Who signed the certificate for localhost, which stands in its directory.
    pub authority: Authority,
    /// Where the gateway speaks TLS.
    pub secure: SocketAddr,
    http1: Tunnel,
    http2: Tunnel,
}

impl Wired {
    pub fn start(setup: Setup) -> Self {
        Self::trusting(None, setup)
    }

    /// One that takes only clients of this authority where it speaks TLS, as its tunnels are.
    pub fn trusting(clients: Option<&Authority>, setup: Setup) -> Self {
        let authority = Authority::new();
        authority.sign("localhost");
        let (cert, key) = (authority.path("localhost.pem"), authority.path("localhost.key"));
        let trusted = clients.map(|clients| format!(", client_ca: \"{}\"", clients.file()));
        let tls = format!("{{cert: \"{cert}\", key: \"{key}\"{}}}", trusted.unwrap_or_default());
        let listen = format!("[\"127.0.0.1:0\", {{address: \"127.0.0.1:0\", tls: {tls}}}]");
        let gateway = Gateway::start(&setup.with("listen", &listen));
        let secure = gateway.addresses[1];
        let [http1, http2] = [&b"http/1.1"[..], b"h2"]
            .map(|protocol| Tunnel::showing(clients, secure, &authority.root, protocol));
        Self { gateway, authority, secure, http1, http2 }
    }

    /// Has a successor take over; gives the predecessor.
    pub fn succeed(&mut self) -> Gateway {
        self.succeed_with(|text| text)
    }

    /// The same with something changed in the configuration.
    pub fn succeed_with(&mut self, change: impl FnOnce(String) -> String) -> Gateway {
        let next = self.gateway.successor_with(change);
        std::mem::replace(&mut self.gateway, next)
    }

    /// Where a client without TLS reaches the gateway over this wire.
    pub fn address(&self, wire: Wire) -> SocketAddr {
        match wire {
            Wire::Http1 | Wire::Http2 => self.gateway.address,
            Wire::Http1OverTls => self.http1.address,
            Wire::Http2OverTls => self.http2.address,
        }
    }

    /// Asks on a connection of its own.
    #[track_caller]
    pub fn ask(&self, wire: Wire, framing: Framing, asked: &Asked<'_>) -> Answer {
        let address = self.address(wire);
        if wire.is_http2() {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            return runtime.block_on(over_http2(address, framing, asked)).expect("an answer over HTTP/2");
        }
        let mut client = Client::connect(address);
        // A refusal may come before all of a body is sent.
        client.try_send(&asked.http1(framing));
        client.answer_to(asked.method)
    }
}

impl Asked<'_> {
    /// As HTTP/1.1 writes it.
    pub fn http1(&self, framing: Framing) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\nhost: gateway\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.fields {
            out.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        match (self.body, framing) {
            (None, _) => out.extend(b"\r\n"),
            (Some(body), Framing::Length) => {
                out.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
                out.extend(body);
            }
            (Some(body), Framing::Open) => {
                out.extend(b"transfer-encoding: chunked\r\n\r\n");
                for piece in body.chunks(body.len().div_ceil(3).max(1)) {
                    out.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                    out.extend(piece);
                    out.extend(b"\r\n");
                }
                out.extend(b"0\r\n\r\n");
            }
        }
        out
    }
}

async fn over_http2(address: SocketAddr, framing: Framing, asked: &Asked<'_>) -> Result<Answer, h2::Error> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = h2::client::handshake(stream).await?;
    let running = tokio::spawn(connection);
    let mut request =
        http::Request::builder().method(asked.method).uri(format!("http://gateway{}", asked.path));
    for (name, value) in &asked.fields {
        request = request.header(*name, *value);
    }
    if let (Some(body), Framing::Length) = (asked.body, framing) {
        request = request.header("content-length", body.len());
    }
    let request = request.body(()).expect("a request");
    let (answer, mut upload) = sender.send_request(request, asked.body.is_none())?;
    if let Some(body) = asked.body {
        // A refusal may come before all of it is sent.
        drop(upload.send_data(Bytes::copy_from_slice(body), true));
    }
    let (head, mut body) = answer.await?.into_parts();
    let mut taken = vec![];
    while let Some(piece) = body.data().await {
        let piece = piece?;
        taken.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len())?;
    }
    let trailer = body.trailers().await?.unwrap_or_default();
    running.abort();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pairs = |map: &http::HeaderMap| {
        map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect::<Vec<_>>()
    };
    let (headers, trailer) = (pairs(&head.headers), pairs(&trailer));
    let status = head.status.as_u16();
    message::is_dated(status, &headers);
    Ok(Answer { status, headers, body: taken, whole: true, trailer })
}
