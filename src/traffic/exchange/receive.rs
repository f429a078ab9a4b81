//! From bytes to a plan: head, caller, body, ask, permit, targets.
//!
//! Invariant: a caller is known before the first byte of a body is asked for or read beyond what came with the
//! head; a body never takes more memory than the limits allow.

use super::client::Client;
use super::local;
use super::shard::{Counted, Shard};
use crate::base::buf::Buf;
use crate::base::clock::{Moment, unix_seconds};
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::{BODY_SEGMENT_BYTES, CLIENT_BUFFER_BYTES, MODEL_NAME_BYTES, TARGET_BYTES};
use crate::base::text::Text;
use crate::contract::endpoint::{BodyKind, Endpoint};
use crate::contract::snapshot::{Limits, Snapshot};
use crate::http::chunked::Decoder;
use crate::http::encode;
use crate::http::request::{self, Framing, HeadLimits, RequestHead};
use crate::http::{HeadScan, Slots};
use crate::net::deadline::Waiting;
use crate::net::gather::Gather;
use crate::net::stream::Writer;
use crate::traffic::account::Tally;
use crate::traffic::auth::{self, Caller};
use crate::traffic::dialect::{Ask, BodyType, MultipartScan, RequestScan, ScanError, content_type_kind, paths};
use crate::traffic::policy::{self, Permit};
use crate::traffic::provider;
use crate::traffic::route::{self, Targets};

/// What a head says, without the bytes it came in.
pub struct Intake {
    pub endpoint: Endpoint,
    pub head_only: bool,
    pub minor_version: u8,
    pub keep_alive: bool,
    pub framing: Framing,
    pub user_agent: Text<64>,
    expects_continue: bool,
    body_type: BodyType,
    caller: Result<Caller, FaultKind>,
    /// For `GET /v1/models/{id}`.
    model_id: Option<Text<MODEL_NAME_BYTES>>,
    /// The query, then field lines for the upstream.
    forward: Buf,
    query_bytes: usize,
    fault: Option<(Fault, Option<&'static str>)>,
}

/// What is to be done about a request.
pub enum Planned {
    Forward(Forward),
    /// The gateway answers by itself.
    Local(Vec<u8>),
}

/// A request that goes upstream.
pub struct Forward {
    pub permit: Permit,
    pub ask: Ask,
    /// Index into the catalog.
    pub model: u32,
    /// What a wildcard's star stands for, as a range of the asked name.
    star: (usize, usize),
    pub targets: Targets,
    /// The body's segments, as `outbound` wants them.
    pub body: Gather,
    pub body_bytes: u64,
    pub forward: Buf,
    pub query_bytes: usize,
}

impl Forward {
    /// What a wildcard's star stands for; empty for an exact name.
    pub fn star(&self) -> &str {
        self.ask.model.as_str().get(self.star.0..self.star.1).unwrap_or_default()
    }
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

/// Waits for a whole head and reads it. `None`: the connection ended, or was cut while it was idle.
///
/// # Errors
/// The head is not one that this gateway takes; the connection can only be closed.
pub async fn head(shard: &Shard, snapshot: &Snapshot, client: &mut Client) -> Option<Result<Intake, Refusal>> {
    let limits = HeadLimits {
        head_bytes: snapshot.limits.head_bytes,
        headers: snapshot.limits.headers,
        target_bytes: TARGET_BYTES,
    };
    let mut scan = HeadScan::default();
    if !client.inbox.is_empty() {
        client.deadline.set(Waiting::Head, snapshot.limits.head_ms);
    }
    loop {
        let blank = crate::http::leading_blank(&client.inbox);
        if blank > 0 {
            client.inbox.consume(blank);
            scan = HeadScan::default();
        }
        if let Some(end) = scan.end(&client.inbox) {
            client.deadline.clear();
            let intake = parse(&client.inbox[..end], &limits, snapshot, shard);
            client.inbox.consume(end);
            return Some(intake.map_err(Refusal::closing));
        }
        if !client.inbox.is_empty()
            && let Err(error) = request::plausible(&client.inbox, &limits)
        {
            return Some(Err(Refusal::closing(error.fault())));
        }
        let idle = client.inbox.is_empty();
        if client.inbox.capacity() == 0 {
            client.inbox = shard.buffers.small();
        }
        client.inbox.reserve(CLIENT_BUFFER_BYTES / 2);
        let (read, inbox) = client.reader.read(std::mem::take(&mut client.inbox)).await;
        client.inbox = inbox;
        match read {
            Ok(n) if n > 0 => {}
            _ if client.deadline.fired() == Some(Waiting::Head) => {
                return Some(Err(Refusal::closing(FaultKind::HeadTimeout)));
            }
            _ => return None,
        }
        if idle {
            client.deadline.set(Waiting::Head, snapshot.limits.head_ms);
        }
    }
}

fn parse(bytes: &[u8], limits: &HeadLimits, snapshot: &Snapshot, shard: &Shard) -> Result<Intake, Fault> {
    let mut slots = Slots::new();
    let head = request::parse(bytes, &mut slots, limits).map_err(|error| error.fault())?;
    let mut intake = Intake {
        endpoint: Endpoint::Unknown,
        head_only: head.method == "HEAD",
        minor_version: head.minor_version,
        keep_alive: head.keep_alive && !shard.draining.get(),
        framing: head.framing,
        user_agent: Text::EMPTY,
        expects_continue: head.expects_continue,
        body_type: BodyType::Other,
        caller: Err(FaultKind::MissingKey),
        model_id: None,
        forward: shard.buffers.small(),
        query_bytes: 0,
        fault: None,
    };
    intake.find(&head);
    intake.read_fields(&head, snapshot);
    Ok(intake)
}

impl Intake {
    fn find(&mut self, head: &RequestHead<'_>) {
        match paths::find(head.method, head.path) {
            Ok(found) => {
                self.endpoint = found.endpoint;
                if let Some(raw) = found.model_id {
                    self.model_id = paths::decode_model_id(raw);
                    if self.model_id.is_none() {
                        self.fault = Some((FaultKind::ModelNotFound.into(), None));
                    }
                }
            }
            Err(paths::PathFault::Unknown) => self.fault = Some((FaultKind::UnknownPath.into(), None)),
            Err(paths::PathFault::MethodNotAllowed { allow }) => {
                self.fault = Some((FaultKind::MethodNotAllowed.into(), Some(allow)));
            }
        }
    }

