//! A client that does nothing by itself, so that a test sees every byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long anything may take on a slow machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub struct Client {
    pub stream: TcpStream,
    /// Received and not yet used.
    pub rest: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The data of each event, and its name if it has one.
    pub fn events(&self) -> Vec<(Option<String>, String)> {
        let text = self.text();
        assert!(text.ends_with("\n\n"), "{text}");
        text.trim_end()
            .split("\n\n")
            .map(|event| {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                (field("event: "), field("data: ").unwrap_or_default())
            })
            .collect()
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        Self { stream, rest: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("send");
    }

    pub fn post(&mut self, path: &str, body: &str) {
        self.send(post(path, body).as_bytes());
    }

    pub fn ask(&mut self, path: &str, body: &str) -> Answer {
        self.post(path, body);
        self.answer().expect("an answer")
    }

    /// Reads more; at the end of the connection it is an error.
    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.rest.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }

    /// Everything until the connection ends, and how it ended.
    pub fn drain(&mut self) -> io::ErrorKind {
        loop {
            if let Err(ended) = self.more() {
                return ended.kind();
            }
        }
    }

    /// The next answer, however its body is delimited.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let (status, headers) = self.head()?;
        let header =
            |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let body = if let Some(length) = header("content-length") {
            self.take(length.parse().expect("a length"))?
        } else if header("transfer-encoding").is_some() {
            self.chunked()?
        } else if (100..200).contains(&status) {
            Vec::new()
        } else {
            assert_eq!(self.drain(), io::ErrorKind::UnexpectedEof);
            std::mem::take(&mut self.rest)
        };
        Ok(Answer { status, headers, body })
    }

    pub fn head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let end = self.find(b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&self.rest[..end]).into_owned();
        self.rest.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let status =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|line| line.get(..3));
        let status = status.and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        Ok((status, headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }

    /// One chunk of a chunked body; empty at its end.
    pub fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let end = self.find(b"\r\n")?;
        let size = usize::from_str_radix(&String::from_utf8_lossy(&self.rest[..end]), 16);
        let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
        self.rest.drain(..end + 2);
        let chunk = self.take(size)?;
        assert_eq!(self.take(2)?, b"\r\n");
        Ok(chunk)
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    fn find(&mut self, what: &[u8]) -> io::Result<usize> {
        loop {
            if let Some(at) = self.rest.windows(what.len()).position(|bytes| bytes == what) {
                return Ok(at);
            }
            self.more()?;
        }
    }

    fn take(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        while self.rest.len() < bytes {
            self.more()?;
        }
        Ok(self.rest.drain(..bytes).collect())
    }
}

pub fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer secret\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
