//! One connection: reads requests, plays answers, and sees at once when the client goes away.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use monoio::buf::{IoBufMut, SliceMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, OwnedReadHalf, OwnedWriteHalf, Splitable};
use monoio::net::TcpStream;

use super::answers::Answers;
use super::compile::refuse;
use super::echo::Received;
use super::endpoint::Dialect;
use super::request::{BODY_BYTES_MAX, Framing, Head, Reading, read_head};
use super::script::{End, Filling, Script, Step, id_of};
use super::stats::Counters;
use crate::chance::Chance;
use crate::sys;
use crate::wire::Chunked;

/// Bytes that one read can take, and how large a buffer may stay after a request.
const READ_BYTES: usize = 16 * 1024;
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// How long and how much is read after an answer that was early, so that a reset does not overtake it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A timer fires this much later than asked.
const TIMER_LATE: Duration = Duration::from_millis(1);

/// What all connections of one thread share.
pub struct Shared {
    pub answers: RefCell<Answers>,
    pub counters: std::sync::Arc<Counters>,
    pub seed: u64,
    /// Times that recorded waits are drawn from.
    pub recording: std::sync::Arc<[Duration]>,
    /// Answers say when they were asked for and given; nobody else reads the clock for it.
    pub stamps: bool,
}

/// One connection, with its buffers.
struct Connection {
    shared: Rc<Shared>,
    socket: RawFd,
    reader: OwnedReadHalf<TcpStream>,
    writer: OwnedWriteHalf<TcpStream>,
    /// What was received and not yet used.
    input: Vec<u8>,
    /// The body of the present request, where it came in chunks.
    body: Vec<u8>,
    output: Vec<u8>,
    /// When the input's last bytes were read, where answers say so.
    received_ns: u64,
}

/// How an answer ended, unless the client went away.
type Played = io::Result<()>;

/// Serves one connection until it ends. The socket is open until what is returned is dropped.
pub async fn serve(stream: TcpStream, shared: Rc<Shared>) -> impl Sized {
    let socket = stream.as_raw_fd();
    let (reader, writer) = stream.into_split();
    let input = Vec::with_capacity(READ_BYTES);
    let mut connection = Connection {
        shared,
        socket,
        reader,
        writer,
        input,
        body: Vec::new(),
        output: Vec::with_capacity(4096),
        received_ns: 0,
    };
    while connection.exchange().await.is_continue() {}
    connection
}

impl Connection {
    /// Reads one request and answers it.
    async fn exchange(&mut self) -> ControlFlow<()> {
        let Some(head) = self.read_head().await? else {
            return self.refuse_head().await;
        };
        let id = id_of(self.shared.seed, self.shared.counters.request());
        let script = self.read_body(&head, id).await?;
        self.answer(&script, id, head.keep_alive).await
    }

    /// The next head, or nothing if what came is none.
    async fn read_head(&mut self) -> ControlFlow<(), Option<Head>> {
        loop {
            if !self.input.is_empty() {
                match read_head(&self.input) {
                    Reading::Complete(head) => return ControlFlow::Continue(Some(head)),
                    Reading::Wrong(_) => return ControlFlow::Continue(None),
                    Reading::Partial => {}
                }
            }
            self.read_more().await?;
        }
    }

    async fn refuse_head(&mut self) -> ControlFlow<()> {
        let reason = match read_head(&self.input) {
            Reading::Wrong(reason) => reason,
            Reading::Complete(_) | Reading::Partial => "the head is wrong",
        };
        let message = format!("The mock provider refuses this request: {reason}.");
        let script = refuse(Script::default(), Dialect::OpenAi, 400, &message).finish(End::Close);
        self.answer(&script, 0, false).await
    }

