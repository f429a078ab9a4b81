//! What is fixed for as long as the process runs.
//!
//! Invariant: a setting that a reload would not change is in here, so that the operator can be told.

use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// In the order of the snapshot's listeners.
    pub listen: Vec<SocketAddr>,
    pub shards: Shards,
    pub io: Driver,
    /// The operator's HTTP interface; `None`: there is none.
    pub admin: Option<SocketAddr>,
    pub access_log: AccessLog,
    pub on_overflow: Overflow,
    pub drain_timeout_ms: u64,
}

/// Worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shards {
    Auto,
    Count(u16),
}

/// How sockets are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `io_uring` where the kernel allows it, else epoll.
    Auto,
    Uring,
    Epoll,
}

/// Where a line for each request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    /// Relative to the working directory.
    File(PathBuf),
    None,
}

/// What happens to requests when their records cannot be written fast enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    Block,
    Refuse,
    CountAndDrop,
}

/// All settings but `listen`, which the listeners tell.
pub fn compile(root: &Cursor<'_>, findings: &mut Findings) -> Settings {
    let shards = root.whole("shards").map_or(Shards::Auto, |count| Shards::Count(count as u16));
    let io = match root.text("io") {
        Some("uring") => Driver::Uring,
        Some("epoll") => Driver::Epoll,
        _ => Driver::Auto,
    };
    Settings {
        listen: Vec::new(),
        shards,
        io,
        admin: admin(root, findings),
        access_log: access_log(root),
        on_overflow: overflow(root),
        drain_timeout_ms: root.whole("drain_timeout_ms").unwrap_or(30_000),
    }
}

fn admin(root: &Cursor<'_>, findings: &mut Findings) -> Option<SocketAddr> {
    let admin = root.field("admin")?;
    let address = admin.address("address")?;
    let guarded = address.ip().to_canonical().is_loopback() || admin.flag("allow_remote") == Some(true);
    if !guarded {
        let message =
            format!("{address} can be reached from elsewhere; if that is meant, set allow_remote: true");
        admin.complain_at("address", findings, message);
    }
    Some(address)
}

fn access_log(root: &Cursor<'_>) -> AccessLog {
    let section = root.field("access_log");
    match section.and_then(|section| section.text("path")) {
        None | Some("-") => AccessLog::Stdout,
        Some("none") => AccessLog::None,
        Some(path) => AccessLog::File(path.into()),
    }
}

fn overflow(root: &Cursor<'_>) -> Overflow {
    let audit = root.field("audit");
    match audit.and_then(|audit| audit.text("on_overflow")) {
        Some("refuse") => Overflow::Refuse,
        Some("count_and_drop") => Overflow::CountAndDrop,
        _ => Overflow::Block,
    }
}

impl Settings {
    /// The operator's interface needs an address of its own.
    pub fn check_admin(&self, root: &Cursor<'_>, findings: &mut Findings) {
        let Some(address) = self.admin.filter(|address| address.port() != 0) else { return };
        if let Some(admin) = root.field("admin")
            && self.listen.contains(&address)
        {
            admin.complain_at("address", findings, format!("{address} is where clients connect (listen)"));
        }
    }

    /// The keys whose values differ.
    pub fn differences(&self, other: &Settings) -> Vec<&'static str> {
        let pairs = [
            ("listen", self.listen != other.listen),
            ("shards", self.shards != other.shards),
            ("io", self.io != other.io),
            ("admin", self.admin != other.admin),
            ("access_log", self.access_log != other.access_log),
            ("audit.on_overflow", self.on_overflow != other.on_overflow),
            ("drain_timeout_ms", self.drain_timeout_ms != other.drain_timeout_ms),
        ];
        pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}
