//! The relay on hyper, on tokio and on monoio.

use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use monoio_compat::TcpStreamCompat;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Relays until accepting fails.
pub fn on_tokio(listener: std::net::TcpListener, upstream: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let relay = Relay::<Tokio>::new(upstream)?;
    listener.set_nonblocking(true)?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (client, _) = listener.accept().await?;
            client.set_nodelay(true)?;
            Tokio::spawn(relay.clone().serve(TokioIo::new(client)));
        }
    })
}

/// Relays until accepting fails.
pub async fn on_monoio(listener: monoio::net::TcpListener, upstream: SocketAddr) -> io::Result<()> {
    let relay = Relay::<Monoio>::new(upstream)?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        Monoio::spawn(relay.clone().serve(TokioIo::new(TcpStreamCompat::new(client))));
    }
}

/// What hyper is run on.
trait Runtime: 'static {
    type Stream: Read + Write + Unpin + 'static;

    async fn connect(to: SocketAddr) -> io::Result<Self::Stream>;

    fn spawn(task: impl Future<Output = ()> + 'static);
}

struct Tokio;

impl Runtime for Tokio {
    type Stream = TokioIo<tokio::net::TcpStream>;

    async fn connect(to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = tokio::net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(task));
    }
}

struct Monoio;

impl Runtime for Monoio {
    type Stream = TokioIo<TcpStreamCompat>;

    async fn connect(to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = monoio::net::TcpStream::connect_addr(to).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(TcpStreamCompat::new(stream)))
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        drop(monoio::spawn(task));
    }
}

type Idle = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

struct Relay<R> {
    upstream: SocketAddr,
    host: HeaderValue,
    idle: Idle,
    runtime: std::marker::PhantomData<R>,
}

impl<R: Runtime> Relay<R> {
    fn new(upstream: SocketAddr) -> io::Result<Rc<Self>> {
        let host = HeaderValue::from_str(&upstream.to_string()).map_err(io::Error::other)?;
        Ok(Rc::new(Self { upstream, host, idle: Idle::default(), runtime: std::marker::PhantomData }))
    }

    async fn serve(self: Rc<Self>, client: R::Stream) {
        let service = service_fn(|request| self.relay(request));
        drop(http1::Builder::new().serve_connection(client, service).await);
    }

    async fn relay(&self, mut request: Request<Incoming>) -> io::Result<Response<Answer>> {
        request.headers_mut().remove(CONNECTION);
        request.headers_mut().insert(HOST, self.host.clone());
        let mut upstream = self.upstream().await?;
        let answer = upstream.send_request(request).await.map_err(io::Error::other)?;
        let idle = self.idle.clone();
        Ok(answer.map(|body| Answer { body, lent: Some(upstream), idle }))
    }

    async fn upstream(&self) -> io::Result<SendRequest<Incoming>> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let Some(mut upstream) = idle else { break };
            if upstream.ready().await.is_ok() {
                return Ok(upstream);
            }
        }
        let (upstream, connection) =
            handshake(R::connect(self.upstream).await?).await.map_err(io::Error::other)?;
        R::spawn(async { drop(connection.await) });
        Ok(upstream)
    }
}

/// The body of an answer, which gives its connection back when it is over.
struct Answer {
    body: Incoming,
    lent: Option<SendRequest<Incoming>>,
    idle: Idle,
}

impl Answer {
    fn give_back(&mut self) {
        self.idle.borrow_mut().extend(self.lent.take());
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A body with a length is not asked for more than that.
        if self.body.is_end_stream() {
            self.give_back();
        }
    }
}

impl Body for Answer {
    type Data = hyper::body::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            self.give_back();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
