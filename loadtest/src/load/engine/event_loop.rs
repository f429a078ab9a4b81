//! An event loop of this thread, under a watch.

use std::rc::Rc;
use std::time::Duration;

use super::watch::Watch;
use crate::runtime::{Wanted, block_on};
use crate::sys;

/// Runs something on an event loop of this thread; what takes longer than `timeout` is ended.
///
/// # Errors
/// When there is no such core, or no event loop to be had; and those of `main`.
pub fn on_event_loop<T>(
    cpu: Option<usize>,
    wanted: Wanted,
    timeout: Duration,
    main: impl AsyncFnOnce(&Watch) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(cpu) = cpu {
        sys::pin_to(cpu)?;
    }
    block_on(wanted, |_| async {
        let watch = Rc::new(Watch::default());
        let watching = monoio::spawn(Rc::clone(&watch).run(timeout));
        let result = main(&watch).await;
        watch.end();
        watching.await;
        result
    })?
}
