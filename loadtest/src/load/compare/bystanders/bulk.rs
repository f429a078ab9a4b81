//! Bulk in its shapes: what is sent, what the provider answers to it, and how fast both move.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::sys;

const KEY: &str = "ringgate-load-key-0123456789";
/// Bytes that are moved at a time.
const PIECE: usize = 64 * 1024;
const MESSAGES: usize = 100_000;
const DEPTH: usize = 1_000_000;
const BODY: usize = 200_000_000;
const TRANSLATED_BODY: usize = 60_000_000;
const EVENT: usize = 30_000_000;
/// Longer ones are not translated.
const TRANSLATED_EVENT: usize = 8_000_000;
const ANSWER: usize = 60_000_000;

/// A text of which the middle is repeated.
#[derive(Clone, Copy)]
struct Long {
    before: &'static str,
    unit: &'static str,
    times: usize,
    after: &'static str,
}

const fn short(text: &'static str) -> Long {
    Long { before: text, unit: "", times: 0, after: "" }
}

/// Bulk of one shape.
#[derive(Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    request: Long,
    /// The model is a provider's of the same format, or one of another.
    model: &'static str,
    answer: Long,
    streams: bool,
    status: u16,
}

const ASK: &str = r#""messages":[{"role":"user","content":"x"}]}"#;
const STREAM: &str = r#""stream":true,"messages":[{"role":"user","content":"x"}]}"#;
const CHAT: Long = short(
    r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
);
const MESSAGE: Long = short(
    r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#,
);
const LONG_CONTENT: Long = Long {
    before: r#""messages":[{"role":"user","content":""#,
    unit: "word ",
    times: BODY / 5,
    after: r#""}]}"#,
};
const MANY_MESSAGES: Long = Long {
    before: r#""messages":["#,
    unit: r#"{"role":"user","content":"a short word"},{"role":"assistant","content":"and another"},"#,
    times: MESSAGES / 2,
    after: r#"{"role":"user","content":"x"}]}"#,
};
const DEEP: Long = Long { before: r#""x":"#, unit: "[", times: DEPTH, after: "" };

/// All shapes.
pub const SHAPES: [Shape; 9] = [
    Shape { name: "body", request: LONG_CONTENT, model: "plain", answer: CHAT, streams: false, status: 200 },
    Shape {
        name: "messages",
        request: MANY_MESSAGES,
        model: "plain",
        answer: CHAT,
        streams: false,
        status: 200,
    },
    Shape { name: "nesting", request: DEEP, model: "plain", answer: CHAT, streams: false, status: 400 },
    Shape {
        name: "event",
        request: short(STREAM),
        model: "plain",
        answer: Long {
            before: "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
            unit: "word ",
            times: EVENT / 5,
            after: "\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        },
        streams: true,
        status: 200,
    },
    Shape {
        name: "answer",
        request: short(ASK),
        model: "plain",
        answer: Long {
            before: r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""#,
            unit: "word ",
            times: ANSWER / 5,
            after: r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        },
        streams: false,
        status: 200,
    },
    Shape {
        name: "translated-body",
        request: Long { times: TRANSLATED_BODY / 5, ..LONG_CONTENT },
        model: "other",
        answer: MESSAGE,
        streams: false,
        status: 200,
    },
    Shape {
        name: "translated-messages",
        request: MANY_MESSAGES,
        model: "other",
        answer: MESSAGE,
        streams: false,
        status: 200,
    },
    Shape {
        name: "translated-event",
        request: short(STREAM),
        model: "other",
        answer: Long {
            before: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
            unit: "word ",
            times: TRANSLATED_EVENT / 5,
            after: "\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        },
        streams: true,
        status: 200,
    },
    Shape {
        name: "translated-answer",
        request: short(ASK),
        model: "other",
        answer: Long {
            before: r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":""#,
            unit: "word ",
            times: ANSWER / 5,
            after: r#""}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#,
        },
        streams: false,
        status: 200,
    },
];

impl Long {
    fn bytes(&self) -> usize {
        self.before.len() + self.unit.len() * self.times + self.after.len()
    }

    fn write(&self, to: &mut TcpStream, pace: Pace) -> io::Result<()> {
        to.write_all(self.before.as_bytes())?;
        let piece = self.unit.repeat((PIECE / self.unit.len().max(1)).max(1));
        let (mut left, mut moved, begun) = (self.unit.len() * self.times, 0, Instant::now());
        while left > 0 {
            let n = left.min(piece.len());
            to.write_all(&piece.as_bytes()[..n])?;
            left -= n;
            moved += n;
            pace.wait(begun, moved);
        }
        to.write_all(self.after.as_bytes())
    }
}

/// How fast bytes move at most.
#[derive(Clone, Copy)]
pub struct Pace(pub u32);

impl Pace {
    fn wait(self, begun: Instant, moved: usize) {
        if self.0 == 0 {
            return;
        }
        let due = Duration::from_secs_f64(moved as f64 / (f64::from(self.0) * 1e6));
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
}

/// Where bulk is sent.
#[derive(Clone, Copy)]
pub enum To {
    Gateway(SocketAddr),
    /// Past the gateway: its provider takes everything.
    Provider(SocketAddr),
}

impl To {
    pub fn address(self) -> SocketAddr {
        match self {
            To::Gateway(address) | To::Provider(address) => address,
        }
    }

    fn status(self, shape: &Shape) -> u16 {
        match self {
            To::Gateway(_) => shape.status,
            To::Provider(_) => 200,
        }
    }
}

/// Moves bulk of this shape once.
///
/// # Errors
/// The connection breaks, or the answer is not what it should be.
pub fn pass(shape: &Shape, to: To, pace: Pace) -> io::Result<()> {
    let status = to.status(shape);
    let mut connection = TcpStream::connect(to.address())?;
    connection.set_read_timeout(Some(Duration::from_mins(1)))?;
    let model = format!("{{\"model\":\"{}\",", shape.model);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\nuser-agent: bulk-{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{model}",
        shape.name,
        model.len() + shape.request.bytes()
    );
    connection.write_all(head.as_bytes())?;
    match shape.request.write(&mut connection, pace) {
        // Who is refused early is answered all the same.
        Err(_) if status != 200 => {}
        written => written?,
    }
    let (mut buffer, mut front, mut read, begun) = (vec![0; PIECE], vec![], 0, Instant::now());
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                front.extend_from_slice(&buffer[..n.min(512 - front.len().min(512))]);
                read += n;
                pace.wait(begun, read);
            }
            Err(_) if !front.is_empty() && status != 200 => break,
            Err(error) => return Err(error),
        }
    }
    let line = format!("HTTP/1.1 {status} ");
    if !front.starts_with(line.as_bytes())
        || read < shape.answer.bytes() && status == 200 && shape.model == "plain"
    {
        let said = String::from_utf8_lossy(&front).into_owned();
        return Err(io::Error::other(format!("{}: {read} bytes: {said}", shape.name)));
    }
    Ok(())
}

/// One small request.
pub fn small() -> String {
    let body = format!("{{\"model\":\"plain\",{ASK}");
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\nuser-agent: small\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A provider for bystanders and bulk, with a thread for each connection on this core.
///
/// # Errors
/// When it cannot listen.
pub fn provider(cpu: usize, pace: Pace) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("provider".to_owned()).spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // A connection that breaks is the gateway's to tell of.
            std::thread::spawn(move || drop(sys::pin_to(cpu).and_then(|()| serve(connection, pace))));
        }
    })?;
    Ok(address)
}

