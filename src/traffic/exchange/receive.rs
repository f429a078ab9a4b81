//! From bytes to a plan: head, caller, body, ask, permit, targets.
//!
//! Invariant: a caller is known before the first byte of a body is asked for or read beyond what came with the
//! head; a body never takes more memory than the limits allow.

use super::client::Client;
use super::familiar::{Found, Read};
use super::local;
use super::shard::Shard;
use super::state::{BodyScan, Exchange, Intake};
use crate::base::buf::Buf;
use crate::base::clock::{Moment, unix_seconds};
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::{BODY_SEGMENT_BYTES, CLIENT_BUFFER_BYTES, TARGET_BYTES};
use crate::base::text::Text;
use crate::contract::endpoint::{BodyKind, Dialect, Endpoint, StreamStyle};
use crate::contract::snapshot::{Limits, Snapshot};
use crate::http::chunked::Decoder;
use crate::http::coding::Accepted;
use crate::http::encode;
use crate::http::request::{self, Framing, HeadLimits, RequestHead};
use crate::http::{HeadError, HeadScan, Slots, is};
use crate::net::deadline::Waiting;
use crate::net::gather::Gather;
use crate::net::stream::Writer;
use crate::traffic::account::Tally;
use crate::traffic::auth::{self, Caller};
use crate::traffic::dialect::{
    Ask, BodyType, MultipartScan, RequestScan, ScanError, astray, content_type_kind, paths,
};
use crate::traffic::policy::{self, Permit};
use crate::traffic::provider;
use crate::traffic::route;

/// What is to be done about a request.
pub enum Planned {
    /// The exchange's course says where it goes.
    Forward(Permit),
    /// The gateway answers by itself.
    Local(Vec<u8>),
}

/// A request that is refused.
#[derive(Debug)]
pub struct Refusal {
    pub fault: Fault,
    /// Methods for an `Allow` field.
    pub allow: Option<&'static str>,
    /// Nothing more can be made of this connection: its bytes are not understood, or not all read.
    pub close: bool,
}

impl Refusal {
    fn closing(fault: impl Into<Fault>) -> Self {
        Self { fault: fault.into(), allow: None, close: true }
    }
}

/// Waits for a whole head, which stands at the front of the inbox then, and tells when the last of it was there. `None`: the
/// connection ended, or was cut while it was idle.
///
/// # Errors
/// What arrived is no head that this gateway takes; the connection can only be closed.
pub async fn head(shard: &Shard, client: &mut Client) -> Option<(Moment, Result<Found, Refusal>)> {
    let mut scan = HeadScan::default();
    // From its first byte on, empty lines before it included, a head has one time limit.
    let mut timed = !client.inbox.is_empty();
    let mut heard = Moment(0);
    if timed {
        // What came with the request before has waited for its turn: that is no work for it.
        heard = Moment::now();
        client.deadline.set(Waiting::Head, shard.snapshot().limits.head_ms);
    }
    loop {
        let blank = crate::http::leading_blank(&client.inbox);
        if blank > 0 {
            client.inbox.consume(blank);
            scan = HeadScan::default();
        }
        let again = client.familiar.find(&client.inbox);
        if let Some(found) = again.or_else(|| scan.end(&client.inbox).map(Found::new)) {
            client.deadline.clear();
            return Some((heard, Ok(found)));
        }
        let plausible = if client.inbox.is_empty() {
            Ok(())
        } else if scan.has_bare_feed(&client.inbox) {
            Err(HeadError::LineEnd)
        } else {
            request::plausible(&client.inbox, &head_limits(&shard.snapshot()))
        };
        if let Err(error) = plausible {
            return Some((heard, Err(Refusal::closing(error))));
        }
        if !client.reader.has_begun() {
            let mut inbox = shard.buffers.at_least_small(std::mem::take(&mut client.inbox));
            inbox.reserve(CLIENT_BUFFER_BYTES / 2);
            client.reader.begin(inbox);
        }
        let (read, inbox) = client.reader.arrived().await;
        client.inbox = inbox;
        match read {
            // Before anything is done about it: looking at what came is the gateway's own time.
            Ok(n) if n > 0 => heard = Moment::now(),
            _ if client.deadline.fired() == Some(Waiting::Head) => {
                return Some((Moment::now(), Err(Refusal::closing(FaultKind::HeadTimeout))));
            }
            _ => return None,
        }
        if !timed {
            timed = true;
            client.deadline.set(Waiting::Head, shard.snapshot().limits.head_ms);
        }
    }
}

