//! An HTTP/2 client that sends the frames that a test writes, right or wrong.

use super::{Client, End, KEY};
use std::net::SocketAddr;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GO_AWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

const INITIAL_WINDOW_SIZE: u16 = 4;

pub const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// The head of a request for a chat.
pub const CHAT_HEAD: [(&str, &str); 6] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "gateway"),
    (":path", "/v1/chat/completions"),
    ("x-api-key", KEY),
    ("content-type", "application/json"),
];

/// A connection that speaks frames. Statuses are read without a dynamic table, so each connection sees at most
/// one answer of a status that the static table does not have.
pub struct Frames {
    client: Client,
    /// Whether pings are answered.
    pub answers: bool,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Answered {
        status: u16,
        body: String,
    },
    /// The stream was reset with this code.
    Reset(u32),
    /// The connection was ended.
    Ended,
}

impl Frames {
    /// Connects and says what an HTTP/2 client says first.
    pub fn connect(address: SocketAddr) -> Self {
        Self::greet(Client::connect(address), &[])
    }

    /// The same over a connection that stands, with a window of so many bytes for each stream.
    pub fn with_window(client: Client, bytes: u32) -> Self {
        let mut setting = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        setting.extend(bytes.to_be_bytes());
        Self::greet(client, &setting)
    }

    fn greet(client: Client, settings: &[u8]) -> Self {
        let mut frames = Self { client, answers: true };
        frames.client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames.send(SETTINGS, 0, 0, settings);
        frames
    }

    /// Sends a head; `more`: a body follows.
    pub fn head(&mut self, stream: u32, fields: &[(&str, &str)], more: bool) {
        self.send(HEADERS, END_HEADERS | if more { 0 } else { END_STREAM }, stream, &block(fields));
    }

    /// Sends a part of a body.
    pub fn part(&mut self, stream: u32, bytes: &[u8]) {
        self.send(DATA, 0, stream, bytes);
    }

    /// Sends a body, and its end.
    pub fn body(&mut self, stream: u32, bytes: &[u8]) {
        self.send(DATA, END_STREAM, stream, bytes);
    }

    /// Lets the connection's window be larger by so many bytes.
    pub fn widen(&mut self, bytes: u32) {
        self.send(WINDOW_UPDATE, 0, 0, &bytes.to_be_bytes());
    }

    /// Lets the connection's window and that of a stream be larger by so many bytes.
    pub fn widen_stream(&mut self, stream: u32, bytes: u32) {
        if bytes > 0 {
            self.widen(bytes);
            self.send(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
        }
    }

    /// Gives up a stream.
    pub fn cancel(&mut self, stream: u32) {
        const CANCEL: u32 = 8;
        self.send(RESET, 0, stream, &CANCEL.to_be_bytes());
    }

    /// Sends any frame.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.send_all(&frame(kind, flags, stream, payload));
    }

    /// Sends bytes as they are; whether the gateway still takes any.
    pub fn send_all(&mut self, bytes: &[u8]) -> bool {
        // It may have ended the connection already; reading tells.
        std::io::Write::write_all(&mut self.client.stream, bytes).is_ok()
    }