    /// One pass over the fields: credential, content type, and what goes upstream.
    fn read_fields(&mut self, head: &RequestHead<'_>, snapshot: &Snapshot) {
        if let Some(query) = head.query {
            self.forward.extend(query.as_bytes());
            self.query_bytes = query.len();
        }
        let mut presented: Option<(auth::Rank, &[u8])> = None;
        for (name, value) in head.headers.iter() {
            if let Some(found) = auth::credential(name, value) {
                if presented.is_none_or(|(rank, _)| found.0 < rank) {
                    presented = Some(found);
                }
                continue;
            }
            if !provider::request::passes(name) || head.headers.connection_nominates(name) {
                continue;
            }
            encode::field(self.forward.tail(), name, value);
            if name.eq_ignore_ascii_case("content-type") {
                self.body_type = content_type_kind(value);
            } else if name.eq_ignore_ascii_case("user-agent") {
                self.user_agent = Text::cut_bytes(value);
            }
        }
        self.caller = auth::authenticate(snapshot, presented.map(|(_, key)| key), unix_seconds);
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
    intake: Intake,
    tally: &mut Tally,
) -> Result<Planned, Refusal> {
    let unread = intake.has_body();
    let refused = |fault: Fault, allow| Refusal { fault, allow, close: unread };
    if let Some((fault, allow)) = intake.fault {
        return Err(refused(fault, allow));
    }
    let caller = intake.caller.map_err(|kind| refused(kind.into(), None))?;
    note_caller(tally, snapshot, &caller);
    if shard.draining.get() {
        return Err(refused(FaultKind::Draining.into(), None));
    }
    if shard.is_backlogged() {
        return Err(refused(FaultKind::RecordBacklog.into(), None));
    }
    if shard.exchanges.get() > snapshot.limits.exchanges {
        return Err(refused(FaultKind::Overloaded.into(), None));
    }
    if intake.endpoint.row().body == BodyKind::None {
        return answer_here(snapshot, &caller, &intake).map_err(|fault| refused(fault, None));
    }
    let mut scan = BodyScan::of(&intake).map_err(|fault| refused(fault, None))?;
    let body = read_body(shard, snapshot, client, &intake, &mut scan).await?;
    tally.complete = Moment::now();
    tally.record.request_bytes = body.bytes;
    let whole = |fault: Fault| Refusal { fault, allow: None, close: false };
    let ask = scan.finish().map_err(|error| whole(error.fault()))?;
    let forward = admit(snapshot, &caller, ask, body, intake, tally).map_err(whole)?;
    Ok(Planned::Forward(forward))
}

fn note_caller(tally: &mut Tally, snapshot: &Snapshot, caller: &Caller) {
    tally.record.key = caller.key;
    if let Some(group) = policy::group(snapshot, caller) {
        tally.record.group = group.name;
    }
}

fn answer_here(snapshot: &Snapshot, caller: &Caller, intake: &Intake) -> Result<Planned, Fault> {
    match &intake.model_id {
        Some(id) => local::model(snapshot, caller, id.as_str()).map(Planned::Local),
        None => Ok(Planned::Local(local::models(snapshot, caller))),
    }
}

fn admit(
    snapshot: &Snapshot,
    caller: &Caller,
    ask: Ask,
    body: Body,
    intake: Intake,
    tally: &mut Tally,
) -> Result<Forward, Fault> {
    let asked = ask.model.as_str();
    tally.record.asked = Text::cut(asked);
    tally.record.streamed = ask.stream;
    let (index, star) = snapshot.catalog.find_index(asked).ok_or_else(|| not_found(asked))?;
    let star_at = star.as_ptr().addr().saturating_sub(asked.as_ptr().addr()).min(asked.len());
    let star = (star_at, star_at + star.len());
    let model = &snapshot.catalog.models[index as usize];
    tally.record.model = model.name;
    let permit = policy::admit(snapshot, caller, asked)?;
    let targets = route::order(model, tally.record.id.sequence);
    Ok(Forward {
        permit,
        ask,
        model: index,
        star,
        targets,
        body: body.gather,
        body_bytes: body.bytes,
        forward: intake.forward,
        query_bytes: intake.query_bytes,
    })
}

fn not_found(asked: &str) -> Fault {
    let shown: String = asked.chars().take(64).collect();
    Fault::told(
        FaultKind::ModelNotFound,
        format!("The model `{shown}` does not exist in this gateway's catalog. `GET /v1/models` lists what there is."),
    )
}

/// The scan that fits the body's type.
enum BodyScan {
    Json(RequestScan),
    Multipart(Box<MultipartScan>),
}

impl BodyScan {
    fn of(intake: &Intake) -> Result<Self, Fault> {
        let kind = intake.endpoint.row().body;
        match (&intake.body_type, kind) {
            (BodyType::Json, BodyKind::Json | BodyKind::JsonOrMultipart) => Ok(Self::Json(RequestScan::new())),
            (BodyType::Multipart { boundary }, BodyKind::Multipart | BodyKind::JsonOrMultipart) => {
                Ok(Self::Multipart(Box::new(MultipartScan::new(boundary))))
            }
            _ => Err(Fault::told(
                FaultKind::UnsupportedMedia,
                match kind {
                    BodyKind::Multipart => "This URL takes `Content-Type: multipart/form-data` with a boundary.",
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
        }
    }

    fn finish(self) -> Result<Ask, ScanError> {
        match self {
            BodyScan::Json(scan) => scan.finish(),
            BodyScan::Multipart(scan) => scan.finish(),
        }
    }
}

/// A request's body, decoded, in the buffers that it was read into.
struct Body {
    gather: Gather,
    bytes: u64,
}

async fn read_body(
    shard: &Shard,
    snapshot: &Snapshot,
    client: &mut Client,
    intake: &Intake,
    scan: &mut BodyScan,
) -> Result<Body, Refusal> {
    let limits = &snapshot.limits;
    if matches!(intake.framing, Framing::Length(n) if n > limits.body_bytes) {
        return Err(Refusal::closing(too_large(limits)));
    }
    let mut inbound = Inbound::new(intake.framing);
    let mut body = Body { gather: shard.buffers.gather(), bytes: 0 };
    body.gather.hold(Buf::default());
    let mut held = Counted::new(&shard.buffered, 0);
    let mut segment = std::mem::take(&mut client.inbox);
    let mut decoded = 0;
    let mut continued = !intake.expects_continue;
    loop {
        let step = inbound.take(&mut segment, decoded, &mut client.inbox).map_err(Refusal::closing)?;
        let fresh = &segment[decoded..];
        body.bytes += fresh.len() as u64;
        if body.bytes > limits.body_bytes {
            return Err(Refusal::closing(too_large(limits)));
        }
        let close = step == Step::More;
        scan.feed(fresh).map_err(|error| Refusal { fault: error.fault(), allow: None, close })?;
        decoded = segment.len();
        if step == Step::Done {
            body.gather.hold(segment);
            return Ok(body);
        }
        if !continued {
            continued = true;
            say_continue(&mut client.writer).await.map_err(Refusal::closing)?;
        }
        if segment.room() == 0 || decoded >= BODY_SEGMENT_BYTES {
            body.gather.hold(segment);
            segment = Buf::with_capacity(inbound.next_segment());
            held.add(segment.capacity() as u64);
            decoded = 0;
            if shard.buffered.get() > limits.buffered_bytes {
                return Err(Refusal::closing(FaultKind::Overloaded));
            }
        }
        client.deadline.set(Waiting::Body, limits.body_idle_ms);
        let (read, back) = client.reader.read(segment).await;
        segment = back;
        let stalled = client.deadline.fired() == Some(Waiting::Body);
        client.deadline.clear();
        match read {
            Ok(n) if n > 0 => {}
            _ if stalled => return Err(Refusal::closing(FaultKind::BodyTimeout)),
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
