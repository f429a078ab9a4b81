//! What goes back to the client: heads, whole answers, refusals.

use super::crossing::JSON;
use super::shard::Shard;
use super::state::Exchange;
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::base::ids::RequestId;
use crate::contract::endpoint::Dialect;
use crate::contract::snapshot::Limits;
use crate::http::coding::Accepted;
use crate::http::date::DateLine;
use crate::http::encode;
use crate::net::deadline::{Deadline, Waiting};
use crate::net::gather::Gather;
use crate::net::stream::Writer;
use crate::traffic::account::Tally;
use crate::traffic::dialect::refusal;

/// The field that names what another format has no place for.
pub const DROPPED: &str = "x-ringgate-dropped";

/// How the client learns where the answer's body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Nothing,
    Length(u64),
    Chunked,
    /// HTTP/1.0: by the end of the connection.
    Close,
}

impl Ending {
    /// For a body whose length is not known before its head is sent.
    pub fn unknown(reply: &Reply<'_>) -> Self {
        if reply.minor_version == 0 { Ending::Close } else { Ending::Chunked }
    }
}

/// The answering side of one exchange.
pub struct Reply<'c> {
    pub writer: &'c mut Writer,
    pub deadline: &'c Deadline,
    pub shard: &'c Shard,
    pub limits: &'c Limits,
    pub id: RequestId,
    pub dialect: Dialect,
    pub minor_version: u8,
    /// The request was HEAD: heads only.
    pub head_only: bool,
    pub takes: Accepted,
    /// The client reads fields behind the body of an answer.
    pub trailers: bool,
    /// Whether the connection may serve another request after this answer.
    pub keep_alive: bool,
    /// Status of the head that was sent; 0 before.
    pub status: u16,
    /// The client takes the end of the connection for the end of the answer.
    pub ends_with_connection: bool,
    /// The client has the last event of its stream, though perhaps not the body's end.
    pub told_all: bool,
    pub sent_bytes: u64,
}

impl<'c> Reply<'c> {
    pub fn new(
        shard: &'c Shard,
        limits: &'c Limits,
        writer: &'c mut Writer,
        deadline: &'c Deadline,
        exchange: &Exchange,
    ) -> Self {
        let intake = &exchange.intake;
        Self {
            writer,
            deadline,
            shard,
            limits,
            id: exchange.tally.record.id,
            dialect: intake.dialect,
            minor_version: intake.minor_version,
            head_only: intake.head_only,
            takes: intake.takes,
            trailers: intake.trailers,
            keep_alive: intake.keep_alive,
            status: 0,
            ends_with_connection: false,
            told_all: false,
            sent_bytes: 0,
        }
    }

    /// Writes a status line and the fields that every answer has; `fields` are complete lines.
    pub fn head(&mut self, out: &mut Vec<u8>, status: u16, fields: &[u8], ending: Ending) {
        encode::status_line(out, status);
        out.extend_from_slice(fields);
        self.rest_of_head(out, status, ending);
    }

    /// Writes the fields that every answer has behind the status line and the fields of this one.
    pub fn rest_of_head(&mut self, out: &mut Vec<u8>, status: u16, ending: Ending) {
        self.status = status;
        encode::field(out, "x-request-id", &self.id.text());
        if self.dialect == Dialect::Anthropic {
            // Where the official clients of this dialect look for it.
            encode::field(out, "request-id", &self.id.text());
        }
        match ending {
            Ending::Nothing => {}
            Ending::Length(n) => encode::content_length(out, n),
            Ending::Chunked => encode::field(out, "transfer-encoding", b"chunked"),
            Ending::Close => (self.keep_alive, self.ends_with_connection) = (false, true),
        }
        if !self.keep_alive {
            encode::field(out, "connection", b"close");
        } else if self.minor_version == 0 {
            encode::field(out, "connection", b"keep-alive");
        }
    }