    /// Reads to the end of the connection; the reason that was given for it, if that was not overtaken by a reset.
    pub fn ended(&mut self) -> Option<u32> {
        loop {
            match self.next() {
                Ok(frame) if frame.kind == GO_AWAY => return Some(number(&frame.payload[4..])),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The status of the next head of this stream.
    pub fn status(&mut self, stream: u32) -> Result<u16, Fate> {
        self.block(stream).map(|block| status(&block))
    }

    /// The fields of the next head of this stream, as they are on the wire.
    pub fn block(&mut self, stream: u32) -> Result<Vec<u8>, Fate> {
        loop {
            let frame = self.next().map_err(|_| Fate::Ended)?;
            match frame.kind {
                HEADERS if frame.stream == stream => return Ok(frame.payload),
                RESET if frame.stream == stream => return Err(Fate::Reset(number(&frame.payload))),
                GO_AWAY if number(&frame.payload[4..]) != 0 => return Err(Fate::Ended),
                _ => {}
            }
        }
    }

    /// Reads until the gateway says that the connection ends, and why; then nothing more may come.
    pub fn farewell(&mut self) -> (u32, String) {
        loop {
            let frame = self.next().expect("a farewell before the end");
            if frame.kind == GO_AWAY {
                let why = String::from_utf8_lossy(&frame.payload[8..]).into_owned();
                self.client.ends();
                return (number(&frame.payload[4..]), why);
            }
        }
    }

    /// Reads until this stream is over.
    pub fn fate(&mut self, stream: u32) -> Fate {
        match self.status(stream) {
            Err(fate) => fate,
            Ok(status) => self.rest(stream, status),
        }
    }

    /// The next piece of this stream's body, whose head was read, and whether it is the last.
    pub fn piece(&mut self, stream: u32) -> Result<(Vec<u8>, bool), Fate> {
        loop {
            let frame = self.next().map_err(|_| Fate::Ended)?;
            match frame.kind {
                DATA if frame.stream == stream => return Ok((frame.payload, frame.flags & END_STREAM != 0)),
                RESET if frame.stream == stream => return Err(Fate::Reset(number(&frame.payload))),
                // A farewell lets streams that have begun go on.
                _ => {}
            }
        }
    }

    /// Reads what stands behind a head that was read with this status.
    pub fn rest(&mut self, stream: u32, status: u16) -> Fate {
        let mut body = Vec::new();
        loop {
            let Ok(frame) = self.next() else { return Fate::Ended };
            match frame.kind {
                DATA if frame.stream == stream => {
                    body.extend_from_slice(&frame.payload);
                    if frame.flags & END_STREAM != 0 {
                        return Fate::Answered { status, body: String::from_utf8_lossy(&body).into_owned() };
                    }
                }
                RESET if frame.stream == stream => return Fate::Reset(number(&frame.payload)),
                // A farewell without a fault lets streams that have begun go on.
                GO_AWAY if number(&frame.payload[4..]) != 0 => return Fate::Ended,
                _ => {}
            }
        }
    }

    /// The next frame; settings and pings are acknowledged, the latter if they are to be.
    fn next(&mut self) -> Result<Frame, End> {
        while self.client.rest.len() < 9 {
            self.client.more()?;
        }
        let head = &self.client.rest;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = number(&head[5..]) & 0x7FFF_FFFF;
        while self.client.rest.len() < 9 + length {
            self.client.more()?;
        }
        let payload: Vec<u8> = self.client.rest.drain(..9 + length).skip(9).collect();
        let answered = kind == SETTINGS || kind == PING && self.answers;
        if answered && flags & ACK == 0 {
            self.send(kind, ACK, 0, if kind == PING { &payload } else { &[] });
        }
        Ok(Frame { kind, flags, stream, payload })
    }
}

/// A frame as bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Fields as a block that leaves no trace in the table of either end.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![];
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A number with seven bits in its first byte. Source: RFC 7541, 5.1.
fn length(mut number: usize, out: &mut Vec<u8>) {
    const MOST: usize = 127;
    if number < MOST {
        return out.push(number as u8);
    }
    out.push(MOST as u8);
    number -= MOST;
    while number >= 128 {
        out.push((number % 128 + 128) as u8);
        number /= 128;
    }
    out.push(number as u8);
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}

/// The status that a block of fields begins with. Source: RFC 7541, appendices A and B.
fn status(block: &[u8]) -> u16 {
    match block[0] {
        0x88 => 200,
        0x8C => 400,
        0x8D => 404,
        0x8E => 500,
        // A literal whose name is `:status`, Huffman coded: `0`, `1` and `2` have five bits, the others six.
        0x48 | 0x08 => {
            assert_eq!(block[1] & 0x80, 0x80, "a Huffman code");
            let bytes = &block[2..2 + usize::from(block[1] & 0x7F)];
            let bits = bytes.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            let (mut left, mut status) = (bytes.len() * 8, 0);
            for _ in 0..3 {
                let short = bits >> (left - 5) & 0x1F;
                let (digit, used) =
                    if short < 3 { (short, 5) } else { ((bits >> (left - 6) & 0x3F) - 0x19 + 3, 6) };
                status = status * 10 + u16::try_from(digit).expect("a digit");
                left -= used;
            }
            status
        }
        other => unreachable!("a status that this client does not read: {other:#x}"),
    }
}
