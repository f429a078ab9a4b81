//! A client that does nothing by itself, so that a test sees every byte.

use super::{Answer, PATIENCE, message};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection to the gateway.
pub struct Client {
    pub stream: TcpStream,
    /// Received and not yet used.
    pub rest: Vec<u8>,
    /// The fields behind the last body in chunks.
    trailer: Vec<(String, String)>,
    /// Who answers is no gateway, but a provider that says nothing of the time.
    is_providers: bool,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum End {
    Closed,
    Reset,
}

/// One event of a stream, and when it came.
#[derive(Debug)]
pub struct Arrival {
    pub data: String,
    pub at: Instant,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("delays can be turned off");
        Self::over(stream)
    }

    /// A client of a provider.
    pub fn of_provider(address: SocketAddr) -> Self {
        Self { is_providers: true, ..Self::connect(address) }
    }

    /// The same over a socket that is connected.
    pub fn over(stream: TcpStream) -> Self {
        Self { stream, rest: vec![], trailer: vec![], is_providers: false }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the gateway takes what is sent");
    }

    /// Sends what the gateway may refuse before it has read all of it.
    pub fn try_send(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// Sends bytes in two writes, far enough apart to be read apart.
    pub fn send_split(&mut self, bytes: &[u8], at: usize) {
        self.send(&bytes[..at]);
        std::thread::sleep(Duration::from_micros(300));
        self.send(&bytes[at..]);
    }

    pub fn ask(&mut self, bytes: &[u8]) -> Answer {
        self.send(bytes);
        self.answer()
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Reads more; how the connection ended if there is none.
    pub fn more(&mut self) -> Result<(), End> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            // A ring that this process had has ended: a read with a timeout is not begun anew by the kernel.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Ok(0) => Err(End::Closed),
            Ok(read) => {
                self.rest.extend_from_slice(&buffer[..read]);
                Ok(())
            }
            Err(error) => {
                assert!(
                    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                    "the gateway says nothing more; so far: {:?}",
                    String::from_utf8_lossy(&self.rest[..self.rest.len().min(2000)])
                );
                Err(End::Reset)
            }
        }
    }

    /// Reads to the end of the connection; tells how it ended.
    pub fn drain(&mut self) -> End {
        loop {
            if let Err(end) = self.more() {
                return end;
            }
        }
    }

    /// Asserts that nothing more comes before the connection ends.
    #[track_caller]
    pub fn ends(&mut self) {
        assert_eq!((self.drain(), String::from_utf8_lossy(&self.rest).as_ref()), (End::Closed, ""));
    }

    /// The next answer, interim ones apart. Its body may break off.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.answer_to("POST")
    }

    /// The answer to a request of this method.
    #[track_caller]
    pub fn answer_to(&mut self, method: &str) -> Answer {
        let (status, headers) = self.head();
        let mut answer = Answer { status, headers, body: vec![], whole: true, trailer: vec![] };
        if method == "HEAD" || matches!(status, 100..200 | 204 | 304) {
            return answer;
        }
        assert!(
            answer.header("content-length").is_none() || answer.header("transfer-encoding").is_none(),
            "two ways to find the end: {:?}",
            answer.headers
        );
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().expect("a length");
            while self.rest.len() < length && self.more().is_ok() {}
            answer.whole = self.rest.len() >= length;
            answer.body = self.rest.drain(..length.min(self.rest.len())).collect();
        } else if answer.header("transfer-encoding").is_some() {
            answer.whole = self.chunks(&mut answer.body);
            answer.trailer = std::mem::take(&mut self.trailer);
        } else {
            assert_eq!(self.drain(), End::Closed);
            answer.body = std::mem::take(&mut self.rest);
        }
        answer
    }

    /// The next head.
    #[track_caller]
    pub fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let found = self.find(b"\r\n\r\n");
        let rest = String::from_utf8_lossy(&self.rest).into_owned();
        assert!(found.is_ok(), "the connection ended in place of a head: {found:?} after {rest:?}");
        let end = found.unwrap_or_default();
        let text = String::from_utf8_lossy(&self.rest[..end]).into_owned();
        self.rest.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let first = lines.next().expect("a first line");
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)?.parse().ok());
        let headers = lines.map(|line| line.split_once(": ").expect("a header"));
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let status = status.expect("a status line");
        if !self.is_providers {
            message::is_dated(status, &headers);
        }
        (status, headers)
    }

    /// One chunk of a chunked body, empty at its end; none if the connection ended before.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = self.find(b"\r\n").ok()?;
        let size =
            std::str::from_utf8(&self.rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk size");
        if size == 0 {
            self.rest.drain(..end + 2);
            return self.fields_behind().map(|()| vec![]);
        }
        while self.rest.len() < end + 2 + size + 2 {
            self.more().ok()?;
        }
        self.rest.drain(..end + 2);
        let chunk = self.rest.drain(..size).collect();
        assert_eq!(self.rest.drain(..2).collect::<Vec<_>>(), b"\r\n");
        Some(chunk)
    }

    /// Reads the fields behind the last chunk, up to the empty line.
    fn fields_behind(&mut self) -> Option<()> {
        loop {
            let end = self.find(b"\r\n").ok()?;
            let line: Vec<u8> = self.rest.drain(..end + 2).take(end).collect();
            if line.is_empty() {
                return Some(());
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let (name, value) = line.split_once(": ").expect("a field");
            self.trailer.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        while let Some(chunk) = self.chunk() {
            if chunk.is_empty() {
                return true;
            }
            body.extend(chunk);
        }
        false
    }

    /// At least so many events of a stream as they come, if it has as many; the head must have been read.
    pub fn arrivals(&mut self, at_least: usize) -> Vec<Arrival> {
        let mut arrivals = vec![];
        let mut text = Vec::new();
        while arrivals.len() < at_least {
            let Some(chunk) = self.chunk().filter(|chunk| !chunk.is_empty()) else { break };
            let at = Instant::now();
            text.extend(chunk);
            while let Some(end) = memchr::memmem::find(&text, b"\n\n") {
                let event = String::from_utf8_lossy(&text[..end]).into_owned();
                text.drain(..end + 2);
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
                arrivals.push(Arrival { data: data.to_owned(), at });
            }
        }
        arrivals
    }

    fn find(&mut self, what: &[u8]) -> Result<usize, End> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.rest, what) {
                return Ok(at);
            }
            self.more()?;
        }
    }
}
