//! Counts the server-sent events of a stream as it arrives, and sees whether it was ended as its provider ends it.

/// How much of the end of a stream is kept to look for its end marker: more than the longest last event line
/// that identifies it, as event names come first.
const TAIL_BYTES: usize = 64;

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

/// Counts events; an event ends with an empty line.
#[derive(Clone, Debug)]
pub struct Events {
    count: u64,
    /// First bytes of the line being read, and how many bytes it has so far.
    line: [u8; TAIL_BYTES],
    line_bytes: usize,
    /// The present event has at least one line that is no comment.
    has_line: bool,
    ending: Ending,
}

impl Default for Events {
    fn default() -> Self {
        Self { count: 0, line: [0; TAIL_BYTES], line_bytes: 0, has_line: false, ending: Ending::Missing }
    }
}

impl Events {
    /// Takes bytes of the stream, without any transfer coding. Returns how many events they completed.
    pub fn feed(&mut self, mut bytes: &[u8]) -> u64 {
        let before = self.count;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.extend_line(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.extend_line(bytes);
        self.count - before
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the stream said last.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        let room = TAIL_BYTES.saturating_sub(self.line_bytes).min(bytes.len());
        if room > 0 {
            self.line[self.line_bytes..self.line_bytes + room].copy_from_slice(&bytes[..room]);
        }
        self.line_bytes += bytes.len();
    }

    fn end_line(&mut self) {
        let line = self.line[..self.line_bytes.min(TAIL_BYTES)].trim_ascii_end();
        if self.line_bytes <= 1 && line.is_empty() {
            self.count += u64::from(self.has_line);
            self.has_line = false;
        } else if line.first() != Some(&b':') {
            self.has_line = true;
            match line {
                // What follows an error is no good end.
                _ if self.ending != Ending::Missing => {}
                b"data: [DONE]" | b"data:[DONE]" | b"event: message_stop" => self.ending = Ending::Complete,
                b"event: response.completed" | b"event: response.incomplete" => {
                    self.ending = Ending::Complete;
                }
                b"event: error" | b"event: response.failed" => self.ending = Ending::Error,
                line if line.starts_with(b"data: {\"error\"") => self.ending = Ending::Error,
                _ => {}
            }
        }
        self.line_bytes = 0;
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
}
