//! Fetches what requests name by URL: images and documents, for providers that take bytes only.
//!
//! Takes errands from the shards' rings; asks the hosts that the configuration allows; settles each errand with bytes, or
//! with the reason why there are none.
//!
//! A stranger names the place. It is asked from here and not from a shard, because here stand a resolver and a client of
//! HTTP that may take their time, and because a fetch that goes wrong holds up nothing but itself.
//!
//! Invariant: an address is judged, and then that very address is connected to, for each redirect anew; nothing that a
//! host says reaches a client but bytes that are an image or a document.

mod fetch;
mod kind;
mod place;

use crate::contract::errand::{Errand, Fetched, LOOK, Missed, Outcome, Why};
use crate::contract::snapshot::Snapshot;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How often the rings are looked at while nothing may be fetched.
const IDLE: Duration = Duration::from_millis(200);
/// Errands that are run at once; what one holds is bounded by `bytes_max`.
const AT_ONCE: usize = 16;

/// A shard's ring.
pub type Ring = rtrb::Consumer<Arc<Errand>>;

/// Runs errands for as long as the runtime does.
pub async fn serve(mut rings: Vec<Ring>, published: Arc<ArcSwap<Snapshot>>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        for ring in &mut rings {
            while let Ok(errand) = ring.pop() {
                tokio::spawn(run(errand, places.clone()));
            }
        }
        let allowed = published.load().media.is_some();
        tokio::time::sleep(if allowed { LOOK } else { IDLE }).await;
    }
}

async fn run(errand: Arc<Errand>, places: Arc<Semaphore>) {
    let time = Duration::from_millis(errand.rules.timeout_ms);
    let work = async {
        let _place = places.acquire().await;
        all(&errand).await
    };
    tokio::select! {
        outcome = tokio::time::timeout(time, work) => {
            errand.settle(outcome.unwrap_or_else(|_| missed(&errand, "it did not come in time")));
        }
        () = given_up(&errand) => {}
    }
}

async fn given_up(errand: &Errand) {
    while !errand.is_given_up() {
        tokio::time::sleep(LOOK).await;
    }
}

/// What is wrong with the whole errand is told of the first that it wants.
fn missed(errand: &Errand, why: &str) -> Outcome {
    let want = errand.wants.first().cloned();
    want.map_or(Ok(vec![]), |want| Err(Missed { want, why: Why::told(why) }))
}

/// Fetches all that an errand wants, at once; the first that is missed ends it.
async fn all(errand: &Arc<Errand>) -> Outcome {
    let left = Arc::new(AtomicU64::new(errand.rules.bytes_max));
    let mut running = JoinSet::new();
    for index in 0..errand.wants.len() {
        let (errand, left) = (errand.clone(), left.clone());
        running.spawn(async move { one(&errand, index, &left).await });
    }
    let mut fetched = Vec::with_capacity(errand.wants.len());
    while let Some(done) = running.join_next().await {
        match done {
            Ok(one) => fetched.push(one?),
            // A task that died does not say what it was for.
            Err(_) => return missed(errand, "the gateway failed to read it"),
        }
    }
    Ok(fetched)
}

async fn one(errand: &Errand, index: usize, left: &AtomicU64) -> Result<Fetched, Missed> {
    let want = errand.wants[index].clone();
    match fetch::fetch(&want, &errand.rules, left).await {
        Ok((media, base64)) => Ok(Fetched { want, media, base64 }),
        Err(why) => Err(Missed { want, why }),
    }
}
