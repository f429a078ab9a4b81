//! A request that goes out in another format than it came in, and the head of its answer.

use super::aside;
use super::outbound::{self, HEAD};
use super::shard::Shard;
use super::state::Exchange;
use crate::base::buf::Buf;
use crate::base::clock::unix_seconds;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::StreamStyle;
use crate::contract::errand::{Shelf, Want};
use crate::contract::parameters::Parameters;
use crate::contract::snapshot::{Credential, Provider, Unsupported};
use crate::http::{encode, sigv4};
use crate::net::pool::BufferPool;
use crate::net::stock;
use crate::traffic::dialect::{self, Ask};
use crate::traffic::provider::request::{self, Forwarded};
use crate::traffic::translate::foreign;
use crate::traffic::translate::{
    self, Crossing, Destination, Form, Speech, StreamUsage, Translated, Translation,
};
use crate::traffic::upstream::call::Answer;
use std::borrow::Cow;

pub const JSON: &[u8] = b"content-type: application/json\r\n";
const EVENTS: &[u8] = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n";

/// The version of Anthropic's API that translated requests are written for, whatever its provider's own clients are to use:
/// a later one refuses what older models take.
const MESSAGES_VERSION: &[u8] = b"anthropic-version: 2023-06-01\r\n";

/// Fields of a client's head that mean the same to every provider.
const FORWARDED: [&[u8]; 2] = [b"user-agent:", b"x-client-request-id:"];
/// The field of an Anthropic client's head that names features.
const BETA: &[u8] = b"anthropic-beta:";
/// Beginnings of fields of a provider's head that every client may read as they are: when it answered, the request's id
/// there, and what is left of a share of it, by the provider's own names for that. Nothing among them says whose account it is.
const KEPT: [&[u8]; 7] = [
    b"date:",
    b"x-ringgate-upstream-request-id:",
    b"x-ratelimit",
    b"anthropic-ratelimit-",
    b"ratelimit",
    b"x-should-retry:",
    b"openai-processing-ms:",
];
/// When to come again, which an answer that is an error has in other words, too.
const HINTS: [&[u8]; 2] = [b"retry-after:", b"retry-after-ms:"];

/// What its answer is to be translated by.
pub struct Crossed {
    pub translation: Box<Translation>,
    /// Names of what the request lost.
    dropped: String,
}

impl Crossed {
    pub fn dropped(&self) -> &str {
        &self.dropped
    }
}

/// What came of laying a request out.
pub enum Laid {
    Out(Crossed),
    /// Not yet: this has to be fetched first.
    Lacks(Vec<Want>),
}

/// Where a request crosses to.
pub struct Way<'s> {
    pub crossing: Crossing,
    pub provider: &'s Provider,
    pub credential: Option<&'s Credential>,
    /// The provider's name for the model.
    pub model: &'s str,
    pub unsupported: Unsupported,
    /// What the provider takes no URLs of may be fetched.
    pub fetches: bool,
}

/// Lays the request out as its provider wants it. The client's own bytes stay where they are, for another target.
///
/// # Errors
/// It cannot be said in the provider's format.
pub fn lay_out(exchange: &mut Exchange, way: &Way<'_>, pool: &BufferPool) -> Result<Laid, Fault> {
    let writing = Writing::of(exchange, way)?;
    let course = &mut exchange.course;
    let mut out = course.body.take(HEAD);
    if out.capacity() == 0 {
        out = pool.small();
    }
    out.clear();
    let translated = writing.write(outbound::in_one_piece(&course.body), &course.shelf, out.tail())?;
    Ok(finish(exchange, way, out, translated))
}

/// The same for a large body, without holding the shard up.
///
/// # Errors
/// As above.
pub async fn lay_out_aside(exchange: &mut Exchange, way: &Way<'_>, shard: &Shard) -> Result<Laid, Fault> {
    let writing = Writing::of(exchange, way)?;
    shard.buffers.give(exchange.course.body.take(HEAD));
    let is_signed = way.provider.pass.is_some();
    let written = aside::with_body(&mut exchange.course, shard, move |body, shelf| {
        let bytes: usize = body.iter().map(|segment| segment.len()).sum();
        let mut out = stock::take(bytes + bytes / 8);
        let write = |body: &[u8]| writing.write(Cow::Borrowed(body), shelf, out.tail());
        let translated = outbound::on_one_piece(body, write)?;
        let hash = is_signed.then(|| sigv4::hashed([&*out].into_iter()));
        Ok::<_, Fault>((out, translated, hash))
    });
    let (out, translated, hash) = written.await??;
    exchange.course.hash = hash;
    Ok(finish(exchange, way, out, translated))
}

/// All that writing a body anew takes, whichever thread does it.
struct Writing {
    crossing: Crossing,
    /// Where the URL says what form the answer has, the body does not.
    told: Option<Form>,
    model: String,
    stream_usage: StreamUsage,
    unsupported: Unsupported,
    betas: Vec<String>,
    on_vertex: bool,
    parameters: Parameters,
    fetches: bool,
}

impl Writing {
    fn of(exchange: &Exchange, way: &Way<'_>) -> Result<Self, Fault> {
        let (ask, intake) = (exchange.ask.as_ref().ok_or(FaultKind::Internal)?, &exchange.intake);
        let takes_usage = way.provider.takes_stream_usage;
        Ok(Self {
            crossing: way.crossing,
            told: (way.crossing.client == Speech::Gemini).then(|| form(way.crossing, ask)),
            model: way.model.to_owned(),
            stream_usage: if takes_usage { StreamUsage::Asked } else { StreamUsage::Unasked },
            unsupported: way.unsupported,
            betas: betas(&intake.forward[intake.query_bytes..]).map(str::to_owned).collect(),
            on_vertex: way.provider.is_vertex(),
            parameters: way.provider.parameters,
            fetches: way.fetches,
        })
    }

