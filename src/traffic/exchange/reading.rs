//! What is known of an answer by the reading of it.

use super::state::Reading;
use crate::contract::endpoint::{Dialect, StreamStyle};
use crate::contract::record::Usage;
use crate::http::gzip::Gunzip;
use crate::traffic::dialect::opening::{LOOK_BYTES, Opening};
use crate::traffic::dialect::stream::Place;
use crate::traffic::dialect::{ElementScan, UsageScan};
use crate::traffic::translate::Form;

impl Reading {
    /// Whether the client gets it piece by piece. `style`: as which it would.
    pub fn is_stream(&self, style: StreamStyle) -> bool {
        match self {
            Reading::Events(_) => true,
            Reading::Translated(translation) => translation.form() == Form::Stream,
            Reading::Elements(_) => style == StreamStyle::GeminiArray,
            Reading::Json(_) | Reading::Packed(_) | Reading::Opaque => false,
        }
    }

    /// It told of an error.
    pub fn has_failed(&self) -> bool {
        match self {
            Reading::Events(filter) => filter.facts().error,
            Reading::Translated(translation) => translation.has_failed(),
            Reading::Elements(scan) => scan.has_failed(),
            Reading::Json(_) | Reading::Packed(_) | Reading::Opaque => false,
        }
    }

    /// It told of an error, and that is not how such an answer ends: a response that failed ends by saying so.
    pub fn is_broken(&self) -> bool {
        let ended = matches!(self, Reading::Events(filter) if filter.facts().done);
        self.has_failed() && !ended
    }

    /// The last event of a stream has passed, behind which there is only the body's end.
    pub fn has_ended(&self, style: StreamStyle) -> bool {
        match self {
            Reading::Events(filter) => filter.facts().done,
            Reading::Translated(translation) => translation.has_ended(),
            Reading::Elements(scan) => self.is_stream(style) && scan.place() == Place::End,
            Reading::Json(_) | Reading::Packed(_) | Reading::Opaque => false,
        }
    }

    /// Whether an answer whose body has ended was whole. `always_told`: every whole one says so by its events, else only
    /// what was not framed has to.
    pub fn is_whole(&self, style: StreamStyle, always_told: bool) -> bool {
        match self {
            Reading::Events(filter) if always_told => filter.facts().done || filter.facts().finished,
            Reading::Elements(scan) if self.is_stream(style) => scan.place() == Place::End,
            Reading::Translated(translation) => translation.has_ended(),
            Reading::Events(_)
            | Reading::Json(_)
            | Reading::Packed(_)
            | Reading::Elements(_)
            | Reading::Opaque => true,
        }
    }

    /// What it said that it used, as far as it was read.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Reading::Events(filter) => filter.facts().usage,
            Reading::Json(scan) => scan.usage(),
            Reading::Packed(packed) => packed.usage(),
            Reading::Elements(scan) => scan.usage(),
            Reading::Translated(translation) => translation.usage(),
            Reading::Opaque => None,
        }
    }
}

/// A compressed answer that goes on as it is, and is read all the same.
pub struct Packed {
    gunzip: Box<Gunzip>,
    scan: PackedScan,
    /// What it begins with, until it is clear what that is.
    front: Vec<u8>,
    opening: Opening,
}

enum PackedScan {
    Usage(UsageScan),
    Answer(ElementScan),
}

impl Packed {
    pub fn new(dialect: Dialect) -> Self {
        let scan = match dialect {
            Dialect::OpenAi | Dialect::Anthropic => PackedScan::Usage(UsageScan::new(dialect)),
            Dialect::Gemini => PackedScan::Answer(ElementScan::new()),
        };
        Self { gunzip: Gunzip::empty(), scan, front: vec![], opening: Opening::Unclear }
    }

    /// Takes the next bytes. If they are no gzip, the client will see. Tells what the answer begins with.
    pub fn feed(&mut self, bytes: &[u8], last: bool) -> Opening {
        self.gunzip.push(bytes);
        let mut plain = vec![];
        while self.gunzip.has_more() && self.gunzip.pull(&mut plain).is_ok() {
            match &mut self.scan {
                PackedScan::Usage(scan) => scan.feed(&plain),
                PackedScan::Answer(scan) => _ = scan.feed(&plain),
            }
            self.look(&plain, false);
            plain.clear();
        }
        self.look(&[], last);
        self.opening
    }

    fn look(&mut self, plain: &[u8], last: bool) {
        if self.opening == Opening::Unclear {
            self.front.extend_from_slice(&plain[..plain.len().min(LOOK_BYTES)]);
            self.opening = Opening::of(&self.front, last);
        }
    }

    fn usage(&self) -> Option<Usage> {
        match &self.scan {
            PackedScan::Usage(scan) => scan.usage(),
            PackedScan::Answer(scan) => scan.usage(),
        }
    }
}
