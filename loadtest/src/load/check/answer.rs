//! Reads one HTTP/1.1 answer as it arrives.

use std::mem::MaybeUninit;
use std::rc::Rc;

use super::body::Body;
use super::failure::Failure;
use super::stamps::{OwnTime, Stamps};
use crate::wire::Chunked;

/// Most headers and most bytes of an answer's head.
const HEADERS_MAX: usize = 128;
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// An answer that is being read.
#[derive(Debug)]
pub struct Answer {
    state: State,
    body: Body,
    /// The server keeps the connection after it.
    keeps_connection: bool,
    /// What is noted of its exchange, where that is wanted.
    own_time: Option<Rc<OwnTime>>,
    stamps: Stamps,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            state: State::Head,
            body: Body::default(),
            keeps_connection: true,
            own_time: None,
            stamps: Stamps::default(),
        }
    }
}

impl Answer {
    /// Notes what the answer says of its exchange, if it is wanted.
    pub fn noting(own_time: Option<&Rc<OwnTime>>) -> Self {
        Self { own_time: own_time.cloned(), ..Self::default() }
    }

    /// What the answer said of its exchange.
    pub fn stamps(&self) -> Stamps {
        self.stamps
    }

    /// Takes bytes from the connection. Returns how many were used: fewer than given inside a head, and once it
    /// [is done](Self::is_done).
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut used = 0;
        if matches!(self.state, State::Head) {
            used = self.read_heads(bytes)?;
        }
        Ok(used + self.read_body(&bytes[used..])?)
    }

    /// The connection ended.
    pub fn end_of_connection(&mut self) -> Result<(), Failure> {
        match self.state {
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Head if self.body.status() == 0 => Err(Failure::ClosedBefore),
            _ => Err(Failure::ClosedInside),
        }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    pub fn keeps_connection(&self) -> bool {
        self.keeps_connection
    }

    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Reads heads up to the first that is not interim.
    fn read_heads(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut used = 0;
        while matches!(self.state, State::Head) {
            match self.read_head(&bytes[used..])? {
                Some(head_bytes) => used += head_bytes,
                None if bytes.len() - used > HEAD_BYTES_MAX => return Err(Failure::NotHttp),
                None => break,
            }
        }
        Ok(used)
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut headers,
        );
        let head_bytes = match parsed {
            Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Failure::NotHttp),
        };
        let status = response.code.unwrap_or(0);
        if (100..200).contains(&status) {
            return Ok(Some(head_bytes));
        }
        let content_type =
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-type"));
        self.body.begin(status, content_type.map_or(b"", |header| header.value));
        self.keeps_connection = response.version == Some(1);
        self.state = State::UntilClose;
        for header in response.headers.iter() {
            self.read_header(header.name, header.value)?;
        }
        if matches!(self.state, State::UntilClose) {
            self.keeps_connection = false;
        }
        if matches!(self.state, State::Length(0)) || matches!(status, 204 | 304) {
            self.state = State::Done;
        }
        Ok(Some(head_bytes))
    }

    fn read_header(&mut self, name: &str, value: &[u8]) -> Result<(), Failure> {
        if let Some(own_time) = &self.own_time {
            self.stamps.take(own_time, name, value);
        }
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => {
                self.keeps_connection = !value.eq_ignore_ascii_case(b"close");
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                self.frame(State::Length(length.ok_or(Failure::NotHttp)?))?;
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.frame(State::Chunked(Chunked::default()))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A body has one framing.
    fn frame(&mut self, state: State) -> Result<(), Failure> {
        match self.state {
            State::UntilClose => {
                self.state = state;
                Ok(())
            }
            _ => Err(Failure::NotHttp),
        }
    }

    fn read_body(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let body = &mut self.body;
        match &mut self.state {
            State::Head | State::Done => Ok(0),
            State::UntilClose => {
                body.take(bytes);
                Ok(bytes.len())
            }
            State::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                body.take(&bytes[..used]);
                *left -= used as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
                Ok(used)
            }
            State::Chunked(chunked) => {
                let used = chunked.feed(bytes, |data| body.take(data)).map_err(|_| Failure::NotHttp)?;
                if chunked.is_done() {
                    self.state = State::Done;
                }
                Ok(used)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds an answer in pieces; returns what was used of it, and the check of what came.
    fn read(bytes: &str, step: usize) -> Result<(usize, u64), Failure> {
        let (mut answer, mut input, mut used) = (Answer::default(), Vec::new(), 0);
        for piece in bytes.as_bytes().chunks(step) {
            input.extend_from_slice(piece);
            let now = answer.feed(&input)?;
            input.drain(..now);
            used += now;
            if answer.is_done() {
                break;
            }
        }
        if !answer.is_done() {
            answer.end_of_connection()?;
        }
        answer.body().check().map(|content| (used, content.events))
    }

    fn all_cuts(bytes: &str) -> Result<(usize, u64), Failure> {
        let whole = read(bytes, bytes.len());
        for step in 1..bytes.len() {
            let cut = read(bytes, step);
            assert_eq!(cut, whole, "cut every {step} of {bytes:?}");
        }
        whole
    }

    /// Good answers in every framing are complete, however they are cut, and what follows is left alone.
    #[test]
    fn reads_good_answers() {
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(all_cuts(&format!("HTTP/1.1 100 Continue\r\n\r\n{length}")), Ok((length.len() + 25, 0)));
        assert_eq!(read(&format!("{length}more"), 100), Ok((length.len(), 0)));
        assert_eq!(all_cuts("HTTP/1.1 200 OK\r\n\r\n{}\n"), Ok((22, 0)));
        let stream =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let stream = format!("{stream}9\r\ndata: 1\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
        assert_eq!(all_cuts(&stream).map(|(_, events)| events), Ok(2));
    }

    /// Bad answers are told apart, however they are cut.
    #[test]
    fn tells_bad_answers_apart() {
        let event =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        for (answer, failure) in [
            ("HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}".to_owned(), Failure::Status(503)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]".to_owned(), Failure::NotJson),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(), Failure::NotJson),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}".to_owned(), Failure::ClosedInside),
            ("HTTP/1.1 200 OK\r\ncontent-le".to_owned(), Failure::ClosedBefore),
            ("nonsense".to_owned(), Failure::NotHttp),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
                Failure::NotHttp,
            ),
            (format!("{event}9\r\ndata: 1\n\n\r\n0\r\n\r\n"), Failure::NoEnd),
            (format!("{event}14\r\ndata: {{\"error\":{{}}}}\n\n\r\n0\r\n\r\n"), Failure::StreamError),
            (format!("{event}9\r\ndata: 1\n\n\r\nzz\r\n"), Failure::NotHttp),
        ] {
            assert_eq!(all_cuts(&answer), Err(failure), "{answer:?}");
        }
    }
}
