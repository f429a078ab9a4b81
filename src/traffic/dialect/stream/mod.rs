//! Streams of events (`text/event-stream`) as they pass: whole events leave, usage and errors are noted.
//!
//! Takes the bytes of a stream in place, in any pieces; gives how many of them may leave.
//!
//! Invariant: bytes are never changed, except that a usage report which the client did not ask for is taken out.
//! Each byte is searched a fixed number of times, and nothing is kept but the unfinished event in the caller's
//! buffer. Nothing leaves after an error event or after `[DONE]`.
//! Source: WHATWG HTML, section 9.2 (server-sent events).

mod elements;
mod events;
mod filter;
mod inspect;
mod line;
mod lines;
mod null_usage;
mod reason;
#[cfg(test)]
mod tests;
mod unit;

pub use elements::{ElementScan, Place};
pub use events::Events;
pub use filter::EventFilter;
pub use lines::Lines;

use crate::contract::record::Usage;
use std::borrow::Cow;

/// Whether usage is taken out of the stream, because the gateway asked for it and the client did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HideUsage {
    Yes,
    No,
}

/// What one call of [`EventFilter::advance`] allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Release {
    /// `bytes[..emit]` leave now.
    pub emit: usize,
    /// `bytes[keep_from..]` come first in the next call.
    pub keep_from: usize,
    /// Events with data that leave whole, or whose end leaves.
    pub events: u32,
}

/// How a provider's stream is cut into the texts that are read one by one. The bytes that were not taken come again with
/// more behind them.
pub enum Framing {
    Events(Events),
    Lines(Lines),
}

impl Default for Framing {
    fn default() -> Self {
        Framing::Events(Events::default())
    }
}

impl Framing {
    /// The next whole text.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        match self {
            Framing::Events(events) => events.next(bytes),
            Framing::Lines(lines) => lines.next(bytes),
        }
    }

    /// What stands behind the last whole one.
    pub fn rest<'b>(&mut self, bytes: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        match self {
            Framing::Events(events) => events.rest(bytes),
            Framing::Lines(lines) => lines.rest(bytes),
        }
    }

    /// Lets go of what was found; gives its length.
    pub fn shift(&mut self) -> usize {
        match self {
            Framing::Events(events) => events.shift(),
            Framing::Lines(lines) => lines.shift(),
        }
    }
}

/// What is known of a stream so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StreamFacts {
    /// The last usage that was reported.
    pub usage: Option<Usage>,
    /// The event that ends such a stream was seen.
    pub done: bool,
    /// An event gave a reason to stop, behind which others may follow.
    pub finished: bool,
    /// An event told of an error.
    pub error: bool,
    /// Events with data that were released.
    pub events: u32,
}
