//! The process's allocator: the system's, with a count, and with what is held.

#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Counts what any thread allocates or makes larger.
pub struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);
/// Bytes that are allocated now.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Allocations whose place is still to be printed.
static TO_TRACE: AtomicU64 = AtomicU64::new(0);

/// How long what is held may change before it is taken as it is.
const SETTLES: Duration = Duration::from_secs(5);
/// Between two looks at what is held.
const LOOK: Duration = Duration::from_millis(20);
/// Looks in a row that find no change: the shard, the log core and the provider had their turns.
const CALM_LOOKS: u32 = 10;
/// A change that counts as none: chores.
const CALM_BYTES: usize = 1 << 10;

thread_local! {
    /// Printing a place allocates.
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(bytes);
        forget(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        forget(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Allocations while this runs.
pub fn during(run: impl FnOnce()) -> u64 {
    let traces = std::env::var("RINGGATE_TRACE_ALLOCATIONS").ok().and_then(|count| count.parse().ok());
    TO_TRACE.store(traces.unwrap_or(0), Ordering::SeqCst);
    let before = COUNT.load(Ordering::SeqCst);
    run();
    let count = COUNT.load(Ordering::SeqCst) - before;
    TO_TRACE.store(0, Ordering::SeqCst);
    count
}

/// Bytes that are allocated when the threads have done what is under way: what is held is the same for a while, or
/// [`SETTLES`] has passed.
pub fn held() -> usize {
    let (begun, mut held, mut calm) = (Instant::now(), HELD.load(Ordering::SeqCst), 0);
    while calm < CALM_LOOKS && begun.elapsed() < SETTLES {
        thread::sleep(LOOK);
        let now = HELD.load(Ordering::SeqCst);
        calm = if now.abs_diff(held) <= CALM_BYTES { calm + 1 } else { 0 };
        held = now;
    }
    held
}

fn forget(bytes: usize) {
    HELD.fetch_sub(bytes, Ordering::Relaxed);
}

fn note(bytes: usize) {
    HELD.fetch_add(bytes, Ordering::Relaxed);
    if TRACING.get() {
        return;
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
    let wanted = TO_TRACE.load(Ordering::Relaxed) > 0
        && TO_TRACE.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    if wanted {
        TRACING.set(true);
        eprintln!("{bytes} bytes:\n{}", Backtrace::force_capture());
        TRACING.set(false);
    }
}
