//! Reads the server-sent events of a stream as it arrives: how many, in which order, and whether it was ended as its
//! provider ends it.

use super::digest::{Digest, Summing};

/// How much of the begin of a line is kept: more than the longest that says what an event is, as names come first.
const LINE_BYTES: usize = 64;

/// What a stream said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `data: [DONE]`, an event `message_stop`, or one of `response.completed` and `response.incomplete`.
    Complete,
    /// An error inside the stream.
    Error,
    /// Neither: it was cut off.
    Missing,
}

/// Reads events; an event ends with an empty line.
#[derive(Clone, Debug)]
pub struct Events {
    count: u64,
    /// First bytes of the line being read, and how many bytes it has so far.
    line: [u8; LINE_BYTES],
    line_bytes: usize,
    /// The present event has at least one line that is no comment.
    has_line: bool,
    ending: Ending,
    /// `[DONE]` came, after which there is nothing.
    is_done: bool,
    /// An event came before the first, or after the last.
    is_out_of_order: bool,
    summing: Summing,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            count: 0,
            line: [0; LINE_BYTES],
            line_bytes: 0,
            has_line: false,
            ending: Ending::Missing,
            is_done: false,
            is_out_of_order: false,
            summing: Summing::default(),
        }
    }
}

impl Events {
    /// Takes bytes of the stream, without any transfer coding.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.extend_line(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.extend_line(bytes);
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the stream said last.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Whether an event stood where its kind cannot stand.
    pub fn is_out_of_order(&self) -> bool {
        self.is_out_of_order
    }

    pub fn digest(&self) -> Digest {
        self.summing.digest()
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.line_bytes).min(bytes.len());
        if room > 0 {
            self.line[self.line_bytes..self.line_bytes + room].copy_from_slice(&bytes[..room]);
        }
        self.line_bytes += bytes.len();
        let is_content = self.line_bytes > 0 && !matches!(self.line[0], b':' | b'\r');
        if is_content {
            if !self.has_line {
                self.summing.begin_event();
                self.has_line = true;
            }
            self.summing.feed(bytes);
        }
    }

    fn end_line(&mut self) {
        let is_empty = self.line_bytes == 0 || self.line_bytes == 1 && self.line[0] == b'\r';
        if is_empty && self.has_line {
            self.count += 1;
            self.has_line = false;
            self.summing.end_event();
        } else if !is_empty {
            self.read_line();
        }
        self.summing.end_line();
        self.line_bytes = 0;
    }

    /// Looks for the lines that say where in its stream an event stands.
    fn read_line(&mut self) {
        let line = self.line[..self.line_bytes.min(LINE_BYTES)].trim_ascii_end();
        let (was_ended, is_first) = (self.ending == Ending::Complete, self.count == 0);
        self.is_out_of_order |= self.is_done && !line.starts_with(b":");
        match line {
            // What follows an error is no good end.
            _ if self.ending == Ending::Error => {}
            b"data: [DONE]" | b"data:[DONE]" => (self.ending, self.is_done) = (Ending::Complete, true),
            b"event: message_stop" | b"event: response.completed" | b"event: response.incomplete" => {
                self.ending = Ending::Complete;
            }
            b"event: error" | b"event: response.failed" => self.ending = Ending::Error,
            b"event: message_start" | b"event: response.created" => self.is_out_of_order |= !is_first,
            line if line.starts_with(b"data: {\"error\"") => self.ending = Ending::Error,
            line if line.starts_with(b"event: ") => self.is_out_of_order |= is_first,
            _ => {}
        }
        // The data of the last event stands behind its name; anything that begins after it is too late.
        self.is_out_of_order |= was_ended && line.starts_with(b"event:");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, step: usize) -> (u64, Ending) {
        let mut events = Events::default();
        for piece in text.as_bytes().chunks(step) {
            events.feed(piece);
        }
        (events.count(), events.ending())
    }

    /// Events are counted alike however the stream is cut, comments and CRLF included.
    #[test]
    fn counts_however_it_is_cut() {
        let stream =
            format!(": hello\n\ndata: {}\r\n\r\nevent: x\ndata: 1\n\ndata: [DONE]\n\n", "a".repeat(100));
        for step in 1..stream.len() {
            assert_eq!(read(&stream, step), (3, Ending::Complete), "cut every {step}");
        }
    }

    /// Each provider's end is known, and a stream without one is missing it.
    #[test]
    fn knows_how_streams_end() {
        assert_eq!(read("event: message_stop\ndata: {}\n\n", 7), (1, Ending::Complete));
        assert_eq!(read("event: response.completed\ndata: {}\n\n", 7), (1, Ending::Complete));
        assert_eq!(read("data: {\"error\":{}}\n\n", 7), (1, Ending::Error));
        assert_eq!(read("data: {}\n\ndata: [DO", 7), (1, Ending::Missing));
    }

    /// A named event before the first or after the last is out of order.
    #[test]
    fn knows_the_order() {
        let is_out_of_order = |names: &[&str]| {
            let mut events = Events::default();
            for name in names {
                events.feed(format!("event: {name}\ndata: {{}}\n\n").as_bytes());
            }
            events.is_out_of_order()
        };
        assert!(!is_out_of_order(&["message_start", "content_block_delta", "message_stop"]));
        assert!(is_out_of_order(&["content_block_delta", "message_start", "message_stop"]));
        assert!(is_out_of_order(&["message_start", "message_stop", "content_block_delta"]));
        assert!(!is_out_of_order(&["response.created", "response.completed"]));
        assert!(is_out_of_order(&["response.completed", "response.created"]));
        let mut events = Events::default();
        events.feed(b"data: 1\n\ndata: [DONE]\n\n: a comment\n\n");
        assert!(!events.is_out_of_order());
        events.feed(b"data: 2\n\n");
        assert!(events.is_out_of_order());
    }

    /// The same events in another order have the same sum, in which their order is not, and another checksum.
    #[test]
    fn sums_events_as_a_set_too() {
        let digest = |text: &str| {
            let mut events = Events::default();
            events.feed(text.as_bytes());
            events.digest()
        };
        let (straight, swapped) =
            (digest("data: 1\n\ndata: 2\n\n"), digest(": hi\n\ndata: 2\n\ndata: 1\n\n"));
        assert_eq!((straight.bytes, straight.unordered), (swapped.bytes, swapped.unordered));
        assert_ne!(straight.checksum, swapped.checksum);
    }
}