    fn write(&self, body: Cow<'_, [u8]>, shelf: &Shelf, out: &mut Vec<u8>) -> Result<Translated, Fault> {
        let betas: Vec<&str> = self.betas.iter().map(String::as_str).collect();
        let to = Destination {
            speech: self.crossing.provider,
            model: &self.model,
            stream_usage: self.stream_usage,
            unsupported: self.unsupported,
            betas: &betas,
            on_vertex: self.on_vertex,
            parameters: self.parameters,
            shelf: self.fetches.then_some(shelf),
        };
        // Where nothing is translated, nothing else leaves another vendor's thoughts out.
        let (body, dropped) = if self.crossing.is_hosted() {
            foreign::without(Speech::Anthropic, &self.model, body)
        } else {
            (body, "")
        };
        let mut translated = translate::request_in_form(self.crossing.client, self.told, to, &body, out)?;
        translated.dropped.push_str(dropped);
        Ok(translated)
    }
}

/// Puts a head to a body that was written.
fn finish(exchange: &mut Exchange, way: &Way<'_>, mut out: Buf, translated: Translated) -> Laid {
    let (course, intake) = (&mut exchange.course, &exchange.intake);
    let Some(ask) = exchange.ask.as_ref().filter(|_| translated.lacking.is_empty()) else {
        course.body.put(HEAD, out);
        return Laid::Lacks(translated.lacking);
    };
    let lines = &intake.forward[intake.query_bytes..];
    let mut fields = neutral(lines);
    if way.crossing.is_hosted() && way.crossing.provider == Speech::VertexAnthropic {
        copy(lines, &[BETA], &mut fields);
    }
    let is_messages = way.crossing.provider == Speech::Anthropic;
    if is_messages {
        fields.extend_from_slice(MESSAGES_VERSION);
    }
    let (path, query) =
        request::crossing_path(way.crossing, form(way.crossing, ask), translated.wanted.method);
    let forwarded = Forwarded {
        credential: way.credential,
        model: way.crossing.named(way.model),
        query,
        fields: &fields,
        names_version: is_messages,
    };
    let body_bytes = out.len();
    request::head(out.tail(), way.provider, path, forwarded, body_bytes as u64);
    outbound::lay_out_written(&mut course.body, out, body_bytes);
    let id = exchange.tally.record.id.text();
    let translation = translation(way.crossing, ask, translated.renamed)
        .repeating(translated.repeated)
        .known_as(std::str::from_utf8(&id).unwrap_or_default(), way.model)
        .asked_as(ask.model.as_str())
        .embedding(translated.wanted);
    Laid::Out(Crossed {
        translation: Box::new(match intake.style {
            StreamStyle::GeminiArray => translation.in_array(),
            _ => translation,
        }),
        dropped: translated.dropped,
    })
}

fn form(crossing: Crossing, ask: &Ask) -> Form {
    if ask.stream && !crossing.is_whole() { Form::Stream } else { Form::Whole }
}

fn translation(crossing: Crossing, ask: &Ask, renamed: translate::names::Renamed) -> Translation {
    let wants_usage = !ask.stream || ask.stream_usage == dialect::StreamUsage::Asked;
    let form = form(crossing, ask);
    Translation::new(crossing.provider, crossing.client, form, unix_seconds(), wants_usage, renamed)
}

/// What the client's head names of Anthropic's features that are being tried out.
fn betas(lines: &[u8]) -> impl Iterator<Item = &str> {
    let lines = lines.split(|byte| *byte == b'\n');
    let values = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(BETA.len())?;
        std::str::from_utf8(value).ok().filter(|_| name.eq_ignore_ascii_case(BETA))
    });
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

/// The client's field lines that go to any provider, and what the body is now.
fn neutral(lines: &[u8]) -> Vec<u8> {
    let mut fields = JSON.to_vec();
    copy(lines, &FORWARDED, &mut fields);
    fields
}

/// Copies the lines of a provider's head that mean something to clients of any dialect.
pub fn keep(head: &[u8], fields: &mut Vec<u8>) {
    copy(head, &KEPT, fields);
}

fn copy(lines: &[u8], names: &[&[u8]], out: &mut Vec<u8>) {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let begins =
            |name: &&[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if names.iter().any(begins) {
            out.extend_from_slice(line);
        }
    }
}

/// Writes the head of a translated answer in place of the provider's.
pub fn head(answer: &mut Answer, crossed: &Crossed, style: StreamStyle, pool: &BufferPool) {
    let mut head = pool.small();
    let out = head.tail();
    encode::status_line(out, answer.status);
    out.extend_from_slice(match (crossed.translation.form(), style) {
        (Form::Whole, _) | (Form::Stream, StreamStyle::GeminiArray) => JSON,
        (Form::Stream, _) => EVENTS,
    });
    keep(&answer.head, out);
    copy(&answer.head, &HINTS, out);
    if !crossed.dropped.is_empty() {
        encode::field(out, "x-ringgate-dropped", crossed.dropped.as_bytes());
    }
    pool.give(std::mem::replace(&mut answer.head, head));
}
