//! One HTTP/1.1 connection: sends a request, reads and checks the answer.

use std::rc::Rc;
use std::time::Instant;

use super::trace::{Behaviour, Trace};
use super::transport::{READ_BYTES, Route, Transport};
use super::watch::{Watched, in_time};
use crate::load::check::{Answer, Failure};
use crate::load::measure::Ended;
use crate::sys;

/// A connection that is opened when it is needed.
pub struct Connection {
    route: Rc<Route>,
    transport: Option<Transport>,
    input: Vec<u8>,
    watched: Rc<Watched>,
    /// The begin of the last answer with a status other than 200, or what the kernel or TLS said.
    pub complaint: String,
}

impl Connection {
    pub fn new(route: Rc<Route>, watched: Rc<Watched>) -> Self {
        let input = Vec::with_capacity(READ_BYTES);
        Self { route, transport: None, input, watched, complaint: String::new() }
    }

    /// Opens the connection, if it is not open.
    pub async fn open(&mut self) -> Result<(), Failure> {
        if self.transport.is_none() {
            let connected = in_time(self.route.connect_wait, Transport::connect(&self.route)).await;
            let transport = connected.map_err(|failed| {
                self.complaint = failed.to_string();
                Failure::Connect(failed.kind())
            })?;
            self.watched.timed_out.set(false);
            self.watched.socket.set(Some(transport.socket));
            self.transport = Some(transport);
        }
        Ok(())
    }

    /// Opens the connection again if the server has ended it while it was idle, as servers do after some seconds.
    pub async fn refresh(&mut self) -> Result<(), Failure> {
        if self.transport.as_ref().is_some_and(|transport| sys::has_ended(transport.socket)) {
            self.close();
        }
        self.open().await
    }

    pub fn close(&mut self) {
        // The watch must not see a number that may soon be another socket's.
        self.watched.socket.set(None);
        self.transport = None;
        self.input.clear();
    }

    /// Sends a request and reads its answer, on a new connection if there is none.
    pub async fn exchange(
        &mut self,
        request: &Rc<Vec<u8>>,
        behaviour: &Behaviour,
        trace: &mut Trace<'_>,
    ) -> Result<Ended, Failure> {
        self.complaint.clear();
        self.watched.waiting_since.set(Some(Instant::now()));
        let outcome = match behaviour.leaves_after() {
            None => self.try_exchange(request, behaviour, trace).await,
            Some(after) => {
                let answering = self.try_exchange(request, behaviour, trace);
                let in_time = monoio::time::timeout(after, answering).await;
                in_time.unwrap_or_else(|_| Ok(self.leave()))
            }
        };
        self.end(outcome)
    }

    /// Sends a request and reads its answer: a stream up to its first event, after which it goes on, or all of it.
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

    /// Goes away in the middle of an answer, as a client does whose process ends.
    fn leave(&mut self) -> Ended {
        if let Some(transport) = &self.transport {
            sys::reset(transport.socket);
        }
        self.close();
        Ended::Left
    }

    async fn try_exchange(
        &mut self,
        request: &Rc<Vec<u8>>,
        behaviour: &Behaviour,
        trace: &mut Trace<'_>,
    ) -> Result<Ended, Failure> {
        self.send(request).await?;
        let mut answer = Answer::noting(behaviour.own_time.as_ref());
        while !answer.is_done() {
            let count = self.read(behaviour.read_bytes_max()).await?;
            if count == 0 {
                answer.end_of_connection()?;
            }
            self.advance(&mut answer)?;
            trace.arrived(answer.body().events());
            if behaviour.leaves_after_events(answer.body().events()) && !answer.is_done() {
                return Ok(self.leave());
            }
            if let Some(rest) = behaviour.rest(count) {
                monoio::time::sleep(rest).await;
                // It is this client that is slow.
                self.watched.waiting_since.set(Some(Instant::now()));
            }
        }
        if !self.input.is_empty() {
            return Err(Failure::Surplus);
        }
        if !answer.keeps_connection() {
            self.close();
        }
        trace.marks.bytes = answer.body().bytes();
        trace.marks.stamps = answer.stamps();
        let checked = answer.body().check();
        if checked.is_err() {
            self.complaint = answer.body().complaint();
        }
        checked.map(Ended::Good)
    }

    async fn try_begin(&mut self, request: &Rc<Vec<u8>>) -> Result<(), Failure> {
        self.send(request).await?;
        let mut answer = Answer::default();
        while !answer.is_done() && answer.body().events() == 0 {
            if self.read(usize::MAX).await? == 0 {
                answer.end_of_connection()?;
            }
            self.advance(&mut answer)?;
        }
        self.complaint = answer.body().complaint();
        // A stream that goes on has no end marker yet.
        match answer.body().check() {
            Err(Failure::NoEnd) | Ok(_) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn send(&mut self, request: &Rc<Vec<u8>>) -> Result<(), Failure> {
        self.open().await?;
        let transport = self.transport.as_mut().ok_or(Failure::ClosedBefore)?;
        let sent = transport.writer.write(Rc::clone(request)).await;
        sent.map_err(|lost| Failure::Lost(lost.kind()))
    }

    /// Reads more input; 0 at the end of the connection.
    async fn read(&mut self, bytes_max: usize) -> Result<usize, Failure> {
        let transport = self.transport.as_mut().ok_or(Failure::ClosedBefore)?;
        let (read, input) = transport.reader.read(std::mem::take(&mut self.input), bytes_max).await;
        self.input = input;
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
