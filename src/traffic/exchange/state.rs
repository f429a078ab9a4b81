//! What one exchange knows while it runs, in one place that is taken from a pool and given back.
//!
//! Futures hold a reference to it and stay small: an idle connection carries none of this.
//!
//! Invariant: a state that was given back holds no byte of the request that it served.

use super::aside;
use super::outbound::HEAD;
use super::reading::Packed;
use super::shard::Shard;
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::base::ids::RequestId;
use crate::base::limits::MODEL_NAME_BYTES;
use crate::base::text::Text;
use crate::contract::endpoint::{Dialect, Endpoint, StreamStyle};
use crate::contract::errand::Shelf;
use crate::contract::record::Record;
use crate::http::coding::Accepted;
use crate::http::request::Framing;
use crate::net::gather::Gather;
use crate::traffic::account::Tally;
use crate::traffic::auth::Caller;
use crate::traffic::dialect::{
    Ask, BodyType, ElementScan, EventFilter, MultipartScan, RequestScan, UsageScan,
};
use crate::traffic::route::Targets;
use crate::traffic::translate::Translation;
use ring::digest::Digest;
use std::cell::RefCell;

/// One exchange.
pub struct Exchange {
    pub intake: Intake,
    pub scan: BodyScan,
    pub ask: Option<Ask>,
    pub course: Course,
    pub reading: Reading,
    pub tally: Tally,
}

/// What the head said.
pub struct Intake {
    pub endpoint: Endpoint,
    /// What the gateway's own answers are written in.
    pub dialect: Dialect,
    /// What the answer is if it is a stream.
    pub style: StreamStyle,
    pub head_only: bool,
    pub minor_version: u8,
    pub keep_alive: bool,
    pub framing: Framing,
    pub expects_continue: bool,
    pub body_type: BodyType,
    pub caller: Result<Caller, FaultKind>,
    /// The path is one at which a cloud has Anthropic's models.
    pub hosted: bool,
    /// Where the URL names it.
    pub model_id: Option<Text<MODEL_NAME_BYTES>>,
    /// The query, then field lines for the upstream.
    pub forward: Buf,
    pub query_bytes: usize,
    /// `anthropic-version` is among the field lines.
    pub names_version: bool,
    /// The client reads fields behind the body of an answer.
    pub trailers: bool,
    /// How an answer for the client may be compressed.
    pub takes: Accepted,
    /// What was wrong with the target, and the methods that it takes.
    pub fault: Option<(Fault, Option<&'static str>)>,
}

/// Where the request goes, and its body.
pub struct Course {
    /// Index into the catalog.
    pub model: u32,
    /// What a wildcard's star stands for, as a range of the asked name.
    pub star: (usize, usize),
    pub targets: Targets,
    /// The body's segments, as `outbound` wants them.
    pub body: Gather,
    pub body_bytes: u64,
    /// Of the body that is laid out, if the helper wrote it and it is to be signed.
    pub hash: Option<Digest>,
    /// Memory of the body's segments, as the shard counts it.
    pub held_bytes: u64,
    /// What was fetched that the body names by URL.
    pub shelf: Shelf,
    /// What was cut out of a body that goes on as it is, by name.
    pub dropped: &'static str,
}

/// The scan that fits the body's type.
pub enum BodyScan {
    None,
    Json(RequestScan),
    Multipart(MultipartScan),
}

/// How an answer's bytes are read as they pass.
pub enum Reading {
    Events(EventFilter),
    Json(UsageScan),
    /// JSON in gzip, which goes on as it is.
    Packed(Box<Packed>),
    Elements(ElementScan),
    Translated(Box<Translation>),
    Opaque,
}

impl Exchange {
    fn new() -> Self {
        Self {
            intake: Intake::blank(),
            scan: BodyScan::None,
            ask: None,
            course: Course {
                model: 0,
                star: (0, 0),
                targets: Targets::NONE,
                body: Gather::default(),
                body_bytes: 0,
                hash: None,
                held_bytes: 0,
                shelf: Shelf::default(),
                dropped: "",
            },
            reading: Reading::Opaque,
            tally: Tally {
                record: Record::BLANK,
                begun: Moment(0),
                complete: Moment(0),
                last_event: Moment(0),
                ended: Moment(0),
            },
        }
    }

