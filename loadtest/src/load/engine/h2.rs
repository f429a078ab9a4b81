//! HTTP/2: several requests at a time on one connection.
//!
//! The protocol is the `h2` crate's, which wants to poll its bytes; two tasks carry them between it and the connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::header::CONTENT_TYPE;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

use super::trace::{Behaviour, Trace};
use super::transport::{READ_BYTES, Reader, Route, Transport, Writer};
use super::watch::{Watched, in_time};
use crate::load::check::{Body, Failure};
use crate::load::measure::Ended;

/// What may be on its way to us on one stream, and on one connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Bytes between the protocol and the connection.
const PIPE_BYTES: usize = 256 * 1024;

/// How often a lane looks whether another one has opened the connection.
const OPENING_WAIT: Duration = Duration::from_millis(1);

/// A connection that several lanes share.
pub struct Shared {
    route: Rc<Route>,
    watched: Rc<Watched>,
    sender: RefCell<Option<SendRequest<Bytes>>>,
    is_opening: Cell<bool>,
}

/// One request at a time of a shared connection.
pub struct Stream {
    shared: Rc<Shared>,
    timeout: Duration,
    pub complaint: String,
}

impl Shared {
    pub fn new(route: Rc<Route>, watched: Rc<Watched>) -> Rc<Self> {
        watched.is_shared.set(true);
        Rc::new(Self { route, watched, sender: RefCell::default(), is_opening: Cell::new(false) })
    }

    /// A sender of the connection, which is opened if it is not open.
    async fn sender(&self) -> Result<SendRequest<Bytes>, io::Error> {
        loop {
            if let Some(sender) = self.sender.borrow().clone() {
                return Ok(sender);
            }
            if !self.is_opening.replace(true) {
                let opened = in_time(self.route.connect_wait, self.open()).await;
                self.is_opening.set(false);
                let sender = opened?;
                *self.sender.borrow_mut() = Some(sender.clone());
                return Ok(sender);
            }
            monoio::time::sleep(OPENING_WAIT).await;
        }
    }

    async fn open(&self) -> io::Result<SendRequest<Bytes>> {
        let transport = Transport::connect(&self.route).await?;
        self.watched.socket.set(Some(transport.socket));
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (from_us, to_us) = tokio::io::split(far);
        monoio::spawn(receive(transport.reader, to_us));
        monoio::spawn(send(transport.writer, from_us));
        let handshake = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(near);
        let (sender, connection) = handshake.await.map_err(io::Error::other)?;
        monoio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    pub fn close(&self) {
        self.watched.socket.set(None);
        self.sender.borrow_mut().take();
    }
}

/// Carries what the server sends.
async fn receive(mut reader: Reader, mut to_us: WriteHalf<DuplexStream>) {
    let mut input = Vec::with_capacity(READ_BYTES);
    loop {
        input.clear();
        let (read, bytes) = reader.read(input, usize::MAX).await;
        input = bytes;
        if !matches!(read, Ok(1..)) || to_us.write_all(&input).await.is_err() {
            break;
        }
    }
    drop(to_us.shutdown().await);
}

/// Carries what we send.
async fn send(mut writer: Writer, mut from_us: ReadHalf<DuplexStream>) {
    let mut output = Rc::new(Vec::with_capacity(READ_BYTES));
    loop {
        let mut bytes = Rc::try_unwrap(output).unwrap_or_default();
        bytes.clear();
        bytes.reserve(READ_BYTES);
        if !matches!(from_us.read_buf(&mut bytes).await, Ok(1..)) {
            return;
        }
        output = Rc::new(bytes);
        if writer.write(Rc::clone(&output)).await.is_err() {
            return;
        }
    }
}

impl Stream {
    pub fn new(shared: Rc<Shared>, timeout: Duration) -> Self {
        Self { shared, timeout, complaint: String::new() }
    }

    pub async fn open(&mut self) -> Result<(), Failure> {
        self.sender().await.map(drop)
    }

    /// Closes the connection that it shares.
    pub fn close(&mut self) {
        self.shared.close();
    }

    /// Opens the connection again if the server has ended it while it was idle.
    pub async fn refresh(&mut self) -> Result<(), Failure> {
        if self.sender().await?.ready().await.is_err() {
            self.shared.close();
        }
        self.open().await
    }

