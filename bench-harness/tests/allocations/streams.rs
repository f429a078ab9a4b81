//! A client of HTTP/2, frame by frame, whose streams stay open.

use crate::gateway::KEY;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Streams of each connection.
pub const STREAMS: usize = 100;
/// Asks for an answer that stops behind its second event.
const BODY: &[u8] =
    br#"{"model":"star/mock?stall_after=2","messages":[{"role":"user","content":"Hello!"}],"stream":true}"#;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection with [`STREAMS`] open streams, each of which has got something.
pub struct Flock(#[expect(dead_code, reason = "held open")] TcpStream);

impl Flock {
    pub fn open(gateway: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(gateway).expect("the gateway listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a TCP socket");
        let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut said, SETTINGS, 0, 0, &[]);
        frame(&mut said, WINDOW_UPDATE, 0, 0, &(1_u32 << 24).to_be_bytes());
        for id in (1..).step_by(2).take(STREAMS) {
            frame(&mut said, HEADERS, END_HEADERS, id, &head());
            frame(&mut said, DATA, END_STREAM, id, BODY);
        }
        stream.write_all(&said).expect("the gateway reads");
        let mut begun = [false; STREAMS];
        while begun.contains(&false) {
            if let Some(id) = next_data(&mut stream) {
                begun[id as usize / 2] = true;
            }
        }
        Self(stream)
    }
}

/// Reads a frame; gives the stream of which it has data.
fn next_data(stream: &mut TcpStream) -> Option<u32> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("the gateway answers");
    let [_, a, b, kind, flags, id @ ..] = head;
    let mut payload = vec![0; usize::from(u16::from_be_bytes([a, b]))];
    stream.read_exact(&mut payload).expect("the frame is whole");
    assert!(matches!(kind, DATA | HEADERS | SETTINGS | WINDOW_UPDATE), "a frame of kind {kind}: {payload:?}");
    let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
    assert!(!ends, "a stream was over at once: {}", String::from_utf8_lossy(&payload));
    (kind == DATA && !payload.is_empty()).then(|| u32::from_be_bytes(id))
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a short frame");
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A request's fields, as libraries send them, all of them literally. Source: RFC 7541, 6.2.2.
fn head() -> Vec<u8> {
    let (key, length) = (format!("Bearer {KEY}"), BODY.len().to_string());
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "gateway"),
        (":path", "/v1/chat/completions"),
        ("authorization", &key),
        ("user-agent", "OpenAI/Python 2.8.1"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let mut out = vec![];
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            out.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text"));
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}
