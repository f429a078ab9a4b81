//! From targets to an answer: each target in turn until one answers, then its answer is relayed.
//!
//! Invariant: another target is tried only while the client has been told nothing and the failed one certainly
//! did nothing.

use super::aside;
use super::beside;
use super::crossing::{self, Crossed, Laid};
use super::media;
use super::outbound::{self, HEAD};
use super::pass;
use super::passage::Passage;
use super::relay;
use super::reply::Reply;
use super::shard::Shard;
use super::state::Exchange;
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::{Dialect, Endpoint, StreamStyle};
use crate::contract::errand::Shelf;
use crate::contract::pass::PassSlot;
use crate::contract::snapshot::{Credential, Format, Model, Provider, Snapshot, Target};
use crate::traffic::dialect::{Ask, Edits, InjectUsage, StreamUsage};
use crate::traffic::provider::named;
use crate::traffic::provider::request::{self, Forwarded};
use crate::traffic::provider::response;
use crate::traffic::route::keys::{TRIED_MAX, Verdict};
use crate::traffic::translate::foreign::{self, Cuts};
use crate::traffic::translate::{Crossing, Speech};
use crate::traffic::upstream::call::{Answer, CallError, Timings};
use std::ops::Range;
use std::sync::Arc;

/// Sends a request to its targets and relays the answer.
///
/// # Errors
/// The fault that the client is to be told, or (when its answer had begun) that ended it.
pub async fn run(snapshot: &Snapshot, exchange: &mut Exchange, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let model = &snapshot.catalog.models[exchange.course.model as usize];
    let latest = match model.timeouts.total_ms {
        0 => Moment(0),
        ms => exchange.tally.complete.plus_ms(ms),
    };
    let targets = exchange.course.targets;
    let endpoint = exchange.intake.endpoint;
    let mut failed = None;
    for target in targets.iter(model) {
        let provider = &snapshot.providers[target.provider as usize];
        let Some(way) = Way::to(provider, endpoint) else { continue };
        if let Err(fault) = beside::allowed(snapshot, exchange, target.provider) {
            failed.get_or_insert(fault);
            continue;
        }
        let usage = wants_usage(provider, endpoint);
        let trip = Trip { snapshot, model, target, provider, way, usage, latest };
        match trip.ask(exchange, reply).await {
            Ok((answer, crossed, key)) => {
                let passage = Passage {
                    provider,
                    key,
                    timeouts: &model.timeouts,
                    latest,
                    hide_usage: usage == InjectUsage::Yes && exchange.ask.as_ref().is_some_and(hides_usage),
                    style: exchange.intake.style,
                    crossing: trip.way.crossing(),
                };
                exchange.release_request(reply.shard);
                return relay::run(&passage, answer, crossed, reply, exchange).await;
            }
            Err(missed) => {
                failed = Some(missed.fault);
                if !missed.go_on {
                    break;
                }
            }
        }
    }
    Err(failed.unwrap_or_else(|| unspoken(endpoint)))
}

/// What a client is told whose model is no model, but a way out of where a provider's models are.
const ASTRAY: &str =
    "The model's name has `.` or `..` for a part between slashes, which could be taken for another URL.";

/// One target, and how it is asked.
struct Trip<'s> {
    snapshot: &'s Snapshot,
    model: &'s Model,
    target: &'s Target,
    provider: &'s Provider,
    way: Way,
    usage: InjectUsage,
    latest: Moment,
}

/// A target that gave no answer.
struct Missed {
    fault: Fault,
    /// Another target may be asked: this one certainly did nothing.
    go_on: bool,
}

