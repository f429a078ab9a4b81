//! What takes long on a large body, done by the helper while the shard serves others.
//!
//! Invariant: the body is where it was when the work is done; if it was given up, nobody has it any more.

use super::outbound;
use super::shard::Shard;
use super::state::Course;
use crate::base::buf::Buf;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::errand::Shelf;
use crate::net::runtime;
use crate::net::stock;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bodies from this size on are read and written anew aside: a shard would have a millisecond to do.
pub const LARGE_BYTES: u64 = 512 * 1024;
/// The same of bodies that are only searched, which takes a quarter of a millisecond.
pub const VAST_BYTES: u64 = 1024 * 1024;

/// The largest buffer that one grows to which need not be so large: what the longest event that is translated grows to.
const GROWN_MOST: usize = 16 << 20;

/// Between looks whether the work is done.
const LOOK: Duration = Duration::from_millis(1);

/// Works on the client's body, in its segments, and on what was fetched for it.
///
/// # Errors
/// The work panicked.
pub async fn with_body<T: Send + Sync + 'static>(
    course: &mut Course,
    shard: &Shard,
    work: impl FnOnce(&[Buf], &Shelf) -> T + Send + 'static,
) -> Result<T, Fault> {
    let segments = outbound::take_segments(&mut course.body);
    let shelf = std::mem::take(&mut course.shelf);
    let (segments, shelf, result) = done(shard, move || {
        let result = work(&segments, &shelf);
        (segments, shelf, result)
    })
    .await?;
    outbound::give_segments(&mut course.body, segments);
    course.shelf = shelf;
    Ok(result)
}

/// A buffer with the same bytes and twice the memory at least, whose pages are there already: the shard that fills it finds
/// none to be cleared.
///
/// # Errors
/// There is no such memory.
pub async fn grown(buf: Buf, shard: &Shard) -> Result<Buf, Fault> {
    done(shard, move || {
        // One that an event had grown to spares all that lies between.
        let mut larger = stock::find_up_to(2 * buf.len(), GROWN_MOST).unwrap_or_else(|| {
            let mut new = stock::take(2 * buf.len());
            let whole = new.capacity();
            new.tail().resize(whole, 0);
            new.clear();
            new
        });
        larger.extend(&buf);
        // The first, which comes from a shard, is what the next event begins with.
        if buf.capacity() as u64 <= 2 * LARGE_BYTES {
            stock::give(buf);
        } else {
            stock::free(buf);
        }
        larger
    })
    .await
}

/// Keeps a buffer for others here, or has the helper keep it if it is large.
pub fn give(buf: Buf, shard: &Shard) {
    if buf.capacity() as u64 >= LARGE_BYTES { give_back(buf, shard) } else { shard.buffers.give(buf) }
}

/// Gives the helper what it wrote, and where. It may free it, which takes milliseconds for tens of megabytes.
pub fn give_back(buf: Buf, shard: &Shard) {
    // Where there is no room for it, it is freed here.
    drop(shard.chores.borrow_mut().give(Box::new(move || stock::give(buf))));
}

/// A large buffer that was used before, if the helper has one.
///
/// # Errors
/// It could not look.
pub async fn used(bytes: usize, shard: &Shard) -> Result<Option<Buf>, Fault> {
    done(shard, move || stock::find(bytes)).await
}

/// Has something done. Where the helper has too much to do already, it is done here and now.
pub async fn done<T: Send + Sync + 'static>(
    shard: &Shard,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let mut place = Arc::new(OnceLock::new());
    let theirs = place.clone();
    let chore = Box::new(move || {
        // Nobody else fills it.
        drop(theirs.set(work()));
    });
    let given = shard.chores.borrow_mut().give(chore);
    if let Err(chore) = given {
        chore();
    }
    loop {
        // The helper has let go of it, with what came of the work or without.
        match Arc::try_unwrap(place) {
            Ok(place) => return place.into_inner().ok_or_else(|| FaultKind::Internal.into()),
            Err(shared) => place = shared,
        }
        runtime::sleep(LOOK).await;
    }
}
