//! Clients that keep asking at a steady rate, as clients' libraries do, over every wire.

use crate::harness::{KEY, Wire, Wired, until};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Time between two requests of each wire: 200 requests/s in all.
const PERIOD: Duration = Duration::from_millis(20);
/// So many requests are asked on kept connections before one has a new one.
const TURNS: u32 = 5;
/// A kept connection that has rested longer is not used again: a gateway that drains closes it after a second.
const RESTED: Duration = Duration::from_millis(400);
/// Nobody waits longer than this, whatever happens.
const LONGEST: Duration = Duration::from_secs(20);

/// How a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nobody accepts connections.
    Refused,
    /// An answer of another status.
    Answered(u16, String),
    /// A connection ended, in TLS or before the answer was whole.
    Broken(String),
    /// There was no end.
    Late,
}

#[derive(Default)]
struct Tally {
    served: AtomicU32,
    failures: Mutex<Vec<(Wire, Failure)>>,
}

/// All of them, on a thread of their own.
pub struct Riders {
    clients: Vec<Arc<Rider>>,
    tally: Arc<Tally>,
    stopped: Arc<AtomicBool>,
    began: Instant,
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

/// A stream that is to be read, and who wants to know of its first bytes and its end.
struct Order {
    rider: Arc<Rider>,
    settings: String,
    news: Sender<Result<String, Failure>>,
}

/// A stream that runs.
pub struct Stream {
    wire: Wire,
    news: Receiver<Result<String, Failure>>,
}

impl Stream {
    /// Reads to the end, which is a good one.
    #[track_caller]
    pub fn ends(self) {
        let text = self.news.recv().expect("an end").expect("a good end");
        assert!(text.ends_with("data: [DONE]\n\n"), "{:?}: {text}", self.wire);
    }
}

impl Riders {
    /// Begins to ask for a model.
    pub fn start(wired: &Wired, model: &str) -> Self {
        let riders = Wire::ALL.map(|wire| Arc::new(Rider::new(wire, wired.address(wire), model)));
        let (tally, stopped) = (Arc::<Tally>::default(), Arc::<AtomicBool>::default());
        let (orders, ordered) = channel();
        let (clients, load) = (riders.to_vec(), (tally.clone(), stopped.clone()));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run(riders, load, ordered));
        });
        Self { clients, tally, stopped, began: Instant::now(), orders, thread: Some(thread) }
    }

    /// Streams, one over each wire, each of which has begun.
    pub fn streams(&self, settings: &str) -> Vec<Stream> {
        let order = |rider: &Arc<Rider>| {
            let (sender, news) = channel();
            let order = Order { rider: rider.clone(), settings: settings.to_owned(), news: sender };
            self.orders.send(order).expect("the riders ride");
            Stream { wire: rider.wire, news }
        };
        let streams: Vec<Stream> = self.clients.iter().map(order).collect();
        for stream in &streams {
            stream.news.recv().expect("news").expect("a beginning");
        }
        streams
    }

    /// Requests that were served so far.
    pub fn served(&self) -> u32 {
        self.tally.served.load(Relaxed)
    }

    /// Lets so many more requests be served, or fail.
    pub fn go_on(&self, count: u32) {
        let came = || self.served() + self.failures().len() as u32;
        let enough = came() + count;
        until("requests to be served", || (came() >= enough).then_some(()));
    }

    pub fn failures(&self) -> Vec<(Wire, Failure)> {
        self.tally.failures.lock().expect("no panic").clone()
    }

    /// Ends it once everything that was asked is answered; gives what has failed. It has kept its rate.
    #[track_caller]
    pub fn stop(&mut self) -> Vec<(Wire, Failure)> {
        let due = Wire::ALL.len() as u128 * self.began.elapsed().as_millis() / PERIOD.as_millis();
        self.stopped.store(true, Relaxed);
        self.thread.take().expect("it runs").join().expect("no panic");
        let (served, failures) = (self.served(), self.failures());
        assert!(
            u128::from(served) + failures.len() as u128 >= due / 2,
            "{served} of {due}, and {}",
            failures.len()
        );
        failures
    }
}

impl Drop for Riders {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
    }
}

async fn run(riders: [Arc<Rider>; 4], load: (Arc<Tally>, Arc<AtomicBool>), ordered: Receiver<Order>) {
    let (tally, stopped) = load;
    let (mut tasks, mut pace) = (JoinSet::new(), tokio::time::interval(PERIOD));
    for turn in 0.. {
        pace.tick().await;
        if stopped.load(Relaxed) {
            break;
        }
        while let Ok(Order { rider, settings, news }) = ordered.try_recv() {
            tokio::spawn(async move {
                let read = rider.ask(&settings, false, |_| drop(news.send(Ok(String::new())))).await;
                // Nobody may wait for it any more.
                drop(news.send(read));
            });
        }
        for rider in &riders {
            let (rider, tally) = (rider.clone(), tally.clone());
            tasks.spawn(async move {
                let asked = rider.ask("", turn % TURNS == 0, |_| ());
                let ended = tokio::time::timeout(LONGEST, asked).await;
                match ended.unwrap_or(Err(Failure::Late)) {
                    Ok(_) => drop(tally.served.fetch_add(1, Relaxed)),
                    Err(failure) => tally.failures.lock().expect("no panic").push((rider.wire, failure)),
                }
            });
        }
        while tasks.try_join_next().is_some() {}
    }
    tasks.join_all().await;
}

