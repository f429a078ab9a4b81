//! Reads the body of one answer as it arrives, whatever brought it, and judges it once it is complete.

use super::digest::{Digest, Summing};
use super::events::{Ending, Events};
use super::failure::Failure;

/// Bytes kept of a body that says what is wrong.
const COMPLAINT_BYTES: usize = 400;

/// What a good answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Events, if it was a stream.
    pub events: u64,
    pub digest: Digest,
}

/// A body that is being read.
#[derive(Debug, Default)]
pub struct Body {
    status: u16,
    kind: Kind,
    bytes: u64,
    first: u8,
    last: u8,
    complaint: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    Whole(Summing),
    Stream(Box<Events>),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Whole(Summing::default())
    }
}

impl Body {
    /// What the head says; `content_type` is the header's value.
    pub fn begin(&mut self, status: u16, content_type: &[u8]) {
        self.status = status;
        if content_type.starts_with(b"text/event-stream") {
            self.kind = Kind::Stream(Box::default());
        }
    }

    /// The status; 0 before the head has come.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Events of a stream so far; 0 if it is none.
    pub fn events(&self) -> u64 {
        match &self.kind {
            Kind::Whole(_) => 0,
            Kind::Stream(events) => events.count(),
        }
    }

    /// The begin of a body with a status other than 200, on one line.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.complaint);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn take(&mut self, bytes: &[u8]) {
        if self.bytes == 0 {
            self.first = bytes.first().copied().unwrap_or_default();
        }
        // White space after a body is no part of what it says.
        self.last = bytes.trim_ascii_end().last().copied().unwrap_or(self.last);
        self.bytes += bytes.len() as u64;
        if self.status != 200 {
            let room = COMPLAINT_BYTES.saturating_sub(self.complaint.len()).min(bytes.len());
            self.complaint.extend_from_slice(&bytes[..room]);
            return;
        }
        match &mut self.kind {
            Kind::Whole(summing) => summing.feed(bytes),
            Kind::Stream(events) => events.feed(bytes),
        }
    }

    /// Whether a complete body is a good one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<Content, Failure> {
        if self.status != 200 {
            return Err(Failure::Status(self.status));
        }
        match &self.kind {
            Kind::Whole(_) if (self.first, self.last) != (b'{', b'}') => Err(Failure::NotJson),
            Kind::Whole(summing) => Ok(Content { events: 0, digest: summing.digest() }),
            Kind::Stream(events) => match events.ending() {
                Ending::Error => Err(Failure::StreamError),
                Ending::Missing => Err(Failure::NoEnd),
                Ending::Complete if events.is_out_of_order() => Err(Failure::Order),
                Ending::Complete => Ok(Content { events: events.count(), digest: events.digest() }),
            },
        }
    }
}
