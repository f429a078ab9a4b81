//! One event loop per thread, on the best driver that the machine allows.
//!
//! The order is: a ring that only this thread submits to and that delivers completions when asked (Linux 6.1), one
//! without that (6.0), a plain one, epoll. Containers often forbid rings altogether: then it is epoll at once.

use std::fmt;
use std::future::Future;
use std::io;

use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};

/// Entries of the submission queue; the completion queue has twice as many.
const RING_ENTRIES: u32 = 4096;

/// What an event loop runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A ring with one submitter and deferred completions: the fastest.
    Deferred,
    /// A ring with one submitter and cooperative completions.
    Cooperative,
    /// A ring with default flags.
    Plain,
    /// No ring.
    Epoll,
}

impl fmt::Display for Driver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Driver::Deferred => "io_uring (deferred)",
            Driver::Cooperative => "io_uring (cooperative)",
            Driver::Plain => "io_uring",
            Driver::Epoll => "epoll",
        })
    }
}

/// Which driver a caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The best that works.
    #[default]
    Best,
    /// Epoll, even where a ring would work.
    Epoll,
}

/// Runs what `main` makes on a new event loop of this thread, and tells `main` what the loop runs on.
///
/// # Errors
/// When not even epoll can be set up.
pub fn block_on<F: Future>(wanted: Wanted, main: impl FnOnce(Driver) -> F) -> io::Result<F::Output> {
    if wanted == Wanted::Best {
        for driver in [Driver::Deferred, Driver::Cooperative, Driver::Plain] {
            match ring(driver) {
                Ok(mut runtime) => return Ok(runtime.block_on(main(driver))),
                Err(refused) if refused.raw_os_error() == Some(libc::EINVAL) => {}
                Err(_) => break,
            }
        }
    }
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?;
    Ok(runtime.block_on(main(Driver::Epoll)))
}

fn ring(driver: Driver) -> io::Result<Runtime<TimeDriver<IoUringDriver>>> {
    let mut flags = io_uring::IoUring::builder();
    match driver {
        Driver::Deferred => flags.setup_single_issuer().setup_defer_taskrun(),
        Driver::Cooperative => flags.setup_single_issuer().setup_coop_taskrun(),
        Driver::Plain | Driver::Epoll => &mut flags,
    };
    // A profile may let rings be made that cannot be entered.
    flags.build(1)?.submit()?;
    RuntimeBuilder::<IoUringDriver>::new()
        .with_entries(RING_ENTRIES)
        .uring_builder(flags)
        .enable_timer()
        .build()
}