impl<'s> Trip<'s> {
    /// Asks the target, and tells with which of its keys. Where it refuses or limits the key and has others, with another
    /// one.
    async fn ask(
        &self,
        exchange: &mut Exchange,
        reply: &Reply<'_>,
    ) -> Result<(Answer, Option<Crossed>, Option<&'s Credential>), Missed> {
        let (shard, credentials) = (reply.shard, &self.provider.credentials);
        let mut tries = 0;
        loop {
            tries += 1;
            let now = shard.deadlines.coarse_now();
            let key = shard.keys.choose(credentials, now, exchange.tally.record.id.sequence + tries);
            exchange.tally.toward(self.provider.name);
            // Another provider's format may have a place for what this one's has not.
            let crossed = self.laid_out(exchange, key, reply).await.map_err(|fault| Missed {
                go_on: matches!(fault.kind, FaultKind::Untranslatable | FaultKind::MediaUnfetched),
                fault,
            })?;
            let pass = self.show_pass(exchange, reply).map_err(|fault| Missed { fault, go_on: true })?;
            let called = call(self, exchange, reply).await;
            let answer = called.map_err(|error| {
                exchange.tally.explain(&error.detail);
                Missed { fault: error.fault, go_on: error.untouched }
            })?;
            let verdict = Verdict::of(answer.status);
            if let (Some(slot), Some(pass), Verdict::Refused) = (&self.provider.pass, pass, verdict) {
                slot.refuse(pass);
            }
            match (key, verdict) {
                (_, Verdict::Good) => return Ok((answer, crossed, key)),
                (Some(key), verdict) if credentials.len() > 1 => {
                    shard.keys.rest(key, verdict, response::retry_after_ms(&answer.head), now);
                    if tries >= u64::from(TRIED_MAX) || !shard.keys.has_another(credentials, key, now) {
                        return Ok((answer, crossed, Some(key)));
                    }
                }
                _ => return Ok((answer, crossed, key)),
            }
        }
    }

    /// Adds the provider's pass to a request that is laid out, where it is shown one; gives its number.
    fn show_pass(&self, exchange: &mut Exchange, reply: &Reply<'_>) -> Result<Option<u64>, Fault> {
        let show = |slot: &Arc<PassSlot>| pass::show(&mut exchange.course, slot, reply.shard);
        self.provider.pass.as_ref().map(show).transpose()
    }

    /// Lays the request out. What its provider wants in bytes, and the client names by URL, is fetched first.
    async fn laid_out(
        &self,
        exchange: &mut Exchange,
        credential: Option<&Credential>,
        reply: &Reply<'_>,
    ) -> Result<Option<Crossed>, Fault> {
        let wants = match self.lay_out(exchange, credential, reply).await? {
            None => return Ok(None),
            Some(Laid::Out(crossed)) => return Ok(Some(crossed)),
            Some(Laid::Lacks(wants)) => wants,
        };
        let rules = self.snapshot.media.as_ref().ok_or(FaultKind::Internal)?;
        Box::pin(media::fetch(exchange, wants, rules, &self.snapshot.limits, reply.shard)).await?;
        match self.lay_out(exchange, credential, reply).await? {
            Some(Laid::Out(crossed)) => Ok(Some(crossed)),
            // Nothing is fetched twice.
            None | Some(Laid::Lacks(_)) => Err(FaultKind::Internal.into()),
        }
    }

    /// A body that is large is read and written by the helper.
    async fn lay_out(
        &self,
        exchange: &mut Exchange,
        credential: Option<&Credential>,
        reply: &Reply<'_>,
    ) -> Result<Option<Laid>, Fault> {
        let shard = reply.shard;
        let is_large = exchange.course.body_bytes >= aside::LARGE_BYTES;
        if request::leads_astray(self.provider, self.name(exchange)?) {
            return Err(Fault::told(FaultKind::InvalidModel, ASTRAY));
        }
        exchange.course.hash = None;
        match &self.way {
            Way::Straight(path) => {
                let cuts = self.foreign(exchange, shard).await?;
                exchange.course.dropped = cuts.dropped();
                straight(self, path, exchange, credential, reply, &cuts).map(|()| None)
            }
            Way::Across(crossing) if is_large => {
                Box::pin(self.cross_aside(*crossing, exchange, credential, shard)).await.map(Some)
            }
            Way::Across(crossing) => {
                let name = self.name(exchange)?.to_owned();
                crossing::lay_out(exchange, &self.across(*crossing, credential, &name), &shard.buffers)
                    .map(Some)
            }
        }
    }

    async fn cross_aside(
        &self,
        crossing: Crossing,
        exchange: &mut Exchange,
        credential: Option<&Credential>,
        shard: &Shard,
    ) -> Result<Laid, Fault> {
        let name = self.name(exchange)?.to_owned();
        crossing::lay_out_aside(exchange, &self.across(crossing, credential, &name), shard).await
    }