fn serve(mut connection: TcpStream, pace: Pace) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let (mut buffer, mut held) = (vec![0; PIECE], vec![]);
    let mut settled = false;
    loop {
        let end = loop {
            if let Some(at) = memchr::memmem::find(&held, b"\r\n\r\n") {
                break at + 4;
            }
            match connection.read(&mut buffer)? {
                0 => return Ok(()),
                n => held.extend_from_slice(&buffer[..n]),
            }
        };
        let head = String::from_utf8_lossy(&held[..end]).to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let shape =
            field("user-agent: bulk-").and_then(|name| SHAPES.iter().find(|shape| shape.name == name));
        if !settled {
            settled = true;
            if shape.is_some() { sys::go_last()? } else { drop(sys::go_first()) }
        }
        let mut left = field("content-length:").and_then(|digits| digits.parse().ok()).unwrap_or(0usize);
        left = left.saturating_sub(held.len() - end);
        let is_last = field("connection:").is_some_and(|option| option == "close");
        held.clear();
        while left > 0 {
            match connection.read(&mut buffer)? {
                0 => return Ok(()),
                n => left = left.saturating_sub(n),
            }
        }
        answer(&mut connection, shape, pace)?;
        if is_last {
            return Ok(());
        }
    }
}

fn answer(connection: &mut TcpStream, shape: Option<&Shape>, pace: Pace) -> io::Result<()> {
    let answer = shape.map_or(CHAT, |shape| shape.answer);
    let kind =
        if shape.is_some_and(|shape| shape.streams) { "text/event-stream" } else { "application/json" };
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", answer.bytes());
    if answer.times == 0 {
        return connection.write_all((head + answer.before).as_bytes());
    }
    connection.write_all(head.as_bytes())?;
    answer.write(connection, pace)
}
