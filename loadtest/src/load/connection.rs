//! One connection of the load generator: sends a request, reads and checks the answer.

use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Instant;

use monoio::buf::{IoBufMut, SliceMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::TcpStream;

use super::answer::Answer;
use super::failure::Failure;
use super::target::Target;
use super::watch::Watched;

/// Bytes that one read can take.
const READ_BYTES: usize = 32 * 1024;

/// A connection that is opened when it is needed.
pub struct Connection {
    target: Rc<Target>,
    stream: Option<TcpStream>,
    input: Vec<u8>,
    watched: Rc<Watched>,
    /// The begin of the last answer with a status other than 200.
    pub complaint: String,
}

/// A good answer.
#[derive(Clone, Copy, Debug)]
pub struct Good {
    /// When its first content came.
    pub first_at: Instant,
    /// Events, if it was a stream.
    pub events: u64,
}

impl Connection {
    pub fn new(target: Rc<Target>, watched: Rc<Watched>) -> Self {
        Self {
            target,
            stream: None,
            input: Vec::with_capacity(READ_BYTES),
            watched,
            complaint: String::new(),
        }
    }

    /// Opens the connection, if it is not open.
    pub async fn open(&mut self) -> Result<(), Failure> {
        if self.stream.is_none() {
            let connected = TcpStream::connect_addr(self.target.address).await;
            let stream = connected.map_err(|failed| Failure::Connect(failed.kind()))?;
            stream.set_nodelay(true).map_err(|failed| Failure::Connect(failed.kind()))?;
            self.watched.timed_out.set(false);
            self.watched.socket.set(Some(stream.as_raw_fd()));
            self.stream = Some(stream);
        }
        Ok(())
    }

    pub fn close(&mut self) {
        // The watch must not see a number that may soon be another socket's.
        self.watched.socket.set(None);
        self.stream = None;
        self.input.clear();
    }

    /// Sends a request and reads its answer, on a new connection if there is none.
    pub async fn exchange(&mut self, request: &Rc<Vec<u8>>) -> Result<Good, Failure> {
        self.watched.waiting_since.set(Some(Instant::now()));
        let outcome = self.try_exchange(request).await;
        self.end(outcome)
    }

    /// Sends a request and reads its answer up to its first content; the answer goes on.
    pub async fn begin(&mut self, request: &Rc<Vec<u8>>) -> Result<(), Failure> {
        self.watched.waiting_since.set(Some(Instant::now()));
        let outcome = self.try_begin(request).await;
        self.end(outcome)
    }

    fn end<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.watched.waiting_since.set(None);
        match outcome {
            Err(_) if self.watched.timed_out.get() => {
                self.close();
                Err(Failure::TimedOut)
            }
            Err(failure) if !failure.keeps_connection() => {
                self.close();
                Err(failure)
            }
            outcome => outcome,
        }
    }

    async fn try_exchange(&mut self, request: &Rc<Vec<u8>>) -> Result<Good, Failure> {
        self.send(request).await?;
        let mut answer = Answer::default();
        let mut first_at = None;
        while !answer.is_done() {
            if self.read().await? == 0 {
                answer.end_of_connection()?;
            }
            self.advance(&mut answer)?;
            if first_at.is_none() && answer.has_content() {
                first_at = Some(Instant::now());
            }
        }
        if !self.input.is_empty() {
            return Err(Failure::Surplus);
        }
        if !answer.keeps_connection() {
            self.close();
        }
        let checked = answer.check();
        if checked.is_err() {
            self.complaint = answer.complaint();
        }
        checked.map(|()| Good { first_at: first_at.unwrap_or_else(Instant::now), events: answer.events() })
    }

    async fn try_begin(&mut self, request: &Rc<Vec<u8>>) -> Result<(), Failure> {
        self.send(request).await?;
        let mut answer = Answer::default();
        while !answer.has_content() {
            if self.read().await? == 0 {
                answer.end_of_connection()?;
            }
            self.advance(&mut answer)?;
        }
        self.complaint = answer.complaint();
        // A stream that goes on has no end marker yet.
        match answer.check() {
            Err(Failure::NoEnd) | Ok(()) => Ok(()),
            failed => failed,
        }
    }

    async fn send(&mut self, request: &Rc<Vec<u8>>) -> Result<(), Failure> {
        self.open().await?;
        let stream = self.stream.as_mut().ok_or(Failure::ClosedBefore)?;
        let (sent, _) = stream.write_all(Rc::clone(request)).await;
        sent.map(|_| ()).map_err(|lost| Failure::Lost(lost.kind()))
    }

    /// Reads more input; 0 at the end of the connection.
    async fn read(&mut self) -> Result<usize, Failure> {
        let stream = self.stream.as_mut().ok_or(Failure::ClosedBefore)?;
        let mut input = std::mem::take(&mut self.input);
        input.reserve(READ_BYTES / 2);
        let (begin, end) = (input.len(), input.capacity());
        let (read, slice): (io::Result<usize>, SliceMut<Vec<u8>>) =
            stream.read(input.slice_mut(begin..end)).await;
        self.input = slice.into_inner();
        read.map_err(|lost| Failure::Lost(lost.kind()))
    }

    fn advance(&mut self, answer: &mut Answer) -> Result<(), Failure> {
        let used = answer.feed(&self.input)?;
        if used == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..used);
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}
