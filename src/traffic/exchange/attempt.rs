//! From targets to an answer: each target in turn until one answers, then its answer is relayed.
//!
//! Invariant: another target is tried only while the client has been told nothing and the failed one certainly
//! did nothing.

use super::crossing;
use super::outbound::{self, HEAD};
use super::relay;
use super::reply::Reply;
use super::state::Exchange;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::{Dialect, Endpoint, StreamStyle};
use crate::contract::snapshot::{Format, Model, Provider, Snapshot, Target};
use crate::traffic::dialect::{Ask, Edits, InjectUsage, StreamUsage};
use crate::traffic::provider::request::{self, Forwarded};
use crate::traffic::translate::Crossing;
use crate::traffic::upstream::call::{Answer, CallError, Timings};

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
    let mut failed = None;
    for target in targets.iter(model) {
        let provider = &snapshot.providers[target.provider as usize];
        let usage = wants_usage(provider, exchange.intake.endpoint);
        let Some(way) = Way::to(provider, exchange.intake.endpoint) else { continue };
        exchange.tally.toward(provider.name);
        let laid_out = match &way {
            Way::Straight(path) => straight(exchange, target, provider, path, usage, reply).map(|()| None),
            Way::Across(crossing, path) => {
                let name = upstream_name(target, exchange.star()).to_owned();
                let way = crossing::Way {
                    crossing: *crossing,
                    provider,
                    path,
                    model: &name,
                    unsupported: model.unsupported,
                };
                crossing::lay_out(exchange, &way, &reply.shard.buffers).map(Some)
            }
        };
        let crossed = match laid_out {
            Ok(crossed) => crossed,
            // Another provider's format may have a place for it.
            Err(fault) if fault.kind == FaultKind::Untranslatable => {
                failed = Some(fault);
                continue;
            }
            Err(fault) => return Err(fault),
        };
        match call(snapshot, exchange, provider, model, latest, reply).await {
            Ok(answer) => {
                let passage = relay::Passage {
                    provider,
                    timeouts: &model.timeouts,
                    latest,
                    hide_usage: usage == InjectUsage::Yes && exchange.ask.as_ref().is_some_and(hides_usage),
                    style: exchange.intake.endpoint.row().stream,
                    crossing: way.crossing(),
                };
                exchange.release_request(reply.shard);
                return relay::run(&passage, answer, crossed, reply, exchange).await;
            }
            Err(error) => {
                exchange.tally.explain(&error.detail);
                failed = Some(error.fault);
                if !error.untouched {
                    break;
                }
            }
        }
    }
    Err(failed.unwrap_or_else(|| unspoken(exchange.intake.endpoint)))
}

/// How a target is asked, and where below its provider's base.
enum Way {
    /// With the client's own bytes.
    Straight(&'static str),
    Across(Crossing, &'static str),
}

impl Way {
    /// `None`: nothing that the provider has answers to this endpoint.
    fn to(provider: &Provider, endpoint: Endpoint) -> Option<Self> {
        if let Some(path) = provider.format.path(endpoint) {
            return Some(Way::Straight(path));
        }
        let crossing = Crossing::between(endpoint, provider.format)?;
        Some(Way::Across(crossing, provider.format.path(crossing.provider.endpoint())?))
    }

    fn crossing(&self) -> Option<Crossing> {
        match self {
            Way::Straight(_) => None,
            Way::Across(crossing, _) => Some(*crossing),
        }
    }
}

/// None of a model's targets speaks the endpoint's dialect.
fn unspoken(endpoint: Endpoint) -> Fault {
    let wanted = match endpoint.dialect() {
        Dialect::OpenAi => Format::OpenAi,
        Dialect::Anthropic => Format::Anthropic,
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

/// Lays out the client's own bytes, but for the model's name.
fn straight(
    exchange: &mut Exchange,
    target: &Target,
    provider: &Provider,
    path: &str,
    usage: InjectUsage,
    reply: &Reply<'_>,
) -> Result<(), Fault> {
    let name = upstream_name(target, exchange.star());
    let ask = exchange.ask.as_ref().ok_or(FaultKind::Internal)?;
    let edits = Edits::plan(ask, name, usage).map_err(|error| error.fault())?;
    let (course, intake) = (&mut exchange.course, &exchange.intake);
    let mut head = course.body.take(HEAD);
    if head.capacity() == 0 {
        head = reply.shard.buffers.small();
    }
    let (query, fields) = intake.forward.split_at(intake.query_bytes);
    let forwarded = Forwarded { query, fields, names_version: intake.names_version };
    let body_bytes = edits.edited_len(course.body_bytes);
    outbound::lay_out(&mut course.body, head, &edits, |out| {
        request::head(out, provider, path, forwarded, body_bytes);
    });
    Ok(())
}

/// The name that the target knows the model by.
fn upstream_name<'n>(target: &'n Target, star: &'n str) -> &'n str {
    match &*target.model {
        "*" => star,
        name => name,
    }
}

async fn call(
    snapshot: &Snapshot,
    exchange: &mut Exchange,
    provider: &Provider,
    model: &Model,
    latest: Moment,
    reply: &Reply<'_>,
) -> Result<Answer, CallError> {
    let timings = Timings::default();
    let upstreams = &reply.shard.upstreams;
    let body = &mut exchange.course.body;
    let called =
        upstreams.call(&provider.origin, body, &model.timeouts, latest, &snapshot.limits, &timings).await;
    let (tally, sent) = (&mut exchange.tally, timings.sent.get());
    tally.record.overhead_in_us = sent.micros_since(tally.complete) as u32;
    if let Ok(answer) = &called {
        let first_byte = timings.first_byte.get();
        tally.record.first_byte_us = first_byte.micros_since(sent) as u32;
        tally.record.upstream_status = answer.status;
        tally.last_event = first_byte;
    }
    called
}
