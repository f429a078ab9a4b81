//! A checksum of an answer that is the same for every answer to the same request.
//!
//! Identifiers differ by nature, so the values of members whose names end with `id` are left out. What is left is summed
//! twice: in its order, and as a set of events, so that a wrong order can be told from wrong content.

use std::sync::LazyLock;

use crc32fast::Hasher;
use memchr::memmem::Finder;

/// What stands before a value that is left out: the end of a member's name, as in `"id":"` and `"item_id":"`.
const BEFORE_ID: &[u8] = b"id\":\"";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEFORE_ID));

/// Checksums of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Bytes of content: framing, identifiers, line ends and comments are none.
    pub bytes: u64,
    /// Of all bytes in their order.
    pub checksum: u32,
    /// Of all events in any order.
    pub unordered: u64,
}

/// Where a scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of [`BEFORE_ID`] have just been seen.
    Content(usize),
    /// Inside a value that is left out.
    Id,
}

/// Sums an answer as it arrives.
#[derive(Clone, Debug)]
pub struct Summing {
    state: State,
    whole: Hasher,
    /// Of the present event, if this is a stream.
    event: Option<Hasher>,
    digest: Digest,
}

impl Default for Summing {
    fn default() -> Self {
        Self { state: State::Content(0), whole: Hasher::new(), event: None, digest: Digest::default() }
    }
}

impl Summing {
    /// Takes more of a body, or of an event's line.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Content(seen) => self.content(bytes, seen),
                State::Id => self.id(bytes),
            };
        }
    }

    /// What follows is the first line of an event.
    pub fn begin_event(&mut self) {
        self.event = Some(Hasher::new());
    }

    /// No identifier reaches over the end of a line.
    pub fn end_line(&mut self) {
        self.state = State::Content(0);
    }

    pub fn end_event(&mut self) {
        let sum = self.event.take().map_or(0, Hasher::finalize);
        self.digest.unordered = self.digest.unordered.wrapping_add(u64::from(sum));
    }

    pub fn digest(&self) -> Digest {
        Digest { checksum: self.whole.clone().finalize(), ..self.digest }
    }

    /// Sums up to the next identifier; returns what is left.
    fn content<'a>(&mut self, bytes: &'a [u8], seen: usize) -> &'a [u8] {
        // Nothing inside the name's end repeats its begin, so what does not go on begins anew.
        let goes_on = bytes.iter().zip(&BEFORE_ID[seen..]).take_while(|(got, wanted)| got == wanted).count();
        let (end, state) = if seen > 0 && seen + goes_on == BEFORE_ID.len() {
            (goes_on, State::Id)
        } else if seen > 0 && goes_on == bytes.len() {
            (goes_on, State::Content(seen + goes_on))
        } else {
            match FINDER.find(bytes) {
                Some(at) => (at + BEFORE_ID.len(), State::Id),
                None => (bytes.len(), State::Content(begun_at_end(bytes))),
            }
        };
        self.state = state;
        self.whole.update(&bytes[..end]);
        if let Some(event) = &mut self.event {
            event.update(&bytes[..end]);
        }
        self.digest.bytes += end as u64;
        &bytes[end..]
    }

    fn id<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(end) = memchr::memchr(b'"', bytes) else { return &[] };
        self.state = State::Content(0);
        &bytes[end..]
    }
}

/// How many bytes of [`BEFORE_ID`] stand at the end.
fn begun_at_end(bytes: &[u8]) -> usize {
    (1..BEFORE_ID.len()).rev().find(|count| bytes.ends_with(&BEFORE_ID[..*count])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str, step: usize) -> Digest {
        let mut summing = Summing::default();
        text.as_bytes().chunks(step).for_each(|piece| summing.feed(piece));
        summing.digest()
    }

    /// Identifiers do not matter, everything else does, and how it is cut does not.
    #[test]
    fn leaves_identifiers_out() {
        let text = r#"{"id":"chatcmpl-1","i":"id","item_id":"x","text":"hi, idid\":\" "}"#;
        let other = text.replace("chatcmpl-1", "chatcmpl-22").replace("\"x\"", "\"yy\"");
        for step in 1..=text.len() {
            assert_eq!(digest(text, step), digest(text, text.len()), "cut every {step}");
            assert_eq!(digest(text, step), digest(&other, 7), "cut every {step}");
        }
        assert_ne!(digest(text, 100), digest(&text.replace("hi", "ho"), 100));
        assert_ne!(digest(text, 100).bytes, digest(&text.replace("hi", "h"), 100).bytes);
    }
}
