//! From targets to an answer: each target in turn until one answers, then its answer is relayed.
//!
//! Invariant: another target is tried only while the client has been told nothing and the failed one certainly
//! did nothing.

use super::outbound::{self, HEAD};
use super::receive::Forward;
use super::relay;
use super::reply::Reply;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::base::text::Text;
use crate::contract::endpoint::{Endpoint, StreamStyle};
use crate::contract::snapshot::{Model, Provider, Snapshot, Target};
use crate::traffic::account::Tally;
use crate::traffic::dialect::{Edits, InjectUsage, StreamUsage};
use crate::traffic::provider::request;
use crate::traffic::upstream::call::{Answer, CallError, Timings};
use std::borrow::Cow;

/// Sends a request to its targets and relays the answer.
///
/// # Errors
/// The fault that the client is to be told, or (when its answer had begun) that ended it.
pub async fn run(
    snapshot: &Snapshot,
    forward: &mut Forward,
    reply: &mut Reply<'_>,
    tally: &mut Tally,
) -> Result<(), Fault> {
    let model = &snapshot.catalog.models[forward.model as usize];
    let latest = match model.timeouts.total_ms {
        0 => Moment(0),
        ms => tally.complete.plus_ms(ms),
    };
    let targets = forward.targets;
    let mut failed = Fault::new(FaultKind::Internal);
    for target in targets.iter(model) {
        let provider = &snapshot.providers[target.provider as usize];
        let usage = wants_usage(provider, tally.record.endpoint);
        tally.toward(provider.name);
        lay_out(forward, target, provider, usage, tally.record.endpoint, reply)?;
        match call(snapshot, forward, provider, model, latest, reply, tally).await {
            Ok(answer) => {
                reply.shard.buffers.give_gather(std::mem::take(&mut forward.body));
                let hide = usage == InjectUsage::Yes && forward.ask.stream_usage != StreamUsage::Asked;
                let passage = relay::Passage {
                    provider,
                    timeouts: &model.timeouts,
                    latest,
                    hide_usage: hide && forward.ask.stream,
                    style: tally.record.endpoint.row().stream,
                };
                return relay::run(&passage, answer, reply, tally).await;
            }
            Err(error) => {
                tally.record.detail = Text::cut(&error.detail);
                failed = error.fault;
                if !error.untouched {
                    break;
                }
            }
        }
    }
    Err(failed)
}

/// Whether usage is asked of this provider for the stream that a client of this endpoint may want.
fn wants_usage(provider: &Provider, endpoint: Endpoint) -> InjectUsage {
    let streams_chunks = matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions);
    debug_assert!(!streams_chunks || endpoint.row().stream == StreamStyle::OpenAiChunks);
    if streams_chunks && provider.takes_stream_usage { InjectUsage::Yes } else { InjectUsage::No }
}

fn lay_out(
    forward: &mut Forward,
    target: &Target,
    provider: &Provider,
    usage: InjectUsage,
    endpoint: Endpoint,
    reply: &Reply<'_>,
) -> Result<(), Fault> {
    let name = upstream_name(target, forward.star());
    let edits = Edits::plan(&forward.ask, &name, usage).map_err(|error| error.fault())?;
    let mut head = forward.body.take(HEAD);
    head.clear();
    if head.capacity() == 0 {
        head = reply.shard.buffers.small();
    }
    let (query, fields) = forward.forward.split_at(forward.query_bytes);
    request::head(head.tail(), provider, endpoint, query, fields, edits.edited_len(forward.body_bytes));
    outbound::lay_out(&mut forward.body, head, &edits);
    Ok(())
}

/// The name that the target knows the model by.
fn upstream_name<'n>(target: &'n Target, star: &'n str) -> Cow<'n, str> {
    match &*target.model {
        "*" => Cow::Borrowed(star),
        name if name.contains('*') => Cow::Owned(name.replacen('*', star, 1)),
        name => Cow::Borrowed(name),
    }
}

async fn call(
    snapshot: &Snapshot,
    forward: &mut Forward,
    provider: &Provider,
    model: &Model,
    latest: Moment,
    reply: &Reply<'_>,
    tally: &mut Tally,
) -> Result<Answer, CallError> {
    let timings = Timings::default();
    let called = reply
        .shard
        .upstreams
        .call(&provider.origin, &mut forward.body, &model.timeouts, latest, &snapshot.limits, &timings)
        .await;
    let sent = timings.sent.get();
    tally.record.overhead_in_us = sent.micros_since(tally.complete) as u32;
    if let Ok(answer) = &called {
        let first_byte = timings.first_byte.get();
        tally.record.first_byte_us = first_byte.micros_since(sent) as u32;
        tally.record.upstream_status = answer.status;
        tally.last_event = first_byte;
    }
    called
}
