//! What a request names by URL and its provider wants in bytes: control is asked for it, and waited for.
//!
//! Invariant: the shard goes on meanwhile, and whoever does not wait any more has given the errand up.

use super::shard::Shard;
use super::state::Exchange;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::errand::{Awaited, Errand, LOOK, Missed, Want};
use crate::contract::snapshot::{Fetching, Limits};
use crate::net::runtime;
use std::sync::Arc;

/// How much longer than it may take an errand is waited for: control knows better why it failed.
const GRACE_MS: u64 = 1000;

/// Puts what is wanted on the exchange's shelf.
///
/// # Errors
/// Something cannot be fetched, or there is no room for it.
pub async fn fetch(
    exchange: &mut Exchange,
    wants: Vec<Want>,
    rules: &Arc<Fetching>,
    limits: &Limits,
    shard: &Shard,
) -> Result<(), Fault> {
    if wants.len() > rules.count_max {
        let message = format!(
            "The request names {} images and documents by URL that would have to be fetched, and the gateway fetches at most {}.",
            wants.len(),
            rules.count_max
        );
        return Err(Fault::told(FaultKind::MediaUnfetched, message));
    }
    let errand = Awaited(Arc::new(Errand::new(wants, rules.clone())));
    let queued = shard.errands.borrow_mut().push(errand.0.clone());
    queued.map_err(|_| FaultKind::Overloaded)?;
    let until = Moment::now().plus_ms(rules.timeout_ms + GRACE_MS);
    while errand.0.outcome().is_none() && Moment::now() < until {
        runtime::sleep(LOOK).await;
    }
    let bytes: usize = match errand.0.outcome() {
        None => return Err(FaultKind::MediaUnfetched.into()),
        Some(Err(missed)) => {
            let why = &missed.why;
            exchange.tally.explain(why.detail.as_ref().unwrap_or(&why.public));
            return Err(told(missed));
        }
        Some(Ok(fetched)) => fetched.iter().map(|one| one.base64.len()).sum(),
    };
    exchange.course.shelf.add(errand);
    exchange.course.held_bytes += bytes as u64;
    shard.buffered.set(shard.buffered.get() + bytes as u64);
    if shard.buffered.get() > limits.buffered_bytes {
        return Err(FaultKind::Overloaded.into());
    }
    // Only now is there all of the request: the time that others took is not the gateway's own.
    exchange.tally.complete = Moment::now();
    Ok(())
}

/// Names the host, which the client named, and nothing else of the URL: that may hold a secret.
fn told(missed: &Missed) -> Fault {
    let Want { url, sort } = &missed.want;
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host: String = host.chars().filter(|c| !c.is_control()).take(128).collect();
    let message = format!("The {} at `{host}` cannot be fetched: {}.", sort.name(), missed.why.public);
    Fault::told(FaultKind::MediaUnfetched, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::errand::{Sort, Why};

    /// A client is told which host it was, and neither the path nor a password that stands in the URL.
    #[test]
    fn what_is_told() {
        for (url, host) in [
            ("https://a.example/secret?x=secret", "a.example"),
            ("https://user:secret@a.example:8443#secret", "a.example:8443"),
            ("secret", ""),
            ("https://\u{7}a.example", "a.example"),
        ] {
            let want = Want { url: url.into(), sort: Sort::Image };
            let fault = told(&Missed { want, why: Why::told("so").because("secret") });
            assert_eq!(fault.message(), format!("The image at `{host}` cannot be fetched: so."));
        }
    }
}