fn head_limits(snapshot: &Snapshot) -> HeadLimits {
    HeadLimits {
        head_bytes: snapshot.limits.head_bytes,
        headers: snapshot.limits.headers,
        target_bytes: TARGET_BYTES,
    }
}

/// Reads a whole head into the exchange; gives its length.
///
/// # Errors
/// It is not valid; the connection can only be closed.
pub fn read_head(
    shard: &Shard,
    snapshot: &Snapshot,
    client: &mut Client,
    found: Found,
    exchange: &mut Exchange,
) -> Result<usize, Refusal> {
    let Client { familiar, inbox, .. } = client;
    let (intake, tally) = (&mut exchange.intake, &mut exchange.tally);
    let length = found.bytes;
    if let Some(user_agent) = familiar.recall(found, shard.epoch(), intake, &shard.buffers) {
        intake.keep_alive &= !shard.draining.get();
        (tally.record.endpoint, tally.record.user_agent) = (intake.endpoint, user_agent);
        return Ok(length);
    }
    let bytes = &inbox[..length];
    let mut slots = Slots::new();
    let head = match request::parse(bytes, &mut slots, &head_limits(snapshot)) {
        Ok(head) => head,
        Err(error) => {
            intake.unreadable();
            return Err(Refusal::closing(error));
        }
    };
    intake.endpoint = Endpoint::Unknown;
    intake.hosted = false;
    intake.head_only = head.method == "HEAD";
    intake.minor_version = head.minor_version;
    intake.keep_alive = head.keep_alive;
    intake.framing = head.framing;
    intake.expects_continue = head.expects_continue;
    intake.body_type = BodyType::Other;
    intake.forward = shard.buffers.small();
    intake.find(&head);
    tally.record.endpoint = intake.endpoint;
    if intake.fault.is_some() {
        tally.explain(&format!("{} {}", head.method, head.path));
    }
    let user_agent = intake.read_fields(&head, snapshot);
    tally.record.user_agent = user_agent;
    familiar.learn(&Read { bytes, head: &head, intake, user_agent, epoch: shard.epoch() }, &shard.heads);
    intake.keep_alive &= !shard.draining.get();
    Ok(length)
}

/// Of two keys in fields of one name each reader on the way may take another.
const TWO_KEYS: &str = "The request has two header fields of one name with different API keys.";

impl Intake {
    fn find(&mut self, head: &RequestHead<'_>) {
        match paths::find(head.method, head.path) {
            Ok(found) => {
                self.endpoint = found.endpoint;
                self.hosted = found.hosted;
                if let Some(raw) = found.model_id {
                    self.model_id = paths::decode_model_id(raw);
                    if self.model_id.is_none() {
                        self.fault = Some((FaultKind::ModelNotFound.into(), None));
                    }
                }
            }
            Err(paths::PathFault::Unknown) => {
                let fault = astray::hint(head.path).map(|hint| Fault::told(FaultKind::UnknownPath, hint));
                self.fault = Some((fault.unwrap_or(FaultKind::UnknownPath.into()), None));
            }
            Err(paths::PathFault::Stored) => {
                self.fault = Some((Fault::told(FaultKind::UnknownPath, astray::STORED), None));
            }
            Err(paths::PathFault::Amazons) => {
                self.fault = Some((Fault::told(FaultKind::UnknownPath, astray::AMAZONS), None));
            }
            Err(paths::PathFault::MethodNotAllowed { allow }) => {
                let message = format!("This URL does not take this method, but {allow}.");
                self.fault = Some((Fault::told(FaultKind::MethodNotAllowed, message), Some(allow)));
            }
        }
        self.dialect = match self.endpoint {
            Endpoint::Unknown => paths::dialect_of_unknown(head.path),
            endpoint => endpoint.dialect(),
        };
        self.style = match self.endpoint {
            Endpoint::StreamGenerateContent if !head.query.is_some_and(paths::asks_for_events) => {
                StreamStyle::GeminiArray
            }
            endpoint => endpoint.row().stream,
        };
    }