    async fn sender(&mut self) -> Result<SendRequest<Bytes>, Failure> {
        let sender = self.shared.sender().await;
        sender.map_err(|failed| {
            self.complaint = failed.to_string();
            Failure::Connect(failed.kind())
        })
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(
        &mut self,
        request: &(http::Request<()>, Bytes),
        behaviour: &Behaviour,
        trace: &mut Trace<'_>,
    ) -> Result<Ended, Failure> {
        self.complaint.clear();
        let leaves_after = behaviour.leaves_after();
        let timeout = leaves_after.unwrap_or(self.timeout);
        // What has not ended by then is reset as it is dropped.
        let outcome = monoio::time::timeout(timeout, self.try_exchange(request, behaviour, trace)).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(_) if leaves_after.is_some() => Ok(Ended::Left),
            Err(_) => Err(Failure::TimedOut),
        };
        let is_lost = outcome.as_ref().is_err_and(|failure| !failure.keeps_connection());
        if is_lost && outcome != Err(Failure::TimedOut) {
            self.shared.close();
        }
        outcome
    }

    /// Sends a request and reads its answer: a stream up to its first event, after which it goes on for as long as what is
    /// returned lives, or all of it.
    pub async fn begin(
        &mut self,
        request: &(http::Request<()>, Bytes),
    ) -> Result<Option<RecvStream>, Failure> {
        self.complaint.clear();
        let begun = monoio::time::timeout(self.timeout, self.try_begin(request)).await;
        begun.unwrap_or(Err(Failure::TimedOut))
    }

    async fn try_begin(
        &mut self,
        request: &(http::Request<()>, Bytes),
    ) -> Result<Option<RecvStream>, Failure> {
        let (mut body, mut data) = self.ask(request).await?;
        while body.events() == 0 {
            let Some(bytes) = poll_fn(|context| data.poll_data(context)).await else {
                self.complaint = body.complaint();
                return body.check().map(|_| None);
            };
            let bytes = bytes.map_err(|lost| failure(&lost))?;
            body.take(&bytes);
            data.flow_control().release_capacity(bytes.len()).map_err(|lost| failure(&lost))?;
        }
        Ok(Some(data))
    }

    /// Sends a request, and waits for the head of its answer.
    async fn ask(&mut self, request: &(http::Request<()>, Bytes)) -> Result<(Body, RecvStream), Failure> {
        let sender = self.sender().await?;
        let mut sender = sender.ready().await.map_err(|lost| failure(&lost))?;
        let (response, mut sending) =
            sender.send_request(request.0.clone(), false).map_err(|lost| failure(&lost))?;
        sending.send_data(request.1.clone(), true).map_err(|lost| failure(&lost))?;
        let response = response.await.map_err(|lost| failure(&lost))?;
        let mut body = Body::default();
        let content_type = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        body.begin(response.status().as_u16(), content_type);
        Ok((body, response.into_body()))
    }

    async fn try_exchange(
        &mut self,
        request: &(http::Request<()>, Bytes),
        behaviour: &Behaviour,
        trace: &mut Trace<'_>,
    ) -> Result<Ended, Failure> {
        let (mut body, mut data) = self.ask(request).await?;
        trace.arrived(0);
        while let Some(bytes) = poll_fn(|context| data.poll_data(context)).await {
            let bytes = bytes.map_err(|lost| failure(&lost))?;
            body.take(&bytes);
            trace.arrived(body.events());
            if behaviour.leaves_after_events(body.events()) {
                return Ok(Ended::Left);
            }
            if let Some(rest) = behaviour.rest(bytes.len()) {
                monoio::time::sleep(rest).await;
            }
            data.flow_control().release_capacity(bytes.len()).map_err(|lost| failure(&lost))?;
        }
        trace.marks.bytes = body.bytes();
        let checked = body.check();
        if checked.is_err() {
            self.complaint = body.complaint();
        }
        checked.map(Ended::Good)
    }
}

fn failure(lost: &h2::Error) -> Failure {
    if let Some(lost) = lost.get_io() {
        Failure::Lost(lost.kind())
    } else if lost.is_reset() {
        Failure::StreamReset
    } else if lost.is_go_away() {
        Failure::Lost(io::ErrorKind::ConnectionReset)
    } else {
        Failure::NotHttp
    }
}