    /// Starts the books.
    pub fn begin(&mut self, id: RequestId, shard: u16, now: Moment) {
        let record = &mut self.tally.record;
        *record = Record::BLANK;
        (record.id, record.shard, record.started) = (id, shard, now);
        (self.tally.begun, self.tally.complete, self.tally.last_event) = (now, now, now);
        self.tally.ended = Moment(0);
    }

    /// Notes what the answer said it used, as far as it was read.
    pub fn note_usage(&mut self) {
        if let Some(usage) = self.reading.usage() {
            self.tally.record.usage = usage;
            self.tally.record.usage_known = true;
        }
    }

    /// The request is not sent again: its buffers serve others.
    pub fn release_request(&mut self, shard: &Shard) {
        shard.buffers.give(std::mem::take(&mut self.intake.forward));
        let mut body = std::mem::take(&mut self.course.body);
        if body.count() > HEAD && body.buf(HEAD).capacity() as u64 >= aside::LARGE_BYTES {
            aside::give_back(body.take(HEAD), shard);
        }
        shard.buffers.give_gather(body);
        self.course.shelf = Shelf::default();
        let held = std::mem::take(&mut self.course.held_bytes);
        shard.buffered.set(shard.buffered.get().saturating_sub(held));
    }

    /// Gives the buffers back and forgets the rest.
    fn retire(&mut self, shard: &Shard) {
        self.release_request(shard);
        self.intake.fault = None;
        self.intake.query_bytes = 0;
        self.intake.model_id = None;
        self.course.dropped = "";
        self.scan = BodyScan::None;
        self.ask = None;
        self.reading = Reading::Opaque;
    }
}

impl Intake {
    pub fn blank() -> Self {
        Self {
            endpoint: Endpoint::Unknown,
            dialect: Dialect::OpenAi,
            style: StreamStyle::OpenAiChunks,
            head_only: false,
            minor_version: 1,
            keep_alive: false,
            framing: Framing::None,
            expects_continue: false,
            body_type: BodyType::Other,
            caller: Err(FaultKind::MissingKey),
            hosted: false,
            model_id: None,
            forward: Buf::default(),
            query_bytes: 0,
            names_version: false,
            trailers: false,
            takes: Accepted::default(),
            fault: None,
        }
    }

    /// Takes over what the same head said before, but for the length of its body. `forward` has what goes on of it.
    pub fn recall(&mut self, same: &Intake, framing: Framing, forward: Buf) {
        *self = Self {
            framing,
            forward,
            hosted: same.hosted,
            trailers: same.trailers,
            model_id: same.model_id,
            caller: same.caller,
            fault: None,
            endpoint: same.endpoint,
            dialect: same.dialect,
            style: same.style,
            head_only: same.head_only,
            minor_version: same.minor_version,
            keep_alive: same.keep_alive,
            expects_continue: same.expects_continue,
            body_type: same.body_type,
            query_bytes: same.query_bytes,
            names_version: same.names_version,
            takes: same.takes,
        };
    }

    /// As for a head that could not be read: an answer can be given, and then the connection ends.
    pub fn unreadable(&mut self) {
        *self = Self::blank();
    }
}

/// States that wait for their next exchange.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "a state moves between here and an exchange as one pointer")]
pub struct States(RefCell<Vec<Box<Exchange>>>);

/// States kept; what is given back beyond is freed.
const KEPT: usize = 1024;

impl States {
    pub fn take(&self) -> Box<Exchange> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Box::new(Exchange::new()))
    }

    /// Frees all but `kept`.
    pub fn trim(&self, kept: usize) {
        self.0.borrow_mut().truncate(kept);
    }

    pub fn give(&self, mut state: Box<Exchange>, shard: &Shard) {
        state.retire(shard);
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(state);
        }
    }
}