    /// Hands bytes to the client, and waits until its socket took them, until `latest` at most (`Moment(0)`: for
    /// as long as it takes any).
    ///
    /// # Errors
    /// `ClientGone`, or `ClientStalled` if it does not read.
    pub async fn write(&mut self, gather: Gather, latest: Moment) -> Result<Gather, Fault> {
        self.deadline.set_writing(self.limits.write_idle_ms, latest);
        let (result, gather) = self.writer.write(gather).await;
        let stalled = self.has_stalled();
        self.deadline.clear();
        match result {
            Ok(()) => {
                self.sent_bytes += gather.len() as u64;
                Ok(gather)
            }
            Err(_) if stalled => Err(FaultKind::ClientStalled.into()),
            Err(_) => Err(FaultKind::ClientGone.into()),
        }
    }

    /// Whether the client was cut because it does not read.
    pub fn has_stalled(&self) -> bool {
        self.deadline.fired() == Some(Waiting::Write) || self.writer.has_stalled()
    }

    /// Sends an answer of the gateway's own.
    ///
    /// # Errors
    /// As [`Reply::write`].
    pub async fn own(&mut self, body: &[u8]) -> Result<(), Fault> {
        self.whole(200, &own(&self.shard.date), body).await
    }

    /// Sends one whole answer. `fields` are complete lines, `date` among them.
    ///
    /// # Errors
    /// As [`Reply::write`].
    pub async fn whole(&mut self, status: u16, fields: &[u8], body: &[u8]) -> Result<(), Fault> {
        let mut out = Buf::with_capacity(body.len() + fields.len() + 256);
        self.head(out.tail(), status, fields, Ending::Length(body.len() as u64));
        out.extend(b"\r\n");
        if !self.head_only {
            out.extend(body);
        }
        let mut gather = self.shard.buffers.gather();
        gather.whole(out);
        let gather = self.write(gather, Moment(0)).await?;
        self.shard.buffers.give_gather(gather);
        Ok(())
    }

    /// Tells the client what went wrong, if nothing was told yet.
    ///
    /// # Errors
    /// As [`Reply::write`].
    pub async fn refuse(&mut self, fault: &Fault, allow: Option<&str>) -> Result<(), Fault> {
        let (mut fields, body) = refusal(self.dialect, fault, self.id, &self.shard.date);
        if let Some(methods) = allow {
            encode::field(&mut fields, "allow", methods.as_bytes());
        }
        self.whole(fault.kind.row().status, &fields, &body).await
    }
}

/// Closes the gateway's own time and adds the field that tells it. What follows is the write to the client.
pub fn overhead(tally: &mut Tally, out: &mut Vec<u8>) {
    let us = tally.close_overhead(Moment::now());
    encode::field(out, "x-ringgate-overhead-us", itoa::Buffer::new().format(us).as_bytes());
}

/// What the fields of an answer of the gateway's own begin with.
fn own(now: &DateLine) -> Vec<u8> {
    let mut fields = Vec::with_capacity(256);
    fields.extend_from_slice(JSON);
    now.write(&mut fields);
    fields
}

/// Fields and body of a refusal.
fn refusal(dialect: Dialect, fault: &Fault, id: RequestId, now: &DateLine) -> (Vec<u8>, Vec<u8>) {
    let mut fields = own(now);
    for (name, value) in refusal::fields(fault.kind) {
        encode::field(&mut fields, name, value.as_bytes());
    }
    let mut body = Vec::with_capacity(256);
    refusal::body(dialect, fault, std::str::from_utf8(&id.text()).unwrap_or_default(), &mut body);
    (fields, body)
}

/// The whole answer to a client that was not heard. Its connection ends with it.
pub fn unheard(kind: FaultKind, shard: &Shard) -> Buf {
    let id = shard.next_id();
    let (fields, body) = refusal(Dialect::OpenAi, &kind.into(), id, &shard.date);
    let mut out = Buf::with_capacity(fields.len() + body.len() + 256);
    let head = out.tail();
    encode::status_line(head, kind.row().status);
    head.extend_from_slice(&fields);
    encode::field(head, "x-request-id", &id.text());
    encode::content_length(head, body.len() as u64);
    encode::field(head, "connection", b"close");
    encode::end(head);
    out.extend(&body);
    out
}
