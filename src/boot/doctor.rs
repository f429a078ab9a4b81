//! `ringgate doctor`: what this machine gives a gateway, and what to change.

use crate::net::runtime::{self, Driver, Wanted};
use crate::net::{calls, descriptors, urgency};
use std::fmt::Write as _;
use std::fs;

/// A report for people. Lines that begin with `!` need attention.
pub fn report() -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        _ = writeln!(out, "{text}");
    };
    line(format_args!("  ringgate {}", env!("CARGO_PKG_VERSION")));
    line(format_args!("  kernel                {}", read("/proc/sys/kernel/osrelease")));
    let (cpus, granted) = (runtime::allowed_cpus(), runtime::granted_cpus());
    line(format_args!("  processors            {cpus:?}"));
    if granted < cpus.len() {
        line(format_args!(
            "  CPU quota             time for {granted} of {}: so many are counted for `shards: auto`, and none is pinned",
            cpus.len()
        ));
    }
    match runtime::probe(Wanted::Uring) {
        Ok(Driver::UringDeferTaskrun) => {
            line(format_args!("  I/O driver            {}", Driver::UringDeferTaskrun.name()));
        }
        Ok(driver) => line(format_args!(
            "! I/O driver            {}: Linux 6.1 and later serve a request with about 15 % less CPU",
            driver.name()
        )),
        Err(error) => {
            line(format_args!("! I/O driver            epoll: the kernel refuses io_uring ({error})"));
            line(format_args!("{}", why_refused(&error)));
        }
    }
    let disabled = read("/proc/sys/kernel/io_uring_disabled");
    line(format_args!("  io_uring_disabled     {disabled}"));
    if let Some((soft, hard)) = descriptors::limits() {
        let sign = if hard < 65_536 { '!' } else { ' ' };
        let raised = if soft < hard { format!(" (raised to {hard} when serving)") } else { String::new() };
        line(format_args!("{sign} open files            {soft}{raised}"));
        if hard < 65_536 {
            line(format_args!(
                "                        two for each request that runs: ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of docker"
            ));
        }
    } else {
        line(format_args!("  open files            unknown: the system does not tell"));
    }
    if let Some((call, error)) = calls::refused() {
        line(format_args!("! system calls          {call} is refused ({error}): nothing can be served"));
    }
    match shards_wake_first() {
        Ok(slice) => line(format_args!("  shards wake first     {slice}")),
        Err(error) => {
            line(format_args!(
                "! shards wake first     no: a thread for it, or sched_setattr, is refused ({error})"
            ));
            line(format_args!(
                "                        who shares a shard with large bodies waits some milliseconds more: allow the call in the seccomp profile"
            ));
        }
    }
    line(format_args!("  somaxconn             {}", read("/proc/sys/net/core/somaxconn")));
    line(format_args!(
        "  iowait                io_uring waits show as iowait in top: it is idle time, do not scale on it"
    ));
    out
}

/// What the kernel makes of a thread that asks as a shard does.
fn shards_wake_first() -> std::io::Result<String> {
    let asks = || urgency::wake_first().map(|()| urgency::slice_ns());
    let asked = std::thread::Builder::new().spawn(asks)?.join();
    Ok(match asked.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))? {
        Some(slice) => format!("yes, slices of {} us", slice / 1000),
        None => "as the kernel likes: it has no slices of a thread's own (Linux 6.12)".to_owned(),
    })
}

fn why_refused(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => {
            "                        containers deny it by default: allow the io_uring_* calls in the seccomp profile, or set kernel.io_uring_disabled=0"
        }
        Some(libc::ENOSYS) => {
            "                        this kernel has none: Linux 5.19 or later is needed, 6.1 is best"
        }
        Some(libc::ENOMEM) => "                        the memlock limit is too small: ulimit -l",
        _ => "                        epoll serves the same, with about 15 % more CPU per request",
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".into(), |text| text.trim().into())
}
