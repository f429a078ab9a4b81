//! A client that allocates nothing while it is measured.

use crate::gateway::KEY;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Bytes of the longest answer, and more.
const ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// A gateway that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// One kind of request.
pub struct Work {
    pub name: &'static str,
    /// How many of them are measured.
    pub requests: usize,
    request: Vec<u8>,
    answer: Answer,
}

#[derive(Clone, Copy)]
enum Answer {
    Whole,
    /// With 50 events of text, and a few others.
    Stream,
    /// The same of Google's, which report usage of their own.
    Google,
}

impl Work {
    /// Answers with a length.
    pub fn chat(name: &'static str, model: &str, prompt: &str, requests: usize) -> Self {
        let body = format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"{prompt}"}}],"temperature":0.7}}"#
        );
        Self { name, requests, request: request(CHAT, &body), answer: Answer::Whole }
    }

    /// Answers of Google's with a length; the model's name is as the path has it.
    pub fn google(name: &'static str, model: &str, requests: usize) -> Self {
        let path = format!("/v1beta/models/{model}:generateContent");
        Self { name, requests, request: request(&path, GOOGLE), answer: Answer::Whole }
    }

    /// Streams of Google's.
    pub fn google_stream(name: &'static str, model: &str, requests: usize) -> Self {
        let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
        Self { name, requests, request: request(&path, GOOGLE), answer: Answer::Google }
    }

    /// Streams.
    pub fn stream(name: &'static str, model: &str, requests: usize) -> Self {
        let body = format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello!"}}],"stream":true}}"#
        );
        Self { name, requests, request: request(CHAT, &body), answer: Answer::Stream }
    }
}

const CHAT: &str = "/v1/chat/completions";
const GOOGLE: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Hello!"}]}]}"#;

fn request(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n\
        user-agent: OpenAI/Python 2.8.1\r\naccept: application/json\r\ncontent-type: application/json\r\n\
        content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Connections that are kept, each with room for an answer.
pub struct Clients(Vec<Client>);

struct Client {
    stream: TcpStream,
    room: Vec<u8>,
}

impl Clients {
    pub fn connect(gateway: SocketAddr, count: usize) -> Self {
        Self((0..count).map(|_| Client::connect(gateway)).collect())
    }

    /// Sends so many requests, one on every connection at a time, and checks their answers.
    pub fn serve(&mut self, work: &Work, requests: usize) {
        assert_eq!(requests % self.0.len(), 0, "the same number on every connection");
        for _ in 0..requests / self.0.len() {
            for client in &mut self.0 {
                client.stream.write_all(&work.request).expect("the gateway reads");
            }
            for client in &mut self.0 {
                client.read(work.answer);
            }
        }
    }
}

impl Client {
    fn connect(gateway: SocketAddr) -> Self {
        let stream = TcpStream::connect(gateway).expect("the gateway listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        Self { stream, room: vec![0; ANSWER_BYTES] }
    }

    /// Reads one answer, which must be a good one.
    fn read(&mut self, answer: Answer) {
        let mut filled = 0;
        while !is_whole(&self.room[..filled], answer) {
            match self.stream.read(&mut self.room[filled..]) {
                Ok(0) => unreachable!("the gateway closed the connection"),
                Ok(read) => filled += read,
                // The end of a ring that this thread tried out interrupts it.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => unreachable!("the gateway does not answer: {error}"),
            }
        }
        let text = &self.room[..filled];
        assert!(text.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(text));
        if matches!(answer, Answer::Stream | Answer::Google) {
            assert!(events(text) >= 50, "{}", String::from_utf8_lossy(text));
        }
        if matches!(answer, Answer::Stream) {
            assert!(find(text, b"usage").is_none(), "usage that was not asked for is hidden");
        }
    }
}

fn is_whole(bytes: &[u8], answer: Answer) -> bool {
    match answer {
        Answer::Stream | Answer::Google => bytes.ends_with(b"\r\n0\r\n\r\n"),
        Answer::Whole => {
            let Some(head) = find(bytes, b"\r\n\r\n") else { return false };
            bytes.len() >= head + 4 + content_length(&bytes[..head])
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = find(head, NAME).expect("a length") + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn events(bytes: &[u8]) -> usize {
    bytes.windows(6).filter(|window| window == b"data: ").count()
}