    /// One pass over the fields: credential, content type, and what goes upstream. Gives the user agent.
    fn read_fields(&mut self, head: &RequestHead<'_>, snapshot: &Snapshot) -> Text<64> {
        let mut user_agent = Text::EMPTY;
        (self.names_version, self.trailers, self.takes) = (false, false, Accepted::default());
        if let Some(query) = head.query {
            let azures = paths::is_azures(head.path);
            auth::query::without_credentials(query, |piece| {
                // The provider may have another version, or none.
                let parameter = piece.strip_prefix(b"&").unwrap_or(piece);
                if azures && parameter.starts_with(b"api-version=") {
                    return;
                }
                self.forward.extend(if self.forward.is_empty() { parameter } else { piece });
            });
            self.query_bytes = self.forward.len();
        }
        let mut presented: Option<(auth::Rank, &[u8])> = None;
        let mut is_google = false;
        for (name, value) in head.headers.iter() {
            if let Some(found) = auth::credential(name, value) {
                let Some(before) = presented.filter(|_| !found.1.is_empty()) else {
                    presented = presented.or(Some(found).filter(|found| !found.1.is_empty()));
                    continue;
                };
                if found.0 < before.0 {
                    presented = Some(found);
                } else if found.0 == before.0 && found.1 != before.1 {
                    self.fault.get_or_insert((Fault::told(FaultKind::MalformedHead, TWO_KEYS), None));
                }
                continue;
            }
            if is(name.as_bytes(), b"te") {
                self.note_te(head, value);
            } else if is(name.as_bytes(), b"accept-encoding") {
                self.takes.add(value);
            } else if is(name.as_bytes(), b"content-encoding") && !is(value, b"identity") {
                let message = "The request's body is compressed (`Content-Encoding`): send it as it is.";
                self.fault
                    .get_or_insert((Fault::told(FaultKind::UnsupportedMedia, message.to_owned()), None));
            }
            is_google |= name.len() == 17 && is(name.as_bytes(), b"x-goog-api-client");
            if !provider::request::passes(name) || head.headers.connection_nominates(name) {
                continue;
            }
            encode::field(self.forward.tail(), name, value);
            if is(name.as_bytes(), b"content-type") {
                self.body_type = content_type_kind(value);
            } else if is(name.as_bytes(), b"user-agent") {
                user_agent = Text::cut_bytes(value);
            } else if is(name.as_bytes(), b"anthropic-version") {
                self.names_version = true;
            }
        }
        // The catalog is one path in three dialects, and nowhere in none: who names a version of Anthropic's or a library
        // of Google's speaks that.
        self.dialect = match self.endpoint {
            Endpoint::Models | Endpoint::Model | Endpoint::Unknown if self.names_version => {
                Dialect::Anthropic
            }
            Endpoint::Models | Endpoint::Model | Endpoint::Unknown if is_google => Dialect::Gemini,
            _ => self.dialect,
        };
        let in_query = match (presented, head.query) {
            (None, Some(query)) if self.dialect == Dialect::Gemini => auth::query::key(query),
            _ => None,
        };
        let presented = presented.map(|(_, key)| key).or(in_query.as_deref());
        self.caller = auth::authenticate(snapshot, presented, unix_seconds);
        user_agent
    }

    /// Who reads fields behind a body says so, for a connection; the gateway, which passes them on, says it then for its own.
    ///
    /// Source: RFC 9110, 10.1.4. That the field is not named by Connection, as it should be, is no reason not to believe it.
    fn note_te(&mut self, head: &RequestHead<'_>, value: &[u8]) {
        // HTTP/1.0 has no chunks, behind which they stand.
        if self.trailers || head.minor_version == 0 {
            return;
        }
        self.trailers = value.split(|byte| *byte == b',').any(|one| is(one.trim_ascii(), b"trailers"));
        if self.trailers {
            self.forward.extend(b"te: trailers\r\nconnection: te\r\n");
        }
    }

    fn has_body(&self) -> bool {
        !matches!(self.framing, Framing::None | Framing::Length(0))
    }
}

/// Everything between a head and an upstream.
///
/// # Errors
/// The request is refused.
pub async fn plan(
    shard: &Shard,
    snapshot: &Snapshot,
    client: &mut Client,
    exchange: &mut Exchange,
) -> Result<Planned, Refusal> {
    let intake = &mut exchange.intake;
    let close = intake.has_body();
    let refused = |fault: Fault| Refusal { fault, allow: None, close };
    if let Some((fault, allow)) = intake.fault.take() {
        return Err(Refusal { fault, allow, close });
    }
    let caller = intake.caller.map_err(|kind| refused(kind.into()))?;
    note_caller(&mut exchange.tally, snapshot, &caller);
    if let Some(kind) = overload(shard, snapshot) {
        return Err(refused(kind.into()));
    }
    if intake.endpoint.row().body == BodyKind::None {
        // A body that nobody reads must not be taken for the next request.
        intake.keep_alive &= !close;
        return answer_here(snapshot, &caller, intake).map_err(refused);
    }
    exchange.scan = BodyScan::of(intake, policy::is_free(snapshot, &caller)).map_err(refused)?;
    read_body(shard, snapshot, client, exchange).await?;
    exchange.tally.record.request_bytes = exchange.course.body_bytes;
    admit(snapshot, &caller, exchange).map_err(|fault| Refusal { fault, allow: None, close: false })
}

