//! Load on one target.

use std::rc::Rc;
use std::time::Duration;

use super::args::{AskArgs, RunArgs};
use super::process::Process;
use super::report::Report;
use super::session::{Load, Session};
use super::tally::Tally;
use super::watch::Watch;
use crate::runtime::{Wanted, block_on};
use crate::sys;

/// Measures one target.
///
/// # Errors
/// When the target or the process cannot be reached, or the first answer is wrong.
pub fn run(args: &RunArgs) -> anyhow::Result<Report> {
    let process = args.pid.map(Process::new).transpose()?;
    on_event_loop(&args.ask, async |watch: &Watch| {
        let ask = args.ask.ask(args.stream, "mock");
        let mut session = Session::new(args.url.clone(), &ask, args.connections, args.events, watch);
        session.open().await?;
        let load = args.rate.map_or(Load::Closed, Load::Rate);
        session.slice(load, args.warmup).await;
        let measured = measure(&mut session, load, args.duration, process).await?;
        Ok(Report::new(&args.url.to_string(), &measured.tally, measured.cpu, measured.own_cpu))
    })
}

/// One slice of load, and what it cost.
pub struct Measured {
    pub tally: Tally,
    /// CPU time of the target.
    pub cpu: Option<Duration>,
    pub own_cpu: Duration,
}

/// Measures one slice of load.
pub async fn measure(
    session: &mut Session,
    load: Load,
    duration: Duration,
    process: Option<Process>,
) -> anyhow::Result<Measured> {
    let cpu_now = || process.map(Process::cpu).transpose();
    let (cpu_before, own_before) = (cpu_now()?, sys::thread_cpu()?);
    let tally = session.slice(load, duration).await;
    let own_cpu = sys::thread_cpu()?.saturating_sub(own_before);
    let cpu = cpu_now()?.zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    Ok(Measured { tally, cpu, own_cpu })
}

/// Runs something on an event loop of this thread, under a watch.
pub fn on_event_loop<T>(
    args: &AskArgs,
    main: impl AsyncFnOnce(&Watch) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(cpu) = args.cpu {
        sys::pin_to(cpu)?;
    }
    sys::raise_descriptor_limit()?;
    let wanted = if args.epoll { Wanted::Epoll } else { Wanted::Best };
    block_on(wanted, |_| async {
        let watch = Rc::new(Watch::default());
        let watching = monoio::spawn(Rc::clone(&watch).run(args.timeout));
        let result = main(&watch).await;
        watch.end();
        watching.await;
        result
    })?
}