    /// Reads the body and finds the answer. The request is gone from the input afterwards, and what follows stays.
    async fn read_body(&mut self, head: &Head, id: u64) -> ControlFlow<(), Rc<Script>> {
        if self.is_incomplete(head) {
            let early = self.shared.answers.borrow().early(head, &self.input[head.bytes..]);
            if let Some(script) = early {
                return ControlFlow::Continue(script);
            }
            if head.expects_continue {
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
        }
        match head.framing {
            Framing::Length(length) => self.read_length(head, length as usize, id).await,
            Framing::Chunked => self.read_chunked(head, id).await,
        }
    }

    fn is_incomplete(&self, head: &Head) -> bool {
        match head.framing {
            Framing::Length(length) => ((self.input.len() - head.bytes) as u64) < length,
            Framing::Chunked => !self.input.ends_with(b"0\r\n\r\n"),
        }
    }

    async fn read_length(&mut self, head: &Head, length: usize, id: u64) -> ControlFlow<(), Rc<Script>> {
        let end = head.bytes + length;
        while self.input.len() < end {
            self.input.reserve(end - self.input.len());
            self.read_more().await?;
        }
        let received = Received { head: &self.input[..head.bytes], body: &self.input[head.bytes..end] };
        let script = self.shared.answers.borrow_mut().answer(head, received, id);
        self.take(end);
        ControlFlow::Continue(script)
    }

    async fn read_chunked(&mut self, head: &Head, id: u64) -> ControlFlow<(), Rc<Script>> {
        let (mut chunked, mut end) = (Chunked::default(), head.bytes);
        self.body.clear();
        loop {
            let body = &mut self.body;
            match chunked.feed(&self.input[end..], |data| body.extend_from_slice(data)) {
                Ok(taken) => end += taken,
                Err(_) => return ControlFlow::Continue(Rc::new(bad_body())),
            }
            if chunked.is_done() {
                break;
            }
            // The head stays for the answer; the body has been copied.
            self.input.truncate(head.bytes);
            end = head.bytes;
            if self.body.len() as u64 > BODY_BYTES_MAX {
                return ControlFlow::Continue(Rc::new(bad_body()));
            }
            self.read_more().await?;
        }
        let received = Received { head: &self.input[..head.bytes], body: &self.body };
        let script = self.shared.answers.borrow_mut().answer(head, received, id);
        self.take(end);
        ControlFlow::Continue(script)
    }

    /// Forgets the begin of the input, and a buffer that one large request needed.
    fn take(&mut self, bytes: usize) {
        if bytes == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..bytes);
        }
        if self.input.capacity() > KEPT_BYTES_MAX {
            self.input.shrink_to(READ_BYTES);
            self.body = Vec::new();
            self.output = Vec::new();
        }
    }

    async fn answer(&mut self, script: &Script, id: u64, keep_alive: bool) -> ControlFlow<()> {
        // A client that has sent its next request already is not watched: a read might wait forever for a third one.
        let is_watched = !script.is_simple() && self.input.is_empty();
        let played =
            if is_watched { self.play_watched(script, id).await } else { self.play(script, id).await };
        if is_watched {
            self.stamp();
        }
        if played.is_err() {
            self.shared.counters.aborted();
            return ControlFlow::Break(());
        }
        match script.end {
            End::KeepAlive if keep_alive => return ControlFlow::Continue(()),
            End::KeepAlive | End::Close => self.close().await,
            End::Reset => sys::reset(self.socket),
        }
        ControlFlow::Break(())
    }

    async fn play(&mut self, script: &Script, id: u64) -> Played {
        let player = Player { id, received_ns: self.received_ns, shared: &self.shared };
        player.play(script, &mut self.writer, &mut self.output).await
    }

    /// Plays with a read posted, which ends when the client goes away; what the client sends early is kept.
    async fn play_watched(&mut self, script: &Script, id: u64) -> Played {
        let input = std::mem::take(&mut self.input);
        let mut read = pin!(read_into(&mut self.reader, input));
        let player = Player { id, received_ns: self.received_ns, shared: &self.shared };
        let mut playing = pin!(player.play(script, &mut self.writer, &mut self.output));
        let mut arrived = None;
        let played = poll_fn(|context| {
            // Who took the whole answer may leave before it is known here that all was sent.
            if let Poll::Ready(played) = playing.as_mut().poll(context) {
                return Poll::Ready(played);
            }
            if arrived.is_none()
                && let Poll::Ready((result, input)) = read.as_mut().poll(context)
            {
                let gone = !matches!(result, Ok(1..));
                arrived = Some(input);
                if gone {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
            Poll::Pending
        })
        .await;
        if played.is_ok() && script.end == End::KeepAlive {
            // An operation must not be dropped: its data would be lost. The next thing to do is to read anyway.
            self.input = match arrived {
                Some(input) => input,
                None => match read.await {
                    (Ok(_), input) => input,
                    (Err(_), _) => Vec::new(),
                },
            };
        }
        played
    }

    /// Ends our direction, and reads what the client still sends for a while.
    async fn close(&mut self) {
        sys::shutdown_write(self.socket);
        let deadline = Instant::now() + LINGER;
        let mut drained = 0;
        while drained < LINGER_BYTES_MAX && Instant::now() < deadline {
            self.input.clear();
            let reading = monoio::time::timeout(LINGER, self.read_more());
            if !matches!(reading.await, Ok(ControlFlow::Continue(()))) {
                return;
            }
            drained += self.input.len();
        }
    }

    async fn read_more(&mut self) -> ControlFlow<()> {
        let (result, input) = read_into(&mut self.reader, std::mem::take(&mut self.input)).await;
        self.input = input;
        self.stamp();
        if matches!(result, Ok(1..)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Notes when bytes came in.
    fn stamp(&mut self) {
        if self.shared.stamps {
            self.received_ns = sys::monotonic_ns();
        }
    }

    async fn send(&mut self, bytes: &'static [u8]) -> ControlFlow<()> {
        let (result, _) = self.writer.write_all(bytes).await;
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn bad_body() -> Script {
    refuse(Script::default(), Dialect::OpenAi, 400, "The chunks of the body are wrong.").finish(End::Close)
}

/// Reads behind what the buffer holds.
async fn read_into(
    reader: &mut OwnedReadHalf<TcpStream>,
    mut input: Vec<u8>,
) -> (io::Result<usize>, Vec<u8>) {
    if input.capacity() - input.len() < READ_BYTES / 4 {
        input.reserve(READ_BYTES);
    }
    let (begin, end) = (input.len(), input.capacity());
    let (result, slice): (_, SliceMut<Vec<u8>>) = reader.read(input.slice_mut(begin..end)).await;
    (result, slice.into_inner())
}

/// Plays one answer.
struct Player<'a> {
    id: u64,
    received_ns: u64,
    shared: &'a Shared,
}

impl Player<'_> {
    async fn play(
        &self,
        script: &Script,
        writer: &mut OwnedWriteHalf<TcpStream>,
        output: &mut Vec<u8>,
    ) -> Played {
        let mut due: Option<Instant> = None;
        let mut chance = Chance::new(self.id);
        for step in &script.steps {
            match step {
                Step::Send { bytes, blanks } => {
                    let mut buffer = std::mem::take(output);
                    buffer.clear();
                    script.copy(bytes.clone(), blanks.clone(), &self.filling(), &mut buffer);
                    let (result, buffer) = writer.write_all(buffer).await;
                    *output = buffer;
                    result?;
                }
                Step::Pause(wait) => {
                    let drawn = wait.draw(&mut chance, &self.shared.recording);
                    let next = due.unwrap_or_else(Instant::now) + drawn;
                    sleep_until(next).await;
                    due = Some(next);
                }
                Step::Stall => std::future::pending().await,
            }
        }
        Ok(())
    }

    fn filling(&self) -> Filling {
        let answered_ns = if self.shared.stamps { sys::monotonic_ns() } else { 0 };
        Filling { id: self.id, received_ns: self.received_ns, answered_ns }
    }
}

/// Sleeps until a moment, or not at all if it is nearer than half of what the timer is late.
async fn sleep_until(moment: Instant) {
    let wait = moment.saturating_duration_since(Instant::now());
    if wait > TIMER_LATE / 2 {
        monoio::time::sleep(wait.saturating_sub(TIMER_LATE)).await;
    }
}