/// Why no more work is taken at the moment, if it is not.
fn overload(shard: &Shard, snapshot: &Snapshot) -> Option<FaultKind> {
    if shard.is_backlogged() {
        Some(FaultKind::RecordBacklog)
    } else if shard.exchanges.get() > snapshot.limits.exchanges {
        Some(FaultKind::Overloaded)
    } else {
        None
    }
}

fn note_caller(tally: &mut Tally, snapshot: &Snapshot, caller: &Caller) {
    tally.record.key = caller.key;
    if let Some(group) = policy::group(snapshot, caller) {
        tally.record.group = group.name;
    }
}

fn answer_here(snapshot: &Snapshot, caller: &Caller, intake: &Intake) -> Result<Planned, Fault> {
    match &intake.model_id {
        Some(id) => local::model(snapshot, caller, intake.dialect, id.as_str()).map(Planned::Local),
        None => Ok(Planned::Local(local::models(snapshot, caller, intake.dialect))),
    }
}

/// The body is whole: what does it ask for, may the caller have it, and where does it go?
fn admit(snapshot: &Snapshot, caller: &Caller, exchange: &mut Exchange) -> Result<Planned, Fault> {
    let ask = exchange.scan.finish(&exchange.intake).map_err(|error| error.fault())?;
    let ask = exchange.ask.insert(ask);
    let record = &mut exchange.tally.record;
    let asked = ask.model.as_str();
    record.asked = Text::cut(asked);
    record.streamed = ask.stream;
    let (index, star) = snapshot.catalog.find_index(asked).ok_or_else(|| policy::not_found(asked))?;
    let model = &snapshot.catalog.models[index as usize];
    record.model = model.name;
    let permit = policy::admit(snapshot, caller, asked)?;
    let course = &mut exchange.course;
    let star_at = star.as_ptr().addr().saturating_sub(asked.as_ptr().addr()).min(asked.len());
    course.star = (star_at, star_at + star.len());
    course.model = index;
    course.targets = route::order(model, record.id.sequence);
    Ok(Planned::Forward(permit))
}