    fn across<'w>(
        &'w self,
        crossing: Crossing,
        credential: Option<&'w Credential>,
        name: &'w str,
    ) -> crossing::Way<'w> {
        crossing::Way {
            crossing,
            provider: self.provider,
            credential,
            model: name,
            unsupported: self.model.unsupported,
            fetches: self.snapshot.media.is_some(),
        }
    }

    /// The name that the target knows the model by.
    fn name<'n>(&'n self, exchange: &'n Exchange) -> Result<&'n str, Fault> {
        let ask = exchange.ask.as_ref().ok_or(FaultKind::Internal)?;
        Ok(self.target.name(star(ask, exchange.course.star)))
    }

    /// What the provider would refuse of the history of a client that had answers of other vendors' models before, and of
    /// the words of a host's client.
    async fn foreign(&self, exchange: &mut Exchange, shard: &Shard) -> Result<Cuts, Fault> {
        let hosted = exchange.intake.hosted;
        let speech = foreign::speech(exchange.intake.endpoint);
        let Some(speech) = speech.filter(|_| hosted || self.snapshot.mixes_formats) else {
            return Ok(Cuts::default());
        };
        if exchange.course.body_bytes >= aside::VAST_BYTES {
            return Box::pin(self.foreign_aside(speech, exchange, shard)).await;
        }
        let (name, body) = (self.name(exchange)?, &exchange.course.body);
        if !hosted && !foreign::may_be_in(speech, name, outbound::segments(body)) {
            return Ok(Cuts::default());
        }
        if exchange.course.body_bytes >= aside::LARGE_BYTES {
            return Box::pin(self.foreign_aside(speech, exchange, shard)).await;
        }
        Ok(foreign::cuts(speech, name, &outbound::in_one_piece(body)))
    }

    async fn foreign_aside(
        &self,
        speech: Speech,
        exchange: &mut Exchange,
        shard: &Shard,
    ) -> Result<Cuts, Fault> {
        let (name, hosted) = (self.name(exchange)?.to_owned(), exchange.intake.hosted);
        let cuts = move |body: &[Buf], _: &Shelf| {
            let may_be = hosted || foreign::may_be_in(speech, &name, body.iter().map(|segment| &**segment));
            if !may_be {
                return Cuts::default();
            }
            outbound::on_one_piece(body, |body| foreign::cuts(speech, &name, body))
        };
        aside::with_body(&mut exchange.course, shard, cuts).await
    }
}

/// How a target is asked, and where below its provider's base.
enum Way {
    /// With the client's own bytes.
    Straight(&'static str),
    Across(Crossing),
}

impl Way {
    /// `None`: nothing that the provider has answers to this endpoint.
    fn to(provider: &Provider, endpoint: Endpoint) -> Option<Self> {
        if let Some(path) = provider.path(endpoint) {
            return Some(Way::Straight(path));
        }
        let able = |crossing: &Crossing| provider.counts_input || !crossing.counts_responses();
        Crossing::between(endpoint, provider.format).filter(able).map(Way::Across)
    }

    fn crossing(&self) -> Option<Crossing> {
        match self {
            Way::Straight(_) => None,
            Way::Across(crossing) => Some(*crossing),
        }
    }
}

/// None of a model's targets speaks the endpoint's dialect.
fn unspoken(endpoint: Endpoint) -> Fault {
    let wanted = match endpoint.dialect() {
        Dialect::OpenAi => Format::OpenAi,
        Dialect::Anthropic => Format::Anthropic,
        Dialect::Gemini => Format::Gemini,
    };
    let (path, format) = (endpoint.row().path, wanted.name());
    let message =
        format!("None of this model's providers speaks the format of `{path}`, which is `{format}`.");
    Fault::told(FaultKind::FormatUnspoken, message)
}

/// Whether the client streams and did not ask for the usage that the provider is asked for.
fn hides_usage(ask: &Ask) -> bool {
    ask.stream && ask.stream_usage != StreamUsage::Asked
}

/// Whether usage is asked of this provider for the stream that a client of this endpoint may want.
fn wants_usage(provider: &Provider, endpoint: Endpoint) -> InjectUsage {
    let streams_chunks = matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions);
    debug_assert!(!streams_chunks || endpoint.row().stream == StreamStyle::OpenAiChunks);
    if streams_chunks && provider.takes_stream_usage { InjectUsage::Yes } else { InjectUsage::No }
}