type Http1 = http1::SendRequest<Full<Bytes>>;
type Http2 = h2::client::SendRequest<Bytes>;

/// A client over one wire. TLS is a tunnel's.
struct Rider {
    wire: Wire,
    address: SocketAddr,
    model: String,
    rested: Mutex<Vec<(Http1, Instant)>>,
    shared: tokio::sync::Mutex<Option<Http2>>,
}

impl Rider {
    fn new(wire: Wire, address: SocketAddr, model: &str) -> Self {
        Self {
            wire,
            address,
            model: model.to_owned(),
            rested: Mutex::default(),
            shared: tokio::sync::Mutex::default(),
        }
    }

    /// Asks, and reads the answer to its end; `begun` is told once. With settings it is a stream.
    async fn ask(&self, settings: &str, anew: bool, begun: impl FnOnce(u16)) -> Result<String, Failure> {
        let (model, stream) = (&self.model, !settings.is_empty());
        let body = format!(r#"{{"model":"{model}?{settings}","messages":[],"stream":{stream}}}"#);
        let read = if self.wire.is_http2() {
            self.over_http2(body, anew, begun).await?
        } else {
            self.over_http1(body, anew, begun).await?
        };
        match read {
            (200, text) => Ok(text),
            (status, text) => Err(Failure::Answered(status, text)),
        }
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Failure::Refused,
            _ => broken(error),
        })?;
        stream.set_nodelay(true).map_err(broken)?;
        Ok(stream)
    }

    async fn over_http1(
        &self,
        body: String,
        anew: bool,
        begun: impl FnOnce(u16),
    ) -> Result<(u16, String), Failure> {
        let mut sender = self.http1(anew).await?;
        let mut asked = request(Full::new(Bytes::from(body)));
        *asked.uri_mut() = http::Uri::from_static("/v1/chat/completions");
        let answer = sender.send_request(asked).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let last = answer.headers().get("connection").is_some_and(|said| said == "close");
        let mut body = answer.into_body();
        let (mut begun, mut text) = (Some(begun), String::new());
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame.map_err(broken)?.data_ref() {
                begun.take().into_iter().for_each(|begun| begun(status));
                text += &String::from_utf8_lossy(data);
            }
        }
        if !last {
            self.rested.lock().expect("no panic").push((sender, Instant::now()));
        }
        Ok((status, text))
    }

    async fn http1(&self, anew: bool) -> Result<Http1, Failure> {
        while let Some((mut sender, since)) =
            (!anew).then(|| self.rested.lock().expect("no panic").pop()).flatten()
        {
            if since.elapsed() < RESTED && sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let io = TokioIo::new(self.connect().await?);
        let (sender, connection) = http1::handshake(io).await.map_err(broken)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn over_http2(
        &self,
        body: String,
        anew: bool,
        begun: impl FnOnce(u16),
    ) -> Result<(u16, String), Failure> {
        let (answer, mut upload) = loop {
            // What was not sent, because a farewell came first, is sent elsewhere.
            if let Ok(sent) = self.http2(anew).await?.send_request(request(()), false) {
                break sent;
            }
        };
        upload.send_data(body.into(), true).map_err(broken)?;
        let answer = answer.await.map_err(broken)?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        let (mut begun, mut text) = (Some(begun), String::new());
        while let Some(data) = body.data().await {
            let data = data.map_err(broken)?;
            begun.take().into_iter().for_each(|begun| begun(status));
            body.flow_control().release_capacity(data.len()).map_err(broken)?;
            text += &String::from_utf8_lossy(&data);
        }
        Ok((status, text))
    }

    async fn http2(&self, anew: bool) -> Result<Http2, Failure> {
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.take().filter(|_| !anew)
            && let Ok(ready) = sender.ready().await
        {
            *shared = Some(ready.clone());
            return Ok(ready);
        }
        let (sender, connection) = h2::client::handshake(self.connect().await?).await.map_err(broken)?;
        tokio::spawn(connection);
        let ready = sender.ready().await.map_err(broken)?;
        *shared = Some(ready.clone());
        Ok(ready)
    }
}

/// A request for an answer of a model; the body tells of which.
fn request<B>(body: B) -> http::Request<B> {
    let request = http::Request::post("http://gateway/v1/chat/completions").header("x-api-key", KEY);
    let request = request.header("host", "gateway").header("content-type", "application/json");
    request.body(body).expect("a request")
}

fn broken(error: impl std::error::Error) -> Failure {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(deeper) = source {
        text += &format!(": {deeper}");
        source = deeper.source();
    }
    Failure::Broken(text)
}