impl BodyScan {
    /// `is_free`: whatever models the body names, the caller may use them.
    fn of(intake: &Intake, is_free: bool) -> Result<Self, Fault> {
        let kind = intake.endpoint.row().body;
        match (&intake.body_type, kind) {
            (BodyType::Json, BodyKind::Json | BodyKind::JsonOrMultipart) => {
                Ok(Self::Json(if is_free { RequestScan::of_model_alone() } else { RequestScan::new() }))
            }
            (BodyType::Multipart { boundary }, BodyKind::Multipart | BodyKind::JsonOrMultipart) => {
                Ok(Self::Multipart(MultipartScan::new(boundary)))
            }
            _ => Err(Fault::told(
                FaultKind::UnsupportedMedia,
                match kind {
                    BodyKind::Multipart => {
                        "This URL takes `Content-Type: multipart/form-data` with a boundary."
                    }
                    BodyKind::JsonOrMultipart => {
                        "This URL takes `Content-Type: application/json` or `multipart/form-data`."
                    }
                    BodyKind::Json | BodyKind::None => "This URL takes `Content-Type: application/json`.",
                },
            )),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        match self {
            BodyScan::Json(scan) => scan.feed(bytes),
            BodyScan::Multipart(scan) => scan.feed(bytes),
            BodyScan::None => Ok(()),
        }
    }

    fn finish(&self, intake: &Intake) -> Result<Ask, ScanError> {
        let streams = intake.endpoint == Endpoint::StreamGenerateContent;
        match self {
            BodyScan::Json(scan) => match &intake.model_id {
                Some(model) if intake.endpoint.dialect() == Dialect::Gemini => {
                    scan.finish_named(model, streams)
                }
                Some(model) => scan.finish_deployed(model),
                None => scan.finish(),
            },
            BodyScan::Multipart(scan) => match &intake.model_id {
                Some(model) => scan.finish_deployed(model),
                None => scan.finish(),
            },
            BodyScan::None => Err(ScanError::MissingModel),
        }
    }
}

/// Reads the body into the exchange's gather, decoded, in the buffers that it arrived in.
async fn read_body(
    shard: &Shard,
    snapshot: &Snapshot,
    client: &mut Client,
    exchange: &mut Exchange,
) -> Result<(), Refusal> {
    let limits = &snapshot.limits;
    let framing = exchange.intake.framing;
    if matches!(framing, Framing::Length(n) if n > limits.body_bytes) {
        return Err(Refusal::closing(too_large(limits)));
    }
    let mut inbound = Inbound::new(framing);
    let course = &mut exchange.course;
    course.body_bytes = 0;
    course.body = shard.buffers.gather();
    course.body.hold(Buf::default());
    let mut segment = std::mem::take(&mut client.inbox);
    let mut decoded = 0;
    let mut continued = !exchange.intake.expects_continue;
    let latest = match limits.body_ms {
        0 => Moment(0),
        ms => exchange.tally.begun.plus_ms(ms),
    };
    loop {
        let step = inbound.take(&mut segment, decoded, &mut client.inbox).map_err(Refusal::closing)?;
        let fresh = &segment[decoded..];
        course.body_bytes += fresh.len() as u64;
        if course.body_bytes > limits.body_bytes {
            return Err(Refusal::closing(too_large(limits)));
        }
        let close = step == Step::More;
        exchange.scan.feed(fresh).map_err(|error| Refusal { fault: error.fault(), allow: None, close })?;
        decoded = segment.len();
        if step == Step::Done {
            course.body.hold(segment);
            return Ok(());
        }
        if !continued {
            continued = true;
            say_continue(&mut client.writer).await.map_err(Refusal::closing)?;
        }
        if segment.room() == 0 || decoded >= BODY_SEGMENT_BYTES {
            course.body.hold(segment);
            segment = shard.buffers.of(inbound.next_segment());
            let capacity = segment.capacity() as u64;
            course.held_bytes += capacity;
            shard.buffered.set(shard.buffered.get() + capacity);
            decoded = 0;
            if shard.buffered.get() > limits.buffered_bytes {
                return Err(Refusal::closing(FaultKind::Overloaded));
            }
        }
        client.deadline.set_before(Waiting::Body, limits.body_idle_ms, latest);
        let (read, back) = client.reader.read(segment).await;
        segment = back;
        let fired = client.deadline.fired();
        client.deadline.clear();
        match (read, fired) {
            (Ok(n), _) if n > 0 => exchange.tally.complete = Moment::now(),
            (_, Some(Waiting::Body)) => return Err(Refusal::closing(FaultKind::BodyTimeout)),
            (_, Some(Waiting::Stop)) => return Err(Refusal::closing(FaultKind::ShuttingDown)),
            _ => return Err(Refusal::closing(FaultKind::ClientGone)),
        }
    }
}

fn too_large(limits: &Limits) -> Fault {
    Fault::told(
        FaultKind::BodyTooLarge,
        format!("The request's body is larger than the {} bytes that this gateway takes.", limits.body_bytes),
    )
}

async fn say_continue(writer: &mut Writer) -> Result<(), Fault> {
    let mut line = Buf::with_capacity(32);
    line.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut gather = Gather::default();
    gather.whole(line);
    writer.write(gather).await.0.map_err(|_| FaultKind::ClientGone.into())
}

/// What is still to come of a body.
enum Inbound {
    Length(u64),
    Chunked(Decoder),
}

#[derive(PartialEq, Eq)]
enum Step {
    More,
    Done,
}

impl Inbound {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Inbound::Length(0),
            Framing::Length(n) => Inbound::Length(n),
            Framing::Chunked => Inbound::Chunked(Decoder::default()),
        }
    }

    /// Decodes what stands behind `decoded` in `segment`; what belongs to the next request goes to `inbox`.
    fn take(&mut self, segment: &mut Buf, decoded: usize, inbox: &mut Buf) -> Result<Step, Fault> {
        let (data, consumed, done) = match self {
            Inbound::Length(left) => {
                let n = ((segment.len() - decoded) as u64).min(*left) as usize;
                *left -= n as u64;
                (n, n, *left == 0)
            }
            Inbound::Chunked(decoder) => {
                let step = decoder
                    .decode(&mut segment[decoded..])
                    .map_err(|error| Fault::told(FaultKind::MalformedChunk, error.to_string()))?;
                (step.data, step.consumed, step.finished)
            }
        };
        if decoded + consumed < segment.len() {
            inbox.extend(&segment[decoded + consumed..]);
        }
        segment.truncate(decoded + data);
        Ok(if done { Step::Done } else { Step::More })
    }

    /// Size of the next buffer.
    fn next_segment(&self) -> usize {
        match self {
            Inbound::Length(left) => (*left).min(BODY_SEGMENT_BYTES as u64) as usize,
            Inbound::Chunked(_) => BODY_SEGMENT_BYTES / 4,
        }
    }
}