/// Lays out the client's own bytes, but for the model's name and what is cut.
fn straight(
    trip: &Trip<'_>,
    path: &str,
    exchange: &mut Exchange,
    credential: Option<&Credential>,
    reply: &Reply<'_>,
    cuts: &Cuts,
) -> Result<(), Fault> {
    let ask = exchange.ask.as_ref().ok_or(FaultKind::Internal)?;
    let name = trip.target.name(star(ask, exchange.course.star));
    let within = matches!(exchange.intake.endpoint, Endpoint::EmbedContent | Endpoint::BatchEmbedContents);
    let edits = Edits::plan(ask, name, trip.usage).map_err(|error| error.fault())?;
    let edits = match exchange.intake.endpoint {
        Endpoint::ChatCompletions | Endpoint::Completions => edits.renaming(ask, trip.provider.parameters),
        _ => edits,
    };
    let (course, intake) = (&mut exchange.course, &exchange.intake);
    let mut head = course.body.take(HEAD);
    if head.capacity() == 0 {
        head = reply.shard.buffers.small();
    }
    let (query, fields) = intake.forward.split_at(intake.query_bytes);
    let forwarded = Forwarded { credential, model: name, query, fields, names_version: intake.names_version };
    if within {
        head.clear();
        let body = outbound::in_one_piece(&course.body);
        named::renamed(&body, ask.model.as_str(), name, head.tail()).map_err(|error| error.fault())?;
        let body_bytes = head.len();
        request::head(head.tail(), trip.provider, path, forwarded, body_bytes as u64);
        outbound::lay_out_written(&mut course.body, head, body_bytes);
        return Ok(());
    }
    let body_bytes = edits.edited_len(course.body_bytes);
    if cuts.list.is_empty() {
        outbound::lay_out(&mut course.body, head, edits.iter(), |out| {
            request::head(out, trip.provider, path, forwarded, body_bytes);
        });
        return Ok(());
    }
    let mut all: Vec<(Range<u64>, &[u8])> =
        edits.iter().chain(cuts.list.iter().map(|(span, text)| (span.clone(), &**text))).collect();
    all.sort_by_key(|(span, _)| span.start);
    let body_bytes = edited_len(course.body_bytes, &all);
    outbound::lay_out(&mut course.body, head, all.iter().cloned(), |out| {
        request::head(out, trip.provider, path, forwarded, body_bytes);
    });
    Ok(())
}

fn edited_len(body_bytes: u64, edits: &[(Range<u64>, &[u8])]) -> u64 {
    edits.iter().fold(body_bytes, |len, (span, text)| len + text.len() as u64 - (span.end - span.start))
}

/// What a wildcard's star stands for; empty for an exact name.
fn star(ask: &Ask, (from, until): (usize, usize)) -> &str {
    ask.model.as_str().get(from..until).unwrap_or_default()
}

async fn call(trip: &Trip<'_>, exchange: &mut Exchange, reply: &Reply<'_>) -> Result<Answer, CallError> {
    let timings = Timings::default();
    let (upstreams, limits) = (&reply.shard.upstreams, &trip.snapshot.limits);
    let (origin, timeouts) = (&trip.provider.origin, &trip.model.timeouts);
    let body = &mut exchange.course.body;
    let called = upstreams.call(origin, body, timeouts, trip.latest, limits, &timings).await;
    let (tally, sent) = (&mut exchange.tally, timings.sent.get());
    tally.record.overhead_in_us = sent.micros_since(tally.complete) as u32;
    if let Ok(answer) = &called {
        let first_byte = timings.first_byte.get();
        tally.record.first_byte_us = first_byte.micros_since(sent) as u32;
        tally.record.upstream_status = answer.status;
        tally.last_event = timings.last_read.get();
    }
    called
}
